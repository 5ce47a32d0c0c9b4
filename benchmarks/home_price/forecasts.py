"""What is expected of sun, house and prices: what is known of them in advance, and what the product forecasts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import numpy as np

from benchmarks.series import QUARTER, QUARTERS_PER_DAY
from custom_components.smart_charging.engine.control.forecast.base_load import OLDEST_DAYS, QuarterLoad, learn
from custom_components.smart_charging.engine.control.forecast.forecaster import REACH_SLOTS, Forecaster, UsualMemory
from custom_components.smart_charging.engine.control.forecast.pv import SunSlots
from custom_components.smart_charging.engine.control.forecast.series import Forecast

from .world import LOCAL, Visit, World

DAY = QUARTERS_PER_DAY
PRICE_DAYS = 7
PROVIDER = "the day before"


class Forecasts(Protocol):
    """Expectations at the begin of a quarter, for so many quarters from it on; nothing measured in it is known yet."""

    def pv_w(self, quarter: int, count: int) -> Sequence[float]:
        """Return the PV's production in W."""

    def load_w(self, quarter: int, count: int) -> Sequence[float]:
        """Return the house's load in W, without car and battery."""

    def day_ahead_price(self, quarter: int, count: int) -> Sequence[float]:
        """Return prices in EUR per kWh, the published ones and then what is expected."""

    def visits(self, quarter: int, count: int) -> Sequence[Visit]:
        """Return the stays that are expected to begin after this quarter."""


@dataclass(frozen=True, slots=True)
class Perfect:
    """Knows what will be."""

    world: World

    def pv_w(self, quarter: int, count: int) -> Sequence[float]:
        """Return what the PV will produce."""
        return self._cut(self.world.pv_w, quarter, count)

    def load_w(self, quarter: int, count: int) -> Sequence[float]:
        """Return what the house will take."""
        return self._cut(self.world.load_w, quarter, count)

    def day_ahead_price(self, quarter: int, count: int) -> Sequence[float]:
        """Return what the prices will be."""
        return self._cut(self.world.feed_in_price, quarter, count)

    def visits(self, quarter: int, count: int) -> Sequence[Visit]:
        """Return the stays to come."""
        return [one for one in self.world.visits if quarter < one.arrival < quarter + count]

    def _cut(self, series: Sequence[float], quarter: int, count: int) -> Sequence[float]:
        return series[self.world.before + quarter : self.world.before + quarter + count]


class Real:
    """The product's own forecasters as they run at a site; prices that are not published yet are as of late.

    They are told quarter by quarter what is said of the sun and what was measured, and time only goes forward:
    ValueError for a quarter before one that was asked for.
    """

    def __init__(self, world: World) -> None:
        """Take the home; the weeks before the first quarter are lived through to learn from."""
        self.world = world
        # A day without a forecast has none of any hour.
        around = np.convolve(np.asarray(world.forecast_w) > 0, np.ones(DAY), "same") > 0
        self._told: list[bool] = around.tolist()
        self._forecaster = Forecaster(LOCAL)
        self._lived = 0  # quarters from the begin of the history

    def pv_w(self, quarter: int, count: int) -> Sequence[float]:
        """Return what the forecaster says of the sun, 0 where it says nothing."""
        self._live_until(quarter)
        return _power(self._forecaster.pv, count)

    def load_w(self, quarter: int, count: int) -> Sequence[float]:
        """Return what the forecaster says of the house."""
        self._live_until(quarter)
        return _power(self._forecaster.base_load, count)

    def day_ahead_price(self, quarter: int, count: int) -> Sequence[float]:
        """Return what is published, then the mean of this time of the day over the last days."""
        at, known = self.world.before + quarter, self.world.before + self.world.known_until(quarter)
        prices = self.world.feed_in_price
        return [prices[slot] if slot < known else _mean(prices, slot, known) for slot in range(at, at + count)]

    def visits(self, quarter: int, count: int) -> Sequence[Visit]:
        """Return none: nobody said when the car comes."""
        return []

    def _live_until(self, quarter: int) -> None:
        at = self.world.before + quarter
        if at < self._lived:
            raise ValueError("time only goes forward")
        if at == self._lived:
            return
        for slot in range(self._lived, at):
            begin = self._time(slot)
            self._forecaster.take_said(PROVIDER, self._said(slot))
            self._forecaster.take_power(self.world.pv_w[slot], self.world.load_w[slot], begin)
            self._forecaster.finish_slot(begin + QUARTER)
            if (slot + 1) % DAY == 0:
                self._learn(slot + 1)
        self._lived = at
        self._forecaster.take_said(PROVIDER, self._said(at))
        self._forecaster.renew(self._time(at))

    def _learn(self, before: int) -> None:
        """Learn what is usual from all that came before, as the product does once a day."""
        now, lived = self._time(before), range(max(0, before - OLDEST_DAYS * DAY), before)
        house = [QuarterLoad(self._time(slot), self.world.load_w[slot]) for slot in lived]
        sun = [QuarterLoad(self._time(slot), self.world.pv_w[slot]) for slot in lived]
        self._forecaster.usual = UsualMemory(learn(house, now, LOCAL), learn(sun, now, UTC, other_day=1.0), now)

    def _said(self, at: int) -> SunSlots | None:
        """Return what was published the day before, up to a day of which nothing was."""
        end = min(len(self._told), at + REACH_SLOTS)
        told = next((slot for slot in range(at, end) if not self._told[slot]), end)
        begin = max(0, at - 1)
        return None if told == at else SunSlots(self._time(begin), self.world.forecast_w[begin:told])

    def _time(self, slot: int) -> datetime:
        return self.world.begin + (slot - self.world.before) * QUARTER


def _power(forecast: Forecast | None, count: int) -> Sequence[float]:
    return (0.0,) * count if forecast is None else forecast.mean_w[:count]


def _mean(series: Sequence[float], slot: int, before: int) -> float:
    """Return the mean of a time of the day over the last days before a slot."""
    back = (slot - before) // DAY + 1
    return sum(series[slot - (back + day) * DAY] for day in range(PRICE_DAYS)) / PRICE_DAYS
