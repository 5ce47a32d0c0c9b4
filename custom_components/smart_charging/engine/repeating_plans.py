"""Plans that repeat by weekday and local time, and those of a calendar: which comes next, and what it asks of the car."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from .config import DatedPlan, EvseSettings, RepeatingPlan, Weekday
from .model import PLANNED_MODES

_WEEKDAYS = tuple(Weekday)
_LOOK_DAYS = 8  # to the same day a week later, where today's time has gone by


class PlanSource(StrEnum):
    """Who said when a car leaves, or what it is to have by then."""

    SET = "set"  # for once, or for always where no plan says otherwise
    REPEATING = "repeating"
    CALENDAR = "calendar"


@dataclass(frozen=True, slots=True)
class PlanOrigin:
    """Where departure and target come from, None where there is none; `event` is the calendar's, if it gave any of them."""

    departure: PlanSource | None = None
    target: PlanSource | None = None
    event: DatedPlan | None = None


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


def next_dated(plans: Iterable[DatedPlan], now: datetime) -> DatedPlan | None:
    """Return the plan of the event that a car leaves for next, of two at one time the first; None without any."""
    return min((plan for plan in plans if plan.leaves > now), key=lambda plan: plan.leaves, default=None)


def departures(settings: EvseSettings, time_zone: str, now: datetime, until: datetime) -> tuple[datetime, ...]:
    """Return when a car is known to leave from now on up to a moment, in the order of time.

    One that was set once goes before all that repeat or a calendar has until then; they count in the modes that follow
    a plan.
    """
    once = settings.departure
    found = {once} if once is not None and now < once <= until else set[datetime]()
    if settings.mode not in PLANNED_MODES:
        return tuple(found)
    since = now if once is None else max(now, once)
    for plan in settings.repeating:
        at = next_departure(plan, time_zone, since)
        while at <= until:
            found.add(at)
            at = next_departure(plan, time_zone, at)
    return tuple(sorted(found | {plan.leaves for plan in settings.dated if since < plan.leaves <= until}))


def in_force(settings: EvseSettings, time_zone: str, now: datetime) -> EvseSettings:
    """Return what is wanted of an EVSE now: the settings with departure and targets of the plan that is next in place.

    That is the first of those that repeat and those of a calendar. A departure that was set once goes before it until it
    has gone by, and so does a target energy of this stay. The target charge that always holds stands in where the plan
    has none.
    """
    upcoming = _upcoming(settings, time_zone, now)
    if upcoming is None:
        return replace(settings, repeating=(), dated=()) if settings.repeating or settings.dated else settings
    departure, plan = upcoming
    once = _set_once_counts(settings, now)
    own_wh = settings.target_energy_wh if once else None
    return replace(
        settings,
        repeating=(),
        dated=(),
        departure=(settings.departure or departure) if once else departure,
        target_energy_wh=plan.energy_wh if own_wh is None else own_wh,
        target_soc_percent=settings.target_soc_percent
        if plan.soc_percent is None or own_wh is not None
        else plan.soc_percent,
    )


def plan_origin(settings: EvseSettings, time_zone: str, now: datetime) -> PlanOrigin:
    """Return where what `in_force` returns comes from."""
    upcoming = _upcoming(settings, time_zone, now)
    own = _own_target(settings)
    if upcoming is None:
        return PlanOrigin(None if settings.departure is None else PlanSource.SET, own)
    _, plan = upcoming
    source = PlanSource.CALENDAR if isinstance(plan, DatedPlan) else PlanSource.REPEATING
    once = _set_once_counts(settings, now)
    is_set = once and settings.target_energy_wh is not None
    target = own if is_set or (plan.energy_wh is None and plan.soc_percent is None) else source
    departure = PlanSource.SET if once and settings.departure is not None else source
    event = plan if isinstance(plan, DatedPlan) and PlanSource.CALENDAR in {departure, target} else None
    return PlanOrigin(departure, target, event)


def _own_target(settings: EvseSettings) -> PlanSource | None:
    """Return that a target was set, None where there is none."""
    unset = settings.target_energy_wh is None and settings.target_soc_percent is None
    return None if unset else PlanSource.SET


def _set_once_counts(settings: EvseSettings, now: datetime) -> bool:
    """Return whether what was set once still goes before plans: it does until its departure, if it has one."""
    return settings.departure is None or settings.departure > now


def _upcoming(
    settings: EvseSettings, time_zone: str, now: datetime
) -> tuple[datetime, RepeatingPlan | DatedPlan] | None:
    """Return the plan that is next and when its car leaves; at one time an event goes before what repeats."""
    if settings.mode not in PLANNED_MODES:
        return None
    dated, repeating = next_dated(settings.dated, now), next_plan(settings.repeating, time_zone, now)
    if dated is not None and (repeating is None or dated.leaves <= repeating[0]):
        return dated.leaves, dated
    return repeating
