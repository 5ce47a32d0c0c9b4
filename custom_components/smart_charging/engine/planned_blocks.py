"""A car's plan as it is told: times in which it draws or gives without a break, and what these cost."""

from collections.abc import Iterable, Iterator, Mapping

from .control.planning.problem import MONEY_PER_WH, Problem
from .view import PlannedBlock


def slot_cost(problem: Problem, number: int, power_w: float, buy: float, sell: float) -> float:
    """Return what a car's power costs in a slot, less than nothing for what it gives; prices per kWh.

    What PV has left is worth what it would be sold for, and so is what a car gives beyond what the house takes.
    """
    house_w = problem.base_w[number] - problem.pv_w[number]
    sold_w = min(power_w, max(0.0, -house_w)) if power_w >= 0 else min(0.0, power_w + max(0.0, house_w))
    return (sold_w * sell + (power_w - sold_w) * buy) * problem.hours[number] * MONEY_PER_WH


def known_sum(costs: Iterable[float | None]) -> float | None:
    """Return the sum, None where one is not known."""
    known = list(costs)
    return None if None in known else sum(one for one in known if one is not None)


def blocks_of(
    problem: Problem, powers: Mapping[int, float], costs: Mapping[int, float | None]
) -> Iterator[PlannedBlock]:
    """Yield what is drawn, or given, in slots that follow each other as one."""
    block: PlannedBlock | None = None
    hours = problem.hours
    for number, power in sorted(powers.items()):
        start = problem.start + number * problem.slot
        energy_wh, cost = power * hours[number], costs[number]
        if block is not None and block.end == start and (block.energy_wh > 0) == (energy_wh > 0):
            energy_wh, cost, start = energy_wh + block.energy_wh, known_sum((block.cost, cost)), block.start
        elif block is not None:
            yield block
        block = PlannedBlock(start, problem.start + (number + 1) * problem.slot, energy_wh, cost)
    if block is not None:
        yield block
