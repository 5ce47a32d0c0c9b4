"""Days on which people live as on a Sunday, from a calendar of the user's choice."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Final

from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

CALENDAR_TIMEOUT_S: Final = 30.0
MAX_EVENTS: Final = 500  # of a few weeks; a calendar with more is none of holidays
LONGEST: Final = timedelta(days=60)  # an event that is longer is no holiday


class HolidaysUnknown(Exception):
    """A calendar can't be read; the text says why."""


async def async_holidays(hass: HomeAssistant, calendar: str, start: datetime, end: datetime) -> frozenset[date]:
    """Return the days that events of a whole day cover; raises HolidaysUnknown."""
    span = {"start_date_time": start.isoformat(), "end_date_time": end.isoformat()}
    try:
        async with asyncio.timeout(CALENDAR_TIMEOUT_S):
            answer = await hass.services.async_call(
                "calendar", "get_events", {ATTR_ENTITY_ID: calendar, **span}, blocking=True, return_response=True
            )
    except Exception as err:  # another integration's calendar may raise anything, and none of it is to stop the site
        raise HolidaysUnknown(f"{calendar}: {err or type(err).__name__}") from err
    found = (answer or {}).get(calendar)
    events = found.get("events") if isinstance(found, dict) else None
    if not isinstance(events, list):
        raise HolidaysUnknown(f"{calendar} tells no events")
    days: set[date] = set()
    for event in events[:MAX_EVENTS]:
        if isinstance(event, dict):
            days |= _days(event.get("start"), event.get("end"))
    return frozenset(days)


def _days(start: object, end: object) -> set[date]:
    """Return the days of an event that begins and ends with days, not at a time; none of any other."""
    first, after = (dt_util.parse_date(one) if isinstance(one, str) else None for one in (start, end))
    if first is None or after is None or not timedelta(0) < after - first <= LONGEST:
        return set()
    return {first + timedelta(days=number) for number in range((after - first).days)}
