"""Which of overlapping OpenADR events holds when: the one of the lowest priority number (User Guide 3.1, section 7.1)."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

from .signal import GridSignal

_ALWAYS: Final = datetime.min.replace(tzinfo=UTC)
_FOREVER: Final = datetime.max.replace(tzinfo=UTC)
_LEAST: Final = 2**63  # an event without a priority comes after all that have one


@dataclass(slots=True)
class Covered:
    """Pieces of time that are spoken for: sorted, apart from each other."""

    starts: list[datetime] = field(default_factory=list)
    ends: list[datetime] = field(default_factory=list)

    def add(self, start: datetime, end: datetime) -> None:
        """Cover this piece too, joining what it touches."""
        first = bisect_left(self.ends, start)
        last = bisect_right(self.starts, end)
        if first < last:
            start, end = min(start, self.starts[first]), max(end, self.ends[last - 1])
        self.starts[first:last] = [start]
        self.ends[first:last] = [end]

    def gaps(self, start: datetime, end: datetime) -> Iterable[tuple[datetime, datetime]]:
        """Yield the pieces from start to end that nothing covers."""
        for place in range(bisect_right(self.ends, start), bisect_left(self.starts, end)):
            if start < self.starts[place]:
                yield start, self.starts[place]
            start = self.ends[place]
        if start < end:
            yield start, end


def by_priority(ranked: Iterable[tuple[int | None, GridSignal]]) -> tuple[GridSignal, ...]:
    """Return the signals, each cut to when no signal for the same of a higher priority holds.

    Signals are for the same if kind, scope and EVSE are. Those of equal priority stay side by side.
    """

    def rank(entry: tuple[int | None, GridSignal]) -> int:
        return _LEAST if entry[0] is None else entry[0]

    def subject(entry: tuple[int | None, GridSignal]) -> tuple[str, str, str]:
        signal = entry[1]
        return signal.kind.value, signal.scope.value, str(signal.evse or "")

    kept: list[GridSignal] = []
    for _, of_subject in groupby(sorted(ranked, key=lambda entry: (subject(entry), rank(entry))), key=subject):
        covered = Covered()
        for _, of_rank in groupby(of_subject, key=rank):
            equals = [signal for _, signal in of_rank]
            kept += [piece for signal in equals for piece in _uncovered(signal, covered)]
            for signal in equals:
                covered.add(signal.valid_from or _ALWAYS, signal.valid_until or _FOREVER)
    return tuple(kept)


def _uncovered(signal: GridSignal, covered: Covered) -> Iterable[GridSignal]:
    for start, end in covered.gaps(signal.valid_from or _ALWAYS, signal.valid_until or _FOREVER):
        yield replace(
            signal, valid_from=None if start == _ALWAYS else start, valid_until=None if end == _FOREVER else end
        )
