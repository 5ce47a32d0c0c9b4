"""Times as users of actions and entities give them."""

from datetime import datetime, time, timedelta
from typing import Final

from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util
import probatio

from .const import DOMAIN

LONGEST: Final = timedelta(days=366)  # no car is waited for longer


def utc(local: datetime | None) -> datetime | None:
    """Return a time that a user gave, without a zone meant as local, in UTC."""
    return None if local is None else _in_utc(local)


def time_span(value: object) -> timedelta:
    """Return a duration in any form that Home Assistant takes, also a negative one; Invalid for anything else."""
    parts = value.values() if isinstance(value, dict) else (value,)
    if any(isinstance(part, bool) for part in parts):
        raise probatio.Invalid("expected a duration, not true or false")
    try:
        span: timedelta = cv.time_period(value)
    except OverflowError as err:
        raise probatio.Invalid("expected a shorter duration") from err
    return span


def to_come(given: datetime | time) -> datetime:
    """Return a departure in UTC: of a time of day the next one by the local clock.

    Raises ServiceValidationError for a time that has gone by, and for one in more than a year.
    """
    if isinstance(given, time):
        return _next(given)
    now = dt_util.utcnow()
    year = given.year - now.year
    if year < -1 or (abs(year) <= 1 and _in_utc(given) <= now):
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="departure_over")
    if year > 1 or (departure := _in_utc(given)) > now + LONGEST:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="departure_far")
    return departure


def _next(clock: time) -> datetime:
    """Return when the local clock shows this next; the hour that is twice in autumn counts twice."""
    now, zone = dt_util.utcnow(), dt_util.get_default_time_zone()
    today = now.astimezone(zone).date()
    times = (
        dt_util.as_utc(datetime.combine(today + timedelta(days=days), clock.replace(fold=fold), zone))
        for days in (0, 1)
        for fold in (0, 1)
    )
    return next(each for each in times if each > now)


def _in_utc(local: datetime) -> datetime:
    try:
        return dt_util.as_utc(local)
    except (OverflowError, ValueError) as err:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="time_out_of_range",
            translation_placeholders={"time": local.isoformat()},
        ) from err
