"""How clear the sky is now: that lasts for hours, and no forecast made yesterday could know of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import fmean
from typing import Final

from ..planning.problem import SLOT
from .base_load import DayType, LoadProfile, quarter_of
from .series import Forecast

RECENT_SLOTS: Final = 4  # that are the present: an hour, in which single clouds even out
HALF_LIFE_SLOTS: Final = 16.0  # after which half of the present sky is expected to be gone
LEAST_SHARE: Final = 0.03  # of the brightest slot of the day: with less sun what is measured says nothing of the sky
SURE_SHARE: Final = 0.15  # from here on it says all that it can
CLEAREST: Final = 1.1  # times what is bright for the time of the day


def under_present_sky(forecast: Forecast, usual: LoadProfile, recent_w: Sequence[float], now: datetime) -> Forecast:
    """Return a forecast drawn to what the sky of the last slots would bring, in the last of them and from `now` on.

    `recent_w` are the mean powers of the slots that ended now, newest last; `usual` is what the panels did by
    quarter of the day (UTC), of which the brightest tell what they bring under a clear sky. Less sun than a thirtieth of the
    day's brightest moves nothing. The later a slot, the less it is moved, and of the night no slot.
    """
    bright = [one.high_w for one in usual.quarters[DayType.WORKDAY]]
    first = forecast.index(now)
    if first is None or len(recent_w) < RECENT_SLOTS or not any(bright):
        return forecast

    def at(number: int) -> float:
        return bright[quarter_of((forecast.start + number * SLOT).astimezone(UTC))]

    clear_w = fmean(at(first - 1 - back) for back in range(RECENT_SLOTS))
    light = clear_w / max(bright)
    if light <= LEAST_SHARE:
        return forecast
    sure = min(1.0, (light - LEAST_SHARE) / (SURE_SHARE - LEAST_SHARE))
    clearness = min(CLEAREST, fmean(recent_w[-RECENT_SLOTS:]) / clear_w)

    def drawn(number: int, power: float) -> float:
        if number < first - 1 or forecast.high_w[number] <= 0:
            return power
        share: float = sure * 0.5 ** (max(0, number - first) / HALF_LIFE_SLOTS)
        return (1 - share) * power + share * clearness * at(number)

    return forecast.changed(drawn)
