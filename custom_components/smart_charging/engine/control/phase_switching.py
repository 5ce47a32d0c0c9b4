"""One phase or three: when a car that charges from surplus is switched, and how often at most."""

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from ..config import SolarConfig
from .elapsed import elapsed_s


@dataclass(frozen=True, slots=True)
class PhaseMemory:
    """What is remembered of an EVSE's phases; `wanted` None where nothing was decided yet."""

    wanted: int | None = None
    switched_at: datetime | None = None
    up_since: datetime | None = None  # surplus enough for three phases, without a break
    down_since: datetime | None = None  # surplus too low for three phases, without a break
    day: str | None = None  # local date of `count`
    count: int = 0
    refused: bool = False  # was told one phase and went on with more


@dataclass(frozen=True, slots=True)
class PhaseChoice:
    """What the choice between one phase and three depends on, in W.

    `three_w` is the least that three phases take, `one_w` the most that one can; `bridged` says that
    a battery makes up for what lies between the two, so that no surplus is out of reach. `charging` is False
    for a car that is about to start.
    """

    surplus_w: float
    three_w: float
    one_w: float
    bridged: bool
    charging: bool


def choose(memory: PhaseMemory, choice: PhaseChoice, config: SolarConfig, *, zone: str, now: datetime) -> PhaseMemory:
    """Return the memory with the number of phases wanted now.

    A car that is about to start begins with what fits. One that charges is switched after
    `phases_up_s` of enough or `phases_down_s` of too little surplus, at most each `phases_hold_s` and
    `phase_switches_per_day` times; where the day's switches are used up, it stays as it is.
    """
    memory = _of_today(memory, zone, now)
    enough = choice.surplus_w >= (min(choice.three_w, choice.one_w) if choice.bridged else choice.three_w)
    fits = 3 if enough else 1
    memory = replace(
        memory,
        up_since=(memory.up_since or now) if enough else None,
        down_since=None if enough else (memory.down_since or now),
    )
    if memory.wanted in {None, fits}:
        return replace(memory, wanted=fits)
    if memory.count >= config.phase_switches_per_day:
        return memory
    if not choice.charging:
        return replace(memory, wanted=fits, switched_at=now, count=memory.count + 1)
    since, delay_s = (memory.up_since, config.phases_up_s) if enough else (memory.down_since, config.phases_down_s)
    waited = since is not None and elapsed_s(since, now) >= delay_s
    rested = memory.switched_at is None or elapsed_s(memory.switched_at, now) >= config.phases_hold_s
    if not (waited and rested):
        return memory
    return replace(memory, wanted=fits, switched_at=now, count=memory.count + 1)


def force(memory: PhaseMemory, phases: int, *, zone: str, now: datetime) -> PhaseMemory:
    """Return the memory with this number wanted at once: for modes that take all they can get."""
    memory = _of_today(memory, zone, now)
    if memory.wanted in {None, phases}:
        return replace(memory, wanted=phases)
    return replace(memory, wanted=phases, switched_at=now, count=memory.count + 1, up_since=None, down_since=None)


def used_up(memory: PhaseMemory, config: SolarConfig, *, zone: str, now: datetime) -> bool:
    """Return whether there are no more switches today."""
    return _of_today(memory, zone, now).count >= config.phase_switches_per_day


def _of_today(memory: PhaseMemory, zone: str, now: datetime) -> PhaseMemory:
    today = now.astimezone(ZoneInfo(zone)).date().isoformat()
    return memory if memory.day == today else replace(memory, day=today, count=0)
