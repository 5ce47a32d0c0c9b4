"""The queue of sessions whose charge records have to be made, for the first time or anew.

A session comes into it in the same commit as what changed its price, and leaves it in the same commit as its records. A
crash in between can only have it priced once more, which changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from .billing_tables import stays_to_price
from .tables import transactions

_Q = stays_to_price.c
_T = transactions.c


@dataclass(frozen=True, slots=True)
class PendingSession:
    """A session that waits; `mark` tells whether it changed again since it was asked for."""

    session_id: int
    mark: int


def put(connection: sa.Connection, sessions: Iterable[tuple[str, int]]) -> None:
    """Let sessions wait, by site and row; one that waited already begins to wait anew."""
    rows = [{"site_id": site_id, "session_row": row} for site_id, row in sorted(sessions)]
    connection.execute(sa.delete(stays_to_price).where(_Q.session_row.in_([row["session_row"] for row in rows])))
    connection.execute(sa.insert(stays_to_price), rows)


def take_out(connection: sa.Connection, site_id: str, pending: PendingSession) -> bool:
    """Let a session wait no more, and return whether it did; one that changed since goes on waiting."""
    mine = sa.and_(_Q.site_id == site_id, _Q.session_row == pending.session_id, _Q.id <= pending.mark)
    return connection.execute(sa.delete(stays_to_price).where(mine)).rowcount > 0


def waiting(connection: sa.Connection, site_id: str, limit: int) -> tuple[PendingSession, ...]:
    """Return the sessions that wait, those that waited longest first."""
    mine = sa.select(_Q.session_row, _Q.id).where(_Q.site_id == site_id).order_by(_Q.id).limit(limit)
    return tuple(PendingSession(row.session_row, row.id) for row in connection.execute(mine))


def has_transactions(connection: sa.Connection, session_row: int) -> bool:
    """Return whether a session holds anything that can have a price."""
    return connection.execute(sa.select(_T.id).where(_T.session_row == session_row).limit(1)).first() is not None
