"""Statements: which records a period lists, what late ones and corrections add to it, and what it sums to."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
import re
from typing import Final

from ..charge_record import (
    ChargeRecord,
    DayEnergy,
    EmployerBasis,
    EmployerMonth,
    Issuer,
    RecordLine,
    Statement,
    StatementKind,
    StatementOf,
    StatementRecord,
    VatTotal,
    exact_sum,
)
from .employer_record import employer_months, only_rate, rate_total
from .logo import check_logo
from .statement_json import statement_hash

_PREFIX = re.compile(r"[A-Za-z0-9/_.-]{0,16}")
_LEAST_DIGITS: Final = 4


class SeveralCurrencies(ValueError):
    """The records of a statement are in several currencies, each needs a statement of its own."""

    def __init__(self, currencies: Iterable[str]) -> None:
        """Name them."""
        self.currencies = tuple(sorted(currencies))
        super().__init__(f"a statement is in one currency, these records are in {', '.join(self.currencies)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementRequest:
    """What a statement is to be about; ValueError for a period that ends before it starts and for times without zone.

    `start` and `end` are the first and the last day by the calendar of `time_zone` (IANA). An `issuer` may have a logo.
    Without records a statement is in `currency`. With `one_currency` what is in another one is left out, for a statement
    of its own. `rates` per kWh by year are for a record for an employer who pays by them, None for one who pays the
    real cost.
    """

    number: str
    site_id: str
    site_name: str
    of: StatementOf
    subject_id: str
    subject_name: str
    start: date
    end: date
    time_zone: str
    language: str
    currency: str
    issued_at: datetime
    kind: StatementKind = StatementKind.CHARGES
    issuer: Issuer = field(default_factory=Issuer)
    details: Mapping[str, str] = field(default_factory=dict)
    previous_hash: str = ""
    one_currency: bool = False
    rates: Mapping[int, Decimal] | None = None

    def __post_init__(self) -> None:
        """Refuse what no statement can be about."""
        if self.end < self.start:
            raise ValueError("a period ends no earlier than it starts")
        if self.issued_at.tzinfo is None:
            raise ValueError("a statement is issued at a time with a zone")
        if self.issuer.logo is not None:
            check_logo(self.issuer.logo)

    def is_about(self, record: ChargeRecord) -> bool:
        """Return whether a record is of the driver, group, vehicle, station or site."""
        ids: Mapping[StatementOf, str | None] = {
            StatementOf.DRIVER: record.driver_id,
            StatementOf.GROUP: record.group_id,
            StatementOf.VEHICLE: record.vehicle_id,
            StatementOf.STATION: record.station_id,
            StatementOf.SITE: record.site_id,
        }
        return record.site_id == self.site_id and ids[self.of] == self.subject_id


@dataclass(frozen=True, slots=True)
class Listed:
    """What stands in the statement of this number, whose period ended on the day `end`."""

    number: str
    end: date
    entry: StatementRecord


def listed_in(statement: Statement) -> tuple[Listed, ...]:
    """Return what stands in a statement, as the next one has to know it."""
    return tuple(Listed(statement.number, statement.end, entry) for entry in statement.records)


def statement_number(year: int, counter: int, prefix: str = "") -> str:
    """Return the number of a year's statement: 2026-0001, after a prefix of up to 16 letters, digits and `/_.-`.

    ValueError for another prefix, and for a counter that does not start at 1.
    """
    if _PREFIX.fullmatch(prefix) is None:
        raise ValueError("the prefix of a statement's number has up to 16 letters, digits, '/', '_', '.' and '-'")
    if counter < 1:
        raise ValueError("the first statement has the number 1")
    return f"{prefix}{year:04}-{counter:0{_LEAST_DIGITS}}"


def make_statement(
    request: StatementRequest, records: Iterable[ChargeRecord], already_billed: Iterable[Listed]
) -> Statement:
    """Return the statement of what no earlier one listed, up to the last day of the period.

    `records` hold at least the newest version of each record that is in question: those of the subject, and those that
    were listed for it and are somebody else's now. `already_billed` is what earlier statements list of these records,
    those of the same purpose, whosever they are: what is in there is not listed again. Where a later version
    took the place of a listed one, that is listed with the opposite sign, and then the later one.

    A stay without energy and without price is not listed. Raises SeveralCurrencies, and ValueError where `records` lack
    a version that was listed.
    """
    newest: dict[str, ChargeRecord] = {}
    for record in records:
        known = newest.get(record.record_id)
        if known is None or known.version < record.version:
            newest[record.record_id] = record
    history: dict[str, list[Listed]] = defaultdict(list)
    for listed in already_billed:
        history[listed.entry.record.record_id].append(listed)
    entries = [
        entry
        for record in sorted(newest.values(), key=lambda record: (record.started_at, record.record_id))
        for entry in _entries(request, record, history[record.record_id])
    ]
    if request.one_currency:
        entries = [entry for entry in entries if entry.record.currency == request.currency]
    return _sealed(request, entries)


def totals_of(lines: Iterable[RecordLine]) -> tuple[VatTotal, ...]:
    """Return what the lines of each tax rate sum to, exactly, the lowest rate first."""
    by_rate: dict[Decimal, list[RecordLine]] = defaultdict(list)
    for line in lines:
        by_rate[line.vat_percent].append(line)
    return tuple(
        VatTotal(
            vat_percent=rate,
            net=exact_sum(line.net for line in of_rate),
            vat=exact_sum(line.vat for line in of_rate),
            gross=exact_sum(line.gross for line in of_rate),
        )
        for rate, of_rate in sorted(by_rate.items())
    )


def _entries(request: StatementRequest, record: ChargeRecord, history: Sequence[Listed]) -> Iterator[StatementRecord]:
    """Give what a statement lists of a record: what it takes back, then what it adds."""
    if any(listed.entry.record.version > record.version for listed in history):
        raise ValueError(f"version {record.version} of the record {record.record_id} is not its newest one")
    taken_back = {(one.entry.corrects, one.entry.record.version) for one in history if one.entry.corrects is not None}
    standing = [
        one
        for one in history
        if one.entry.corrects is None and (one.number, one.entry.record.version) not in taken_back
    ]
    outdated = [
        one for one in standing if one.entry.record.version < record.version and request.is_about(one.entry.record)
    ]
    if any(one.end > request.end for one in outdated):
        # A part of what was listed is of after this period: one that ends later takes it back as a whole.
        return
    for one in sorted(outdated, key=lambda one: (one.end, one.number)):
        yield _opposite(one)
    if not request.is_about(record):
        return
    through = max((one.end for one in standing if one.entry.record.version == record.version), default=date.min)
    entry = _part(record, through, request)
    if entry.lines or entry.energy_wh:
        yield entry


def _part(record: ChargeRecord, through: date, request: StatementRequest) -> StatementRecord:
    """Return a record's lines and days from after one day to the end of the period."""
    lines = tuple(line for line in record.lines if through < line.day <= request.end)
    days = tuple(day for day in record.days if through < day.day <= request.end)
    return StatementRecord(
        record=record,
        lines=lines,
        days=days,
        energy_wh=exact_sum(day.energy_wh for day in days),
        late=any(day < request.start for day in (*(line.day for line in lines), *(day.day for day in days))),
    )


def _opposite(listed: Listed) -> StatementRecord:
    """Return what takes back what another statement lists."""
    entry = listed.entry
    return StatementRecord(
        record=entry.record,
        lines=tuple(
            replace(line, quantity=-line.quantity, net=-line.net, vat=-line.vat, gross=-line.gross)
            for line in entry.lines
        ),
        days=tuple(
            DayEnergy(
                day=day.day,
                energy_wh=-day.energy_wh,
                solar_wh=-day.solar_wh,
                battery_wh=-day.battery_wh,
                grid_wh=-day.grid_wh,
            )
            for day in entry.days
        ),
        energy_wh=-entry.energy_wh,
        corrects=listed.number,
    )


def _sealed(request: StatementRequest, entries: Sequence[StatementRecord]) -> Statement:
    """Return the statement with its sums and its hash."""
    currencies = {entry.record.currency for entry in entries if entry.lines}
    if len(currencies) > 1:
        raise SeveralCurrencies(currencies)
    currency = currencies.pop() if currencies else request.currency
    totals = totals_of(line for entry in entries for line in entry.lines)
    basis, months = _employer_part(request, entries, currency)
    by_rate = basis is EmployerBasis.YEARLY_RATE
    statement = Statement(
        number=request.number,
        site_id=request.site_id,
        site_name=request.site_name,
        of=request.of,
        subject_id=request.subject_id,
        subject_name=request.subject_name,
        kind=request.kind,
        start=request.start,
        end=request.end,
        time_zone=request.time_zone,
        language=request.language,
        currency=currency,
        issued_at=request.issued_at,
        issuer=request.issuer,
        records=tuple(entries),
        totals=totals,
        energy_wh=exact_sum(entry.energy_wh for entry in entries),
        gross=exact_sum(total.gross for total in totals),
        basis=basis,
        months=months,
        rate=only_rate(months) if by_rate else None,
        rate_amount=rate_total(months) if by_rate else None,
        details=dict(request.details),
        previous_hash=request.previous_hash,
    )
    return replace(statement, hash=statement_hash(statement))


def _employer_part(
    request: StatementRequest, entries: Sequence[StatementRecord], currency: str
) -> tuple[EmployerBasis | None, tuple[EmployerMonth, ...]]:
    if request.kind is not StatementKind.EMPLOYER:
        return None, ()
    basis = EmployerBasis.ACTUAL_COST if request.rates is None else EmployerBasis.YEARLY_RATE
    return basis, employer_months(entries, request.rates, currency)
