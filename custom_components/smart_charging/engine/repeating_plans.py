"""Plans that repeat by weekday and local time: which of them comes next, and what it asks of the car that is there."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from .config import EvseSettings, RepeatingPlan, Weekday
from .model import PLANNED_MODES

_WEEKDAYS = tuple(Weekday)
_LOOK_DAYS = 8  # to the same day a week later, where today's time has gone by


def next_departure(plan: RepeatingPlan, time_zone: str, now: datetime) -> datetime:
    """Return when a plan's car leaves next, in UTC.

    Where the clock is put back and shows the time twice it is the first of them, where it skips the time it is as
    much later. ValueError for a plan of no weekday.
    """
    zone = ZoneInfo(time_zone)
    today = now.astimezone(zone).date()
    for days in range(_LOOK_DAYS + 1):
        day = today + timedelta(days=days)
        leaves = datetime.combine(day, plan.leaves, zone).astimezone(UTC)
        if _WEEKDAYS[day.weekday()] in plan.weekdays and leaves > now:
            return leaves
    raise ValueError("a plan that repeats has a weekday")


def next_plan(plans: Iterable[RepeatingPlan], time_zone: str, now: datetime) -> tuple[datetime, RepeatingPlan] | None:
    """Return the plan whose car leaves next and when, of two at one time the first; None without any."""
    known = [(next_departure(plan, time_zone, now), number, plan) for number, plan in enumerate(plans)]
    leaves, _, plan = min(known, key=lambda one: one[:2], default=(now, 0, None))
    return None if plan is None else (leaves, plan)


def departures(settings: EvseSettings, time_zone: str, now: datetime, until: datetime) -> tuple[datetime, ...]:
    """Return when a car is known to leave from now on up to a moment, in the order of time.

    One that was set once goes before all that repeat until then; they count in the modes that follow a plan.
    """
    once = settings.departure
    found = {once} if once is not None and now < once <= until else set[datetime]()
    for plan in settings.repeating if settings.mode in PLANNED_MODES else ():
        at = next_departure(plan, time_zone, now if once is None else max(now, once))
        while at <= until:
            found.add(at)
            at = next_departure(plan, time_zone, at)
    return tuple(sorted(found))


def in_force(settings: EvseSettings, time_zone: str, now: datetime) -> EvseSettings:
    """Return what is wanted of an EVSE now: the settings with departure and targets of the repeating plan that is next in place.

    A departure that was set once goes before it until it has gone by, and so does a target energy of this stay. The
    target charge that always holds stands in where the plan has none.
    """
    upcoming = None if settings.mode not in PLANNED_MODES else next_plan(settings.repeating, time_zone, now)
    if upcoming is None:
        return replace(settings, repeating=()) if settings.repeating else settings
    departure, plan = upcoming
    once = settings.departure is None or settings.departure > now
    own_wh = settings.target_energy_wh if once else None
    return replace(
        settings,
        repeating=(),
        departure=(settings.departure or departure) if once else departure,
        target_energy_wh=plan.energy_wh if own_wh is None else own_wh,
        target_soc_percent=settings.target_soc_percent
        if plan.soc_percent is None or own_wh is not None
        else plan.soc_percent,
    )
