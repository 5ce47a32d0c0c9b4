"""Keeping charge records: every version is a row of its own, and none is changed or made twice."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from ..billing_material import days_of, record_id_of
from ..charge_record import ChargeRecord, DayEnergy, LineKind
from . import personal, registry, to_price
from .billing_tables import charge_records, record_days
from .book import Book
from .record_json import decode_record, digests_of, encode_record, nameless, tidy

MAX_RECORDS: Final = 1000  # of one session
_R = charge_records.c
_ZERO = Decimal(0)
_NEWEST = _R.next_version.is_(None)


def keep(
    book: Book, site_id: str, session_id: int, records: Sequence[ChargeRecord], done: to_price.PendingSession | None
) -> tuple[ChargeRecord, ...]:
    """Keep all that a session came to, and let it wait no more unless it changed since `done` was asked for.

    A record that is not equal to its newest version becomes the next version, whatever version it says; it is returned
    as it is kept. What was a record of this session, or of one of its transactions, and is none any more becomes an
    empty version. Raises ValueError, before anything is kept, for records that are not of this session.
    """
    _refuse_foreign(site_id, session_id, records)
    gone = registry.anonymised(book.connection, {one.driver_id for one in records if one.driver_id is not None})
    told = [tidy(nameless(one) if one.driver_id in gone else one) for one in records]
    ids = {one.record_id for one in told}
    known = {one.record_id: one for one in _newest(book, site_id, session_id, ids | _of_transactions(told))}
    kept = tuple(_keep_one(book, one, known.get(one.record_id)) for one in told)
    for left in known.values():
        if left.record_id not in ids and not _is_void(left):
            _insert(book, replace(_void(left), version=left.version + 1))
    if done is not None:
        to_price.take_out(book.connection, site_id, done)
    return kept


def read(connection: sa.Connection, rows: Iterable[Any]) -> tuple[ChargeRecord, ...]:
    """Return the records of rows that have a `body`, with the names that are still kept."""
    bodies = [row.body for row in rows]
    digests = [digest for body in bodies for digest in digests_of(body)]
    words = personal.words_of(connection, digests)
    return tuple(decode_record(body, words) for body in bodies)


def versions(connection: sa.Connection, wanted: Sequence[tuple[str, int]]) -> dict[tuple[str, int], ChargeRecord]:
    """Return versions of records by their ids and versions, those that there are."""
    by_id: defaultdict[str, set[int]] = defaultdict(set)
    for record_id, version in wanted:
        by_id[record_id].add(version)
    found: dict[tuple[str, int], ChargeRecord] = {}
    for some in personal.portions(list(by_id)):
        query = sa.select(_R.record_id, _R.version, _R.body).where(_R.record_id.in_(some))
        rows = [row for row in connection.execute(query) if row.version in by_id[row.record_id]]
        for row, record in zip(rows, read(connection, rows), strict=True):
            found[row.record_id, row.version] = record
    return found


def _refuse_foreign(site_id: str, session_id: int, records: Sequence[ChargeRecord]) -> None:
    if len(records) > MAX_RECORDS:
        raise ValueError(f"a session has at most {MAX_RECORDS} records")
    if len({one.record_id for one in records}) != len(records):
        raise ValueError("a session has each record once")
    for one in records:
        if one.site_id != site_id or one.session_id != session_id:
            raise ValueError("a record is of this site and session")
        if not one.record_id or one.ended_at < one.started_at:
            raise ValueError("a record has an id, and ends no earlier than it begins")
        if sum((day.energy_wh for day in one.days), _ZERO) != one.energy_wh:
            raise ValueError("the days of a record sum to its energy")


def _of_transactions(records: Iterable[ChargeRecord]) -> set[str]:
    """Return the ids of records that would begin with any of the transactions."""
    return {
        record_id_of(one.site_id, one.station_id, transaction_id)
        for one in records
        for transaction_id in one.transaction_ids
    }


def _newest(book: Book, site_id: str, session_id: int, record_ids: set[str]) -> tuple[ChargeRecord, ...]:
    bodies = sa.select(_R.body).where(_R.site_id == site_id, _NEWEST)
    rows = book.connection.execute(bodies.where(_R.session_row == session_id)).all()
    others = bodies.where(_R.session_row != session_id)
    for some in personal.portions(sorted(record_ids)):
        rows = [*rows, *book.connection.execute(others.where(_R.record_id.in_(some)))]
    return read(book.connection, rows)


def _keep_one(book: Book, record: ChargeRecord, newest: ChargeRecord | None) -> ChargeRecord:
    if newest is None:
        return _insert(book, replace(record, version=1))
    if record == replace(newest, version=record.version, made_at=record.made_at):
        return newest
    return _insert(book, replace(record, version=newest.version + 1))


def _insert(book: Book, record: ChargeRecord) -> ChargeRecord:
    """Add a version, which is the newest from now on."""
    frozen, days = encode_record(record), days_of(record)
    older = sa.and_(_R.record_id == record.record_id, _R.version == record.version - 1)
    book.connection.execute(sa.update(charge_records).where(older).values(next_version=record.version))
    row = book.insert(
        charge_records,
        site_id=record.site_id,
        record_id=record.record_id,
        version=record.version,
        session_row=record.session_id,
        station_id=record.station_id,
        driver_id=record.driver_id,
        group_id=record.group_id,
        vehicle_id=record.vehicle_id,
        tariff_id=record.tariff_id,
        tariff_version=record.tariff_version,
        started_at=record.started_at,
        ended_at=record.ended_at,
        first_day=days[0],
        last_day=days[-1],
        day_count=len(days),
        energy_wh=str(record.energy_wh),
        gross=str(record.gross),
        currency=record.currency,
        hash=frozen.hash,
        body=frozen.text,
    )
    sums = [{"record_row": row, "day": day, "site_id": record.site_id, **_sums(record, day)} for day in days]
    book.connection.execute(sa.insert(record_days), sums)
    personal.keep(book, record.site_id, frozen.commitments)
    return record


def _sums(record: ChargeRecord, day: date) -> dict[str, str]:
    lines = [line for line in record.lines if line.day == day]
    free = [line for line in lines if line.kind is LineKind.ALLOWANCE]
    return {
        "energy_wh": str(sum((one.energy_wh for one in record.days if one.day == day), _ZERO)),
        "gross": str(sum((line.gross for line in lines), _ZERO)),
        "free_quantity": str(sum((abs(line.quantity) for line in free), _ZERO)),
        # A line without a quantity is of an amount of money, before or after tax as the prices are.
        "free_amount": str(
            sum((-(line.gross if record.vat_included else line.net) for line in free if not line.quantity), _ZERO)
        ),
    }


def _void(record: ChargeRecord) -> ChargeRecord:
    """Return a version of a record that says that there was nothing: all of it is in another record now."""
    return replace(
        record,
        transaction_ids=(),
        energy_wh=_ZERO,
        days=tuple(DayEnergy(day=day, energy_wh=_ZERO) for day in days_of(record)),
        charging_s=0,
        parking_s=0,
        lines=(),
        meter_start_wh=None,
        meter_stop_wh=None,
        made_at=None,
    )


def _is_void(record: ChargeRecord) -> bool:
    return not (record.transaction_ids or record.energy_wh or record.lines)
