"""What plans do, whoever makes them; and that the two planners agree where both are exact."""

from collections.abc import Callable
from datetime import timedelta

from hypothesis import given, settings
import pytest

from custom_components.smart_charging.engine.control.planning import greedy, highs
from custom_components.smart_charging.engine.control.planning.problem import (
    NotPlanned,
    PeakPrice,
    Plan,
    PlannedBattery,
    PlannedBy,
    PlannedCircuit,
    Problem,
    Target,
)

from .builders import car, one_car_problems, problem, problems, worth

type Planner = Callable[[Problem], Plan]

both = pytest.mark.parametrize("planner", [highs.plan, greedy.plan], ids=["linear programme", "greedy"])


@both
def test_a_car_charges_in_the_cheapest_slots_before_it_leaves(planner: Planner) -> None:
    posed = problem(0.30, 0.10, 0.20, 0.05, cars=(car(4, Target(4_000, 3)),))
    plan = planner(posed)
    assert plan.cars["car"].power_w == pytest.approx((0, 11_000, 5_000, 0))
    assert plan.cost == pytest.approx(2.75 * 0.10 + 1.25 * 0.20)
    assert plan.cars["car"].missing_wh == pytest.approx((0,))
    assert plan.cars["car"].value == pytest.approx(0.20, abs=1e-4)


@both
def test_surplus_is_taken_for_what_it_would_be_sold_for(planner: Planner) -> None:
    posed = problem(
        0.30, 0.12, feed_in_price=(0.08, 0.08), pv_w=(6_000, 0), base_w=(1_000, 0), cars=(car(2, Target(2_000, 2)),)
    )
    plan = planner(posed)
    assert plan.cars["car"].power_w == pytest.approx((5_000, 3_000))
    assert plan.grid_w == pytest.approx((0, 3_000))


@both
def test_what_can_not_be_reached_is_told_and_as_much_as_can_be_is_charged(planner: Planner) -> None:
    plan = planner(problem(0.3, 0.3, 0.3, cars=(car(3, Target(20_000, 2)),)))
    assert plan.cars["car"].power_w == pytest.approx((11_000, 11_000, 0))
    assert plan.cars["car"].missing_wh == pytest.approx((14_500,))


@both
def test_a_car_that_should_have_left_already_lacks_all_of_it(planner: Planner) -> None:
    plan = planner(problem(0.3, 0.3, cars=(car(2, Target(5_000, 0)),)))
    assert plan.cars["car"].missing_wh == pytest.approx((5_000,))
    assert plan.cars["car"].power_w == pytest.approx((0, 0))


@both
def test_the_minimum_comes_first_and_the_rest_when_it_is_cheap(planner: Planner) -> None:
    posed = problem(0.5, 0.4, 0.1, 0.1, cars=(car(4, Target(2_000, 1), Target(6_000, 4)),))
    assert planner(posed).cars["car"].power_w == pytest.approx((8_000, 0, 11_000, 5_000))


@both
def test_energy_beyond_the_targets_is_bought_up_to_what_it_is_worth(planner: Planner) -> None:
    plan = planner(problem(0.3, 0.05, -0.1, cars=(car(3, worth=0.1, room_wh=4_000.0),)))
    assert plan.cars["car"].power_w == pytest.approx((0, 5_000, 11_000))


@both
def test_a_limit_of_the_connection_holds_beside_the_house(planner: Planner) -> None:
    posed = problem(0.1, 0.3, base_w=(3_000, 500), import_limit_w=(8_000, 8_000), cars=(car(2, Target(2_000, 2)),))
    assert planner(posed).cars["car"].power_w == pytest.approx((5_000, 3_000))


@both
def test_a_circuit_holds_on_the_phase_that_is_short(planner: Planner) -> None:
    left = ((16.0, 10.0, 16.0), (16.0, 16.0, 16.0))
    posed = problem(
        0.1,
        0.3,
        circuits=(PlannedCircuit("", left, frozenset({"", "garage"})),),
        cars=(car(2, Target(3_000, 2), circuit_id="garage"),),
    )
    assert planner(posed).cars["car"].power_w == pytest.approx((6_900, 5_100))


@both
def test_all_cars_together_keep_to_a_limit_on_them(planner: Planner) -> None:
    cars = tuple(car(2, Target(1_000, 2), car_id=name) for name in ("one", "two"))
    plan = planner(problem(0.1, 0.3, controllable_limit_w=(6_000.0, 6_000.0), cars=cars))
    assert sum(one.power_w[0] for one in plan.cars.values()) == pytest.approx(6_000)
    assert all(one.missing_wh == pytest.approx((0,)) for one in plan.cars.values())


@both
def test_no_new_peak_is_made_where_there_is_time(planner: Planner) -> None:
    posed = problem(*[0.3] * 8, base_w=(500.0,) * 8, peak=PeakPrice(3.37, 4_500.0), cars=(car(8, Target(8_000, 8)),))
    plan = planner(posed)
    assert max(plan.grid_w) == pytest.approx(4_500)
    assert plan.peak_w == pytest.approx(4_500)


@both
def test_a_peak_is_bought_rather_than_leaving_a_car_short(planner: Planner) -> None:
    plan = planner(problem(0.3, 0.3, peak=PeakPrice(3.37, 2_000.0), cars=(car(2, Target(4_000, 2)),)))
    assert plan.cars["car"].missing_wh == pytest.approx((0,), abs=1e-3)


@both
def test_a_battery_is_filled_when_energy_is_cheap_and_used_when_it_is_dear(planner: Planner) -> None:
    battery = PlannedBattery("battery", 10_000.0, 0.0, 4_000.0, 4_000.0)
    plan = planner(problem(0.05, 0.05, 0.5, 0.5, base_w=(0, 0, 3_000, 3_000), batteries=(battery,)))
    led = plan.batteries["battery"]
    assert min(led.power_w[:2]) < 0 < min(led.power_w[2:])
    assert plan.cost < 0.5 * 1.5 / 4
    assert led.stored_wh[-1] == pytest.approx(0, abs=300)


@both
def test_a_battery_that_nobody_can_make_buy_takes_surplus_only(planner: Planner) -> None:
    battery = PlannedBattery("battery", 10_000.0, 0.0, 4_000.0, 4_000.0, can_buy=False)
    posed = problem(-0.1, 0.5, pv_w=(2_000, 0), base_w=(500, 500), batteries=(battery,))
    led = planner(posed).batteries["battery"]
    assert -1_500 - 1e-6 <= led.power_w[0] <= 0


@both
def test_the_rest_of_the_running_slot_counts_as_long_as_it_is(planner: Planner) -> None:
    posed = problem(0.1, 0.3, first_slot=timedelta(minutes=5), cars=(car(2, Target(2_000, 2)),))
    plan = planner(posed)
    assert posed.hours == pytest.approx((1 / 12, 0.25))
    assert plan.cars["car"].power_w == pytest.approx((11_000, (2_000 - 11_000 / 12) * 4))


def test_a_car_gives_back_what_it_can_miss_and_is_full_again_in_time() -> None:
    posed = problem(
        0.6,
        0.6,
        0.1,
        0.1,
        base_w=(2_000.0,) * 4,
        cars=(car(4, Target(0, 4), max_discharge_w=5_000.0, stored_wh=3_000.0),),
    )
    led = highs.plan(posed).cars["car"]
    assert led.power_w[0] == pytest.approx(-2_000)
    assert led.missing_wh == pytest.approx((0,), abs=1e-3)
    taken = sum(power * 0.25 * (1 if power > 0 else 1 / 0.9) for power in led.power_w)
    assert taken >= -1e-3


def test_what_nobody_pays_for_is_curtailed_before_the_limit_out_is_exceeded() -> None:
    posed = problem(0.3, pv_w=(9_000.0,), feed_in_price=(0.08,), export_limit_w=(4_000.0,))
    assert highs.plan(posed).grid_w == pytest.approx((-4_000,))


def test_numbers_that_are_none_make_no_plan() -> None:
    with pytest.raises(NotPlanned):
        highs.plan(problem(float("nan"), 0.3, cars=(car(2, Target(1_000, 2)),)))


def test_series_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="each slot"):
        problem(0.1, 0.2, pv_w=(0.0,))


@settings(deadline=None, max_examples=150)
@given(one_car_problems())
def test_for_one_car_without_a_battery_the_cheapest_slots_are_the_optimum(posed: Problem) -> None:
    solved, chosen = highs.plan(posed), greedy.plan(posed)
    assert worth(posed, chosen) == pytest.approx(worth(posed, solved), abs=2e-3)


@settings(deadline=None, max_examples=100)
@given(problems())
def test_no_plan_is_better_than_the_linear_programmes_and_all_keep_what_binds(posed: Problem) -> None:
    solved, chosen = highs.plan(posed), greedy.plan(posed)
    assert worth(posed, solved) <= worth(posed, chosen) + 2e-3
    assert (solved.made_by, chosen.made_by) == (PlannedBy.LINEAR_PROGRAMME, PlannedBy.GREEDY)
    for plan in (solved, chosen):
        _keeps_what_binds(posed, plan)


def _keeps_what_binds(posed: Problem, plan: Plan) -> None:
    for slot in range(posed.slots):
        drawn = [(one, plan.cars[one.car_id].power_w[slot]) for one in posed.cars]
        given_w = sum(one.power_w[slot] for one in plan.batteries.values())
        flow = posed.base_w[slot] - posed.pv_w[slot] + sum(power for _, power in drawn) - given_w
        assert flow == pytest.approx(plan.grid_w[slot], abs=1e-3)
        assert all(-1e-3 <= power <= one.max_w * one.present[slot] + 1e-3 for one, power in drawn)
        for circuit in posed.circuits:
            for phase in range(3):
                amps = sum(power * one.amps_per_w[phase] for one, power in drawn if one.circuit_id in circuit.members)
                assert amps <= circuit.left_a[slot][phase] + 1e-3
        if posed.import_limit_w and plan.over_limit_wh <= 1e-3:
            assert flow <= posed.import_limit_w[slot] + 1e-3
    for battery in posed.batteries:
        assert all(-1e-3 <= one <= battery.capacity_wh + 1e-3 for one in plan.batteries[battery.battery_id].stored_wh)
