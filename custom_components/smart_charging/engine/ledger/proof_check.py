"""Checking the hash chain of the proof log, page by page, up to the first place where it breaks.

What can't be seen from inside the database: that somebody made the whole chain anew, or took away all rows, or the newest
ones, and wrote the ends to match. Only a head hash that was kept elsewhere, as in an earlier export, shows that.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from .proof_chain import GENESIS, StoredRow, digest, told
from .proof_log import Ends, Page

# How far from its place a moved row is looked for, to name what happened to it.
_MOVED_BY_AT_MOST: Final = 1000


class BreakReason(StrEnum):
    """What is wrong where a chain breaks."""

    CHANGED = "changed"  # the row does not say what it said
    REORDERED = "reordered"  # the row was given another number
    INSERTED = "inserted"  # the row is older than the log's begin or newer than its end
    MISSING = "missing"  # the row is not there, while a later one is
    REPLACED = "replaced"  # the row does not follow the one before it: one of both was put there later
    TRUNCATED = "truncated"  # the row and all after it are not there
    ENDS_LOST = "ends_lost"  # what says where the log begins and ends is gone or impossible


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """The first place where a chain breaks; `belongs_at` is the number that a moved row had."""

    reason: BreakReason
    sequence: int
    belongs_at: int | None = None


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """What a check found: `rows` good ones, from after the anchor on; `head_hash` is to be kept elsewhere as proof.

    A log without rows is intact and its numbers are 0.
    """

    verified_at: datetime
    rows: int
    anchor_sequence: int = 0
    anchor_hash: str = GENESIS
    head_sequence: int = 0
    head_hash: str = GENESIS
    broken: ChainBreak | None = None

    @property
    def intact(self) -> bool:
        """Return whether nothing is wrong."""
        return self.broken is None


class ChainCheck:
    """Goes along a chain; takes pages until `verdict` tells."""

    def __init__(self, now: datetime) -> None:
        """Begin before the first row."""
        self._now = now
        self._begun = False
        self._reached = 0
        self._hash = GENESIS
        self._rows = 0

    @property
    def after(self) -> int | None:
        """Return the number that the next page has to follow, None for the first."""
        return self._reached if self._begun else None

    def take(self, page: Page) -> ChainVerdict | None:
        """Return the verdict, None while there are more rows to look at."""
        ends = page.ends
        if ends is None:
            lost = page.rows or self._begun
            return self._verdict(None, ChainBreak(BreakReason.ENDS_LOST, self._reached + 1) if lost else None)
        if not _possible(ends):
            return self._verdict(None, ChainBreak(BreakReason.ENDS_LOST, self._reached + 1))
        if not self._begun or ends.anchor_sequence > self._reached:
            # Old rows may be taken away while we look: then the log begins further on.
            self._reached, self._hash, self._begun = ends.anchor_sequence, ends.anchor_hash, True
        for row in page.rows:
            broken = self._look_at(row, ends)
            if broken is not None:
                return self._verdict(ends, broken)
        return self._verdict(ends, self._end(ends)) if page.last else None

    def _look_at(self, row: StoredRow, ends: Ends) -> ChainBreak | None:
        sequence = row.sequence
        if not isinstance(sequence, int):
            return ChainBreak(BreakReason.CHANGED, self._reached + 1)
        if not row.intact:
            return _changed(row, sequence)
        if not self._reached < sequence <= ends.sequence:
            return ChainBreak(BreakReason.INSERTED, sequence)
        if sequence > self._reached + 1:
            return ChainBreak(BreakReason.MISSING, self._reached + 1)
        if row.previous != self._hash:
            return ChainBreak(BreakReason.REPLACED, sequence)
        self._reached, self._hash = sequence, str(row.hash)
        self._rows += 1
        return None

    def _end(self, ends: Ends) -> ChainBreak | None:
        if self._reached < ends.sequence:
            return ChainBreak(BreakReason.TRUNCATED, self._reached + 1)
        if self._hash != ends.hash:
            return ChainBreak(BreakReason.REPLACED, self._reached)
        return None

    def _verdict(self, ends: Ends | None, broken: ChainBreak | None) -> ChainVerdict:
        if ends is None:
            return ChainVerdict(self._now, self._rows, broken=broken)
        return ChainVerdict(
            self._now, self._rows, ends.anchor_sequence, ends.anchor_hash, ends.sequence, ends.hash, broken
        )


def _possible(ends: Ends) -> bool:
    """Return whether the ends can be ours: SQLite keeps what it is given, of whatever type."""
    numbers = (ends.anchor_sequence, ends.sequence)
    if not all(isinstance(number, int) for number in numbers):
        return False
    return 0 <= ends.anchor_sequence <= ends.sequence


def _changed(row: StoredRow, sequence: int) -> ChainBreak:
    """Tell a row that was only given another number from one that was changed."""
    said = told(row)
    nearest = range(1, _MOVED_BY_AT_MOST + 1)
    for belongs_at in (number for step in nearest for number in (sequence - step, sequence + step)):
        if row.hash == digest(said | {"sequence": belongs_at}):
            return ChainBreak(BreakReason.REORDERED, sequence, belongs_at)
    return ChainBreak(BreakReason.CHANGED, sequence)
