"""The hash chain of the proof log: what of a row is hashed, and how that is written.

A row says the hash of the one before it. Its own hash is over all that it says, as JSON in one fixed form, and that is
also how the row is exported: who has the file can work out each hash with a few lines, see docs/grid-proof.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
import hashlib
import json

from ..model import Json
from .encoding import from_microseconds

GENESIS = "0" * 64  # what the first row of a log says to be the hash before it

_CANONICAL = json.JSONEncoder(separators=(",", ":"), sort_keys=True, ensure_ascii=True, allow_nan=False)

# What a column may hold once somebody else has written to the database: SQLite checks no types.
type Cell = int | float | str | bytes | None


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row as the database holds it, whoever wrote it."""

    site_id: Cell
    sequence: Cell
    time: Cell  # microseconds since 1970
    kind: Cell
    refers_to: Cell
    content: Cell
    previous: Cell
    hash: Cell

    @property
    def intact(self) -> bool:
        """Return whether the row says what it said when its hash was made."""
        return self.hash == digest(told(self))


def canonical(value: Json) -> str:
    """Return JSON in the form that is hashed: sorted keys, no spaces, ASCII. ValueError for what is no JSON."""
    return _CANONICAL.encode(value)


def told(row: StoredRow) -> dict[str, Json]:
    """Return all that a row says but its own hash; a cell of a wrong type in a form that no right one has."""
    return {
        "content": _content(row.content),
        "kind": _plain(row.kind),
        "previous": _plain(row.previous),
        "refers_to": _plain(row.refers_to),
        "sequence": _plain(row.sequence),
        "site": _plain(row.site_id),
        "time": _time(row.time),
    }


def digest(said: Mapping[str, Json]) -> str:
    """Return the hash of what a row says, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(dict(said)).encode("ascii")).hexdigest()


def _content(cell: Cell) -> Json:
    """Return what a content means, only if it is written as we write: a different text must not hash alike."""
    if isinstance(cell, str):
        try:
            value: Json = json.loads(cell)
            if canonical(value) == cell:
                return value
        except ValueError, RecursionError:
            return cell
    return _plain(cell)


def _time(cell: Cell) -> Json:
    if not isinstance(cell, int):
        return _plain(cell)
    try:
        return from_microseconds(cell).isoformat(timespec="microseconds")
    except OverflowError:
        return cell


def _plain(cell: Cell) -> Json:
    if isinstance(cell, bytes):
        return {"bytes": cell.hex()}
    return {"float": repr(cell)} if isinstance(cell, float) else cell
