"""The house alone, without chargers and batteries: what it usually takes at this time of such a day."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from enum import StrEnum
from typing import Final

from ..planning.problem import SLOT
from .series import HIGH, LOW, SLOTS_PER_DAY, Forecast, slot_start, weighted_quantile

HALF_LIFE_DAYS: Final = 4.0
OLDEST_DAYS: Final = 28
OTHER_DAY: Final = 0.5  # what a day of another type counts
NEIGHBOUR: Final = 0.25  # what the quarter before or after counts
FADING_OF_BAND: Final = 0.5  # what is rare is only seen in a longer past: its days lose weight half as fast
SAMPLES_OF_BAND: Final = 10  # a band is drawn from so many, from further quarters where one has too few
METER_SKEW_SHARE: Final = 0.1  # of all that flows: two meters that are not read at once differ by this


class DayType(StrEnum):
    """Kinds of days on which people live differently."""

    WORKDAY = "workday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"  # and holidays


@dataclass(frozen=True, slots=True)
class QuarterLoad:
    """The mean power in W of the house alone over the quarter of an hour that begins at `start`."""

    start: datetime
    power_w: float


@dataclass(frozen=True, slots=True)
class QuarterProfile:
    """What is usual in one quarter of an hour, in W."""

    low_w: float
    median_w: float
    high_w: float
    mean_w: float


@dataclass(frozen=True, slots=True)
class LoadProfile:
    """What is usual by type of day and quarter of the local day; it can be kept and taken up again.

    `days` is how many days it was learnt from. ValueError where a type of day has not 96 quarters.
    """

    quarters: Mapping[DayType, tuple[QuarterProfile, ...]]
    days: int

    def __post_init__(self) -> None:
        """Refuse what can't be looked up."""
        if set(self.quarters) != set(DayType) or any(len(each) != SLOTS_PER_DAY for each in self.quarters.values()):
            raise ValueError("a profile tells of 96 quarters of each type of day")

    def forecast(
        self, start: datetime, slots: int, time_zone: tzinfo, holidays: Collection[date] = frozenset()
    ) -> Forecast:
        """Return what is usual in so many slots from `start` (rounded down) on."""
        begin = slot_start(start)
        usual = [
            self.quarters[day_type(local.date(), holidays)][quarter_of(local)]
            for local in ((begin + number * SLOT).astimezone(time_zone) for number in range(slots))
        ]
        return Forecast(
            begin,
            tuple(one.median_w for one in usual),
            tuple(one.low_w for one in usual),
            tuple(one.high_w for one in usual),
            tuple(one.mean_w for one in usual),
        )


@dataclass(frozen=True, slots=True)
class _Sample:
    power_w: float
    weight: float
    kind: DayType


def day_type(day: date, holidays: Collection[date] = frozenset()) -> DayType:
    """Return what kind of day this is; on a holiday people live as on a Sunday."""
    if day in holidays or day.weekday() == 6:
        return DayType.SUNDAY
    return DayType.SATURDAY if day.weekday() == 5 else DayType.WORKDAY


def quarter_of(local: datetime) -> int:
    """Return the number of the quarter of an hour in the local day; one that comes twice in autumn has the same."""
    return local.hour * 4 + local.minute // 15


def house_alone(total_w: float, chargers_w: float) -> float | None:
    """Return what is left of all consumption without the chargers; None where both can't be true.

    A little less than nothing comes of meters that are not read at the same moment, and is nothing.
    """
    left = total_w - chargers_w
    if left >= 0:
        return left
    return 0.0 if -left <= METER_SKEW_SHARE * max(total_w, chargers_w) else None


def total_consumption(grid_w: float, pv_w: float, battery_w: float) -> float:
    """Return what everything behind the connection takes: import and production and discharge count positive."""
    return grid_w + pv_w + battery_w


def learn(
    history: Iterable[QuarterLoad],
    now: datetime,
    time_zone: tzinfo,
    holidays: Collection[date] = frozenset(),
    other_day: float = OTHER_DAY,
) -> LoadProfile | None:
    """Return the profile of past quarters of an hour, in any order and with gaps; None where there was none in four weeks.

    Newer days weigh more, those of the same type more than others. Where only one day is known it is taken to come
    again, where a quarter was never seen those around it speak for it. What knows no Sunday, as the sun, is learnt with
    `other_day` 1.
    """
    today = now.astimezone(time_zone).date()
    samples: list[list[_Sample]] = [[] for _ in range(SLOTS_PER_DAY)]
    days = set()
    for one in history:
        local = one.start.astimezone(time_zone)
        age = (today - local.date()).days
        if one.start < now and age <= OLDEST_DAYS:
            days.add(local.date())
            kind = day_type(local.date(), holidays)
            samples[quarter_of(local)].append(_Sample(one.power_w, 0.5 ** (age / HALF_LIFE_DAYS), kind))
    if not days:
        return None
    return LoadProfile(
        {
            kind: tuple(_usual(samples, quarter, kind, other_day) for quarter in range(SLOTS_PER_DAY))
            for kind in DayType
        },
        len(days),
    )


def _usual(samples: Sequence[Sequence[_Sample]], quarter: int, kind: DayType, other_day: float) -> QuarterProfile:
    """Return what is usual in a quarter, after itself and its neighbours, or those nearest to it that were seen."""

    def around(least: int, reach: int, fading: float = 1.0) -> list[tuple[float, float]]:
        return [
            (one.power_w, weight * one.weight**fading * (1 if one.kind is kind else other_day))
            for one, weight in _around(samples, quarter, least, reach)
        ]

    near, wide, own = sorted(around(1, 1)), sorted(around(SAMPLES_OF_BAND, 1, FADING_OF_BAND)), around(1, 0)
    median = weighted_quantile(near, 0.5)
    mean = sum(value * weight for value, weight in own) / sum(weight for _, weight in own)
    low, high = min(median, weighted_quantile(wide, LOW)), max(median, weighted_quantile(wide, HIGH))
    return QuarterProfile(round(low, 1), round(median, 1), round(high, 1), round(mean, 1))


def _around(samples: Sequence[Sequence[_Sample]], quarter: int, least: int, reach: int) -> list[tuple[_Sample, float]]:
    """Return what was seen in the quarters around one and how much it counts, from as far as it takes to have enough."""
    while True:
        found = [
            (one, 1.0 if away == 0 else NEIGHBOUR)
            for away in range(-reach, reach + 1)
            for one in samples[(quarter + away) % SLOTS_PER_DAY]
        ]
        if len(found) >= least or reach >= SLOTS_PER_DAY // 2:
            return found
        reach = max(1, 2 * reach)
