"""The decision of a cycle: from what is measured and wanted to one setpoint with a reason for each EVSE."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from ..config import SiteConfig
from ..model import NOMINAL_VOLTAGE_V, EvseKey, MeterQuality, Phases, Reason, ReasonCode, Setpoint
from .allocator import Candidate, Row, Share, allocate
from .desire import Desire, desired
from .house import certain_house, draw_bounds, draws_freely, house_current, measured_on_grid, remember_peak
from .observation import observe, usable_max
from .pacing import pace
from .reasons import FREE, PHASE_ROWS, SURPLUS_ROW, explain
from .snapshot import ControlState, Decision, EvseControl, EvseSnapshot, Snapshot
from .solar import SolarCandidate, admit_to_surplus, smooth
from .wiring import grid_phases

EXCESS_A = 1.0  # a draw this much above a limit is more than a meter's error


def decide(
    snapshot: Snapshot, state: ControlState, now: datetime, *, may_raise: bool = True
) -> tuple[Decision, ControlState]:
    """Return this moment's decision and the state for the next one.

    With `may_raise` False setpoints can only fall: what the guard asks between two full decisions.
    """
    house = house_current(snapshot, state)
    surplus_w = _surplus(snapshot, house)
    smoothed_w = None if surplus_w is None else smooth(state.surplus_w, state.surplus_at, surplus_w, now)
    controls = {evse.key: observe(evse, state.evses.get(evse.key, EvseControl()), now) for evse in snapshot.evses}
    order = sorted(snapshot.evses, key=lambda evse: _admission_order(evse, controls[evse.key]))
    controls, solar_reasons = _admit_solar(snapshot, order, controls, smoothed_w, now)
    desires = {evse.key: desired(evse, controls[evse.key], snapshot.grid.quality) for evse in order}
    shares = _shares(snapshot, order, desires, controls, house, smoothed_w, now)
    fresh = snapshot.grid.quality in {MeterQuality.FRESH, MeterQuality.ABSENT, MeterQuality.LOST}
    setpoints: dict[EvseKey, Setpoint] = {}
    for evse in order:
        share = shares.get(evse.key)
        target_a = desires[evse.key].rest_a if share is None else share.current_a
        current_a, control = pace(evse, controls[evse.key], target_a, now, may_raise=may_raise and fresh)
        if current_a < target_a and not fresh:
            reason = Reason(ReasonCode.METER_STALE, {"target_a": target_a})
        elif current_a < target_a and share is not None:
            reason = Reason(ReasonCode.RAISING, {"target_a": target_a})
        else:
            reason = explain(snapshot.site, evse, desires[evse.key], share, solar_reasons.get(evse.key))
        controls[evse.key] = control
        setpoints[evse.key] = Setpoint(current_a, reason)
    measured = snapshot.grid.quality in {MeterQuality.FRESH, MeterQuality.STALE}
    next_state = ControlState(
        evses=controls,
        house_a=house if measured else None,
        house_peaks=(
            remember_peak(state.house_peaks, certain_house(snapshot, house), now) if measured else state.house_peaks
        ),
        surplus_w=smoothed_w,
        surplus_at=None if smoothed_w is None else now,
    )
    return Decision(now, setpoints, house, _headroom(snapshot, house, setpoints, controls), surplus_w), next_state


def site_limit(site: SiteConfig) -> Phases:
    """Return what may flow on each grid phase: the fuse less its margin."""
    limit_a = site.fuse_a - site.margin_a
    return Phases(limit_a, 0.0, 0.0) if site.phases == 1 else Phases.each(limit_a)


def _surplus(snapshot: Snapshot, house: Phases) -> float | None:
    """Return the W that cars could take without import: what flows out plus what they draw already."""
    grid = snapshot.grid
    if grid.quality not in {MeterQuality.FRESH, MeterQuality.STALE}:
        return None
    if grid.power_w is None or grid.current_a is None:
        return -house.total * NOMINAL_VOLTAGE_V
    return (grid.current_a - house).total * NOMINAL_VOLTAGE_V - grid.power_w


def _admission_order(evse: EvseSnapshot, control: EvseControl) -> tuple[int, bool, bool, float, EvseKey]:
    """Sort by priority, what draws before what waits, longest plugged first."""
    since = control.plugged_since.timestamp() if control.plugged_since else 0.0
    waiting = control.setpoint_a < evse.station.min_current_a
    return (-evse.station.priority, waiting, control.plugged_since is None, since, evse.key)


def _start_power(snapshot: Snapshot, evse: EvseSnapshot, control: EvseControl) -> float:
    used = grid_phases(snapshot.site, evse.station, control.active_phases)
    return evse.station.min_current_a * NOMINAL_VOLTAGE_V * len(used)


def _admit_solar(
    snapshot: Snapshot,
    order: Sequence[EvseSnapshot],
    controls: dict[EvseKey, EvseControl],
    surplus_w: float | None,
    now: datetime,
) -> tuple[dict[EvseKey, EvseControl], dict[EvseKey, Reason]]:
    candidates = [
        SolarCandidate(evse.key, _start_power(snapshot, evse, controls[evse.key]), wish.always_on)
        for evse in order
        if (wish := desired(evse, controls[evse.key], snapshot.grid.quality)).on_surplus
    ]
    if surplus_w is None or not candidates:
        return controls, {}
    left_w = surplus_w - _other_power(snapshot, {candidate.key for candidate in candidates})
    updated, reasons = admit_to_surplus(candidates, controls, left_w, snapshot.site.solar, now)
    return {**controls, **updated}, reasons


def _other_power(snapshot: Snapshot, solar: set[EvseKey]) -> float:
    """Return the W that EVSEs outside the surplus modes draw or were just allowed."""
    others = (evse for evse in snapshot.evses if evse.key not in solar)
    return sum(draw_bounds(snapshot.site, evse)[1].total for evse in others) * NOMINAL_VOLTAGE_V


def _shares(
    snapshot: Snapshot,
    order: Sequence[EvseSnapshot],
    desires: Mapping[EvseKey, Desire],
    controls: Mapping[EvseKey, EvseControl],
    house: Phases,
    surplus_w: float | None,
    now: datetime,
) -> dict[EvseKey, Share]:
    used = {evse.key: grid_phases(snapshot.site, evse.station, controls[evse.key].active_phases) for evse in order}
    capacity = site_limit(snapshot.site) - house - _uncontrolled(snapshot, house)
    free = {evse.key for evse in order if draws_freely(snapshot.site, evse)}
    active = [evse for evse in order if desires[evse.key].min_a > 0 and evse.key not in free]
    candidates = [
        Candidate(
            evse.key,
            desires[evse.key].min_a,
            usable_max(controls[evse.key], evse, now, desires[evse.key].max_a),
            evse.station.priority,
        )
        for evse in active
    ]
    rows = [
        Row(name, capacity[phase], {evse.key: 1.0 for evse in active if phase in used[evse.key]})
        for phase, name in enumerate(PHASE_ROWS)
    ]
    solar = [evse for evse in active if desires[evse.key].on_surplus]
    if solar and surplus_w is not None:
        watts = {evse.key: NOMINAL_VOLTAGE_V * len(used[evse.key]) for evse in solar}
        least = sum(watts[evse.key] * desires[evse.key].min_a for evse in solar)
        available = surplus_w - _other_power(snapshot, {evse.key for evse in solar})
        rows.append(Row(SURPLUS_ROW, max(available, least), watts))
    asked = {key: Share(desires[key].min_a if min(capacity) >= 0 else 0.0, FREE) for key in free}
    return {**allocate(candidates, rows), **asked}


def _uncontrolled(snapshot: Snapshot, house: Phases) -> Phases:
    """Return what stations draw or may start to draw beyond anything decided here.

    A station that draws more than it accepted, or without having accepted anything, is booked at its
    real draw: what was measured of it once it had time to follow, and until then what the grid meter
    shows. One that is away with a
    car plugged in rises to its safe current by itself once its lease ends; what it draws already
    is part of the house.
    """
    site = snapshot.site
    excess, commanded, away = Phases(), Phases(), Phases()
    for evse in snapshot.evses:
        if draws_freely(site, evse):
            excess += measured_on_grid(site, evse)
            continue
        if evse.commanded_a is None or evse.status is None or not evse.status.plugged:
            commanded += measured_on_grid(site, evse)
            continue
        limit = Phases.spread(evse.commanded_a, grid_phases(site, evse.station))
        if not evse.connected:
            safe = Phases.spread(evse.safe_a, grid_phases(site, evse.station))
            away += (safe - limit).at_least(Phases())
            continue
        commanded += limit
        if evse.settled:
            excess += (measured_on_grid(site, evse) - limit).at_least(Phases())
    if snapshot.grid.quality in {MeterQuality.FRESH, MeterQuality.STALE} and snapshot.grid.current_a is not None:
        excess = excess.at_least(snapshot.grid.current_a - house - commanded)
    return away + Phases(*(value if value > EXCESS_A else 0.0 for value in excess))


def _headroom(
    snapshot: Snapshot, house: Phases, setpoints: Mapping[EvseKey, Setpoint], controls: Mapping[EvseKey, EvseControl]
) -> Phases:
    left = site_limit(snapshot.site) - house
    for evse in snapshot.evses:
        if evse.status is not None and evse.status.plugged:
            used = grid_phases(snapshot.site, evse.station, controls[evse.key].active_phases)
            left -= Phases.spread(setpoints[evse.key].current_a, used)
    return left
