"""Finding charge records, and what they sum to; the newest version of each counts, unless something else is said."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

import sqlalchemy as sa

from ..billing_material import BilledDay
from ..charge_record import ChargeRecord, StatementOf
from .billing_tables import billed_days, charge_records, record_days, record_totals
from .charge_records import read

_R = charge_records.c
_B = billed_days.c
_S = record_days.c
_T = record_totals.c
_NEWEST = _R.next_version.is_(None)
_ZERO = Decimal(0)
_SUBJECTS: Final = {
    StatementOf.DRIVER: _R.driver_id,
    StatementOf.GROUP: _R.group_id,
    StatementOf.VEHICLE: _R.vehicle_id,
    StatementOf.STATION: _R.station_id,
}


@dataclass(frozen=True, slots=True)
class RecordSums:
    """What records came to: energy, what was paid by currency, and how many there were."""

    energy_wh: Decimal = _ZERO
    gross: Mapping[str, Decimal] = field(default_factory=dict)
    records: int = 0


@dataclass(frozen=True, slots=True)
class AllowanceUse:
    """What of an allowance was given: kWh, and beside these an amount of money."""

    quantity: Decimal = _ZERO
    amount: Decimal = _ZERO


def of_subject(of: StatementOf, subject_id: str) -> sa.ColumnElement[bool]:
    """Return the condition that picks the records of somebody or something."""
    return sa.true() if of is StatementOf.SITE else _SUBJECTS[of] == subject_id


def records(
    connection: sa.Connection,
    site_id: str,
    of: StatementOf,
    subject_id: str,
    *,
    start: date | None,
    end: date | None,
    limit: int,
) -> tuple[ChargeRecord, ...]:
    """Return the records of somebody or something with any of the days from `start` to `end`, newest first."""
    query = sa.select(_R.body).where(_R.site_id == site_id, of_subject(of, subject_id), _NEWEST)
    query = query.where(*_within(start, end)).order_by(_R.started_at.desc(), _R.id.desc()).limit(limit)
    return read(connection, connection.execute(query).all())


def versions(connection: sa.Connection, site_id: str, record_id: str) -> tuple[ChargeRecord, ...]:
    """Return all versions of a record, oldest first."""
    query = sa.select(_R.body).where(_R.site_id == site_id, _R.record_id == record_id).order_by(_R.version)
    return read(connection, connection.execute(query).all())


def of_session(connection: sa.Connection, site_id: str, session_id: int) -> tuple[ChargeRecord, ...]:
    """Return the records of a session, in the order of their begin."""
    query = sa.select(_R.body).where(_R.site_id == site_id, _R.session_row == session_id, _NEWEST)
    return read(connection, connection.execute(query.order_by(_R.started_at, _R.id)).all())


def billed(connection: sa.Connection, site_id: str, record_id: str) -> tuple[tuple[BilledDay, str], ...]:
    """Return what of a record stood in statements, and what was taken back, each with the statement's number."""
    query = sa.select(billed_days).where(_B.site_id == site_id, _B.record_id == record_id).order_by(_B.id)
    found = []
    for row in connection.execute(query):
        found.append((BilledDay(record_id, row.version, row.day), row.number))
        if row.reversed_in is not None:
            found.append((BilledDay(record_id, row.version, row.day, reverses=True), row.reversed_in))
    return tuple(found)


def month_sums(connection: sa.Connection, site_id: str, of: StatementOf, subject_id: str, month: date) -> RecordSums:
    """Return what the days of a calendar month came to; a stay over two months counts in both with its part.

    What was taken away for its age counts for drivers and the site, see `retention.py`.
    """
    start, end = bounds(month)
    query = (
        sa.select(_S.record_row, _S.energy_wh, _S.gross, _R.currency)
        .join_from(charge_records, record_days)
        .where(_R.site_id == site_id, of_subject(of, subject_id), _NEWEST, *_within(start, end))
        .where(_S.day >= start, _S.day <= end)
    )
    energy, gross, rows = _ZERO, defaultdict[str, Decimal](Decimal), set()
    for row in connection.execute(query):
        energy += Decimal(row.energy_wh)
        gross[row.currency] += Decimal(row.gross)
        rows.add(row.record_row)
    count = len(rows)
    for row in connection.execute(_pruned(site_id, of, subject_id, month)):
        energy += Decimal(row.energy_wh)
        gross[row.currency] += Decimal(row.gross)
        count += row.records
    return RecordSums(energy, dict(gross), count)


def allowance_used(
    connection: sa.Connection,
    of: StatementOf,
    subject_id: str,
    month: date,
    *,
    before: datetime | None,
    without: str | None,
) -> AllowanceUse:
    """Return what of an allowance records gave in a calendar month, at every site.

    With `before`, only what began earlier counts, and never the record of the id `without`: a stay that is priced anew
    finds what it found the first time.
    """
    start, end = bounds(month)
    query = (
        sa.select(_S.free_quantity, _S.free_amount)
        .join_from(charge_records, record_days)
        .where(of_subject(of, subject_id), _NEWEST, *_within(start, end), _S.day >= start, _S.day <= end)
    )
    if before is not None:
        query = query.where(_R.started_at < before)
    if without is not None:
        query = query.where(_R.record_id != without)
    rows = connection.execute(query).all()
    quantity = sum((Decimal(row.free_quantity) for row in rows), _ZERO)
    return AllowanceUse(quantity, sum((Decimal(row.free_amount) for row in rows), _ZERO))


def bounds(month: date) -> tuple[date, date]:
    """Return the first and the last day of the month of a day."""
    start = month.replace(day=1)
    return start, (start + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def _within(start: date | None, end: date | None) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if start is not None:
        found.append(_R.last_day >= start)
    if end is not None:
        found.append(_R.first_day <= end)
    return found


def _pruned(site_id: str, of: StatementOf, subject_id: str, month: date) -> sa.Select[tuple[str, str, str, int]]:
    query = sa.select(_T.energy_wh, _T.gross, _T.currency, _T.records)
    query = query.where(_T.site_id == site_id, _T.month == f"{month:%Y-%m}")
    if of is StatementOf.SITE:
        return query
    return query.where(_T.driver_id == subject_id if of is StatementOf.DRIVER else sa.false())
