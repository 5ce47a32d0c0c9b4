"""What the actions on plans do with those that repeat: added, replaced, taken back and told."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, time
from typing import Final

from homeassistant.core import ServiceCall
from homeassistant.exceptions import ServiceValidationError
from homeassistant.util.json import JsonValueType
import probatio

from .const import DOMAIN
from .engine.config import EvseSettings, RepeatingPlan, Weekday
from .engine.repeating_plans import next_departure

ATTR_WEEKDAYS: Final = "weekdays"
ATTR_DEPARTURE: Final = "departure"

MAX_PLANS: Final = 20  # of one EVSE: one for each day, and some for what happens seldom

WEEKDAYS: Final = probatio.All(
    probatio.EnsureList(), probatio.Length(min=1), [probatio.Coerce(Weekday)], lambda days: _sorted(days)
)


def _sorted(days: Iterable[Weekday]) -> tuple[Weekday, ...]:
    given = set(days)
    return tuple(day for day in Weekday if day in given)


def with_repeating(
    settings: EvseSettings, call: ServiceCall, energy_wh: float | None, soc_percent: float | None
) -> EvseSettings:
    """Return the settings with the repeating plan that is given; one of the same days and time is replaced.

    Raises ServiceValidationError where no time of day is given, and where there are too many plans.
    """
    leaves = call.data.get(ATTR_DEPARTURE)
    if not isinstance(leaves, time):
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="repeating_needs_time")
    plan = RepeatingPlan(call.data[ATTR_WEEKDAYS], leaves.replace(tzinfo=None), energy_wh or None, soc_percent or None)
    others = [one for one in settings.repeating if (one.weekdays, one.leaves) != (plan.weekdays, plan.leaves)]
    if len(others) >= MAX_PLANS:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="too_many_plans",
            translation_placeholders={"most": str(MAX_PLANS)},
        )
    plans = sorted((*others, plan), key=lambda one: (list(Weekday).index(one.weekdays[0]), one.leaves))
    return replace(settings, repeating=tuple(plans))


def without_repeating(settings: EvseSettings, days: Iterable[Weekday], leaves: time | None) -> EvseSettings:
    """Return the settings without repeating plans on these days, at one time of day where that is given."""
    gone, kept = set(days), []
    for plan in settings.repeating:
        left = tuple(day for day in plan.weekdays if day not in gone)
        if leaves is not None and plan.leaves != leaves:
            kept.append(plan)
        elif left:
            kept.append(replace(plan, weekdays=left))
    return replace(settings, repeating=tuple(kept))


def told_repeating(settings: EvseSettings, time_zone: str, now: datetime) -> list[JsonValueType]:
    """Return the repeating plans as an answer tells them."""
    return [
        {
            "weekdays": [day.value for day in plan.weekdays],
            "departure": plan.leaves.isoformat(timespec="minutes"),
            "energy_kwh": None if plan.energy_wh is None else plan.energy_wh / 1000,
            "soc": plan.soc_percent,
            "next": next_departure(plan, time_zone, now).isoformat(),
        }
        for plan in settings.repeating
    ]
