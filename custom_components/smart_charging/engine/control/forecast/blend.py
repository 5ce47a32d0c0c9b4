"""What is measured now says more of the next hour than any forecast, and nothing of tomorrow."""

from datetime import datetime
from typing import Final

from .series import Forecast

BELIEVED: Final = 0.8  # of the difference in the slot that was measured
HALF_LIFE_SLOTS: Final = 4.0  # after which half of that is left


def blended(forecast: Forecast, measured_w: float, now: datetime, half_life_slots: float = HALF_LIFE_SLOTS) -> Forecast:
    """Return a forecast drawn to what is measured in the slot of `now`, and by less in each of the slots that follow.

    No power falls below 0, and a slot in which the forecast holds all but 0 to be impossible, as the sun's at night, stays.
    """
    first = forecast.index(now)
    if first is None:
        return forecast
    difference = measured_w - forecast.mean_w[first]

    def drawn(number: int, power: float) -> float:
        after = number - first
        if after < 0 or forecast.high_w[number] <= 0:
            return power
        share: float = BELIEVED * 0.5 ** (after / half_life_slots)
        return max(0.0, power + share * difference)

    return forecast.changed(drawn)
