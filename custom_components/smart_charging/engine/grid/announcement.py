"""What sources have announced for later, for a calendar."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ..model import EvseKey
from .signal import SignalKind, SignalScope, SignalUnit
from .source_state import Claim


@dataclass(frozen=True, slots=True)
class AnnouncedWindow:
    """A signal that holds at some time, begun or still to come; `ends_at` None: until it is withdrawn."""

    source_id: str
    kind: SignalKind
    scope: SignalScope
    evse: EvseKey | None
    value: float | None
    unit: SignalUnit
    binding: bool
    begins_at: datetime
    ends_at: datetime | None


def announced(claims: Iterable[Claim], now: datetime) -> tuple[AnnouncedWindow, ...]:
    """Return the signals with a begin or an end that have not ended, by their begin."""
    windows = [
        AnnouncedWindow(
            source_id=one.source_id,
            kind=one.kind,
            scope=one.scope,
            evse=one.evse,
            value=one.value,
            unit=one.unit,
            binding=one.binding,
            begins_at=one.valid_from or one.received_at,
            ends_at=one.valid_until,
        )
        for one in (claim.signal for claim in claims)
        if one.valid_from is not None or one.valid_until is not None
    ]
    later = (one for one in windows if one.ends_at is None or now < one.ends_at)
    return tuple(sorted(later, key=lambda one: (one.begins_at, one.source_id, one.kind, str(one.evse))))
