"""Surplus charging: how much could go into cars without import, and who may start or must stop."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
import math

from ..config import SolarTimes
from ..model import EvseKey, Reason, ReasonCode
from .snapshot import EvseControl

SMOOTHING_S = 15.0  # a cloud's edge or a kettle is not followed at once


@dataclass(frozen=True, slots=True)
class SolarCandidate:
    """An EVSE in a solar mode; `start_w` is what its minimum current takes."""

    key: EvseKey
    start_w: float
    always_on: bool


def smooth(previous_w: float | None, previous_at: datetime | None, value_w: float, now: datetime) -> float:
    """Return an exponentially smoothed surplus with a time constant of `SMOOTHING_S`."""
    if previous_w is None or previous_at is None:
        return value_w
    elapsed = max(0.0, (now - previous_at).total_seconds())
    return value_w + (previous_w - value_w) * math.exp(-elapsed / SMOOTHING_S)


def admit_to_surplus(
    candidates: Sequence[SolarCandidate],
    controls: Mapping[EvseKey, EvseControl],
    surplus_w: float,
    times: SolarTimes,
    now: datetime,
) -> tuple[dict[EvseKey, EvseControl], dict[EvseKey, Reason]]:
    """Return who runs on surplus now, with updated timers, and the reason of each that waits or is about to stop.

    Candidates come in order of admission. What an earlier one needs at least is not there
    for a later one. Both delays are skipped for a car that was just plugged in.
    """
    left = surplus_w - sum(candidate.start_w for candidate in candidates if candidate.always_on)
    updated: dict[EvseKey, EvseControl] = {}
    reasons: dict[EvseKey, Reason] = {}
    for candidate in candidates:
        if candidate.always_on:
            updated[candidate.key] = replace(
                controls[candidate.key], solar_running=True, surplus_since=None, shortage_since=None
            )
            continue
        control, reason = _step(candidate, controls[candidate.key], left, times, now)
        updated[candidate.key] = control
        if reason is not None:
            reasons[candidate.key] = reason
        if control.solar_running:
            left -= candidate.start_w
    return updated, reasons


def _step(
    candidate: SolarCandidate, control: EvseControl, left_w: float, times: SolarTimes, now: datetime
) -> tuple[EvseControl, Reason | None]:
    enough = left_w >= candidate.start_w
    params: dict[str, float | str] = {"surplus_w": round(left_w), "needed_w": round(candidate.start_w)}
    if control.solar_running:
        if enough:
            return replace(control, shortage_since=None), None
        since = control.shortage_since or now
        waited = (now - since).total_seconds()
        if waited >= times.stop_s:
            stopped = replace(control, solar_running=False, shortage_since=None, surplus_since=None)
            return stopped, Reason(ReasonCode.SURPLUS_LOW, params)
        waiting = replace(control, shortage_since=since)
        return waiting, Reason(
            ReasonCode.SURPLUS_STOPPING, {**params, "waited_s": round(waited), "delay_s": round(times.stop_s)}
        )
    if not enough:
        return replace(control, surplus_since=None), Reason(ReasonCode.SURPLUS_LOW, params)
    since = control.surplus_since or now
    waited = (now - since).total_seconds()
    just_plugged = control.plugged_since == now
    if just_plugged or waited >= times.start_s:
        return replace(control, solar_running=True, surplus_since=None, shortage_since=None), None
    return replace(control, surplus_since=since), Reason(
        ReasonCode.SURPLUS_STARTING, {**params, "waited_s": round(waited), "delay_s": round(times.start_s)}
    )
