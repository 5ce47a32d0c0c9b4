"""Time-of-use tariffs: which of several prices holds at a moment, by season, weekday and hour in the site's time zone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from math import isfinite
from typing import Final

from .series import LONGEST, QUARTER_HOUR, PriceSeries

DEFAULT_LEVEL: Final = "default"
EVERY_DAY: Final = frozenset(range(7))
SUNDAY: Final = 6

type MonthDay = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Rule:
    """When a level holds: where season, weekday (Monday is 0) and hours all agree.

    A season runs from one day of the year to another, both included, over the end of the year where the first is the
    later. Hours run up to their end, over midnight where that is not after their beginning: each moment's own weekday
    and date count then. ValueError for days there are not, no weekday, or hours that don't begin on a quarter of one.
    """

    level: str
    season: tuple[MonthDay, MonthDay] | None = None
    weekdays: frozenset[int] = EVERY_DAY
    begin: time = time()
    end: time = time()

    def __post_init__(self) -> None:
        """Refuse what no calendar or no meter has."""
        for month, day in self.season or ():
            date(2024, month, day)  # a leap year has every day there is
        if not self.weekdays or not self.weekdays <= EVERY_DAY:
            raise ValueError("weekdays are 0 to 6")
        if any(at.minute % 15 or at.second or at.microsecond for at in (self.begin, self.end)):
            raise ValueError("hours begin on a quarter of an hour")

    def holds(self, local: datetime, weekday: int) -> bool:
        """Return whether the rule holds at a moment of local time, on what counts as this weekday."""
        return weekday in self.weekdays and self._in_season(local.month, local.day) and self._in_hours(local.time())

    def _in_season(self, month: int, day: int) -> bool:
        if self.season is None:
            return True
        first, last = self.season
        at = (month, day)
        return first <= at <= last if first <= last else at >= first or at <= last

    def _in_hours(self, at: time) -> bool:
        return self.begin <= at < self.end if self.begin < self.end else at >= self.begin or at < self.end


@dataclass(frozen=True, slots=True)
class TimeOfUse:
    """A tariff: a price (money per kWh) for each level, and rules of which the first that holds counts.

    Where none does, the level `default` holds, so that no moment is without a price. Holidays count as Sundays; those
    of every year are given as month and day. ValueError for a level without a price or what is no number.
    """

    prices: Mapping[str, float]
    rules: tuple[Rule, ...] = ()
    holidays: frozenset[date] = frozenset()
    yearly_holidays: frozenset[MonthDay] = frozenset()

    def __post_init__(self) -> None:
        """Refuse a table with gaps."""
        if DEFAULT_LEVEL not in self.prices:
            raise ValueError("a table needs a default price")
        if not all(isfinite(price) for price in self.prices.values()):
            raise ValueError("a price is a number")
        if unknown := {rule.level for rule in self.rules} - self.prices.keys():
            raise ValueError(f"no price for {', '.join(sorted(unknown))}")

    def level_at(self, at: datetime, zone: tzinfo) -> str:
        """Return the level that holds at a moment (aware) for a site in this zone."""
        local = at.astimezone(zone)
        today = local.date()
        holiday = today in self.holidays or (today.month, today.day) in self.yearly_holidays
        weekday = SUNDAY if holiday else today.weekday()
        return next((rule.level for rule in self.rules if rule.holds(local, weekday)), DEFAULT_LEVEL)

    def series(self, start: datetime, end: datetime, zone: tzinfo) -> PriceSeries:
        """Return the prices from `start` to `end` (aware, on quarter hours) in steps of 15 minutes.

        ValueError for an end that is not after the start, or more than two weeks after it.
        """
        first, span = start.astimezone(UTC), end.astimezone(UTC) - start.astimezone(UTC)
        if not timedelta() < span <= LONGEST:
            raise ValueError("a series of prices spans up to two weeks")
        times = (first + number * QUARTER_HOUR for number in range(span // QUARTER_HOUR))
        return PriceSeries(first, QUARTER_HOUR, tuple(self.prices[self.level_at(at, zone)] for at in times))
