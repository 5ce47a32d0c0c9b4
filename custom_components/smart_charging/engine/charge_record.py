"""Charge records and statements: what a stay costs, and what is asked for it. Once kept, none of it changes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from enum import StrEnum

from .usage import EnergySource, SignedMark

_EXACT_DIGITS = 200  # far more than the sum of any amounts of money has


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Return a sum that no digit is rounded away from; ArithmeticError for numbers too far apart for that."""
    exact = Context(prec=_EXACT_DIGITS, traps=[Inexact, InvalidOperation])
    total = Decimal(0)
    for amount in amounts:
        total = exact.add(total, amount)
    return total


class LineKind(StrEnum):
    """What a line is about."""

    ENERGY = "energy"  # kWh
    TIME = "time"  # hours
    PARKING = "parking"  # hours
    FLAT = "flat"
    ADJUSTMENT = "adjustment"  # to the least or the most that a stay costs
    ALLOWANCE = "allowance"  # what is free, below 0
    EMPLOYER = "employer"  # what the employer bears, below 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordLine:
    """A part of a price: `quantity` in kWh, hours or pieces at `unit_price`, on one day of the site's calendar.

    `unit_price` is as the tariff has it, before or after tax; None where it moved with the market. `net`, `vat` and
    `gross` are in the record's currency; `vat_percent` is the tax rate. `source` is told where the price is of one.
    Free energy has a quantity below 0; an amount of money that is free, an adjustment or a share has none.
    """

    kind: LineKind
    day: date
    quantity: Decimal
    unit_price: Decimal | None
    net: Decimal
    vat: Decimal
    gross: Decimal
    vat_percent: Decimal
    source: EnergySource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayEnergy:
    """What of a stay was delivered on one day of the site's calendar, in Wh; the rest of the parts is of unknown origin."""

    day: date
    energy_wh: Decimal
    solar_wh: Decimal = Decimal(0)
    battery_wh: Decimal = Decimal(0)
    grid_wh: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRecord:
    """What a stay came to by the tariff of its begin (OCPI: CDR).

    A correction is a new record with the next `version`, which takes the place of those before it; none is deleted.
    The `days` sum to `energy_wh`. `tariff_id` is None for a stay that nobody set a price for; it has no lines then.
    """

    record_id: str
    version: int
    site_id: str
    session_id: int
    station_id: str
    station_name: str
    evse_id: int
    transaction_ids: tuple[str, ...]
    started_at: datetime
    ended_at: datetime
    energy_wh: Decimal
    days: tuple[DayEnergy, ...]
    charging_s: int
    parking_s: int
    currency: str
    lines: tuple[RecordLine, ...]
    token_id: str | None = None
    token_label: str | None = None
    driver_id: str | None = None
    driver_name: str | None = None
    group_id: str | None = None
    vehicle_id: str | None = None
    vehicle_name: str | None = None
    tariff_id: str | None = None
    tariff_version: int | None = None
    vat_included: bool = True
    meter_start_wh: Decimal | None = None
    meter_stop_wh: Decimal | None = None
    signed: SignedMark = SignedMark.UNSIGNED
    offline: bool = False
    lost: bool = False
    clock_off: bool = False
    made_at: datetime | None = None

    @property
    def gross(self) -> Decimal:
        """Return what is paid for it in the end."""
        return exact_sum(line.gross for line in self.lines)


class StatementOf(StrEnum):
    """Whose or what's records a statement lists."""

    DRIVER = "driver"
    GROUP = "group"
    VEHICLE = "vehicle"
    STATION = "station"
    SITE = "site"


class StatementKind(StrEnum):
    """What a statement is for."""

    CHARGES = "charges"  # what is to be paid for
    EMPLOYER = "employer"  # the record for an employer of what a company car took at home


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who issues statements: lines of the address, the tax number where there is one, and a logo (PNG or JPEG)."""

    name: str = ""
    address: tuple[str, ...] = ()
    tax_id: str | None = None
    logo: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VatTotal:
    """What the lines of one tax rate sum to."""

    vat_percent: Decimal
    net: Decimal
    vat: Decimal
    gross: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementRecord:
    """A record as far as it belongs to a statement: its `lines` and `days` up to the end of the period.

    `energy_wh` is what the `days` sum to. With lines or days from before the period it is `late`: they came too late
    for the statement of their own time. `corrects` is the number of the statement that this version of the record stood
    in before a later one took its place; its lines and days are in here with the opposite sign then.
    """

    record: ChargeRecord
    lines: tuple[RecordLine, ...]
    days: tuple[DayEnergy, ...]
    energy_wh: Decimal
    late: bool = False
    corrects: str | None = None

    @property
    def net(self) -> Decimal:
        """Return what the lines sum to before tax."""
        return exact_sum(line.net for line in self.lines)

    @property
    def vat(self) -> Decimal:
        """Return the tax in the lines."""
        return exact_sum(line.vat for line in self.lines)

    @property
    def gross(self) -> Decimal:
        """Return what is paid for the lines in the end."""
        return exact_sum(line.gross for line in self.lines)


class EmployerBasis(StrEnum):
    """What an employer pays back for a company car that was charged at home."""

    ACTUAL_COST = "actual_cost"
    YEARLY_RATE = "yearly_rate"  # per kWh, as the tax office publishes it for the year


@dataclass(frozen=True, slots=True, kw_only=True)
class EmployerMonth:
    """What a car took in a calendar month, from its first day `month` on, and what that comes to.

    `cost` is what the energy cost by the records. `rate` per kWh is that of the year, None where none is known;
    `rate_amount` is then None too. What corrects an earlier statement counts in the month that it corrects.
    """

    vehicle_id: str | None
    vehicle_name: str | None
    month: date
    energy_wh: Decimal
    cost: Decimal
    rate: Decimal | None = None
    rate_amount: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A numbered list of records for a period, from `start` to `end` inclusive by the site's calendar, never changed.

    `hash` is over all of it and the hash of the statement before. A record for an employer has a `basis` and `months`;
    by the yearly rate it has the `rate` where all months have the same, and the `rate_amount` of all months; that is
    None where the rate of a year is not known.
    """

    number: str
    site_id: str
    site_name: str
    of: StatementOf
    subject_id: str
    subject_name: str
    kind: StatementKind
    start: date
    end: date
    time_zone: str
    language: str
    currency: str
    issued_at: datetime
    issuer: Issuer
    records: tuple[StatementRecord, ...]
    totals: tuple[VatTotal, ...]
    energy_wh: Decimal
    gross: Decimal
    basis: EmployerBasis | None = None
    months: tuple[EmployerMonth, ...] = ()
    rate: Decimal | None = None
    rate_amount: Decimal | None = None
    details: Mapping[str, str] = field(default_factory=dict)  # cost centre, plate, ...
    previous_hash: str = ""
    hash: str = ""
