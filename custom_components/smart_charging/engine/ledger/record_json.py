"""Charge records as JSON and back, in every digit: the text that is frozen, and apart from it what names people.

A field that has its default is left out, so that a field that a later version adds changes no text and no hash.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
import hashlib
import json
from typing import Final

from ..charge_record import ChargeRecord
from ..model import Json, StoreError
from ..recorded_json import Decoder, Encoder, RecordedJsonError
from .personal import About, Commitment, Words, commit
from .proof_chain import canonical

PERSONAL: Final = "personal"  # the field that holds the digests of what names people
_OF_DRIVER = ("driver_name", "token_label")
_OF_VEHICLE = ("vehicle_name",)
_WORDS = frozenset((*_OF_DRIVER, *_OF_VEHICLE))

_ENCODER = Encoder(sparse=True)
_DECODER = Decoder()


@dataclass(frozen=True, slots=True)
class FrozenText:
    """A text that is frozen with its hash, and the commitments that it holds."""

    text: str
    hash: str
    commitments: tuple[Commitment, ...]


def text_hash(text: str) -> str:
    """Return the SHA-256 of a text, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def freeze(content: dict[str, Json], commitments: Sequence[Commitment]) -> FrozenText:
    """Return content with commitments as the text that is kept: sorted keys, no spaces, ASCII."""
    if commitments:
        content = content | {PERSONAL: [one.digest for one in commitments]}
    text = canonical(content)
    return FrozenText(text, text_hash(text), tuple(commitments))


def tidy(record: ChargeRecord) -> ChargeRecord:
    """Return the same record with its times in UTC, and without names that are empty."""
    return replace(
        record,
        started_at=record.started_at.astimezone(UTC),
        ended_at=record.ended_at.astimezone(UTC),
        made_at=None if record.made_at is None else record.made_at.astimezone(UTC),
        driver_name=record.driver_name or None,
        token_label=record.token_label or None,
        vehicle_name=record.vehicle_name or None,
    )


def nameless(record: ChargeRecord) -> ChargeRecord:
    """Return a record without what names people."""
    return replace(record, driver_name=None, token_label=None, vehicle_name=None)


def encode_record(record: ChargeRecord) -> FrozenText:
    """Return a record as it is kept; ValueError for numbers that are none."""
    content = _ENCODER.encode(nameless(record))
    driver = About(driver_id=record.driver_id, token_id=record.token_id)
    vehicle = About(driver_id=record.driver_id, vehicle_id=record.vehicle_id)
    told = ((_words(record, _OF_DRIVER), driver), (_words(record, _OF_VEHICLE), vehicle))
    return freeze(as_object(content), [commit(words, about) for words, about in told if words])


def decode_record(text: str, words: Mapping[str, Words]) -> ChargeRecord:
    """Return the record of a text, with the words that are still kept for its digests; StoreError if it is none."""
    content = read_object(text, "A charge record")
    digests = take_digests(content)
    try:
        record = _DECODER.decode(ChargeRecord, content, "record")
    except RecordedJsonError as error:
        raise StoreError("A charge record in the ledger can't be read") from error
    said: dict[str, str] = {}
    for digest in digests:
        said.update((name, word) for name, word in words.get(digest, {}).items() if name in _WORDS)
    return replace(record, **said) if said else record  # type: ignore[arg-type]  # names of fields that are texts


def digests_of(text: str) -> tuple[str, ...]:
    """Return the digests that a frozen text holds, without looking at the rest of it."""
    return take_digests(read_object(text, "A record or statement"))


def take_digests(content: dict[str, Json]) -> tuple[str, ...]:
    """Take the digests out of a frozen content and return them."""
    digests = content.pop(PERSONAL, None)
    return tuple(str(one) for one in digests) if isinstance(digests, list) else ()


def read_object(text: object, what: str) -> dict[str, Json]:
    """Return the object that a text says; StoreError where it says none."""
    try:
        return as_object(json.loads(text) if isinstance(text, str) else None)
    except (TypeError, ValueError, RecursionError) as error:
        raise StoreError(f"{what} in the ledger can't be read") from error


def as_object(content: Json) -> dict[str, Json]:
    """Return JSON that is an object; TypeError for other JSON."""
    if not isinstance(content, dict):
        raise TypeError("not an object")
    return content


def _words(record: ChargeRecord, names: Sequence[str]) -> dict[str, str]:
    return {name: word for name in names if (word := getattr(record, name))}
