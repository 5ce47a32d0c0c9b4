"""The room's front door: events of all sources and what is measured go in, limits and all that is told of them come out.

`step` is a pure function of configuration, state, events and time. Call it with each event, and at `next_at`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ..limit import Limit, LimitSource, LimitUnit
from ..model import EvseKey
from . import source_state, uk_rules, verification as checks
from .announcement import AnnouncedWindow, announced
from .changes import Change, changes_between
from .export_limit import ExportDemand, export_demand
from .merge import Demand, Direction, GridConnection, PriceLevel, full_value, merge, price_level
from .proof_pace import LoggedLimit, ProofRow, next_row, paced
from .release_ramp import STEP_S, ReleaseRamp, held_back, not_ahead, release
from .section_14a import ControllableDevice, MinimumPower, minimum_power, reserved_w
from .signal import SignalScope
from .source import SourceConfig, SourceEvent
from .source_loss import lost_since
from .source_memory import SourceMemory
from .source_state import SourceRefusal
from .uk_rules import UkMemory, UkRules, UkVerdict
from .verification import EvseAction, Measured, Verification


@dataclass(frozen=True, slots=True)
class GridConfig:
    """What was configured: the connection, controllable devices, sources, and EVSEs under the UK's rules.

    `stations` are the ids of the chargers that the site has, None where nobody told: what is for another binds nobody.
    ValueError where two sources share an id.
    """

    connection: GridConnection
    sources: tuple[SourceConfig, ...] = ()
    devices: tuple[ControllableDevice, ...] = ()
    uk: UkRules | None = None
    uk_evses: tuple[EvseKey, ...] = ()
    stations: frozenset[str] | None = None

    def __post_init__(self) -> None:
        """Refuse sources that can't be told apart."""
        if len({one.source_id for one in self.sources}) != len(self.sources):
            raise ValueError("two sources have the same id")

    def is_gone(self, evse: EvseKey | None) -> bool:
        """Return whether an EVSE is of a charger that the site does not have, or has no more."""
        return evse is not None and self.stations is not None and evse.station_id not in self.stations


@dataclass(frozen=True, slots=True)
class Held:
    """A limit that holds: its value now in its target's unit, the demand behind it, and the ramp of its return.

    `asked` is False while only the ramp of a demand that has ended holds it.
    """

    demand: Demand
    value: float
    asked: bool = True
    ramp: ReleaseRamp | None = None

    def value_w(self, connection: GridConnection) -> float:
        """Return what it comes to in W over all phases."""
        watts = self.demand.target.unit is LimitUnit.WATT
        return self.value if watts else connection.watts(self.value, self.demand.target.evse)


@dataclass(frozen=True, slots=True)
class GridState:
    """All that outlives a restart; `held` and `logged` go by the names of targets.

    A new one lets fail-safes hold until sources are heard.
    """

    sources: Mapping[str, SourceMemory] = field(default_factory=dict)
    held: Mapping[str, Held] = field(default_factory=dict)
    uk: UkMemory | None = None
    verification: Verification = field(default_factory=Verification)
    logged: Mapping[str, LoggedLimit] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """Something that a source said and that changed nothing; the source is None where nobody knows it."""

    event: SourceEvent
    reason: SourceRefusal | None


@dataclass(frozen=True, slots=True)
class GridDecision:
    """What holds now.

    `limits` are all that control is to know of, in place of those before. `binding` is the tightest on import that is asked
    for, and what only returns where nothing is; `binding_w` is the least W of all on import, returning ones too.
    Of the changes `rows` are what the proof log gets now, of this step and of those before, and `unlogged` what it gets
    later, summed up. `lost` are lost sources with since when. `next_at` is when to ask again at the latest, None where nothing is due.
    """

    at: datetime
    limits: tuple[Limit, ...]
    held: tuple[Held, ...]
    binding: Held | None
    binding_w: float | None
    export: ExportDemand | None
    price_level: PriceLevel | None
    minimum: MinimumPower | None
    windows: tuple[AnnouncedWindow, ...]
    changes: tuple[Change, ...]
    rows: tuple[ProofRow, ...]
    unlogged: tuple[Change, ...]
    actions: tuple[EvseAction, ...]
    verification: Verification
    uk: Mapping[EvseKey, UkVerdict]
    lost: Mapping[str, datetime]
    refused: tuple[RefusedEvent, ...]
    next_at: datetime | None


def resume(config: GridConfig, state: GridState, now: datetime) -> GridState:
    """Return the state after a restart; call it once, before the first `step`.

    Sources that are gone are forgotten. Chargers are checked anew: they may be at what they fall back to.
    """
    kept = {
        one.source_id: source_state.resume(one, state.sources[one.source_id], now)
        for one in config.sources
        if one.source_id in state.sources
    }
    verification = state.verification
    if verification.signal_at is not None:
        verification = checks.begin(verification, now)
    return replace(state, sources=kept, verification=verification)


def without_memory(config: GridConfig, now: datetime) -> GridState:
    """Return the state where what was kept can't be read: all binding fail-safes hold until sources are heard."""
    return GridState({one.source_id: source_state.distrusted(one, now) for one in config.sources})


def with_seed(state: GridState, seed: int) -> GridState:
    """Return the state with a seed for the UK's random delays, where it has none; without one their rules don't hold."""
    return state if state.uk is not None else replace(state, uk=UkMemory(seed))


def step(
    config: GridConfig,
    state: GridState,
    events: Sequence[SourceEvent],
    now: datetime,
    measured: Measured | None = None,
) -> tuple[GridState, GridDecision]:
    """Take events in their order, let time pass, and return what holds."""
    measured = measured or Measured()
    sources, refused = _take(config, state, events, now)
    minimum = minimum_power(config.devices)
    claims = [
        claim
        for one in config.sources
        for claim in source_state.claims(one, sources[one.source_id], minimum, now)
        if not config.is_gone(claim.signal.evse)
    ]
    demands = merge(claims, config.connection, now)
    held = _hold(config, state.held, demands, now)
    verification, actions = _verify(state, held, measured, now)
    uk = None if state.uk is None else uk_rules.forget_past(state.uk, now)
    verdicts = _uk_verdicts(config, uk, now)
    changes = changes_between(_asked(state.held), _asked(held), now)
    proof = paced(state.logged, changes, _asked(held), now)
    after = GridState(sources, held, uk, verification, proof.logged)
    binding, binding_w = _binding(config, held)
    return after, GridDecision(
        at=now,
        limits=_limits(config, held, verification, verdicts, measured),
        held=tuple(held.values()),
        binding=binding,
        binding_w=binding_w,
        export=export_demand(
            tuple(replace(one.demand, value_w=one.value_w(config.connection)) for one in held.values())
        ),
        price_level=price_level(claims, now),
        minimum=minimum,
        windows=announced(claims, now),
        changes=changes,
        rows=proof.rows,
        unlogged=proof.unlogged,
        actions=actions,
        verification=verification,
        uk=verdicts,
        lost=lost_sources(config, after, now),
        refused=refused,
        next_at=_next_at(config, after, verdicts, now),
    )


def _take(
    config: GridConfig, state: GridState, events: Iterable[SourceEvent], now: datetime
) -> tuple[dict[str, SourceMemory], tuple[RefusedEvent, ...]]:
    known = {one.source_id: one for one in config.sources}
    sources = {name: state.sources.get(name, SourceMemory()) for name in known}
    refused = []
    for event in events:
        source = known.get(event.source_id)
        if source is None:
            refused.append(RefusedEvent(event, None))
            continue
        sources[event.source_id], reason = source_state.take(source, sources[event.source_id], event)
        if reason is not None:
            refused.append(RefusedEvent(event, reason))
    passed = {name: source_state.pass_time(known[name], memory, now) for name, memory in sources.items()}
    return passed, tuple(refused)


def _hold(config: GridConfig, before: Mapping[str, Held], demands: Sequence[Demand], now: datetime) -> dict[str, Held]:
    """Return the limits that hold: what is asked for, at once where it is tighter, along a ramp where it is not.

    To a charger that is gone no power returns.
    """
    before = {name: one for name, one in before.items() if not config.is_gone(one.demand.target.evse)}
    asked = {str(one.target): one for one in demands}
    controllable_w = sum(one.rated_w for one in config.devices)
    held = {}
    for name in sorted({*before, *asked}):
        demand, former = asked.get(name), before.get(name)
        known = demand if demand is not None else before[name].demand
        full = full_value(known.target, config.connection, controllable_w)
        one = _follow(former, demand, full, now)
        if one is not None:
            held[name] = one
    return held


def _follow(former: Held | None, demand: Demand | None, full: float, now: datetime) -> Held | None:
    ramp = None if former is None else not_ahead(former.ramp, now)
    target = None if demand is None else demand.value
    if former is not None and ramp is None and (target is None or target > former.value):
        ramp = release(
            former.value,
            target,
            full,
            now=now,
            length_s=former.demand.release_s,
            source_id=former.demand.source_id,
        )
    value = held_back(target, ramp, now)
    if value is None:
        return None
    if ramp is not None and target is not None and value >= target:
        ramp = None
    if demand is not None:
        return Held(demand, value, True, ramp)
    return None if former is None else Held(former.demand, value, False, ramp)


def _asked(held: Mapping[str, Held]) -> dict[str, Demand]:
    return {name: one.demand for name, one in held.items() if one.asked}


def _verify(
    state: GridState, held: Mapping[str, Held], measured: Measured, now: datetime
) -> tuple[Verification, tuple[EvseAction, ...]]:
    """Check what chargers do while something is asked of them; a new or tighter demand starts the checks anew.

    So does a clock that was set back.
    """
    before, after = _imports(state.held), _imports(held)
    verification = state.verification
    if not after:
        return checks.end(verification), ()
    tighter = any(name not in before or one.value < before[name].value for name, one in after.items())
    if tighter or verification.signal_at is None or checks.was_set_back(verification, now):
        verification = checks.begin(verification, now)
    return checks.check(verification, measured, now)


def _imports(held: Mapping[str, Held]) -> dict[str, Demand]:
    return {name: one for name, one in _asked(held).items() if one.target.direction is Direction.IMPORT}


def _uk_verdicts(config: GridConfig, memory: UkMemory | None, now: datetime) -> dict[EvseKey, UkVerdict]:
    if config.uk is None or memory is None:
        return {}
    return {evse: uk_rules.verdict(config.uk, memory, evse, now) for evse in config.uk_evses}


def _binding(config: GridConfig, held: Mapping[str, Held]) -> tuple[Held | None, float | None]:
    """Return what is told of limits on import, and the least W of all.

    Of what is asked for the tightest is told, also while less may be drawn because power still returns from another
    limit: else a limit that has ended would seem to be what is asked for.
    """
    imports = [one for one in held.values() if one.demand.target.direction is Direction.IMPORT]
    told = [one for one in imports if one.asked] or imports
    tightest = min(told, key=lambda one: (one.value_w(config.connection), str(one.demand.target)), default=None)
    return tightest, min((one.value_w(config.connection) for one in imports), default=None)


def _limits(
    config: GridConfig,
    held: Mapping[str, Held],
    verification: Verification,
    verdicts: Mapping[EvseKey, UkVerdict],
    measured: Measured,
) -> tuple[Limit, ...]:
    """Return what control has to keep to: the held limits on import, chargers taken down, and hours without charging."""
    limits = [
        _limit(config, name, one, measured)
        for name, one in held.items()
        if one.demand.target.direction is Direction.IMPORT
    ]
    limits += [
        Limit(f"grid/check/{evse}", LimitSource.GRID_SIGNAL, watts, LimitUnit.WATT, evse=evse)
        for evse, watts in checks.held_w(verification).items()
    ]
    limits += [
        Limit(
            f"grid/uk/{evse}",
            LimitSource.GRID_SIGNAL,
            0.0,
            LimitUnit.AMPERE,
            evse=evse,
            params={"reason": verdict.reason.value},
        )
        for evse, verdict in verdicts.items()
        if not verdict.may_charge
    ]
    return tuple(limits)


def _limit(config: GridConfig, name: str, held: Held, measured: Measured) -> Limit:
    """Return a held limit for control; what devices take that are led elsewhere is not left to chargers."""
    target, value = held.demand.target, held.value
    controllable = target.scope is SignalScope.CONTROLLABLE
    if controllable and target.unit is LimitUnit.WATT:
        value -= reserved_w(value, config.devices, measured.others_w)
    return Limit(
        f"grid/{name}",
        LimitSource.GRID_SIGNAL,
        value,
        target.unit,
        evse=target.evse,
        controllable_only=controllable,
        own_power=target.own_power,
        params={"signal": held.demand.source_id, "limit": held.value},
    )


def lost_sources(config: GridConfig, state: GridState, now: datetime) -> dict[str, datetime]:
    """Return which sources are lost by a state that a step or `resume` made, and since when."""
    found = {}
    for one in config.sources:
        since = lost_since(one, state.sources.get(one.source_id, SourceMemory()), now)
        if since is not None:
            found[one.source_id] = since
    return found


def _next_at(
    config: GridConfig, state: GridState, verdicts: Mapping[EvseKey, UkVerdict], now: datetime
) -> datetime | None:
    moments = [source_state.next_change(one, state.sources[one.source_id], now) for one in config.sources]
    moments += [verdict.until for verdict in verdicts.values()]
    moments += [min(now + timedelta(seconds=STEP_S), one.ramp.ends_at) for one in state.held.values() if one.ramp]
    moments += [checks.next_check(state.verification), next_row(state.logged)]
    return min((at for at in moments if at is not None and at > now), default=None)
