"""A circuit's own load: what its meter shows less what its chargers draw."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ..config import SiteConfig
from ..limit import ROOT_CIRCUIT
from ..model import NOMINAL_VOLTAGE_V, EvseKey, EvseStatus, MeterQuality, Phases
from .circuits import Circuit
from .elapsed import elapsed_s
from .snapshot import (
    ABSENT_METER,
    CircuitMemory,
    ControlState,
    EvseControl,
    EvseSnapshot,
    FormerDraw,
    MeterSnapshot,
    Snapshot,
)
from .wiring import grid_phases

ACTIVE_A = 1.0  # a terminal that carries more is in use
LATE_S = 8.0  # a station that has not taken a lower limit by then is booked at the old one
STEADY_A = 0.1  # less is no change
EXCESS_A = 1.0  # a draw this much above a limit is more than a meter's error
GIVING_SHOWS_S = 20.0  # after this all meters show what a car was told to give
PEAK_MEMORY = timedelta(minutes=15)
PEAK_STEP = timedelta(minutes=1)
TRUSTED = frozenset({MeterQuality.FRESH, MeterQuality.STALE})


@dataclass(frozen=True, slots=True)
class Draw:
    """What an EVSE was seen to draw, and the least and the most of it that meters may show now, A per grid phase.

    `former_a` is the most it drew before its newest limit, where that may still show. `pending_a` is what it may
    go on drawing until it takes a lower limit, `late_a` what of that it should have given back by now.
    """

    seen_a: Phases
    least_a: Phases
    most_a: Phases
    former_a: Phases = field(default_factory=Phases)
    pending_a: Phases = field(default_factory=Phases)
    late_a: Phases = field(default_factory=Phases)


@dataclass(frozen=True, slots=True)
class CircuitLoad:
    """What a circuit carries beside the setpoints that are decided here, A per grid phase.

    `own_a` is everything but chargers, PV counted negative; `uncontrolled_a` what chargers draw or may
    start to draw beyond anything decided. `away_a` is the part of `own_a` that may be of chargers that are away.
    """

    own_a: Phases
    uncontrolled_a: Phases
    quality: MeterQuality
    away_a: Phases = field(default_factory=Phases)


def draws(
    site: SiteConfig, evses: Iterable[EvseSnapshot], controls: Mapping[EvseKey, EvseControl], now: datetime
) -> dict[EvseKey, Draw]:
    """Return the bounds of what each EVSE draws now; `controls` are the memories of the last decision."""
    found = {}
    for evse in evses:
        control = controls.get(evse.key, EvseControl())
        draw = _with_pending(site, evse, draw_bounds(site, evse), control, now)
        draw = _with_former(site, evse, draw, control.former)
        found[evse.key] = _with_giving(site, evse, draw, control, now)
    return found


def draw_bounds(site: SiteConfig, evse: EvseSnapshot) -> Draw:
    """Return the bounds of what an EVSE draws now.

    Between an accepted limit and the first measurement after it, the truth lies between the two.
    """
    measured = measured_on_grid(site, evse)
    if evse.settled or evse.commanded_a is None or not evse.plugged:
        return Draw(measured, measured, measured)
    used = grid_phases(site, evse.station)
    active = tuple(phase for phase in used if measured[phase] > ACTIVE_A) or used
    commanded = Phases.spread(evse.commanded_a, active)
    return Draw(measured, measured.at_most(commanded), measured.at_least(commanded))


def _with_pending(site: SiteConfig, evse: EvseSnapshot, draw: Draw, control: EvseControl, now: datetime) -> Draw:
    """Return the draw with what the EVSE may go on with; what is away or draws freely is booked elsewhere."""
    if not evse.connected or not evse.plugged or draws_freely(site, evse):
        return draw
    pending = draw.most_a
    if evse.commanded_a is not None:
        pending = pending.at_most(Phases.each(evse.commanded_a))
    late = Phases()
    if control.exceeds_since is not None and elapsed_s(control.exceeds_since, now) >= LATE_S:
        late = (pending - Phases.each(control.setpoint_a)).at_least(Phases())
    return replace(draw, pending_a=pending - late, late_a=late)


def measured_on_grid(site: SiteConfig, evse: EvseSnapshot) -> Phases:
    """Return what an EVSE is seen to draw, per grid phase; of an absent station nothing is known.

    Where no car is, none draws: the last measurement of the one that left counts no more.
    """
    if evse.measured_a is None or not evse.connected or evse.status is EvseStatus.AVAILABLE:
        return Phases()
    return _on_grid(site, evse, evse.measured_a)


def draws_freely(site: SiteConfig, evse: EvseSnapshot) -> bool:
    """Return whether a car draws more than a charger's least without its station having taken any limit."""
    if evse.commanded_a is not None or not evse.connected or not evse.plugged:
        return False
    return max(measured_on_grid(site, evse)) > evse.station.min_current_a + ACTIVE_A


def batteries_power(snapshot: Snapshot) -> float:
    """Return what all batteries give now, in W."""
    return sum(one.power_w or 0.0 for one in snapshot.batteries.values() if one.available)


def meter_of(snapshot: Snapshot, circuit_id: str) -> MeterSnapshot:
    """Return a circuit's meter, the grid's for the root; absent where it has none."""
    return snapshot.circuits.get(circuit_id, ABSENT_METER) if circuit_id else snapshot.grid


def circuit_loads(
    snapshot: Snapshot, tree: Iterable[Circuit], draw: Mapping[EvseKey, Draw], state: ControlState
) -> dict[str, CircuitLoad]:
    """Return every circuit's load; `tree` has children before their parents."""
    loads: dict[str, CircuitLoad] = {}
    for circuit in tree:
        meter = meter_of(snapshot, circuit.circuit_id)
        memory = state.circuits.get(circuit.circuit_id, CircuitMemory())
        if circuit.circuit_id == ROOT_CIRCUIT:
            memory = _beside_batteries(snapshot, memory, state)
        own = own_current(circuit, meter, draw, memory)
        if meter.quality is MeterQuality.ABSENT:
            own = sum((loads[child].own_a.at_least(Phases()) for child in circuit.children), own)
        uncontrolled = uncontrolled_current(snapshot.site, circuit, meter, own, draw)
        away = away_current(snapshot.site, circuit) if meter.quality in TRUSTED else Phases()
        loads[circuit.circuit_id] = CircuitLoad(own, uncontrolled, meter.quality, away)
    return loads


def own_current(circuit: Circuit, meter: MeterSnapshot, draw: Mapping[EvseKey, Draw], memory: CircuitMemory) -> Phases:
    """Return a circuit's own current per grid phase as far as its meter tells.

    A change that an in-flight setpoint explains is booked to the charger, the rest to the circuit.
    """
    if meter.quality is MeterQuality.ABSENT:
        return Phases.each(circuit.reserved_a)
    if meter.quality is MeterQuality.LOST or meter.current_a is None:
        return worst_recent(circuit.reserved_a, memory)
    least = sum((draw[evse.key].least_a for evse in circuit.evses), Phases())
    if memory.house_a is None:
        return meter.current_a - least
    return meter.current_a - least - _explained(circuit, draw, (meter.current_a - memory.house_a - least))


def _explained(circuit: Circuit, draw: Mapping[EvseKey, Draw], excess_a: Phases) -> Phases:
    """Return how much of what a meter shows more than before may be cars on their way to new limits.

    A car draws the same on each of its phases: what shows on one of them alone is not the doing of one that
    rises. On the way down the phases of a meter may be read one after the other, the later one still high.
    """
    excess_a = excess_a.at_least(Phases())
    explained = Phases()
    for evse in circuit.evses:
        bounds = draw[evse.key]
        room = bounds.most_a - bounds.least_a
        before = bounds.seen_a.at_least(bounds.former_a)
        if all(most <= amps + STEADY_A for most, amps in zip(bounds.most_a, before, strict=True)):
            explained += room
            continue
        shown = [excess for excess, amps in zip(excess_a, room, strict=True) if amps > 0]
        if shown:
            explained += room.at_most(Phases.each(min(shown)))
    return explained.at_most(excess_a)


def worst_recent(reserved_a: float, memory: CircuitMemory) -> Phases:
    """Return the highest own current per phase of the last minutes, at least what is reserved."""
    worst = Phases.each(reserved_a)
    for _, peak in memory.house_peaks:
        worst = worst.at_least(peak)
    return worst


def uncontrolled_current(
    site: SiteConfig, circuit: Circuit, meter: MeterSnapshot, own_a: Phases, draw: Mapping[EvseKey, Draw]
) -> Phases:
    """Return what stations draw or may start to draw beyond anything decided here.

    A station that draws more than it accepted, or without having accepted anything, is booked at its
    real draw: what was measured of it once it had time to follow, and until then what the
    meter shows. So is one that did not take a lower limit in time. One that is away with a car plugged in rises
    to its safe current by itself once its lease ends.
    """
    excess, commanded, late = Phases(), Phases(), Phases()
    for evse in circuit.evses:
        seen_a, limit = draw[evse.key].seen_a, _limit(site, evse)
        late += draw[evse.key].late_a
        if draws_freely(site, evse):
            excess += seen_a
        elif limit is None:
            commanded += seen_a.at_least(draw[evse.key].former_a)
        elif evse.connected:
            # What is on its way down is no disobedience yet.
            commanded += draw[evse.key].most_a if evse.ramping else limit
            if evse.settled:
                excess += (seen_a - limit).at_least(Phases())
    if meter.quality in TRUSTED and meter.current_a is not None:
        excess = excess.at_least(meter.current_a - own_a - commanded)
    excess = Phases(*(value if value > EXCESS_A else 0.0 for value in excess))
    return excess + late + _away(site, circuit, metered=meter.quality in TRUSTED)


def away_current(site: SiteConfig, circuit: Circuit) -> Phases:
    """Return what cars at stations that are away may draw by the limits these accepted last."""
    limits = (_limit(site, evse) for evse in circuit.evses if not evse.connected)
    return sum((limit for limit in limits if limit is not None), Phases())


def _away(site: SiteConfig, circuit: Circuit, *, metered: bool) -> Phases:
    """Return what stations that are away may take; where a meter tells, what they draw is in the own load."""
    total = Phases()
    for evse in circuit.evses:
        limit = _limit(site, evse)
        if evse.connected or limit is None:
            continue
        safe = Phases.spread(evse.safe_a, grid_phases(site, evse.station))
        total += (safe - limit).at_least(Phases()) if metered else safe.at_least(limit)
    return total


def _limit(site: SiteConfig, evse: EvseSnapshot) -> Phases | None:
    """Return the limit that a station with a car holds, on all its phases; None where it holds none."""
    if evse.commanded_a is None or not evse.plugged:
        return None
    return Phases.spread(evse.commanded_a, grid_phases(site, evse.station))


def remember(
    site: SiteConfig, circuit: Circuit, load: CircuitLoad, memory: CircuitMemory, now: datetime
) -> CircuitMemory:
    """Return the memory of a circuit's own load after this moment; only what is measured is remembered."""
    if load.quality not in TRUSTED:
        return CircuitMemory(None, memory.house_peaks)
    peaks = remember_peak(memory.house_peaks, certain_own(site, circuit, load.own_a), now)
    return CircuitMemory(load.own_a, peaks)


def certain_own(site: SiteConfig, circuit: Circuit, own_a: Phases) -> Phases:
    """Return the part of an own load that can be no car's: what draws unmeasured may draw all it can.

    Without this a car that nobody measures, as right after a start, would count as a peak of the circuit.
    """
    for evse in circuit.evses:
        empty = evse.connected and evse.status is not None and not evse.status.plugged
        if not empty and (evse.measured_a is None or not evse.connected):
            own_a -= Phases.spread(evse.station.max_current_a, grid_phases(site, evse.station))
    return own_a


def remember_peak(
    peaks: tuple[tuple[datetime, Phases], ...], house_a: Phases, now: datetime
) -> tuple[tuple[datetime, Phases], ...]:
    """Return the per-minute peaks with this value added and what is too old dropped."""
    kept = tuple(peak for peak in peaks if now - peak[0] <= PEAK_MEMORY)
    if kept and now - kept[-1][0] < PEAK_STEP:
        return (*kept[:-1], (kept[-1][0], kept[-1][1].at_least(house_a)))
    return (*kept, (now, house_a))


def _beside_batteries(snapshot: Snapshot, memory: CircuitMemory, state: ControlState) -> CircuitMemory:
    """Return the memory as if batteries had given before what they give now: that change is no car's."""
    change_a = (batteries_power(snapshot) - state.batteries_w) / NOMINAL_VOLTAGE_V
    if memory.house_a is None or change_a == 0:
        return memory
    change = Phases(change_a) if snapshot.site.phases == 1 else Phases.each(change_a / 3)
    return CircuitMemory(memory.house_a - change, memory.house_peaks)


def _with_giving(site: SiteConfig, evse: EvseSnapshot, draw: Draw, control: EvseControl, now: datetime) -> Draw:
    """Return bounds that reach to what the car was told to give, and before that, while either may show."""
    memory = control.giving
    if not evse.plugged or memory.changed_at is None or elapsed_s(memory.changed_at, now) >= GIVING_SHOWS_S:
        return draw
    used = grid_phases(site, evse.station, control.active_phases)
    for power_w in (memory.told_w, memory.before_w):
        amps = Phases.spread(-power_w / len(used) / NOMINAL_VOLTAGE_V, used)
        draw = replace(draw, least_a=draw.least_a.at_most(amps), most_a=draw.most_a.at_least(amps))
    return draw


def _with_former(site: SiteConfig, evse: EvseSnapshot, draw: Draw, former: Iterable[FormerDraw]) -> Draw:
    """Return bounds that reach to what was drawn before the newest limits."""
    for one in former if evse.connected else ():
        least_a, most_a = _on_grid(site, evse, one.least_a), _on_grid(site, evse, one.most_a)
        draw = replace(
            draw,
            least_a=draw.least_a.at_most(least_a),
            most_a=draw.most_a.at_least(most_a),
            former_a=draw.former_a.at_least(most_a),
        )
    return draw


def _on_grid(site: SiteConfig, evse: EvseSnapshot, terminals_a: Phases) -> Phases:
    return Phases(terminals_a.l1) if site.phases == 1 else evse.station.rotation.to_grid(terminals_a)
