"""What batteries do for a limit on feed-in: they take what may not flow out, and give nothing that would.

Whether panels at their ceiling hold back power nobody measures. It shows when batteries take more: PV may then yield more,
and does or does not.
"""

from dataclasses import replace
from datetime import datetime, timedelta
import math

from .curtailment import curtailed, to_store_w
from .elapsed import elapsed_s
from .feed_in_flows import SHOWS_S, Flows
from .grid_expansion import LEAST_W
from .pv import DEADBAND_W, FeedInMemory
from .situation import Situation

FOLLOW_S = 20.0  # a system that could yield more does by then
PROBE_W = 300.0  # what batteries take more at first to see whether PV follows, or
PROBE_SHARE = 0.05  # of the rating where that is more;
PROBE_MOST_W = 2_000.0  # it doubles up to this each time that PV does
REST = timedelta(minutes=3)  # after a try in vain, which draws its power from the grid
HEADROOM_W = 200.0  # of what may flow out batteries take so much, or
HEADROOM_SHARE = 0.04  # of the rating, which leaves room to see PV rise
FEEDS_S = 10.0  # a battery's own control needs this long after a jump of the house
HOLD = timedelta(minutes=5)


def charge(basis: Situation, memory: FeedInMemory, flows: Flows, limit_w: float, most_w: float) -> FeedInMemory:
    """Return the memory with what batteries, that may take `most_w` together, are to take.

    PV below its ceiling shows all it can: what of that may not flow out is taken. Of PV at its ceiling batteries go on
    taking what they do, and try for more. While a ceiling is about to rise, or just did, they wait for PV to follow.
    """
    told_w = min(memory.charge_w, most_w)
    rated_w = sum(one.installed_w for one in curtailed(basis.snapshot.site.pv))
    pv_w, kept_w = flows.pv_w, 0.0
    rising = _rises(memory, flows.load_w + limit_w + flows.charging_w - flows.discharging_w)
    if basis.held_back and not rising:
        kept_w = max(told_w, min(flows.charging_w, most_w))
        memory = _tried(memory, basis.now, max(PROBE_W, PROBE_SHARE * rated_w), more=most_w - kept_w > LEAST_W)
        if memory.probed_at == basis.now:
            kept_w += memory.step_w
    elif told_w > 0:
        pv_w += min(limit_w, max(HEADROOM_W, HEADROOM_SHARE * rated_w))
        if rising or _since_change_s(memory, basis.now) < FOLLOW_S:
            kept_w = told_w
    if kept_w == 0 and memory.probed_at is not None:
        memory = _rested(memory, basis.now)
    charge_w = max(to_store_w(limit_w, flows.load_w, pv_w, most_w), min(kept_w, most_w))
    # One that takes it by its own control is not led.
    needed = told_w > 0 or charge_w > flows.charging_w + LEAST_W
    return replace(memory, charge_w=charge_w if needed and charge_w > LEAST_W else 0.0)


def keep_from_giving(basis: Situation, memory: FeedInMemory, flows: Flows, limit_w: float) -> FeedInMemory:
    """Return the memory with until when batteries give nothing: it would flow out or take the place of PV."""
    displaces = basis.held_back or flows.feeds_w > limit_w + LEAST_W
    if flows.discharging_w <= LEAST_W or not displaces:
        return replace(memory, feeds_since=None)
    since = memory.feeds_since or basis.now
    lasts = elapsed_s(since, basis.now) >= FEEDS_S
    return replace(memory, feeds_since=since, holds_until=basis.now + HOLD if lasts else memory.holds_until)


def _tried(memory: FeedInMemory, now: datetime, first_w: float, *, more: bool) -> FeedInMemory:
    """Return the memory of PV at its ceiling: `probed_at` is now where batteries are to take `step_w` more of it.

    `more` tells whether they could.
    """
    if memory.probed_at is None:
        rests = memory.rests_until is not None and now < memory.rests_until
        return replace(memory, step_w=first_w, probed_at=now) if more and not rests else memory
    if any(one.changed_at is not None and one.changed_at > memory.probed_at for one in memory.pv.values()):
        step_w = max(first_w, min(PROBE_MOST_W, 2 * memory.step_w))
        return replace(memory, step_w=step_w, probed_at=now if more else None)
    return _rested(memory, now) if elapsed_s(memory.probed_at, now) >= SHOWS_S else memory


def _rested(memory: FeedInMemory, now: datetime) -> FeedInMemory:
    """Return the memory after a try in vain."""
    return replace(memory, probed_at=None, rests_until=now + REST)


def _rises(memory: FeedInMemory, whole_w: float) -> bool:
    """Return whether systems may yield more than they were told, and will be told so."""
    told_w = [one.ceiling_w for one in memory.pv.values() if one.ceiling_w is not None]
    return bool(told_w) and whole_w > sum(told_w) + DEADBAND_W


def _since_change_s(memory: FeedInMemory, now: datetime) -> float:
    """Return how long no ceiling has changed, in s; infinite where none ever did."""
    changes = (one.changed_at for one in memory.pv.values() if one.changed_at is not None)
    return min((elapsed_s(at, now) for at in changes), default=math.inf)
