"""The decision of a cycle: from what is measured and wanted to one setpoint with a reason for each EVSE."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ..config import PhaseSwitching
from ..limit import ROOT_CIRCUIT, LimitSource
from ..model import EvseKey, MeterQuality, Phases, Reason, ReasonCode, Setpoint
from . import peak
from .admission import admission_order, count_turn, turn_is_over
from .batteries import lead_batteries
from .battery import BatteryMemory
from .circuits import Circuit
from .desire import CEILING_REASONS, Ceiling, Desire, ceiling, desired
from .feed_in import limit_feed_in
from .giving import give_back
from .house import ACTIVE_A, TRUSTED, measured_on_grid, remember
from .limit_rows import current_limit, fuse_limit, power_limit
from .observation import comes_last, keep_former_draw, observe
from .pacing import RECOVERY_S, SHORT_RECOVERY_S, pace
from .reasons import explain, lost_circuit, not_authorised, on_the_way
from .room import has_room_to_rest, hold_raises
from .sharing import Shared, keep_balance, share_out
from .situation import Situation, situation as take_in
from .snapshot import BoundBy, CircuitMemory, CircuitState, ControlState, Decision, EvseControl, EvseSnapshot, Snapshot
from .surplus_charging import Admitted, admit_solar, measure_surplus, phases_drawn, settle_phases

WISHED = frozenset({LimitSource.SURPLUS, LimitSource.PEAK})  # nothing trips where these are exceeded for a moment
RAISED_WITH = frozenset({MeterQuality.FRESH, MeterQuality.ABSENT, MeterQuality.LOST})


def decide(
    snapshot: Snapshot, state: ControlState, now: datetime, *, may_raise: bool = True
) -> tuple[Decision, ControlState]:
    """Return this moment's decision and the state for the next one.

    With `may_raise` False setpoints can only fall: what the guard asks between two full decisions.
    """
    controls = _observe(snapshot, state, now)
    basis = take_in(_as_wired(snapshot, controls), replace(state, evses=controls), now, may_raise=may_raise)
    evses = basis.snapshot.evses
    controls = {evse.key: settle_phases(basis, evse, controls[evse.key]) for evse in evses}
    order = admission_order(snapshot.site, evses, controls, now)
    wishes = _desires(basis, order, controls)
    admitted = admit_solar(basis, order, controls, wishes, measure_surplus(basis, state))
    desires = _desires(basis, order, admitted.controls)
    shared = share_out(basis, order, desires, admitted.controls, admitted.surplus)
    controls, setpoints = _set(basis, order, desires, shared, admitted, may_raise=may_raise)
    controls, setpoints = _balance(basis, order, desires, shared, controls, setpoints)
    controls, setpoints = give_back(basis, order, controls, setpoints, may_raise=may_raise)
    feed_in = limit_feed_in(basis, state.feed_in, may_raise=may_raise)
    batteries, battery_memory = lead_batteries(basis, desires, setpoints, shared, state, feed_in)
    circuits = _circuits(basis, setpoints, shared)
    decision = Decision(
        at=now,
        setpoints=setpoints,
        house_a=basis.loads[ROOT_CIRCUIT].own_a,
        headroom_a=fuse_limit(snapshot.site) - circuits[ROOT_CIRCUIT].load_a,
        surplus_w=None if admitted.surplus is None else admitted.surplus.now_w,
        bounds={evse.key: _bound(basis, evse, desires[evse.key], shared) for evse in evses},
        phases_in_use={evse.key: shared.used[evse.key] for evse in evses if evse.plugged},
        circuits=circuits,
        batteries=batteries,
        allowed_peak_w=_allowed_peak(basis),
        pv=feed_in.pv,
    )
    after = _next_state(basis, state, admitted, controls, battery_memory, may_raise=may_raise)
    return decision, replace(after, feed_in=feed_in.memory)


def _observe(snapshot: Snapshot, state: ControlState, now: datetime) -> dict[EvseKey, EvseControl]:
    grid = snapshot.grid
    grid_a = grid.current_a if grid.quality is MeterQuality.FRESH else None
    drawn = {evse.key: measured_on_grid(snapshot.site, evse) for evse in snapshot.evses}
    total = sum(drawn.values(), Phases())
    controls = {
        evse.key: observe(evse, state.evses.get(evse.key, EvseControl()), grid_a, total - drawn[evse.key], now)
        for evse in snapshot.evses
    }
    return {evse.key: keep_former_draw(snapshot.site, evse, controls[evse.key], now) for evse in snapshot.evses}


def _as_wired(snapshot: Snapshot, controls: Mapping[EvseKey, EvseControl]) -> Snapshot:
    """Return the snapshot with each station as it was learnt to be wired and as its contactor connects it."""

    def wired(evse: EvseSnapshot) -> EvseSnapshot:
        control, station = controls[evse.key], evse.station
        if control.conductor.rotation is not None and (control.active_phases or 3) < 3:
            station = replace(station, rotation=control.conductor.rotation)
        if evse.switched_phases == 1 and station.phases > 1:
            station = replace(station, phases=1)
        return evse if station is evse.station else replace(evse, station=station)

    return replace(snapshot, evses=tuple(wired(evse) for evse in snapshot.evses))


def _desires(
    basis: Situation, order: Sequence[EvseSnapshot], controls: Mapping[EvseKey, EvseControl]
) -> dict[EvseKey, Desire]:
    return {
        evse.key: desired(evse, controls[evse.key], basis.quality(evse), _ceiling(basis, evse, controls), basis.now)
        for evse in order
    }


def _ceiling(basis: Situation, evse: EvseSnapshot, controls: Mapping[EvseKey, EvseControl]) -> Ceiling:
    own = basis.evse_limits.get(evse.key, ())
    return ceiling(evse, own, phases_drawn(evse, controls[evse.key]), basis.volts)


def _set(
    basis: Situation,
    order: Sequence[EvseSnapshot],
    desires: Mapping[EvseKey, Desire],
    shared: Shared,
    admitted: Admitted,
    *,
    may_raise: bool,
) -> tuple[dict[EvseKey, EvseControl], dict[EvseKey, Setpoint]]:
    """Return each EVSE's setpoint on the way to its share, with the reason, and its memory after it."""
    controls: dict[EvseKey, EvseControl] = {}
    targets = {evse.key: _target(basis, evse, desires[evse.key], shared) for evse in order}
    for evse in order:
        control = _count_turn(basis, evse, admitted.controls[evse.key], desires[evse.key], targets[evse.key])
        bound = shared.bound(evse.key)
        recovery_s = _recovery(basis, admitted.controls[evse.key], bound, targets[evse.key])
        _, controls[evse.key] = pace(
            evse,
            control,
            targets[evse.key],
            basis.now,
            may_raise=may_raise and basis.quality(evse) in RAISED_WITH,
            recovery_s=recovery_s,
        )
    before = {key: admitted.controls[key].setpoint_a for key in controls}
    paced = {key: control.setpoint_a for key, control in controls.items()}
    setpoints: dict[EvseKey, Setpoint] = {}
    held = hold_raises(basis, shared, order, before, paced)
    for evse in order:
        key, current_a = evse.key, held[evse.key]
        if current_a != paced[key]:
            controls[key] = replace(controls[key], setpoint_a=current_a)
        if (refusal := not_authorised(evse, desires[key])) is not None:
            reason = refusal
        elif current_a < targets[key] and basis.quality(evse) not in RAISED_WITH:
            reason = Reason(ReasonCode.METER_STALE, {"target_a": round(targets[key], 1)})
        elif current_a < targets[key] and key in shared.shares:
            reason = on_the_way(controls[key], targets[key], basis.now)
        else:
            reason = explain(basis, evse, desires[key], shared, admitted)
        setpoints[key] = Setpoint(current_a, reason, _phases_to_set(evse, controls[key]))
    return controls, setpoints


def _recovery(basis: Situation, control: EvseControl, bound: BoundBy | None, target_a: float) -> float:
    """Return for how many seconds a lower target is the most that is safe; 0 where it follows from a wish.

    Who gives way to the next one was not cut: nothing speaks against its next turn.
    """
    gives_way = target_a <= 0 and turn_is_over(basis.snapshot.site, control, basis.now)
    if bound is None or bound.source in WISHED or gives_way:
        return 0.0
    expanded = bound.circuit_id == ROOT_CIRCUIT and basis.expansion.measured_w > 0
    return SHORT_RECOVERY_S if expanded else RECOVERY_S


def _target(basis: Situation, evse: EvseSnapshot, desire: Desire, shared: Shared) -> float:
    """Return where a setpoint is to go: its share, or what an EVSE rests at that takes no part."""
    share = shared.shares.get(evse.key)
    if share is not None:
        return share.current_a
    if not evse.connected or evse.plugged or has_room_to_rest(basis, shared, evse, desire.rest_a):
        return desire.rest_a
    return 0.0


def _balance(
    basis: Situation,
    order: Sequence[EvseSnapshot],
    desires: Mapping[EvseKey, Desire],
    shared: Shared,
    controls: dict[EvseKey, EvseControl],
    setpoints: dict[EvseKey, Setpoint],
) -> tuple[dict[EvseKey, EvseControl], dict[EvseKey, Setpoint]]:
    """Return setpoints that keep the phases close enough while some are still on their way up."""
    wanted = {key: setpoint.current_a for key, setpoint in setpoints.items()}
    for key, share in keep_balance(basis, order, desires, shared, wanted).items():
        reason = Reason(ReasonCode.LIMIT_UNBALANCE, {"limit_a": basis.snapshot.site.unbalance_a or 0.0})
        controls[key] = replace(controls[key], setpoint_a=share.current_a)
        setpoints[key] = replace(setpoints[key], current_a=share.current_a, reason=reason)
    return controls, setpoints


def _count_turn(
    basis: Situation, evse: EvseSnapshot, control: EvseControl, desire: Desire, target_a: float
) -> EvseControl:
    return count_turn(
        basis.snapshot.site,
        control,
        wants=desire.min_a > 0,
        gets=target_a > 0,
        unused=comes_last(evse, control, basis.now),
        now=basis.now,
    )


def _phases_to_set(evse: EvseSnapshot, control: EvseControl) -> int | None:
    """Return the number of phases to tell; a contactor is only switched without load."""
    wanted = control.phases.wanted
    if evse.station.phase_switching is not PhaseSwitching.SWITCH or wanted is None:
        return wanted
    drawing = evse.measured_a is None or max(evse.measured_a) > ACTIVE_A
    idle = control.setpoint_a <= 0 and not drawing and (evse.commanded_a or 0.0) <= 0
    return wanted if idle else evse.switched_phases


def _bound(basis: Situation, evse: EvseSnapshot, desire: Desire, shared: Shared) -> BoundBy:
    bound = shared.bound(evse.key)
    if bound is not None:
        return replace(bound, source=LimitSource.METER_LOST) if lost_circuit(basis, bound) else bound
    if evse.key in shared.shares or desire.reason.code in CEILING_REASONS.values():
        return BoundBy(shared.ceilings[evse.key].source)
    if desire.on_surplus:
        return BoundBy(LimitSource.SURPLUS)
    return BoundBy(LimitSource.METER_LOST if desire.reason.code is ReasonCode.METER_LOST else LimitSource.NONE)


def _carried(basis: Situation, circuit: Circuit, setpoints: Mapping[EvseKey, Setpoint], shared: Shared) -> Phases:
    load = basis.loads[circuit.circuit_id].own_a
    for evse in circuit.evses:
        if evse.plugged:
            load += Phases.spread(setpoints[evse.key].current_a, shared.used[evse.key])
    return load


def _circuits(basis: Situation, setpoints: Mapping[EvseKey, Setpoint], shared: Shared) -> dict[str, CircuitState]:
    """Return every circuit as it stands; a W limit counts as the A it leaves to each phase."""
    states = {}
    for circuit in basis.tree:
        load = _carried(basis, circuit, setpoints, shared)
        limit_a, source = current_limit(circuit, basis.limits)
        headroom, sources = [limit_a - value for value in load], [source] * 3
        phases = 1 if circuit.connection.phases == 1 else 3
        watts = power_limit(circuit, basis.limits)
        if watts is not None:
            left_a = (watts[0] / basis.volts - load.total) / phases
            for phase in range(3):
                if left_a < headroom[phase]:
                    headroom[phase], sources[phase] = left_a, watts[1]
        l1, l2, l3 = sources
        left = Phases(*headroom)
        states[circuit.circuit_id] = CircuitState(load, load + left, left, (l1, l2, l3))
    return states


def _allowed_peak(basis: Situation) -> float | None:
    config = basis.snapshot.site.peak
    if config is None:
        return None
    return peak.allowed_w(basis.peak, config, basis.snapshot.site.time_zone, basis.now)


def _next_state(
    basis: Situation,
    state: ControlState,
    admitted: Admitted,
    controls: Mapping[EvseKey, EvseControl],
    batteries: Mapping[str, BatteryMemory],
    *,
    may_raise: bool,
) -> ControlState:
    surplus = admitted.surplus
    probed = surplus is not None and any(control.probing_since == basis.now for control in controls.values())
    return ControlState(
        evses=controls,
        circuits={
            circuit.circuit_id: remember(
                basis.snapshot.site,
                circuit,
                basis.loads[circuit.circuit_id],
                state.circuits.get(circuit.circuit_id, CircuitMemory()),
                basis.now,
            )
            for circuit in basis.tree
        },
        surplus_w=None if surplus is None else surplus.following_w,
        surplus_slow_w=None if surplus is None else surplus.lasting_w,
        surplus_at=None if surplus is None else basis.now,
        probed_at=basis.now if probed else state.probed_at,
        decided_at=basis.now if may_raise else state.decided_at,
        peak=basis.peak,
        batteries=batteries,
        batteries_w=basis.battery_w,
        mean_own_w=basis.mean_own_w if basis.snapshot.grid.quality in TRUSTED else None,
    )
