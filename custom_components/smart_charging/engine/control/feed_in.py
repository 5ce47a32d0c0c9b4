"""A limit on feed-in, kept from cycle to cycle: batteries take what may not flow out, PV is curtailed for the rest.

An inverter that is curtailed shows no more than its ceiling, so nothing is derived from that: the ceiling follows from
what is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..config import BatteryConfig
from ..model import MeterQuality
from .battery import BatteryAction, BatteryCommand, BatteryReason, BatterySnapshot
from .curtailment import ceilings, curtailed, may_yield_w
from .feed_in_batteries import charge, keep_from_giving
from .feed_in_flows import Flows, measure_flows, uncurtailed_w
from .grid_expansion import LEAST_W
from .pv import NEVER_CURTAILED, NOTHING_W, FeedInMemory, PvCommand, PvReason, deadband_w, freed, not_below, paced
from .situation import Situation

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
        if told.action is BatteryAction.DISCHARGE or told.reason is BatteryReason.UNAVAILABLE:
            return told
        charge_w = min(self.charge_w.get(config.battery_id, 0.0), spare_w)
        if charge_w > LEAST_W and charge_w > told.power_w:
            return BatteryCommand(BatteryAction.CHARGE, BatteryReason.EXPORT_LIMIT, charge_w)
        if self.holds and config.can_hold and told.action is BatteryAction.NORMAL:
            return BatteryCommand(BatteryAction.HOLD, BatteryReason.EXPORT_LIMIT)
        return told


def limit_feed_in(basis: Situation, memory: FeedInMemory, *, may_raise: bool) -> FeedIn:
    """Return what a limit on feed-in asks of PV and batteries; without one everything is free at once."""
    limit_w = basis.snapshot.export_limit_w
    if limit_w is None:
        return _free(basis, memory)
    flows = measure_flows(basis, memory)
    if flows is None:
        return _unmeasured(basis, memory, limit_w, may_raise=may_raise)
    takers = {one.battery_id: one.max_charge_w for one, measured in basis.batteries if _takes(one, measured)}
    most_w = sum(takers.values())
    memory = charge(basis, memory, flows, limit_w, most_w)
    memory = keep_from_giving(basis, memory, flows, limit_w)
    stored_w = _goes_on_w(flows, memory) - flows.discharging_w + _handed_over_w(basis, flows, limit_w)
    told = _curtail(
        basis,
        replace(memory, load_w=flows.load_w),
        may_yield_w(limit_w, flows.load_w, stored_w),
        PvReason.EXPORT_LIMIT,
        over=flows.feeds_w > limit_w,
        may_raise=may_raise and basis.snapshot.grid.quality is MeterQuality.FRESH,
    )
    share = memory.charge_w / most_w if most_w > 0 else 0.0
    holds = memory.holds_until is not None and basis.now < memory.holds_until
    return replace(told, charge_w={name: share * own_w for name, own_w in takers.items()}, holds=holds)


def _free(basis: Situation, memory: FeedInMemory) -> FeedIn:
    """Return that all systems may yield what they can, with nothing kept of the limit but when they were told so."""
    ids = [one.pv_id for one in curtailed(basis.snapshot.site.pv)]
    kept = {pv_id: freed(memory.pv.get(pv_id, NEVER_CURTAILED), basis.now) for pv_id in ids}
    return FeedIn({pv_id: PvCommand(None, PvReason.NO_LIMIT) for pv_id in ids}, memory=FeedInMemory(kept))


def _unmeasured(basis: Situation, memory: FeedInMemory, limit_w: float, *, may_raise: bool) -> FeedIn:
    """Return ceilings as if nothing were used here; batteries are not led blindly."""
    kept, whole_w = FeedInMemory(memory.pv), limit_w - uncurtailed_w(basis.snapshot)
    return _curtail(basis, kept, whole_w, PvReason.UNMEASURED, over=True, may_raise=may_raise)


def _curtail(
    basis: Situation, memory: FeedInMemory, whole_w: float, reason: PvReason, *, over: bool, may_raise: bool
) -> FeedIn:
    """Return the systems' commands on the way to their parts of what they may yield together."""
    least_w = basis.snapshot.pv_least_w
    systems, targets = curtailed(basis.snapshot.site.pv), ceilings(whole_w, basis.snapshot.site.pv, least_w)
    kept = {
        one.pv_id: paced(
            one,
            not_below(memory.pv.get(one.pv_id, NEVER_CURTAILED), least_w.get(one.pv_id, 0.0)),
            targets[one.pv_id],
            basis.now,
            over=over,
            may_raise=may_raise,
        )
        for one in systems
    }
    told_w = sum(target_w for target_w in targets.values() if target_w is not None)
    too_much = told_w > max(0.0, whole_w) + NOTHING_W
    commands = dict[str, PvCommand]()
    for pv_id, one in kept.items():
        lowest = too_much and one.ceiling_w is not None and one.ceiling_w <= least_w.get(pv_id, 0.0)
        why = PvReason.NOT_BINDING if one.ceiling_w is None else PvReason.LOWEST if lowest else reason
        commands[pv_id] = PvCommand(one.ceiling_w, why)
    return FeedIn(commands, memory=replace(memory, pv=kept))


def _takes(config: BatteryConfig, measured: BatterySnapshot) -> bool:
    """Return whether a battery can be told to charge and has room, as far as is known."""
    return (
        config.can_charge
        and measured.available
        and measured.soc_percent is not None
        and measured.soc_percent < FULL_PERCENT
    )


def _goes_on_w(flows: Flows, memory: FeedInMemory) -> float:
    """Return what of the batteries' charge goes on: one that is led down takes no more than it is told."""
    return min(flows.charging_w, memory.charge_w) if memory.charge_w > 0 else flows.charging_w


def _handed_over_w(basis: Situation, flows: Flows, limit_w: float) -> float:
    """Return what PV may yield in place of what batteries and cars give: else those would keep it from ever beginning."""
    if flows.feeds_w > limit_w:
        return 0.0
    return min(flows.discharging_w + flows.given_w, sum(deadband_w(one) for one in curtailed(basis.snapshot.site.pv)))
