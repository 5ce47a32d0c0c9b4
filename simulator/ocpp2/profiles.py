"""Charging profiles as OCPP 2.0.1 and 2.1 describe them (part 2, K and ChargingProfileType): values and their reading."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from simulator.ocpp.json import (
    FormatError,
    Json,
    Payload,
    integer,
    number,
    optional_integer,
    optional_moment,
    optional_text,
    text,
)


class Purpose(StrEnum):
    """What a profile limits."""

    STATION_MAX = "ChargingStationMaxProfile"
    EXTERNAL = "ChargingStationExternalConstraints"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"
    PRIORITY = "PriorityCharging"
    LOCAL_GENERATION = "LocalGeneration"


ONLY_21 = frozenset({Purpose.PRIORITY, Purpose.LOCAL_GENERATION})


class Kind(StrEnum):
    """How a schedule lies in time."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"
    DYNAMIC = "Dynamic"
    """2.1: one period, whose numbers the central system replaces."""


class Unit(StrEnum):
    """What limits are counted in."""

    WATT = "W"
    AMPERE = "A"


RECURRENCE = {"Daily": timedelta(days=1), "Weekly": timedelta(days=7)}


@dataclass(frozen=True, slots=True)
class Period:
    """What holds from `start_s` seconds of the schedule on; numbers in the schedule's unit."""

    start_s: int
    limit: float | None
    setpoint: float | None = None
    phases: int | None = None
    phase_to_use: int | None = None
    mode: str | None = None
    discharge_limit: float | None = None

    @property
    def taken_back(self) -> float:
        """Return what the car shall give, in the schedule's unit: a negative set-point within its limit."""
        if self.mode != "CentralSetpoint" or self.setpoint is None or self.setpoint >= 0:
            return 0.0
        return -self.setpoint if self.discharge_limit is None else min(-self.setpoint, -self.discharge_limit)

    @property
    def bound(self) -> float | None:
        """Return the most that may be drawn: the lower of limit and setpoint, nothing in the mode Idle."""
        if self.mode == "Idle":
            return 0.0
        given = [value for value in (self.limit, self.setpoint) if value is not None]
        return max(0.0, min(given)) if given else None


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile with its schedule; `payload` is what was sent, for reports."""

    profile_id: int
    stack_level: int
    purpose: Purpose
    kind: Kind
    unit: Unit
    periods: tuple[Period, ...]
    payload: Payload
    transaction_id: str | None = None
    recurrence: timedelta | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    start: datetime | None = None
    duration_s: int | None = None
    updated: datetime | None = None
    """When the numbers of a Dynamic profile were given."""
    pull_every_s: int | None = None
    most_offline_s: int | None = None
    """For how long it holds without a connection."""
    ends_offline: bool = False
    """Whether it is thrown away after that, instead of resting."""

    def period_at(self, now: datetime, transaction_start: datetime | None) -> Period | None:
        """Return the period that rules at this moment, or None while the schedule does not apply."""
        if self.valid_from is not None and now < self.valid_from:
            return None
        if self.valid_to is not None and now >= self.valid_to:
            return None
        begin = self.begin(now, transaction_start)
        if begin is None or now < begin:
            return None
        elapsed_s = (now - begin).total_seconds()
        if self.duration_s is not None and elapsed_s >= self.duration_s:
            return None
        reached = [period for period in self.periods if period.start_s <= elapsed_s]
        return reached[-1] if reached else None

    def begin(self, now: datetime, transaction_start: datetime | None) -> datetime | None:
        """Return the schedule's second 0 that counts now; a schedule without start begins with the transaction."""
        if self.kind is Kind.DYNAMIC:
            return self.updated
        if self.kind is Kind.RELATIVE or self.start is None:
            return transaction_start
        if self.recurrence is None or now < self.start:
            return self.start
        return self.start + self.recurrence * ((now - self.start) // self.recurrence)

    def edges(self, now: datetime, until: datetime, transaction_start: datetime | None) -> list[datetime]:
        """Return the moments after `now` and before `until` at which this profile may change."""
        found = [edge for edge in (self.valid_from, self.valid_to) if edge is not None]
        begin = self.begin(now, transaction_start)
        while begin is not None and begin < until:
            found += [begin + timedelta(seconds=period.start_s) for period in self.periods]
            if self.duration_s is not None:
                found.append(begin + timedelta(seconds=self.duration_s))
            begin = begin + self.recurrence if self.recurrence is not None else None
        return [edge for edge in found if now < edge < until]

    def overlaps(self, other: Profile) -> bool:
        """Tell whether there is a moment at which both are valid."""
        ends_before = self.valid_to is not None and other.valid_from is not None and self.valid_to <= other.valid_from
        begins_after = self.valid_from is not None and other.valid_to is not None and self.valid_from >= other.valid_to
        return not ends_before and not begins_after

    def of_transaction(self, transaction_id: str) -> Profile:
        """Return it as the profile of this transaction, which a remote start could not name yet."""
        payload: Payload = {**self.payload, "transactionId": transaction_id}
        return replace(self, transaction_id=transaction_id, payload=payload)

    def with_update(self, update: Mapping[str, Json], now: datetime) -> Profile:
        """Return a Dynamic profile with new numbers (2.1 K28); FormatError for what are none."""
        period = replace(
            self.periods[0],
            limit=_optional_number(update, "limit", self.periods[0].limit),
            setpoint=_optional_number(update, "setpoint", self.periods[0].setpoint),
            discharge_limit=_optional_number(update, "dischargeLimit", self.periods[0].discharge_limit),
        )
        return replace(self, periods=(period,), updated=now)


def read_profile(payload: Payload, now: datetime) -> Profile:
    """Read a ChargingProfile object; FormatError when it is not one.

    Of several schedules the first is taken, as a station without ISO 15118 does.
    """
    schedules = payload.get("chargingSchedule")
    if not isinstance(schedules, list) or not schedules or not isinstance(schedules[0], dict):
        raise FormatError("chargingSchedule must be a list of objects")
    schedule = schedules[0]
    kind = _member(Kind, text(payload, "chargingProfileKind"))
    repeat = optional_text(payload, "recurrencyKind")
    if repeat is not None and repeat not in RECURRENCE:
        raise FormatError(f"unknown recurrencyKind {repeat!r}")
    return Profile(
        profile_id=integer(payload, "id"),
        stack_level=integer(payload, "stackLevel"),
        purpose=_member(Purpose, text(payload, "chargingProfilePurpose")),
        kind=kind,
        unit=_member(Unit, text(schedule, "chargingRateUnit")),
        periods=_periods(schedule),
        payload=payload,
        transaction_id=optional_text(payload, "transactionId"),
        recurrence=RECURRENCE[repeat] if repeat is not None and kind is Kind.RECURRING else None,
        valid_from=optional_moment(payload, "validFrom"),
        valid_to=optional_moment(payload, "validTo"),
        start=optional_moment(schedule, "startSchedule"),
        duration_s=optional_integer(schedule, "duration"),
        updated=(optional_moment(payload, "dynUpdateTime") or now) if kind is Kind.DYNAMIC else None,
        pull_every_s=optional_integer(payload, "dynUpdateInterval"),
        most_offline_s=optional_integer(payload, "maxOfflineDuration"),
        ends_offline=payload.get("invalidAfterOfflineDuration") is True,
    )


def _periods(schedule: Mapping[str, Json]) -> tuple[Period, ...]:
    entries = schedule.get("chargingSchedulePeriod")
    if not isinstance(entries, list):
        raise FormatError("chargingSchedulePeriod must be a list")
    periods = []
    for entry in entries:
        if not isinstance(entry, dict):
            raise FormatError("chargingSchedulePeriod holds objects")
        periods.append(
            Period(
                integer(entry, "startPeriod"),
                _lowest(entry, "limit"),
                _lowest(entry, "setpoint"),
                optional_integer(entry, "numberPhases"),
                optional_integer(entry, "phaseToUse"),
                optional_text(entry, "operationMode"),
                _lowest(entry, "dischargeLimit"),
            )
        )
    return tuple(periods)


def _lowest(entry: Mapping[str, Json], key: str) -> float | None:
    """Return the lowest of a number and its companions for L2 and L3, since a car draws alike on all phases."""
    given = [number(entry, name) for name in (key, f"{key}_L2", f"{key}_L3") if name in entry]
    return min(given) if given else None


def _optional_number(update: Mapping[str, Json], key: str, otherwise: float | None) -> float | None:
    found = _lowest(update, key)
    return otherwise if found is None else found


def _member[E: StrEnum](kind: type[E], value: str) -> E:
    try:
        return kind(value)
    except ValueError as error:
        raise FormatError(f"{value!r} is no {kind.__name__}") from error
