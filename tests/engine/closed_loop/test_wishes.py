"""What a user wishes of a car beside its mode, and what is undone when it leaves."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.config import EvseSettings, LeaseTimes, SolarConfig
from custom_components.smart_charging.engine.model import ChargeMode, ReasonCode
from simulator.plant.car import Car, CarModel

from .loop import closed_loop, key
from .shell import Entities
from .surroundings import CHARGER, SITE, station, warm_up

pytestmark = pytest.mark.usefixtures("socket_enabled")

SMALL = CarModel(capacity_wh=2_000.0)
BRISK = replace(SITE, solar=SolarConfig(smoothing_s=15.0, stop_s=20.0))


@pytest.mark.parametrize("kicks", [1, 3])
async def test_a_car_that_fell_asleep_is_woken(tmp_path: Path, kicks: int) -> None:
    cars = {"CP1": Car(CarModel(sleeps_after_s=60.0, wake_kicks=kicks))}
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], cars=cars) as loop:
        loop.house(200.0)
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await warm_up(loop)
        await loop.run(90, step_s=1.0)
        assert cars["CP1"].asleep
        await loop.site.set_mode(key(), ChargeMode.FAST)
        await loop.run(30 + 90 * (kicks - 1), step_s=1.0)
        await loop.run(60, step_s=1.0)
        assert not cars["CP1"].asleep
        assert loop.drawn_a() >= 6.0


async def test_a_car_that_does_not_wake_is_tried_six_times_and_left_alone(tmp_path: Path) -> None:
    cars = {"CP1": Car(CarModel(sleeps_after_s=30.0, wake_kicks=99))}
    async with closed_loop(tmp_path, site=SITE, chargers=[CHARGER], stations=[station()], cars=cars) as loop:
        loop.house(200.0)
        await loop.site.set_mode(key(), ChargeMode.OFF)
        await warm_up(loop)
        await loop.run(60, step_s=1.0)
        await loop.site.set_mode(key(), ChargeMode.FAST)
        loop.measure_anew()
        await loop.run(540, step_s=2.0)
        assert loop.measures.movements[key()].on_off <= 1 + 2 * 6
        settled = loop.measures.movements[key()].on_off
        await loop.run(120, step_s=2.0)
        assert loop.measures.movements[key()].on_off == settled
        assert loop.evse().setpoint.current_a >= 6.0


@pytest.mark.parametrize("from_station", [True, False], ids=["station", "shell"])
async def test_below_its_minimum_charge_a_car_waits_for_no_sun(tmp_path: Path, from_station: bool) -> None:
    cars = {"CP1": Car(SMALL, state_of_charge=0.25)}
    async with closed_loop(
        tmp_path, site=BRISK, chargers=[CHARGER], stations=[station(reports_soc=from_station)], cars=cars,
        entities=Entities(tells_soc=not from_station),
    ) as loop:  # fmt: skip
        loop.house(200.0)
        await loop.site.set_settings(key(), EvseSettings(mode=ChargeMode.SOLAR, min_soc_percent=30.0))
        await warm_up(loop)
        await loop.run(35, step_s=1.0)
        assert loop.evse().setpoint.reason.code in {ReasonCode.MIN_SOC, ReasonCode.RAISING}
        assert loop.drawn_a() >= 6.0
        await loop.run(120, step_s=1.0)
        assert cars["CP1"].state_of_charge == pytest.approx(0.32, abs=0.03)
        assert loop.evse().soc_percent == pytest.approx(100 * cars["CP1"].state_of_charge, abs=2.0)
        assert loop.drawn_a() == 0


@pytest.mark.parametrize("from_station", [True, False], ids=["station", "shell"])
async def test_a_car_is_charged_to_its_target_and_no_further(tmp_path: Path, from_station: bool) -> None:
    cars = {"CP1": Car(SMALL, state_of_charge=0.5)}
    async with closed_loop(
        tmp_path, site=SITE, chargers=[CHARGER], stations=[station(reports_soc=from_station)], cars=cars,
        entities=Entities(tells_soc=not from_station),
    ) as loop:  # fmt: skip
        loop.house(200.0)
        await loop.site.set_settings(key(), EvseSettings(target_soc_percent=60.0))
        await warm_up(loop)
        await loop.run(200, step_s=1.0)
        assert cars["CP1"].state_of_charge == pytest.approx(0.6, abs=0.02)
        assert loop.drawn_a() == 0
        assert loop.evse().setpoint.reason.code is ReasonCode.TARGET_REACHED
        assert loop.measures.movements[key()].on_off <= 2


async def test_a_target_of_energy_ends_the_charge_and_is_dropped_when_the_car_leaves(tmp_path: Path) -> None:
    charger = replace(CHARGER, mode_after_unplug=ChargeMode.SOLAR)
    async with closed_loop(tmp_path, site=SITE, chargers=[charger], stations=[station()]) as loop:
        loop.house(200.0)
        await loop.site.set_settings(key(), EvseSettings(target_energy_wh=150.0))
        await warm_up(loop)
        await loop.run(150, step_s=1.0)
        assert loop.outlet().energy_wh == pytest.approx(150, abs=35)
        assert loop.drawn_a() == 0
        assert loop.evse().setpoint.reason.code is ReasonCode.TARGET_REACHED
        boosted = EvseSettings(target_energy_wh=150.0, boost_until=loop.clock.now() + timedelta(hours=1))
        await loop.site.set_settings(key(), boosted)
        loop.plug(plugged=False)
        await loop.run(15, step_s=1.0)
        assert loop.site.settings(key()) == EvseSettings(mode=ChargeMode.SOLAR)
        loop.plug()
        await loop.run(30, step_s=1.0)
        assert loop.drawn_a() == 0
        assert loop.evse().setpoint.reason.code is ReasonCode.SURPLUS_LOW


async def test_a_boost_charges_fast_and_ends_by_itself(tmp_path: Path) -> None:
    async with closed_loop(tmp_path, site=BRISK, chargers=[CHARGER], stations=[station()]) as loop:
        loop.house(200.0)
        await loop.site.set_mode(key(), ChargeMode.SOLAR)
        await warm_up(loop)
        await loop.run(15, step_s=1.0)
        assert loop.drawn_a() == 0
        until = loop.clock.now() + timedelta(seconds=60)
        await loop.site.set_settings(key(), EvseSettings(mode=ChargeMode.SOLAR, boost_until=until))
        await loop.run(50, step_s=1.0)
        assert loop.drawn_a() == pytest.approx(16.0, abs=0.2)
        assert loop.evse().setpoint.reason.code is ReasonCode.BOOST
        await loop.run(16, step_s=1.0)
        assert loop.drawn_a() == pytest.approx(6.0, abs=0.1)
        await loop.run(30, step_s=1.0)
        assert loop.drawn_a() == 0


async def test_a_site_that_only_looks_on_lets_leases_end_and_safe_currents_hold(tmp_path: Path) -> None:
    site = replace(SITE, lease=LeaseTimes(hold_s=40.0, renew_s=15.0))
    async with closed_loop(tmp_path, site=site, chargers=[CHARGER], stations=[station()]) as loop:
        loop.house(200.0)
        await warm_up(loop)
        await loop.run(90, step_s=1.0)
        assert loop.drawn_a() == pytest.approx(16.0, abs=0.2)
        await loop.site.set_observe_only(True)
        await loop.run(20, step_s=1.0)
        assert loop.drawn_a() > 6.1  # nothing was sent, and the lease goes on
        await loop.run(40, step_s=1.0)
        assert loop.drawn_a() == pytest.approx(6.0, abs=0.1)
        assert loop.evse().setpoint.current_a == pytest.approx(16.0, abs=0.2)  # decided all the same
        await loop.site.set_observe_only(False)
        await loop.run(60, step_s=1.0)
        assert loop.drawn_a() == pytest.approx(16.0, abs=0.2)
