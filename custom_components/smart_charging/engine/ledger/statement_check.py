"""Checking statements on demand: the chain, their numbers, the records that they list, and the names that are still kept.

What can't be seen from inside the database is the same as with the proof log, see `proof_check.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from ..model import StoreError
from . import personal
from .billing_tables import charge_records, statement_heads, statements
from .encoding import to_microseconds
from .proof_chain import GENESIS, Cell
from .record_json import digests_of, text_hash
from .statement_json import KeptStatement, RecordReference, decode_statement

PAGE: Final = 20
_H = statement_heads.c
_R = charge_records.c
_S = statements.c

# As text or numbers: what somebody spoilt may be no time and no day.
_CELLS = (
    _S.position,
    _S.series,
    _S.sequence,
    _S.number,
    _S.kind,
    _S.of,
    _S.subject_id,
    sa.cast(_S.first_day, sa.String(32)).label("first_day"),
    sa.cast(_S.last_day, sa.String(32)).label("last_day"),
    sa.type_coerce(_S.issued_at, sa.BigInteger).label("issued_at"),
    _S.energy_wh,
    _S.gross,
    _S.currency,
    _S.previous,
    _S.hash,
    _S.content,
)


class StatementFault(StrEnum):
    """What is wrong where statements can't be trusted any more."""

    CHANGED = "changed"  # the statement does not say what it said
    MISSING = "missing"  # the statement is not there, while a later one is
    INSERTED = "inserted"  # the statement is after the end of the chain
    REPLACED = "replaced"  # the statement does not follow the one before it
    NUMBER = "number"  # a number of its series is left out or there twice
    TRUNCATED = "truncated"  # the statement and all after it are not there
    ENDS_LOST = "ends_lost"  # what says where the chain ends is gone
    RECORD_CHANGED = "record_changed"  # a record that it lists does not say what it said, or is gone
    NAMES_CHANGED = "names_changed"  # a name in it or in one of its records is not the one that was frozen


@dataclass(frozen=True, slots=True)
class StatementBreak:
    """The first statement that can't be trusted, by its place in the site's chain, with its number if it has one."""

    fault: StatementFault
    position: int
    number: str | None = None
    record_id: str | None = None


@dataclass(frozen=True, slots=True)
class StatementVerdict:
    """What a check found: how many statements are good, and the hash of the last one, to be kept elsewhere as proof."""

    statements: int
    head_hash: str
    broken: StatementBreak | None = None


class StatementCheck:
    """Goes along the statements of a site; reads pages until `read` tells the verdict."""

    def __init__(self, site_id: str) -> None:
        """Begin before the first one."""
        self._site_id = site_id
        self._reached = 0
        self._hash = GENESIS
        self._sequences: dict[str, int] = {}

    def read(self, connection: sa.Connection) -> StatementVerdict | None:
        """Look at some more; None while there are others left."""
        # Ends and rows come from one statement, so that they fit each other whatever is written meanwhile.
        joined = statement_heads.outerjoin(statements, sa.and_(_S.site_id == _H.site_id, _S.position > self._reached))
        ends = (_H.position.label("end"), _H.hash.label("end_hash"), _H.pruned)
        query = sa.select(*ends, *_CELLS).select_from(joined).where(_H.site_id == self._site_id)
        rows = connection.execute(query.order_by(_S.position).limit(PAGE)).mappings().all()
        if not rows:
            return self._without_ends(connection)
        for row in rows:
            if row["position"] is None:
                break
            broken = self._look_at(connection, row)
            if broken is not None:
                return self._verdict(broken)
        return None if len(rows) == PAGE else self._end(rows[0])

    def _without_ends(self, connection: sa.Connection) -> StatementVerdict:
        left = connection.execute(sa.select(_S.number).where(_S.site_id == self._site_id).limit(1)).first()
        lost = left is not None or self._reached
        return self._verdict(StatementBreak(StatementFault.ENDS_LOST, self._reached + 1) if lost else None)

    def _look_at(self, connection: sa.Connection, row: sa.RowMapping) -> StatementBreak | None:
        position, expected = row["position"], self._reached + 1
        if position != expected:
            return StatementBreak(StatementFault.MISSING, expected)
        fault, record_id = self._fault(connection, row)
        if fault is not None:
            return StatementBreak(fault, expected, str(row["number"]), record_id)
        self._reached, self._hash = expected, row["hash"]
        self._sequences[row["series"]] = row["sequence"]
        return None

    def _fault(self, connection: sa.Connection, row: sa.RowMapping) -> tuple[StatementFault | None, str | None]:
        kept, removed = _kept(row), row["content"] is None and _is_old(row)
        if kept is None and not removed:
            return StatementFault.CHANGED, None
        if not (isinstance(row["end"], int) and row["position"] <= row["end"]):
            return StatementFault.INSERTED, None
        if row["previous"] != self._hash:
            return StatementFault.REPLACED, None
        if row["sequence"] != self._sequences.get(row["series"], 0) + 1:
            return StatementFault.NUMBER, None
        return (None, None) if kept is None else _fault_of_records(connection, kept)

    def _end(self, row: sa.RowMapping) -> StatementVerdict:
        if self._reached != row["end"]:
            return self._verdict(StatementBreak(StatementFault.TRUNCATED, self._reached + 1))
        if self._hash != row["end_hash"]:
            return self._verdict(StatementBreak(StatementFault.REPLACED, self._reached))
        return self._verdict(None)

    def _verdict(self, broken: StatementBreak | None) -> StatementVerdict:
        return StatementVerdict(self._reached, self._hash, broken)


def _is_old(row: sa.RowMapping) -> bool:
    """Return whether a statement is among those whose content was taken away."""
    return isinstance(row["pruned"], int) and row["position"] <= row["pruned"]


def _kept(row: sa.RowMapping) -> KeptStatement | None:
    """Return what a row says, None where it does not say what it said."""
    content = row["content"]
    if not isinstance(content, str) or text_hash(content) != row["hash"]:
        return None
    try:
        kept = decode_statement(content)
    except StoreError:
        return None
    return kept if all(row[name] == value for name, value in _told(kept).items()) else None


def _told(kept: KeptStatement) -> Mapping[str, Cell]:
    """Return what the columns of a statement say beside its content."""
    statement, place = kept.statement, kept.place
    return {
        "position": place.position,
        "series": place.series,
        "sequence": place.sequence,
        "number": statement.number,
        "kind": statement.kind.value,
        "of": statement.of.value,
        "subject_id": statement.subject_id,
        "first_day": statement.start.isoformat(),
        "last_day": statement.end.isoformat(),
        "issued_at": to_microseconds(statement.issued_at),
        "energy_wh": str(statement.energy_wh),
        "gross": str(statement.gross),
        "currency": statement.currency,
        "previous": statement.previous_hash,
    }


def _fault_of_records(connection: sa.Connection, kept: KeptStatement) -> tuple[StatementFault | None, str | None]:
    if personal.broken(connection, kept.digests):
        return StatementFault.NAMES_CHANGED, None
    for some in personal.portions(kept.references):
        changed = _changed_record(connection, some)
        if changed is not None:
            return changed
    return None, None


def _changed_record(
    connection: sa.Connection, references: Sequence[RecordReference]
) -> tuple[StatementFault, str] | None:
    query = sa.select(_R.record_id, _R.version, _R.body)
    rows = connection.execute(query.where(_R.record_id.in_({one.record_id for one in references})))
    bodies = {(row.record_id, row.version): row.body for row in rows}
    for one in references:
        body = bodies.get((one.record_id, one.version))
        if not isinstance(body, str) or text_hash(body) != one.hash:
            return StatementFault.RECORD_CHANGED, one.record_id
    digests = {digest: one.record_id for one in references for digest in digests_of(bodies[one.record_id, one.version])}
    if not personal.broken(connection, list(digests)):
        return None
    named = (record_id for digest, record_id in digests.items() if personal.broken(connection, [digest]))
    return StatementFault.NAMES_CHANGED, next(named)
