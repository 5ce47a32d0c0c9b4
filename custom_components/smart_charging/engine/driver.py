"""Drivers, the groups they are in and their vehicles: values that the rooms share."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal
from enum import StrEnum

WEEKDAYS = frozenset(range(7))  # Monday is 0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is free of charge in each calendar month of the site's time zone: kWh, an amount of money, or both.

    With `bounds` nothing more may be charged in a month once it is used up. A group's is for each of its drivers, or with
    `shared` for all of them together. ValueError for what is no amount.
    """

    energy_kwh: Decimal | None = None
    amount: Decimal | None = None
    bounds: bool = False
    shared: bool = False

    def __post_init__(self) -> None:
        """Refuse less than nothing, and what allows nothing at all."""
        given = [one for one in (self.energy_kwh, self.amount) if one is not None]
        if not given or any(not one.is_finite() or one < 0 for one in given):
            raise ValueError("an allowance is an energy, an amount of money or both, of at least 0")


@dataclass(frozen=True, slots=True)
class WeeklyWindow:
    """A time of the week by the site's clock: from `start` to before `end`; where that is not later, on the next day.

    The weekday is that of the start. The same start and end are the whole day.
    """

    start: time
    end: time
    weekdays: frozenset[int] = WEEKDAYS

    def holds(self, at: datetime) -> bool:
        """Return whether a moment, in the site's time zone, is within."""
        clock, today = at.time().replace(tzinfo=None), at.weekday()
        if self.start < self.end:
            return today in self.weekdays and self.start <= clock < self.end
        yesterday = (today - 1) % 7
        return (today in self.weekdays and clock >= self.start) or (yesterday in self.weekdays and clock < self.end)


@dataclass(frozen=True, slots=True)
class Group:
    """People who charge on the same terms.

    `stations` are the ids of those where they may charge, None for all; `hours` when, none for always; `schedule` the
    id of an entity that tells it instead. `employer_share` is the part of each price that their employer bears, 0 to 1.
    """

    group_id: str
    name: str
    tariff_id: str | None = None
    allowance: Allowance | None = None
    priority: int | None = None
    stations: frozenset[str] | None = None
    hours: tuple[WeeklyWindow, ...] = ()
    schedule: str | None = None
    employer_share: Decimal = Decimal(0)
    every_site: bool = True

    def __post_init__(self) -> None:
        """Refuse a share that is none."""
        if not (self.employer_share.is_finite() and 0 <= self.employer_share <= 1):
            raise ValueError("an employer's share is a part of the whole, from 0 to 1")


@dataclass(frozen=True, slots=True)
class Driver:
    """Somebody who charges; what the driver says of tariff, allowance and share has precedence over the group.

    `user_id` is the Home Assistant user who may see what this driver charged. A driver that is not `active` may not
    charge. One that was anonymised has no name any more, only records.
    """

    driver_id: str
    name: str
    group_id: str | None = None
    email: str | None = field(default=None, repr=False)
    cost_centre: str | None = None
    language: str | None = None
    active: bool = True
    user_id: str | None = None
    tariff_id: str | None = None
    allowance: Allowance | None = None
    employer_share: Decimal | None = None
    created_at: datetime | None = None
    anonymised_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A car that people charge: its usable battery in kWh and its phases where known, and who drives it by default.

    `plate` is what a record for an employer names it by.
    """

    vehicle_id: str
    name: str
    battery_kwh: Decimal | None = None
    phases: int | None = None
    driver_id: str | None = None
    plate: str | None = None


@dataclass(frozen=True, slots=True)
class DriverAccess:
    """What decides whether a driver may charge here and now.

    `allowance_left` is False once a bounding allowance is used up. `scheduled` is what the entity of the group's
    schedule says, None where it has none or that says nothing: a schedule that can't be read locks nobody out.
    """

    driver: Driver
    group: Group | None = None
    allowance_left: bool = True
    scheduled: bool | None = None


class AccessRefusal(StrEnum):
    """Why a driver who is known may not charge here and now."""

    INACTIVE = "inactive"
    STATION = "station"  # not at this station
    HOURS = "hours"  # not at this time
    ALLOWANCE = "allowance"  # what is free is used up, and more is not allowed


class RegistryError(Exception):
    """Why what was asked of drivers, groups and vehicles was not done; nothing was changed."""


class DriverUnknown(RegistryError):
    """There is no driver of this id, or not any more."""


class GroupUnknown(RegistryError):
    """There is no group of this id."""


class VehicleUnknown(RegistryError):
    """There is no vehicle of this id."""


class NameExists(RegistryError):
    """Another one has the id or the name already, in whatever case."""


class UserTaken(RegistryError):
    """Another driver is this Home Assistant user already."""


class StillInUse(RegistryError):
    """Something refers to it that has to go first."""


class DriverCharging(RegistryError):
    """It can't be done while the driver charges."""


class NotStorable(RegistryError, ValueError):
    """A text is empty, too long, or no text that can be kept; the message says which."""


def within(hours: Iterable[WeeklyWindow], at: datetime) -> bool:
    """Return whether a moment in the site's time zone is in one of the windows, or there are none."""
    windows = tuple(hours)
    return not windows or any(window.holds(at) for window in windows)
