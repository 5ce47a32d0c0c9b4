"""What limits leave for a raise while others have not given back yet what they are to give back."""

from collections.abc import Iterable, Mapping, Sequence
import math

from ..limit import LimitSource
from ..model import EvseKey
from .circuits import station_path
from .limit_rows import LimitRow
from .sharing import Shared
from .situation import Situation
from .snapshot import EvseSnapshot

LEAST_A = 0.05


def hold_raises(
    basis: Situation,
    shared: Shared,
    order: Sequence[EvseSnapshot],
    before: Mapping[EvseKey, float],
    wanted: Mapping[EvseKey, float],
) -> dict[EvseKey, float]:
    """Return setpoints of which no raise takes what another EVSE may still be drawing.

    A reduction goes out at once, but its current is only free once the station took it. `before` are the last
    setpoints, `wanted` the new ones; reductions stay as they are.
    """
    pending = any(max(basis.draw[key].pending_a) > value + LEAST_A for key, value in wanted.items())
    raised = [evse for evse in order if wanted[evse.key] > before[evse.key]]
    if not pending or not raised:
        return dict(wanted)
    booked = {key: min(value, before[key]) for key, value in wanted.items()}
    rows = _rows_of(basis, shared)
    for evse in raised:
        others = [(row, members) for row, members in rows if evse.key in {one.key for one in members}]
        room_a = min((_room(basis, shared, row, members, booked, evse) for row, members in others), default=math.inf)
        step_a = evse.station.step_a
        most_a = math.floor(max(0.0, room_a) / step_a + 1e-6) * step_a
        allowed = min(wanted[evse.key], most_a)
        booked[evse.key] = max(before[evse.key], allowed) if allowed >= evse.station.min_current_a else before[evse.key]
    return booked


def has_room_to_rest(basis: Situation, shared: Shared, evse: EvseSnapshot, current_a: float) -> bool:
    """Return whether an EVSE without a car may offer this to one that comes, beside what all others have."""
    path, phases = station_path(basis.snapshot.site, evse.station), shared.used[evse.key]
    for row in shared.rows:
        if row.bound.circuit_id not in path or row.bound.phase not in {None, *phases}:
            continue
        factor = 1.0 if row.bound.phase is not None else basis.volts * len(phases)
        if shared.left[row.row.name] < factor * current_a:
            return False
    return True


def _rows_of(basis: Situation, shared: Shared) -> list[tuple[LimitRow, Sequence[EvseSnapshot]]]:
    """Return every limit on what flows with all EVSEs that flow through it, whether they take part or not."""
    below = {circuit.circuit_id: circuit.evses for circuit in basis.tree}
    return [
        (row, below[row.bound.circuit_id])
        for row in shared.rows
        if row.bound.circuit_id is not None and row.bound.source is not LimitSource.SURPLUS
    ]


def _room(
    basis: Situation,
    shared: Shared,
    row: LimitRow,
    members: Iterable[EvseSnapshot],
    booked: Mapping[EvseKey, float],
    raised: EvseSnapshot,
) -> float:
    """Return the A per phase that an EVSE may have within a row."""
    taken = sum(_amount(basis, shared, row, one, booked[one.key]) for one in members if one.key != raised.key)
    phases = shared.used[raised.key]
    if row.bound.phase is not None:
        return math.inf if row.bound.phase not in phases else row.row.capacity - taken
    return (row.row.capacity - taken) / (basis.volts * len(phases))


def _amount(basis: Situation, shared: Shared, row: LimitRow, evse: EvseSnapshot, current_a: float) -> float:
    if not evse.plugged:
        return 0.0
    pending, used = basis.draw[evse.key].pending_a, shared.used[evse.key]
    loads = [max(current_a if phase in used else 0.0, pending[phase]) for phase in range(3)]
    return loads[row.bound.phase] if row.bound.phase is not None else basis.volts * sum(loads)
