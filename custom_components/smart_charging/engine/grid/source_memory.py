"""What is remembered of a source; all of it outlives a restart."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from .lpc import LpcMemory
from .set_back import not_ahead
from .signal import GridSignal
from .source import InputKind, SourceConfig

DISTRUST: Final = timedelta(hours=2)  # how long a memory that can't be read may have held a signal


@dataclass(frozen=True, slots=True)
class ContactMemory:
    """A contact as it was seen last, and as it counted before that; inversion is done."""

    seen: bool
    seen_at: datetime
    before: bool

    def closed(self, debounce_s: float, now: datetime) -> bool:
        """Return whether it counts as closed: once it was the same for as long as it may bounce.

        One that was seen in the future was so before the clock was set back: it must not seem to bounce, which
        would release its limit.
        """
        elapsed_s = (now - self.seen_at).total_seconds()
        return self.before if 0.0 <= elapsed_s < debounce_s else self.seen

    def settled(self, debounce_s: float, now: datetime) -> ContactMemory:
        """Return it as one that no longer bounces, where it was seen before the clock was set back."""
        return self if self.seen_at <= now else replace(self, seen_at=now - timedelta(seconds=debounce_s))


@dataclass(frozen=True, slots=True)
class SourceMemory:
    """What is known of a source.

    `awaited_since` is when it began to be waited for, as by a restart, and None once it was heard. Lost it is since
    `missed_since`, where it had to speak and did not, or `gone_since`, where it can't be heard; no restart ends either. Until
    `distrusted_until` its fail-safe holds if it isn't heard before. `retained` is the digest of the newest message that its
    broker may keep.
    """

    heard_at: datetime | None = None
    awaited_since: datetime | None = None
    unavailable_since: datetime | None = None
    missed_since: datetime | None = None
    gone_since: datetime | None = None
    distrusted_until: datetime | None = None
    contacts: Mapping[str, ContactMemory] = field(default_factory=dict)  # by name, "" for a single one
    signals: tuple[GridSignal, ...] = ()
    failsafe: tuple[GridSignal, ...] = ()
    retained: str | None = None
    lpc: LpcMemory | None = None


def still_true(config: SourceConfig, memory: SourceMemory, now: datetime) -> SourceMemory:
    """Return what of a memory counts: as the source is configured, and with no moment that is still to come.

    The machine of EEBus looks after its own moments. Signals hold by the time that they name, whatever the clock did.
    """
    distrusted = memory.distrusted_until
    stands = config.input is InputKind.STANDING
    return replace(
        memory,
        heard_at=not_ahead(memory.heard_at, now),
        awaited_since=not_ahead(memory.awaited_since, now),
        unavailable_since=not_ahead(memory.unavailable_since, now),
        missed_since=not_ahead(memory.missed_since, now) if config.has_to_speak else None,
        gone_since=None if stands else not_ahead(memory.gone_since, now),
        distrusted_until=None if distrusted is None else min(distrusted, now + DISTRUST),
        contacts={
            name: one.settled(config.debounce_s, now) for name, one in memory.contacts.items() if name in config.wired
        },
    )
