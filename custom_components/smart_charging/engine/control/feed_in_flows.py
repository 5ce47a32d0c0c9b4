"""What flows at a site while a limit on feed-in holds, as far as its meters tell."""

from dataclasses import dataclass

from ..config import PvConfig
from .curtailment import curtailed
from .elapsed import elapsed_s
from .house import TRUSTED
from .pv import NEVER_CURTAILED, FeedInMemory, PvMemory
from .situation import Situation
from .snapshot import Snapshot

SHOWS_S = 30.0  # after this an inverter follows its ceiling and its sensor shows it


@dataclass(frozen=True, slots=True)
class Flows:
    """W now: `load_w` as in the memory, `feeds_w` out at the grid meter, batteries' charge and discharge, what cars give.

    `pv_w` is what systems yield that can be curtailed.
    """

    load_w: float
    feeds_w: float
    charging_w: float
    discharging_w: float
    given_w: float
    pv_w: float


def measure_flows(basis: Situation, memory: FeedInMemory) -> Flows | None:
    """Return the flows, None without a trusted grid meter or where a system that is curtailed does not tell its power.

    What a system yields is uncertain while it follows a new ceiling and its sensor is late: what was used before counts
    as far as the grid meter allows.
    """
    if basis.snapshot.grid.quality not in TRUSTED:
        return None
    yields_w = least_w = most_w = 0.0
    for one in curtailed(basis.snapshot.site.pv):
        power_w = basis.snapshot.pv_systems_w.get(one.pv_id)
        if power_w is None:
            return None
        seen_w = max(0.0, power_w)
        low_w, high_w = _bounds_w(basis, one, seen_w, memory.pv.get(one.pv_id, NEVER_CURTAILED))
        yields_w, least_w, most_w = yields_w + seen_w, least_w + low_w, most_w + high_w
    drawn_w = sum(draw.least_a.total for draw in basis.draw.values()) * basis.volts
    grid_w = basis.own_w + drawn_w
    beside_pv_w = grid_w + basis.battery_w
    before_w = beside_pv_w + least_w if memory.load_w is None else memory.load_w
    return Flows(
        load_w=min(max(before_w, beside_pv_w + least_w), beside_pv_w + most_w),
        feeds_w=-grid_w,
        charging_w=basis.charging_w,
        discharging_w=basis.battery_w + basis.charging_w,
        given_w=sum(max(0.0, -draw.least_a.total) for draw in basis.draw.values()) * basis.volts,
        pv_w=yields_w,
    )


def uncurtailed_w(snapshot: Snapshot) -> float:
    """Return what systems yield that can't be curtailed, each all it can where it does not tell."""
    others = [one for one in snapshot.site.pv if not one.can_curtail]
    told = {one.pv_id: snapshot.pv_systems_w.get(one.pv_id) for one in others}
    return sum(one.installed_w if (power_w := told[one.pv_id]) is None else max(0.0, power_w) for one in others)


def _bounds_w(basis: Situation, system: PvConfig, seen_w: float, told: PvMemory) -> tuple[float, float]:
    """Return the least and the most that a system may yield now."""
    if told.changed_at is None or elapsed_s(told.changed_at, basis.now) >= SHOWS_S:
        return seen_w, seen_w
    ceiling_w = system.installed_w if told.ceiling_w is None else told.ceiling_w
    return min(seen_w, ceiling_w), max(seen_w, ceiling_w)
