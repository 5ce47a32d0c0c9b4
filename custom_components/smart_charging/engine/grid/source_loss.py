"""When a source is lost: it had to speak and did not, or it can't be heard. Until it is heard no restart changes that."""

from dataclasses import replace
from datetime import datetime, timedelta

from .lpc import LpcPhase
from .source import InputKind, SourceConfig
from .source_memory import DISTRUST, SourceMemory


def lost_since(config: SourceConfig, memory: SourceMemory, now: datetime) -> datetime | None:
    """Return since when a source counts as lost after `pass_time`, None where it does not.

    EEBus knows itself what a lost heartbeat means. Messages that need not come can't be missed.
    """
    if config.input is InputKind.EEBUS:
        machine = memory.lpc
        return machine.since if machine is not None and machine.phase is LpcPhase.FAILSAFE else None
    if memory.distrusted_until is not None and now < memory.distrusted_until:
        return memory.distrusted_until - DISTRUST
    return min((at for at in (memory.missed_since, memory.gone_since) if at is not None), default=None)


def never_heard(config: SourceConfig, memory: SourceMemory) -> bool:
    """Return whether nothing is known of a source that must have something to say."""
    return memory.heard_at is None and config.has_to_speak


def losing(config: SourceConfig, memory: SourceMemory, now: datetime) -> SourceMemory:
    """Return the memory of a source that is lost from now on where it is due."""
    missed, gone = missed_at(config, memory), gone_at(config, memory)
    if never_heard(config, memory):
        missed = memory.awaited_since or now
    if memory.missed_since is None and missed is not None and now >= missed:
        memory = replace(memory, missed_since=missed)
    if memory.gone_since is None and gone is not None and now >= gone:
        memory = replace(memory, gone_since=gone)
    return memory


def missed_at(config: SourceConfig, memory: SourceMemory) -> datetime | None:
    """Return when a source is lost unless it speaks before, None where it need not."""
    if memory.heard_at is None or config.silent_s is None:
        return None
    return max(memory.heard_at, memory.awaited_since or memory.heard_at) + timedelta(seconds=config.silent_s)


def gone_at(config: SourceConfig, memory: SourceMemory) -> datetime | None:
    """Return when a source is lost that can't be heard, None where it can be, or was not missed so far."""
    if never_heard(config, memory):
        return None
    is_shown = config.input not in {InputKind.MESSAGES, InputKind.STANDING}  # whenever it can be heard
    away = (memory.unavailable_since, memory.awaited_since if is_shown else None)
    since = min((at for at in away if at is not None), default=None)
    return None if since is None else since + timedelta(seconds=config.grace_s)
