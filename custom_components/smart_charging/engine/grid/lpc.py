"""The state machine of EEBus' limitation of power consumption (LPC) and production (LPP), fed by any bridge's entities.

At the start the fail-safe limit holds until a limit was stated. A heartbeat that stays away for two minutes brings the
fail-safe limit back for a time that was agreed; a heartbeat and a limit stated since end it, or that time does.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
import math
from typing import Final

from .set_back import is_ahead

HEARTBEAT_LOST: Final = timedelta(seconds=120)  # it comes each 60 s
LEAST_FAILSAFE: Final = timedelta(hours=2)
MOST_FAILSAFE: Final = timedelta(hours=24)


class LpcPhase(StrEnum):
    """The states, by their names in the use case."""

    INIT = "init"
    UNLIMITED_CONTROLLED = "unlimited_controlled"
    UNLIMITED_AUTONOMOUS = "unlimited_autonomous"
    LIMITED = "limited"
    FAILSAFE = "failsafe"


class LpcDirection(StrEnum):
    """Which of the two use cases."""

    CONSUMPTION = "consumption"  # LPC
    PRODUCTION = "production"  # LPP


class LpcRefusal(StrEnum):
    """Why a limit was not taken."""

    NEGATIVE = "negative"  # a limit on consumption that asks to feed in
    NO_NUMBER = "no_number"
    NO_DURATION = "no_duration"  # one that has ended before it began


@dataclass(frozen=True, slots=True)
class LpcConfig:
    """What was agreed: the limit in W that holds without a word, and for how long. ValueError outside 2 h to 24 h."""

    failsafe_w: float
    failsafe_for: timedelta = LEAST_FAILSAFE
    direction: LpcDirection = LpcDirection.CONSUMPTION

    def __post_init__(self) -> None:
        """Refuse what the use case does not permit."""
        if not (math.isfinite(self.failsafe_w) and self.failsafe_w >= 0):
            raise ValueError("the fail-safe limit is a finite number of at least 0")
        if not LEAST_FAILSAFE <= self.failsafe_for <= MOST_FAILSAFE:
            raise ValueError("the fail-safe duration is between 2 and 24 hours")


@dataclass(frozen=True, slots=True)
class LpcLimit:
    """A limit as it was stated: W, whether it is active, and until when (None: until another is stated).

    `duration_s` is how long it was stated to last, and `ends_at` when that is over: the same said again is not longer.
    """

    value_w: float
    active: bool
    stated_at: datetime
    until: datetime | None = None
    duration_s: float | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LpcMemory:
    """Where the machine stands, since when, the last sign of life and the last limit; all of it outlives a restart."""

    phase: LpcPhase
    since: datetime
    started_at: datetime  # heartbeats are waited for since then
    heartbeat_at: datetime | None = None
    limit: LpcLimit | None = None


def begin(now: datetime) -> LpcMemory:
    """Return the state of a machine that never ran."""
    return LpcMemory(LpcPhase.INIT, since=now, started_at=now)


def resume(memory: LpcMemory, config: LpcConfig, now: datetime) -> LpcMemory:
    """Return the state after a restart: the machine begins anew, with the last limit in mind.

    A fail-safe that was running goes on and ends when it would have. A limit ends at the time that was worked out
    for it, though the clock may be behind: on a host that has none of its own it will be put right.
    """
    memory = _set_back(memory, now)
    if memory.phase is LpcPhase.FAILSAFE and now < memory.since + config.failsafe_for:
        return memory
    return replace(memory, phase=LpcPhase.INIT, since=now, started_at=now)


def heartbeat(memory: LpcMemory, config: LpcConfig, now: datetime) -> LpcMemory:
    """Return the state after a sign of life."""
    return _settle(replace(pass_time(memory, config, now), heartbeat_at=now), config, now)


def state_limit(
    memory: LpcMemory,
    config: LpcConfig,
    now: datetime,
    *,
    value_w: float,
    active: bool = True,
    duration: timedelta | None = None,
    duration_told: bool = True,
) -> tuple[LpcMemory, LpcRefusal | None]:
    """Return the state after a limit was stated, or the same one and why it was refused.

    On production both signs are in use among bridges: its size counts. Without `duration_told` nobody knows how long
    it lasts, as while a bridge's entities come back one by one.
    """
    memory = pass_time(memory, config, now)
    refusal = _refusal(config, value_w, duration)
    if refusal is not None:
        return memory, refusal
    stated = _untold(abs(value_w), active, memory.limit, now)
    if duration_told:
        stated = _stated(abs(value_w), active, duration, memory.limit, now)
    memory = replace(memory, limit=stated)
    if memory.phase in {LpcPhase.FAILSAFE, LpcPhase.UNLIMITED_AUTONOMOUS}:
        return _settle(memory, config, now), None
    return _obey(memory, now), None


def pass_time(memory: LpcMemory, config: LpcConfig, now: datetime) -> LpcMemory:
    """Return the state as time alone makes it: a limit's end, a lost heartbeat, the end of the fail-safe."""
    memory = _set_back(memory, now, ends_too=True)
    if memory.phase is LpcPhase.UNLIMITED_AUTONOMOUS:
        return memory
    if memory.phase is LpcPhase.FAILSAFE:
        ended = memory.since + config.failsafe_for
        return memory if now < ended else replace(memory, phase=LpcPhase.UNLIMITED_AUTONOMOUS, since=ended)
    lost = lost_at(memory)
    if now >= lost:
        return pass_time(replace(memory, phase=LpcPhase.FAILSAFE, since=lost), config, now)
    if memory.phase is LpcPhase.LIMITED and not _holds(memory.limit, now):
        return _obey(memory, now)
    return memory


def demanded_w(memory: LpcMemory, config: LpcConfig, now: datetime) -> float | None:
    """Return the W that may flow, None for any: until a limit was stated the tighter of fail-safe and last limit."""
    match memory.phase:
        case LpcPhase.INIT if memory.limit is not None and _holds(memory.limit, now):
            return min(config.failsafe_w, memory.limit.value_w)
        case LpcPhase.INIT | LpcPhase.FAILSAFE:
            return config.failsafe_w
        case LpcPhase.LIMITED if memory.limit is not None and _holds(memory.limit, now):
            return memory.limit.value_w
        case _:
            return None


def next_change(memory: LpcMemory, config: LpcConfig) -> datetime | None:
    """Return when time alone changes the state, None where it never does."""
    if memory.phase is LpcPhase.UNLIMITED_AUTONOMOUS:
        return None
    if memory.phase is LpcPhase.FAILSAFE:
        return memory.since + config.failsafe_for
    ends = memory.limit.until if memory.phase is LpcPhase.LIMITED and memory.limit is not None else None
    return lost_at(memory) if ends is None else min(ends, lost_at(memory))


def lost_at(memory: LpcMemory) -> datetime:
    """Return when the heartbeat counts as lost: two minutes after the last, or after the start where none came."""
    heard = memory.heartbeat_at
    return (memory.started_at if heard is None else max(heard, memory.started_at)) + HEARTBEAT_LOST


def _set_back(memory: LpcMemory, now: datetime, *, ends_too: bool = False) -> LpcMemory:
    """Return the memory after the clock was set back: its newest moment is now, the others are as far before it as they were.

    With `ends_too` the limit's end moves with them: it was worked out by the clock of before, from how long it lasts.
    """
    limit = memory.limit
    known = (memory.since, memory.started_at, memory.heartbeat_at, None if limit is None else limit.stated_at)
    newest = max(at for at in known if at is not None)
    if not is_ahead(newest, now):
        return memory
    back = newest - now
    if limit is not None:
        limit = replace(limit, stated_at=limit.stated_at - back)
        if ends_too:
            limit = replace(limit, until=_earlier(limit.until, back), ends_at=_earlier(limit.ends_at, back))
    return replace(
        memory,
        since=memory.since - back,
        started_at=memory.started_at - back,
        heartbeat_at=None if memory.heartbeat_at is None else memory.heartbeat_at - back,
        limit=limit,
    )


def _earlier(moment: datetime | None, by: timedelta) -> datetime | None:
    return None if moment is None else moment - by


def _stated(
    value_w: float, active: bool, duration: timedelta | None, before: LpcLimit | None, now: datetime
) -> LpcLimit:
    """Return a limit that is stated; the same as before ends when it was to, also where that is over.

    What a bridge's entities show after a restart, or after they were away, is no new word of the grid operator.
    """
    duration_s = None if duration is None else duration.total_seconds()
    ends_at = None if duration is None else now + duration
    if before is not None and (before.value_w, before.active, before.duration_s) == (value_w, active, duration_s):
        ends_at = before.ends_at
    return LpcLimit(value_w, active, now, ends_at, duration_s, ends_at)


def _untold(value_w: float, active: bool, before: LpcLimit | None, now: datetime) -> LpcLimit:
    """Return a limit of which nobody knows how long it lasts: until that is told, unless the same one is over already."""
    if before is None or (before.value_w, before.active) != (value_w, active):
        return LpcLimit(value_w, active, now)
    over = before.until is not None and now >= before.until
    return replace(before, stated_at=now, until=before.until if over else None)


def _refusal(config: LpcConfig, value_w: float, duration: timedelta | None) -> LpcRefusal | None:
    if not math.isfinite(value_w):
        return LpcRefusal.NO_NUMBER
    if value_w < 0 and config.direction is LpcDirection.CONSUMPTION:
        return LpcRefusal.NEGATIVE
    return LpcRefusal.NO_DURATION if duration is not None and duration <= timedelta() else None


def _settle(memory: LpcMemory, config: LpcConfig, now: datetime) -> LpcMemory:
    """Leave a state without control once both a heartbeat and a limit were heard in it."""
    if memory.phase not in {LpcPhase.FAILSAFE, LpcPhase.UNLIMITED_AUTONOMOUS}:
        return memory
    heard, limit = memory.heartbeat_at, memory.limit
    entered = memory.since - config.failsafe_for if memory.phase is LpcPhase.UNLIMITED_AUTONOMOUS else memory.since
    alive = heard is not None and heard >= entered and now - heard < HEARTBEAT_LOST
    fresh = limit is not None and limit.stated_at >= entered
    return _obey(memory, now) if alive and fresh else memory


def _obey(memory: LpcMemory, now: datetime) -> LpcMemory:
    phase = LpcPhase.LIMITED if _holds(memory.limit, now) else LpcPhase.UNLIMITED_CONTROLLED
    return memory if phase is memory.phase else replace(memory, phase=phase, since=now)


def _holds(limit: LpcLimit | None, now: datetime) -> bool:
    return limit is not None and limit.active and (limit.until is None or now < limit.until)
