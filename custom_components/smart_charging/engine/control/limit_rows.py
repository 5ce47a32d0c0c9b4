"""All limits of a moment as rows for the allocator, each with its source to be told afterwards."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..config import Connection
from ..limit import Limit, LimitSource, LimitUnit, OwnPower
from ..model import NOMINAL_VOLTAGE_V, EvseKey, Phases
from .allocator import Row
from .circuits import Circuit
from .house import CircuitLoad
from .snapshot import BoundBy, EvseSnapshot, Snapshot
from .wiring import PHASE_NAMES

SURPLUS_ROW = "surplus"
VOLTAGE_RANGE_V = (180.0, 260.0)

type Sources = tuple[LimitSource, LimitSource, LimitSource]
type UsedPhases = Mapping[EvseKey, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class LimitRow:
    """A row of the allocator and where it comes from; `expansion` is what batteries add to it, in its unit.

    `on_flow` tells limits on what flows through a circuit from those on chargers alone, which no battery helps;
    `on_batteries` says that what batteries charge with counts as theirs.
    """

    row: Row[EvseKey]
    bound: BoundBy
    expansion: float = 0.0
    on_flow: bool = True
    on_batteries: bool = False


def voltage(snapshot: Snapshot) -> float:
    """Return the voltage of a phase in V: the mean measured at the grid meter, 230 V where none is."""
    low, high = VOLTAGE_RANGE_V
    known = [] if snapshot.grid.voltage_v is None else [v for v in snapshot.grid.voltage_v if low <= v <= high]
    return sum(known) / len(known) if known else NOMINAL_VOLTAGE_V


def fuse_limit(connection: Connection) -> Phases:
    """Return what may flow on each phase: the fuse less its margin."""
    limit_a = connection.fuse_a - connection.margin_a
    return Phases(limit_a, 0.0, 0.0) if connection.phases == 1 else Phases.each(limit_a)


def current_limit(circuit: Circuit, limits: Iterable[Limit]) -> tuple[float, LimitSource]:
    """Return the tightest A per phase on a circuit and its source; `limits` are the live ones."""
    tightest = (circuit.connection.fuse_a - circuit.connection.margin_a, LimitSource.FUSE)
    for limit in limits:
        if _binds_flow(limit, circuit.circuit_id, LimitUnit.AMPERE) and limit.value < tightest[0]:
            tightest = (limit.value, limit.source)
    return tightest


def power_limit(circuit: Circuit, limits: Iterable[Limit]) -> tuple[float, LimitSource] | None:
    """Return the tightest W over all phases on a circuit and its source, None where there is none."""
    known = [] if circuit.connection.power_w is None else [(circuit.connection.power_w, LimitSource.POWER)]
    known += [(limit.value, limit.source) for limit in limits if _binds_flow(limit, circuit.circuit_id, LimitUnit.WATT)]
    return min(known, key=lambda one: one[0]) if known else None


def phase_rows(
    circuit: Circuit, load: CircuitLoad, limit: tuple[float, LimitSource], used: UsedPhases, expansion_a: float = 0.0
) -> list[LimitRow]:
    """Return a circuit's rows in A, one for each phase it has; `expansion_a` is what a battery adds to each."""
    limit_a, source = limit
    rows = []
    for phase in range(1 if circuit.connection.phases == 1 else 3):
        capacity = limit_a - load.own_a[phase] - load.uncontrolled_a[phase] + expansion_a
        members = {evse.key: 1.0 for evse in circuit.evses if phase in used[evse.key]}
        name = f"{circuit.circuit_id}/{PHASE_NAMES[phase]}"
        bound = BoundBy(source, circuit.circuit_id, phase)
        rows.append(LimitRow(Row(name, capacity, members), bound, expansion_a))
    return rows


def power_row(
    circuit: Circuit,
    limit: tuple[float, LimitSource],
    base_w: float,
    used: UsedPhases,
    volts: float,
    expansion_w: float = 0.0,
) -> LimitRow:
    """Return a row in W over a circuit; `base_w` is what flows already beside the setpoints."""
    limit_w, source = limit
    row = Row(f"{circuit.circuit_id}/{source}/W", limit_w - base_w + expansion_w, _watts(circuit.evses, used, volts))
    return LimitRow(row, BoundBy(source, circuit.circuit_id), expansion_w)


def controllable_rows(
    circuit: Circuit,
    load: CircuitLoad,
    limits: Iterable[Limit],
    used: UsedPhases,
    *,
    beside_w: Callable[[OwnPower], float],
    volts: float,
) -> list[LimitRow]:
    """Return the rows of limits on controllable devices, whatever else the circuit carries.

    `beside_w` is what chargers may draw beside such a limit, by what of the site's own power counts.
    """
    rows = []
    phases = 1 if circuit.connection.phases == 1 else 3
    drawn_a = load.uncontrolled_a + load.away_a
    for limit in limits:
        if limit.evse is not None or not limit.controllable_only or limit.circuit_id != circuit.circuit_id:
            continue
        counted = limit.own_power is not OwnPower.NOT_COUNTED
        extra_w = beside_w(limit.own_power) if counted else 0.0
        if limit.unit is LimitUnit.WATT:
            capacity = limit.value + extra_w - drawn_a.total * volts
            row = Row(f"limit/{limit.limit_id}", capacity, _watts(circuit.evses, used, volts))
            bound = BoundBy(limit.source, circuit.circuit_id)
            rows.append(LimitRow(row, bound, on_flow=False, on_batteries=counted))
            continue
        for phase, name in enumerate(PHASE_NAMES[:phases]):
            capacity = limit.value + extra_w / phases / volts - drawn_a[phase]
            members = {evse.key: 1.0 for evse in circuit.evses if phase in used[evse.key]}
            row = Row(f"limit/{limit.limit_id}/{name}", capacity, members)
            bound = BoundBy(limit.source, circuit.circuit_id, phase)
            rows.append(LimitRow(row, bound, on_flow=False, on_batteries=counted))
    return rows


def surplus_row(members: Sequence[EvseSnapshot], available_w: float, used: UsedPhases, volts: float) -> LimitRow:
    """Return the row in W over the EVSEs that share the surplus."""
    return LimitRow(Row(SURPLUS_ROW, available_w, _watts(members, used, volts)), BoundBy(LimitSource.SURPLUS))


def live_limits(snapshot: Snapshot, now: datetime) -> list[Limit]:
    """Return the limits that hold at this moment."""
    return [limit for limit in snapshot.limits if limit.live(now)]


def _binds_flow(limit: Limit, circuit_id: str, unit: LimitUnit) -> bool:
    whole = limit.evse is None and not limit.controllable_only
    return whole and limit.circuit_id == circuit_id and limit.unit is unit


def _watts(evses: Iterable[EvseSnapshot], used: UsedPhases, volts: float) -> dict[EvseKey, float]:
    return {evse.key: volts * len(used[evse.key]) for evse in evses}
