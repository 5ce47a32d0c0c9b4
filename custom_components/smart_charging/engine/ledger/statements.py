"""Issuing statements: what is not settled is read, made into a statement, numbered and kept, all in one commit.

So two who ask at the same time get two statements, of which the second finds nothing that the first one settled, and a
crash leaves either a whole statement or none, and no gap in the numbers.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import sqlalchemy as sa

from ..billing_material import (
    BilledDay,
    BilledVersion,
    MakeStatement,
    MaterialRecord,
    StatementDraft,
    StatementMaterial,
    StatementSelection,
    days_of,
)
from ..charge_record import ChargeRecord, Statement
from . import charge_records as records, personal, registry, statement_queries
from .billing_tables import billed_days, charge_records, statement_heads, statements
from .book import Book
from .proof_chain import GENESIS
from .record_queries import of_subject
from .statement_json import Place, encode_statement, nameless_statement

_MAX_NUMBER: Final = 64
_MAX_SERIES: Final = 32
_B = billed_days.c
_H = statement_heads.c
_R = charge_records.c
_S = statements.c
# Nobody may issue for the same site meanwhile, not even on another host.
_BEGIN = sa.text(
    "INSERT INTO statement_heads (site_id, position, hash, pruned) VALUES (:site, 0, :hash, 0) ON CONFLICT DO NOTHING"
)

type Version = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Next:
    """The place of the next statement of a site, and what its records and their billed days are."""

    place: Place
    previous: str
    material: tuple[MaterialRecord, ...]


def issue(
    book: Book, site_id: str, selection: StatementSelection, series: str, make: MakeStatement
) -> Statement | None:
    """Keep the statement that `make` makes of what is not settled, and return it; None where it makes none.

    Raises ValueError for a draft that does not fit what it was made from; nothing is kept then.
    """
    if not 0 < len(series) <= _MAX_SERIES:
        raise ValueError(f"a series has a name of at most {_MAX_SERIES} characters")
    book.flush()
    following = _following(book, site_id, selection, series)
    draft = make(StatementMaterial(series, following.place.sequence, following.previous, following.material))
    if draft is None:
        return None
    _check_statement(book.connection, site_id, selection, draft.statement)
    _check_settled(following.material, draft)
    _keep(book, site_id, following, draft)
    _settle(book, site_id, selection, draft)
    return statement_queries.statement(book.connection, site_id, draft.statement.number)


def unsettled(connection: sa.Connection, site_id: str, selection: StatementSelection) -> tuple[MaterialRecord, ...]:
    """Return the records of which something is to be billed or taken back, in the order of their begin."""
    mine = sa.and_(_B.site_id == site_id, _B.kind == selection.kind.value, _B.of == selection.of.value)
    held = sa.and_(mine, _B.subject_id == selection.subject_id, _B.reversed_in.is_(None))
    theirs = sa.and_(of_subject(selection.of, selection.subject_id), _R.first_day <= selection.through)
    settled_days = (
        sa.select(sa.func.count())
        .where(held, _B.record_id == _R.record_id, _B.version == _R.version)
        .correlate(charge_records)
        .scalar_subquery()
    )
    outdated = sa.exists().where(held, _B.record_id == _R.record_id, _B.version != _R.version)
    # What was the subject's once and is another's now has to be taken back.
    moved = sa.and_(_R.record_id.in_(sa.select(_B.record_id).where(held)), sa.not_(_is(selection)))
    wanted = sa.or_(sa.and_(theirs, sa.or_(settled_days < _R.day_count, outdated)), moved)
    query = sa.select(_R.body).where(_R.site_id == site_id, _R.next_version.is_(None), wanted)
    newest = records.read(connection, connection.execute(query.order_by(_R.started_at, _R.id)).all())
    return _with_billed(connection, held, selection, newest)


def _is(selection: StatementSelection) -> sa.ColumnElement[bool]:
    """Return the condition of a record's being the subject's, which is false also where it is nobody's."""
    return sa.func.coalesce(of_subject(selection.of, selection.subject_id), sa.false())


def belongs(record: ChargeRecord, selection: StatementSelection) -> bool:
    """Return whether a record is a selection's subject's."""
    told = {
        "driver": record.driver_id,
        "group": record.group_id,
        "vehicle": record.vehicle_id,
        "station": record.station_id,
    }
    return told.get(selection.of.value, selection.subject_id) == selection.subject_id


def _with_billed(
    connection: sa.Connection,
    held: sa.ColumnElement[bool],
    selection: StatementSelection,
    newest: Sequence[ChargeRecord],
) -> tuple[MaterialRecord, ...]:
    by_version: defaultdict[Version, dict[date, str]] = defaultdict(dict)
    for some in personal.portions([one.record_id for one in newest]):
        query = sa.select(_B.record_id, _B.version, _B.day, _B.number).where(held, _B.record_id.in_(some))
        for row in connection.execute(query.order_by(_B.record_id, _B.version, _B.day)):
            by_version[row.record_id, row.version][row.day] = row.number
    known = {(one.record_id, one.version): one for one in newest}
    known |= records.versions(connection, [version for version in by_version if version not in known])
    billed: defaultdict[str, list[BilledVersion]] = defaultdict(list)
    for version, days in by_version.items():
        billed[version[0]].append(BilledVersion(known[version], days))
    return tuple(MaterialRecord(one, belongs(one, selection), tuple(billed[one.record_id])) for one in newest)


def _following(book: Book, site_id: str, selection: StatementSelection, series: str) -> _Next:
    connection = book.connection
    connection.execute(_BEGIN, {"site": site_id, "hash": GENESIS})
    ends = connection.execute(sa.select(_H.position, _H.hash).where(_H.site_id == site_id).with_for_update()).one()
    last = sa.select(sa.func.max(_S.sequence)).where(_S.site_id == site_id, _S.series == series)
    sequence = (connection.execute(last).scalar() or 0) + 1
    place = Place(ends.position + 1, series, sequence)
    return _Next(place, ends.hash, unsettled(connection, site_id, selection))


def _check_statement(
    connection: sa.Connection, site_id: str, selection: StatementSelection, statement: Statement
) -> None:
    asked = (site_id, selection.of, selection.subject_id, selection.kind)
    if (statement.site_id, statement.of, statement.subject_id, statement.kind) != asked:
        raise ValueError("the statement is not the one that was asked for")
    if not 0 < len(statement.number) <= _MAX_NUMBER or not statement.number.isprintable():
        raise ValueError(f"a statement has a number of at most {_MAX_NUMBER} characters")
    taken = sa.select(_S.position).where(_S.site_id == site_id, _S.number == statement.number)
    if connection.execute(taken).first() is not None:
        raise ValueError("there is a statement of this number already")
    if statement.end < statement.start:
        raise ValueError("a statement ends no earlier than it begins")


def _check_settled(material: Sequence[MaterialRecord], draft: StatementDraft) -> None:
    """Refuse a draft that bills what is billed already, takes back what is not, or lists what it does not settle."""
    open_days = {BilledDay(one.newest.record_id, one.newest.version, day) for one in material for day in one.open_days}
    billed = {
        BilledDay(version.record.record_id, version.record.version, day, reverses=True)
        for one in material
        for version in one.outdated
        for day in version.days
    }
    settled = set(draft.billed)
    if len(settled) != len(draft.billed) or not settled <= open_days | billed:
        raise ValueError("a statement bills each open day once, and takes back each outdated one once")
    listed = {(one.record.record_id, one.record.version, one.corrects is not None) for one in draft.statement.records}
    if listed != {(one.record_id, one.version, one.reverses) for one in settled}:
        raise ValueError("a statement lists exactly the records that it bills or takes back")
    known = {(one.newest.record_id, one.newest.version): one.newest for one in material}
    known |= {(v.record.record_id, v.record.version): v.record for one in material for v in one.billed}
    for listing in draft.statement.records:
        if known[listing.record.record_id, listing.record.version] != listing.record:
            raise ValueError("a statement lists records as they were kept")
        if not {line.day for line in listing.lines} <= set(days_of(listing.record)):
            raise ValueError("the lines of a record are of its days")


def _keep(book: Book, site_id: str, following: _Next, draft: StatementDraft) -> None:
    statement, place = draft.statement, following.place
    if registry.anonymised(book.connection, {statement.subject_id}):
        statement = nameless_statement(statement)
    hashes = _hashes(book.connection, [(one.record.record_id, one.record.version) for one in statement.records])
    frozen = encode_statement(statement, place, following.previous, hashes)
    book.connection.execute(
        sa.insert(statements).values(
            site_id=site_id,
            position=place.position,
            series=place.series,
            sequence=place.sequence,
            number=statement.number,
            kind=statement.kind.value,
            of=statement.of.value,
            subject_id=statement.subject_id,
            first_day=statement.start,
            last_day=statement.end,
            issued_at=statement.issued_at,
            energy_wh=str(statement.energy_wh),
            gross=str(statement.gross),
            currency=statement.currency,
            previous=following.previous,
            hash=frozen.hash,
            content=frozen.text,
        )
    )
    personal.keep(book, site_id, frozen.commitments)
    moved = sa.update(statement_heads).where(_H.site_id == site_id)
    book.connection.execute(moved.values(position=place.position, hash=frozen.hash))


def _hashes(connection: sa.Connection, wanted: Sequence[Version]) -> dict[Version, str]:
    found: dict[Version, str] = {}
    for some in personal.portions([record_id for record_id, _ in wanted]):
        query = sa.select(_R.record_id, _R.version, _R.hash).where(_R.record_id.in_(some))
        found |= {(row.record_id, row.version): row.hash for row in connection.execute(query)}
    return found


def _settle(book: Book, site_id: str, selection: StatementSelection, draft: StatementDraft) -> None:
    common = {
        "site_id": site_id,
        "kind": selection.kind.value,
        "of": selection.of.value,
        "subject_id": selection.subject_id,
        "number": draft.statement.number,
    }
    rows = [
        common | {"record_id": one.record_id, "version": one.version, "day": one.day}
        for one in draft.billed
        if not one.reverses
    ]
    if rows:
        book.connection.execute(sa.insert(billed_days), rows)
    back: list[dict[str, Any]] = [
        {"taken": one.record_id, "of_version": one.version, "on": one.day} for one in draft.billed if one.reverses
    ]
    if back:
        standing = sa.and_(
            _B.record_id == sa.bindparam("taken"),
            _B.version == sa.bindparam("of_version"),
            _B.day == sa.bindparam("on"),
            _B.kind == selection.kind.value,
            _B.of == selection.of.value,
            _B.reversed_in.is_(None),
        )
        book.connection.execute(sa.update(billed_days).where(standing).values(reversed_in=draft.statement.number), back)
