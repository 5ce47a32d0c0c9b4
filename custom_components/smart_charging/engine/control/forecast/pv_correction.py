"""How a provider errs about these panels: learnt from each slot that has passed, hour by hour.

A shadow in the morning, panels that were described wrongly, or a provider that sees every cloud too dark each leave their mark on
the same hours of each day. So for each hour (of UTC: the sun keeps no summer time) a line is fitted through what was forecast
and what came, over the last weeks; where little is known yet, all hours together tell the ratio, and before that the provider is right.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from ..planning.problem import SLOT
from .pv import SunSlots
from .series import HOUR, SLOTS_PER_DAY, Series

PER_HOUR: Final = HOUR // SLOT
HALF_LIFE_DAYS: Final = 14.0
DECAY: Final = 0.5 ** (1 / (HALF_LIFE_DAYS * PER_HOUR))  # for each slot that an hour learns from
DECAY_OF_ALL: Final = 0.5 ** (1 / (HALF_LIFE_DAYS * SLOTS_PER_DAY / 2))  # about half of the slots have sun
LIGHT_SHARE: Final = 0.005  # of the highest power known: a forecast below this says no more than that it is dawn
DOUBT_SLOTS: Final = 2.0  # of full sun: how much all hours, or the provider, count against what an hour saw itself
OFFSET_SLOTS: Final = 4.0  # until an hour saw this many, only part of the offset is believed
LEAST_RATIO, MOST_RATIO = 0.25, 4.0
OUTLIER_RATIO: Final = 4.0  # what came beyond this many times the forecast ...
OUTLIER_SHARE: Final = 0.1  # ... and this share of the highest power is taken for less


@dataclass(frozen=True, slots=True)
class HourErrors:
    """Fading sums over the slots of one hour: their number, what was forecast and measured (W), squares and products."""

    slots: float = 0.0
    forecast: float = 0.0
    measured: float = 0.0
    squares: float = 0.0
    products: float = 0.0

    def learnt(self, forecast_w: float, measured_w: float, decay: float) -> HourErrors:
        """Return the sums with one more slot."""
        return HourErrors(
            self.slots * decay + 1,
            self.forecast * decay + forecast_w,
            self.measured * decay + measured_w,
            self.squares * decay + forecast_w**2,
            self.products * decay + forecast_w * measured_w,
        )


@dataclass(frozen=True, slots=True)
class PvCorrection:
    """What was learnt so far; empty at first, which changes nothing. It can be kept and taken up again.

    `hours` by hour of UTC, `peak_w` the highest mean power of a slot that was seen or forecast.
    """

    hours: Mapping[int, HourErrors] = field(default_factory=dict)
    total: HourErrors = HourErrors()
    peak_w: float = 0.0

    def learnt(self, start: datetime, forecast_w: float, measured_w: float) -> PvCorrection:
        """Return what is known after a slot has passed, of which this was forecast (uncorrected) and this came.

        A slot of night or dawn teaches nothing. One slot far off the rest moves little: what is beyond belief is cut.
        """
        peak_w = max(self.peak_w, forecast_w, measured_w)
        known = replace(self, peak_w=peak_w)
        if forecast_w <= LIGHT_SHARE * peak_w:
            return known
        most_w = OUTLIER_RATIO * forecast_w + OUTLIER_SHARE * peak_w
        measured_w = min(max(0.0, measured_w), most_w)
        hour = start.astimezone(UTC).hour
        errors = self.hours.get(hour, HourErrors()).learnt(forecast_w, measured_w, DECAY)
        total = self.total.learnt(forecast_w, measured_w, DECAY_OF_ALL)
        return replace(known, hours={**self.hours, hour: errors}, total=total)

    def corrected(self, start: datetime, forecast_w: float) -> float:
        """Return what is to be expected of a slot of which a provider says this much, in W."""
        if forecast_w <= LIGHT_SHARE * self.peak_w:
            return max(0.0, forecast_w)
        errors = self.hours.get(start.astimezone(UTC).hour, HourErrors())
        slope, offset_w = _line(errors, self._ratio(errors))
        return min(max(0.0, offset_w + slope * forecast_w), max(self.peak_w, forecast_w))

    def applied(self, said: SunSlots) -> SunSlots:
        """Return a provider's word corrected, its band moved by the same amounts and kept around it."""

        def each(series: Series) -> Series:
            return tuple(self.corrected(said.start + number * SLOT, power) for number, power in enumerate(series))

        return SunSlots(said.start, each(said.power_w), each(said.low_w), each(said.high_w))

    def _ratio(self, errors: HourErrors) -> float:
        """Return measured by forecast of an hour, drawn to that of all hours and to 1 as long as little was seen."""
        doubt = DOUBT_SLOTS * self.peak_w
        if doubt == 0:
            return 1.0
        of_all = (self.total.measured + doubt) / (self.total.forecast + doubt)
        ratio = (errors.measured + doubt / 2 * of_all) / (errors.forecast + doubt / 2)
        return min(max(ratio, LEAST_RATIO), MOST_RATIO)


def _line(errors: HourErrors, ratio: float) -> tuple[float, float]:
    """Return slope and offset (W) of the line through an hour's slots, drawn to the one through zero with this ratio."""
    if errors.slots < 1 or errors.forecast <= 0:
        return ratio, 0.0
    forecast, measured = errors.forecast / errors.slots, errors.measured / errors.slots
    spread = errors.squares / errors.slots - forecast**2
    common = errors.products / errors.slots - forecast * measured
    drawn = forecast**2 * PER_HOUR / errors.slots + 1.0
    slope = (common + drawn * ratio) / (spread + drawn)
    slope = min(max(slope, 0.3 * ratio), 1.2 * ratio)
    believed = errors.slots / (errors.slots + OFFSET_SLOTS)
    offset = (measured - slope * forecast) * believed
    return slope, min(max(offset, -measured), measured)
