"""What is measured now says more of the next hour than any forecast, and nothing of tomorrow."""

from datetime import datetime
from typing import Final

from .series import Forecast

BLEND_SLOTS: Final = 4


def blended(forecast: Forecast, measured_w: float, now: datetime, slots: int = BLEND_SLOTS) -> Forecast:
    """Return a forecast drawn to what is measured in the slot of `now`, by less in each of the slots that follow.

    Of the running slot nearly all of the difference counts, of the next ones less in equal steps, none after `slots`. No power
    falls below 0, and a slot in which the forecast holds all but 0 to be impossible, as the sun's at night, stays.
    """
    first = forecast.index(now)
    if first is None:
        return forecast
    difference = measured_w - forecast.median_w[first]

    def drawn(number: int, power: float) -> float:
        after = number - first
        if not 0 <= after < slots or forecast.high_w[number] <= 0:
            return power
        return max(0.0, power + difference * (1 - (after + 1) / (slots + 1)))

    return forecast.changed(drawn)
