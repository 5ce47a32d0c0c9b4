"""Judges from measurements and schedules whether a station does what it accepted: pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..model import EvseMeasurement
from .composite import CompositeSchedule
from .state import Obedience

SETTLE_S = 30.0  # a car follows a new limit within 5 s, meters report it every 10 s
OFFER_SETTLE_S = 10.0
TOLERANCE_A = 1.0
_TOLERANCE_SHARE = 0.08
_NEAR_A = 1.5


@dataclass(frozen=True, slots=True)
class LimitRecord:
    """A limit that was accepted at a monotonic second."""

    current_a: float
    at: float


@dataclass(frozen=True, slots=True)
class Sample:
    """A live measurement and the monotonic second at which it came in."""

    measurement: EvseMeasurement
    at: float


def limits_in_force(records: Sequence[LimitRecord], at: float, settle_s: float) -> tuple[float, float] | None:
    """Return the lowest and highest limit a car may rightly follow at this moment; None before any settled."""
    current: list[float] = []
    for index, record in enumerate(records):
        end = records[index + 1].at if index + 1 < len(records) else at
        if record.at <= at and end >= at - settle_s:
            current.append(record.current_a)
    if not current or at - records[0].at < settle_s:
        return None
    return min(current), max(current)


def judge(records: Sequence[LimitRecord], sample: Sample, composite_a: float | None) -> Obedience:
    """Return what this measurement tells: offered current first, then the schedule, then what flows.

    More current than every recent limit is proof of its own, whatever the station says.
    """
    drawn = sample.measurement.current_a
    drawn_a = None if drawn is None else max(drawn)
    flow = _judge_flow(records, sample.at, drawn_a)
    if flow is Obedience.IGNORES:
        return flow
    offered = _judge_offer(records, sample.at, sample.measurement.offered_a)
    if offered is Obedience.IGNORES and flow is Obedience.OBEYS:
        return flow  # some stations show a wrong Current.Offered, most of all at 0
    if offered is not Obedience.UNKNOWN:
        return offered
    if composite_a is not None and records:
        limit_a = records[-1].current_a
        return Obedience.OBEYS if composite_a <= limit_a + _tolerance(limit_a) else Obedience.IGNORES
    return flow


def _judge_flow(records: Sequence[LimitRecord], at: float, drawn_a: float | None) -> Obedience:
    limits = limits_in_force(records, at, SETTLE_S)
    if limits is None or drawn_a is None:
        return Obedience.UNKNOWN
    low, high = limits
    if drawn_a > high + _tolerance(high):
        return Obedience.IGNORES
    if drawn_a >= low - _NEAR_A:  # a car that takes less tells nothing
        return Obedience.OBEYS
    return Obedience.UNKNOWN


def _judge_offer(records: Sequence[LimitRecord], at: float, offered_a: float | None) -> Obedience:
    limits = limits_in_force(records, at, OFFER_SETTLE_S)
    if limits is None or offered_a is None:
        return Obedience.UNKNOWN
    low, high = limits
    if offered_a > high + _tolerance(high):
        return Obedience.IGNORES
    return Obedience.OBEYS if offered_a >= low - TOLERANCE_A else Obedience.UNKNOWN


def _tolerance(limit_a: float) -> float:
    return max(TOLERANCE_A, limit_a * _TOLERANCE_SHARE)


def composite_holds_lease(schedule: CompositeSchedule, hold_s: float, wanted_a: float, safe_a: float) -> bool | None:
    """Return whether the station foresees the fall to the safe limit; None if the schedule can't tell.

    The schedule must have been asked for over more than `hold_s`, right after acceptance.
    """
    now, later = schedule.limit_at(0), schedule.limit_at(hold_s + OFFER_SETTLE_S)
    if now is None or later is None or abs(now - wanted_a) > TOLERANCE_A or wanted_a - safe_a <= 2 * TOLERANCE_A:
        return None
    return later <= safe_a + TOLERANCE_A


def outage_holds_lease(drawn_a: float, wanted_a: float, safe_a: float) -> bool | None:
    """Return what a current measured after a lease ran out unrenewed tells; None if nothing."""
    if wanted_a - safe_a <= 2 * TOLERANCE_A:
        return None
    if drawn_a > safe_a + _tolerance(safe_a):
        return False
    return True if drawn_a >= safe_a - _NEAR_A else None
