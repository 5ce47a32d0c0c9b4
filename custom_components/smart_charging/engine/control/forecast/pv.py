"""What a provider says of the sun, brought into slots without losing or making energy."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..planning.problem import SLOT
from .series import HOUR, SLOTS_PER_DAY, Forecast, Series, slot_start
from .sun import Place, is_night

MAX_SLOTS = 14 * 96  # what providers say beyond two weeks is no forecast


@dataclass(frozen=True, slots=True)
class SunInterval:
    """The mean power in W from one moment to another, and the quantiles 10 and 90 % where the provider tells them."""

    start: datetime
    end: datetime
    power_w: float
    low_w: float | None = None
    high_w: float | None = None


@dataclass(frozen=True, slots=True)
class SunSlots:
    """A provider's word by slot in W; `low_w` and `high_w` are empty where it tells no band.

    ValueError for series of unequal length.
    """

    start: datetime
    power_w: Series
    low_w: Series = ()
    high_w: Series = ()

    def __post_init__(self) -> None:
        """Refuse a band that is shorter or longer."""
        if any(band and len(band) != len(self.power_w) for band in (self.low_w, self.high_w)):
            raise ValueError("every series of a forecast has a value for each slot")

    @property
    def end(self) -> datetime:
        """Return the time up to which there are slots."""
        return self.start + len(self.power_w) * SLOT

    def power_at(self, at: datetime) -> float | None:
        """Return what is forecast for a moment, None outside."""
        number = (at - self.start) // SLOT
        return self.power_w[number] if 0 <= number < len(self.power_w) else None

    def prolonged(self, until: datetime) -> SunSlots:
        """Return the slots up to a moment: beyond what is known each day is like the one before it."""
        missing = -((self.end - until) // SLOT)
        if missing <= 0:
            return self
        return SunSlots(self.start, *(_repeated(each, missing) for each in (self.power_w, self.low_w, self.high_w)))

    def forecast(self) -> Forecast:
        """Return the provider's word as it is, without a band where it tells none."""
        low = tuple(map(min, self.low_w or self.power_w, self.power_w, strict=True))
        high = tuple(map(max, self.high_w or self.power_w, self.power_w, strict=True))
        return Forecast(self.start, self.power_w, low, high, self.power_w)


def into_slots(intervals: Sequence[SunInterval], place: Place | None = None) -> SunSlots | None:
    """Return intervals of any length as slots of 15 minutes; None without any.

    Energy is spread over those slots of an interval in which the sun is up at `place`; where it is up in none of them
    there is none: nothing is produced at night, whatever was said. Gaps count 0. Of overlapping intervals, as of
    several roofs, the sum counts. Those that end before they begin, or beyond two weeks after the first, raise ValueError.
    """
    if not intervals:
        return None
    start = slot_start(min(one.start for one in intervals))
    last = max(one.end for one in intervals)
    count = -((start - last) // SLOT)
    if count > MAX_SLOTS or any(one.end <= one.start for one in intervals):
        raise ValueError("a forecast of the sun ends before it begins, or too far away")
    dark = [place is not None and is_night(place, start + number * SLOT) for number in range(count)]
    banded = all(one.low_w is not None and one.high_w is not None for one in intervals)
    power, low, high = ([0.0] * count for _ in range(3))
    for one in intervals:
        for number, share in _shares(one, start, dark):
            power[number] += share * max(0.0, one.power_w)
            if banded:
                low[number] += share * max(0.0, min(one.low_w or 0.0, one.power_w))
                high[number] += share * max(0.0, one.high_w or 0.0, one.power_w)
    return SunSlots(start, tuple(power), tuple(low) if banded else (), tuple(high) if banded else ())


def _shares(one: SunInterval, start: datetime, dark: Sequence[bool]) -> Iterable[tuple[int, float]]:
    """Yield the slots that an interval's power goes to, and how much of it is the mean of the slot."""
    first = (one.start - start) // SLOT
    within: dict[int, timedelta] = {}
    for number in range(first, -((start - one.end) // SLOT)):
        begin = start + number * SLOT
        if not dark[number]:
            within[number] = min(one.end, begin + SLOT) - max(one.start, begin)
    lit = sum(within.values(), timedelta(0))
    for number, length in within.items():
        yield number, (length / lit) * ((one.end - one.start) / SLOT)


def _repeated(series: Series, missing: int) -> Series:
    """Return a series with so many values more, each that of a day before; before it began it was night."""
    if not series:
        return series
    values = list(series)
    for _ in range(missing):
        values.append(values[-SLOTS_PER_DAY] if len(values) >= SLOTS_PER_DAY else 0.0)
    return tuple(values)


def summed(roofs: Iterable[SunSlots]) -> SunSlots | None:
    """Return the sum of several roofs over the time that all of them are known for; None without any.

    The band is there where all tell one: bad luck with one roof is bad luck with the next, so quantiles are added.
    """
    known = list(roofs)
    if not known:
        return None
    start = max(one.start for one in known)
    count = min(len(one.power_w) - (start - one.start) // SLOT for one in known)
    if count <= 0:
        return None
    totals: dict[str, list[float]] = defaultdict(lambda: [0.0] * count)
    for one in known:
        first = (start - one.start) // SLOT
        for name, series in (("power", one.power_w), ("low", one.low_w), ("high", one.high_w)):
            for number, value in enumerate(series[first : first + count]):
                totals[name][number] += value
    banded = all(one.low_w and one.high_w for one in known)
    return SunSlots(
        start,
        tuple(totals["power"]),
        tuple(totals["low"]) if banded else (),
        tuple(totals["high"]) if banded else (),
    )


def interval_ends(starts: Iterable[datetime], usual: timedelta = HOUR) -> dict[datetime, datetime]:
    """Return where intervals end that are listed by their beginnings: at the next one, but after an hour at the latest.

    The last one, and one before a gap, is as long as the one before it.
    """
    ends: dict[datetime, datetime] = {}
    ordered = sorted(set(starts))
    length = usual
    for place, start in enumerate(ordered):
        following = ordered[place + 1] - start if place + 1 < len(ordered) else None
        if following is not None and following <= usual:
            length = following
        ends[start] = start + length
    return ends
