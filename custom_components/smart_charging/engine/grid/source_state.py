"""What a source demands now, by what is remembered of it: its last word, its fail-safe, or nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
import math

from ..limit import OwnPower
from . import lpc
from .four_contacts import Contact, dims, feed_in_percent
from .lpc import LpcPhase
from .section_14a import MINIMUM_W, MinimumPower, not_below_minimum
from .signal import GridSignal, SignalKind, SignalScope, SignalUnit
from .source import (
    MOST_SIGNALS,
    TELLS,
    BrokerMessage,
    ContactSeen,
    HeartbeatSeen,
    InputKind,
    LimitStated,
    LostPolicy,
    NumberSeen,
    SignalAdded,
    SignalsCleared,
    SignalsRemembered,
    SignalsStated,
    SourceConfig,
    SourceEvent,
    SourceHeard,
    SourceReachable,
    SourceUnavailable,
)
from .source_loss import gone_at, losing, lost_since, missed_at, never_heard
from .source_memory import DISTRUST, ContactMemory, SourceMemory, still_true


class ClaimReason(StrEnum):
    """Why a demand holds."""

    STATED = "stated"
    HELD = "held"  # the source is lost, its last word holds
    FAILSAFE = "failsafe"


class SourceRefusal(StrEnum):
    """Why something that a source said was not taken."""

    WRONG_INPUT = "wrong_input"  # nothing that this kind of source can say
    NO_CONTACT = "no_contact"  # a control box names one that is wired, a single contact is none of these
    FOREIGN = "foreign"  # a signal of another source
    NOT_A_NUMBER = "not_a_number"
    NEGATIVE = "negative"
    NO_DURATION = "no_duration"
    TOO_MANY = "too_many"  # no signal more can be announced before one has ended


@dataclass(frozen=True, slots=True)
class Claim:
    """A signal with why it holds and how: what own power counts, and how long a return takes afterwards."""

    signal: GridSignal
    why: ClaimReason = ClaimReason.STATED
    own_power: OwnPower = OwnPower.NOT_COUNTED
    release_s: float = 0.0


def resume(config: SourceConfig, memory: SourceMemory, now: datetime) -> SourceMemory:
    """Return the memory after a restart: the last word counts until the source is heard or lost.

    One that was lost already stays so until it is heard. Of starts without a word in between the time counts on from the
    first.
    """
    memory = still_true(config, memory, now)
    machine = None if config.lpc is None or memory.lpc is None else lpc.resume(memory.lpc, config.lpc, now)
    return replace(memory, awaited_since=memory.awaited_since or now, unavailable_since=None, lpc=machine)


def distrusted(config: SourceConfig, now: datetime) -> SourceMemory:
    """Return the memory of a source where what was kept of it can't be read."""
    return SourceMemory(distrusted_until=now + DISTRUST if config.binding else None)


def take(config: SourceConfig, memory: SourceMemory, event: SourceEvent) -> tuple[SourceMemory, SourceRefusal | None]:
    """Return the memory after something was told, or the same one and why it was refused."""
    if isinstance(event, SourceUnavailable):
        since = memory.unavailable_since or event.at
        return replace(memory, unavailable_since=since), None
    if isinstance(event, SourceReachable):
        return replace(memory, unavailable_since=None, gone_since=None), None
    if not isinstance(event, (*TELLS[config.input], SourceHeard)):
        return memory, SourceRefusal.WRONG_INPUT
    if isinstance(event, SignalsRemembered):
        return _recall(config, memory, event)
    told, refusal = _told(config, memory, event)
    if refusal is not None:
        return memory, refusal
    return _heard(told, event.at) if _lives(event) else told, None


def pass_time(config: SourceConfig, memory: SourceMemory, now: datetime) -> SourceMemory:
    """Return the memory as time alone makes it, also where the clock was set back."""
    memory = still_true(config, memory, now)
    if config.input is InputKind.STANDING and memory.heard_at is None:
        memory = replace(memory, heard_at=now)
    kept = tuple(one for one in memory.signals if not _over(one, now))
    if len(kept) != len(memory.signals):
        memory = replace(memory, signals=kept)
    if config.lpc is None:
        return losing(config, memory, now)
    return replace(memory, lpc=lpc.pass_time(memory.lpc or lpc.begin(now), config.lpc, now))


def claims(
    config: SourceConfig, memory: SourceMemory, minimum: MinimumPower | None, now: datetime
) -> tuple[Claim, ...]:
    """Return what a source demands now and has announced; `minimum` is the legal one of this connection."""
    signals, why = _said(config, memory, minimum, now), ClaimReason.STATED
    announced = tuple[GridSignal, ...]()
    if config.input is InputKind.EEBUS:
        if memory.lpc is None or memory.lpc.phase in {LpcPhase.INIT, LpcPhase.FAILSAFE}:
            why = ClaimReason.FAILSAFE
    elif lost_since(config, memory, now) is not None:
        if config.lost_policy is LostPolicy.RELEASE:
            return ()
        why = ClaimReason.HELD
        if config.lost_policy is LostPolicy.FAILSAFE or never_heard(config, memory):
            signals, why = _failsafe(config, memory, minimum, now), ClaimReason.FAILSAFE
            announced = memory.signals if config.keeps_announced else ()
    told = [*((one, ClaimReason.HELD) for one in announced), *((one, why) for one in signals)]
    return tuple(Claim(one, reason, config.own_power, config.release_s) for one, reason in told)


def next_change(config: SourceConfig, memory: SourceMemory, now: datetime) -> datetime | None:
    """Return when time alone may change what a source demands, None where it never does."""
    moments = [one.seen_at + timedelta(seconds=config.debounce_s) for one in memory.contacts.values()]
    moments += [at for one in memory.signals for at in (one.valid_from, one.valid_until) if at is not None]
    later = [memory.distrusted_until]
    if config.lpc is None:
        later += [missed_at(config, memory), gone_at(config, memory)]
    elif memory.lpc is not None:
        later.append(lpc.next_change(memory.lpc, config.lpc))
    moments += [at for at in later if at is not None]
    return min((at for at in moments if at > now), default=None)


def _told(config: SourceConfig, memory: SourceMemory, event: SourceEvent) -> tuple[SourceMemory, SourceRefusal | None]:
    match event:
        case ContactSeen():
            return _see_contact(config, memory, event)
        case NumberSeen():
            return _see_number(config, memory, event)
        case HeartbeatSeen() | LimitStated():
            return _drive_machine(config, memory, event)
        case SignalsStated() | SignalAdded():
            return _take_signals(config, memory, event)
        case SignalsCleared():
            return replace(memory, signals=tuple(one for one in memory.signals if not event.covers(one))), None
        case BrokerMessage():
            return _take_from_broker(config, memory, event)
        case _:
            return memory, None


def _see_contact(
    config: SourceConfig, memory: SourceMemory, event: ContactSeen
) -> tuple[SourceMemory, SourceRefusal | None]:
    if (config.input is InputKind.CONTROL_BOX) != (event.contact is not None):
        return memory, SourceRefusal.NO_CONTACT
    name = "" if event.contact is None else event.contact.value
    if name not in config.wired:
        return memory, SourceRefusal.NO_CONTACT
    closed, known = event.closed != config.inverted, memory.contacts.get(name)
    if known is None:
        seen = ContactMemory(closed, event.at - timedelta(seconds=config.debounce_s), closed)
    elif known.seen == closed:
        return memory, None
    else:
        seen = ContactMemory(closed, event.at, known.closed(config.debounce_s, event.at))
    return replace(memory, contacts={**memory.contacts, name: seen}), None


def _see_number(
    config: SourceConfig, memory: SourceMemory, event: NumberSeen
) -> tuple[SourceMemory, SourceRefusal | None]:
    value = event.value * config.factor
    if not math.isfinite(value):
        return memory, SourceRefusal.NOT_A_NUMBER
    if value < 0:
        return memory, SourceRefusal.NEGATIVE
    if config.no_limit_from is not None and value >= config.no_limit_from:
        return replace(memory, signals=()), None
    return replace(memory, signals=(_signal(config, event.at, value, str(event.value)),)), None


def _drive_machine(
    config: SourceConfig, memory: SourceMemory, event: HeartbeatSeen | LimitStated
) -> tuple[SourceMemory, SourceRefusal | None]:
    assert config.lpc is not None  # `TELLS` lets only a bridge to EEBus come here, and that has one
    machine = memory.lpc or lpc.begin(event.at)
    if isinstance(event, HeartbeatSeen):
        return replace(memory, lpc=lpc.heartbeat(machine, config.lpc, event.at)), None
    machine, refusal = lpc.state_limit(
        machine,
        config.lpc,
        event.at,
        value_w=event.value_w,
        active=event.active,
        duration=event.duration,
        duration_told=event.duration_told,
    )
    reasons = {
        lpc.LpcRefusal.NEGATIVE: SourceRefusal.NEGATIVE,
        lpc.LpcRefusal.NO_NUMBER: SourceRefusal.NOT_A_NUMBER,
        lpc.LpcRefusal.NO_DURATION: SourceRefusal.NO_DURATION,
    }
    return replace(memory, lpc=machine), None if refusal is None else reasons[refusal]


def _take_signals(
    config: SourceConfig, memory: SourceMemory, event: SignalsStated | SignalAdded
) -> tuple[SourceMemory, SourceRefusal | None]:
    told = (event.signal,) if isinstance(event, SignalAdded) else (*event.signals, *(event.failsafe or ()))
    if any(one.source_id != config.source_id for one in told):
        return memory, SourceRefusal.FOREIGN
    if isinstance(event, SignalsStated):
        failsafe = memory.failsafe if event.failsafe is None else event.failsafe
        return replace(memory, signals=event.signals, failsafe=failsafe), None
    if _over(event.signal, event.at):
        return memory, None  # as one that comes late: it ends nothing that holds
    kept = [one for one in memory.signals if _place(one) != _place(event.signal) and not _over(one, event.at)]
    announced = sum(one.valid_from is not None for one in kept)  # of the others there is one for each place
    if event.signal.valid_from is not None and announced >= MOST_SIGNALS:
        return memory, SourceRefusal.TOO_MANY
    return replace(memory, signals=(*kept, event.signal)), None


def _take_from_broker(
    config: SourceConfig, memory: SourceMemory, event: BrokerMessage
) -> tuple[SourceMemory, SourceRefusal | None]:
    """Take a message, but for one that its broker only hands out again, as it does whenever the connection was lost."""
    if event.retained and event.digest == memory.retained:
        return memory, None
    told, refusal = _told(config, memory, event.says)
    return replace(told, retained=event.digest), refusal


def _lives(event: SourceEvent) -> bool:
    """Return whether something that was told is a sign of life."""
    match event:
        case BrokerMessage():
            return not event.retained
        case ContactSeen():
            return not event.alone
        case _:
            return True


def _heard(memory: SourceMemory, at: datetime) -> SourceMemory:
    return replace(
        memory,
        heard_at=at,
        awaited_since=None,
        unavailable_since=None,
        missed_since=None,
        gone_since=None,
        distrusted_until=None,
    )


def _recall(
    config: SourceConfig, memory: SourceMemory, event: SignalsRemembered
) -> tuple[SourceMemory, SourceRefusal | None]:
    """Return the memory with what is remembered elsewhere: nothing that holds ends by a word that is older or cut."""
    if any(one.source_id != config.source_id for one in (*event.signals, *event.failsafe)):
        return memory, SourceRefusal.FOREIGN
    known = replace(memory, awaited_since=None)  # it is as old as it is, and lost by that
    if memory.heard_at is not None and (
        event.at < memory.heard_at or (event.at == memory.heard_at and not event.complete)
    ):
        return known, None
    if event.complete:
        told = replace(known, signals=event.signals, failsafe=event.failsafe, distrusted_until=None)
    else:
        both = tuple(dict.fromkeys((*memory.signals, *event.signals)))
        told = replace(known, signals=both, failsafe=event.failsafe or memory.failsafe)
    missed_since = None if memory.missed_since is None or event.at >= memory.missed_since else memory.missed_since
    return replace(told, heard_at=event.at, missed_since=missed_since), None


def _place(signal: GridSignal) -> tuple[object, ...]:
    return signal.kind, signal.scope, signal.evse, signal.valid_from


def _over(signal: GridSignal, now: datetime) -> bool:
    return signal.valid_until is not None and now >= signal.valid_until


def _said(
    config: SourceConfig, memory: SourceMemory, minimum: MinimumPower | None, now: datetime
) -> Iterator[GridSignal]:
    """Yield a source's last word."""
    closed = {name for name, one in memory.contacts.items() if one.closed(config.debounce_s, now)}
    since = max((one.seen_at for one in memory.contacts.values()), default=now)
    if config.input is InputKind.STANDING:
        yield _dimmed(config, minimum, memory.heard_at or now, "")
    elif config.input is InputKind.CONTACT and closed:
        yield _dimmed(config, minimum, since, "closed")
    elif config.input is InputKind.CONTROL_BOX:
        contacts = {Contact(name) for name in closed}
        raw = ",".join(sorted(closed))
        if dims(contacts):
            yield _dimmed(config, minimum, since, raw)
        if (percent := feed_in_percent(contacts)) is not None:
            yield _feed_in(config, percent, since, raw)
    elif config.lpc is not None:
        yield from _of_machine(config, memory, now)
    yield from memory.signals


def _of_machine(config: SourceConfig, memory: SourceMemory, now: datetime) -> Iterator[GridSignal]:
    assert config.lpc is not None  # asked for by the only caller
    machine = memory.lpc or lpc.begin(now)
    limit_w = lpc.demanded_w(machine, config.lpc, now)
    if limit_w is None:
        return
    stated = machine.limit
    until = None if stated is None or machine.phase is not LpcPhase.LIMITED else stated.until
    kind = SignalKind.EXPORT_LIMIT if config.lpc.direction is lpc.LpcDirection.PRODUCTION else config.kind
    scope = SignalScope.SITE if kind is SignalKind.EXPORT_LIMIT else config.scope
    yield GridSignal(
        source_id=config.source_id,
        kind=kind,
        received_at=machine.since,
        value=limit_w,
        scope=scope,
        evse=config.evse,
        valid_until=until,
        binding=config.binding,
        raw="" if stated is None else str(stated.value_w),
    )


def _failsafe(
    config: SourceConfig, memory: SourceMemory, minimum: MinimumPower | None, now: datetime
) -> Iterator[GridSignal]:
    """Yield what holds while a source is lost: as it said itself, else as configured, else the legal minimum."""
    since = lost_since(config, memory, now) or now
    if memory.failsafe:
        yield from (replace(one, valid_from=None, valid_until=None) for one in memory.failsafe)
    elif config.failsafe is not None:
        yield _signal(config, since, config.failsafe, "")
    elif config.has_legal_value or config.value is not None:
        yield _dimmed(config, minimum, since, "")
    if config.input is InputKind.CONTROL_BOX:
        yield _feed_in(config, config.failsafe_feed_in_percent, since, "")


def _dimmed(config: SourceConfig, minimum: MinimumPower | None, since: datetime, raw: str) -> GridSignal:
    """Return what a contact asks for: never less than the legal minimum, which is its limit where it names none."""
    if config.kind is SignalKind.BLOCK:
        return _signal(config, since, None, raw)
    if not config.has_legal_value:
        return _signal(config, since, config.value, raw)
    if config.scope is SignalScope.DEVICE or minimum is None:
        return _signal(config, since, max(config.value or 0.0, MINIMUM_W), raw)
    return _signal(config, since, not_below_minimum(config.value or 0.0, minimum), raw)


def _signal(config: SourceConfig, at: datetime, value: float | None, raw: str) -> GridSignal:
    block = value is None
    return GridSignal(
        source_id=config.source_id,
        kind=config.kind if block or config.kind is not SignalKind.BLOCK else SignalKind.IMPORT_LIMIT,
        received_at=at,
        value=value,
        unit=config.unit,
        scope=config.scope,
        evse=config.evse,
        binding=config.binding,
        raw=raw,
    )


def _feed_in(config: SourceConfig, percent: float, at: datetime, raw: str) -> GridSignal:
    return GridSignal(
        source_id=config.source_id,
        kind=SignalKind.EXPORT_LIMIT,
        received_at=at,
        value=percent,
        unit=SignalUnit.PERCENT,
        binding=config.binding,
        raw=raw,
    )
