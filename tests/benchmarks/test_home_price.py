"""The scenarios of plans are fair comparisons: nobody looks ahead, limits of car and battery hold, costs add up."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from benchmarks.capacity_tariff.tariff import EUR_PER_KW, FLOOR_W, cost_eur, home
from benchmarks.home_price.forecasts import Perfect, Real
from benchmarks.home_price.home import FULL_W, Now, Outcome, Told, outcome
from benchmarks.home_price.optimum import least_cost
from benchmarks.home_price.planned import Planner, planned
from benchmarks.home_price.rules import CheapestPlan, LatePlan, Uncontrolled, surplus_w
from benchmarks.home_price.world import World, month
from benchmarks.series import DataError, dutch_prices, measured_home
from custom_components.smart_charging.engine.control.planning import highs
from custom_components.smart_charging.engine.control.planning.problem import NotPlanned, PlannedBy, Problem


@pytest.fixture(scope="module")
def may() -> World:
    """Return the first two days of May."""
    return month(5, 2)


class Same:
    """Tells the same at any time."""

    def __init__(self, told: Told) -> None:
        """Take what to tell."""
        self._told = told

    def decide(self, now: Now) -> Told:
        """Return it."""
        return self._told


def test_series_that_the_data_does_not_have_are_refused() -> None:
    with pytest.raises(DataError, match="no 2024-08-01"):
        measured_home(datetime(2024, 8, 1, tzinfo=UTC), 1)
    with pytest.raises(DataError, match="no price"):
        dutch_prices(datetime(2025, 6, 1, tzinfo=UTC), 1)


def test_prices_of_tomorrow_are_known_from_one_o_clock_on(may: World) -> None:
    assert may.known_until(12 * 4 + 3) == 96
    assert may.known_until(13 * 4) == 2 * 96


def test_a_real_forecast_does_not_change_with_what_is_still_to_come(may: World) -> None:
    quarter, at = 60, may.before + 60
    later = replace(
        may,
        pv_w=may.pv_w[:at] + tuple(9_000.0 for _ in may.pv_w[at:]),
        load_w=may.load_w[:at] + tuple(9_000.0 for _ in may.load_w[at:]),
        feed_in_price=tuple(
            9.0 if slot >= may.before + may.known_until(quarter) else price
            for slot, price in enumerate(may.feed_in_price)
        ),
    )
    for name in ("pv_w", "load_w", "day_ahead_price"):
        assert getattr(Real(may), name)(quarter, 96) == getattr(Real(later), name)(quarter, 96)
    assert Real(may).visits(quarter, 96) == []


def test_a_real_forecast_is_the_products_and_is_not_asked_for_the_past(may: World) -> None:
    real = Real(may)
    noon = 48
    sun, house = real.pv_w(noon, 96), real.load_w(noon, 96)
    assert len(sun) == len(house) == 96
    assert max(sun) > 2_000 and min(sun) >= 0.0
    assert 100 < sum(house) / 96 < 3_000
    assert real.pv_w(noon + 1, 4) != sun[1:5]  # a quarter later the sky was seen again
    with pytest.raises(ValueError, match="forward"):
        real.pv_w(noon, 4)


def test_a_day_of_which_nothing_was_said_is_taken_to_be_as_usual(may: World) -> None:
    silent = replace(may, forecast_w=(0.0,) * len(may.forecast_w))
    assert sum(Real(silent).pv_w(0, 96)) > 0.3 * sum(Real(may).pv_w(0, 96))


def test_a_perfect_forecast_is_what_comes(may: World) -> None:
    perfect = Perfect(may)
    assert perfect.pv_w(4, 8) == may.pv_w[may.before + 4 : may.before + 12]
    assert perfect.load_w(4, 8) == may.load_w[may.before + 4 : may.before + 12]
    assert perfect.day_ahead_price(4, 8) == may.feed_in_price[may.before + 4 : may.before + 12]
    assert list(perfect.visits(0, 2 * 96)) == [one for one in may.visits if one.arrival > 0]


def test_nobody_costs_less_than_the_optimum_or_misses_a_departure(may: World) -> None:
    least = least_cost(may)
    for controller in (Uncontrolled(), LatePlan(), CheapestPlan(may)):
        result = outcome(may, controller)
        assert result.cost_eur >= least - 1e-6
        assert result.unmet_wh < 100.0


def test_a_battery_gives_no_more_than_it_holds(may: World) -> None:
    result = outcome(may, Same(Told(0.0, 5_000.0)))
    assert result.moved_wh == pytest.approx(5_000.0 * 0.95)


@pytest.mark.parametrize(
    ("net_w", "power_w"), [(-1_000.0, 0.0), (-2_000.0, 2_000.0), (-4_000.0, 3_680.0), (-99_000.0, FULL_W)]
)
def test_surplus_is_followed_with_the_phases_that_it_is_enough_for(net_w: float, power_w: float) -> None:
    assert surplus_w(Now(0, net_w, None, 5_000.0, 0.0, 0.0, 0.0)) == pytest.approx(power_w)
    assert surplus_w(Now(0, net_w, None, 0.0, 0.0, 0.0, 0.0)) == 0.0


def test_a_car_that_leaves_after_the_plans_end_need_not_be_full_in_it(may: World) -> None:
    (visit, *_) = may.visits
    now = Now(0, 0.0, visit, visit.need_wh, 0.0, 0.0, 5_000.0)
    (car,) = Planner(may, Real(may), horizon=visit.departure - 2).problem(now).cars
    assert car.targets[0].energy_wh == pytest.approx(max(0.0, visit.need_wh - FULL_W / 2))
    assert car.targets[0].before_slot == visit.departure - 2


def test_where_the_solver_gives_up_a_plan_is_made_without(may: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def gives_up(problem: Problem, *, time_limit_s: float) -> None:
        raise NotPlanned("time limit")

    problem = Planner(may, Real(may)).problem(Now(0, 0.0, may.visits[0], 5_000.0, 0.0, 0.0, 5_000.0))
    assert planned(problem).made_by is PlannedBy.LINEAR_PROGRAMME
    monkeypatch.setattr(highs, "plan", gives_up)
    assert planned(problem).made_by is PlannedBy.GREEDY


def test_the_highest_quarter_hour_is_paid_for_above_a_floor() -> None:
    assert cost_eur(Outcome(10.0, grid_w=[1_000.0, 2_000.0])) == pytest.approx(10.0 + EUR_PER_KW * FLOOR_W / 1000)
    assert cost_eur(Outcome(10.0, grid_w=[1_000.0, 6_000.0])) == pytest.approx(10.0 + EUR_PER_KW * 6.0)
    assert set(home(11, 2).import_price) == {0.30}
