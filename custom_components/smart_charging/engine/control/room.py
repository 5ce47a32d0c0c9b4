"""What limits leave for a raise while others have not given back yet what they are to give back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    taken = _taken(basis, shared, booked)
    for evse in raised:
        key, above = evse.key, station_path(basis.snapshot.site, evse.station)
        rows = [(row, amounts) for row, amounts in taken if row.bound.circuit_id in above]
        room_a = min((amounts.room_a(basis, shared, row, evse) for row, amounts in rows), default=math.inf)
        step_a = evse.station.step_a
        most_a = math.floor(max(0.0, room_a) / step_a + 1e-6) * step_a
        allowed = min(wanted[key], most_a)
        booked[key] = max(before[key], allowed) if allowed >= evse.station.min_current_a else before[key]
        for row, amounts in rows:
            amounts.book(key, _amount(basis, shared, row, evse, booked[key]))
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


@dataclass(slots=True)
class _Taken:
    """What each EVSE takes of a row, and their sum, so that a raise need not look at all others again."""

    by_evse: dict[EvseKey, float]
    total: float

    def book(self, key: EvseKey, amount: float) -> None:
        """Take note that an EVSE takes another amount."""
        self.total += amount - self.by_evse[key]
        self.by_evse[key] = amount

    def room_a(self, basis: Situation, shared: Shared, row: LimitRow, raised: EvseSnapshot) -> float:
        """Return the A per phase that an EVSE may have beside all others."""
        left, phases = row.row.capacity - (self.total - self.by_evse[raised.key]), shared.used[raised.key]
        if row.bound.phase is not None:
            return math.inf if row.bound.phase not in phases else left
        return left / (basis.volts * len(phases))


def _taken(basis: Situation, shared: Shared, booked: Mapping[EvseKey, float]) -> list[tuple[LimitRow, _Taken]]:
    """Return every limit on what flows with what all EVSEs that flow through it take, whether they take part or not."""
    below = {circuit.circuit_id: circuit.evses for circuit in basis.tree}
    found = []
    for row in shared.rows:
        if row.bound.circuit_id is None or row.bound.source is LimitSource.SURPLUS:
            continue
        amounts = {one.key: _amount(basis, shared, row, one, booked[one.key]) for one in below[row.bound.circuit_id]}
        found.append((row, _Taken(amounts, sum(amounts.values()))))
    return found


def _amount(basis: Situation, shared: Shared, row: LimitRow, evse: EvseSnapshot, current_a: float) -> float:
    if not evse.plugged:
        return 0.0
    pending, used = basis.draw[evse.key].pending_a, shared.used[evse.key]
    loads = [max(current_a if phase in used else 0.0, pending[phase]) for phase in range(3)]
    return loads[row.bound.phase] if row.bound.phase is not None else basis.volts * sum(loads)
