"""What is learnt of an EVSE from one decision to the next: plugged since, phases in use, offer not taken."""

from dataclasses import replace
from datetime import datetime

from ..config import Connection, SiteConfig
from ..model import EvseStatus, Phases
from .conductor import learn
from .house import ACTIVE_A
from .snapshot import EvseControl, EvseSnapshot, FormerDraw
from .waking import WakingMemory, watch

UNDERUSED_AFTER_S = 60.0
UNDERUSED_GAP_A = 2.0  # draws this much less than offered: the rest can serve others
FOLLOWING_GAP_A = 0.5  # draws this close to its offer: it could use more
CAR_FOLLOWS_S = 2.0  # most cars are at their new current by then
LEAST_LATENESS_S = 5.0  # of a meter, whatever its interval: some are read by others first


def observe(
    evse: EvseSnapshot, control: EvseControl, grid_a: Phases | None, others_a: Phases, now: datetime
) -> EvseControl:
    """Return the EVSE's memory brought up to date with what is seen now.

    `grid_a` is what the grid meter shows, None where it is not to be trusted, `others_a` what other chargers
    draw, both A per grid phase.
    """
    if not evse.plugged:
        return EvseControl(
            setpoint_a=control.setpoint_a,
            raised_at=control.raised_at,
            cut_at=control.cut_at,
            safe_level_a=control.safe_level_a,
            phases=control.phases,
            conductor=control.conductor,
            told_a=control.told_a,
            told_phases=control.told_phases,
            former=control.former,
        )
    if control.plugged_since is None:
        # A car that charges already when first seen goes on; surplus decides whether it stays.
        drawing = evse.measured_a is not None and max(evse.measured_a) > ACTIVE_A
        control = replace(control, plugged_since=now, solar_running=drawing)
    waking = _waking(evse, control, now)
    if waking is not control.waking:
        control = replace(control, waking=waking)
    if evse.measured_a is None or not evse.settled:
        return control
    active = sum(1 for value in evse.measured_a if value > ACTIVE_A) or control.active_phases
    conductor = learn(
        control.conductor,
        configured=evse.station.rotation,
        grid_a=grid_a,
        drawn_a=evse.measured_a,
        others_a=others_a,
        now=now,
    )
    underused, follows = _underused_since(evse, control, now), control.follows or _follows(evse)
    seen = (active, conductor, underused, follows)
    if seen == (control.active_phases, control.conductor, control.underused_since, control.follows):
        return control
    return replace(control, active_phases=active, conductor=conductor, underused_since=underused, follows=follows)


def keep_former_draw(site: SiteConfig, evse: EvseSnapshot, control: EvseControl, now: datetime) -> EvseControl:
    """Return the memory with what the EVSE drew before its newest limit, as long as a late meter may show that.

    Without it a meter that still shows the current before a cut would seem to show a house that rose.
    """
    connected: tuple[Connection, ...] = (site, *site.circuits)
    late_s = CAR_FOLLOWS_S + max([LEAST_LATENESS_S, *(one.meter_interval_s for one in connected if one.has_meter)])
    kept = tuple(one for one in control.former if (now - one.until).total_seconds() < late_s)
    told_a = evse.commanded_a if evse.plugged else None
    if told_a != control.told_a or control.phases.wanted != control.told_phases:
        if evse.measured_a is not None and evse.connected:
            kept = (*kept, _former_draw(evse.measured_a, control, now, in_flight=bool(kept)))
        return replace(control, told_a=told_a, told_phases=control.phases.wanted, former=kept)
    return control if len(kept) == len(control.former) else replace(control, former=kept)


def leaves_offer_unused(evse: EvseSnapshot, control: EvseControl, now: datetime) -> bool:
    """Return whether the car has drawn less than it was offered for so long that the rest can serve others."""
    since = control.underused_since
    known = since is not None and evse.measured_a is not None
    return known and since is not None and (now - since).total_seconds() >= UNDERUSED_AFTER_S


def usable_max(control: EvseControl, evse: EvseSnapshot, now: datetime, ceiling_a: float) -> float:
    """Return the most that is worth offering: what the car draws plus 1 A once it left its offer unused."""
    if evse.status is EvseStatus.FINISHING:
        return evse.station.min_current_a  # plugged, but its transaction is over
    if not leaves_offer_unused(evse, control, now) or evse.measured_a is None:
        return ceiling_a
    return min(ceiling_a, max(evse.station.min_current_a, max(evse.measured_a) + 1.0))


def _waking(evse: EvseSnapshot, control: EvseControl, now: datetime) -> WakingMemory:
    offered = evse.commanded_a is not None and evse.commanded_a >= evse.station.min_current_a
    drawing = evse.measured_a is not None and max(evse.measured_a) > ACTIVE_A
    if evse.status is EvseStatus.FINISHING or not evse.connected or evse.measured_a is None:
        return control.waking
    return watch(control.waking, offered=offered and control.setpoint_a > 0, drawing=drawing, now=now)


def _former_draw(measured_a: Phases, control: EvseControl, now: datetime, *, in_flight: bool) -> FormerDraw:
    """Return the bounds of what was drawn until now; `in_flight` says that the limit before was new itself."""
    least_a = most_a = measured_a
    if in_flight and control.told_a is not None:
        active = tuple(phase for phase, value in enumerate(measured_a) if value > ACTIVE_A)
        told = Phases.spread(control.told_a, active or (0, 1, 2))
        least_a, most_a = measured_a.at_most(told), measured_a.at_least(told)
    if control.phases.wanted != control.told_phases:
        least_a = Phases()  # a car pauses while its phases change
    return FormerDraw(now, least_a, most_a)


def _follows(evse: EvseSnapshot) -> bool:
    if evse.commanded_a is None or evse.measured_a is None or evse.commanded_a < evse.station.min_current_a:
        return False
    return abs(max(evse.measured_a) - evse.commanded_a) <= FOLLOWING_GAP_A


def _underused_since(evse: EvseSnapshot, control: EvseControl, now: datetime) -> datetime | None:
    if evse.commanded_a is None or evse.measured_a is None or evse.commanded_a < evse.station.min_current_a:
        return None
    gap = evse.commanded_a - max(evse.measured_a)
    if control.underused_since is not None:
        return control.underused_since if gap >= FOLLOWING_GAP_A else None
    return now if gap > UNDERUSED_GAP_A else None
