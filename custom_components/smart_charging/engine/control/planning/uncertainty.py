"""What energy is worth when sun and house are not sure: the mean over plans for a dark, an expected and a bright outlook.

A plan for what is expected takes it for certain, so it waits for sun that may not come, or buys what the sun would
have brought. Surplus is what both leave: with less sun goes a house that takes more. The mean of what a kWh is worth in each outlook weighs both mistakes; measured over months of a home it
captures a tenth more of the possible saving.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from .problem import Plan, Problem


@dataclass(frozen=True, slots=True)
class Turn:
    """How else things may turn out: shares of the production and of the house's load that are expected."""

    sun: float
    house: float

    def of(self, problem: Problem) -> Problem:
        """Return a problem as it is then."""
        pv_w = tuple(self.sun * watts for watts in problem.pv_w)
        return replace(problem, pv_w=pv_w, base_w=tuple(self.house * watts for watts in problem.base_w))


OUTLOOKS = (Turn(sun=0.5, house=1.2), Turn(sun=1.5, house=0.8))  # beside what is expected


def outlooks(problem: Problem, turns: Sequence[Turn] = OUTLOOKS) -> tuple[Problem, ...]:
    """Return the problem, and the same as it may turn out; one alone where there is no PV to come."""
    return (problem, *(turn.of(problem) for turn in turns)) if any(problem.pv_w) else (problem,)


def weighed(plans: Sequence[Plan]) -> Plan:
    """Return the first plan with the values, and the power of the first slot, that all of them have on average.

    IndexError for no plan. The plans are of the same cars and batteries.
    """
    first = plans[0]
    cars = {
        name: replace(
            one,
            value=fmean(plan.cars[name].value for plan in plans),
            power_w=(fmean(plan.cars[name].power_w[0] for plan in plans), *one.power_w[1:]),
        )
        for name, one in first.cars.items()
    }
    batteries = {
        name: replace(
            one,
            value=fmean(plan.batteries[name].value for plan in plans),
            power_w=(fmean(plan.batteries[name].power_w[0] for plan in plans), *one.power_w[1:]),
        )
        for name, one in first.batteries.items()
    }
    return replace(first, cars=cars, batteries=batteries)
