"""When the intervals of an OpenADR 3 event hold (User Guide 3.1, sections 7.3 and 7.4)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
import re
from typing import Final

from .openadr_values import HORIZON, MAX_INTERVALS, EventError, Refusal

_DURATION = re.compile(
    r"P(?=\d|T\d)(?:(?P<years>\d{1,6})Y)?(?:(?P<months>\d{1,6})M)?(?:(?P<weeks>\d{1,6})W)?(?:(?P<days>\d{1,9})D)?"
    r"(?:T(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,9}(?:\.\d{1,9})?)S)?)?"
)
# P9999Y stands for ever; whoever says 100 years means the same.
_ENDLESS_MONTHS: Final = 1200
_ENDLESS: Final = timedelta(days=36525)
_TEXT_LIMIT: Final = 64
_SHORTEST_ROUND: Final = timedelta(minutes=1)  # of intervals that are repeated
_MOST_RANDOM: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Duration:
    """An ISO 8601 duration; months are kept apart, since they have no fixed length."""

    months: int = 0
    rest: timedelta = timedelta()

    @property
    def endless(self) -> bool:
        """Return whether it stands for ever."""
        return self.months >= _ENDLESS_MONTHS or self.rest >= _ENDLESS

    @property
    def nothing(self) -> bool:
        """Return whether it is PT0S, which stands for ever where a limit has it, and for never in a cancelled event."""
        return not self.months and not self.rest

    def after(self, start: datetime) -> datetime | None:
        """Return when it is over if it begins at `start`; None for never. EventError beyond the calendar."""
        if self.endless or self.nothing:
            return None
        month = start.month - 1 + self.months
        try:
            # The 31st of a month plus a month is the last of the next one.
            moved = start.replace(day=1, year=start.year + month // 12, month=month % 12 + 1)
            return moved + timedelta(days=min(start.day, _days_of_month(moved)) - 1) + self.rest
        except (ValueError, OverflowError) as error:
            raise EventError(Refusal.TIME) from error


def _days_of_month(moment: datetime) -> int:
    following = (moment.replace(day=28) + timedelta(days=4)).replace(day=1)
    return (following - timedelta(days=1)).day


@dataclass(frozen=True, slots=True)
class Period:
    """An `intervalPeriod`. `start` None with `now` false: it follows what was before, or takes the event's own."""

    start: datetime | None = None
    now: bool = False
    duration: Duration | None = None
    randomize: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Window[Content]:
    """When an interval holds; a start of None is for ever before, an end of None for ever after."""

    interval_id: int
    start: datetime | None
    end: datetime | None
    content: Content
    follows: bool = False  # it says no start of its own

    def over(self, now: datetime) -> bool:
        """Return whether it has ended."""
        return self.end is not None and self.end <= now


@dataclass(frozen=True, slots=True)
class Interval[Content]:
    """An interval as it was stated, before it is known when it holds."""

    interval_id: int
    period: Period | None
    content: Content


def parse_duration(value: object) -> Duration:
    """Return the duration that a text says. EventError for one that is none, or negative."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) and len(value) <= _TEXT_LIMIT else None
    if match is None:
        raise EventError(Refusal.DURATION)
    part = {name: float(text or 0) for name, text in match.groupdict().items()}
    try:
        rest = timedelta(
            weeks=part["weeks"],
            days=part["days"],
            hours=part["hours"],
            minutes=part["minutes"],
            seconds=part["seconds"],
        )
    except OverflowError as error:
        raise EventError(Refusal.DURATION) from error
    return Duration(int(part["years"]) * 12 + int(part["months"]), rest)


def parse_moment(value: object) -> datetime:
    """Return the moment that a text says; one without an offset is UTC. EventError for what is none."""
    if not isinstance(value, str) or len(value) > _TEXT_LIMIT:
        raise EventError(Refusal.TIME)
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise EventError(Refusal.TIME) from error


def means_now(value: object) -> bool:
    """Return whether a start stands for "now": the beginning of time, year 1 (year 0 in older texts)."""
    return isinstance(value, str) and value.startswith(("0001-01-01", "0000-00-00"))


def lay_out[Content](
    intervals: Sequence[Interval[Content]], default: Period, created: datetime | None, draw: Callable[[int], float]
) -> list[Window[Content]]:
    """Return when each interval holds. EventError where that can't be told.

    `created` is when the event was made: the "now" of one that says so and ends. `draw` gives a number from -1 to 1 for
    the random start of the interval of that place, the same one each time it is asked.
    """
    windows: list[Window[Content]] = []
    shift = timedelta()
    for place, interval in enumerate(intervals):
        period = interval.period or Period()
        randomize = period.randomize or (default.randomize if place == 0 else timedelta())
        if randomize:
            shift = draw(place) * min(randomize, _MOST_RANDOM)
        duration = period.duration if period.duration is not None else default.duration
        if place == 0:
            first = period if period.start else replace(default, now=default.now or period.now)
            if _never(first, duration, created):
                return []
            start = _first_start(first, duration, created, shift)
        elif period.start is not None:
            start = period.start + shift
        else:
            start = windows[-1].end
            if start is None:
                raise EventError(Refusal.INTERVALS)
        end = (duration or Duration()).after(start) if start else None
        windows.append(
            Window(interval.interval_id, start, end, interval.content, follows=place > 0 and period.start is None)
        )
    return _end_by_next(windows)


def _never(period: Period, duration: Duration | None, created: datetime | None) -> bool:
    """Return whether the first interval and all that follow are cancelled or over by what they say."""
    if period.start is not None or duration is None or duration.endless:
        return False
    if duration.nothing:
        return period.now  # User Guide 7.9: start and duration at their least is how an event is cancelled
    return created is None  # it ended so long after the beginning of time


def _first_start(
    period: Period, duration: Duration | None, created: datetime | None, shift: timedelta
) -> datetime | None:
    """Return when the first interval begins, None for ever before. Without a start it is one to do now."""
    if period.start is not None:
        return period.start + shift
    ends = duration is not None and not duration.endless and not duration.nothing
    return created if ends else None


def _end_by_next[Content](windows: list[Window[Content]]) -> list[Window[Content]]:
    """Let an interval that says no end end where the next one begins."""
    ended = [
        replace(window, end=following.start) if window.end is None else window
        for window, following in pairwise(windows)
    ]
    return [*ended, windows[-1]] if windows else []


def stretch[Content](windows: list[Window[Content]], duration: Duration | None, now: datetime) -> list[Window[Content]]:
    """Apply an event's own `duration` (3.1): cut what is beyond it, repeat what is shorter, up to `HORIZON` ahead."""
    begin = windows[0].start if windows else None
    if duration is None or begin is None:
        return windows
    stop = duration.after(begin)
    last = windows[-1].end
    if last is not None and (stop is None or stop > last):
        return _repeat(windows, last - begin, stop, now)
    return _cut(windows, stop)


def _cut[Content](windows: list[Window[Content]], stop: datetime | None) -> list[Window[Content]]:
    if stop is None:
        return windows
    return [
        window if window.end is not None and window.end <= stop else replace(window, end=stop)
        for window in windows
        if window.start is None or window.start < stop
    ]


def _repeat[Content](
    windows: list[Window[Content]], turn: timedelta, stop: datetime | None, now: datetime
) -> list[Window[Content]]:
    if turn < _SHORTEST_ROUND:
        raise EventError(Refusal.DURATION)
    begin = windows[0].start
    if begin is None:
        raise EventError(Refusal.TIME)
    # One turn back, since reports look at what is over.
    number = max(0, (now - begin) // turn - 1)
    repeated: list[Window[Content]] = []
    while begin + number * turn <= now + HORIZON and (stop is None or begin + number * turn < stop):
        offset = number * turn
        repeated += [
            replace(window, start=window.start and window.start + offset, end=window.end and window.end + offset)
            for window in windows
        ]
        if len(repeated) > 2 * MAX_INTERVALS:
            raise EventError(Refusal.TOO_MANY_INTERVALS)
        number += 1
    return _cut(repeated, stop)
