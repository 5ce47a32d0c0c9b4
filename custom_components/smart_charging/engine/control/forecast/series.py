"""A forecast: power by quarter of an hour, with the band that it holds to be likely."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from ..planning.problem import SLOT

LOW: Final = 0.1  # the quantile below the band
HIGH: Final = 0.9  # and the one above which the band ends
SLOTS_PER_DAY: Final = timedelta(days=1) // SLOT
HOUR: Final = timedelta(hours=1)

type Series = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """Power in W by slot of 15 minutes from `start` on, which is aware and lies on a quarter of an hour.

    Half of the time less than `median_w` is to come, one time in ten less than `low_w`, one in ten more than `high_w`.
    `mean_w` is what is to be expected: of a house with a stove more than the median. ValueError for series of unequal length
    or a band that does not hold its median.
    """

    start: datetime
    median_w: Series
    low_w: Series
    high_w: Series
    mean_w: Series

    def __post_init__(self) -> None:
        """Refuse what can't be looked up."""
        if self.start != slot_start(self.start):
            raise ValueError("a forecast begins on a quarter of an hour")
        if not len(self.median_w) == len(self.low_w) == len(self.high_w) == len(self.mean_w):
            raise ValueError("every series of a forecast has a value for each slot")
        if any(
            not low <= median <= high for low, median, high in zip(self.low_w, self.median_w, self.high_w, strict=True)
        ):
            raise ValueError("the median lies outside of its band")

    @property
    def slots(self) -> int:
        """Return the number of slots."""
        return len(self.median_w)

    @property
    def end(self) -> datetime:
        """Return the time up to which the forecast reaches."""
        return self.start + self.slots * SLOT

    def index(self, at: datetime) -> int | None:
        """Return the slot that a moment lies in, None outside."""
        number = (at - self.start) // SLOT
        return number if 0 <= number < self.slots else None

    def energy_wh(self, start: datetime, end: datetime) -> float:
        """Return what is to be expected between two moments in Wh; what lies outside of the forecast counts nothing."""
        return sum(
            power * max(timedelta(0), min(end, begin + SLOT) - max(start, begin)) / HOUR
            for begin, power in ((self.start + number * SLOT, power) for number, power in enumerate(self.mean_w))
        )

    def window(self, start: datetime, slots: int) -> Forecast:
        """Return the slots from `start` (rounded down) on, at most so many; ValueError where there is none."""
        first = self.index(start)
        if first is None:
            raise ValueError("the forecast does not reach there")
        cut = slice(first, first + slots)
        return Forecast(
            self.start + first * SLOT, self.median_w[cut], self.low_w[cut], self.high_w[cut], self.mean_w[cut]
        )

    def changed(self, change: Callable[[int, float], float]) -> Forecast:
        """Return the forecast with each power changed, given its slot; `change` must not swap the order of two powers."""

        def each(series: Series) -> Series:
            return tuple(change(number, power) for number, power in enumerate(series))

        return Forecast(self.start, each(self.median_w), each(self.low_w), each(self.high_w), each(self.mean_w))


def slot_start(at: datetime) -> datetime:
    """Return the beginning of the slot that a moment lies in, in UTC; ValueError for a time without its zone."""
    if at.tzinfo is None:
        raise ValueError("a forecast needs a time with its zone")
    at = at.astimezone(UTC)
    return at - timedelta(minutes=at.minute % 15, seconds=at.second, microseconds=at.microsecond)


def weighted_quantile(ordered: Sequence[tuple[float, float]], share: float) -> float:
    """Return the value below which this share of the weights lies; `ordered` holds values and weights, by value."""
    wanted, passed = share * sum(weight for _, weight in ordered), 0.0
    for value, weight in ordered[:-1]:
        passed += weight
        if passed >= wanted:
            return value
    return ordered[-1][0]


def quantile(values: Iterable[float], share: float) -> float:
    """Return the value below which this share of the values lies."""
    return weighted_quantile([(value, 1.0) for value in sorted(values)], share)
