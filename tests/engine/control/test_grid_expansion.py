"""A battery that expands the grid connection: what may be counted on, what it is told, and what is kept back for it."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smart_charging.engine.config import BatteryConfig
from custom_components.smart_charging.engine.control.battery import (
    BatteryAction,
    BatteryCommand,
    BatteryMemory,
    BatteryReason,
    BatterySnapshot,
)
from custom_components.smart_charging.engine.control.grid_expansion import (
    available_w,
    command,
    planned_reserve_percent,
    remember,
)

from .builders import NOW

CONFIG = BatteryConfig(
    "b",
    "Battery",
    capacity_wh=10_000.0,
    max_charge_w=4_000.0,
    max_discharge_w=5_000.0,
    min_soc_percent=10.0,
    reserve_soc_percent=60.0,
    grid_expansion=True,
    can_hold=True,
    can_charge=True,
    can_discharge=True,
)
NOTHING = BatteryMemory()
EXPANDING = BatteryCommand(BatteryAction.DISCHARGE, BatteryReason.GRID_EXPANSION, 4_000.0)


def seen(soc: float | None, power_w: float | None = 0.0, *, available: bool = True) -> BatterySnapshot:
    return BatterySnapshot(available, soc, power_w)


def told(soc: float, *, over_w: float = 0.0, spare_w: float = 0.0, config: BatteryConfig = CONFIG) -> BatteryCommand:
    return command(config, seen(soc), NOTHING, over_w=over_w, spare_w=spare_w, now=NOW)


def lived(
    memory: BatteryMemory, *, power_w: float | None, seconds: float, now: datetime = NOW, zone: str = "UTC"
) -> BatteryMemory:
    """Return the memory after a while of commanded expansion in which the battery gave this much."""
    for elapsed in range(0, int(seconds) + 1, 5):
        at = now + timedelta(seconds=elapsed)
        memory = remember(memory, EXPANDING, seen(80.0, power_w), config=CONFIG, now=at, zone=zone)
    return memory


def test_a_charged_battery_may_be_counted_on_up_to_its_rating() -> None:
    assert available_w(CONFIG, seen(80.0), NOTHING, NOW) == 5_000.0


@pytest.mark.parametrize("measured", [seen(None), seen(80.0, available=False), seen(10.0), seen(3.0)])
def test_nothing_is_expected_of_a_battery_that_is_away_unknown_or_at_its_floor(measured: BatterySnapshot) -> None:
    assert available_w(CONFIG, measured, NOTHING, NOW) == 0.0


@given(st.floats(0, 100), st.floats(1_000, 500_000), st.floats(500, 200_000))
@settings(max_examples=200, deadline=None)
def test_a_minute_at_what_may_be_counted_on_never_passes_the_floor(soc: float, capacity: float, rating: float) -> None:
    config = replace(CONFIG, capacity_wh=capacity, max_discharge_w=rating)
    left_wh = max(0.0, soc - config.min_soc_percent) / 100 * capacity
    assert available_w(config, seen(soc), NOTHING, NOW) / 60 <= left_wh + 1e-6


def test_it_gives_exactly_what_consumption_exceeds_the_limit_by() -> None:
    assert told(80.0, over_w=1_234.0) == BatteryCommand(BatteryAction.DISCHARGE, BatteryReason.GRID_EXPANSION, 1_234.0)
    assert told(80.0, over_w=9_000.0).power_w == 5_000.0


def test_it_does_not_discharge_while_the_limit_holds() -> None:
    assert told(80.0).action is BatteryAction.NORMAL
    assert told(80.0, spare_w=3_000.0).action is BatteryAction.NORMAL


def test_spare_capacity_refills_it_up_to_the_reserve_and_no_further() -> None:
    assert told(40.0, spare_w=3_000.0) == BatteryCommand(BatteryAction.CHARGE, BatteryReason.REFILL, 3_000.0)
    assert told(40.0, spare_w=30_000.0).power_w == 4_000.0
    assert told(60.0, spare_w=3_000.0).action is not BatteryAction.CHARGE


def test_the_reserve_is_kept_from_other_uses() -> None:
    assert told(60.0) == BatteryCommand(BatteryAction.HOLD, BatteryReason.RESERVE)
    assert told(30.0).action is BatteryAction.HOLD
    assert told(61.0).action is BatteryAction.NORMAL


def test_an_empty_battery_is_not_told_to_discharge_whatever_exceeds_the_limit() -> None:
    assert told(10.0, over_w=2_000.0).action is BatteryAction.HOLD


def test_nothing_is_commanded_that_the_user_did_not_map() -> None:
    bare = replace(CONFIG, can_charge=False, can_hold=False)
    assert told(30.0, spare_w=3_000.0, config=bare).action is BatteryAction.NORMAL
    assert told(30.0, spare_w=3_000.0, config=replace(bare, can_hold=True)).action is BatteryAction.HOLD


def test_without_a_day_to_learn_from_the_whole_reserve_is_kept() -> None:
    assert planned_reserve_percent(CONFIG, NOTHING) == 60.0


def test_the_reserve_follows_the_worst_of_the_last_days_within_what_the_user_allows() -> None:
    quiet = BatteryMemory(past_days_wh=(0.0, 0.0))
    assert planned_reserve_percent(CONFIG, quiet) == 20.0
    assert planned_reserve_percent(CONFIG, replace(quiet, past_days_wh=(500.0, 2_500.0, 0.0))) == 40.0
    assert planned_reserve_percent(CONFIG, replace(quiet, expansion_wh=2_500.0)) == 40.0
    assert planned_reserve_percent(CONFIG, replace(quiet, past_days_wh=(9_000.0,))) == 60.0


def test_what_expansion_takes_is_counted_by_local_day() -> None:
    evening = datetime.fromisoformat("2026-06-01T23:30:00+02:00")
    memory = lived(NOTHING, power_w=3_600.0, seconds=600, now=evening, zone="Europe/Berlin")
    assert (memory.day, memory.past_days_wh) == ("2026-06-01", ())
    assert memory.expansion_wh == pytest.approx(600.0)
    memory = lived(memory, power_w=3_600.0, seconds=60, now=evening + timedelta(hours=1), zone="Europe/Berlin")
    assert memory.day == "2026-06-02"
    assert memory.past_days_wh == (pytest.approx(600.0),)
    assert memory.expansion_wh == pytest.approx(60.0)


def test_a_week_of_days_is_remembered() -> None:
    memory = NOTHING
    for day in range(10):
        memory = lived(memory, power_w=3_600.0, seconds=60 + 10 * day, now=NOW + timedelta(days=day))
    assert memory.past_days_wh == tuple(pytest.approx(60.0 + 10 * day) for day in range(2, 9))


def test_a_day_on_which_it_ran_empty_asks_for_all_that_may_be_kept() -> None:
    memory = lived(NOTHING, power_w=3_600.0, seconds=60)
    memory = remember(memory, EXPANDING, seen(10.5, 500.0), config=CONFIG, now=NOW + timedelta(seconds=65), zone="UTC")
    memory = lived(memory, power_w=0.0, seconds=5, now=NOW + timedelta(days=1))
    assert planned_reserve_percent(CONFIG, memory) == CONFIG.reserve_soc_percent


def test_a_pause_of_the_program_is_no_discharge() -> None:
    memory = lived(NOTHING, power_w=3_600.0, seconds=10)
    later = remember(memory, EXPANDING, seen(80.0, 3_600.0), config=CONFIG, now=NOW + timedelta(hours=2), zone="UTC")
    assert later.expansion_wh == memory.expansion_wh


def test_a_battery_that_accepts_and_does_not_deliver_is_not_counted_on_for_a_while() -> None:
    memory = lived(NOTHING, power_w=200.0, seconds=40)
    assert available_w(CONFIG, seen(80.0), memory, NOW + timedelta(seconds=40)) == 200.0
    assert available_w(CONFIG, seen(80.0), memory, NOW + timedelta(minutes=20)) == 5_000.0


def test_a_battery_that_needs_a_moment_is_trusted() -> None:
    memory = lived(NOTHING, power_w=0.0, seconds=20)
    memory = lived(memory, power_w=3_900.0, seconds=60, now=NOW + timedelta(seconds=25))
    assert available_w(CONFIG, seen(80.0), memory, NOW + timedelta(seconds=90)) == 5_000.0


def test_a_battery_without_a_power_reading_or_while_it_is_charged_is_not_judged() -> None:
    memory = lived(NOTHING, power_w=None, seconds=120)
    assert memory.delivers_w is None
    charging = BatteryCommand(BatteryAction.CHARGE, BatteryReason.REFILL, 3_000.0)
    for elapsed in range(0, 120, 5):
        at = NOW + timedelta(minutes=5, seconds=elapsed)
        memory = remember(memory, charging, seen(40.0, -100.0), config=CONFIG, now=at, zone="UTC")
    assert memory.delivers_w is None
    assert memory.commanded_w == -3_000.0
