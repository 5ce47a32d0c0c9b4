"""What a plan says of one EVSE at this moment, and what the car does by it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ...model import ReasonCode
from .merit_order import latest_start_w

EQUAL = 0.002  # money per kWh: a value this near to a price is equal to it, and the plan's quantity decides
LOOK = timedelta(minutes=5)  # the latest start comes this much before it would be too late
SLOWER = 0.95  # of full power is counted on, for what a car loses while it ramps and pauses
NOTHING_W = 100.0  # less than that is a solver's crumb


@dataclass(frozen=True, slots=True)
class PlanAdvice:
    """What is known of a car by plan: Wh it still wants, W it is sure to take, and when it leaves.

    `value` is what a kWh now is worth by the plan, `planned_w` what it was to draw in this slot, `price` what a kWh from the
    grid costs now; None where there is none. Up to `price_limit` it buys in any case, up to `room_wh` in all.
    At its departure it will lack `missing_wh`.
    Where the aim is `green`, value and price are kg of CO2. While it is `undecided`, for the first plan is not made yet, a car that
    charges goes on.
    """

    needed_wh: float
    sure_w: float
    departure: datetime | None = None
    value: float | None = None
    planned_w: float = 0.0
    price: float | None = None
    undecided: bool = False
    room_wh: float = 0.0
    missing_wh: float = 0.0
    price_limit: float | None = None
    green: bool = False

    @property
    def above_limit(self) -> bool:
        """Return whether the price now is more than the user wants to pay."""
        return self.price_limit is not None and self.price is not None and self.price > self.price_limit


def charges_by_plan(advice: PlanAdvice | None, now: datetime) -> ReasonCode | None:
    """Return why a car charges now whatever the surplus, None where it waits.

    A deadline that can be kept is kept, whatever was forecast: once no time is to be lost, the price does not matter.
    """
    if advice is None or advice.room_wh <= 0:
        return None
    if advice.departure is not None and advice.needed_wh > 0:
        left = max(advice.departure - now, timedelta(0))
        if latest_start_w(advice.needed_wh, advice.sure_w * SLOWER, left, LOOK) > 0:
            return ReasonCode.PLAN_DEADLINE
    if advice.price_limit is not None and advice.price is not None and not advice.above_limit:
        return ReasonCode.PRICE_LOW
    if advice.value is None or advice.price is None or (advice.above_limit and not _for_departure(advice)):
        return None
    equal = abs(advice.value - advice.price) <= EQUAL
    buys = advice.planned_w > NOTHING_W if equal else advice.value > advice.price
    if not buys:
        return None
    return ReasonCode.PLAN_GREEN if advice.green else ReasonCode.PLAN_BUYING


def _for_departure(advice: PlanAdvice) -> bool:
    """Return whether the plan may buy above the limit: for what is not to be had within it before the car leaves."""
    return advice.departure is not None and advice.needed_wh > 0


def waits_for(advice: PlanAdvice | None) -> ReasonCode:
    """Return why a car that follows a plan does not buy."""
    if advice is None or advice.room_wh <= 0:
        return ReasonCode.NO_TARGET
    if advice.above_limit:
        return ReasonCode.PRICE_HIGH
    if advice.value is None:
        return ReasonCode.NO_CO2 if advice.green and advice.price is None else ReasonCode.NO_PLAN
    return ReasonCode.PLAN_WAITING_GREEN if advice.green else ReasonCode.PLAN_WAITING
