"""Finding statements and reading them whole."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa

from ..charge_record import Statement, StatementKind, StatementOf
from . import charge_records as records, personal
from .billing_tables import statements
from .statement_json import complete, decode_statement

_S = statements.c


@dataclass(frozen=True, slots=True)
class StatementHead:
    """What is known of a statement without reading it; `removed` says that its content was too old to be kept."""

    number: str
    kind: StatementKind
    of: StatementOf
    subject_id: str
    start: date
    end: date
    issued_at: datetime
    energy_wh: Decimal
    gross: Decimal
    currency: str
    hash: str
    removed: bool


def heads(
    connection: sa.Connection, site_id: str, *, of: StatementOf | None, subject_id: str | None, limit: int
) -> tuple[StatementHead, ...]:
    """Return a site's statements, newest first."""
    query = sa.select(*(column for column in _S if column is not _S.content), _S.content.is_(None).label("removed"))
    query = query.where(_S.site_id == site_id)
    if of is not None:
        query = query.where(_S.of == of.value)
    if subject_id is not None:
        query = query.where(_S.subject_id == subject_id)
    rows = connection.execute(query.order_by(_S.position.desc()).limit(limit)).mappings()
    return tuple(
        StatementHead(
            number=row["number"],
            kind=StatementKind(row["kind"]),
            of=StatementOf(row["of"]),
            subject_id=row["subject_id"],
            start=row["first_day"],
            end=row["last_day"],
            issued_at=row["issued_at"],
            energy_wh=Decimal(row["energy_wh"]),
            gross=Decimal(row["gross"]),
            currency=row["currency"],
            hash=row["hash"],
            removed=bool(row["removed"]),
        )
        for row in rows
    )


def statement(connection: sa.Connection, site_id: str, number: str) -> Statement | None:
    """Return a statement with its records; None where there is none of the number, or its content was removed.

    StoreError where somebody made it or one of its records unreadable.
    """
    query = sa.select(_S.content, _S.hash).where(_S.site_id == site_id, _S.number == number)
    row = connection.execute(query).first()
    if row is None or row.content is None:
        return None
    kept = decode_statement(row.content)
    found = records.versions(connection, [(one.record_id, one.version) for one in kept.references])
    words = personal.words_of(connection, kept.digests)
    return complete(kept, row.hash, found, list(words.values()))
