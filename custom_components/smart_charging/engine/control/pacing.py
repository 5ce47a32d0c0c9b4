"""How fast a setpoint may move: down at once, up in small steps that were confirmed one by one."""

from dataclasses import replace
from datetime import datetime, timedelta

from .elapsed import elapsed_s
from .snapshot import EvseControl, EvseSnapshot

RAISE_STEP_A = 2.0
RAISE_INTERVAL_S = 10.0
MOST_STEPS = 60.0  # the longest pause between two cycles that counts
FOLLOWER_FACTOR = 2.0  # a station that was seen to follow is raised so much faster
RECOVERY_S = 60.0  # after a limit took current away, nothing rises above what is safe for so long
SHORT_RECOVERY_S = 40.0  # where a battery takes up what a house adds


def pace(
    evse: EvseSnapshot, control: EvseControl, target_a: float, now: datetime, *, may_raise: bool, recovery_s: float
) -> tuple[float, EvseControl]:
    """Return the setpoint on the way to the target, and the memory that goes with it.

    A start goes to the minimum current at once; after that a setpoint rises by `RAISE_STEP_A` for each
    `RAISE_INTERVAL_S` since the last raise, and only once the station has accepted that. Where a limit, not a
    wish, lowers the target, the lowered value is the highest safe one for `recovery_s`.
    """
    last = control.setpoint_a
    if target_a == last:
        return last, control
    if target_a < last:
        if recovery_s > 0:
            recovers_at = now + timedelta(seconds=recovery_s)
            return target_a, replace(control, setpoint_a=target_a, recovers_at=recovers_at, safe_level_a=target_a)
        return target_a, replace(control, setpoint_a=target_a)
    ceiling_a = _safe_level(control, now)
    if not may_raise or last >= ceiling_a or not _confirmed(evse, last):
        return last, control
    minimum_a = evse.station.min_current_a
    waited_s = RAISE_INTERVAL_S if control.raised_at is None else elapsed_s(control.raised_at, now)
    if waited_s < RAISE_INTERVAL_S:
        return last, control
    # Where cycles are rare, the pace is the same: as many steps as intervals have passed.
    step_a = (
        RAISE_STEP_A * min(MOST_STEPS, waited_s // RAISE_INTERVAL_S) * (FOLLOWER_FACTOR if control.follows else 1.0)
    )
    raised = min(target_a, ceiling_a, minimum_a if last < minimum_a else last + step_a)
    return max(last, raised), replace(control, setpoint_a=max(last, raised), raised_at=now)


def recovery_left_s(control: EvseControl, now: datetime) -> float:
    """Return for how many seconds a setpoint still stays at what was safe when a limit cut it; 0 where it may rise."""
    return _left_s(control, now) if control.setpoint_a >= _safe_level(control, now) else 0.0


def _left_s(control: EvseControl, now: datetime) -> float:
    left_s = 0.0 if control.recovers_at is None else (control.recovers_at - now).total_seconds()
    return left_s if 0 < left_s <= RECOVERY_S else 0.0  # more is left only where the clock was set back


def _safe_level(control: EvseControl, now: datetime) -> float:
    recovering = _left_s(control, now) > 0
    return float("inf") if not recovering or control.safe_level_a is None else control.safe_level_a


def _confirmed(evse: EvseSnapshot, last_a: float) -> bool:
    return last_a <= 0 or (evse.commanded_a is not None and abs(evse.commanded_a - last_a) < 1.0)
