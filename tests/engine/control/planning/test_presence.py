"""Time without a break, and time that is kept for right before a departure."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.config import EvseSettings
from custom_components.smart_charging.engine.control.forecast.series import Forecast
from custom_components.smart_charging.engine.control.planning import greedy, highs
from custom_components.smart_charging.engine.control.planning.advice import PlanAdvice, charges_by_plan, waits_for
from custom_components.smart_charging.engine.control.planning.assembly import pose
from custom_components.smart_charging.engine.control.planning.late_part import in_late_part, joined
from custom_components.smart_charging.engine.control.planning.presence import Hours, one_block
from custom_components.smart_charging.engine.control.planning.wish import Wish, wish_of
from custom_components.smart_charging.engine.control.prices.series import PriceSeries
from custom_components.smart_charging.engine.control.snapshot import ControlState, EvseControl, Snapshot
from custom_components.smart_charging.engine.model import ChargeMode, EvseStatus, ReasonCode
from tests.engine.control.builders import KEY, NOW, SITE, evse, grid

HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)
MOST_W = 11_040.0
SLOT_WH = MOST_W / 4


def powers(settings: EvseSettings, *prices: float, pv: Forecast | None = None, running: bool = False) -> list[float]:
    """Return what a car is planned to take in each quarter of an hour, in Wh; both planners agree."""
    status = EvseStatus.CHARGING if running else EvseStatus.SUSPENDED_EVSE
    one = evse(settings=replace(settings, mode=ChargeMode.CHEAPEST), status=status)
    wish = wish_of(SITE, one, EvseControl(active_phases=3, setpoint_a=16.0 if running else 0.0))
    assert wish is not None
    posed = pose(
        Snapshot(SITE, grid(0.0), (one,)), ControlState(), [wish], PriceSeries(NOW, QUARTER, prices), pv, None, NOW
    )
    assert posed is not None
    plans = [joined(planner.plan(posed)).cars for planner in (highs, greedy)]
    assert all(cars.keys() == {"CP1/1"} for cars in plans)
    first, second = ([round(power / 4) for power in cars["CP1/1"].power_w] for cars in plans)
    assert first == second
    return first


def test_without_a_break_a_car_takes_the_cheapest_time_that_is_long_enough() -> None:
    three = EvseSettings(target_energy_wh=3 * SLOT_WH, continuous=True)
    prices = (0.3, 0.1, 0.4, 0.1, 0.2, 0.2, 0.2, 0.9)
    assert powers(three, *prices) == [0, 0, 0, 2_760, 2_760, 2_760, 0, 0]
    assert powers(replace(three, continuous=False), *prices)[1] == 2_760
    assert powers(three, *prices, running=True) == [2_760] * 3 + [0] * 5
    assert powers(replace(three, departure=NOW + 3 * QUARTER), *prices) == [2_760] * 3 + [0] * 5
    too_short = replace(three, target_energy_wh=90_000.0, departure=NOW + 2 * QUARTER)
    assert powers(too_short, *prices) == [2_760, 2_760] + [0] * 6


def test_the_sun_makes_a_time_without_a_break_cheaper() -> None:
    two = EvseSettings(target_energy_wh=2 * SLOT_WH, continuous=True)
    noon = (0.0, 0.0, 11_040.0, 11_040.0, 0.0, 0.0)
    sun = Forecast(NOW, noon, noon, noon, noon)
    assert powers(two, 0.3, 0.2, 0.3, 0.3, 0.2, 0.2, pv=sun) == [0, 0, 2_760, 2_760, 0, 0]


lengths = st.integers(1, 24)


@given(
    st.lists(st.floats(-0.5, 1.0), min_size=1, max_size=24),
    st.floats(1.0, 80_000.0),
    lengths,
    st.floats(0.02, 0.25),
    st.booleans(),
)
def test_no_time_without_a_break_is_cheaper(
    price: list[float], needed_wh: float, leaves: int, first_h: float, running: bool
) -> None:
    leaves = min(leaves, len(price))
    hours = Hours([first_h] + [0.25] * (len(price) - 1), price, [0.0] * len(price))
    wish = Wish(KEY, needed_wh, MOST_W, MOST_W, 3, room_wh=needed_wh, continuous=True, running=running)
    begin, end = one_block(wish, leaves, hours)

    def cost(start: int) -> float | None:
        """Return what it costs to begin there, None where time does not suffice."""
        left, total = needed_wh, 0.0
        for number in range(start, leaves):
            taken = min(left, MOST_W * hours.length_h[number])
            left, total = left - taken, total + taken * price[number]
        return total if left <= 0 else None

    options = {start: found for start in range(leaves) if (found := cost(start)) is not None}
    if running:
        options = {start: found for start, found in options.items() if start == 0}
    assert 0 <= begin < end <= leaves
    if not options:
        assert (begin, end) == (0, leaves)
        return
    assert options[begin] == pytest.approx(min(options.values()), abs=1e-6)
    assert sum(MOST_W * hours.length_h[number] for number in range(begin, end)) >= needed_wh - 1e-6
    assert sum(MOST_W * hours.length_h[number] for number in range(begin, end - 1)) < needed_wh


LEAVES = NOW + 2 * HOUR
WARM = EvseSettings(target_energy_wh=3 * SLOT_WH, late_min=30.0, departure=LEAVES)


def test_energy_is_kept_for_the_last_minutes_before_a_departure() -> None:
    prices = (0.4, 0.1, 0.1, 0.1, 0.4, 0.4, 0.4, 0.9, 0.01)
    assert powers(WARM, *prices) == [0, 2_760, 276, 0, 0, 0, 2_760, 2_484, 0]
    assert powers(replace(WARM, late_min=None), *prices) == [0, 2_760, 2_760, 2_760, 0, 0, 0, 0, 0]
    little = replace(WARM, target_energy_wh=2_000.0)
    assert sum(powers(little, *prices)[:6]) == 0
    assert sum(powers(little, *prices)[6:8]) == 2_000
    far = replace(WARM, departure=NOW + 60 * HOUR)  # beyond what is planned for
    assert sum(powers(far, *prices)) == 3 * 2_760
    now = replace(WARM, departure=NOW + 2 * QUARTER, target_energy_wh=2_000.0)
    assert sum(powers(now, *prices)[:2]) == 2_000


@pytest.mark.parametrize(
    ("minutes", "late_min", "inside"),
    [(31, 30.0, False), (30, 30.0, True), (1, 30.0, True), (0, 30.0, False), (-5, 30.0, False), (10, None, False)],
)
def test_the_last_minutes_are_those_before_the_departure(minutes: int, late_min: float | None, inside: bool) -> None:
    settings = EvseSettings(departure=NOW + timedelta(minutes=minutes), late_min=late_min)
    assert in_late_part(settings, NOW) is inside
    assert not in_late_part(replace(settings, departure=None), NOW)


KEEPING = PlanAdvice(
    5_000.0,
    MOST_W,
    LEAVES,
    value=0.3,
    planned_w=0.0,
    price=0.1,
    room_wh=5_000.0,
    kept_wh=5_520.0,
    kept_from=LEAVES - HOUR / 2,
)


def test_what_is_kept_is_not_bought_before_however_cheap_it_is() -> None:
    assert charges_by_plan(KEEPING, NOW) is None
    assert charges_by_plan(replace(KEEPING, price_limit=0.2), NOW) is None
    assert waits_for(KEEPING) is ReasonCode.PLAN_KEEPING
    assert charges_by_plan(replace(KEEPING, needed_wh=6_000.0), NOW) is ReasonCode.PLAN_BUYING
    late = replace(KEEPING, needed_wh=6_000.0, kept_wh=1_000.0, price=0.9)
    # 5 kWh take 29 minutes, and have to be there when the last half hour begins.
    assert charges_by_plan(late, LEAVES - timedelta(minutes=64)) is None
    assert charges_by_plan(late, LEAVES - timedelta(minutes=63)) is ReasonCode.PLAN_DEADLINE


def test_what_is_charged_without_a_break_follows_the_plan_alone_and_goes_on() -> None:
    block = replace(KEEPING, kept_wh=0.0, kept_from=None, continuous=True)
    assert charges_by_plan(block, NOW) is None  # cheap, but not in the block
    assert charges_by_plan(replace(block, planned_w=MOST_W, price=0.9), NOW) is ReasonCode.PLAN_BUYING
    assert charges_by_plan(replace(block, running=True, price=0.9), NOW) is ReasonCode.PLAN_BUYING
    assert charges_by_plan(replace(block, running=True, green=True), NOW) is ReasonCode.PLAN_GREEN
    assert waits_for(block) is ReasonCode.PLAN_WAITING
