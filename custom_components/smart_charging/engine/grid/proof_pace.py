"""How often the proof log gets a row: what begins, ends or comes from elsewhere at once, values that move once a minute.

A number that trembles each second would make a row each second. What it was in between is summed up in the next row. It is
about the log only: limits are applied at once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from .changes import Change, ChangeKind
from .merge import Demand
from .set_back import is_ahead
from .source_state import ClaimReason

EACH: Final = timedelta(seconds=60)  # between two rows of one demand whose value moves
LEAST_W: Final = 50.0  # what a value moves by is none of note up to this ...
LEAST_SHARE: Final = 0.01  # ... or this part of it, whichever is more


@dataclass(frozen=True, slots=True)
class LoggedLimit:
    """What the log has of a target: the limit of its last row and when that was made, and what it does not have yet.

    `unlogged` is how many changes there were since, `strictest_w` the least of them, and `due_at` when the row is due
    that sums them up.
    """

    at: datetime
    limit_w: float
    unlogged: int = 0
    strictest_w: float | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SummedUp:
    """What held between two rows: how many changes, the strictest limit of them, and the last one, in W."""

    changes: int
    strictest_w: float
    last_w: float


@dataclass(frozen=True, slots=True)
class ProofRow:
    """A change that makes a row of the log, with what it sums up."""

    change: Change
    summed_up: SummedUp | None = None


@dataclass(frozen=True, slots=True)
class PacedRows:
    """What the log gets now, the changes that it does not get yet, and what is to be remembered, by targets' names."""

    rows: tuple[ProofRow, ...]
    unlogged: tuple[Change, ...]
    logged: Mapping[str, LoggedLimit]


def differs(limit_w: float, from_w: float) -> bool:
    """Return whether a limit is really another than one before, not only the same one that trembles."""
    return abs(limit_w - from_w) > max(LEAST_W, LEAST_SHARE * from_w)


def paced(
    logged: Mapping[str, LoggedLimit], changes: Iterable[Change], asked: Mapping[str, Demand], now: datetime
) -> PacedRows:
    """Return which changes make rows now, and what is due of those before; `asked` is what holds, by targets' names."""
    left = {name: _not_ahead(one, now) for name, one in logged.items()}
    rows, unlogged = list[ProofRow](), list[Change]()
    for change in changes:
        known = left.get(change.target)
        if known is not None and _waits(change, known, now):
            left[change.target] = _with(known, change.demand.value_w, now)
            unlogged.append(change)
            continue
        last_w = change.demand.value_w if change.before is None else change.before.value_w
        rows.append(ProofRow(change, None if known is None else _summed_up(known, last_w)))
        left[change.target] = LoggedLimit(now, change.demand.value_w)
        if change.kind is ChangeKind.ENDED:
            del left[change.target]
    for name, one in left.items():
        if one.due_at is not None and one.due_at <= now and (demand := asked.get(name)) is not None:
            rows.append(ProofRow(Change(ChangeKind.CHANGED, now, name, demand), _summed_up(one, demand.value_w)))
            left[name] = LoggedLimit(now, demand.value_w)
    return PacedRows(tuple(rows), tuple(unlogged), left)


def next_row(logged: Mapping[str, LoggedLimit]) -> datetime | None:
    """Return when the next row is due that sums up, None where nothing waits."""
    return min((one.due_at for one in logged.values() if one.due_at is not None), default=None)


def _waits(change: Change, known: LoggedLimit, now: datetime) -> bool:
    """Return whether a change may be summed up: the same demand with another value, a little or too soon."""
    before, demand = change.before, change.demand
    if change.kind is not ChangeKind.CHANGED or before is None or demand.why is ClaimReason.FAILSAFE:
        return False
    if _who(before) != _who(demand):
        return False
    return now < known.at + EACH or not differs(demand.value_w, known.limit_w)


def _who(demand: Demand) -> tuple[object, ...]:
    return demand.source_id, demand.why, demand.binding, demand.kind


def _with(known: LoggedLimit, value_w: float, now: datetime) -> LoggedLimit:
    strictest_w = value_w if known.strictest_w is None else min(known.strictest_w, value_w)
    due_at = known.due_at or (known.at + EACH if now < known.at + EACH else now + EACH)
    return replace(known, unlogged=known.unlogged + 1, strictest_w=strictest_w, due_at=due_at)


def _summed_up(known: LoggedLimit, last_w: float) -> SummedUp | None:
    return None if known.strictest_w is None else SummedUp(known.unlogged, known.strictest_w, last_w)


def _not_ahead(one: LoggedLimit, now: datetime) -> LoggedLimit:
    """Return it as after a clock that was set back: no row waits for longer than a minute."""
    if not is_ahead(one.at, now):
        return one
    return replace(one, at=now, due_at=None if one.due_at is None else min(one.due_at, now + EACH))
