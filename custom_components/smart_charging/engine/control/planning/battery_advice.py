"""What a plan says of a battery at this moment, and what the battery does by it."""

from dataclasses import dataclass
from enum import StrEnum

from .advice import NOTHING_W, tolerance
from .problem import EFFICIENCY


@dataclass(frozen=True, slots=True)
class BatteryAdvice:
    """What is known of a battery by plan; money per kWh, power in W, discharge > 0.

    `value` is what a kWh in it is worth, `planned_w` what it was to give in this slot, `price` what a kWh from the grid
    costs now.
    """

    value: float
    planned_w: float
    price: float


class BatteryUse(StrEnum):
    """What a battery is good for now."""

    BUY = "buy"  # a kWh from the grid is worth more in it than it costs
    KEEP = "keep"  # a kWh in it will save more later than it would now
    SPEND = "spend"  # its own control does best: it carries what the sun does not


def use_of(advice: BatteryAdvice) -> BatteryUse:
    """Return what a battery is good for.

    Where buying gains nothing the plan's quantity decides; where keeping gains nothing it is spent, for the sun may come.
    """
    gain, equal = advice.value * EFFICIENCY - advice.price, tolerance(advice.price)
    if gain > equal or (gain >= -equal and advice.planned_w < -NOTHING_W):
        return BatteryUse.BUY
    return BatteryUse.KEEP if advice.value / EFFICIENCY - advice.price > equal else BatteryUse.SPEND


def bought_w(advice: BatteryAdvice, most_w: float) -> float:
    """Return the W that a battery that buys takes: all it can where that gains, what was planned where nothing is gained."""
    if advice.value * EFFICIENCY - advice.price > tolerance(advice.price):
        return most_w
    return min(most_w, max(0.0, -advice.planned_w))
