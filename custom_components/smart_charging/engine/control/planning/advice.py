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
class Gives:
    """What a car may give back: W at most, and how much it has to spare, in Wh as they were charged.

    `stored_wh` is what it holds above the charge that is to be kept, `spare_wh` above its target. Of what is charged
    `efficiency` comes back, and a kWh of that costs `wear` (money). Where it `sells` it may be more than the house takes.
    """

    most_w: float
    stored_wh: float
    spare_wh: float
    efficiency: float
    wear: float
    sells: bool = False


@dataclass(frozen=True, slots=True)
class PlanAdvice:
    """What is known of a car by plan: Wh it still wants, W it is sure to take, and when it leaves.

    `value` is what a kWh now is worth by the plan, `planned_w` what it was to draw in this slot, `price` what a kWh from the
    grid costs now; None where there is none. Up to `price_limit` it buys in any case, up to `room_wh` in all.
    At its departure it will lack `missing_wh`.
    `kept_wh` are for the time from `kept_from` on, right before it leaves. What is `continuous` goes on once it is `running`.
    It may give back what `gives` says, for which the grid pays `feed_in`. Where the aim is `green`, value and price are kg of CO2. While it is `undecided`, for the first plan is not made yet, a car that
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
    kept_wh: float = 0.0
    kept_from: datetime | None = None
    continuous: bool = False
    running: bool = False
    green: bool = False
    gives: Gives | None = None
    feed_in: float | None = None

    @property
    def above_limit(self) -> bool:
        """Return whether the price now is more than the user wants to pay."""
        return self.price_limit is not None and self.price is not None and self.price > self.price_limit

    @property
    def keeps_all(self) -> bool:
        """Return whether all that the car still needs is for right before it leaves."""
        return 0 < self.needed_wh <= self.kept_wh


def tolerance(price: float) -> float:
    """Return how near a value is to a price to be equal to it; in a currency of small units more."""
    return EQUAL * max(1.0, abs(price))


def charges_by_plan(advice: PlanAdvice | None, now: datetime) -> ReasonCode | None:
    """Return why a car charges now whatever the surplus, None where it waits.

    A deadline that can be kept is kept, whatever was forecast: once no time is to be lost, the price does not matter.
    """
    if advice is None or advice.room_wh <= 0:
        return None
    ready = advice.departure if advice.kept_from is None else advice.kept_from
    if ready is not None and advice.needed_wh > advice.kept_wh:
        left = max(ready - now, timedelta(0))
        if latest_start_w(advice.needed_wh - advice.kept_wh, advice.sure_w * SLOWER, left, LOOK) > 0:
            return ReasonCode.PLAN_DEADLINE
    if advice.keeps_all:
        return None
    by_plan = ReasonCode.PLAN_GREEN if advice.green else ReasonCode.PLAN_BUYING
    if advice.continuous:
        return by_plan if advice.running or advice.planned_w > NOTHING_W else None
    if advice.price_limit is not None and advice.price is not None and not advice.above_limit:
        return ReasonCode.PRICE_LOW
    if advice.value is None or advice.price is None or (advice.above_limit and not _for_departure(advice)):
        return None
    equal = abs(advice.value - advice.price) <= tolerance(advice.price)
    buys = advice.planned_w > NOTHING_W if equal else advice.value > advice.price
    return by_plan if buys else None


def _for_departure(advice: PlanAdvice) -> bool:
    """Return whether the plan may buy above the limit: for what is not to be had within it before the car leaves."""
    return advice.departure is not None and advice.needed_wh > 0


def waits_for(advice: PlanAdvice | None) -> ReasonCode:
    """Return why a car that follows a plan does not buy."""
    if advice is None or advice.room_wh <= 0:
        return ReasonCode.NO_TARGET
    if advice.keeps_all:
        return ReasonCode.PLAN_KEEPING
    if advice.above_limit:
        return ReasonCode.PRICE_HIGH
    if advice.value is None:
        return ReasonCode.NO_CO2 if advice.green and advice.price is None else ReasonCode.NO_PLAN
    return ReasonCode.PLAN_WAITING_GREEN if advice.green else ReasonCode.PLAN_WAITING
