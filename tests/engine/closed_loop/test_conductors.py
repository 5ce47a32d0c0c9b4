"""A one-phase car at a station wired otherwise than configured is found, and stays found after a restart."""

from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import SiteConfig, StationConfig
from custom_components.smart_charging.engine.recording import dump, load
from custom_components.smart_charging.engine.replay import differences
from simulator.plant.car import Car, CarModel
from simulator.plant.outlet import Wiring

from .loop import ClosedLoop, closed_loop, key

SITE = SiteConfig("site", "Home", fuse_a=25.0, meter_interval_s=5.0)
CHARGER = StationConfig("CP1", "Garage", allow_without_password=True)
L3 = 2
pytestmark = pytest.mark.usefixtures("socket_enabled")


async def charge_and_pause(loop: ClosedLoop, times: int) -> None:
    """Let the car start and stop, as it does on a day with clouds."""
    for _ in range(times):
        await loop.site.set_enabled(key(), enabled=True)
        await loop.run(60)
        await loop.site.set_enabled(key(), enabled=False)
        await loop.run(40)


async def test_a_miswired_station_is_found_and_the_fuse_it_loads_is_kept(tmp_path: Path) -> None:
    wiring = {("CP1", 1): Wiring(rotation=(2, 0, 1))}
    cars = {"CP1": Car(CarModel(phases=1))}
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], cars=cars, wiring=wiring) as loop:
        loop.house(460.0)
        await loop.run(30)
        loop.plug()
        await charge_and_pause(loop, 3)
        await loop.site.set_enabled(key(), enabled=True)
        await loop.run(60)
        assert loop.evse().phases_in_use == (L3,)
        assert loop.drawn_a() > 12.0
        loop.house(460.0, 460.0, 3_200.0)  # what L3 has left is less than the car's maximum
        loop.measure_anew()
        await loop.run(60)
        assert loop.seconds_over_fuse <= 10
        assert loop.drawn_a() < 11.0
        assert loop.evse().limit_source.value == "fuse"
        again = load(dump(loop.site.recent_cycles))
        assert again == loop.site.recent_cycles
        assert not list(differences(again))
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], cars=cars, wiring=wiring) as loop:
        loop.house(460.0)
        await loop.run(30)
        loop.plug()
        await loop.run(60)
        assert loop.drawn_a() > 6.0
        assert loop.evse().phases_in_use == (L3,)


async def test_a_site_that_only_observes_does_so_after_a_restart(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER]) as loop:
        assert not loop.site.observe_only
        await loop.site.set_observe_only(True)
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER]) as loop:
        assert loop.site.observe_only
        assert loop.site.view.observe_only
