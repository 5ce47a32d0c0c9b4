"""Writing sessions: plug-in to plug-out, and which session a transaction belongs to."""

from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from ..model import EvseKey, Session, TransactionStart
from . import queries, tables, to_price
from .book import Book, EvseEntry

# A station may date the start of a transaction a little before we saw the plug.
_EARLY = timedelta(seconds=60)

_S = tables.sessions.c


def plug_in(book: Book, site_id: str, key: EvseKey, at: datetime) -> Session:
    """Begin a session, or return the one that goes on; one known by its transaction only becomes plugged."""
    book.flush()
    row = queries.open_session_row(book.connection, site_id, key)
    if row is None:
        row = _insert(book, book.evse(site_id, key), plugged=True, plugged_in_at=at, heard_at=at)
    else:
        book.connection.execute(sa.update(tables.sessions).where(_S.id == row).values(plugged=True))
    return queries.session(book.connection, row)


def plug_out(book: Book, site_id: str, key: EvseKey, at: datetime) -> Session | None:
    """End the session that goes on and return it, None without one."""
    book.flush()
    row = queries.open_session_row(book.connection, site_id, key)
    if row is None:
        return None
    _close(book, row, at)
    if to_price.has_transactions(book.connection, row):
        book.price_anew(site_id, row)
    return queries.session(book.connection, row)


def for_transaction(book: Book, evse: EvseEntry, start: TransactionStart) -> int:
    """Return the row of the session that a new transaction belongs to.

    This is the plugged one, unless the transaction comes from a queue and began before it: then, as
    without any, the transaction gets a session of its own.
    """
    plugged = sa.select(_S.id).where(_S.evse_row == evse.row, _S.plugged_out_at.is_(None), _S.plugged)
    if not start.live:
        plugged = plugged.where(_S.plugged_in_at <= start.started_at + _EARLY)
    row = book.connection.execute(plugged).scalar()
    if row is not None:
        return int(row)
    began_at = start.started_at
    if start.live and abs(start.received_at - began_at) > queries.LIVE_WITHIN:
        began_at = start.received_at  # the station's clock is off
    heard_at = began_at if start.live else start.received_at
    return _insert(book, evse, plugged=False, plugged_in_at=began_at, heard_at=heard_at)


def take_in(book: Book, site_id: str, key: EvseKey, transaction_id: str) -> Session | None:
    """Move a running transaction into the plugged session, which then begins no later than it.

    For one that came from a queue and turned out to go on: the car never left. Returns the session;
    None where none is plugged or the transaction does not run.
    """
    book.flush()
    entry = book.find(site_id, key.station_id, transaction_id)
    row = queries.open_session_row(book.connection, site_id, key)
    if entry is None or entry.ended or row is None or entry.evse.key != key:
        return None
    left, entry.session_row = entry.session_row, row
    entry.transaction = replace(entry.transaction, session_id=row)
    _move_transaction(book, entry.row, row, entry.transaction.started_at)
    if left != row:
        _drop_if_empty(book, left)
        book.price_anew(site_id, left)
    return queries.session(book.connection, row)


def _move_transaction(book: Book, transaction_row: int, session_row: int, began_at: datetime) -> None:
    table = tables.transactions
    book.connection.execute(sa.update(table).where(table.c.id == transaction_row).values(session_row=session_row))
    begin_no_later(book, session_row, began_at)


def begin_no_later(book: Book, row: int, began_at: datetime) -> None:
    """Let a session begin no later than one of its transactions."""
    later = sa.update(tables.sessions).where(_S.id == row, _S.plugged_in_at > began_at)
    book.connection.execute(later.values(plugged_in_at=began_at))


def _drop_if_empty(book: Book, row: int) -> None:
    table = tables.transactions.c
    if book.connection.execute(sa.select(table.id).where(table.session_row == row)).first() is None:
        book.connection.execute(sa.delete(tables.origin_slots).where(tables.origin_slots.c.session_row == row))
        book.connection.execute(sa.delete(tables.sessions).where(_S.id == row))


def transaction_ended(book: Book, row: int, at: datetime) -> None:
    """End a session that was only known by its transaction."""
    own = sa.select(_S.id).where(_S.id == row, _S.plugged.is_(False), _S.plugged_out_at.is_(None))
    if book.connection.execute(own).first() is not None:
        _close(book, row, at)


def _insert(book: Book, evse: EvseEntry, *, plugged: bool, plugged_in_at: datetime, heard_at: datetime) -> int:
    return book.insert(
        tables.sessions,
        site_id=evse.site_id,
        evse_row=evse.row,
        plugged=plugged,
        plugged_in_at=plugged_in_at,
        heard_at=heard_at,
    )


def _close(book: Book, row: int, at: datetime) -> None:
    """End a session, never before its begin."""
    began = book.connection.execute(sa.select(_S.plugged_in_at).where(_S.id == row)).scalar_one()
    book.connection.execute(sa.update(tables.sessions).where(_S.id == row).values(plugged_out_at=max(at, began)))
