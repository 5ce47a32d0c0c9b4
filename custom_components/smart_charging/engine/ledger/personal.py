"""What names people in records and statements, kept apart from them so that it can be forgotten.

A record or a statement is frozen with a hash over its text. In place of names that text holds commitments: the SHA-256 of a
random salt and what was said. Salt and words lie in a table of their own, with the ids of those they tell of. While they
are there, it can be checked that they are what was frozen. Once they are deleted, the text and its hash are as they were,
sums and all, and nobody can work out the words from what is left, not even by trying all names: the salt is gone too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
import hashlib
import json
import secrets
from typing import Final

import sqlalchemy as sa

from ..model import Json
from .billing_tables import personal_texts
from .book import Book
from .proof_chain import canonical

IDS_AT_ONCE: Final = 500  # values of one statement's IN, below what every database takes
_SALT_BYTES = 32
_P = personal_texts.c

type Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class About:
    """Whom words tell of; by any of these they are found when they have to be forgotten."""

    driver_id: str | None = None
    token_id: str | None = None
    vehicle_id: str | None = None


@dataclass(frozen=True, slots=True)
class Commitment:
    """Words by field with the salt that hides them, and the digest that stands for both."""

    about: About
    salt: str
    content: str
    digest: str


def commit(words: Words, about: About) -> Commitment:
    """Return a commitment to words, different each time."""
    salt, content = secrets.token_hex(_SALT_BYTES), canonical({**words})
    return Commitment(about, salt, content, _digest(salt, content))


def keep(book: Book, site_id: str, commitments: Iterable[Commitment]) -> None:
    """Keep the words and salts of what is frozen in the same database transaction."""
    rows = [
        {
            "digest": one.digest,
            "site_id": site_id,
            "driver_id": one.about.driver_id,
            "token_id": one.about.token_id,
            "vehicle_id": one.about.vehicle_id,
            "salt": one.salt,
            "content": one.content,
        }
        for one in commitments
    ]
    if rows:
        book.connection.execute(sa.insert(personal_texts), rows)


def words_of(connection: sa.Connection, digests: Sequence[str]) -> dict[str, Words]:
    """Return the words that are still kept, by the digests that stand for them."""
    found: dict[str, Words] = {}
    for some in portions(digests):
        for row in connection.execute(sa.select(_P.digest, _P.content).where(_P.digest.in_(some))):
            found[row.digest] = _words(row.content)
    return found


def broken(connection: sa.Connection, digests: Sequence[str]) -> bool:
    """Return whether any of the words that are still kept are not those that were frozen."""
    for some in portions(digests):
        for row in connection.execute(sa.select(_P.digest, _P.salt, _P.content).where(_P.digest.in_(some))):
            if row.digest != _digest(row.salt, row.content):
                return True
    return False


def forget(book: Book, digests: Sequence[str]) -> None:
    """Delete words with their salts."""
    for some in portions(digests):
        book.connection.execute(sa.delete(personal_texts).where(_P.digest.in_(some)))


def forget_people(book: Book, driver_id: str, token_ids: Sequence[str], vehicle_ids: Sequence[str]) -> None:
    """Delete all words about a driver, and about the tokens that nobody else used and the vehicles of that driver."""
    nobodys = sa.and_(_P.driver_id.is_(None), _P.token_id.in_(token_ids))
    told = sa.or_(_P.driver_id == driver_id, nobodys, _P.vehicle_id.in_(vehicle_ids))
    book.connection.execute(sa.delete(personal_texts).where(told))


def portions[T](items: Sequence[T], size: int = IDS_AT_ONCE) -> Iterable[Sequence[T]]:
    """Return parts of a list, each short enough for one statement."""
    return (items[begin : begin + size] for begin in range(0, len(items), size))


def _digest(salt: object, content: object) -> str:
    # What somebody spoilt may be of any type.
    return hashlib.sha256(f"{salt}{content}".encode("utf-8", "surrogatepass")).hexdigest()


def _words(content: object) -> Words:
    """Return words as they were kept, none where somebody made them unreadable."""
    try:
        said: Json = json.loads(content) if isinstance(content, str) else None
    except ValueError:
        said = None
    if not isinstance(said, dict):
        return {}
    return {name: word for name, word in said.items() if isinstance(word, str)}
