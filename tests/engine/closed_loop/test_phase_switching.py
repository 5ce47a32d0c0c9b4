"""One phase or three, as the sun has it: by OCPP and by a contactor, rarely and never under load."""

from dataclasses import replace
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import PhaseSwitching, SiteConfig, SolarConfig, StationConfig
from custom_components.smart_charging.engine.model import ChargeMode, EvseStatus
from simulator.ocpp.quirks import Quirks
from simulator.plant.car import Car, CarModel
from simulator.plant.contactor import Contactor
from simulator.plant.outlet import Wiring

from .loop import ClosedLoop, closed_loop, key
from .surroundings import CHARGER, SITE, station, warm_up

pytestmark = pytest.mark.usefixtures("socket_enabled")

BRISK = SolarConfig(smoothing_s=15.0, phases_up_s=60.0, phases_hold_s=120.0)
BY_OCPP = replace(CHARGER, phase_switching=PhaseSwitching.OCPP)
BY_CONTACTOR = replace(CHARGER, phase_switching=PhaseSwitching.SWITCH)


def brisk(**changes: float) -> SiteConfig:
    """Return a site that switches phases soon enough to be watched."""
    return replace(SITE, solar=replace(BRISK, **changes))  # type: ignore[arg-type]  # fields by name


def used_phases(loop: ClosedLoop) -> int:
    return sum(amps > 1.0 for amps in loop.outlet().current_a)


@pytest.mark.parametrize("charger", [BY_OCPP, BY_CONTACTOR], ids=["ocpp", "contactor"])
async def test_little_sun_charges_on_one_phase_and_much_sun_on_three(tmp_path: Path, charger: StationConfig) -> None:
    contactor = Contactor()
    switched = charger is BY_CONTACTOR
    wiring = {("CP1", 1): Wiring(contactor=contactor)} if switched else None
    options = station(switches_phases=not switched)
    async with closed_loop(tmp_path, site=brisk(), chargers=[charger], stations=[options], wiring=wiring) as loop:
        loop.house(100.0)
        loop.sun(2_800.0)
        await loop.site.set_mode(key(), ChargeMode.SOLAR)
        await warm_up(loop)
        await loop.run(90, step_s=1.0)
        assert used_phases(loop) == 1
        assert loop.drawn_a() == pytest.approx(2_500 / 230, abs=1.0)
        assert loop.evse().phases_in_use is not None
        assert len(loop.evse().phases_in_use or ()) == 1
        loop.sun(8_000.0)
        await loop.run(150, step_s=1.0)
        assert used_phases(loop) == 3
        assert loop.drawn_a() == pytest.approx(7_700 / 690, abs=1.0)
        loop.sun(2_800.0)
        await loop.run(270, step_s=1.0)
        assert used_phases(loop) == 1
        assert loop.drawn_a() == pytest.approx(2_500 / 230, abs=1.0)
        assert loop.phase_switches() in {2, 3}  # one more where it stood on three phases at first
        assert contactor.switched_under_load == 0
        assert loop.evse().state.status is EvseStatus.CHARGING


@pytest.mark.parametrize("charger", [BY_OCPP, BY_CONTACTOR], ids=["ocpp", "contactor"])
async def test_a_sky_that_comes_and_goes_switches_no_more_than_the_pause_allows(
    tmp_path: Path, charger: StationConfig
) -> None:
    contactor = Contactor()
    switched = charger is BY_CONTACTOR
    wiring = {("CP1", 1): Wiring(contactor=contactor)} if switched else None
    site = brisk(phases_hold_s=300.0, phases_up_s=20.0, phases_down_s=20.0)
    options = station(switches_phases=not switched)
    async with closed_loop(tmp_path, site=site, chargers=[charger], stations=[options], wiring=wiring) as loop:
        loop.house(100.0)
        loop.sun(8_000.0)
        await loop.site.set_mode(key(), ChargeMode.SOLAR)
        await warm_up(loop)
        await loop.run(30, step_s=1.0)
        before = loop.phase_switches()
        for _ in range(4):
            loop.sun(2_500.0)
            await loop.run(60, step_s=1.0)
            loop.sun(8_000.0)
            await loop.run(60, step_s=1.0)
        assert loop.phase_switches() - before <= 2
        assert contactor.switched_under_load == 0


async def test_the_day_s_switches_are_counted_and_then_over(tmp_path: Path) -> None:
    site = brisk(phases_hold_s=30.0, phases_up_s=10.0, phases_down_s=10.0, phase_switches_per_day=2)
    async with closed_loop(tmp_path, site=site, chargers=[BY_OCPP], stations=[station(switches_phases=True)]) as loop:
        loop.house(100.0)
        loop.sun(8_000.0)
        await loop.site.set_mode(key(), ChargeMode.SOLAR)
        await warm_up(loop)
        await loop.run(60, step_s=1.0)
        for _ in range(3):
            loop.sun(2_500.0)
            await loop.run(70, step_s=1.0)
            loop.sun(8_000.0)
            await loop.run(70, step_s=1.0)
        assert loop.phase_switches() == 2


@pytest.mark.parametrize("surplus_w", [3_700.0, 4_000.0])
async def test_between_one_phase_and_three_a_wider_fuse_leaves_no_dead_zone(tmp_path: Path, surplus_w: float) -> None:
    charger = replace(BY_OCPP, max_current_a=20.0)
    async with closed_loop(
        tmp_path,
        site=brisk(),
        chargers=[charger],
        stations=[station(switches_phases=True)],
        cars={"CP1": Car(CarModel(max_a=20.0))},
    ) as loop:
        loop.sun(surplus_w)
        await loop.site.set_mode(key(), ChargeMode.SOLAR)
        await warm_up(loop)
        await loop.run(120, step_s=1.0)
        loop.measure_anew()
        before_wh = loop.outlet().energy_wh
        await loop.run(120, step_s=1.0)
        assert loop.outlet().energy_wh - before_wh == pytest.approx(surplus_w * 120 / 3600, rel=0.05)
        assert loop.imported_kwh <= 0.005


async def test_a_station_that_ignores_the_number_of_phases_is_found_out(tmp_path: Path) -> None:
    options = station(switches_phases=True, quirks=Quirks(ignores_number_of_phases=True))
    async with closed_loop(tmp_path, site=brisk(), chargers=[BY_OCPP], stations=[options]) as loop:
        loop.house(100.0)
        loop.sun(2_800.0)
        await loop.site.set_mode(key(), ChargeMode.SOLAR)
        await warm_up(loop)
        await loop.run(240, step_s=1.0)
        assert loop.evse().setpoint.phases is None
        assert loop.site.view.chargers["CP1"].station.capabilities.switches_phases is False
        assert loop.drawn_a() == pytest.approx(6.0, abs=0.1)  # what a car takes at least, and no 10 A on each phase
        loop.sun(6_000.0)
        await loop.run(180, step_s=1.0)
        assert len(loop.evse().phases_in_use or ()) == 3
        assert loop.drawn_a() == pytest.approx(5_700 / 690, abs=0.7)
        assert loop.phase_switches() == 0
