"""The surplus of a moment and the EVSEs that share it: who runs on it, and on how many phases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ..config import PhaseSwitching
from ..model import PLANNED_MODES, EvseKey, MeterQuality, Reason
from .desire import Desire, takes_all
from .elapsed import elapsed_s
from .house import ACTIVE_A
from .observation import takes_nothing
from .phase_switching import PhaseChoice, PhaseMemory, choose, force, used_up
from .situation import Situation
from .snapshot import ControlState, EvseControl, EvseSnapshot
from .solar import (
    FOLLOWING_S,
    PROBE_INTERVAL_S,
    PROBE_STEP_W,
    SolarCandidate,
    Surplus,
    admit_to_surplus,
    beside_batteries,
    buffered,
    hidden,
    smooth,
)

REFUSED_AFTER_S = 180.0  # a station that was told one phase and uses more by then does not switch


@dataclass(frozen=True, slots=True)
class Admitted:
    """The memory of all EVSEs after admission to the surplus, and why those wait that do."""

    controls: dict[EvseKey, EvseControl]
    reasons: Mapping[EvseKey, Reason]
    surplus: Surplus | None


def can_switch(situation: Situation, evse: EvseSnapshot, control: EvseControl) -> bool:
    """Return whether the number of phases is ours to choose for the car that is connected.

    A car that was seen to use fewer than three phases of three has nothing to be switched, and
    once a day's switches are used up it stays as it is.
    """
    site = situation.snapshot.site
    if used_up(control.phases, site.solar, zone=site.time_zone, now=situation.now):
        return False
    if evse.station.phase_switching is PhaseSwitching.NONE or control.phases.refused:
        return False
    if evse.station.phase_switching is PhaseSwitching.SWITCH and evse.switched_phases is None:
        return False
    return control.phases.wanted == 1 or control.active_phases in {None, 3}


def phases_drawn(evse: EvseSnapshot, control: EvseControl) -> int:
    """Return on how many phases the car will draw: as switched, as seen, else all of the station's."""
    if evse.station.phase_switching is not PhaseSwitching.NONE and control.phases.wanted == 1:
        return 1
    return control.active_phases or evse.station.phases


def measure_surplus(situation: Situation, state: ControlState) -> Surplus | None:
    """Return the surplus that is left for cars beside the batteries, None without a trusted meter."""
    total_w = situation.surplus_w
    if total_w is None:
        return None
    config = situation.snapshot.site.solar
    now_w = beside_batteries(total_w, situation.batteries)
    first = now_w < total_w
    drawn_w = sum(draw.least_a.total for draw in situation.draw.values()) * situation.volts
    grid_w = situation.own_w + drawn_w
    may_hide = situation.held_back or (config.zero_export and hidden(grid_w, situation.snapshot.pv_w))
    if may_hide and drawn_w > 0:
        now_w = max(now_w, drawn_w + PROBE_STEP_W)
    passed_s = 0.0 if state.surplus_at is None else (situation.now - state.surplus_at).total_seconds()
    bridged, starts = buffered(situation.batteries)
    rested = state.probed_at is None or elapsed_s(state.probed_at, situation.now) >= PROBE_INTERVAL_S
    return Surplus(
        now_w=now_w,
        following_w=smooth(state.surplus_w, passed_s, now_w, FOLLOWING_S),
        lasting_w=smooth(state.surplus_slow_w, passed_s, now_w, config.smoothing_s),
        bridged=bridged,
        starts=starts,
        battery_first=first,
        probe=may_hide and drawn_w <= 0 and rested,
    )


def admit_solar(
    situation: Situation,
    order: Sequence[EvseSnapshot],
    controls: dict[EvseKey, EvseControl],
    desires: Mapping[EvseKey, Desire],
    surplus: Surplus | None,
) -> Admitted:
    """Return who may run on surplus now; `desires` are those before admission."""
    solar = [evse for evse in order if desires[evse.key].on_surplus]
    if surplus is None or not solar:
        return Admitted(controls, {}, surplus)
    candidates = [
        SolarCandidate(
            evse.key,
            _least_w(situation, evse, controls[evse.key]),
            desires[evse.key].always_on,
            idle=takes_nothing(evse, controls[evse.key], situation.now),
            by_plan=evse.settings.mode in PLANNED_MODES,
        )
        for evse in solar
    ]
    others_w = other_power(situation, {evse.key for evse in solar})
    left = replace(surplus, lasting_w=surplus.lasting_w - others_w)
    updated, reasons, left_w = admit_to_surplus(
        candidates, controls, left, situation.snapshot.site.solar, situation.now
    )
    for evse in solar:
        if updated[evse.key].solar_running:
            starts = not controls[evse.key].solar_running
            updated[evse.key] = _with_phases(
                situation, evse, updated[evse.key], left_w[evse.key], bridged=surplus.bridged, starts=starts
            )
    return Admitted({**controls, **updated}, reasons, surplus)


def settle_phases(situation: Situation, evse: EvseSnapshot, control: EvseControl) -> EvseControl:
    """Return the memory of an EVSE that takes all it can get, on all phases, or whose station does not switch."""
    memory = control.phases
    if evse.station.phase_switching is PhaseSwitching.NONE:
        return control if memory == PhaseMemory() else replace(control, phases=PhaseMemory())
    if not evse.plugged:
        return replace(control, phases=replace(memory, refused=False, up_since=None, down_since=None))
    if _goes_on_with_more(situation, evse, control):
        return _changed(evse, control, replace(memory, wanted=3, refused=True), situation.now)
    takes = takes_all(evse, situation.now) is not None
    if takes and situation.quality(evse) is not MeterQuality.LOST and memory.wanted != 3:
        phases = force(memory, 3, zone=situation.snapshot.site.time_zone, now=situation.now)
        return _changed(evse, control, phases, situation.now)
    return control


def other_power(situation: Situation, solar: set[EvseKey]) -> float:
    """Return the W that EVSEs outside the surplus modes draw or were just allowed."""
    # What a car gives back is no surplus for others.
    drawn = (max(0.0, draw.most_a.total) for key, draw in situation.draw.items() if key not in solar)
    return sum(drawn) * situation.volts


def _least_w(situation: Situation, evse: EvseSnapshot, control: EvseControl) -> float:
    phases = 1 if can_switch(situation, evse, control) else phases_drawn(evse, control)
    if situation.snapshot.site.phases == 1:
        phases = 1
    return evse.station.min_current_a * situation.volts * phases


def _with_phases(
    situation: Situation, evse: EvseSnapshot, control: EvseControl, left_w: float, *, bridged: bool, starts: bool
) -> EvseControl:
    if not can_switch(situation, evse, control):
        return control
    choice = PhaseChoice(
        surplus_w=left_w,
        three_w=3 * evse.station.min_current_a * situation.volts,
        one_w=evse.station.max_current_a * situation.volts,
        bridged=bridged,
        charging=not starts,
    )
    phases = choose(
        control.phases,
        choice,
        situation.snapshot.site.solar,
        zone=situation.snapshot.site.time_zone,
        now=situation.now,
    )
    return _changed(evse, control, phases, situation.now)


def _changed(evse: EvseSnapshot, control: EvseControl, phases: PhaseMemory, now: datetime) -> EvseControl:
    """Return the memory with these phases; a car that gets more of them begins on them with its minimum."""
    if phases.wanted == control.phases.wanted:
        return replace(control, phases=phases)
    if (phases.wanted or 0) > (control.phases.wanted or 3):
        setpoint_a = min(control.setpoint_a, evse.station.min_current_a)
        control = replace(control, setpoint_a=setpoint_a, raised_at=now)
    return replace(control, phases=phases, active_phases=None)


def _goes_on_with_more(situation: Situation, evse: EvseSnapshot, control: EvseControl) -> bool:
    memory = control.phases
    if evse.station.phase_switching is not PhaseSwitching.OCPP or memory.wanted != 1:
        return False
    if evse.measured_a is None or not evse.settled or control.turn_since is None:
        return False
    told = max(control.turn_since, memory.switched_at or control.turn_since)
    several = sum(1 for value in evse.measured_a if value > ACTIVE_A) > 1
    return several and elapsed_s(told, situation.now) >= REFUSED_AFTER_S
