"""What cars give back: to the house as much as it takes from the grid, or more where that is sold; never more than by plan.

Nothing rests on it: what a car gives may end at any second, so limits are kept as if it gave nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
import math

from ..model import EvseKey, MeterQuality, Reason, ReasonCode, Setpoint
from .elapsed import elapsed_s
from .giving_memory import GivingMemory
from .house import measured_on_grid
from .planning.giving_advice import GivingNow, GivingUse, at_floor, giving_by_plan
from .situation import Situation
from .snapshot import EvseControl, EvseSnapshot
from .wiring import PHASE_NAMES, grid_phases

START_W = 400.0  # less is not worth waking a car's inverter for
STOP_W = 200.0
LEAST_W = 100.0
START_S = 60.0  # a kettle alone starts no car
STOP_S = 180.0
HOUSE_LEFT_W = 100.0  # of the house's import: its load moves faster than a car follows
ROOM_SHARE = 0.97  # of what fuses leave: a voltage that falls makes more amperes of the same power
STEP_W = 100.0  # smaller changes are not sent
RAISE_S = 10.0
FLASH_RAISE_S = 120.0  # where each change is stored in flash
OBEYS_SHARE = 0.3  # of what it was told a car gives at least, once it had time
OBEYS_S = 90.0
RETRY = timedelta(minutes=15)
_KEPT_WH = 200.0  # above what is to be kept: nearer to that no car begins

# Reasons of a car that waits, beside which is told why it gives nothing.
_WAITING = frozenset({ReasonCode.PLAN_WAITING, ReasonCode.PRICE_HIGH, ReasonCode.TARGET_REACHED, ReasonCode.NO_TARGET})


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What an EVSE is to give: for what, and W, before that is paced."""

    use: GivingUse
    power_w: float


_NOTHING = _Wanted(GivingUse.NOTHING, 0.0)


def give_back(
    basis: Situation,
    order: Sequence[EvseSnapshot],
    controls: Mapping[EvseKey, EvseControl],
    setpoints: Mapping[EvseKey, Setpoint],
    *,
    may_raise: bool,
) -> tuple[dict[EvseKey, EvseControl], dict[EvseKey, Setpoint]]:
    """Return setpoints and memories with what cars give; the first in the order covers the house before the others."""
    controls, setpoints = dict(controls), dict(setpoints)
    house_w, begun_w = _house(basis, order), 0.0
    for evse in order:
        memory = controls[evse.key].giving
        if evse.advice is None or evse.advice.gives is None:
            if memory != GivingMemory():
                controls[evse.key] = replace(controls[evse.key], giving=_stopped(basis, memory))
            continue
        wanted = _wanted(basis, evse, setpoints[evse.key], house_w, _room_w(evse, memory, begun_w))
        balanced_w = max(0.0, _balanced_w(basis, evse, controls[evse.key]) - begun_w)
        wanted = replace(wanted, power_w=min(wanted.power_w, balanced_w))
        told_w = memory.told_w
        memory = _paced(basis, evse, _followed(basis, evse, memory, wanted), wanted, may_raise=may_raise)
        controls[evse.key] = replace(controls[evse.key], giving=memory)
        setpoints[evse.key] = _told(basis, evse, setpoints[evse.key], memory)
        house_w = max(0.0, house_w - memory.told_w)
        begun_w += max(0.0, memory.told_w - told_w)  # of which no guard of a fuse knows yet
    return controls, setpoints


def _house(basis: Situation, order: Sequence[EvseSnapshot]) -> float:
    """Return the W that the house takes from the grid beside all cars, and that nobody gives by order.

    What a battery charges with is no need of the house: else what a car gives too much would end there.
    """
    ordered_w = sum(min(0.0, evse.ordered_w or 0.0) for evse in order)
    return max(0.0, basis.own_w + min(0.0, basis.battery_w) + ordered_w - HOUSE_LEFT_W)


def _room_w(evse: EvseSnapshot, memory: GivingMemory, begun_w: float) -> float:
    """Return the W that fuses and the grid's rules leave for what a car gives.

    What others were told and is not seen yet counts against more, not against what a car gives already: whether that
    is too much the meters tell. `begun_w` is what others begin to give with this decision: they may be on the same
    fuses and phases.
    """
    more_w = ROOM_SHARE * evse.given_room_w - begun_w * evse.station.phases
    return max(0.0, more_w, min(memory.told_w, ROOM_SHARE * evse.kept_room_w))


def _wanted(basis: Situation, evse: EvseSnapshot, setpoint: Setpoint, house_w: float, room_w: float) -> _Wanted:
    """Return what an EVSE is to give by plan and by what is measured; nothing where anything speaks against it."""
    ready = evse.connected and evse.plugged and evse.settings.enabled and not evse.refused and evse.ordered_w is None
    metered = basis.snapshot.grid.quality is MeterQuality.FRESH and basis.quality(evse) is MeterQuality.FRESH
    if not ready or not metered or setpoint.current_a > 0 or basis.held_back:  # the sun comes first
        return _NOTHING
    use: GivingNow = giving_by_plan(evse.advice, basis.now)
    most_w = min(use.most_w, room_w)
    match use.use:
        case GivingUse.GRID:
            return _Wanted(use.use, most_w)
        case GivingUse.HOUSE:
            return _Wanted(use.use, min(most_w, house_w))
        case _:
            return _NOTHING


def _balanced_w(basis: Situation, evse: EvseSnapshot, control: EvseControl) -> float:
    """Return the W that a car may give so that no two phases differ by more than they may, infinite where nobody asks."""
    site, flow_a = basis.snapshot.site, basis.snapshot.grid.current_a
    used = grid_phases(site, evse.station, control.active_phases)
    if site.unbalance_a is None or site.phases == 1 or flow_a is None or len(used) == len(PHASE_NAMES):
        return math.inf
    others_a = flow_a - measured_on_grid(site, evse)
    apart_a = max(others_a) - min(others_a[phase] for phase in used)
    return max(0.0, site.unbalance_a - apart_a) * basis.volts * len(used)


def _followed(basis: Situation, evse: EvseSnapshot, memory: GivingMemory, wanted: _Wanted) -> GivingMemory:
    """Return the memory with whether the car has something to give for, and does what it was told."""
    now = basis.now
    if memory.failed_until is not None and now < memory.failed_until:
        return _stopped(basis, memory)
    memory = replace(memory, failed_until=None)
    if memory.told_w > 0 and not _obeys(basis, evse, memory):
        since = memory.short_since or now
        if elapsed_s(since, now) >= OBEYS_S:
            return replace(_stopped(basis, memory), failed_until=now + RETRY)
        memory = replace(memory, short_since=since)
    else:
        memory = replace(memory, short_since=None)
    if wanted.use is GivingUse.NOTHING:
        return _stopped(basis, memory)
    if memory.running:
        idle_since = None if wanted.power_w >= STOP_W else memory.idle_since or now
        if idle_since is not None and elapsed_s(idle_since, now) >= STOP_S:
            return _stopped(basis, memory)
        return replace(memory, idle_since=idle_since)
    gives = None if evse.advice is None else evse.advice.gives
    enough = wanted.power_w >= START_W and gives is not None and gives.stored_wh >= _KEPT_WH
    wanted_since = memory.wanted_since or now if enough else None
    running = wanted_since is not None and elapsed_s(wanted_since, now) >= START_S
    return replace(memory, wanted_since=wanted_since, running=running)


def _obeys(basis: Situation, evse: EvseSnapshot, memory: GivingMemory) -> bool:
    """Return whether a car is seen to give about what it was told, or had been told before."""
    if evse.measured_a is None:
        return False
    return -evse.measured_a.total * basis.volts >= OBEYS_SHARE * min(memory.told_w, memory.before_w or memory.told_w)


def _stopped(basis: Situation, memory: GivingMemory) -> GivingMemory:
    """Return the memory of a car that gives nothing."""
    changed_at = basis.now if memory.told_w > 0 else memory.changed_at
    before_w = memory.told_w if memory.told_w > 0 else memory.before_w
    return GivingMemory(before_w=before_w, changed_at=changed_at, failed_until=memory.failed_until)


def _paced(
    basis: Situation, evse: EvseSnapshot, memory: GivingMemory, wanted: _Wanted, *, may_raise: bool
) -> GivingMemory:
    """Return the memory with what the car is told: less at once, more from time to time."""
    if not memory.running:
        return memory
    power_w = wanted.power_w if wanted.power_w >= LEAST_W else 0.0
    pause_s = FLASH_RAISE_S if evse.station.writes_flash else RAISE_S
    waited = memory.changed_at is None or elapsed_s(memory.changed_at, basis.now) >= pause_s
    if power_w > memory.told_w and not (may_raise and waited):
        return memory
    if power_w == memory.told_w or (power_w > 0 and abs(power_w - memory.told_w) < STEP_W):
        return memory
    return replace(memory, told_w=power_w, before_w=memory.told_w, changed_at=basis.now)


def _told(basis: Situation, evse: EvseSnapshot, setpoint: Setpoint, memory: GivingMemory) -> Setpoint:
    """Return a setpoint with what is given meanwhile, and why, or why nothing is."""
    advice = evse.advice
    told = {} if advice is None else {"price": advice.price, "worth": advice.value, "feed_in": advice.feed_in}
    params: dict[str, float | str] = {name: round(value, 3) for name, value in told.items() if value is not None}
    if memory.told_w > 0:
        reason = Reason(ReasonCode.PLAN_GIVING, {"power_w": round(memory.told_w), **params})
        return replace(setpoint, give_w=memory.told_w, reason=reason)
    if setpoint.current_a > 0 or setpoint.reason.code not in _WAITING:
        return setpoint
    if memory.failed_until is not None:
        left_s = max(0.0, (memory.failed_until - basis.now).total_seconds())
        return replace(setpoint, reason=Reason(ReasonCode.GIVING_FAILED, {"left_s": round(left_s)}))
    if at_floor(advice):
        kept = {"kept_percent": round(evse.settings.kept_soc_percent, 1)}
        return replace(setpoint, reason=Reason(ReasonCode.GIVING_FLOOR, {**kept, **params}))
    return setpoint
