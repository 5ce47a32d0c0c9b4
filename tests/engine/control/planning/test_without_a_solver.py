"""Plans in plain Python: as good as the linear programme for a car and a battery, and within every limit."""

from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest

from custom_components.smart_charging.engine.control.planning import greedy, highs
from custom_components.smart_charging.engine.control.planning.battery_programme import Flexible, lead_battery
from custom_components.smart_charging.engine.control.planning.problem import (
    PeakPrice,
    Plan,
    PlannedBattery,
    PlannedCar,
    PlannedCircuit,
    Problem,
    Target,
)

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
BATTERY = PlannedBattery("battery", 10_000.0, 4_000.0, 5_000.0, 5_000.0, worth=0.15, can_sell=True)


def problem_of(prices: tuple[float, ...], *, pv_w: float = 0.0, base_w: float = 0.0, feed_in: float = 0.05) -> Problem:
    """Return a problem of whole hours with an even sun and house."""
    count = 4 * len(prices)
    return Problem(
        BEGIN,
        tuple(price for price in prices for _ in range(4)),
        (feed_in,) * count,
        (pv_w,) * count,
        (base_w,) * count,
    )


def car_of(problem: Problem, energy_wh: float, before: int | None = None, *, car_id: str = "car") -> PlannedCar:
    """Return a car that is there all the time."""
    target = Target(energy_wh, problem.slots if before is None else before)
    return PlannedCar(car_id, (True,) * problem.slots, 4_000.0, energy_wh, (target,))


def whole_cost(problem: Problem, plan: Plan) -> float:
    """Return a plan's cost, with what is missing and what is left in batteries."""
    missing = sum(sum(one.missing_wh) for one in plan.cars.values()) / 1000 * 10.0
    left = sum(one.worth * plan.batteries[one.battery_id].stored_wh[-1] / 1000 for one in problem.batteries)
    wear = sum(
        one.wear * max(0.0, power) / 4000
        for one in problem.batteries
        for power in plan.batteries[one.battery_id].power_w
    )
    return plan.cost + missing - left + wear


def random_problem(seed: int, *, least_price: float) -> Problem:
    """Return a day of random prices, sun and house, with a car and a battery."""
    random = Random(seed)
    count = 96
    buy = tuple(random.uniform(least_price, 0.4) for _ in range(count))
    problem = Problem(
        BEGIN,
        buy,
        tuple(price - 0.1 for price in buy),
        tuple(max(0.0, random.gauss(1_500.0, 1_500.0)) for _ in range(count)),
        tuple(random.uniform(200.0, 1_500.0) for _ in range(count)),
    )
    battery = replace(
        BATTERY,
        stored_wh=random.uniform(0.0, 10_000.0),
        least_wh=random.choice((0.0, 2_000.0)),
        can_sell=True,
        wear=random.choice((0.0, 0.03)),
    )
    return replace(problem, cars=(car_of(problem, random.uniform(3_000, 20_000), 80),), batteries=(battery,))


@pytest.mark.parametrize("seed", range(12))
def test_one_car_beside_a_battery_costs_what_the_linear_programme_says(seed: int) -> None:
    problem = random_problem(seed, least_price=0.1)
    assert whole_cost(problem, greedy.plan(problem)) == pytest.approx(
        whole_cost(problem, highs.plan(problem)), abs=0.01
    )


def test_a_battery_keeps_to_its_bounds_and_its_losses() -> None:
    problem = random_problem(3, least_price=-0.1)
    (battery,) = problem.batteries
    plan = greedy.plan(problem)
    stored = battery.stored_wh
    for power_w, after in zip(plan.batteries["battery"].power_w, plan.batteries["battery"].stored_wh, strict=True):
        assert -5_000.0 - 1e-6 <= power_w <= 5_000.0 + 1e-6
        stored -= power_w / 4 * (1 / 0.95 if power_w > 0 else 0.95)
        assert after == pytest.approx(stored, abs=1e-3)
        assert min(battery.least_wh, battery.stored_wh) - 1e-6 <= after <= battery.capacity_wh + 1e-6


def test_what_cannot_be_reached_is_said_and_the_rest_charged() -> None:
    problem = problem_of((0.3, 0.1))
    alone = replace(problem, cars=(car_of(problem, 10_000.0),))
    beside = replace(alone, batteries=(BATTERY,))
    for plan in (greedy.plan(alone), greedy.plan(beside)):
        assert plan.cars["car"].missing_wh == pytest.approx((2_000.0,))
        assert plan.cars["car"].power_w == pytest.approx((4_000.0,) * 8)


def test_energy_beyond_the_targets_is_bought_up_to_what_it_is_worth() -> None:
    problem = problem_of((0.3, 0.1))
    car = replace(car_of(problem, 1_000.0), room_wh=50_000.0, worth=0.2)
    for batteries in ((), (replace(BATTERY, stored_wh=0.0, can_buy=False),)):
        plan = greedy.plan(replace(problem, cars=(car,), batteries=batteries))
        assert sum(plan.cars["car"].power_w) / 4 == pytest.approx(4_000.0)
        assert sum(plan.cars["car"].power_w[4:]) / 4 == pytest.approx(4_000.0)


def test_cars_share_a_circuit_and_a_limit_on_all_of_them() -> None:
    problem = problem_of((0.1, 0.3))
    cars = tuple(replace(car_of(problem, 4_000.0, car_id=name), amps_per_w=(1 / 230, 0, 0)) for name in ("a", "b"))
    circuit = PlannedCircuit("", ((20.0, 20.0, 20.0),) * 8, frozenset({""}))
    for extra in ({"circuits": (circuit,)}, {"controllable_limit_w": (4_600.0,) * 8}):
        for batteries in ((), (BATTERY,)):
            plan = greedy.plan(replace(problem, cars=cars, batteries=batteries, **extra))
            both = [sum(powers) for powers in zip(*(one.power_w for one in plan.cars.values()), strict=True)]
            assert max(both) == pytest.approx(4_600.0)
            assert sum(both) / 4 == pytest.approx(8_000.0)


def test_cars_and_battery_stay_below_the_import_limit() -> None:
    problem = replace(problem_of((0.1, 0.3), base_w=1_000.0), import_limit_w=(3_000.0,) * 8)
    problem = replace(problem, cars=(car_of(problem, 3_000.0),), batteries=(replace(BATTERY, stored_wh=0.0),))
    plan = greedy.plan(problem)
    assert max(plan.grid_w) <= 3_000.0 + 1e-6
    assert plan.cars["car"].missing_wh == pytest.approx((0.0,), abs=1.0)
    assert plan.over_limit_wh == 0.0


def test_a_battery_lowers_what_the_house_takes_above_the_limit() -> None:
    problem = replace(problem_of((0.1,), base_w=4_000.0), import_limit_w=(3_000.0,) * 4, batteries=(BATTERY,))
    plan = greedy.plan(problem)
    assert plan.grid_w == pytest.approx((3_000.0,) * 4)


def test_no_car_buys_a_new_peak() -> None:
    problem = replace(problem_of((0.1, 0.3), base_w=500.0), peak=PeakPrice(3.0, seen_w=3_000.0))
    plan = greedy.plan(replace(problem, cars=(car_of(problem, 4_500.0),), batteries=(BATTERY,)))
    assert plan.peak_w == 3_000.0


def test_a_battery_that_may_neither_buy_nor_sell_serves_the_house_alone() -> None:
    bound = replace(BATTERY, can_buy=False, can_sell=False)
    net = [500.0] * 4 + [-2_000.0] * 4
    led = lead_battery(problem_of((0.3, 0.3), feed_in=0.29), bound, net)
    assert led.battery.power_w == pytest.approx((500.0,) * 4 + (0.0,) * 4)
    cheap = lead_battery(problem_of((0.3, 0.3), feed_in=0.01), bound, net)
    assert cheap.battery.power_w == pytest.approx((500.0,) * 4 + (-2_000.0,) * 4)


def test_a_load_beside_a_battery_takes_at_its_price_and_not_above() -> None:
    problem = problem_of((0.1, 0.3))
    led = lead_battery(problem, replace(BATTERY, stored_wh=0.0, can_buy=False), [0.0] * 8, Flexible(0.2, [2_000.0] * 8))
    assert led.taken_w == pytest.approx((2_000.0,) * 4 + (0.0,) * 4)
    assert led.battery.power_w == (0.0,) * 8


def test_several_batteries_are_led_one_after_the_other() -> None:
    problem = problem_of((0.1, 0.5), base_w=3_000.0)
    small = replace(BATTERY, battery_id="small", capacity_wh=1_000.0, stored_wh=1_000.0, worth=0.0)
    plan = greedy.plan(replace(problem, batteries=(small, replace(BATTERY, worth=0.0, stored_wh=0.0))))
    assert list(plan.batteries) == ["small", "battery"]
    assert plan.cost < greedy.plan(problem).cost
    assert min(plan.grid_w[4:]) == pytest.approx(0.0, abs=1e-6)


def test_an_empty_battery_of_no_size_does_nothing() -> None:
    none = replace(BATTERY, capacity_wh=0.0, stored_wh=0.0)
    assert greedy.plan(replace(problem_of((0.1,)), batteries=(none,))).batteries["battery"].power_w == (0.0,) * 4
