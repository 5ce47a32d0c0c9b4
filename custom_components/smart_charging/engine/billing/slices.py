"""A stay cut where its price can change: each slice has one price of each kind from its begin to its end."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, tzinfo
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from ..usage import Stay, UsageInterval
from .local_clock import HOUR, LocalClock, microseconds
from .rules import Rates, Rules, Use

_WHOLE = (Fraction(0), Fraction(1))


@dataclass(frozen=True, slots=True)
class Energies:
    """Wh by source."""

    solar: Fraction = Fraction(0)
    battery: Fraction = Fraction(0)
    unknown: Fraction = Fraction(0)
    grid: Fraction = Fraction(0)

    def part(self, share: Fraction) -> Energies:
        """Return so much of each."""
        return Energies(self.solar * share, self.battery * share, self.unknown * share, self.grid * share)


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a stay of `length` microseconds. `standing` is how long it stood there by the begin of it."""

    day: date
    length: Fraction | int
    charging: bool
    energies: Energies
    standing: Fraction | int
    market_price: Decimal | None
    rates: Rates


def slices(stay: Stay, rules: Rules, zone: tzinfo) -> Iterator[Slice]:
    """Cut a stay; energy is even over each of its intervals, so how fine those are makes no difference.

    A stay that took no time and no energy is one slice of nothing.
    """
    cut = _Cutter(stay, rules, zone)
    intervals = [one for one in stay.intervals if one.end > one.start or one.energy_wh]
    if not intervals:
        intervals = [UsageInterval(start=stay.started_at, end=stay.started_at)]
    for interval in intervals:
        yield from cut.interval(interval)


class _Cutter:
    """Goes through a stay's intervals in order and keeps count."""

    def __init__(self, stay: Stay, rules: Rules, zone: tzinfo) -> None:
        ends = [stay.ended_at, *(interval.end for interval in stay.intervals)]
        starts = [stay.started_at, *(interval.start for interval in stay.intervals)]
        self._began = microseconds(stay.started_at)
        self._rules = rules
        self._clock = LocalClock(min(starts), max(ends), zone, rules.times)
        self._at_clock = [rules.at_clock(span) for span in self._clock.spans]
        spans = [span.start for span in self._clock.spans]
        self._marks = sorted({*spans, *(self._began + mark for mark in rules.elapsed_marks)})
        self._energy_wh = Fraction(0)
        self._charged_until = self._began  # or since when it only stands there

    def interval(self, interval: UsageInterval) -> Iterator[Slice]:
        """Yield the slices of the next interval."""
        start, end = microseconds(interval.start), microseconds(interval.end)
        if interval.charging:
            self._charged_until = end
        energies = Energies(
            Fraction(interval.solar_wh),
            Fraction(interval.battery_wh),
            Fraction(interval.unknown_wh),
            Fraction(interval.grid_wh),
        )
        energy = Fraction(interval.energy_wh)
        use = Use(self._energy_wh, start - self._began, energy * HOUR / (end - start) if end > start else None)
        cuts = self._cuts(start, end, energy, charging=interval.charging)
        if cuts is None:
            yield self._slice(interval, start, end - start, energies, use)
        else:
            for low, high in pairwise(cuts):
                at, part = start + (end - start) * low, high - low
                use = replace(use, energy_wh=self._energy_wh + energy * low, elapsed=at - self._began)
                yield self._slice(interval, at, (end - start) * part, energies.part(part), use)
        self._energy_wh += energy

    def _slice(
        self, interval: UsageInterval, at: Fraction | int, length: Fraction | int, energies: Energies, use: Use
    ) -> Slice:
        span = self._clock.index_at(int(at))
        return Slice(
            self._clock.spans[span].day,
            length,
            interval.charging,
            energies,
            0 if interval.charging else at - self._charged_until,
            interval.market_price,
            self._rules.rates(self._at_clock[span], use),
        )

    def _cuts(self, start: int, end: int, energy: Fraction, *, charging: bool) -> list[Fraction] | None:
        """Return the shares of an interval where something can change, from 0 to 1; None where nothing can."""
        inner: set[Fraction] = set()
        length = end - start
        for mark in self._marks[bisect_right(self._marks, start) : bisect_left(self._marks, end)]:
            inner.add(Fraction(mark - start, length))
        if energy:
            for threshold in self._rules.energy_marks:
                if self._energy_wh < threshold < self._energy_wh + energy:
                    inner.add((threshold - self._energy_wh) / energy)
        if not charging:
            for grace in self._rules.graces:
                if start < self._charged_until + grace < end:
                    inner.add(Fraction(self._charged_until + grace - start, length))
        return sorted(inner.union(_WHOLE)) if inner else None
