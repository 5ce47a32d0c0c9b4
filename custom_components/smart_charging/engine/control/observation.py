"""What is learnt of an EVSE from one decision to the next: plugged since, phases in use, offer not taken."""

from dataclasses import replace
from datetime import datetime

from ..model import EvseStatus
from .house import ACTIVE_A
from .snapshot import EvseControl, EvseSnapshot

UNDERUSED_AFTER_S = 60.0
UNDERUSED_GAP_A = 2.0  # draws this much less than offered: the rest can serve others
FOLLOWING_GAP_A = 0.5  # draws this close to its offer: it could use more


def observe(evse: EvseSnapshot, control: EvseControl, now: datetime) -> EvseControl:
    """Return the EVSE's memory brought up to date with what is seen now."""
    if evse.status is None or not evse.status.plugged:
        return EvseControl(setpoint_a=control.setpoint_a, raised_at=control.raised_at)
    if control.plugged_since is None:
        # A car that charges already when first seen goes on; surplus decides whether it stays.
        drawing = evse.measured_a is not None and max(evse.measured_a) > ACTIVE_A
        control = replace(control, plugged_since=now, solar_running=drawing)
    if evse.measured_a is None or not evse.settled:
        return control
    active = sum(1 for value in evse.measured_a if value > ACTIVE_A)
    if active:
        control = replace(control, active_phases=active)
    return replace(control, underused_since=_underused_since(evse, control, now))


def usable_max(control: EvseControl, evse: EvseSnapshot, now: datetime, ceiling_a: float) -> float:
    """Return the most that is worth offering: what the car draws plus 1 A once it left its offer unused."""
    if evse.status is EvseStatus.FINISHING:
        return evse.station.min_current_a  # plugged, but its transaction is over
    since = control.underused_since
    if since is None or evse.measured_a is None or (now - since).total_seconds() < UNDERUSED_AFTER_S:
        return ceiling_a
    return min(ceiling_a, max(evse.station.min_current_a, max(evse.measured_a) + 1.0))


def _underused_since(evse: EvseSnapshot, control: EvseControl, now: datetime) -> datetime | None:
    if evse.commanded_a is None or evse.measured_a is None or evse.commanded_a < evse.station.min_current_a:
        return None
    gap = evse.commanded_a - max(evse.measured_a)
    if control.underused_since is not None:
        return control.underused_since if gap >= FOLLOWING_GAP_A else None
    return now if gap > UNDERUSED_GAP_A else None
