"""Prices by time: the one form that every source of them is brought into."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import isfinite

QUARTER_HOUR = timedelta(minutes=15)
HOUR = timedelta(hours=1)
STEPS = (QUARTER_HOUR, timedelta(minutes=30), HOUR)
LONGEST = timedelta(days=14)

type Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class PriceSeries:
    """Prices from `start` (aware, kept in UTC) in steps of equal length; None where a price is not known.

    `import_price` is what a kWh from the grid costs in all, `feed_in_price` what one into the grid earns (money per kWh,
    empty where nobody tells), `co2_g` the grams of CO2 a kWh from the grid stands for (empty likewise).
    Steps are real time: a day of 23 or 25 hours has as many of them. ValueError for lists of unequal length, a time
    without a zone, a step that no market has, or what is no number.
    """

    start: datetime
    step: timedelta
    import_price: Values
    feed_in_price: Values = ()
    co2_g: Values = ()

    def __post_init__(self) -> None:
        """Refuse what can't be looked up; in a zone of its own a time would be counted by the clock on the wall."""
        object.__setattr__(self, "start", _in_utc(self.start))
        if self.step not in STEPS:
            raise ValueError("a price holds for 15, 30 or 60 minutes")
        if any(one and len(one) != len(self.import_price) for one in (self.feed_in_price, self.co2_g)):
            raise ValueError("every series of prices has a value for each step")
        for values in (self.import_price, self.feed_in_price, self.co2_g):
            if not all(value is None or isfinite(value) for value in values):
                raise ValueError("a price is a number")

    @property
    def end(self) -> datetime:
        """Return the time up to which there are prices."""
        return self.start + len(self.import_price) * self.step

    @property
    def points(self) -> tuple[PricePoint, ...]:
        """Return the prices that are known, each with the time it holds for."""
        return tuple(
            PricePoint(self.start + number * self.step, self.start + (number + 1) * self.step, price)
            for number, price in enumerate(self.import_price)
            if price is not None
        )

    def times_within(self, limit: float) -> Iterator[tuple[datetime, datetime]]:
        """Yield the times, each as long as it goes on, in which a kWh from the grid costs no more than a limit."""
        begin: datetime | None = None
        for number, price in enumerate((*self.import_price, None)):
            within, at = price is not None and price <= limit, self.start + number * self.step
            if within and begin is None:
                begin = at
            elif not within and begin is not None:
                yield begin, at
                begin = None

    def index(self, at: datetime) -> int | None:
        """Return the step that a moment (aware) lies in, None outside."""
        number = (_in_utc(at) - self.start) // self.step
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

    def in_steps(self, step: timedelta) -> PriceSeries:
        """Return the same prices in steps of another length that divides ours; ValueError for one that doesn't."""
        times, rest = divmod(self.step, step)
        if rest or not times:
            raise ValueError("prices can be divided, never put together")
        spread = (_repeated(values, times) for values in (self.import_price, self.feed_in_price, self.co2_g))
        return PriceSeries(self.start, step, *spread)

    def with_feed_in(self, earned: PriceSeries) -> PriceSeries:
        """Return the series with what `earned` has as import prices as its own feed-in prices, in the finer step."""
        fine = self.in_steps(min(self.step, earned.step))
        times = (fine.start + number * fine.step for number in range(len(fine.import_price)))
        return replace(fine, feed_in_price=tuple(earned.import_at(time) for time in times))

    def with_co2_at(self, at: datetime, co2_g: float) -> PriceSeries:
        """Return the series with the grams of CO2 of the step that a moment lies in; unchanged outside."""
        if (now := self.index(at)) is None:
            return self
        known = self.co2_g or (None,) * len(self.import_price)
        return replace(self, co2_g=(*known[:now], co2_g, *known[now + 1 :]))

    def since(self, at: datetime) -> PriceSeries | None:
        """Return the series without the steps that ended by a moment; None where nothing is left."""
        first = max(0, (_in_utc(at) - self.start) // self.step)
        if first >= len(self.import_price):
            return None
        rest = (values[first:] for values in (self.import_price, self.feed_in_price, self.co2_g))
        return PriceSeries(self.start + first * self.step, self.step, *rest)


@dataclass(frozen=True, slots=True)
class PricePoint:
    """A price from one moment to another (aware, kept in UTC), as many sources list them.

    ValueError for a time without a zone, an end that is not after the start, or what is no number.
    """

    start: datetime
    end: datetime
    price: float

    def __post_init__(self) -> None:
        """Refuse what means no time or no price."""
        object.__setattr__(self, "start", _in_utc(self.start))
        object.__setattr__(self, "end", _in_utc(self.end))
        if self.end <= self.start:
            raise ValueError("a price ends before it begins")
        if not isfinite(self.price):
            raise ValueError("a price is a number")


def from_points(points: Iterable[PricePoint]) -> PriceSeries | None:
    """Return the series that a list of intervals says; None for an empty one.

    Intervals may come in any order, be repeated, of different lengths and with gaps; where two overlap the later listed
    counts. ValueError for those that don't begin and end a whole number of quarter hours apart, or span two weeks.
    """
    listed = list(points)
    if not listed:
        return None
    start, end = min(point.start for point in listed), max(point.end for point in listed)
    if end - start > LONGEST:
        raise ValueError("prices for more than two weeks")
    step = _common_step(listed, start)
    values: list[float | None] = [None] * ((end - start) // step)
    for point in listed:
        first = (point.start - start) // step
        for number in range(first, first + (point.end - point.start) // step):
            values[number] = point.price
    return PriceSeries(start, step, tuple(values))


def quarter_hours(points: Iterable[PricePoint]) -> list[PricePoint]:
    """Return the mean price of each quarter hour by the clock that intervals of any length touch.

    For markets that settle each 5 minutes. What is not told of a quarter hour does not count in its mean; intervals must
    not overlap. ValueError for one that is longer than an hour.
    """
    told: dict[datetime, tuple[float, timedelta]] = {}
    for point in points:
        if point.end - point.start > HOUR:
            raise ValueError("a price for more than an hour")
        begin = point.start
        while begin < point.end:
            quarter = begin - (begin - datetime.min.replace(tzinfo=UTC)) % QUARTER_HOUR
            end = min(point.end, quarter + QUARTER_HOUR)
            worth, length = told.get(quarter, (0.0, timedelta()))
            told[quarter] = worth + point.price * (end - begin).total_seconds(), length + (end - begin)
            begin = end
    return [
        PricePoint(quarter, quarter + QUARTER_HOUR, worth / length.total_seconds())
        for quarter, (worth, length) in sorted(told.items())
    ]


def _common_step(points: Sequence[PricePoint], first: datetime) -> timedelta:
    """Return the longest step that all intervals are whole numbers of."""
    for step in reversed(STEPS):
        if not any((point.start - first) % step or (point.end - point.start) % step for point in points):
            return step
    raise ValueError("a price begins or ends within a quarter of an hour")


def joined(parts: Iterable[PriceSeries]) -> PriceSeries | None:
    """Return the import prices of several series as one, as of today and tomorrow: what is known in a later one counts."""
    return from_points(point for part in parts for point in part.points)


def _value(values: Values, index: int | None) -> float | None:
    return values[index] if index is not None and index < len(values) else None


def _repeated(values: Values, times: int) -> Values:
    return tuple(value for value in values for _ in range(times))


def _in_utc(at: datetime) -> datetime:
    if at.utcoffset() is None:
        raise ValueError("prices need a time with its zone")
    return at.astimezone(UTC)


def ends(points: Sequence[datetime], fallback: timedelta = HOUR) -> list[datetime]:
    """Return where intervals end that are listed by their beginnings alone: at the next if that is within an hour.

    Otherwise they last as long as the one before them, or as the shortest, or as long as usual (`fallback`).
    """
    known = sorted({_in_utc(point) for point in points})
    lengths = {before: after - before for before, after in pairwise(known) if after - before <= HOUR}
    usual = min(lengths.values(), default=fallback)
    for before, after in pairwise(known):
        lengths.setdefault(after, lengths.get(before, usual) if after - before <= HOUR else usual)
    return [point + lengths.get(point, usual) for point in map(_in_utc, points)]
