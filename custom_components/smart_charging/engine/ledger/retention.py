"""Taking away what is older than it has to be kept, in an order that leaves no sum and no chain broken.

- Readings go with their age, but never those of a transaction that runs or whose records still have to be made.
- Sessions go with their transactions once they ended and their records are made. What an EVSE delivered in its life stays.
- Statements lose their content from the old end of the chain only; number, period, sums and hash stay for ever.
- Charge records go with all their versions: never while a statement needs them, while a part of them that has to be paid
  for stands in no statement, or while their session may still be priced. What they came to stays in `record_totals`.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

import sqlalchemy as sa

from ..charge_record import StatementKind
from . import personal
from .billing_tables import (
    billed_days,
    charge_records,
    record_days,
    record_totals,
    statement_heads,
    statements,
    stays_to_price,
)
from .book import Book
from .record_json import digests_of
from .tables import meter_values, origin_slots, orphan_stops, sessions, signed_values, transactions

MOST_AT_ONCE: Final = 500  # sessions or records of one call: others wait for the writer

_B = billed_days.c
_D = record_days.c
_H = statement_heads.c
_M = meter_values.c
_O = orphan_stops.c
_Q = stays_to_price.c
_R = charge_records.c
_S = sessions.c
_ST = statements.c
_T = transactions.c
_X = record_totals.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Before which time what was recorded is too old; None keeps all of it.

    `records` is a day of the site's calendar: records that ended before it, and statements that were issued before it
    began in UTC, are too old.
    """

    readings: datetime | None = None
    sessions: datetime | None = None
    records: date | None = None


@dataclass(frozen=True, slots=True)
class Removed:
    """How many rows were taken away; `more` says that others wait for the next call."""

    readings: int = 0
    sessions: int = 0
    statements: int = 0
    records: int = 0
    more: bool = False


type _Month = tuple[str, str, str]  # driver, month and currency


@dataclass(slots=True)
class _Total:
    """What the removed records of a driver and month come to."""

    energy_wh: Decimal = Decimal(0)
    gross: Decimal = Decimal(0)
    rows: set[int] = field(default_factory=set)


def prune(book: Book, site_id: str, retention: Retention) -> Removed:
    """Take away of a site what is too old, a limited number at once."""
    book.file_readings()
    readings = 0 if retention.readings is None else _prune_readings(book, site_id, retention.readings)
    ended = 0 if retention.sessions is None else _prune_sessions(book, site_id, retention.sessions)
    issued = records = 0
    if retention.records is not None:
        issued = _prune_statements(book, site_id, retention.records)
        records = _prune_records(book, site_id, retention.records)
    return Removed(readings, ended, issued, records, more=MOST_AT_ONCE in {ended, records})


def _waits(session_row: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Return the condition of a session's records being still to be made."""
    return sa.exists().where(_Q.session_row == session_row)


def _prune_readings(book: Book, site_id: str, before: datetime) -> int:
    needed = sa.exists().where(_T.id == _M.transaction_row, sa.or_(_T.stopped_at.is_(None), _waits(_T.session_row)))
    old = sa.delete(meter_values).where(
        _M.site_id == site_id, _M.time < sa.bindparam("age", type_=_M.time.type), ~needed
    )
    return book.connection.execute(old, {"age": before}).rowcount


def _prune_sessions(book: Book, site_id: str, before: datetime) -> int:
    connection, at = book.connection, {"age": before}
    age = sa.bindparam("age", type_=_S.plugged_out_at.type)
    running = sa.exists().where(_T.session_row == _S.id, sa.or_(_T.stopped_at.is_(None), _T.stopped_at >= age))
    ended = sa.select(_S.id).where(_S.site_id == site_id, _S.plugged_out_at < age, ~running, ~_waits(_S.id))
    rows = connection.execute(ended.order_by(_S.id).limit(MOST_AT_ONCE), at).scalars().all()
    theirs = sa.select(_T.id).where(_T.session_row.in_(rows))
    connection.execute(sa.delete(meter_values).where(_M.transaction_row.in_(theirs)))
    connection.execute(sa.delete(signed_values).where(signed_values.c.transaction_row.in_(theirs)))
    connection.execute(sa.delete(origin_slots).where(origin_slots.c.session_row.in_(rows)))
    connection.execute(sa.delete(transactions).where(_T.session_row.in_(rows)))
    connection.execute(sa.delete(sessions).where(_S.id.in_(rows)))
    connection.execute(sa.delete(orphan_stops).where(_O.site_id == site_id, _O.received_at < age), at)
    return len(rows)


def _prune_statements(book: Book, site_id: str, before: date) -> int:
    """Take the contents away up to the first statement that is not too old, so that a wrong clock takes none of the middle."""
    connection, began = book.connection, _began(before)
    kept = sa.select(sa.func.min(_ST.position)).where(
        _ST.site_id == site_id, _ST.issued_at >= sa.bindparam("age", type_=_ST.issued_at.type)
    )
    first_kept = connection.execute(kept, {"age": began}).scalar()
    old = sa.and_(_ST.site_id == site_id, _ST.content.is_not(None))
    if first_kept is not None:
        old = sa.and_(old, _ST.position < first_kept)
    rows = connection.execute(sa.select(_ST.position, _ST.content).where(old).order_by(_ST.position)).all()
    if not rows:
        return 0
    for row in rows:
        personal.forget(book, digests_of(row.content))
    connection.execute(sa.update(statements).where(old).values(content=None))
    connection.execute(sa.update(statement_heads).where(_H.site_id == site_id).values(pruned=rows[-1].position))
    return len(rows)


def _prune_records(book: Book, site_id: str, before: date) -> int:
    newest = sa.select(_R.record_id, _R.currency, _R.driver_id).where(
        _R.site_id == site_id,
        _R.next_version.is_(None),
        ~_waits(_R.session_row),
        ~sa.exists().where(_S.id == _R.session_row),
        ~_any_version_younger(before),
        ~_in_a_statement(site_id),
        sa.or_(_costs_nothing(), _all_billed()),
    )
    rows = book.connection.execute(newest.order_by(_R.id).limit(MOST_AT_ONCE)).all()
    if rows:
        _add_to_totals(book, site_id, [row.record_id for row in rows])
        _delete_records(book, [row.record_id for row in rows])
    return len(rows)


def _any_version_younger(before: date) -> sa.ColumnElement[bool]:
    version = charge_records.alias()
    return sa.exists().where(version.c.record_id == _R.record_id, version.c.last_day >= before)


def _in_a_statement(site_id: str) -> sa.ColumnElement[bool]:
    """Return the condition of any version of a record standing in a statement whose content is kept."""
    names = (_B.number, _B.reversed_in)
    listed = sa.and_(_ST.site_id == site_id, _ST.content.is_not(None), sa.or_(*(_ST.number == name for name in names)))
    return sa.exists().where(_B.site_id == site_id, _B.record_id == _R.record_id, listed)


def _costs_nothing() -> sa.ColumnElement[bool]:
    """Return the condition of no day of a record's newest version having a price."""
    priced = sa.exists().where(_D.record_row == _R.id, sa.cast(_D.gross, sa.Numeric(38, 12)) != sa.literal_column("0"))
    return ~priced


def _all_billed() -> sa.ColumnElement[bool]:
    billed = (
        sa.select(sa.func.count(_B.day.distinct()))
        .where(
            _B.record_id == _R.record_id,
            _B.version == _R.version,
            _B.kind == StatementKind.CHARGES.value,
            _B.reversed_in.is_(None),
        )
        .correlate(charge_records)
        .scalar_subquery()
    )
    outdated = sa.exists().where(_B.record_id == _R.record_id, _B.version != _R.version, _B.reversed_in.is_(None))
    return sa.and_(billed >= _R.day_count, ~outdated)


def _add_to_totals(book: Book, site_id: str, record_ids: Sequence[str]) -> None:
    query = (
        sa.select(_R.driver_id, _R.currency, _D.record_row, _D.day, _D.energy_wh, _D.gross)
        .join_from(charge_records, record_days)
        .where(_R.record_id.in_(record_ids), _R.next_version.is_(None))
    )
    totals: defaultdict[_Month, _Total] = defaultdict(_Total)
    for row in book.connection.execute(query):
        total = totals[row.driver_id or "", f"{row.day:%Y-%m}", row.currency]
        total.energy_wh += Decimal(row.energy_wh)
        total.gross += Decimal(row.gross)
        total.rows.add(row.record_row)
    for (driver_id, month, currency), total in totals.items():
        identity = {"site_id": site_id, "driver_id": driver_id, "month": month, "currency": currency}
        mine = sa.and_(*(_X[name] == value for name, value in identity.items()))
        known = book.connection.execute(sa.select(_X.energy_wh, _X.gross, _X.records).where(mine)).first()
        if known is not None:
            total.energy_wh += Decimal(known.energy_wh)
            total.gross += Decimal(known.gross)
        count = len(total.rows) + (0 if known is None else known.records)
        book.connection.execute(sa.delete(record_totals).where(mine))
        sums = {"energy_wh": str(total.energy_wh), "gross": str(total.gross), "records": count}
        book.connection.execute(sa.insert(record_totals).values(**identity, **sums))


def _delete_records(book: Book, record_ids: Sequence[str]) -> None:
    connection = book.connection
    bodies = connection.execute(sa.select(_R.body).where(_R.record_id.in_(record_ids))).scalars()
    personal.forget(book, [digest for body in bodies for digest in digests_of(body)])
    theirs = sa.select(_R.id).where(_R.record_id.in_(record_ids))
    connection.execute(sa.delete(record_days).where(_D.record_row.in_(theirs)))
    connection.execute(sa.delete(billed_days).where(_B.record_id.in_(record_ids)))
    connection.execute(sa.delete(charge_records).where(_R.record_id.in_(record_ids)))


def _began(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
