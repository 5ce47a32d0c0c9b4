"""A circuit's own load: what its meter shows less what its chargers draw."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..config import SiteConfig
from ..limit import ROOT_CIRCUIT
from ..model import NOMINAL_VOLTAGE_V, EvseKey, MeterQuality, Phases
from .circuits import Circuit
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
EXCESS_A = 1.0  # a draw this much above a limit is more than a meter's error
PEAK_MEMORY = timedelta(minutes=15)
PEAK_STEP = timedelta(minutes=1)
TRUSTED = frozenset({MeterQuality.FRESH, MeterQuality.STALE})


@dataclass(frozen=True, slots=True)
class Draw:
    """What an EVSE was seen to draw, and the least and the most of it that meters may show now, A per grid phase.

    `former_a` is the most it drew before its newest limit, where that may still show.
    """

    seen_a: Phases
    least_a: Phases
    most_a: Phases
    former_a: Phases = field(default_factory=Phases)


@dataclass(frozen=True, slots=True)
class CircuitLoad:
    """What a circuit carries beside the setpoints that are decided here, A per grid phase.

    `own_a` is everything but chargers, PV counted negative; `uncontrolled_a` what chargers draw or may
    start to draw beyond anything decided.
    """

    own_a: Phases
    uncontrolled_a: Phases
    quality: MeterQuality


def draws(
    site: SiteConfig, evses: Iterable[EvseSnapshot], controls: Mapping[EvseKey, EvseControl]
) -> dict[EvseKey, Draw]:
    """Return the bounds of what each EVSE draws now."""
    return {
        evse.key: _with_former(site, evse, draw_bounds(site, evse), controls.get(evse.key, EvseControl()).former)
        for evse in evses
    }


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


def measured_on_grid(site: SiteConfig, evse: EvseSnapshot) -> Phases:
    """Return what an EVSE is seen to draw, per grid phase; of an absent station nothing is known."""
    if evse.measured_a is None or not evse.connected:
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
            below = sum((loads[child].own_a.at_least(Phases()) for child in circuit.children), Phases())
            own = own.at_least(below)
        loads[circuit.circuit_id] = CircuitLoad(
            own, uncontrolled_current(snapshot.site, circuit, meter, own, draw), meter.quality
        )
    return loads


def own_current(circuit: Circuit, meter: MeterSnapshot, draw: Mapping[EvseKey, Draw], memory: CircuitMemory) -> Phases:
    """Return a circuit's own current per grid phase as far as its meter tells.

    A change that an in-flight setpoint explains is booked to the charger, the rest to the circuit.
    """
    if meter.quality is MeterQuality.ABSENT:
        return Phases.each(circuit.reserved_a)
    if meter.quality is MeterQuality.LOST or meter.current_a is None:
        return worst_recent(circuit.reserved_a, memory)
    least, most = Phases(), Phases()
    for evse in circuit.evses:
        bounds = draw[evse.key]
        least, most = least + bounds.least_a, most + bounds.most_a
    if memory.house_a is None:
        return meter.current_a - least
    return meter.current_a - (meter.current_a - memory.house_a).at_least(least).at_most(most)


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
    meter shows. One that is away with a car plugged in rises to its safe current by itself once its lease
    ends; what it draws already is part of the circuit's own load.
    """
    excess, commanded, away = Phases(), Phases(), Phases()
    for evse in circuit.evses:
        seen_a = draw[evse.key].seen_a
        if draws_freely(site, evse):
            excess += seen_a
            continue
        if evse.commanded_a is None or not evse.plugged:
            commanded += seen_a.at_least(draw[evse.key].former_a)
            continue
        limit = Phases.spread(evse.commanded_a, grid_phases(site, evse.station))
        if not evse.connected:
            safe = Phases.spread(evse.safe_a, grid_phases(site, evse.station))
            away += (safe - limit).at_least(Phases())
            continue
        # What is on its way down is no disobedience yet.
        commanded += draw[evse.key].most_a if evse.ramping else limit.at_least(draw[evse.key].former_a)
        if evse.settled:
            excess += (seen_a - limit).at_least(Phases())
    if meter.quality in TRUSTED and meter.current_a is not None:
        excess = excess.at_least(meter.current_a - own_a - commanded)
    return away + Phases(*(value if value > EXCESS_A else 0.0 for value in excess))


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


def _with_former(site: SiteConfig, evse: EvseSnapshot, draw: Draw, former: Iterable[FormerDraw]) -> Draw:
    """Return bounds that reach to what was drawn before the newest limits."""
    for one in former if evse.connected else ():
        least_a, most_a = _on_grid(site, evse, one.least_a), _on_grid(site, evse, one.most_a)
        draw = Draw(
            draw.seen_a, draw.least_a.at_most(least_a), draw.most_a.at_least(most_a), draw.former_a.at_least(most_a)
        )
    return draw


def _on_grid(site: SiteConfig, evse: EvseSnapshot, terminals_a: Phases) -> Phases:
    return Phases(terminals_a.l1) if site.phases == 1 else evse.station.rotation.to_grid(terminals_a)
