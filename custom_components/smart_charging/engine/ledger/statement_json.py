"""Statements as JSON and back: the text that is frozen.

Its records are named by their id, version and hash, for each version is kept once, as long as a statement needs it. So
whoever changes a record breaks every statement that it stands in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC
from decimal import Decimal
from typing import Final

from ..charge_record import ChargeRecord, DayEnergy, RecordLine, Statement, StatementOf, StatementRecord
from ..model import Json, StoreError
from ..recorded_json import Decoder, Encoder, RecordedJsonError
from .personal import About, Words, commit
from .record_json import FrozenText, as_object, freeze, read_object, take_digests

MAX_LOGO_BYTES: Final = 512 * 1024  # each statement holds it, so that it looks the same for ever
_NAME = "subject_name"
_DETAIL = "detail "  # what the words of a detail are kept under begins so
_RECORDS = "records"
_PLACE = "place"

_ENCODER = Encoder(sparse=True)
_DECODER = Decoder()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a statement stands: its place in the site's chain and in its series."""

    position: int
    series: str
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordReference:
    """A version of a record in a statement, with what of it belongs there; see `StatementRecord`."""

    record_id: str
    version: int
    hash: str
    lines: tuple[RecordLine, ...]
    days: tuple[DayEnergy, ...]
    energy_wh: Decimal
    late: bool = False
    corrects: str | None = None


@dataclass(frozen=True, slots=True)
class KeptStatement:
    """A statement as its text says, without the records that it refers to and without its hash."""

    statement: Statement
    place: Place
    references: tuple[RecordReference, ...]
    digests: tuple[str, ...] = field(default=())


def nameless_statement(statement: Statement) -> Statement:
    """Return a statement of somebody who was anonymised."""
    return replace(statement, subject_name="", details={})


def encode_statement(
    statement: Statement, place: Place, previous: str, hashes: Mapping[tuple[str, int], str]
) -> FrozenText:
    """Return a statement as it is kept, given the hash before it and those of its records by id and version.

    ValueError for what can't be kept.
    """
    if statement.issuer.logo is not None and len(statement.issuer.logo) > MAX_LOGO_BYTES:
        raise ValueError("the logo of a statement has at most 512 KiB")
    words = _words(statement)
    issued_at = statement.issued_at.astimezone(UTC)
    bare = replace(statement, records=(), previous_hash=previous, hash="", issued_at=issued_at)
    bare = nameless_statement(bare) if words else bare
    content = as_object(_ENCODER.encode(bare))
    content[_PLACE] = _ENCODER.encode(place)
    content[_RECORDS] = [_ENCODER.encode(_reference(one, hashes)) for one in statement.records]
    return freeze(content, [commit(words, _about(statement))] if words else [])


def statement_content(statement: Statement) -> dict[str, Json]:
    """Return a statement as plain JSON for people who have a right to it, its records by id and version."""
    content = as_object(_ENCODER.encode(replace(statement, records=())))
    content[_RECORDS] = [
        {"record_id": one.record.record_id, "version": one.record.version, "energy_wh": str(one.energy_wh)}
        for one in statement.records
    ]
    return content


def decode_statement(text: object) -> KeptStatement:
    """Return what a text says; StoreError if it is no statement."""
    content = read_object(text, "A statement")
    digests, told = take_digests(content), content.pop(_RECORDS, None)
    try:
        place = _DECODER.decode(Place, content.pop(_PLACE, None), _PLACE)
        references = tuple(
            _DECODER.decode(RecordReference, one, _RECORDS) for one in (told if isinstance(told, list) else [None])
        )
        statement = _DECODER.decode(Statement, content | {_RECORDS: []}, "statement")
    except RecordedJsonError as error:
        raise StoreError("A statement in the ledger can't be read") from error
    return KeptStatement(statement, place, references, digests)


def complete(
    kept: KeptStatement, own_hash: str, records: Mapping[tuple[str, int], ChargeRecord], words: Sequence[Words]
) -> Statement:
    """Return the statement with its records, and with the words that are still kept; StoreError if a record is gone."""
    if any((one.record_id, one.version) not in records for one in kept.references):
        raise StoreError("A record of a statement is not in the ledger any more")
    said = {name: word for one in words for name, word in one.items()}
    details = {name.removeprefix(_DETAIL): word for name, word in said.items() if name.startswith(_DETAIL)}
    return replace(
        kept.statement,
        records=tuple(_statement_record(one, records[one.record_id, one.version]) for one in kept.references),
        subject_name=said.get(_NAME, kept.statement.subject_name),
        details={**kept.statement.details, **details},
        hash=own_hash,
    )


def _words(statement: Statement) -> dict[str, str]:
    """Return what names people in a statement of a driver or a vehicle; others are of no single person."""
    if statement.of not in {StatementOf.DRIVER, StatementOf.VEHICLE}:
        return {}
    details = {f"{_DETAIL}{name}": word for name, word in statement.details.items()}
    return details | ({_NAME: statement.subject_name} if statement.subject_name else {})


def _about(statement: Statement) -> About:
    if statement.of is StatementOf.DRIVER:
        return About(driver_id=statement.subject_id)
    return About(vehicle_id=statement.subject_id)


def _reference(one: StatementRecord, hashes: Mapping[tuple[str, int], str]) -> RecordReference:
    record = one.record
    return RecordReference(
        record_id=record.record_id,
        version=record.version,
        hash=hashes[record.record_id, record.version],
        lines=one.lines,
        days=one.days,
        energy_wh=one.energy_wh,
        late=one.late,
        corrects=one.corrects,
    )


def _statement_record(reference: RecordReference, record: ChargeRecord) -> StatementRecord:
    return StatementRecord(
        record=record,
        lines=reference.lines,
        days=reference.days,
        energy_wh=reference.energy_wh,
        late=reference.late,
        corrects=reference.corrects,
    )
