"""What a plan says of a car that can give energy back at this moment."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from .advice import LOOK, NOTHING_W, SLOWER, Gives, PlanAdvice, charges_by_plan, tolerance
from .merit_order import latest_start_w


class GivingUse(StrEnum):
    """What a car is to give for now."""

    NOTHING = "nothing"
    HOUSE = "house"  # no more than the house takes
    GRID = "grid"  # all it can: what the house leaves is sold for more than it costs


@dataclass(frozen=True, slots=True)
class GivingNow:
    """What a car is to give for, and how much at the most, W."""

    use: GivingUse
    most_w: float = 0.0


_NOTHING = GivingNow(GivingUse.NOTHING)


def giving_by_plan(advice: PlanAdvice | None, now: datetime) -> GivingNow:
    """Return what a car is to give by what a kWh in it is worth; where that is no more than it costs, by the plan's quantity.

    Never what it then could not have again before it leaves, whatever the plan says.
    """
    gives = None if advice is None else advice.gives
    if advice is None or gives is None or advice.value is None or advice.price is None or advice.price <= 0:
        return _NOTHING
    if gives.stored_wh <= 0 or charges_by_plan(advice, now) is not None or not _in_time(advice, gives, now):
        return _NOTHING
    costs = _cost(advice.value, gives)
    if gives.sells and advice.feed_in is not None:
        gain, equal = advice.feed_in - costs, tolerance(advice.feed_in)
        if gain > equal:
            return GivingNow(GivingUse.GRID, gives.most_w)
        if gain >= -equal and advice.planned_w < -NOTHING_W:
            return GivingNow(GivingUse.GRID, min(gives.most_w, -advice.planned_w))
    gain, equal = advice.price - costs, tolerance(advice.price)
    if gain > equal:
        return GivingNow(GivingUse.HOUSE, gives.most_w)
    if gain >= -equal and advice.planned_w < -NOTHING_W:
        return GivingNow(GivingUse.HOUSE, min(gives.most_w, -advice.planned_w))
    return _NOTHING


def at_floor(advice: PlanAdvice | None) -> bool:
    """Return whether a car would give now, did it not hold just what is to be kept."""
    gives = None if advice is None else advice.gives
    if advice is None or gives is None or gives.stored_wh > 0 or advice.value is None or advice.price is None:
        return False
    return advice.price - _cost(advice.value, gives) > tolerance(advice.price)


def _cost(value: float, gives: Gives) -> float:
    """Return what a kWh that is given costs, by what a kWh in the car is worth."""
    return value / gives.efficiency + gives.wear


def _in_time(advice: PlanAdvice, gives: Gives, now: datetime) -> bool:
    """Return whether a car that gives until the next look can still be charged in time."""
    ready = advice.departure if advice.kept_from is None else advice.kept_from
    if ready is None:
        return True
    hour = timedelta(hours=1)
    needed_wh = advice.needed_wh - advice.kept_wh - gives.spare_wh
    needed_wh += gives.most_w * (LOOK / hour) / gives.efficiency
    left = ready - now - LOOK
    return left > timedelta() and latest_start_w(max(0.0, needed_wh), advice.sure_w * SLOWER, left, LOOK) <= 0
