"""What is expected of sun, house and prices: the interface that any forecaster can stand behind, and two of them."""

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
LEAST_SUN_W = 200.0  # below it what is measured says nothing of the weather
SURE_SUN_W = 1_000.0  # from it on it says all that it can
PRIOR_W2 = 1e6  # weight of the belief that forecast and habit count alike


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


@dataclass(frozen=True, slots=True)
class Settings:
    """How a forecast leans on what was measured; tuned on April and October only."""

    sun_days: int = 21
    sun_half_life: float = 16.0  # quarters, after which half of the present weather is expected to be gone
    load_days: int = 14
    load_half_life: float = 6.0
    recent: int = 4  # quarters that are the present
    price_days: int = 7


class Real:
    """The data's own PV forecast of the day before, put right by what was measured; habits for house and prices."""

    def __init__(self, world: World, settings: Settings = Settings()) -> None:
        """Take the home, of which only what lies before a quarter is looked at, and what is published."""
        self.world = world
        self.settings = settings
        self._pv, self._published = np.asarray(world.pv_w), np.asarray(world.forecast_w)
        # A day without a forecast has none of any hour.
        around = np.convolve(self._published > 0, np.ones(DAY), "same") > 0
        self._told: list[bool] = around.tolist()

    def pv_w(self, quarter: int, count: int) -> Sequence[float]:
        """Return a mix of what is published and of the last days, drawn towards the sun of the last hour.

        How much each counts is fitted to the last days; the sun of now is a share of the brightest of them.
        """
        at, days = self.world.before + quarter, self.settings.sun_days
        slots = np.arange(at, at + count)
        last = slots - (np.arange(count) // DAY + 1) * DAY
        same_time = np.stack([self._pv[last - DAY * day] for day in range(days)])
        usual, brightest = same_time.mean(axis=0), same_time.max(axis=0)
        published = self._published[slots]
        of_forecast, of_usual = self._shares(at)
        told = np.array([self._told[slot] for slot in slots])
        expected = np.where(told, of_forecast * published + of_usual * usual, usual)
        recent = np.arange(at - self.settings.recent, at)
        bright_w = np.stack([self._pv[recent - DAY * day] for day in range(1, days + 1)]).max(axis=0).mean()
        if bright_w > LEAST_SUN_W:
            drawn = min(1.0, bright_w / SURE_SUN_W) * 0.5 ** (np.arange(count) / self.settings.sun_half_life)
            expected = (1 - drawn) * expected + drawn * brightest * self._pv[recent].mean() / bright_w
        return [float(watts) for watts in expected]

    def _shares(self, at: int) -> tuple[float, float]:
        """Return how much the published forecast and the usual sun count: least squares, drawn towards a half each."""
        days = self.settings.sun_days
        measured = self._pv[at - days * DAY : at].reshape(days, DAY)
        published = self._published[at - days * DAY : at].reshape(days, DAY)
        usual = np.broadcast_to(measured.mean(axis=0), measured.shape)
        used = (published.sum(axis=1) > 0)[:, None] & (usual > LEAST_SUN_W / 4)
        both = np.stack([published[used], usual[used]])
        drawn = PRIOR_W2 * np.eye(2)
        shares = np.linalg.solve(both @ both.T + drawn, both @ measured[used] + drawn @ np.array([0.5, 0.5]))
        return float(np.clip(shares[0], 0.0, 2.0)), float(np.clip(shares[1], 0.0, 2.0))

    def load_w(self, quarter: int, count: int) -> Sequence[float]:
        """Return the mean of this time of the day over the last days, drawn towards the load of the last hour."""
        at, recent = self.world.before + quarter, self.settings.recent
        error = sum(self.world.load_w[slot] - self._habit(slot) for slot in range(at - recent, at)) / recent
        return [
            max(0.0, self._habit(at + step, at) + error * 0.5 ** (step / self.settings.load_half_life))
            for step in range(count)
        ]

    def day_ahead_price(self, quarter: int, count: int) -> Sequence[float]:
        """Return what is published, then the mean of this time of the day over the last days."""
        at, known = self.world.before + quarter, self.world.before + self.world.known_until(quarter)
        prices = self.world.feed_in_price
        return [
            prices[slot] if slot < known else _mean(prices, slot, known, self.settings.price_days)
            for slot in range(at, at + count)
        ]

    def visits(self, quarter: int, count: int) -> Sequence[Visit]:
        """Return none: nobody said when the car comes."""
        return []

    def _habit(self, slot: int, now: int | None = None) -> float:
        return _mean(self.world.load_w, slot, slot if now is None else now, self.settings.load_days)


class Live(Real):
    """The product's own forecasters as they run in a site, fed with what is said and measured quarter by quarter."""

    def __init__(self, world: World) -> None:
        """Take the home; all that lies before the first quarter is lived through to learn from."""
        super().__init__(world)
        self._forecaster = Forecaster(LOCAL)
        self._lived = 0  # quarters from the begin of the history

    def pv_w(self, quarter: int, count: int) -> Sequence[float]:
        """Return what the forecaster says of the sun; nothing where it says nothing."""
        self._live_until(quarter)
        return _series(self._forecaster.pv, count)

    def load_w(self, quarter: int, count: int) -> Sequence[float]:
        """Return what the forecaster says of the house."""
        self._live_until(quarter)
        return _series(self._forecaster.base_load, count)

    def _live_until(self, quarter: int) -> None:
        at = self.world.before + quarter
        if at == self._lived and self._forecaster.base_load is not None:
            return
        for slot in range(self._lived, at):
            begin = self._time(slot)
            self._forecaster.take_said("day before", self._said(slot))
            self._forecaster.take_power(self.world.pv_w[slot], self.world.load_w[slot], begin)
            self._forecaster.finish_slot(begin + QUARTER)
            if (slot + 1) % DAY == 0 or (slot + 1 == at and self._forecaster.usual.house is None):
                self._learn(slot + 1)
        self._lived = at
        self._forecaster.take_said("day before", self._said(at))
        self._forecaster.renew(self._time(at))

    def _learn(self, before: int) -> None:
        """Learn what is usual from all that came before, as the product does once a day."""
        first = max(0, before - OLDEST_DAYS * DAY)
        now = self._time(before)
        house, sun = (
            [QuarterLoad(self._time(slot), series[slot]) for slot in range(first, before)]
            for series in (self.world.load_w, self.world.pv_w)
        )
        self._forecaster.usual = UsualMemory(learn(house, now, LOCAL), learn(sun, now, UTC, other_day=1.0), now)

    def _said(self, at: int) -> SunSlots | None:
        """Return what is published from this quarter on, up to a day without a forecast."""
        end = min(len(self._published), at + REACH_SLOTS)
        told = next((slot for slot in range(at, end) if not self._is_told(slot)), end)
        if told == at:
            return None
        begin = max(0, at - self.settings.recent)
        return SunSlots(self._time(begin), tuple(float(watts) for watts in self._published[begin:told]))

    def _is_told(self, slot: int) -> bool:
        """Return whether there is a forecast of the day around a quarter; of a day without there is none of any hour."""
        return self._told[slot]

    def _time(self, slot: int) -> datetime:
        return self.world.begin + (slot - self.world.before) * QUARTER


def _series(forecast: Forecast | None, count: int) -> Sequence[float]:
    return (0.0,) * count if forecast is None else forecast.mean_w[:count]


def _mean(series: Sequence[float], slot: int, before: int, days: int) -> float:
    """Return the mean of a time of the day over the last days before a slot."""
    back = (slot - before) // DAY + 1
    return sum(series[slot - (back + day) * DAY] for day in range(days)) / days
