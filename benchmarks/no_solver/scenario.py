"""The scenario `no-solver`: the saving of plans in plain Python as a share of the linear programme's."""

from collections.abc import Sequence
import statistics
import time

from benchmarks.scenarios import Figures
from custom_components.smart_charging.engine.control.planning import greedy, highs
from custom_components.smart_charging.engine.control.planning.problem import Plan, Problem

from .cases import SEASONS, case

CASES = 30
QUICK_CASES = 8
REPEATS = 5
KWH = 1e-3


def run(*, quick: bool) -> Figures:
    """Return median and 10 % quantile of the shares of the saving, in the season where each is lower, and median ms."""
    count, repeats = (QUICK_CASES, 1) if quick else (CASES, REPEATS)
    figures: Figures = {}
    times = []
    for name, season in SEASONS.items():
        problems = [case(season, seed) for seed in range(count)]
        shares = [share(problem) for problem in problems]
        times += [_ms(problem, repeats) for problem in problems]
        figures |= {f"median_{name}": round(statistics.median(shares), 4), f"p10_{name}": round(_p10(shares), 4)}
        figures[f"worst_{name}"] = round(min(shares), 4)
    return {
        "median": min(figures["median_summer"], figures["median_winter"]),
        "p10": min(figures["p10_summer"], figures["p10_winter"]),
        "ms": round(statistics.median(times), 2),
        **figures,
    }


def describe(figures: Figures) -> str:
    """Return the figures as sentences."""
    return (
        f"{figures['median']:.1%} of the linear programme's saving in the median case of the worse season, "
        f"{figures['p10']:.1%} in the worst tenth, in {figures['ms']:.0f} ms"
    )


def share(problem: Problem) -> float:
    """Return the saving of the plan without a solver over the linear programme's."""
    base = uncontrolled_cost(problem)
    return (base - whole_cost(problem, greedy.plan(problem))) / (base - whole_cost(problem, highs.plan(problem)))


def whole_cost(problem: Problem, plan: Plan) -> float:
    """Return a plan's cost with what its missing energy costs, less what it leaves in the battery."""
    missing = sum(
        lacking * target.penalty * KWH
        for car in problem.cars
        for target, lacking in zip(car.targets, plan.cars[car.car_id].missing_wh, strict=True)
    )
    left = sum(one.worth * plan.batteries[one.battery_id].stored_wh[-1] * KWH for one in problem.batteries)
    return cost(problem, plan.grid_w) + missing - left


def uncontrolled_cost(problem: Problem) -> float:
    """Return what it costs to charge from the arrival on, beside a battery that keeps surplus for the house."""
    (battery,), (car,) = problem.batteries, problem.cars
    stored, needed, grid = battery.stored_wh, car.targets[0].energy_wh, []
    for slot, hours in enumerate(problem.hours):
        car_w = min(car.max_w, needed / hours) if car.present[slot] else 0.0
        needed -= car_w * hours
        net_w = problem.base_w[slot] - problem.pv_w[slot] + car_w
        if net_w > 0:
            flow = min(net_w, battery.max_discharge_w, stored * battery.discharge_efficiency / hours)
            stored -= flow * hours / battery.discharge_efficiency
        else:
            room = (battery.capacity_wh - stored) / battery.charge_efficiency / hours
            flow = -min(-net_w, battery.max_charge_w, room)
            stored -= flow * hours * battery.charge_efficiency
        grid.append(net_w - flow)
    return cost(problem, grid) - battery.worth * stored * KWH


def cost(problem: Problem, grid_w: Sequence[float]) -> float:
    """Return what power at the grid costs, by the prices of each slot."""
    priced = zip(grid_w, problem.import_price, problem.feed_in_price, problem.hours, strict=True)
    return sum(flow * (buy if flow > 0 else sell) * hours * KWH for flow, buy, sell, hours in priced)


def _ms(problem: Problem, repeats: int) -> float:
    """Return the least processor time of a plan in ms."""
    times = []
    for _ in range(repeats):
        begin = time.thread_time_ns()
        greedy.plan(problem)
        times.append(time.thread_time_ns() - begin)
    return min(times) / 1e6


def _p10(shares: Sequence[float]) -> float:
    """Return the value that a tenth of the shares lie below."""
    return statistics.quantiles(shares, n=10)[0]
