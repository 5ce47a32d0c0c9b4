"""How full a car is, between what is told of it."""

from dataclasses import replace

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.car_charge import CarCharges, Charge, carried_on
from custom_components.smart_charging.engine.config import CarConfig, EvseSettings, StationConfig
from custom_components.smart_charging.engine.control.planning.wish import target_wh
from custom_components.smart_charging.engine.model import ChargeMode, EvseKey, Session
from tests.engine.control.builders import evse
from tests.manual_clock import START

KEY = EvseKey("CP1", 1)
CAR = CarConfig(capacity_wh=50_000.0, efficiency=0.9)
UNSET = EvseSettings()
percents = st.floats(0, 100)
energies = st.floats(0, 200_000)
cars = st.builds(CarConfig, st.floats(1_000, 200_000), st.floats(0.5, 1.0))


def stay(energy_wh: float, session_id: int = 1, *, over: bool = False) -> Session:
    return Session(session_id, "CP1", 1, START, START if over else None, energy_wh)


@given(percents, energies, energies, energies, cars)
def test_a_charge_never_falls_by_charging_nor_passes_full(
    soc: float, since: float, one: float, two: float, car: CarConfig
) -> None:
    less, more = (carried_on(Charge(soc, since), session_wh, car) for session_wh in sorted((one, two)))
    assert soc <= less <= more <= 100


@given(percents, percents, energies, cars)
def test_what_a_target_lacks_brings_the_car_exactly_there(
    soc: float, target: float, since: float, car: CarConfig
) -> None:
    snapshot = evse(
        ChargeMode.CHEAPEST,
        station=StationConfig("CP1", "CP1", car=car),
        settings=EvseSettings(target_soc_percent=target),
        soc_percent=soc,
    )
    needed = target_wh(snapshot)
    assert needed is not None
    assert carried_on(Charge(soc, since), since + needed, car) == pytest.approx(max(soc, target), abs=1e-6)


def test_a_charge_is_carried_on_by_energy_until_another_is_told() -> None:
    charges = CarCharges()
    assert charges.follow(KEY, None, stay(0.0), UNSET, CAR) is None
    assert charges.follow(KEY, 40.0, stay(1_000.0), UNSET, CAR) == 40.0
    assert charges.follow(KEY, 40.0, stay(6_000.0), UNSET, CAR) == pytest.approx(49.0)
    assert charges.follow(KEY, None, stay(11_000.0), UNSET, CAR) == pytest.approx(58.0)  # silent for a time
    assert charges.follow(KEY, 55.0, stay(11_000.0), UNSET, CAR) == 55.0
    assert charges.follow(KEY, 55.0, stay(0.0), UNSET, CAR) == 55.0  # another stay
    assert charges.follow(KEY, 55.0, stay(5_000.0), UNSET, CAR) == pytest.approx(64.0)


def test_what_was_told_before_a_restart_is_no_news_after_it() -> None:
    before, after = CarCharges(), CarCharges()
    before.follow(KEY, 40.0, stay(1_000.0), UNSET, CAR)
    after.restore(before.told)
    assert after.follow(KEY, 40.0, stay(6_000.0), UNSET, CAR) == pytest.approx(49.0)
    assert after.follow(KEY, 47.0, stay(6_000.0), UNSET, CAR) == 47.0


def test_what_was_told_of_another_cars_stay_counts_for_nothing() -> None:
    before, after = CarCharges(), CarCharges()
    before.follow(KEY, 80.0, stay(1_000.0), UNSET, CAR)
    after.restore(before.told)  # as if nobody had seen it leave
    assert after.follow(KEY, None, stay(1_000.0, over=True), UNSET, CAR) is None
    assert after.follow(KEY, None, stay(6_000.0, 2), UNSET, CAR) is None
    assert after.follow(KEY, 80.0, stay(6_000.0, 2), UNSET, CAR) == 80.0
    assert after.follow(KEY, 80.0, stay(11_000.0, 2), UNSET, CAR) == pytest.approx(89.0)


def test_before_the_session_is_known_a_charge_is_what_is_told() -> None:
    charges = CarCharges()
    assert charges.follow(KEY, 40.0, None, UNSET, CAR) == 40.0
    assert charges.follow(KEY, None, None, replace(UNSET, told_soc_percent=30.0), CAR) is None
    assert (
        charges.follow(KEY, 40.0, stay(8_000.0), UNSET, CAR) == 40.0
    )  # and what it delivered before counts for nothing
    assert charges.follow(KEY, 40.0, stay(13_000.0), UNSET, CAR) == pytest.approx(49.0)


def test_without_the_size_of_the_battery_a_charge_stays_as_told() -> None:
    charges = CarCharges()
    assert charges.follow(KEY, 40.0, stay(0.0), UNSET, CarConfig()) == 40.0
    assert charges.follow(KEY, 40.0, stay(9_000.0), UNSET, CarConfig()) == 40.0


def test_what_a_user_said_stands_in_where_nobody_else_tells() -> None:
    charges, said = CarCharges(), replace(UNSET, told_soc_percent=30.0, told_at_wh=2_000.0)
    assert charges.follow(KEY, None, stay(7_000.0), said, CAR) == pytest.approx(39.0)
    assert charges.follow(KEY, 50.0, stay(7_000.0), said, CAR) == 50.0
    charges.left(KEY)
    assert charges.follow(KEY, None, stay(7_000.0), UNSET, CAR) is None
    assert charges.follow(KEY, 50.0, stay(0.0), UNSET, CAR) == 50.0
    charges.forget("CP1")
    assert charges.follow(KEY, None, stay(0.0), UNSET, CAR) is None


def test_what_a_car_gave_back_its_battery_lost_and_more() -> None:
    charges = CarCharges()
    assert charges.follow(KEY, 60.0, stay(1_000.0), UNSET, CAR, 0.0) == 60.0
    assert charges.follow(KEY, 60.0, stay(1_000.0), UNSET, CAR, 4_500.0) == pytest.approx(50.0)  # told once an hour
    assert charges.follow(KEY, 60.0, stay(6_000.0), UNSET, CAR, 4_500.0) == pytest.approx(59.0)
    assert charges.follow(KEY, 55.0, stay(6_000.0), UNSET, CAR, 4_500.0) == 55.0
    assert charges.follow(KEY, 55.0, stay(6_000.0), UNSET, CAR, 9_000.0) == pytest.approx(45.0)
    said = replace(UNSET, told_soc_percent=50.0, told_at_wh=0.0, told_at_given_wh=4_500.0)
    assert CarCharges().follow(KEY, None, stay(0.0), said, CAR, 9_000.0) == pytest.approx(40.0)
    assert carried_on(Charge(2.0, 0.0), 0.0, CAR, 40_000.0) == 0.0
