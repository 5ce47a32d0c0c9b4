"""Charging profiles as OCPP 1.6 ed. 2 sections 3.13 and 7.8 describe them: values and their reading."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from .json import FormatError, Json, integer, mapping, number, optional_integer, optional_moment, optional_text, text


class Purpose(StrEnum):
    """What a profile limits (section 7.9)."""

    CHARGE_POINT_MAX = "ChargePointMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


class Kind(StrEnum):
    """How a schedule lies in time (section 7.10)."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


class Unit(StrEnum):
    """What limits are counted in (section 7.13)."""

    WATT = "W"
    AMPERE = "A"


RECURRENCE = {"Daily": timedelta(days=1), "Weekly": timedelta(days=7)}


@dataclass(frozen=True, slots=True)
class Period:
    """A limit from `start_s` seconds of the schedule on."""

    start_s: int
    limit: float
    phases: int = 3
    """3 where the message says nothing (section 7.14)."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One installed profile with its schedule."""

    profile_id: int
    stack_level: int
    purpose: Purpose
    kind: Kind
    unit: Unit
    periods: tuple[Period, ...]
    transaction_id: int | None = None
    recurrence: timedelta | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    start: datetime | None = None
    duration_s: int | None = None
    names_phases: bool = False
    """Whether any period gives a number of phases."""

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


def read_profile(payload: Mapping[str, Json]) -> Profile:
    """Read a ChargingProfile object; FormatError when it is not one."""
    schedule = mapping(payload, "chargingSchedule")
    kind = _member(Kind, text(payload, "chargingProfileKind"))
    periods, names_phases = _periods(schedule)
    repeat = optional_text(payload, "recurrencyKind")
    if repeat is not None and repeat not in RECURRENCE:
        raise FormatError(f"unknown recurrencyKind {repeat!r}")
    return Profile(
        profile_id=integer(payload, "chargingProfileId"),
        stack_level=integer(payload, "stackLevel"),
        purpose=_member(Purpose, text(payload, "chargingProfilePurpose")),
        kind=kind,
        unit=_member(Unit, text(schedule, "chargingRateUnit")),
        periods=periods,
        transaction_id=optional_integer(payload, "transactionId"),
        recurrence=RECURRENCE[repeat] if repeat is not None and kind is Kind.RECURRING else None,
        valid_from=optional_moment(payload, "validFrom"),
        valid_to=optional_moment(payload, "validTo"),
        start=optional_moment(schedule, "startSchedule"),
        duration_s=optional_integer(schedule, "duration"),
        names_phases=names_phases,
    )


def _periods(schedule: Mapping[str, Json]) -> tuple[tuple[Period, ...], bool]:
    entries = schedule.get("chargingSchedulePeriod")
    if not isinstance(entries, list):
        raise FormatError("chargingSchedulePeriod must be a list")
    periods, named = [], False
    for entry in entries:
        if not isinstance(entry, dict):
            raise FormatError("chargingSchedulePeriod holds objects")
        used = optional_integer(entry, "numberPhases")
        named = named or used is not None
        periods.append(Period(integer(entry, "startPeriod"), number(entry, "limit"), 3 if used is None else used))
    return tuple(periods), named


def _member[E: StrEnum](kind: type[E], value: str) -> E:
    try:
        return kind(value)
    except ValueError as error:
        raise FormatError(f"{value!r} is no {kind.__name__}") from error
