"""Who makes a plan, and when it is made anew."""

from dataclasses import replace
from datetime import timedelta
import logging
from pathlib import Path

import pytest

from custom_components.smart_charging.engine.control.planning.problem import (
    NotPlanned,
    PeakPrice,
    PlannedBattery,
    PlannedBy,
    Target,
)
from custom_components.smart_charging.engine.control.planning.wish import Wish
from custom_components.smart_charging.engine.control.prices.series import PriceSeries
from custom_components.smart_charging.engine.control.snapshot import ControlState, Snapshot
from custom_components.smart_charging.engine.model import EvseKey
from custom_components.smart_charging.engine.outlook import Outlook
from custom_components.smart_charging.engine.site_planner import UNDECIDED_S, SitePlanner, _without_money, solve
from tests.engine.control.builders import SITE, grid
from tests.engine.control.planning.builders import car, problem
from tests.manual_clock import ManualClock

POSED = problem(0.3, 0.1, pv_w=(500.0, 0.0), cars=(car(2, Target(1_000, 2)),))


def test_the_solver_plans_where_it_can_be_imported() -> None:
    assert solve(POSED).made_by is PlannedBy.LINEAR_PROGRAMME


def test_without_the_solver_the_cheapest_slots_are_chosen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert solve(POSED, ("no_such_planner", "greedy")).made_by is PlannedBy.GREEDY
    assert "no_such_planner" in caplog.text


def test_a_planner_that_gives_up_is_followed_by_the_next_and_none_is_told() -> None:
    broken = problem(float("nan"), 0.1, cars=(car(2, Target(1_000, 2)),))
    assert solve(broken).made_by is PlannedBy.GREEDY
    with pytest.raises(NotPlanned, match="number"):
        solve(broken, ("highs",))
    with pytest.raises(NotPlanned, match="no planner"):
        solve(broken, ())


def test_the_solver_is_imported_only_to_plan() -> None:
    source = Path(solve.__code__.co_filename).read_text(encoding="utf-8")
    assert "import highspy" not in source


def test_a_plan_of_least_co2_pays_no_peak_and_buys_for_no_battery() -> None:
    battery = PlannedBattery("b", 10_000.0, 5_000.0, 5_000.0, 5_000.0)
    posed = replace(POSED, peak=PeakPrice(4.0, 2_000.0), batteries=(battery,))
    counted = _without_money(posed)
    assert counted.peak is None
    assert counted.batteries == (replace(battery, can_buy=False),)
    assert counted.import_price == posed.import_price


async def test_a_car_that_is_not_in_the_plan_yet_is_undecided_after_a_start_and_looked_at_once() -> None:
    clock = ManualClock()
    planner = SitePlanner(clock, lambda now: (Snapshot(SITE, grid(0.0), ()), ControlState()))
    planner.set_outlook(Outlook(PriceSeries(clock.now(), timedelta(hours=1), (0.3,) * 24)))
    planner.plan = solve(POSED)  # of another car
    planner._wake.clear()
    wish = Wish(EvseKey("CP9", 1), 5_000.0, 11_000.0, 3_700.0, 3, room_wh=5_000.0)
    assert planner.advice(wish, clock.now()).undecided
    assert planner._wake.is_set()
    await clock.advance(UNDECIDED_S + 1)
    assert not planner.advice(wish, clock.now()).undecided
