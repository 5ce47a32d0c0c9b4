"""A limit on feed-in, kept from cycle to cycle: batteries take what may not flow out, PV is curtailed for the rest.

An inverter that is curtailed shows no more than its ceiling, so nothing is derived from that: the ceiling follows from
what is used. Whether panels hold back power shows only when batteries take more and PV follows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
import math

from ..config import BatteryConfig, PvConfig
from ..model import MeterQuality
from .battery import BatteryAction, BatteryCommand, BatteryReason, BatterySnapshot
from .curtailment import ExportFlows, ceilings, honour_export
from .elapsed import elapsed_s
from .grid_expansion import LEAST_W
from .house import TRUSTED
from .pv import FeedInMemory, PvCommand, PvMemory, PvReason
from .situation import Situation
from .snapshot import Snapshot

DEADBAND_W = 100.0  # smaller changes of a ceiling are not told,
DEADBAND_SHARE = 0.01  # nor those below this part of the rating
RAISE_S = 10.0  # between a ceiling's change and its rise
SHOWS_S = 30.0  # after this an inverter follows its ceiling and its sensor shows it
FOLLOW_S = 20.0  # a system that could yield more does by then
PROBE_W = 300.0  # what batteries take more at first to see whether PV follows, or
PROBE_SHARE = 0.05  # of the rating where that is more;
PROBE_MOST_W = 2_000.0  # it doubles up to this each time that PV does
REST = timedelta(minutes=3)  # after a try in vain, which draws its power from the grid
HEADROOM_W = 200.0  # of what may flow out batteries take so much, or
HEADROOM_SHARE = 0.04  # of the rating, which leaves room to see PV rise
FEEDS_S = 10.0  # a battery's own control needs this long after a jump of the house
HOLD = timedelta(minutes=5)
FULL_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class FeedIn:
    """What a limit on feed-in comes to now: by system and by battery (W to charge with), and whether batteries may give."""

    pv: Mapping[str, PvCommand] = field(default_factory=dict)
    charge_w: Mapping[str, float] = field(default_factory=dict)
    holds: bool = False
    memory: FeedInMemory = field(default_factory=FeedInMemory)

    def command(self, config: BatteryConfig, told: BatteryCommand, spare_w: float) -> BatteryCommand:
        """Return what a battery is told beside all else: more charge, or none of the discharge that would feed in."""
        charge_w = min(self.charge_w.get(config.battery_id, 0.0), spare_w)
        if told.action is BatteryAction.DISCHARGE or told.reason is BatteryReason.UNAVAILABLE:
            return told
        if charge_w > LEAST_W and charge_w > told.power_w:
            return BatteryCommand(BatteryAction.CHARGE, BatteryReason.EXPORT_LIMIT, charge_w)
        if self.holds and config.can_hold and told.action is BatteryAction.NORMAL:
            return BatteryCommand(BatteryAction.HOLD, BatteryReason.EXPORT_LIMIT)
        return told


@dataclass(frozen=True, slots=True)
class _Flows:
    """W now: `load_w` as in the memory, `feeds_w` out at the grid meter, batteries' charge and discharge, what cars give."""

    load_w: float
    feeds_w: float
    charging_w: float
    discharging_w: float
    given_w: float
    pv_w: float


def limit_feed_in(basis: Situation, memory: FeedInMemory, *, may_raise: bool) -> FeedIn:
    """Return what a limit on feed-in asks of PV and batteries; without one everything is free at once."""
    site, limit_w = basis.snapshot.site, basis.snapshot.export_limit_w
    if limit_w is None:
        systems = [one for one in site.pv if one.can_curtail]
        freed = {one.pv_id: PvCommand(None, PvReason.NO_LIMIT) for one in systems}
        return FeedIn(freed, memory=FeedInMemory(_remembered(systems, memory, {}, basis.now)))
    flows = _measured(basis, memory)
    if flows is None:  # batteries are not led blindly
        whole_w = limit_w - sum(_assumed_w(basis.snapshot, one) for one in site.pv if not one.can_curtail)
        targets = ceilings(whole_w, site.pv)
        kept = FeedInMemory(pv=memory.pv)
        return _told(basis, kept, targets, PvReason.UNMEASURED, over=True, may_raise=may_raise)
    leads = {one.battery_id: one.max_charge_w for one, measured in basis.batteries if _takes(one, measured)}
    memory = _charged(basis, memory, flows, limit_w, sum(leads.values()))
    memory = _held(basis, memory, flows, limit_w)
    goes_on_w = min(flows.charging_w, memory.charge_w) if memory.charge_w > 0 else flows.charging_w
    whole_w = flows.load_w + limit_w + goes_on_w - flows.discharging_w + _handed_over_w(site.pv, flows, limit_w)
    told = _told(
        basis,
        replace(memory, load_w=flows.load_w),
        ceilings(whole_w, site.pv),
        PvReason.EXPORT_LIMIT,
        over=flows.feeds_w > limit_w,
        may_raise=may_raise and basis.snapshot.grid.quality is MeterQuality.FRESH,
    )
    share = memory.charge_w / sum(leads.values()) if leads else 0.0
    holds = memory.holds_until is not None and basis.now < memory.holds_until
    return replace(told, charge_w={name: share * most_w for name, most_w in leads.items()}, holds=holds)


def _assumed_w(snapshot: Snapshot, system: PvConfig) -> float:
    """Return what a system yields, all it can where nobody tells."""
    power_w = snapshot.pv_systems_w.get(system.pv_id)
    return system.installed_w if power_w is None else max(0.0, power_w)


def _takes(config: BatteryConfig, measured: BatterySnapshot) -> bool:
    known = measured.available and measured.soc_percent is not None
    return config.can_charge and known and (measured.soc_percent or 0.0) < FULL_PERCENT


def _measured(basis: Situation, memory: FeedInMemory) -> _Flows | None:
    """Return the flows, None without a trusted grid meter or where a system that is curtailed does not tell its power.

    What a system yields is uncertain while it follows a new ceiling and its sensor is late: what was used before counts
    as far as the grid meter allows.
    """
    snapshot = basis.snapshot
    curtailed = [one for one in snapshot.site.pv if one.can_curtail]
    seen = {one.pv_id: snapshot.pv_systems_w.get(one.pv_id) for one in curtailed}
    if snapshot.grid.quality not in TRUSTED or any(power_w is None for power_w in seen.values()):
        return None
    least_w = most_w = 0.0
    for one in curtailed:
        seen_w, told = max(0.0, seen[one.pv_id] or 0.0), memory.pv.get(one.pv_id, PvMemory())
        follows = told.changed_at is not None and elapsed_s(told.changed_at, basis.now) < SHOWS_S
        ceiling_w = one.installed_w if told.ceiling_w is None else told.ceiling_w
        least_w += min(seen_w, ceiling_w) if follows else seen_w
        most_w += max(seen_w, ceiling_w) if follows else seen_w
    drawn_w = sum(draw.least_a.total for draw in basis.draw.values()) * basis.volts
    grid_w, battery_w = basis.own_w + drawn_w, basis.battery_w
    least_load_w, most_load_w = grid_w + least_w + battery_w, grid_w + most_w + battery_w
    before_w = least_load_w if memory.load_w is None else memory.load_w
    return _Flows(
        load_w=min(max(before_w, least_load_w), most_load_w),
        feeds_w=-grid_w,
        charging_w=basis.charging_w,
        discharging_w=battery_w + basis.charging_w,
        given_w=sum(max(0.0, -draw.least_a.total) for draw in basis.draw.values()) * basis.volts,
        pv_w=sum(max(0.0, power_w or 0.0) for power_w in seen.values()),
    )


def _charged(basis: Situation, memory: FeedInMemory, flows: _Flows, limit_w: float, most_w: float) -> FeedInMemory:
    """Return the memory with what batteries are to take: what may not flow out, and more while PV follows."""
    told_w, room_w = min(memory.charge_w, most_w), flows.load_w + limit_w
    rated_w = sum(one.installed_w for one in basis.snapshot.site.pv if one.can_curtail)
    headroom_w = min(limit_w, max(HEADROOM_W, HEADROOM_SHARE * rated_w)) if told_w > 0 else 0.0
    available_w = flows.pv_w + headroom_w
    rising = _rises(memory, room_w + flows.charging_w - flows.discharging_w)
    if basis.held_back and not rising:
        taken_w = max(told_w, min(flows.charging_w, most_w))
        memory = _probed(memory, basis.now, max(PROBE_W, PROBE_SHARE * rated_w), more=most_w - taken_w > LEAST_W)
        available_w = room_w + taken_w + (memory.step_w if memory.probed_at == basis.now else 0.0)
    elif told_w > 0 and (rising or _since_change_s(memory, basis.now) < FOLLOW_S):
        available_w = max(available_w, room_w + told_w)
    elif memory.probed_at is not None:
        memory = replace(memory, probed_at=None, rests_until=basis.now + REST)
    plan = honour_export(
        limit_w, ExportFlows(flows.pv_w, flows.load_w, available_pv_w=available_w, battery_charge_max_w=most_w)
    )
    led = told_w > 0 or plan.battery_charge_w > flows.charging_w + LEAST_W
    return replace(memory, charge_w=plan.battery_charge_w if led and plan.battery_charge_w > LEAST_W else 0.0)


def _probed(memory: FeedInMemory, now: datetime, first_w: float, *, more: bool) -> FeedInMemory:
    """Return the memory of PV that holds power back; probed now where batteries are to take more of it by `step_w`."""
    if memory.probed_at is None:
        rests = memory.rests_until is not None and now < memory.rests_until
        return replace(memory, step_w=first_w, probed_at=now) if more and not rests else memory
    if any(one.changed_at is not None and one.changed_at > memory.probed_at for one in memory.pv.values()):
        step_w = max(first_w, min(PROBE_MOST_W, 2 * memory.step_w))
        return replace(memory, step_w=step_w, probed_at=now if more else None)
    if elapsed_s(memory.probed_at, now) >= SHOWS_S:
        return replace(memory, probed_at=None, rests_until=now + REST)
    return memory


def _rises(memory: FeedInMemory, whole_w: float) -> bool:
    """Return whether systems may yield more than they were told, and will be told so."""
    told_w = [one.ceiling_w for one in memory.pv.values() if one.ceiling_w is not None]
    return bool(told_w) and whole_w > sum(told_w) + DEADBAND_W


def _since_change_s(memory: FeedInMemory, now: datetime) -> float:
    """Return how long no ceiling has changed, in s; infinite where none ever did."""
    changes = (one.changed_at for one in memory.pv.values() if one.changed_at is not None)
    return min((elapsed_s(at, now) for at in changes), default=math.inf)


def _held(basis: Situation, memory: FeedInMemory, flows: _Flows, limit_w: float) -> FeedInMemory:
    """Return the memory with whether batteries are kept from giving what would flow out or take the place of PV."""
    fills = basis.held_back or flows.feeds_w > limit_w + LEAST_W
    if flows.discharging_w <= LEAST_W or not fills:
        return replace(memory, feeds_since=None)
    since = memory.feeds_since or basis.now
    holds = elapsed_s(since, basis.now) >= FEEDS_S
    return replace(memory, feeds_since=since, holds_until=basis.now + HOLD if holds else memory.holds_until)


def _handed_over_w(systems: Iterable[PvConfig], flows: _Flows, limit_w: float) -> float:
    """Return what PV may yield in place of what batteries and cars give: else those would keep it from ever beginning."""
    if flows.feeds_w > limit_w:
        return 0.0
    return min(flows.discharging_w + flows.given_w, sum(_deadband_w(one) for one in systems if one.can_curtail))


def _told(
    basis: Situation,
    memory: FeedInMemory,
    targets: Mapping[str, float | None],
    reason: PvReason,
    *,
    over: bool,
    may_raise: bool,
) -> FeedIn:
    """Return the systems' commands on the way to their targets: falls at once, rises from time to time."""
    systems = [one for one in basis.snapshot.site.pv if one.can_curtail]
    told = {
        one.pv_id: _paced(one, memory.pv.get(one.pv_id, PvMemory()), targets[one.pv_id], basis.now, over, may_raise)
        for one in systems
    }
    commands = {
        name: PvCommand(ceiling_w, PvReason.NOT_BINDING if ceiling_w is None else reason)
        for name, ceiling_w in told.items()
    }
    return FeedIn(commands, memory=replace(memory, pv=_remembered(systems, memory, told, basis.now)))


def _paced(
    system: PvConfig, memory: PvMemory, target_w: float | None, now: datetime, over: bool, may_raise: bool
) -> float | None:
    """Return a system's ceiling; small changes are left out, but none that something flows out for too much."""
    told_w = memory.ceiling_w
    if target_w is None and told_w is None:
        return None
    before_w = system.installed_w if told_w is None else told_w
    after_w = system.installed_w if target_w is None else target_w
    small = abs(after_w - before_w) < _deadband_w(system)
    if after_w < before_w:
        return told_w if small and not over and told_w is not None else target_w
    waited = memory.changed_at is None or elapsed_s(memory.changed_at, now) >= RAISE_S
    # The last step up to the rating is never too small: it is what ends the curtailing.
    return target_w if may_raise and waited and (not small or target_w is None) else told_w


def _deadband_w(system: PvConfig) -> float:
    return max(DEADBAND_W, DEADBAND_SHARE * system.installed_w)


def _remembered(
    systems: Iterable[PvConfig], memory: FeedInMemory, told: Mapping[str, float | None], now: datetime
) -> dict[str, PvMemory]:
    """Return each system's ceiling with since when it has it."""
    found = {}
    for one in systems:
        before, ceiling_w = memory.pv.get(one.pv_id, PvMemory()), told.get(one.pv_id)
        found[one.pv_id] = before if ceiling_w == before.ceiling_w else PvMemory(ceiling_w, now)
    return found
