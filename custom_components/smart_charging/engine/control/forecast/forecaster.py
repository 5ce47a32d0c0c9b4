"""Joins what is said, learnt and measured into the two forecasts of a site; a step each quarter of an hour."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, tzinfo
from typing import Final

from ..planning.problem import SLOT
from .base_load import LoadProfile
from .blend import blended
from .errors import ForecastErrors
from .pv import SunSlots
from .pv_correction import PvCorrection
from .series import Forecast, slot_start
from .sky import RECENT_SLOTS, under_present_sky
from .slot_mean import SlotMean

REACH_SLOTS: Final = 192  # two days, as far as plans reach
USUAL_SHARE: Final = 0.4  # of what the panels usually do, in what is to be expected beside a provider's word
SUN_HALF_LIFE_SLOTS: Final = 2.0  # of what a slot brought beside the forecast: a cloud passes ...
HOUSE_HALF_LIFE_SLOTS: Final = 3.0  # ... sooner than a meal is cooked; longer, and a plan believes in peaks that pass
LEAST_DAYS: Final = 2  # of production, before the days to come are taken to be like those


@dataclass(frozen=True, slots=True)
class ProviderMemory:
    """What was learnt of a provider; `source` names it, for of another one nothing is known."""

    source: str = ""
    correction: PvCorrection = field(default_factory=PvCorrection)
    errors: ForecastErrors = field(default_factory=ForecastErrors)


@dataclass(frozen=True, slots=True)
class UsualMemory:
    """What was learnt of the past: the house alone and the panels, at which time; None where there was none."""

    house: LoadProfile | None = None
    pv: LoadProfile | None = None
    at: datetime | None = None


class Forecaster:
    """Keeps the forecasts `pv` and `base_load` from the running slot on, each None while nothing can be told."""

    def __init__(self, time_zone: tzinfo) -> None:
        """Know nothing yet; people live by the clock of `time_zone`."""
        self.time_zone = time_zone
        self.holidays: Collection[date] = frozenset()
        self.provider = ProviderMemory()
        self.usual = UsualMemory()
        self.pv: Forecast | None = None
        self.base_load: Forecast | None = None
        self._said: SunSlots | None = None
        self._pv_mean, self._house_mean = SlotMean(), SlotMean()
        self._last: datetime | None = None  # the slot that was measured last, with what it brought
        self._pv_w: float | None = None
        self._house_w: float | None = None
        self._recent_pv_w: tuple[float, ...] = ()  # of the slots up to the last, newest last; without a gap

    def take_said(self, source: str, said: SunSlots | None) -> None:
        """Take what a provider says now, None where it says nothing; another provider is believed anew."""
        if said is not None and source != self.provider.source:
            self.provider = ProviderMemory(source)
        self._said = said

    def take_power(self, pv_w: float | None, house_w: float | None, at: datetime) -> None:
        """Take what the panels and the house alone do from now on, None where that is not known."""
        self._pv_mean.take(pv_w, at)
        self._house_mean.take(house_w, at)

    def finish_slot(self, now: datetime, *, curtailed: bool = False) -> None:
        """Learn from the slot that just ended; where production may be `curtailed` it says nothing of the sun."""
        last = slot_start(now) - SLOT
        gap = self._last is None or self._last != last - SLOT
        self._last = last
        self._pv_w, self._house_w = self._pv_mean.finish(now), self._house_mean.finish(now)
        correction, measured_w = self.provider.correction, None if curtailed else self._pv_w
        before = () if gap or measured_w is None else self._recent_pv_w
        self._recent_pv_w = () if measured_w is None else (*before, max(0.0, measured_w))[-RECENT_SLOTS:]
        said_w = None if self._said is None else self._said.power_at(self._last)
        if said_w is not None and measured_w is not None:
            correction = correction.learnt(self._last, said_w, measured_w)
        errors = self.provider.errors.compared(self._last, measured_w)
        self.provider = replace(self.provider, correction=correction, errors=errors)

    def renew(self, now: datetime) -> None:
        """Make both forecasts anew from all that is known now."""
        self.pv = self._from(self._under_sky(self._sun(now), now), self._pv_w, now, SUN_HALF_LIFE_SLOTS)
        house = self.usual.house
        start = slot_start(now) - SLOT
        usual = None if house is None else house.forecast(start, REACH_SLOTS + 1, self.time_zone, self.holidays)
        self.base_load = self._from(usual, self._house_w, now, HOUSE_HALF_LIFE_SLOTS)

    def note_forecast(self, now: datetime) -> None:
        """Remember what is forecast now, to be compared with what comes; once for each slot."""
        if self.pv is not None and self._said is not None:
            self.provider = replace(self.provider, errors=self.provider.errors.noted(self.pv, now))

    def _sun(self, now: datetime) -> Forecast | None:
        """Return what the panels will bring: as the provider says, put right, or as usual where none speaks."""
        if self._said is not None and self._said.end > now:
            until = slot_start(now) + REACH_SLOTS * SLOT
            forecast = self._towards_usual(self.provider.correction.applied(self._said).prolonged(until).forecast())
            return forecast if self._said.low_w else self.provider.errors.banded(forecast, now)
        if self.usual.pv is None or self.usual.pv.days < LEAST_DAYS:
            return None  # of a part of a day the rest, and the night, would be taken to be alike
        return self.usual.pv.forecast(slot_start(now) - SLOT, REACH_SLOTS + 1, UTC)

    def _towards_usual(self, forecast: Forecast) -> Forecast:
        """Return a forecast of the sun drawn to what the panels usually do: of two that err apart the mean errs less."""
        usual = self.usual.pv
        if usual is None or usual.days < LEAST_DAYS:
            return forecast
        past = usual.forecast(forecast.start, forecast.slots, UTC).mean_w
        return forecast.changed(lambda slot, power: (1 - USUAL_SHARE) * power + USUAL_SHARE * past[slot])

    def _under_sky(self, forecast: Forecast | None, now: datetime) -> Forecast | None:
        """Return a forecast of the sun drawn to the sky of the last hour, where the panels' past tells what that brings."""
        usual, current = self.usual.pv, self._last == slot_start(now) - SLOT
        if forecast is None or usual is None or usual.days < LEAST_DAYS or not current:
            return forecast
        return under_present_sky(forecast, usual, self._recent_pv_w, now)

    def _from(
        self, forecast: Forecast | None, measured_w: float | None, now: datetime, half_life_slots: float
    ) -> Forecast | None:
        """Return a forecast from the running slot on, drawn to what the slot before it brought."""
        if forecast is None or forecast.index(now) is None:
            return None
        if measured_w is not None and self._last == slot_start(now) - SLOT:
            forecast = blended(forecast, max(0.0, measured_w), self._last, half_life_slots)
        return forecast.window(now, REACH_SLOTS)
