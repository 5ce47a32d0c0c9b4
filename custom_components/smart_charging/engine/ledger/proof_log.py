"""The rows of the proof log: added at the end, read in pages, and taken away at the old end only.

Nothing else changes or deletes a row. `grid_proof_heads` says of each site where its log begins (the anchor: the last
row that was taken away) and ends (the head).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from ..grid_record import FOLLOW_UPS_S, FollowUp, ProvenRecord
from ..model import StoreError
from . import tables
from .book import Book
from .encoding import to_microseconds
from .proof_chain import GENESIS, Cell, StoredRow, digest, told
from .proof_content import FOLLOW_UP, to_follow_up, to_record

PAGE_ROWS: Final = 500

_ROWS = tables.grid_proof
_HEADS = tables.grid_proof_heads
_R = _ROWS.c
_H = _HEADS.c

_CELLS = (_R.site_id, _R.sequence, _R.time, _R.kind, _R.refers_to, _R.content, _R.previous, _R.hash)
_HEAD_CELLS = (_H.sequence, _H.hash, _H.anchor_sequence, _H.anchor_hash)


@dataclass(frozen=True, slots=True)
class Ends:
    """Where a site's log begins and ends: the last row that was taken away, and the last one."""

    sequence: int
    hash: str
    anchor_sequence: int
    anchor_hash: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a log, in order, with its ends at the same moment; `ends` is None where they are lost."""

    ends: Ends | None
    rows: tuple[StoredRow, ...]

    @property
    def last(self) -> bool:
        """Return whether no row follows these."""
        return len(self.rows) < PAGE_ROWS


def append(book: Book, row: StoredRow) -> int:
    """Keep a row at the end of its site's log and return its number, which is worked out with its hash here."""
    connection = book.connection
    mine = _H.site_id == row.site_id
    # Several hosts may share a database: the row of the ends is locked where the database knows how.
    found = connection.execute(sa.select(*_HEAD_CELLS).where(mine).with_for_update()).first()
    known = None if found is None else Ends(*found)
    sequence = _next_number(connection, row.site_id, known)
    row = replace(row, sequence=sequence, previous=GENESIS if known is None else known.hash)
    row = replace(row, hash=digest(told(row)))
    connection.execute(sa.insert(_ROWS).values(asdict(row)))
    if known is None:
        begin = {"site_id": row.site_id, "anchor_sequence": 0, "anchor_hash": GENESIS}
        connection.execute(sa.insert(_HEADS).values(sequence=sequence, hash=row.hash, **begin))
    else:
        connection.execute(sa.update(_HEADS).where(mine).values(sequence=sequence, hash=row.hash))
    return sequence


def append_follow_up(book: Book, row: StoredRow, after_s: int) -> int:
    """Keep a measurement and return its number; one of the same moment that was kept before is not kept again.

    Raises StoreError where it refers to no record of this site.
    """
    of_record = sa.select(_R.kind).where(_R.site_id == row.site_id, _R.sequence == row.refers_to)
    if book.connection.execute(of_record).scalar() in {None, FOLLOW_UP}:
        raise StoreError("a measurement has to refer to a record of the log")
    for kept in _follow_up_rows(book.connection, row.site_id, (row.refers_to,)):
        known = to_follow_up(kept)
        if known is not None and known.after_s == after_s and isinstance(kept.sequence, int):
            return kept.sequence
    return append(book, row)


def prune(book: Book, before: datetime) -> int:
    """Take the rows of before this time away from the old end of every site's log; returns how many.

    It ends at the first row that is not older, so that a clock that was wrong takes nothing out of the middle.
    """
    sites = book.connection.execute(sa.select(_H.site_id).order_by(_H.site_id)).scalars().all()
    return sum(_prune_site(book.connection, site_id, before) for site_id in sites)


def ends(connection: sa.Connection, site_id: str) -> Ends | None:
    """Return where a site's log begins and ends, None where it has no rows or that is lost."""
    row = connection.execute(sa.select(*_HEAD_CELLS).where(_H.site_id == site_id)).first()
    return None if row is None else Ends(*row)


def checked_page(connection: sa.Connection, site_id: str, after: int | None) -> Page:
    """Return the rows that follow a number, all if it is None, with the log's ends.

    Both come from one statement, so that they fit each other in every database, whatever is written meanwhile.
    """
    follows = sa.true() if after is None else _R.sequence > after
    joined = _HEADS.outerjoin(_ROWS, sa.and_(_R.site_id == _H.site_id, follows))
    both = sa.select(*_HEAD_CELLS, *_CELLS).select_from(joined).where(_H.site_id == site_id)
    found = connection.execute(both.order_by(_R.sequence).limit(PAGE_ROWS)).all()
    if not found:
        return Page(None, rows(connection, site_id, after=after))
    split = len(_HEAD_CELLS)
    told_rows = tuple(StoredRow(*row[split:]) for row in found if row[split] is not None)
    return Page(Ends(*found[0][:split]), told_rows)


def rows(
    connection: sa.Connection, site_id: str, *, after: Cell = None, through: int | None = None
) -> tuple[StoredRow, ...]:
    """Return the rows that follow a number up to another one, at most a page of them."""
    wanted = sa.select(*_CELLS).where(_R.site_id == site_id)
    if after is not None:
        wanted = wanted.where(_R.sequence > after)
    if through is not None:
        wanted = wanted.where(_R.sequence <= through)
    return tuple(StoredRow(*row) for row in connection.execute(wanted.order_by(_R.sequence).limit(PAGE_ROWS)))


def span(
    connection: sa.Connection, site_id: str, start: datetime | None, end: datetime | None
) -> tuple[int, int] | None:
    """Return the first and last number of the rows of a time, with the measurements of its records; None without any."""
    within = sa.and_(_R.site_id == site_id, _during(start, end))
    first, last = connection.execute(sa.select(sa.func.min(_R.sequence), sa.func.max(_R.sequence)).where(within)).one()
    if first is None:
        return None
    its_records = sa.select(_R.sequence).where(within, _R.kind != FOLLOW_UP)
    following = sa.select(sa.func.max(_R.sequence)).where(_R.site_id == site_id, _R.refers_to.in_(its_records))
    return first, max(last, connection.execute(following).scalar() or last)


def record_rows(
    connection: sa.Connection, site_id: str, start: datetime | None, end: datetime | None, after: Cell = None
) -> tuple[StoredRow, ...]:
    """Return the rows that are no measurements, of a time and after a number, at most a page of them."""
    wanted = sa.select(*_CELLS).where(_R.site_id == site_id, _R.kind != FOLLOW_UP, _during(start, end))
    if after is not None:
        wanted = wanted.where(_R.sequence > after)
    return tuple(StoredRow(*row) for row in connection.execute(wanted.order_by(_R.sequence).limit(PAGE_ROWS)))


def latest(
    connection: sa.Connection, site_id: str, start: datetime | None, end: datetime | None, limit: int
) -> tuple[ProvenRecord, ...]:
    """Return the records of a time, newest first."""
    wanted = sa.select(*_CELLS).where(_R.site_id == site_id, _R.kind != FOLLOW_UP, _during(start, end))
    found = connection.execute(wanted.order_by(_R.sequence.desc()).limit(limit))
    return joined(connection, site_id, [StoredRow(*row) for row in found])


def unfinished(connection: sa.Connection, site_id: str, limit: int) -> tuple[ProvenRecord, ...]:
    """Return the records that lack measurements, oldest first; the newest of them where there are too many."""
    following = _ROWS.alias()
    made = (
        sa.select(sa.func.count())
        .select_from(following)
        .where(following.c.site_id == site_id, following.c.refers_to == _R.sequence)
        .correlate(_ROWS)
        .scalar_subquery()
    )
    wanted = sa.select(*_CELLS).where(_R.site_id == site_id, _R.kind != FOLLOW_UP, made < len(FOLLOW_UPS_S))
    found = connection.execute(wanted.order_by(_R.sequence.desc()).limit(limit)).all()
    return joined(connection, site_id, [StoredRow(*row) for row in reversed(found)])


def joined(connection: sa.Connection, site_id: str, found: Iterable[StoredRow]) -> tuple[ProvenRecord, ...]:
    """Return the records of rows with their measurements; what was made unreadable is left out."""
    records = [record for row in found if (record := to_record(row)) is not None]
    following: defaultdict[int, list[FollowUp]] = defaultdict(list)
    numbers = [record.sequence for record in records]
    for begin in range(0, len(numbers), PAGE_ROWS):
        for row in _follow_up_rows(connection, site_id, numbers[begin : begin + PAGE_ROWS]):
            if (follow_up := to_follow_up(row)) is not None:
                following[follow_up.refers_to].append(follow_up)
    return tuple(replace(record, follow_ups=tuple(following[record.sequence])) for record in records)


def _follow_up_rows(connection: sa.Connection, site_id: Cell, refers_to: Sequence[Cell]) -> list[StoredRow]:
    wanted = sa.select(*_CELLS).where(_R.site_id == site_id, _R.refers_to.in_(refers_to), _R.kind == FOLLOW_UP)
    return [StoredRow(*row) for row in connection.execute(wanted.order_by(_R.sequence))]


def _during(start: datetime | None, end: datetime | None) -> sa.ColumnElement[bool]:
    begun = sa.true() if start is None else _R.time >= to_microseconds(start)
    return sa.and_(begun, sa.true() if end is None else _R.time < to_microseconds(end))


def _next_number(connection: sa.Connection, site_id: Cell, known: Ends | None) -> int:
    """Return the number of the next row, one that is free also where others meddled with the log.

    Where the ends are lost a number is left out: nobody knows what was lost with them, and it must stay to be seen.
    """
    last = connection.execute(sa.select(sa.func.max(_R.sequence)).where(_R.site_id == site_id)).scalar()
    reached = last if isinstance(last, int) else 0
    if known is None:
        return 1 if last is None else reached + 2
    return max(known.sequence, reached) + 1


def _prune_site(connection: sa.Connection, site_id: str, before: datetime) -> int:
    mine = _R.site_id == site_id
    # Another host may be at the same; what it took away has to be seen before the anchor moves.
    connection.execute(sa.select(_H.site_id).where(_H.site_id == site_id).with_for_update())
    kept = connection.execute(
        sa.select(_R.sequence).where(mine, _R.time >= to_microseconds(before)).order_by(_R.sequence).limit(1)
    ).scalar()
    old = mine if kept is None else sa.and_(mine, _R.sequence < kept)
    last = connection.execute(sa.select(_R.sequence, _R.hash).where(old).order_by(_R.sequence.desc()).limit(1)).first()
    if last is None:
        return 0
    moved = sa.update(_HEADS).where(_H.site_id == site_id)
    connection.execute(moved.values(anchor_sequence=last.sequence, anchor_hash=last.hash))
    return connection.execute(sa.delete(_ROWS).where(old)).rowcount
