"""Cars that fell asleep while they waited: woken by taking the offer away and giving it again."""

from dataclasses import dataclass, replace
from datetime import datetime

from .elapsed import elapsed_s

TRIES = 6
UNTOUCHED_S = 60.0  # an offer that nothing was drawn of for so long was slept through
PAUSE_S = 15.0  # long enough for a station to signal it and for a car to notice


@dataclass(frozen=True, slots=True)
class WakingMemory:
    """How often a car was woken since it last drew something.

    `taken` says that it drew from the present offer: if it stops then, it has had enough.
    """

    offered_since: datetime | None = None
    tries: int = 0
    paused_at: datetime | None = None
    taken: bool = False


def watch(memory: WakingMemory, *, offered: bool, drawing: bool, now: datetime) -> WakingMemory:
    """Return the memory after this moment; `offered` is what the station was told and accepted."""
    if drawing:
        return WakingMemory(offered_since=memory.offered_since or now, taken=True)
    if memory.paused_at is not None:
        if elapsed_s(memory.paused_at, now) < PAUSE_S:
            return memory
        return replace(memory, paused_at=None, offered_since=None)
    if not offered:
        return WakingMemory(tries=memory.tries)
    if memory.offered_since is None:
        return replace(memory, offered_since=now, taken=False)
    waited = elapsed_s(memory.offered_since, now)
    if memory.taken or memory.tries >= TRIES or waited < UNTOUCHED_S:
        return memory
    return replace(memory, tries=memory.tries + 1, paused_at=now)


def sleeps_through(memory: WakingMemory) -> bool:
    """Return whether the offer is taken away just now to wake the car."""
    return memory.paused_at is not None
