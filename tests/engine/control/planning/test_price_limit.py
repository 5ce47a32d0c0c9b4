"""A limit up to which a car always buys, and beyond which only for a departure."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.config import CarConfig, EvseSettings, StationConfig
from custom_components.smart_charging.engine.control.planning import greedy, highs
from custom_components.smart_charging.engine.control.planning.advice import PlanAdvice, charges_by_plan, waits_for
from custom_components.smart_charging.engine.control.planning.assembly import pose
from custom_components.smart_charging.engine.control.planning.presence import Hours, open_slots
from custom_components.smart_charging.engine.control.planning.wish import Wish, wish_of
from custom_components.smart_charging.engine.control.prices.series import PriceSeries
from custom_components.smart_charging.engine.control.snapshot import ControlState, EvseControl, EvseSnapshot, Snapshot
from custom_components.smart_charging.engine.model import ChargeMode, ReasonCode
from tests.engine.control.builders import KEY, NOW, SITE, evse, grid

HOUR = timedelta(hours=1)
MOST_W = 11_040.0
STATION = StationConfig("CP1", "CP1", max_current_a=16.0, car=CarConfig(50_000.0, 1.0))


def limited(limit: float | None = 0.2, soc_percent: float | None = None, **wishes: object) -> EvseSnapshot:
    """Return a car with a price limit."""
    settings = replace(EvseSettings(ChargeMode.CHEAPEST, price_limit=limit), **wishes)  # type: ignore[arg-type]
    return evse(station=STATION, settings=settings, soc_percent=soc_percent)


def wish(one: EvseSnapshot) -> Wish:
    found = wish_of(SITE, one, EvseControl(active_phases=3))
    assert found is not None
    return found


def powers(one: EvseSnapshot, *prices: float) -> list[list[float]]:
    """Return what each planner lets the car draw in each hour, in Wh."""
    series = PriceSeries(NOW, HOUR, prices)
    posed = pose(Snapshot(SITE, grid(0.0), (one,)), ControlState(), [wish(one)], series, None, None, NOW)
    assert posed is not None
    plans = [planner.plan(posed).cars["CP1/1"].power_w for planner in (highs, greedy)]
    return [[round(sum(plan[at : at + 4]) / 4) for at in range(0, len(plan), 4)] for plan in plans]


def test_without_a_target_all_hours_within_the_limit_are_used_as_far_as_the_battery_has_room() -> None:
    for planned in powers(limited(), 0.21, 0.2, 0.1, 0.3):
        assert planned == [0, 11_040, 11_040, 0]
    for planned in powers(limited(soc_percent=70.0), 0.21, 0.2, 0.1, 0.3):
        assert planned == [0, 15_000 - 11_040, 11_040, 0]
    for planned in powers(limited(-0.05), 0.01, -0.04, -0.06):
        assert planned == [0, 0, 11_040]


def test_with_a_target_the_first_hours_within_the_limit_are_used() -> None:
    for planned in powers(limited(target_energy_wh=15_000.0), 0.3, 0.2, 0.15, 0.01):
        assert planned == [0, 15_000 - 2 * 2_760, 2 * 2_760, 0]  # six quarters of an hour, the last ones cheaper


def test_beyond_the_limit_is_bought_for_a_departure_alone() -> None:
    for planned in powers(limited(target_energy_wh=20_000.0), 0.3, 0.1, 0.25):
        assert planned == [0, 11_040, 0]
    leaves = limited(target_energy_wh=20_000.0, departure=NOW + 3 * HOUR)
    for planned in powers(leaves, 0.3, 0.1, 0.25):
        assert planned == [0, 11_040, 8_960]


ADVICE = PlanAdvice(5_000.0, MOST_W, value=0.25, planned_w=5_000.0, price=0.2, room_wh=5_000.0, price_limit=0.2)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ReasonCode.PRICE_LOW),
        ({"value": 0.05}, ReasonCode.PRICE_LOW),  # cheaper hours are to come, but this is cheap enough
        ({"value": None}, ReasonCode.PRICE_LOW),
        ({"needed_wh": 0.0}, ReasonCode.PRICE_LOW),
        ({"room_wh": 0.0, "needed_wh": 0.0}, None),
        ({"price": 0.21}, None),
        ({"price": 0.21, "departure": NOW + 9 * HOUR}, ReasonCode.PLAN_BUYING),
        ({"price": 0.21, "departure": NOW + 9 * HOUR, "needed_wh": 0.0}, None),
        ({"price": 0.21, "departure": NOW + 9 * HOUR, "value": 0.1}, None),
        ({"price": 9.99, "departure": NOW + HOUR / 4}, ReasonCode.PLAN_DEADLINE),
        ({"price": None}, None),
        ({"price": 0.21, "price_limit": None}, ReasonCode.PLAN_BUYING),
    ],
)
def test_a_limit_says_whether_a_car_buys_now(changes: dict[str, object], reason: ReasonCode | None) -> None:
    assert charges_by_plan(replace(ADVICE, **changes), NOW) is reason  # type: ignore[arg-type]  # named above


def test_a_car_says_that_it_waits_for_its_limit() -> None:
    assert waits_for(replace(ADVICE, price=0.3)) is ReasonCode.PRICE_HIGH
    assert waits_for(replace(ADVICE, price=None, value=None)) is ReasonCode.NO_PLAN


prices = st.lists(st.floats(-0.5, 1.0), min_size=1, max_size=60)


@given(prices, st.floats(-0.5, 1.0), st.floats(0, 60_000), st.integers(0, 60), st.integers(1, 4), st.booleans())
def test_no_slot_beyond_the_limit_is_open_unless_a_departure_needs_it(
    price: list[float], limit: float, needed_wh: float, leaves: int, cars: int, leaves_in_time: bool
) -> None:
    hours = Hours([0.1] + [0.25] * (len(price) - 1), price, [0.0] * len(price))
    departure = NOW if leaves_in_time else None
    one = Wish(KEY, needed_wh, MOST_W, MOST_W, 3, departure, room_wh=needed_wh, price_limit=limit)
    open_ = open_slots(one, leaves, hours, cars)
    assert not any(open_[leaves:])
    cheap = [use and cost <= limit for use, cost in zip(open_, price, strict=True)]
    cheap_wh = sum(MOST_W * length for length, use in zip(hours.length_h, cheap, strict=True) if use)
    if any(use and cost > limit for use, cost in zip(open_, price, strict=True)):
        assert leaves_in_time and cheap_wh < needed_wh * cars
    elif needed_wh > 0 and any(cost <= limit and not use for use, cost in zip(open_[:leaves], price, strict=False)):
        assert cheap_wh >= needed_wh * cars  # what is closed within the limit is not needed
