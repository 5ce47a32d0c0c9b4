"""What is expected of sun, house and prices: the interface that any forecaster can stand behind, and two of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmarks.series import QUARTERS_PER_DAY

from .world import MARKUP_EUR, Visit, World

DAY = QUARTERS_PER_DAY


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

    bias_days: int = 14
    profile_days: int = 14
    half_life: float = 6.0  # quarters, after which half of the present error is expected to be gone
    recent: int = 4  # quarters whose error is the present one
    price_days: int = 7


@dataclass(frozen=True, slots=True)
class Real:
    """The data's own PV forecast of the day before, put right by what was measured; habits for house and prices."""

    world: World
    settings: Settings = Settings()

    def pv_w(self, quarter: int, count: int) -> Sequence[float]:
        """Return the published forecast times the ratio of the last days, drawn towards the sun of the last hour."""
        world, at = self.world, self.world.before + quarter
        past = range(at - self.settings.bias_days * DAY, at)
        ratio = sum(world.pv_w[slot] for slot in past) / max(1.0, sum(world.forecast_w[slot] for slot in past))
        expected = [ratio * self._published(at + step) for step in range(count)]
        recent = range(at - self.settings.recent, at)
        foreseen = sum(ratio * world.forecast_w[slot] for slot in recent)
        measured = sum(world.pv_w[slot] for slot in recent)
        now = min(2.0, max(0.2, measured / foreseen)) if foreseen > 400.0 else 1.0
        return [
            watts * (1.0 + (now - 1.0) * 0.5 ** (step / self.settings.half_life)) for step, watts in enumerate(expected)
        ]

    def load_w(self, quarter: int, count: int) -> Sequence[float]:
        """Return the mean of this time of the day over the last days, drawn towards the load of the last hour."""
        at, recent = self.world.before + quarter, self.settings.recent
        error = sum(self.world.load_w[slot] - self._habit(slot) for slot in range(at - recent, at)) / recent
        return [
            max(0.0, self._habit(at + step, at) + error * 0.5 ** (step / self.settings.half_life))
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

    def _published(self, slot: int) -> float:
        return self.world.forecast_w[slot]

    def _habit(self, slot: int, now: int | None = None) -> float:
        return _mean(self.world.load_w, slot, slot if now is None else now, self.settings.profile_days)


def _mean(series: Sequence[float], slot: int, before: int, days: int) -> float:
    """Return the mean of a time of the day over the last days before a slot."""
    back = (slot - before) // DAY + 1
    return sum(series[slot - (back + day) * DAY] for day in range(days)) / days


def import_price(day_ahead: float) -> float:
    """Return what a kWh costs at the meter."""
    return day_ahead + MARKUP_EUR
