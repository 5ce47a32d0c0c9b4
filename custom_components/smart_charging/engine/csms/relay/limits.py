"""Charging profiles of a second central system as limits for the site: typed, bounded, never sent to the station."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import math
from typing import Final

from ...limit import LimitUnit
from ...model import Json
from .. import payloads
from ..timestamps import parse_time

MAX_PERIODS: Final = 256
MAX_PROFILES: Final = 32
_MAX_S: Final = 366 * 24 * 3600
_MAX_DISTANCE: Final = timedelta(days=3660)  # of a start from now: a calendar ends at 9999
_RECURS: Final = {"Daily": timedelta(days=1), "Weekly": timedelta(days=7)}


@dataclass(frozen=True, slots=True)
class Bound:
    """What binds at a moment, until `until` (None: nobody knows): A per phase or W over all phases."""

    value: float
    unit: LimitUnit
    until: datetime | None
    phases: int | None = None


@dataclass(frozen=True, slots=True)
class ProfileLimit:
    """A limit they set, by a schedule; it is an input of the site, which decides what the station is told.

    `evse_id` 0 is the station as a whole. `periods` are (seconds from the start of the schedule, value, number of
    phases or None), ascending. `transaction_id` is ours. Of several with one purpose that hold at a
    moment the highest `stack_level` counts, and of the purposes the lowest value (OCPP 1.6 section 3.13.2).
    """

    station_id: str
    profile_id: int
    evse_id: int
    purpose: str
    stack_level: int
    unit: LimitUnit
    starts_at: datetime
    periods: tuple[tuple[int, float, int | None], ...]
    duration_s: int | None = None
    recurs: timedelta | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    transaction_id: str | None = None

    def bound(self, now: datetime) -> Bound | None:
        """Return what binds at this moment, None where nothing does."""
        if (self.valid_from is not None and now < self.valid_from) or (self.valid_to and now >= self.valid_to):
            return None
        start = self.starts_at
        if self.recurs is not None and now >= start:
            start += ((now - start) // self.recurs) * self.recurs
        elapsed_s = (now - start).total_seconds()
        if elapsed_s < 0 or (self.duration_s is not None and elapsed_s >= self.duration_s):
            return None
        begun = [index for index, period in enumerate(self.periods) if period[0] <= elapsed_s]
        if not begun:
            return None
        _, value, phases = self.periods[begun[-1]]
        ends = [start + timedelta(seconds=self.periods[begun[-1] + 1][0])] if begun[-1] + 1 < len(self.periods) else []
        if self.duration_s is not None:
            ends.append(start + timedelta(seconds=self.duration_s))
        if self.recurs is not None:
            ends.append(start + self.recurs)
        if self.valid_to is not None:
            ends.append(self.valid_to)
        return Bound(value, self.unit, min(ends, default=None), phases)


@dataclass(frozen=True, slots=True)
class LimitSet:
    """They set a limit, or replaced the one of the same id."""

    limit: ProfileLimit


@dataclass(frozen=True, slots=True)
class LimitCleared:
    """They took a limit back, or it was replaced by one with another id."""

    station_id: str
    profile_id: int


@dataclass(frozen=True, slots=True)
class TransactionRefused:
    """They don't authorise a transaction that runs; `transaction_id` is ours."""

    station_id: str
    transaction_id: str
    status: str


type RelayEvent = LimitSet | LimitCleared | TransactionRefused


def parse_profile(
    station_id: str, payload: Mapping[str, Json], received_at: datetime, transaction_id: str | None
) -> ProfileLimit | None:
    """Read a SetChargingProfile of 1.6 or 2.x; None for what can't be kept as a limit.

    A relative schedule begins when it came. Of a 2.x profile the first schedule is read.
    """
    profile = payload.get("csChargingProfiles", payload.get("chargingProfile"))
    if not isinstance(profile, dict):
        return None
    schedule = profile.get("chargingSchedule")
    if isinstance(schedule, list):
        schedule = schedule[0] if schedule else None
    profile_id = payloads.integer(profile, "chargingProfileId") or payloads.integer(profile, "id")
    evse_id = payloads.integer(payload, "connectorId") or payloads.integer(payload, "evseId") or 0
    if not isinstance(schedule, dict) or profile_id is None or not 0 <= evse_id <= payloads.MAX_CONNECTORS:
        return None
    periods = _periods(schedule.get("chargingSchedulePeriod"))
    unit = {"A": LimitUnit.AMPERE, "W": LimitUnit.WATT}.get(str(schedule.get("chargingRateUnit")))
    duration_s = payloads.integer(schedule, "duration")
    recurs = (
        _RECURS.get(str(profile.get("recurrencyKind"))) if profile.get("chargingProfileKind") == "Recurring" else None
    )
    fits = unit is not None and periods and (duration_s is None or 0 < duration_s <= _MAX_S)
    if unit is None or not fits or (profile.get("chargingProfileKind") == "Recurring" and recurs is None):
        return None
    started = None if profile.get("chargingProfileKind") == "Relative" else _time(schedule, "startSchedule")
    if started is not None and abs(started - received_at) > _MAX_DISTANCE:
        return None
    return ProfileLimit(
        station_id,
        profile_id,
        evse_id,
        payloads.text(profile, "chargingProfilePurpose") or "",
        payloads.integer(profile, "stackLevel") or 0,
        unit,
        started or received_at,
        periods,
        duration_s,
        recurs,
        _time(profile, "validFrom"),
        _time(profile, "validTo"),
        transaction_id,
    )


def _periods(raw: Json) -> tuple[tuple[int, float, int | None], ...]:
    """Return the periods of a schedule; none at all where one of them can't be read."""
    if not isinstance(raw, list) or not 0 < len(raw) <= MAX_PERIODS:
        return ()
    periods: list[tuple[int, float, int | None]] = []
    for each in raw:
        if not isinstance(each, dict):
            return ()
        start, value = each.get("startPeriod"), each.get("limit")
        if not isinstance(start, int) or not isinstance(value, int | float) or isinstance(value, bool):
            return ()
        if not (math.isfinite(value) and value >= 0 and 0 <= start <= _MAX_S):
            return ()
        periods.append((start, float(value), payloads.integer(each, "numberPhases")))
    starts = [start for start, _, _ in periods]
    return tuple(periods) if starts[0] == 0 and starts == sorted(set(starts)) else ()


def _time(payload: Mapping[str, Json], name: str) -> datetime | None:
    parsed = parse_time(payload.get(name))
    return None if parsed is None else parsed.at.astimezone(UTC)


class TheirLimits:
    """The limits that hold for one station, as many as a station might hold profiles."""

    def __init__(self) -> None:
        """Begin without any."""
        self._limits: dict[int, ProfileLimit] = {}

    def set(self, limit: ProfileLimit) -> list[int] | None:
        """Take a limit; return the ids of those it replaces, None where there is no room."""
        replaced = [
            known.profile_id
            for known in self._limits.values()
            if known.profile_id != limit.profile_id
            and (known.evse_id, known.purpose, known.stack_level) == (limit.evse_id, limit.purpose, limit.stack_level)
        ]
        if limit.profile_id not in self._limits and len(self._limits) - len(replaced) >= MAX_PROFILES:
            return None
        for profile_id in replaced:
            del self._limits[profile_id]
        self._limits[limit.profile_id] = limit
        return replaced

    def clear(self, payload: Mapping[str, Json]) -> list[int]:
        """Return the ids of those that a ClearChargingProfile takes back (OCPP 1.6 section 5.5)."""
        criteria = payload.get("chargingProfileCriteria")
        wanted = {**payload, **criteria} if isinstance(criteria, dict) else payload
        profile_id = payloads.integer(wanted, "id")
        profile_id = payloads.integer(wanted, "chargingProfileId") if profile_id is None else profile_id
        evse_id = payloads.integer(wanted, "connectorId")
        evse_id = payloads.integer(wanted, "evseId") if evse_id is None else evse_id
        purpose, stack_level = payloads.text(wanted, "chargingProfilePurpose"), payloads.integer(wanted, "stackLevel")
        cleared = [
            limit.profile_id
            for limit in self._limits.values()
            if (profile_id == limit.profile_id)
            or (
                profile_id is None
                and evse_id in {None, limit.evse_id}
                and purpose in {None, limit.purpose}
                and stack_level in {None, limit.stack_level}
            )
        ]
        for each in cleared:
            del self._limits[each]
        return cleared

    @property
    def all(self) -> tuple[ProfileLimit, ...]:
        """Return all limits."""
        return tuple(self._limits.values())
