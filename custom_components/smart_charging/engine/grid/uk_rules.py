"""Charging hours and random delays of the Electric Vehicles (Smart Charge Points) Regulations 2021 (United Kingdom).

Until its owner chose hours a charger does not charge at peak times of weekdays (regulation 10). Each begin and end of
charging that follows the clock is put off by a random time (regulation 11), so that a nation's cars don't start as one. A
user can override both. The random time follows from a seed that is drawn once, so a restart changes nothing.

All of it is for a charger as a whole: its EVSEs keep the same hours, with the same delays and overrides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from ..model import EvseKey

DEFAULT_DELAY_S: Final = 600
MOST_DELAY_S: Final = 1800  # what a charge point must be capable of
PEAKS: Final = ((time(8), time(11)), (time(16), time(22)))
LONGEST_OVERRIDE: Final = timedelta(hours=24)
FIRST_EVSE: Final = 1
_SATURDAY: Final = 5
_DAYS_AHEAD: Final = 4  # over a weekend


class UkReason(StrEnum):
    """Why an EVSE may charge, or may not."""

    OFF_PEAK = "off_peak"
    PEAK = "peak"
    DELAYED_START = "delayed_start"  # the peak is over, the random time is not
    DELAYED_STOP = "delayed_stop"  # the peak has begun, the random time is not over
    OWN_HOURS = "own_hours"  # its owner chose them
    OVERRIDDEN = "overridden"


@dataclass(frozen=True, slots=True)
class UkRules:
    """Peak hours of weekdays by the clock of `zone`, and the longest random delay; ValueError for what can't be."""

    zone: str = "Europe/London"
    peaks: tuple[tuple[time, time], ...] = PEAKS
    most_delay_s: int = DEFAULT_DELAY_S

    def __post_init__(self) -> None:
        """Refuse hours that overlap or end before they begin, and delays beyond the regulations'."""
        edges = [edge for peak in self.peaks for edge in peak]
        if edges != sorted(edges) or len(set(edges)) != len(edges):
            raise ValueError("peak hours follow each other within a day")
        if not 0 <= self.most_delay_s <= MOST_DELAY_S:
            raise ValueError("a random delay is between 0 and 1800 seconds")


@dataclass(frozen=True, slots=True)
class UkMemory:
    """What outlives a restart: the seed, who chose own hours, and until when users override; by `charger_of`."""

    seed: int
    own_hours: frozenset[EvseKey] = frozenset()
    overridden: Mapping[EvseKey, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UkVerdict:
    """Whether an EVSE may charge, why, and until when that holds (None: no end is known)."""

    may_charge: bool
    reason: UkReason
    until: datetime | None


def charger_of(evse: EvseKey) -> EvseKey:
    """Return the EVSE that stands for the whole charger, its first."""
    return EvseKey(evse.station_id, FIRST_EVSE)


def delay_s(rules: UkRules, seed: int, evse: EvseKey, edge: datetime) -> int:
    """Return the random delay of an EVSE's charger at a moment at which the clock lets charging begin or end, in whole seconds.

    The same for the same moment, whenever it is asked for; also for hours that a user or a plan chose.
    """
    return Random(f"{seed}/{charger_of(evse)}/{edge.astimezone(UTC).isoformat()}").randint(0, rules.most_delay_s)


def verdict(rules: UkRules, memory: UkMemory, evse: EvseKey, now: datetime) -> UkVerdict:
    """Return whether an EVSE may charge now."""
    override = memory.overridden.get(charger_of(evse))
    if override is not None and now < override:
        return UkVerdict(True, UkReason.OVERRIDDEN, override)
    if has_own_hours(memory, evse):
        return UkVerdict(True, UkReason.OWN_HOURS, None)
    for begins, ends in _peaks(rules, now):
        starts_at = begins + timedelta(seconds=delay_s(rules, memory.seed, evse, begins))
        ends_at = ends + timedelta(seconds=delay_s(rules, memory.seed, evse, ends))
        if now < starts_at:
            late = now >= begins
            return UkVerdict(True, UkReason.DELAYED_STOP if late else UkReason.OFF_PEAK, starts_at)
        if now < ends_at:
            return UkVerdict(False, UkReason.DELAYED_START if now >= ends else UkReason.PEAK, ends_at)
    return UkVerdict(True, UkReason.OFF_PEAK, None)


def override(memory: UkMemory, evse: EvseKey, until: datetime) -> UkMemory:
    """Let an EVSE's charger charge at any hour and without delay until then."""
    return replace(memory, overridden={**memory.overridden, charger_of(evse): until})


def override_until(verdict: UkVerdict, now: datetime) -> datetime:
    """Return until when an override lasts that a user asks for without an end: as long as the verdict holds, a day at most."""
    longest = now + LONGEST_OVERRIDE
    return longest if verdict.until is None else min(verdict.until, longest)


def choose_hours(memory: UkMemory, evse: EvseKey, *, own: bool) -> UkMemory:
    """Note that the owner of an EVSE's charger chose hours, or wants the default ones again."""
    chosen = {charger_of(evse)}
    return replace(memory, own_hours=memory.own_hours | chosen if own else memory.own_hours - chosen)


def has_own_hours(memory: UkMemory, evse: EvseKey) -> bool:
    """Return whether the owner of an EVSE's charger chose hours."""
    return charger_of(evse) in memory.own_hours


def forget_past(memory: UkMemory, now: datetime) -> UkMemory:
    """Return the memory without overrides that have ended."""
    kept = {evse: until for evse, until in memory.overridden.items() if now < until}
    return memory if len(kept) == len(memory.overridden) else replace(memory, overridden=kept)


def _peaks(rules: UkRules, now: datetime) -> list[tuple[datetime, datetime]]:
    """Return the peaks of yesterday, as far as delayed, of today and of the next days, by UTC."""
    zone = ZoneInfo(rules.zone)
    first = now.astimezone(zone).date() - timedelta(days=1)
    days = (first + timedelta(days=index) for index in range(_DAYS_AHEAD + 2))
    return [
        (_moment(day, begins, zone), _moment(day, ends, zone))
        for day in days
        if day.weekday() < _SATURDAY
        for begins, ends in rules.peaks
    ]


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)
