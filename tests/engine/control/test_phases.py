"""One phase and three: what cars use, which conductor, and when they are switched."""

from dataclasses import replace

import pytest

from custom_components.smart_charging.engine.config import (
    QUICK_SOLAR,
    BatteryConfig,
    EvseSettings,
    PhaseSwitching,
    SolarConfig,
)
from custom_components.smart_charging.engine.model import ChargeMode, Phases, ReasonCode

from .builders import SITE
from .plant import Car, Plant, stations

OCPP, SWITCH = PhaseSwitching.OCPP, PhaseSwitching.SWITCH
SOLAR = EvseSettings(ChargeMode.SOLAR)
QUICK = replace(SITE, solar=QUICK_SOLAR)


def solar_car(switching: PhaseSwitching = OCPP, **changes: object) -> Car:
    (station,) = stations(1, phase_switching=switching)
    return Car(station, SOLAR, contactor=3 if switching is SWITCH else None, **changes)  # type: ignore[arg-type]


def sun(plant: Plant, power_w: float) -> None:
    plant.house(-power_w / 3 / 230)


@pytest.mark.parametrize("switching", [OCPP, SWITCH])
def test_little_sun_charges_on_one_phase_and_much_on_three(switching: PhaseSwitching) -> None:
    plant = Plant(QUICK, solar_car(switching))
    sun(plant, 2_300.0)
    plant.run(300)
    assert plant.cars[0].used == 1
    assert plant.current() == pytest.approx(10.0, abs=0.3)
    sun(plant, 6_900.0)
    plant.run(400)
    assert plant.cars[0].used == 3
    assert plant.current() == pytest.approx(10.0, abs=0.3)
    sun(plant, 2_300.0)
    plant.run(600)
    assert plant.cars[0].used == 1
    assert plant.cars[0].phase_changes <= 3


def test_a_contactor_is_only_switched_without_load_and_says_so() -> None:
    plant = Plant(QUICK, solar_car(SWITCH))
    sun(plant, 2_300.0)
    plant.run(300)
    sun(plant, 6_900.0)
    codes = {plant.step().setpoints[plant.cars[0].key].reason.code for _ in range(80)}
    assert ReasonCode.PHASE_SWITCHING in codes
    assert plant.cars[0].contactor == 3


def test_phases_are_held_and_the_day_has_a_budget() -> None:
    site = replace(SITE, solar=replace(QUICK_SOLAR, phases_hold_s=900.0, phase_switches_per_day=4))
    plant = Plant(site, solar_car())
    for _ in range(20):
        sun(plant, 6_900.0)
        plant.run(1200)
        sun(plant, 2_300.0)
        plant.run(1200)
    assert plant.cars[0].phase_changes <= 5
    slow = Plant(replace(SITE, solar=replace(QUICK_SOLAR, phases_hold_s=3600.0)), solar_car())
    for _ in range(6):
        sun(slow, 6_900.0)
        slow.run(300)
        sun(slow, 2_300.0)
        slow.run(300)
    assert slow.cars[0].phase_changes <= 2


def test_between_one_phase_and_three_nothing_is_lost_where_a_battery_bridges() -> None:
    battery = BatteryConfig("b", "Battery", 10_000.0, 5_000.0, 5_000.0, buffer_soc_percent=60.0)
    plant = Plant(replace(QUICK, batteries=(battery,)), solar_car())
    plant.battery_soc["b"] = 90.0
    sun(plant, 3_900.0)
    plant.run(600)
    assert plant.cars[0].used == 3
    assert plant.current() == 6.0


def test_between_one_phase_and_three_a_32_amp_station_stays_on_one() -> None:
    (station,) = stations(1, phase_switching=OCPP)
    plant = Plant(QUICK, Car(replace(station, max_current_a=32.0), SOLAR))
    sun(plant, 3_910.0)
    plant.run(600)
    assert plant.cars[0].used == 1
    assert plant.current() == pytest.approx(17.0, abs=0.3)


def test_a_mode_that_takes_all_uses_all_phases_at_once() -> None:
    plant = Plant(QUICK, solar_car())
    sun(plant, 2_300.0)
    plant.run(300)
    plant.cars[0].settings = EvseSettings(ChargeMode.FAST)
    plant.run(120)
    assert plant.cars[0].used == 3
    assert plant.current() == 16.0


def test_a_station_that_answers_and_does_not_switch_is_found_out() -> None:
    plant = Plant(QUICK, solar_car(obeys_phases=False))
    sun(plant, 2_300.0)
    plant.run(300)
    decision = plant.run(400)
    assert decision.setpoints[plant.cars[0].key].phases == 3
    assert plant.state.evses[plant.cars[0].key].phases.refused


def test_a_one_phase_car_is_seen_and_frees_the_other_phases() -> None:
    first, second = stations(2)
    plant = Plant(replace(SITE, fuse_a=21.0), Car(first, phases=1), Car(second, phases=1))
    decision = plant.run(120)
    assert decision.phases_in_use[plant.cars[0].key] == (0,)
    assert plant.current(0) == pytest.approx(10.0, abs=0.1)
    plant = Plant(replace(SITE, fuse_a=21.0), Car(first, phases=1), Car(second, phases=3))
    plant.cars[0].plugged = False
    plant.run(120)
    assert plant.current(1) == 16.0


def test_a_one_phase_car_needs_no_switching() -> None:
    plant = Plant(QUICK, solar_car(phases=1))
    sun(plant, 3_450.0)
    plant.run(900)
    assert plant.cars[0].phase_changes == 0
    assert plant.current() == pytest.approx(15.0, abs=0.3)


def test_two_one_phase_cars_on_different_conductors_do_not_share() -> None:
    first, second = stations(2)
    second = replace(second, rotation=type(second.rotation).STR)
    plant = Plant(replace(SITE, fuse_a=17.0), Car(first, phases=1), Car(second, phases=1))
    plant.run(120)
    assert (plant.current(0), plant.current(1)) == (16.0, 16.0)


def test_the_conductor_of_a_one_phase_car_is_learnt_from_the_grid_meter() -> None:
    first, second = stations(2)
    plant = Plant(
        replace(SITE, fuse_a=17.0), Car(first, phases=1, wired=(1, 2, 0)), Car(second, phases=1, plugged=False)
    )
    for _ in range(6):
        plant.cars[0].settings = EvseSettings()
        plant.run(120)
        plant.cars[0].settings = EvseSettings(ChargeMode.OFF)
        plant.run(120)
    plant.cars[0].settings = EvseSettings()
    plant.cars[1].plugged = True
    decision = plant.run(200)
    assert decision.phases_in_use[plant.cars[0].key] == (1,)
    assert (plant.current(0), plant.current(1)) == (16.0, 16.0)
    assert max(plant.flow()) <= 17.0


def test_a_one_phase_site_uses_its_phase_whatever_the_station_has() -> None:
    plant = Plant(replace(QUICK, phases=1, fuse_a=32.0), Car(stations(1)[0], SOLAR, phases=1))
    plant.house(Phases(-8.0, 0.0, 0.0))
    plant.run(300)
    assert plant.current() == pytest.approx(8.0, abs=0.3)


def test_the_default_filter_switches_less_than_the_quick_one() -> None:
    changes = []
    for solar in (SolarConfig(), QUICK_SOLAR):
        plant = Plant(replace(SITE, solar=solar), solar_car())
        for n in range(40):
            sun(plant, 5_000.0 if n % 2 else 900.0)
            plant.run(240)
        changes.append(plant.cars[0].phase_changes + plant.cars[0].starts)
    assert changes[0] < 0.5 * changes[1]


def test_two_more_phases_begin_with_the_minimum_and_are_paced() -> None:
    plant = Plant(QUICK, solar_car())
    sun(plant, 3_500.0)
    plant.run(300)
    assert plant.current() > 14.0
    plant.cars[0].settings = EvseSettings(ChargeMode.FAST)
    plant.step()
    assert plant.cars[0].used == 3
    assert plant.current() == 6.0
    plant.run(60)
    assert plant.current() == 16.0


def test_once_the_days_switches_are_used_up_a_car_stops_for_want_of_sun_as_it_is() -> None:
    site = replace(SITE, solar=replace(QUICK_SOLAR, phase_switches_per_day=0))
    plant = Plant(site, solar_car())
    sun(plant, 6_900.0)
    plant.run(300)
    assert plant.cars[0].used == 3
    sun(plant, 1_500.0)
    plant.run(400)
    assert plant.current() == 0.0


def test_while_a_contactor_waits_the_dwell_goes_on() -> None:
    plant = Plant(QUICK, solar_car(SWITCH))
    changes = 0
    wanted = None
    for n in range(360):
        sun(plant, 4_600.0 if n % 4 < 2 else 3_600.0)
        plant.step()
        now = plant.state.evses[plant.cars[0].key].phases.wanted
        changes += wanted not in {None, now}
        wanted = now
    assert changes <= 1800 / 300 + 1
