"""How fast a setpoint may move: down at once, up in small steps that were confirmed one by one."""

from dataclasses import replace
from datetime import datetime

from .snapshot import EvseControl, EvseSnapshot

RAISE_STEP_A = 2.0
RAISE_INTERVAL_S = 10.0


def pace(
    evse: EvseSnapshot, control: EvseControl, target_a: float, now: datetime, *, may_raise: bool
) -> tuple[float, EvseControl]:
    """Return the setpoint on the way to the target, and the memory that goes with it.

    A start goes to the minimum current at once; after that a setpoint rises by
    `RAISE_STEP_A` each `RAISE_INTERVAL_S`, and only once the station has accepted the last one.
    """
    last = control.setpoint_a
    if target_a <= last:
        return target_a, replace(control, setpoint_a=target_a)
    if not may_raise or not _confirmed(evse, last) or not _interval_passed(control, now):
        return last, control
    minimum = evse.station.min_current_a
    raised = min(target_a, minimum if last < minimum else last + RAISE_STEP_A)
    return raised, replace(control, setpoint_a=raised, raised_at=now)


def _confirmed(evse: EvseSnapshot, last_a: float) -> bool:
    return last_a <= 0 or (evse.commanded_a is not None and abs(evse.commanded_a - last_a) < 1.0)


def _interval_passed(control: EvseControl, now: datetime) -> bool:
    return control.raised_at is None or (now - control.raised_at).total_seconds() >= RAISE_INTERVAL_S
