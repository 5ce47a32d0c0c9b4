"""What changed from one step to the next, for events, the logbook and the proof log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .merge import Demand


class ChangeKind(StrEnum):
    """What happened to a target."""

    STARTED = "started"  # nothing was asked of it before
    CHANGED = "changed"  # another value, source or reason
    ENDED = "ended"  # nothing is asked any longer; a ramp may follow


@dataclass(frozen=True, slots=True)
class Change:
    """One change; the demand is the new one, or the one that ended. `before` is what was asked until then."""

    kind: ChangeKind
    at: datetime
    target: str
    demand: Demand
    before: Demand | None = None


def changes_between(before: Mapping[str, Demand], after: Mapping[str, Demand], now: datetime) -> tuple[Change, ...]:
    """Return the changes by the names of targets."""
    found = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if new is None and old is not None:
            found.append(Change(ChangeKind.ENDED, now, name, old, old))
        elif new is not None and old is None:
            found.append(Change(ChangeKind.STARTED, now, name, new))
        elif new is not None and old is not None and _told(new) != _told(old):
            found.append(Change(ChangeKind.CHANGED, now, name, new, old))
    return tuple(found)


def _told(demand: Demand) -> tuple[object, ...]:
    """Return what makes two demands differ; that one is stated again for longer is no news."""
    return demand.value, demand.source_id, demand.why, demand.binding
