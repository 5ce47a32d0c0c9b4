"""A time-of-use tariff as a user writes it, line by line, with the line that is wrong told exactly.

    default = 0.32
    night = 0.24
    peak = 0.41
    peak: 10-01..03-31 Mon-Fri 17:00-20:00
    night: 22:00-06:00
    night: Sat,Sun
    holidays: 12-25, 2027-03-26

A `#` begins a comment. Prices come before the rules that use them; of the rules the first that holds counts.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, time
from enum import StrEnum
from math import isfinite
import re
from typing import Final

from .time_of_use import DEFAULT_LEVEL, EVERY_DAY, MonthDay, Rule, TimeOfUse

MOST_LINES: Final = 200
HOLIDAYS: Final = "holidays"

_WEEKDAYS: Final = {
    name: number
    for names in ("mon tue wed thu fri sat sun", "mo di mi do fr sa so")
    for number, name in enumerate(names.split())
}
_NAME: Final = re.compile(r"[^\W\d]\w{0,31}")
_MONTH_DAY: Final = re.compile(r"(\d{2})-(\d{2})")
_SEASON: Final = re.compile(rf"{_MONTH_DAY.pattern}\.\.{_MONTH_DAY.pattern}")
_HOURS: Final = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")


class TableProblem(StrEnum):
    """What can be wrong with a line."""

    SHAPE = "shape"
    NAME = "name"
    PRICE = "price"
    REPEATED = "repeated"
    LEVEL = "level"
    CONDITION = "condition"
    SEASON = "season"
    HOURS = "hours"
    HOLIDAY = "holiday"
    NO_DEFAULT = "no_default"
    TOO_LONG = "too_long"


class TableError(ValueError):
    """A line, counted from 1, that can't be understood, the words that are wrong, and why."""

    def __init__(self, line: int, problem: TableProblem, words: str = "") -> None:
        """Name the line and what is wrong with it."""
        super().__init__(f"line {line}: {problem}: {words}")
        self.line = line
        self.problem = problem
        self.words = words


class _WrongWords(Exception):
    def __init__(self, problem: TableProblem, words: str) -> None:
        super().__init__(problem, words)
        self.problem = problem
        self.words = words


@dataclass(slots=True)
class _Draft:
    """What the lines read so far came to."""

    prices: dict[str, float] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    holidays: set[date] = field(default_factory=set)
    yearly: set[MonthDay] = field(default_factory=set)


def parse_table(text: str) -> TimeOfUse:
    """Return the tariff that a text says; TableError with the first line that is wrong."""
    draft, lines = _Draft(), text.splitlines()
    if len(lines) > MOST_LINES:
        raise TableError(MOST_LINES + 1, TableProblem.TOO_LONG)
    for number, line in enumerate(lines, start=1):
        if said := line.partition("#")[0].strip():
            try:
                _read_line(draft, said)
            except _WrongWords as err:
                raise TableError(number, err.problem, err.words) from err
    if DEFAULT_LEVEL not in draft.prices:
        raise TableError(max(len(lines), 1), TableProblem.NO_DEFAULT)
    return TimeOfUse(draft.prices, tuple(draft.rules), frozenset(draft.holidays), frozenset(draft.yearly))


def _read_line(draft: _Draft, said: str) -> None:
    """Add what a line says to the draft."""
    name, equals, price = (part.strip() for part in said.partition("="))
    if equals:
        _read_price(draft, name.casefold(), price)
        return
    name, colon, conditions = (part.strip() for part in said.partition(":"))
    if not colon:
        raise _WrongWords(TableProblem.SHAPE, said)
    if name.casefold() == HOLIDAYS:
        for day in re.split(r"[,\s]+", conditions):
            _read_holiday(draft, day)
    elif name.casefold() in draft.prices:
        draft.rules.append(_rule(name.casefold(), conditions))
    else:
        raise _WrongWords(TableProblem.LEVEL, name)


def _read_price(draft: _Draft, level: str, text: str) -> None:
    if not _NAME.fullmatch(level) or level == HOLIDAYS:
        raise _WrongWords(TableProblem.NAME, level)
    if level in draft.prices:
        raise _WrongWords(TableProblem.REPEATED, level)
    try:
        price = float(text.replace(",", "."))
    except ValueError:
        raise _WrongWords(TableProblem.PRICE, text) from None
    if not isfinite(price):
        raise _WrongWords(TableProblem.PRICE, text)
    draft.prices[level] = price


def _read_holiday(draft: _Draft, text: str) -> None:
    try:
        if match := _MONTH_DAY.fullmatch(text):
            draft.yearly.add(_month_day(match[1], match[2]))
        else:
            draft.holidays.add(date.fromisoformat(text))
    except ValueError:
        raise _WrongWords(TableProblem.HOLIDAY, text) from None


def _rule(level: str, conditions: str) -> Rule:
    """Return the rule of a line: season, weekdays and hours, each at most once and in any order."""
    seasons, weekdays, hours = [], [], []
    words = conditions.split()
    if not words:
        raise _WrongWords(TableProblem.CONDITION, level)
    for word in words:
        if match := _SEASON.fullmatch(word):
            seasons.append(_checked(_season, match, TableProblem.SEASON))
        elif match := _HOURS.fullmatch(word):
            hours.append(_checked(_hours, match, TableProblem.HOURS))
        else:
            weekdays.append(_weekdays(word))
        if max(len(seasons), len(weekdays), len(hours)) > 1:
            raise _WrongWords(TableProblem.CONDITION, word)
    begin, end = hours[0] if hours else (time(), time())
    return Rule(level, seasons[0] if seasons else None, weekdays[0] if weekdays else EVERY_DAY, begin, end)


def _checked[T](read: Callable[[re.Match[str]], T], match: re.Match[str], problem: TableProblem) -> T:
    try:
        return read(match)
    except ValueError:
        raise _WrongWords(problem, match[0]) from None


def _season(match: re.Match[str]) -> tuple[MonthDay, MonthDay]:
    return _month_day(match[1], match[2]), _month_day(match[3], match[4])


def _month_day(month: str, day: str) -> MonthDay:
    there = date(2024, int(month), int(day))  # a leap year has every day there is
    return there.month, there.day


def _hours(match: re.Match[str]) -> tuple[time, time]:
    begin, end = _time(match[1], match[2]), _time(match[3], match[4])
    if begin == end:
        raise ValueError("hours that end where they begin")
    return begin, end


def _time(hour: str, minute: str) -> time:
    if (hour, minute) == ("24", "00"):
        return time()
    if int(minute) % 15:
        raise ValueError("not on a quarter of an hour")
    return time(int(hour), int(minute))


def _weekdays(word: str) -> frozenset[int]:
    found: set[int] = set()
    for part in word.casefold().split(","):
        first, dash, last = part.partition("-")
        begin, end = _WEEKDAYS.get(first), _WEEKDAYS.get(last if dash else first)
        if begin is None or end is None:
            raise _WrongWords(TableProblem.CONDITION, word)
        found |= {(begin + number) % 7 for number in range((end - begin) % 7 + 1)}
    return frozenset(found)
