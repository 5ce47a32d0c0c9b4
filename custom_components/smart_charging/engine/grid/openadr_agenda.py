"""What of a server's limits a site is told at a time: what is in force and what comes next, not a year of quarter hours.

Each second each signal that a site knows is looked at, while a server may state 200,000. Told are the first ones; what
comes later is told as time goes on. Where there are more than that, only the strictest of each moment counts, as it would
anyway: so what is in force is always among them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from heapq import heappop, heappush
import math
from typing import Final

from .signal import GridSignal, SignalKind

MOST_TOLD: Final = 300  # signals that a site is told of at a time: three days of quarter hours
_ALWAYS: Final = datetime.min.replace(tzinfo=UTC)
_FOREVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Ahead:
    """The signals to be told, and from when on there are more; None where these are all."""

    signals: tuple[GridSignal, ...] = ()
    until: datetime | None = None

    def tell_anew_at(self, now: datetime) -> datetime | None:
        """Return when to tell the next ones, long before these are over; None where there are no more."""
        return None if self.until is None else now + (self.until - now) / 2


def agenda(signals: Sequence[GridSignal]) -> tuple[GridSignal, ...]:
    """Return the signals by their begin; of more than are told at a time only what is the strictest at some moment."""
    kept = signals if len(signals) <= MOST_TOLD else [*_strictest_by_time(signals)]
    return tuple(sorted(kept, key=_begin))


def ahead(planned: Iterable[GridSignal], now: datetime) -> Ahead:
    """Return what of an agenda is to be told now: what is in force, and of what is to come as much as there is room for."""
    told: list[GridSignal] = []
    for one in planned:
        if _end(one) <= now:
            continue
        if len(told) >= MOST_TOLD and _begin(one) > now:
            return Ahead(tuple(told), _begin(one))
        told.append(one)
    return Ahead(tuple(told))


def strictest(signals: Iterable[GridSignal]) -> tuple[GridSignal, ...]:
    """Return the strictest for each subject, whenever they hold: all of a fail-safe hold at once."""
    found: dict[tuple[object, ...], GridSignal] = {}
    for one in signals:
        subject = _subject(one)
        if subject not in found or _rank(one) < _rank(found[subject]):
            found[subject] = one
    return tuple(found.values())


def _strictest_by_time(signals: Iterable[GridSignal]) -> Iterator[GridSignal]:
    of_subjects: dict[tuple[object, ...], list[GridSignal]] = {}
    for one in signals:
        of_subjects.setdefault(_subject(one), []).append(one)
    for of_subject in of_subjects.values():
        yield from _envelope(sorted(of_subject, key=_begin))


def _envelope(signals: Sequence[GridSignal]) -> Iterator[GridSignal]:
    """Yield for each moment at which any of the signals holds the strictest one, cut to when it is that."""
    begins, ends = [_begin(one) for one in signals], [_end(one) for one in signals]
    holding: list[tuple[tuple[float, float, str], int]] = []
    begun = 0
    open_from, strict = _ALWAYS, None
    for start in sorted({*begins, *ends}):
        while begun < len(signals) and begins[begun] <= start:
            heappush(holding, (_rank(signals[begun]), begun))
            begun += 1
        while holding and ends[holding[0][1]] <= start:
            heappop(holding)
        now = signals[holding[0][1]] if holding else None
        if now is not strict:
            if strict is not None:
                yield _cut(strict, open_from, start)
            open_from, strict = start, now


def _cut(signal: GridSignal, start: datetime, end: datetime) -> GridSignal:
    if (start, end) == (_begin(signal), _end(signal)):
        return signal
    return replace(signal, valid_from=None if start == _ALWAYS else start, valid_until=None if end == _FOREVER else end)


def _subject(signal: GridSignal) -> tuple[object, ...]:
    """Return what signals are to share to be compared; limits in W and A hold beside each other."""
    return signal.kind, signal.scope, signal.evse, signal.unit


def _rank(signal: GridSignal) -> tuple[float, float, str]:
    """Return the lower the stricter; of equal ones that which lasts longest, as sources are merged."""
    value = signal.value or 0.0
    higher_is_stricter = signal.kind is SignalKind.PRICE_LEVEL
    lasts = math.inf if signal.valid_until is None else signal.valid_until.timestamp()
    return -value if higher_is_stricter else value, -lasts, signal.raw


def _begin(signal: GridSignal) -> datetime:
    return signal.valid_from or _ALWAYS


def _end(signal: GridSignal) -> datetime:
    return signal.valid_until or _FOREVER
