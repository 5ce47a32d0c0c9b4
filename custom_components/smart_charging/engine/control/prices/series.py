"""Prices by time: the one form that every source of them is brought into."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

STEPS = (timedelta(minutes=15), timedelta(minutes=30), timedelta(hours=1))

type Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class PriceSeries:
    """Prices from `start` (aware) in steps of equal length; None where a price is not known.

    `import_price` is what a kWh from the grid costs in all, `feed_in_price` what one into the grid earns (money per kWh,
    empty where nobody tells), `co2_g` the grams of CO2 a kWh from the grid stands for (empty likewise).
    Steps are real time: a day of 23 or 25 hours has as many of them. ValueError for lists of unequal length, a time
    without a zone, or a step that no market has.
    """

    start: datetime
    step: timedelta
    import_price: Values
    feed_in_price: Values = ()
    co2_g: Values = ()

    def __post_init__(self) -> None:
        """Refuse what can't be looked up."""
        if self.start.tzinfo is None:
            raise ValueError("prices need a time with its zone")
        if self.step not in STEPS:
            raise ValueError("a price holds for 15, 30 or 60 minutes")
        if any(one and len(one) != len(self.import_price) for one in (self.feed_in_price, self.co2_g)):
            raise ValueError("every series of prices has a value for each step")

    @property
    def end(self) -> datetime:
        """Return the time up to which there are prices."""
        return self.start + len(self.import_price) * self.step

    def index(self, at: datetime) -> int | None:
        """Return the step that a moment lies in, None outside."""
        number = (at - self.start) // self.step
        return number if 0 <= number < len(self.import_price) else None

    def import_at(self, at: datetime) -> float | None:
        """Return what a kWh from the grid costs at a moment."""
        return _value(self.import_price, self.index(at))

    def feed_in_at(self, at: datetime) -> float | None:
        """Return what a kWh into the grid earns at a moment."""
        return _value(self.feed_in_price, self.index(at))

    def co2_at(self, at: datetime) -> float | None:
        """Return the grams of CO2 of a kWh from the grid at a moment."""
        return _value(self.co2_g, self.index(at))

    def mapped(self, change: Callable[[float], float]) -> PriceSeries:
        """Return the series with each import price changed, as by surcharges and tax."""
        return replace(self, import_price=tuple(None if one is None else change(one) for one in self.import_price))


@dataclass(frozen=True, slots=True)
class PricePoint:
    """A price from one moment to another, as many sources list them."""

    start: datetime
    end: datetime
    price: float


def from_points(points: Iterable[PricePoint]) -> PriceSeries | None:
    """Return the series that a list of intervals says; None for an empty one.

    Intervals may come in any order, be repeated, of different lengths and with gaps; where two overlap the later listed
    counts. Those that don't begin on a quarter of an hour, or end before they begin, raise ValueError.
    """
    listed = list(points)
    if not listed:
        return None
    step = _common_step(listed)
    start = min(point.start for point in listed)
    count = (max(point.end for point in listed) - start) // step
    if count > 14 * 24 * 4:
        raise ValueError("prices for more than two weeks")
    values: list[float | None] = [None] * count
    for point in listed:
        first = (point.start - start) // step
        for number in range(first, first + (point.end - point.start) // step):
            values[number] = point.price
    return PriceSeries(start, step, tuple(values))


def _common_step(points: Sequence[PricePoint]) -> timedelta:
    """Return the longest step that all intervals are whole numbers of."""
    first = min(point.start for point in points)
    for point in points:
        if point.end <= point.start:
            raise ValueError("a price ends before it begins")
    for step in reversed(STEPS):
        if not any((point.start - first) % step or (point.end - point.start) % step for point in points):
            return step
    raise ValueError("a price begins or ends within a quarter of an hour")


def joined(parts: Iterable[PriceSeries]) -> PriceSeries | None:
    """Return several series as one, as of today and tomorrow: what is known in a later one counts."""
    points = [
        PricePoint(part.start + number * part.step, part.start + (number + 1) * part.step, price)
        for part in parts
        for number, price in enumerate(part.import_price)
        if price is not None
    ]
    return from_points(points)


def _value(values: Values, index: int | None) -> float | None:
    return values[index] if index is not None and index < len(values) else None


def ends(points: Sequence[datetime], fallback: timedelta) -> list[datetime]:
    """Return where intervals end that are listed by their beginnings alone: at the next, the last after the usual step."""
    known = sorted(set(points))
    usual = min((after - before for before, after in pairwise(known)), default=fallback)
    return [
        known[place]
        if (place := bisect_right(known, point)) < len(known) and known[place] - point <= timedelta(hours=1)
        else point + usual
        for point in points
    ]
