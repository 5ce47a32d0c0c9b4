"""Headroom and surplus shared out among the EVSEs: all limits as rows, all desires as candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..limit import ROOT_CIRCUIT, LimitSource
from ..model import EvseKey
from . import peak
from .admission import weight
from .allocator import Candidate, Share, allocate
from .circuits import Circuit
from .desire import Ceiling, Desire, ceiling
from .house import draws_freely
from .limit_rows import (
    LimitRow,
    UsedPhases,
    controllable_rows,
    current_limit,
    phase_rows,
    power_limit,
    power_row,
    surplus_row,
)
from .observation import comes_last, leaves_offer_unused, usable_max
from .situation import Situation
from .snapshot import BoundBy, EvseControl, EvseSnapshot
from .solar import Surplus
from .surplus_charging import other_power, phases_drawn
from .unbalance import allocate_balanced
from .wiring import grid_phases

FREE = "free"  # not a row: the station takes no limit, so nothing was shared out to it
UNBALANCE_ROWS = "unbalance"


@dataclass(frozen=True, slots=True)
class Shared:
    """The outcome: shares of those that take part, each one's grid phases and own ceiling, and the rows they met.

    `left` is what the shares leave of each row, by its name.
    """

    shares: Mapping[EvseKey, Share]
    used: UsedPhases
    ceilings: Mapping[EvseKey, Ceiling]
    rows: Sequence[LimitRow]
    origins: Mapping[str, BoundBy]
    left: Mapping[str, float]

    def takes_part(self, key: EvseKey) -> bool:
        """Return whether an EVSE got anything of what was shared out."""
        share = self.shares.get(key)
        return share is not None and share.current_a > 0

    def has_room_alone(self, key: EvseKey, current_a: float) -> bool:
        """Return whether the limit that an EVSE met would let this flow if no other EVSE took part."""
        name = self.shares[key].bound_by
        row = next((one.row for one in self.rows if one.row.name == name), None)
        return row is None or row.coefficients.get(key, 0.0) * current_a <= row.capacity

    def bound(self, key: EvseKey) -> BoundBy | None:
        """Return the limit that kept an EVSE from more, None where it has all it may or took no part."""
        share = self.shares.get(key)
        if share is None or share.bound_by is None or share.bound_by == FREE:
            return None
        if share.bound_by.startswith(UNBALANCE_ROWS):
            return BoundBy(LimitSource.UNBALANCE, ROOT_CIRCUIT)
        return self.origins[share.bound_by]


def share_out(
    basis: Situation,
    order: Sequence[EvseSnapshot],
    desires: Mapping[EvseKey, Desire],
    controls: Mapping[EvseKey, EvseControl],
    surplus: Surplus | None,
) -> Shared:
    """Return every EVSE's share; what wants nothing takes no part."""
    site = basis.snapshot.site
    used = {evse.key: grid_phases(site, evse.station, controls[evse.key].active_phases) for evse in order}
    free = {evse.key for evse in order if draws_freely(site, evse)}
    active = [evse for evse in order if desires[evse.key].min_a > 0 and evse.key not in free]
    rows = _rows(basis, {key: used[key] for key in used}, {evse.key for evse in active})
    rows += _surplus_rows(basis, active, desires, controls, surplus)
    ceilings = {evse.key: _ceiling(basis, evse, desires[evse.key], controls[evse.key]) for evse in order}
    candidates = [
        Candidate(
            evse.key,
            desires[evse.key].min_a,
            ceilings[evse.key].current_a,
            evse.priority,
            evse.station.step_a,
            weight(site, evse, controls[evse.key], basis.now),
        )
        for evse in active
    ]
    taken = {
        evse.key: _drawn(basis, evse) for evse in active if leaves_offer_unused(evse, controls[evse.key], basis.now)
    }
    # Who takes nothing of its offer gets what nobody else wants, after all others have their shares.
    idle = {evse.key for evse in active if comes_last(evse, controls[evse.key], basis.now)}
    shares = _allocate(basis, [one for one in candidates if one.member not in idle], rows, used, taken)
    if idle:
        rest = [replace(row.row, capacity=_left(row, shares) - _of_batteries(basis, row)) for row in rows]
        shares |= allocate([one for one in candidates if one.member in idle], rest)
    has_room = min(row.row.capacity for row in rows if row.bound.circuit_id == ROOT_CIRCUIT) >= 0
    asked = {key: Share(desires[key].min_a if has_room else 0.0, FREE) for key in free}
    left = {row.row.name: _left(row, shares) for row in rows}
    return Shared({**shares, **asked}, used, ceilings, rows, {row.row.name: row.bound for row in rows}, left)


def _left(row: LimitRow, shares: Mapping[EvseKey, Share]) -> float:
    taken = sum(
        coefficient * shares[key].current_a for key, coefficient in row.row.coefficients.items() if key in shares
    )
    return row.row.capacity - taken


def _of_batteries(basis: Situation, row: LimitRow) -> float:
    """Return what of a row's capacity is there only as long as batteries carry it, in its unit."""
    if not row.on_flow or row.bound.circuit_id != ROOT_CIRCUIT:
        return 0.0
    given_w = basis.expansion.measured_w
    phases = 1 if basis.snapshot.site.phases == 1 else 3
    return row.expansion + (given_w if row.bound.phase is None else given_w / phases / basis.volts)


def _allocate(
    basis: Situation,
    candidates: Sequence[Candidate[EvseKey]],
    rows: Sequence[LimitRow],
    used: UsedPhases,
    taken: Mapping[EvseKey, float],
) -> dict[EvseKey, Share]:
    site, plain = basis.snapshot.site, [row.row for row in rows]
    if site.unbalance_a is None or site.phases == 1:
        return allocate(candidates, plain)
    load = basis.loads[ROOT_CIRCUIT]
    return allocate_balanced(candidates, plain, load.own_a + load.uncontrolled_a, used, site.unbalance_a, taken)


def _drawn(basis: Situation, evse: EvseSnapshot) -> float:
    """Return the A per phase that an EVSE draws at least."""
    amps = basis.draw[evse.key].least_a
    return max(0.0, amps.l1, amps.l2, amps.l3)


def keep_balance(
    basis: Situation,
    order: Sequence[EvseSnapshot],
    desires: Mapping[EvseKey, Desire],
    shared: Shared,
    setpoints: Mapping[EvseKey, float],
) -> Mapping[EvseKey, Share]:
    """Return lower shares for EVSEs whose setpoints, on their way to balanced shares, are not balanced yet.

    Other limits hold for whatever is below a share; the difference between two phases also
    grows when one of them rises more slowly.
    """
    site, load = basis.snapshot.site, basis.loads[ROOT_CIRCUIT]
    if site.unbalance_a is None or site.phases == 1:
        return {}
    candidates = [
        Candidate(evse.key, desires[evse.key].min_a, setpoints[evse.key], evse.priority, evse.station.step_a)
        for evse in order
        if shared.takes_part(evse.key) and setpoints[evse.key] >= desires[evse.key].min_a > 0
    ]
    others_a, taken = load.own_a + load.uncontrolled_a, {evse.key: _drawn(basis, evse) for evse in order}
    balanced = allocate_balanced(candidates, [], others_a, shared.used, site.unbalance_a, taken)
    return {key: share for key, share in balanced.items() if share.current_a < setpoints[key]}


def _ceiling(basis: Situation, evse: EvseSnapshot, desire: Desire, control: EvseControl) -> Ceiling:
    own = ceiling(evse, basis.evse_limits.get(evse.key, ()), phases_drawn(evse, control), basis.volts)
    if desire.max_a < own.current_a:
        own = Ceiling(desire.max_a, own.source)
    usable_a = usable_max(control, evse, basis.now, own.current_a)
    return Ceiling(usable_a, LimitSource.CAR) if usable_a < own.current_a else own


def _rows(basis: Situation, used: UsedPhases, active: set[EvseKey]) -> list[LimitRow]:
    rows: list[LimitRow] = []
    for whole in basis.tree:
        circuit = replace(whole, evses=tuple(evse for evse in whole.evses if evse.key in active))
        load = basis.loads[circuit.circuit_id]
        extra_w = basis.expansion.extra_w if circuit.circuit_id == ROOT_CIRCUIT else 0.0
        phases = 1 if circuit.connection.phases == 1 else 3
        limit = current_limit(circuit, basis.limits)
        rows += phase_rows(circuit, load, limit, used, extra_w / phases / basis.volts)
        rows += _power_rows(basis, circuit, used, extra_w)
        rows += controllable_rows(circuit, load, basis.limits, used, beside_w=basis.beside_limit_w, volts=basis.volts)
    return rows


def _power_rows(basis: Situation, circuit: Circuit, used: UsedPhases, extra_w: float) -> list[LimitRow]:
    load, site = basis.loads[circuit.circuit_id], basis.snapshot.site
    root = circuit.circuit_id == ROOT_CIRCUIT
    base_w = (basis.own_w if root else load.own_a.total * basis.volts) + load.uncontrolled_a.total * basis.volts
    rows = []
    limit = power_limit(circuit, basis.limits)
    if limit is not None:
        rows.append(power_row(circuit, limit, base_w, used, basis.volts, extra_w))
    if root and site.peak is not None:
        allowed_w = peak.allowed_w(basis.peak, site.peak, site.time_zone, basis.now)
        mean_w = base_w - basis.own_w + basis.mean_own_w
        rows.append(power_row(circuit, (allowed_w, LimitSource.PEAK), mean_w, used, basis.volts, extra_w))
    return rows


def _surplus_rows(
    basis: Situation,
    active: Sequence[EvseSnapshot],
    desires: Mapping[EvseKey, Desire],
    controls: Mapping[EvseKey, EvseControl],
    surplus: Surplus | None,
) -> list[LimitRow]:
    """Return the row of those that share the surplus; their minimum is theirs in any case."""
    solar = [
        evse for evse in active if desires[evse.key].on_surplus and not comes_last(evse, controls[evse.key], basis.now)
    ]
    if not solar or surplus is None:
        return []
    site = basis.snapshot.site
    drawn = {evse.key: grid_phases(site, evse.station, phases_drawn(evse, controls[evse.key])) for evse in solar}
    least_w = sum(basis.volts * len(drawn[evse.key]) * desires[evse.key].min_a for evse in solar)
    available_w = surplus.following_w - other_power(basis, {evse.key for evse in solar})
    return [surplus_row(solar, max(available_w, least_w), drawn, basis.volts)]
