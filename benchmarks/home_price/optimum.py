"""The least cost with perfect foresight: one linear programme over the whole period.

A bound: it knows no least current, no delay, and every price from the begin. As the meter does, it nets what flows
within a quarter hour; it does not curtail the PV.
"""

from custom_components.smart_charging.engine.control.planning.highs import plan
from custom_components.smart_charging.engine.control.planning.problem import PlannedCar, Problem, Target

from .home import FULL_W, KWH
from .world import World


def foreseen(world: World) -> Problem:
    """Return the period as a problem in which everything to come is known."""
    inside = slice(world.before, world.before + world.quarters)
    return Problem(
        start=world.begin,
        import_price=world.import_price[inside],
        feed_in_price=world.feed_in_price[inside],
        pv_w=world.pv_w[inside],
        base_w=world.load_w[inside],
        cars=tuple(
            PlannedCar(
                f"visit{number}",
                tuple(visit.arrival <= slot < visit.departure for slot in range(world.quarters)),
                FULL_W,
                visit.need_wh,
                (Target(visit.need_wh, visit.departure),),
            )
            for number, visit in enumerate(world.visits)
        ),
        batteries=() if world.battery is None else (world.battery,),
    )


def least_cost(world: World) -> float:
    """Return the least cost of a period in EUR, less what the battery holds in the end."""
    solved = plan(foreseen(world), time_limit_s=120.0)
    left = sum(one.stored_wh[-1] for one in solved.batteries.values())
    return solved.cost - world.worth * left * KWH
