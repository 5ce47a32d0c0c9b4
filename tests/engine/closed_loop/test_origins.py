"""Where a session's energy came from, against what the simulated panels, battery and grid really gave."""

from dataclasses import replace
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import BatteryConfig
from custom_components.smart_charging.engine.energy_origin import EnergyOrigin
from custom_components.smart_charging.engine.model import ChargeMode
from simulator.plant.battery import Battery, BatteryRating
from simulator.simulated_site import Premises

from .loop import ClosedLoop, closed_loop, key
from .shell import Entities
from .surroundings import CHARGER, LATE_METER, SITE, STREET, busy_house, station, warm_up

pytestmark = pytest.mark.usefixtures("socket_enabled")

TOLD = Entities(tells_pv=True)


def session_origin(loop: ClosedLoop, station_id: str = "CP1") -> tuple[EnergyOrigin, float]:
    """Return where the energy of a station's session came from as shown, and how much the meter counted."""
    evse = loop.evse(station_id)
    assert evse.session_origin is not None
    assert evse.session_energy_wh is not None
    return evse.session_origin, evse.session_energy_wh


async def test_a_car_gets_the_sun_that_the_house_leaves_and_the_rest_from_the_grid(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], entities=TOLD) as loop:
        loop.house(400.0)
        loop.sun(6_720.0)
        await loop.site.set_mode(key(), ChargeMode.FAST)
        await warm_up(loop)
        await loop.run(600, step_s=1.0)
        origin, energy_wh = session_origin(loop)
        assert energy_wh > 1_400
        assert origin.known_wh == pytest.approx(energy_wh, rel=0.02)  # but for the first reading
        bought_wh = 1000 * loop.imported_kwh
        assert origin.grid_wh == pytest.approx(bought_wh, rel=0.03)
        assert origin.solar_wh == pytest.approx(energy_wh - bought_wh, rel=0.03)


async def test_a_cloud_shows_in_the_shares_of_its_own_time_also_with_a_coarse_meter(tmp_path: Path) -> None:
    coarse = station(sample_s=60)
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], stations=[coarse], entities=TOLD) as loop:
        loop.house(100.0)
        loop.sun(15_000.0)
        await loop.site.set_mode(key(), ChargeMode.FAST)
        await warm_up(loop)
        await loop.run(300, step_s=1.0)
        for _ in range(10):  # half of each minute in the shade
            loop.sun(0.0)
            await loop.run(30, step_s=1.0)
            loop.sun(15_000.0)
            await loop.run(30, step_s=1.0)
        origin, energy_wh = session_origin(loop)
        assert origin.known_wh == pytest.approx(energy_wh, rel=0.05)
        assert origin.grid_wh == pytest.approx(1000 * loop.imported_kwh - 300 * 300 / 3600, rel=0.08)


async def test_two_cars_share_what_there_is_of_the_sun(tmp_path: Path) -> None:
    slow = replace(STREET, max_current_a=8.0)
    stations = [station(), station("CP2")]
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER, slow], stations=stations, entities=TOLD) as loop:
        loop.house(0.0)
        loop.sun(5_000.0)
        for name in ("CP1", "CP2"):
            await loop.site.set_mode(key(name), ChargeMode.FAST)
        await warm_up(loop, ("CP1", "CP2"))
        await loop.run(600, step_s=1.0)
        fast, fast_wh = session_origin(loop)
        slow_origin, slow_wh = session_origin(loop, "CP2")
        assert fast.solar_wh / fast_wh == pytest.approx(slow_origin.solar_wh / slow_wh, abs=0.03)
        assert fast.solar_wh + slow_origin.solar_wh <= 5_000.0 * 630 / 3600
        assert fast.grid_wh + slow_origin.grid_wh == pytest.approx(1000 * loop.imported_kwh, rel=0.04)


async def test_at_night_a_battery_serves_the_house_first_then_the_car_and_its_filling_takes_no_sun_from_cars(
    tmp_path: Path,
) -> None:
    battery = Battery(BatteryRating(capacity_wh=2_000.0), state_of_charge=0.8)
    site = replace(SITE, batteries=(BatteryConfig("home", "Home", 2_000.0, 5_000.0, 5_000.0),))
    async with closed_loop(
        tmp_path, site=site, chargers=[CHARGER], stations=[station()], premises=Premises(battery=battery), entities=TOLD
    ) as loop:
        loop.house(200.0)
        loop.sun(0.0)
        await loop.site.set_mode(key(), ChargeMode.FAST)
        await warm_up(loop)
        given_before_wh = battery.discharged_wh
        await loop.run(300, step_s=1.0)
        night, night_wh = session_origin(loop)
        given_wh = battery.discharged_wh - given_before_wh
        assert night.solar_wh == 0
        assert night.battery_wh == pytest.approx(given_wh - 600 * 300 / 3600, rel=0.05)
        assert night.known_wh == pytest.approx(night_wh, rel=0.06)  # but for the first reading
        loop.sun(14_000.0)
        await loop.run(30, step_s=1.0)
        before, _ = session_origin(loop)
        await loop.run(120, step_s=1.0)
        assert battery.power_w < 0  # filled beside the car
        day, _ = session_origin(loop)
        assert day.solar_wh - before.solar_wh == pytest.approx(day.known_wh - before.known_wh)


async def test_meters_that_tell_late_beside_a_restless_house_shift_the_shares_by_little(tmp_path: Path) -> None:
    late, premises = replace(LATE_METER, tells_pv=True), Premises(house=busy_house())
    async with closed_loop(
        tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], premises=premises, entities=late
    ) as loop:
        loop.sun(9_500.0)
        await loop.site.set_mode(key(), ChargeMode.SOLAR_MIN)
        await warm_up(loop)
        bought_wh = 0.0
        for second in range(900):
            loop.sun(9_500.0 if second % 180 < 90 else 5_000.0)
            await loop.run(1, step_s=1.0)
            bought_wh += max(0.0, min(loop.outlet().power_w, loop.simulated.plant.grid.total_w)) / 3600
        origin, energy_wh = session_origin(loop)
        assert bought_wh > 0.05 * energy_wh
        assert origin.known_wh == pytest.approx(energy_wh, rel=0.03)
        assert origin.grid_wh == pytest.approx(bought_wh, abs=0.03 * energy_wh)
