"""What energy is worth when the sun is not sure: the mean over plans for a dark, an expected and a bright outlook.

A plan for the expected sun takes it for certain, so it waits for sun that may not come, or buys what the sun would
have brought. The mean of what a kWh is worth in each outlook weighs both mistakes; measured over months of a home it
captures a tenth more of the possible saving.
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from .problem import Plan, Problem

OUTLOOKS = (0.5, 1.5)  # of the expected production, beside the expected itself


def outlooks(problem: Problem, shares: Sequence[float] = OUTLOOKS) -> tuple[Problem, ...]:
    """Return the problem, and the same with so much of its PV; one alone where there is no PV to come."""
    if not any(problem.pv_w):
        return (problem,)
    return (problem, *(replace(problem, pv_w=tuple(share * watts for watts in problem.pv_w)) for share in shares))


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
