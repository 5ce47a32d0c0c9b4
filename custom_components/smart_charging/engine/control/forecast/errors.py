"""How far off forecasts were, by how long before they were made: the band of those that tell none."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ..planning.problem import SLOT
from .series import HIGH, LOW, Forecast, quantile

HORIZONS: Final = (1, 4, 16, 96)  # slots between the making of a forecast and its slot: 15 min, 1 h, 4 h, 1 day
REMEMBERED: Final = 500  # errors for each of these; of the sun's that is more than a week
ENOUGH: Final = 40  # before so many were seen, the band is a guess
GUESSED: Final = (-0.6, 0.6)  # of the forecast: what day-ahead forecasts of one roof are off, eight times in ten
FLOOR_SHARE: Final = 0.1  # of the highest power in the forecast: an error is told in relation to no less than this


@dataclass(frozen=True, slots=True)
class Expected:
    """What was once forecast for a slot, waiting to be compared; `scale_w` is what its error is told in."""

    start: datetime
    horizon: int
    power_w: float
    scale_w: float


@dataclass(frozen=True, slots=True)
class ForecastErrors:
    """The newest errors by horizon, as shares, and the forecasts that are still to come true; it can be kept.

    ValueError for other horizons than these.
    """

    seen: tuple[tuple[float, ...], ...] = ((),) * len(HORIZONS)
    waiting: tuple[Expected, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what was kept of other horizons."""
        if len(self.seen) != len(HORIZONS):
            raise ValueError("errors are told for each horizon")

    def noted(self, forecast: Forecast, now: datetime) -> ForecastErrors:
        """Return the errors with a forecast made now waiting to come true; night is not noted, it is no art."""
        scale = FLOOR_SHARE * max(forecast.mean_w, default=0.0)
        waiting = list(self.waiting)
        for horizon, slots in enumerate(HORIZONS):
            number = forecast.index(now + slots * SLOT)
            if number is not None and forecast.mean_w[number] > 0:
                power = forecast.mean_w[number]
                waiting.append(Expected(forecast.start + number * SLOT, horizon, power, power + scale))
        return replace(self, waiting=tuple(waiting[-2 * sum(HORIZONS) :]))

    def compared(self, start: datetime, measured_w: float | None) -> ForecastErrors:
        """Return the errors after a slot has passed; what was to come true before and was not measured is forgotten."""
        seen = list(self.seen)
        for one in self.waiting:
            if one.start == start and measured_w is not None:
                error = round((measured_w - one.power_w) / one.scale_w, 4)
                seen[one.horizon] = (*seen[one.horizon], error)[-REMEMBERED:]
        return ForecastErrors(tuple(seen), tuple(one for one in self.waiting if one.start > start))

    def banded(self, forecast: Forecast, now: datetime) -> Forecast:
        """Return a forecast with the band that its own past errors say, wider the later a slot is."""
        floor = FLOOR_SHARE * max(forecast.mean_w, default=0.0)
        shares = [self._shares(horizon) for horizon in range(len(HORIZONS))]
        low, high = [], []
        for number, power in enumerate(forecast.median_w):
            ahead = (forecast.start + number * SLOT - now) / SLOT
            horizon = next((index for index, slots in enumerate(HORIZONS) if ahead <= slots), len(HORIZONS) - 1)
            scale = power + floor if power > 0 else 0.0
            low.append(max(0.0, power + min(0.0, shares[horizon][0]) * scale))
            high.append(power + max(0.0, shares[horizon][1]) * scale)
        return replace(forecast, low_w=tuple(low), high_w=tuple(high))

    def _shares(self, horizon: int) -> tuple[float, float]:
        """Return the quantiles of a horizon's errors, mixed with a guess as long as few were seen."""
        seen = self.seen[horizon]
        believed = min(1.0, len(seen) / ENOUGH)
        measured = (quantile(seen, LOW), quantile(seen, HIGH)) if seen else (0.0, 0.0)
        low, high = (believed * one + (1 - believed) * guess for one, guess in zip(measured, GUESSED, strict=True))
        return low, high
