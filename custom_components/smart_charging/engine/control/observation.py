"""What is learnt of an EVSE from one decision to the next: plugged since, phases in use, offer not taken."""

from dataclasses import replace
from datetime import datetime

from ..config import Connection, SiteConfig
from ..model import EvseStatus, Phases
from .conductor import learn
from .elapsed import elapsed_s
from .house import ACTIVE_A, EXCESS_A
from .snapshot import EvseControl, EvseSnapshot, FormerDraw
from .waking import WakingMemory, watch

UNDERUSED_AFTER_S = 60.0
UNDERUSED_GAP_A = 2.0  # draws this much less than offered: the rest can serve others
FOLLOWING_GAP_A = 0.5  # draws this close to its offer: it could use more
PHASES_LAST_S = 30.0  # a car that starts, or whose phases change, uses all it will by then
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
            recovers_at=control.recovers_at,
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
    exceeds = (control.exceeds_since or now) if _may_exceed(evse, control) else None
    if exceeds != control.exceeds_since:
        control = replace(control, exceeds_since=exceeds)
    waking = _waking(evse, control, now)
    if waking is not control.waking:
        control = replace(control, waking=waking)
    if evse.measured_a is None:
        return control
    active, follows = _active_phases(evse, control, now), control.follows or _follows(evse)
    if not evse.settled:
        seen = (active, follows) != (control.active_phases, control.follows)
        return replace(control, active_phases=active, follows=follows) if seen else control
    conductor = learn(
        control.conductor,
        configured=evse.station.rotation,
        grid_a=grid_a,
        drawn_a=evse.measured_a,
        others_a=others_a,
        now=now,
    )
    underused = _underused_since(evse, control, now)
    known = (control.active_phases, control.conductor, control.underused_since, control.follows)
    if (active, conductor, underused, follows) == known:
        return control
    return replace(control, active_phases=active, conductor=conductor, underused_since=underused, follows=follows)


def shown_after_s(site: SiteConfig) -> float:
    """Return after how many seconds what a station was told shows on all meters, if its car follows."""
    connected: tuple[Connection, ...] = (site, *site.circuits)
    return CAR_FOLLOWS_S + max([LEAST_LATENESS_S, *(one.meter_interval_s for one in connected if one.has_meter)])


def keep_former_draw(site: SiteConfig, evse: EvseSnapshot, control: EvseControl, now: datetime) -> EvseControl:
    """Return the memory with what the EVSE drew before its newest limit, as long as a late meter may show that.

    Without it a meter that still shows the current before a cut would seem to show a house that rose.
    """
    late_s = shown_after_s(site)
    kept = tuple(one for one in control.former if elapsed_s(one.until, now) < late_s)
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
    return known and since is not None and elapsed_s(since, now) >= UNDERUSED_AFTER_S


def takes_nothing(evse: EvseSnapshot, control: EvseControl, now: datetime) -> bool:
    """Return whether the car has drawn nothing of its offer for so long that others need not wait for it."""
    idle = evse.measured_a is not None and max(evse.measured_a) <= ACTIVE_A
    return idle and (control.waking.tries > 0 or leaves_offer_unused(evse, control, now))


def comes_last(evse: EvseSnapshot, control: EvseControl, now: datetime) -> bool:
    """Return whether the car takes nothing, or took nothing of its last offer: it gets what nobody else wants."""
    idle = evse.measured_a is not None and max(evse.measured_a) <= ACTIVE_A
    return takes_nothing(evse, control, now) or (idle and control.unused)


def usable_max(control: EvseControl, evse: EvseSnapshot, now: datetime, ceiling_a: float) -> float:
    """Return the most that is worth offering: what the car draws plus 1 A once it left its offer unused."""
    if evse.status is EvseStatus.FINISHING or comes_last(evse, control, now):
        return min(ceiling_a, evse.station.min_current_a)  # its transaction is over, or it draws nothing
    if not leaves_offer_unused(evse, control, now) or evse.measured_a is None:
        return ceiling_a
    return min(ceiling_a, max(evse.station.min_current_a, max(evse.measured_a) + 1.0))


def _may_exceed(evse: EvseSnapshot, control: EvseControl) -> bool:
    """Return whether the car may draw more than was last decided, because its station did not take that yet."""
    if not evse.connected:
        return False
    drawn_a = 0.0 if evse.measured_a is None else max(evse.measured_a)
    if evse.commanded_a is not None:
        drawn_a = min(drawn_a, evse.commanded_a) if evse.settled else max(drawn_a, evse.commanded_a)
    return drawn_a > control.setpoint_a + EXCESS_A


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


def _active_phases(evse: EvseSnapshot, control: EvseControl, now: datetime) -> int | None:
    """Return how many phases the car uses; on its way from one current to another it uses the same ones."""
    active = 0 if evse.measured_a is None else sum(1 for value in evse.measured_a if abs(value) > ACTIVE_A)
    changes = [at for at in (control.turn_since, control.phases.switched_at) if at is not None]
    lasting = control.turn_since is not None and elapsed_s(max(changes), now) >= PHASES_LAST_S
    if evse.switched_phases is not None and control.phases.wanted not in {None, evse.switched_phases}:
        return control.active_phases  # what is measured now is not what it will use
    if control.phases.switched_at is not None and elapsed_s(control.phases.switched_at, now) < PHASES_LAST_S:
        return control.active_phases
    return active or control.active_phases if evse.settled or lasting else control.active_phases


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
