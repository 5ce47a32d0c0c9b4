"""What a battery does by what a kWh in it is worth, and what the plan says of that."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.config import BatteryConfig, PeakConfig
from custom_components.smart_charging.engine.control.battery import BatteryMemory, BatterySnapshot
from custom_components.smart_charging.engine.control.grid_expansion import LEAST_RESERVE_PERCENT
from custom_components.smart_charging.engine.control.peak import PeakMemory, follow
from custom_components.smart_charging.engine.control.planning.assembly import pose
from custom_components.smart_charging.engine.control.planning.battery_advice import (
    BatteryAdvice,
    BatteryUse,
    bought_w,
    use_of,
)
from custom_components.smart_charging.engine.control.planning.highs import plan
from custom_components.smart_charging.engine.control.planning.problem import EFFICIENCY, PeakPrice, Problem
from custom_components.smart_charging.engine.control.snapshot import ControlState, Snapshot
from tests.engine.control.builders import SITE, grid
from tests.engine.control.planning.test_assembly import START, hourly, power

BATTERY = BatteryConfig(
    "b", "Battery", 10_000.0, 5_000.0, 5_000.0, by_plan=True, can_charge=True, can_discharge=True, can_hold=True
)


@pytest.mark.parametrize(
    ("value", "planned_w", "use"),
    [
        (0.40, 0.0, BatteryUse.BUY),
        (0.30 / EFFICIENCY, -2_000.0, BatteryUse.BUY),
        (0.30 / EFFICIENCY, 0.0, BatteryUse.KEEP),
        (0.30, 0.0, BatteryUse.KEEP),
        (0.30 * EFFICIENCY, 0.0, BatteryUse.SPEND),
        (0.30 * EFFICIENCY, 800.0, BatteryUse.SPEND),
        (0.10, 0.0, BatteryUse.SPEND),
    ],
)
def test_a_battery_buys_below_its_worth_keeps_around_it_and_is_free_above(
    value: float, planned_w: float, use: BatteryUse
) -> None:
    assert use_of(BatteryAdvice(value, planned_w, 0.30)) is use


@given(value=st.floats(-0.5, 1.0), planned_w=st.floats(-5_000, 5_000), dearer=st.floats(0.0, 0.5))
def test_at_a_higher_price_a_battery_never_buys_more_nor_keeps_more(
    value: float, planned_w: float, dearer: float
) -> None:
    order = [BatteryUse.BUY, BatteryUse.KEEP, BatteryUse.SPEND]
    cheap, dear = (use_of(BatteryAdvice(value, planned_w, price)) for price in (0.2, 0.2 + dearer))
    assert order.index(dear) >= order.index(cheap)


def test_where_nothing_is_gained_no_more_is_bought_than_was_planned() -> None:
    assert bought_w(BatteryAdvice(0.40, 0.0, 0.30), 5_000.0) == 5_000.0
    assert bought_w(BatteryAdvice(0.30 / EFFICIENCY, -2_000.0, 0.30), 5_000.0) == 2_000.0
    assert bought_w(BatteryAdvice(0.30 / EFFICIENCY, -9_000.0, 0.30), 5_000.0) == 5_000.0


def posed(*prices: float, soc: float | None = 50.0, battery: BatteryConfig = BATTERY) -> Problem:
    """Return the problem of a house of 500 W with a battery and no car, with a price for each hour."""
    site = replace(SITE, batteries=(battery,))
    snapshot = Snapshot(site, grid(0.0), (), batteries={"b": BatterySnapshot(soc is not None, soc, 0.0)})
    found = pose(snapshot, ControlState(), (), hourly(*prices), None, power(500.0, 4 * len(prices)), START)
    assert found is not None
    return found


def use_now(*prices: float, soc: float = 50.0, battery: BatteryConfig = BATTERY) -> BatteryUse:
    """Return what the battery is good for in the first hour by a plan for these hours."""
    led = plan(posed(*prices, soc=soc, battery=battery)).batteries["b"]
    return use_of(BatteryAdvice(led.value, led.power_w[0], prices[0]))


def test_by_plan_a_battery_buys_in_cheap_hours_keeps_before_dear_ones_and_spends_in_them() -> None:
    assert use_now(0.05, 0.30, 0.60, 0.60, soc=10.0) is BatteryUse.BUY
    assert use_now(0.30, 0.30, *[0.32] * 20, soc=60.0) is BatteryUse.KEEP
    assert use_now(0.60, 0.60, 0.30, 0.05) is BatteryUse.SPEND


@pytest.mark.parametrize("soc", [20.0, 90.0])
def test_at_a_price_that_never_changes_a_battery_is_left_to_itself(soc: float) -> None:
    assert use_now(*[0.30] * 24, soc=soc) is BatteryUse.SPEND


def test_a_difference_in_price_that_losses_eat_up_moves_nothing() -> None:
    made = plan(posed(0.30, 0.31, 0.32, soc=10.0))
    assert max(made.batteries["b"].power_w) == pytest.approx(0.0, abs=1e-6)
    assert min(made.batteries["b"].power_w) == pytest.approx(0.0, abs=1e-6)


def test_a_battery_is_posed_as_it_is_measured_and_as_it_may_be_led() -> None:
    battery = posed(0.10, 0.50, 0.50, 0.50, soc=40.0).batteries[0]
    assert (battery.stored_wh, battery.least_wh, battery.worth) == (4_000.0, 1_000.0, 0.10 * EFFICIENCY)
    assert battery.can_buy and not battery.can_sell
    assert not posed(0.1, battery=replace(BATTERY, by_plan=False)).batteries[0].can_buy
    assert not posed(0.1, battery=replace(BATTERY, can_charge=False)).batteries[0].can_buy
    assert posed(0.1, soc=None).batteries == ()
    assert posed(-0.1).batteries[0].worth == 0.0


def test_what_is_kept_for_a_connection_that_is_too_small_is_not_sold_to_the_house() -> None:
    expanding = replace(BATTERY, grid_expansion=True, reserve_soc_percent=60.0)
    assert posed(0.3, battery=expanding).batteries[0].least_wh == 6_000.0
    site = replace(SITE, batteries=(expanding,))
    snapshot = Snapshot(site, grid(0.0), (), batteries={"b": BatterySnapshot(True, 50.0, 0.0)})
    quiet = ControlState(batteries={"b": BatteryMemory(past_days_wh=(0.0,))})
    learnt = pose(snapshot, quiet, (), hourly(0.3), None, None, START)
    assert learnt is not None
    assert learnt.batteries[0].least_wh == 100.0 * (BATTERY.min_soc_percent + LEAST_RESERVE_PERCENT)


def test_a_peak_with_a_price_is_weighed_and_one_without_is_a_limit() -> None:
    config = PeakConfig(interval_min=60, target_w=4_000.0, days=3, price_per_kw=9.0)
    begun = START.replace(minute=0)
    memory = follow(PeakMemory(), config, "UTC", 3_000.0, begun)
    now = begun + timedelta(minutes=19)
    for minute in range(1, 20):
        memory = follow(memory, config, "UTC", 3_000.0, begun + timedelta(minutes=minute))
    known = ControlState(peak=memory)
    snapshot = Snapshot(replace(SITE, power_w=9_000.0, peak=config), grid(0.0), ())
    free = pose(snapshot, known, (), hourly(0.3, 0.3), None, None, now)
    assert free is not None
    assert set(free.import_limit_w) == {9_000.0}
    assert free.peak is not None
    assert (free.peak.price_per_kw, free.peak.seen_w) == (3.0, 4_000.0)
    assert (free.peak.slots_per_interval, free.peak.offset) == (4, 1)
    assert free.peak.running_wh == pytest.approx(3_000.0 * 19 / 60)
    bound = replace(snapshot, site=replace(snapshot.site, peak=replace(config, price_per_kw=0.0)))
    limited = pose(bound, known, (), hourly(0.3, 0.3), None, None, now)
    assert limited is not None and limited.peak is None
    assert set(limited.import_limit_w) == {4_000.0}


def test_a_peak_is_raised_only_where_that_is_worth_its_price() -> None:
    hours = (0.05, 0.05, *[0.50] * 10)
    cheap, dear = (
        plan(replace(posed(*hours, soc=10.0), peak=PeakPrice(price, seen_w=2_000.0))).peak_w for price in (0.1, 50.0)
    )
    assert cheap is not None and dear is not None
    assert cheap > 3_000.0
    assert dear == pytest.approx(2_000.0)
