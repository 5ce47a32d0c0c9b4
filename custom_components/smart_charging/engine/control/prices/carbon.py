"""The grid's CO2 by time, as one sensor tells it of its moment: kept for a day, which stands in for the next."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..forecast.series import slot_start
from .series import QUARTER_HOUR, PriceSeries

G_PER_KG = 1000.0
_DAY = timedelta(days=1)
_QUARTERS = _DAY // QUARTER_HOUR
_SILENT = 4  # quarters of an hour that a sensor may miss


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

    def outlook(self, now: datetime) -> PriceSeries | None:
        """Return a day from now on in kg per kWh, like prices; None where nothing was told for an hour.

        What is to come is as it was at the same time of the day before, shifted to where the grid is now: a day with
        more wind than the last is cleaner as a whole. Quarters of which nothing is known stay open.
        """
        start = slot_start(now)
        told = [start - number * QUARTER_HOUR for number in range(_SILENT + 1)]
        newest = next((quarter for quarter in told if quarter in self.grams), None)
        if newest is None:
            return None
        present, before = self.grams[newest], self.grams.get(newest - _DAY)
        level = 1.0 if not before else present / before
        usual = (self.grams.get(start + number * QUARTER_HOUR - _DAY) for number in range(1, _QUARTERS))
        to_come = (None if value is None else value * level / G_PER_KG for value in usual)
        return PriceSeries(start, QUARTER_HOUR, (present / G_PER_KG, *to_come))
