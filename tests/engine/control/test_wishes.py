"""What users wish on top of a mode: targets, minimum charge, boost, and cars that sleep."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from custom_components.smart_charging.engine.config import QUICK_SOLAR, EvseSettings
from custom_components.smart_charging.engine.model import ChargeMode, ReasonCode

from .builders import NOW, SITE
from .plant import Car, Plant, stations

QUICK = replace(SITE, solar=QUICK_SOLAR)


def plant(settings: EvseSettings, **changes: object) -> Plant:
    return Plant(QUICK, Car(stations(1)[0], settings, **changes))  # type: ignore[arg-type]  # fields by name


def code(one: Plant) -> ReasonCode:
    assert one.decision is not None
    return one.decision.setpoints[one.cars[0].key].reason.code


def test_a_target_of_energy_ends_the_charging() -> None:
    one = plant(EvseSettings(target_energy_wh=2_000.0))
    one.run(3600)
    assert one.cars[0].energy_wh == pytest.approx(2_000.0, rel=0.05)
    assert code(one) is ReasonCode.TARGET_REACHED


def test_a_target_charge_ends_the_charging_and_an_unknown_one_does_not() -> None:
    one = plant(EvseSettings(target_soc_percent=80.0), soc_percent=79.0)
    one.run(60)
    assert one.current() > 6.0
    one.cars[0].soc_percent = 80.0
    one.run(30)
    assert (one.current(), code(one)) == (0.0, ReasonCode.TARGET_REACHED)
    one.cars[0].soc_percent = None
    one.run(60)
    assert one.current() >= 6.0


def test_below_the_minimum_charge_a_car_charges_without_sun() -> None:
    one = plant(EvseSettings(ChargeMode.SOLAR, min_soc_percent=30.0), soc_percent=20.0)
    one.house(2.0)
    one.run(120)
    assert (one.current(), code(one)) == (16.0, ReasonCode.MIN_SOC)
    one.cars[0].soc_percent = 31.0
    one.run(400)
    assert one.current() == 0.0


def test_off_stays_off_below_the_minimum_charge() -> None:
    one = plant(EvseSettings(ChargeMode.OFF, min_soc_percent=30.0), soc_percent=20.0)
    one.run(60)
    assert (one.current(), code(one)) == (0.0, ReasonCode.MODE_OFF)


@pytest.mark.parametrize("mode", [ChargeMode.SOLAR, ChargeMode.OFF])
def test_a_boost_charges_at_once_and_ends_by_itself(mode: ChargeMode) -> None:
    one = plant(EvseSettings(mode, boost_until=NOW + timedelta(minutes=10)))
    one.house(2.0)
    one.run(300)
    assert (one.current(), code(one)) == (16.0, ReasonCode.BOOST)
    one.run(700)
    assert one.current() == 0.0


@pytest.mark.parametrize("targets", [{"target_energy_wh": 500.0}, {"target_soc_percent": 50.0}])
def test_a_boost_goes_beyond_a_target_that_is_reached_and_then_the_target_counts_again(
    targets: dict[str, float],
) -> None:
    one = plant(EvseSettings(boost_until=NOW + timedelta(minutes=10), **targets), soc_percent=60.0)  # type: ignore[arg-type]  # fields by name
    one.run(300)
    assert (one.current(), code(one)) == (16.0, ReasonCode.BOOST)
    one.run(700)
    assert (one.current(), code(one)) == (0.0, ReasonCode.TARGET_REACHED)


def test_a_car_that_sleeps_is_woken_six_times_and_then_left_alone() -> None:
    one = plant(EvseSettings(), asleep=True)
    offered = [one.step().setpoints[one.cars[0].key].current_a > 0 for _ in range(300)]
    pauses = sum(1 for before, now in pairwise(offered) if before and not now)
    assert pauses == 6
    assert offered[-1]


def test_a_car_that_wakes_is_not_disturbed_again() -> None:
    one = plant(EvseSettings(), asleep=True)
    woken = False
    for _ in range(200):
        one.step()
        if code(one) is ReasonCode.WAKING:
            one.cars[0].asleep = False
            woken = True
    assert woken
    assert one.cars[0].starts == 1
    assert one.current() == 16.0


def test_a_car_that_is_full_is_left_in_peace() -> None:
    one = plant(EvseSettings())
    one.run(120)
    one.cars[0].max_a = 0.0
    offered = [one.step().setpoints[one.cars[0].key].current_a for _ in range(200)]
    assert min(offered) >= 6.0


def test_what_a_car_may_is_forgotten_when_it_leaves() -> None:
    one = plant(EvseSettings(), phases=1, asleep=True)
    one.run(600)
    one.cars[0].plugged = False
    one.run(30)
    memory = one.state.evses[one.cars[0].key]
    assert memory.active_phases is None
    assert memory.waking.tries == 0
