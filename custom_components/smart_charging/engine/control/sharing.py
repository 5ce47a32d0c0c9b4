"""Headroom and surplus shared out among the EVSEs: all limits as rows, all desires as candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..limit import ROOT_CIRCUIT, LimitSource
from ..model import EvseKey
from . import peak
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
from .observation import usable_max
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
    """The outcome: shares of those that take part, each one's grid phases and own ceiling, and the rows they met."""

    shares: Mapping[EvseKey, Share]
    used: UsedPhases
    ceilings: Mapping[EvseKey, Ceiling]
    rows: Sequence[LimitRow]
    origins: Mapping[str, BoundBy]

    def takes_part(self, key: EvseKey) -> bool:
        """Return whether an EVSE got anything of what was shared out."""
        share = self.shares.get(key)
        return share is not None and share.current_a > 0

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
            evse.station.weight,
        )
        for evse in active
    ]
    shares = _allocate(basis, candidates, rows, used)
    has_room = min(row.row.capacity for row in rows if row.bound.circuit_id == ROOT_CIRCUIT) >= 0
    asked = {key: Share(desires[key].min_a if has_room else 0.0, FREE) for key in free}
    return Shared({**shares, **asked}, used, ceilings, rows, {row.row.name: row.bound for row in rows})


def _allocate(
    basis: Situation, candidates: Sequence[Candidate[EvseKey]], rows: Sequence[LimitRow], used: UsedPhases
) -> Mapping[EvseKey, Share]:
    site, plain = basis.snapshot.site, [row.row for row in rows]
    if site.unbalance_a is None or site.phases == 1:
        return allocate(candidates, plain)
    load = basis.loads[ROOT_CIRCUIT]
    return allocate_balanced(candidates, plain, load.own_a + load.uncontrolled_a, used, site.unbalance_a)


def _ceiling(basis: Situation, evse: EvseSnapshot, desire: Desire, control: EvseControl) -> Ceiling:
    own = ceiling(evse, basis.limits, phases_drawn(evse, control), basis.volts)
    if desire.max_a < own.current_a:
        own = Ceiling(desire.max_a, own.source)
    usable_a = usable_max(control, evse, basis.now, own.current_a)
    return Ceiling(usable_a, LimitSource.CAR) if usable_a < own.current_a else own


def _rows(basis: Situation, used: UsedPhases, active: set[EvseKey]) -> list[LimitRow]:
    rows: list[LimitRow] = []
    surplus_w = max(0.0, -basis.own_w)
    for whole in basis.tree:
        circuit = replace(whole, evses=tuple(evse for evse in whole.evses if evse.key in active))
        load = basis.loads[circuit.circuit_id]
        extra_w = basis.expansion.extra_w if circuit.circuit_id == ROOT_CIRCUIT else 0.0
        phases = 1 if circuit.connection.phases == 1 else 3
        limit = current_limit(circuit, basis.limits)
        rows += phase_rows(circuit, load, limit, used, extra_w / phases / basis.volts)
        rows += _power_rows(basis, circuit, used, extra_w)
        rows += controllable_rows(circuit, load, basis.limits, used, surplus_w=surplus_w, volts=basis.volts)
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
        rows.append(power_row(circuit, (allowed_w, LimitSource.PEAK), base_w, used, basis.volts, extra_w))
    return rows


def _surplus_rows(
    basis: Situation,
    active: Sequence[EvseSnapshot],
    desires: Mapping[EvseKey, Desire],
    controls: Mapping[EvseKey, EvseControl],
    surplus: Surplus | None,
) -> list[LimitRow]:
    """Return the row of those that share the surplus; their minimum is theirs in any case."""
    solar = [evse for evse in active if desires[evse.key].on_surplus]
    if not solar or surplus is None:
        return []
    site = basis.snapshot.site
    drawn = {evse.key: grid_phases(site, evse.station, phases_drawn(evse, controls[evse.key])) for evse in solar}
    least_w = sum(basis.volts * len(drawn[evse.key]) * desires[evse.key].min_a for evse in solar)
    available_w = surplus.following_w - other_power(basis, {evse.key for evse in solar})
    return [surplus_row(solar, max(available_w, least_w), drawn, basis.volts)]
