"""The grid's CO2 by time: as a source forecasts it, and beyond that as a sensor told it a day before."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from ..forecast.series import slot_start
from .series import QUARTER_HOUR, PriceSeries

G_PER_KG = 1000.0
_DAY = timedelta(days=1)
_FARTHEST = timedelta(days=4)  # that a forecast is looked at
_SILENT = 4  # quarters of an hour that a sensor may miss
# A day as a whole is taken to be this much of the last one, at least and at most: the weather of a moment passes, and a
# ratio of two small numbers says little of a day.
LEAST_LEVEL = 0.5
MOST_LEVEL = 2.0


class CarbonSource(StrEnum):
    """What is known of a quarter of an hour's CO2 comes from."""

    FORECAST = "forecast"
    MEASURED = "measured"
    DAY_BEFORE = "day_before"


@dataclass(frozen=True, slots=True)
class CarbonOutlook:
    """The CO2 of the time to come in kg per kWh, like prices, and for each quarter where that comes from."""

    series: PriceSeries
    sources: tuple[CarbonSource | None, ...]

    def source_at(self, at: datetime) -> CarbonSource | None:
        """Return where what is known of a moment comes from, None where nothing is."""
        index = self.series.index(at)
        return None if index is None else self.sources[index]


@dataclass(frozen=True, slots=True)
class CarbonHistory:
    """Grams of CO2 that a kWh from the grid stood for, by the beginning of the quarter of an hour (UTC)."""

    grams: Mapping[datetime, float] = field(default_factory=dict)

    def noted(self, at: datetime, grams: float) -> CarbonHistory:
        """Return the history with what was told at a moment; what is older than two days goes."""
        now = slot_start(at)
        kept = {quarter: value for quarter, value in self.grams.items() if quarter > now - 2 * _DAY}
        return CarbonHistory({**kept, now: grams})

    def with_past(self, grams: Mapping[datetime, float]) -> CarbonHistory:
        """Return the history with what is known of quarters of which nothing was told."""
        return CarbonHistory({**grams, **self.grams})

    def outlook(self, now: datetime, forecast: PriceSeries | None = None) -> CarbonOutlook | None:
        """Return a day from now on, or more where a forecast (grams) reaches further; None where nothing is known of it.

        What is forecast counts, also for now: what a sensor counts as CO2 may be something else, and the two must not
        be weighed against each other. What is not forecast is as it was at the same time of the day before, shifted to
        where the grid is now, by half to twice at most: a day with more wind than the last is cleaner as a whole. Of that,
        what was told last must be no older than an hour. Quarters of which nothing is known stay open.
        """
        start = slot_start(now)
        found = list(self._quarters(start, forecast))
        if all(source in {None, CarbonSource.DAY_BEFORE} for _, source in found):
            return None  # nothing says where the grid is now, nor where it will be
        values = tuple(None if grams is None else grams / G_PER_KG for grams, _ in found)
        return CarbonOutlook(PriceSeries(start, QUARTER_HOUR, values), tuple(source for _, source in found))

    def _quarters(
        self, start: datetime, forecast: PriceSeries | None
    ) -> Iterator[tuple[float | None, CarbonSource | None]]:
        """Yield what is known of each quarter from one on: grams, and where they come from."""
        newest = self._newest(start)
        measured = None if newest is None else self.grams[newest]
        told_now = _forecast_at(forecast, start)
        present = measured if told_now is None else told_now
        usual_now = self.grams.get((newest or start) - _DAY) or measured
        level = _level(present, usual_now)
        for number in range(_length(start, forecast) // QUARTER_HOUR):
            at = start + number * QUARTER_HOUR
            usual = self.grams.get(at - _DAY)
            if (told := _forecast_at(forecast, at)) is not None:
                yield told, CarbonSource.FORECAST
            elif number == 0 and measured is not None:
                yield measured, CarbonSource.MEASURED
            elif number == 0 or usual is None:
                yield None, None
            else:
                yield usual * level, CarbonSource.DAY_BEFORE

    def _newest(self, start: datetime) -> datetime | None:
        """Return the newest quarter of which something was told in the last hour."""
        told = (start - number * QUARTER_HOUR for number in range(_SILENT + 1))
        return next((quarter for quarter in told if quarter in self.grams), None)


def _level(present: float | None, usual: float | None) -> float:
    """Return how the grid is to be weighed against the day before; as it was where that can't be told."""
    if present is None or not usual:
        return 1.0
    return min(MOST_LEVEL, max(LEAST_LEVEL, present / usual))


def _forecast_at(forecast: PriceSeries | None, at: datetime) -> float | None:
    return None if forecast is None else forecast.import_at(at)


def _length(start: datetime, forecast: PriceSeries | None) -> timedelta:
    """Return how far is looked: a day, and as far as a forecast reaches."""
    return _DAY if forecast is None else max(_DAY, min(_FARTHEST, forecast.end - start))
