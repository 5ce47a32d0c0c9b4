"""A stretch of time as the site's clock and calendar see it, with its long and short days."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

SECOND = 1_000_000  # in microseconds, as all times here
HOUR = 3600 * SECOND
_DAY = 24 * HOUR
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ClockSpan:
    """Time from `start` (microseconds since 1970) on in which it is one day and none of the asked times comes by.

    `clock` is what the clock shows at its start.
    """

    start: int
    day: date
    clock: time


class LocalClock:
    """The spans of a stretch of time, in order."""

    def __init__(self, start: datetime, end: datetime, zone: tzinfo, times: Iterable[time] = ()) -> None:
        """Cut at each midnight, at each of the `times` and where the clock is put forward or back."""
        marks = sorted({0} | {_of_day(at) for at in times})
        self.spans = tuple(_spans(microseconds(start), microseconds(end), zone, marks))
        self._starts = [span.start for span in self.spans]

    def index_at(self, at: int) -> int:
        """Return the number of the span that a moment is in."""
        return max(bisect_right(self._starts, at) - 1, 0)


def microseconds(at: datetime) -> int:
    """Return a moment as microseconds since 1970, UTC."""
    return (at - _EPOCH) // _TICK


def moment(at: int) -> datetime:
    """Return the moment of microseconds since 1970, in UTC."""
    return _EPOCH + at * _TICK


def month_of(day: date) -> date:
    """Return the first day of the month that a day is in."""
    return day.replace(day=1)


def _spans(start: int, end: int, zone: tzinfo, marks: list[int]) -> Iterator[ClockSpan]:
    for begin, stop, offset in _offset_spans(start, end, zone):
        yield _span(begin, offset)
        midnight = (begin + offset) // _DAY * _DAY - offset
        while midnight < stop:
            yield from (_span(midnight + mark, offset) for mark in marks if begin < midnight + mark < stop)
            midnight += _DAY


def _span(at: int, offset: int) -> ClockSpan:
    wall = moment(at + offset)
    return ClockSpan(at, wall.date(), wall.time())


def _offset_spans(start: int, end: int, zone: tzinfo) -> Iterator[tuple[int, int, int]]:
    """Yield stretches with the same offset from UTC. No zone changes its offset twice within a day."""
    begin, at = start, start
    offset = _offset(at, zone)
    while at < end:
        later = min(at + _DAY, end)
        after = _offset(later, zone)
        if after != offset:
            change = _change(at, later, offset, zone)
            if begin < change:
                yield begin, change, offset
            begin, offset = change, after
        at = later
    yield begin, max(end, begin), offset


def _change(before: int, after: int, offset: int, zone: tzinfo) -> int:
    """Return the first moment with another offset; clocks are changed at whole seconds."""
    low, high = before // SECOND, -(-after // SECOND)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(middle * SECOND, zone) == offset else (low, middle)
    return high * SECOND


def _offset(at: int, zone: tzinfo) -> int:
    offset = moment(at).astimezone(zone).utcoffset()
    return 0 if offset is None else offset // _TICK


def _of_day(at: time) -> int:
    return ((at.hour * 60 + at.minute) * 60 + at.second) * SECOND + at.microsecond
