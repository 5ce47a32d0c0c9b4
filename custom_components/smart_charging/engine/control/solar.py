"""Surplus charging: how much could go into cars without import, and who may start or must stop."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
import math

from ..config import BatteryConfig, SolarConfig
from ..model import EvseKey, Reason, ReasonCode
from .battery import BatterySnapshot
from .elapsed import elapsed_s
from .snapshot import EvseControl

FOLLOWING_S = 15.0  # a cloud's edge or a kettle is not followed at once
PROBE_INTERVAL_S = 900.0  # how often a car is started to see whether the inverter holds back
PROBE_STEP_W = 500.0  # how far beyond its draw a running car is led to see more
PROBE_PATIENCE_S = 60.0  # a start that shows no surplus by then was in vain
NO_EXPORT_W = 100.0  # within this of zero an inverter that may not export holds the grid


@dataclass(frozen=True, slots=True)
class SolarCandidate:
    """An EVSE in a solar mode; `start_w` is what its minimum current takes on the fewest phases it can use.

    An `idle` one was offered it and draws nothing: nothing of the surplus is kept for it. One `by_plan` is in a solar mode
    only while it does not buy.
    """

    key: EvseKey
    start_w: float
    always_on: bool
    idle: bool = False
    by_plan: bool = False

    @property
    def kept_w(self) -> float:
        """Return what others do not get while this one runs."""
        return 0.0 if self.idle else self.start_w


@dataclass(frozen=True, slots=True)
class Surplus:
    """W that cars could take without import: at once, smoothed to be followed, smoothed for decisions that last.

    `bridged` says that a battery makes up for a lack while a car runs, `starts` also to begin with;
    `battery_first` that one takes its part before cars. `probe` makes a start worth it
    just to see whether an inverter holds power back.
    """

    now_w: float
    following_w: float
    lasting_w: float
    bridged: bool = False
    starts: bool = False
    battery_first: bool = False
    probe: bool = False


def smooth(previous: float | None, elapsed_s: float, value: float, constant_s: float) -> float:
    """Return an exponentially smoothed value with this time constant."""
    if previous is None or constant_s <= 0:
        return value
    return value + (previous - value) * math.exp(-max(0.0, elapsed_s) / constant_s)


def beside_batteries(surplus_w: float, batteries: Sequence[tuple[BatteryConfig, BatterySnapshot]]) -> float:
    """Return what is left for cars of a surplus measured without the batteries' own power.

    A battery below its priority takes what it can first; above it, what it charges with is the cars'.
    """
    for config, measured in batteries:
        soc = measured.soc_percent
        if measured.available and soc is not None and soc < config.priority_soc_percent:
            surplus_w -= min(config.max_charge_w, max(0.0, surplus_w))
    return surplus_w


def buffered(batteries: Sequence[tuple[BatteryConfig, BatterySnapshot]]) -> tuple[bool, bool]:
    """Return whether a battery may bridge a lack of surplus for a car that runs, and whether it may start one."""
    full = [(one, m.soc_percent) for one, m in batteries if m.available and m.soc_percent is not None]
    bridged = any(soc >= one.buffer_soc_percent for one, soc in full if one.buffer_soc_percent < 100)
    starts = any(soc >= one.buffer_start_soc_percent for one, soc in full if one.buffer_start_soc_percent < 100)
    return bridged or starts, starts


def hidden(grid_w: float, pv_w: float | None) -> bool:
    """Return whether an inverter that may not export could be holding power back."""
    return abs(grid_w) <= NO_EXPORT_W and (pv_w is None or pv_w > NO_EXPORT_W)


def admit_to_surplus(
    candidates: Sequence[SolarCandidate],
    controls: Mapping[EvseKey, EvseControl],
    surplus: Surplus,
    config: SolarConfig,
    now: datetime,
) -> tuple[dict[EvseKey, EvseControl], dict[EvseKey, Reason], dict[EvseKey, float]]:
    """Return who runs on surplus now, why each that waits or is about to stop does so, and the W left to each.

    Candidates come in order of admission. What an earlier one needs at least is not there
    for a later one. Both delays are skipped for a car that was just plugged in.
    """
    left = surplus.lasting_w - sum(candidate.kept_w for candidate in candidates if candidate.always_on)
    updated: dict[EvseKey, EvseControl] = {}
    reasons: dict[EvseKey, Reason] = {}
    left_w: dict[EvseKey, float] = {}
    for candidate in candidates:
        control = controls[candidate.key]
        if candidate.always_on:
            left_w[candidate.key] = left + candidate.kept_w
            updated[candidate.key] = replace(control, solar_running=True, surplus_since=None, shortage_since=None)
            continue
        left_w[candidate.key] = left
        step = _go_on if control.solar_running else _wait
        updated[candidate.key], reason = step(candidate, control, replace(surplus, lasting_w=left), config, now)
        if reason is not None:
            reasons[candidate.key] = reason
        if updated[candidate.key].solar_running:
            left -= candidate.kept_w
    return updated, reasons, left_w


def _go_on(
    candidate: SolarCandidate, control: EvseControl, surplus: Surplus, config: SolarConfig, now: datetime
) -> tuple[EvseControl, Reason | None]:
    params: dict[str, float | str] = {"surplus_w": round(surplus.lasting_w), "needed_w": round(candidate.start_w)}
    if surplus.lasting_w >= config.stop_share * candidate.start_w:
        return replace(control, shortage_since=None, probing_since=None), None
    if surplus.bridged:
        return replace(control, shortage_since=None), Reason(ReasonCode.BATTERY_BUFFER, params)
    since = control.shortage_since or now
    waited = elapsed_s(since, now)
    probed_s = None if control.probing_since is None else elapsed_s(control.probing_since, now)
    delay_s = config.stop_s if probed_s is None else PROBE_PATIENCE_S
    if waited >= delay_s:
        stopped = replace(control, solar_running=False, shortage_since=None, surplus_since=None, probing_since=None)
        return stopped, Reason(ReasonCode.SURPLUS_LOW, params)
    waiting = replace(control, shortage_since=since)
    if probed_s is not None:
        return waiting, Reason(ReasonCode.PROBING, params)
    timing = {"waited_s": round(waited), "delay_s": round(delay_s)}
    return waiting, Reason(ReasonCode.SURPLUS_STOPPING, {**params, **timing})


def _wait(
    candidate: SolarCandidate, control: EvseControl, surplus: Surplus, config: SolarConfig, now: datetime
) -> tuple[EvseControl, Reason | None]:
    params: dict[str, float | str] = {"surplus_w": round(surplus.lasting_w), "needed_w": round(candidate.start_w)}
    running = replace(control, solar_running=True, surplus_since=None, shortage_since=None)
    enough = surplus.lasting_w >= config.start_share * candidate.start_w
    # From another mode it goes on, and stops as any other does; what was bought by plan ends with the cheap time.
    if control.setpoint_a > 0 and (enough or not candidate.by_plan):
        return running, None
    enough = surplus.lasting_w >= config.start_share * candidate.start_w
    if not enough and surplus.starts:
        return running, Reason(ReasonCode.BATTERY_BUFFER, params)
    if not enough and surplus.probe:
        return replace(running, probing_since=now), Reason(ReasonCode.PROBING, params)
    if not enough:
        code = ReasonCode.BATTERY_FIRST if surplus.battery_first else ReasonCode.SURPLUS_LOW
        return replace(control, surplus_since=None), Reason(code, params)
    since = control.surplus_since or now
    waited = elapsed_s(since, now)
    if control.plugged_since == now or waited >= config.start_s:
        return running, None
    timing = {"waited_s": round(waited), "delay_s": round(config.start_s)}
    return replace(control, surplus_since=since), Reason(ReasonCode.SURPLUS_STARTING, {**params, **timing})
