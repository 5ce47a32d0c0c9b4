"""Days on which people live as on a Sunday, from a calendar of the user's choice."""

from datetime import date, datetime, timedelta
from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .calendar_events import async_calendar_events

LONGEST: Final = timedelta(days=60)  # an event that is longer is no holiday


async def async_holidays(hass: HomeAssistant, calendar: str, start: datetime, end: datetime) -> frozenset[date]:
    """Return the days that events of a whole day cover; raises CalendarUnreadable."""
    days: set[date] = set()
    for event in await async_calendar_events(hass, calendar, start, end):
        days |= _days(event.get("start"), event.get("end"))
    return frozenset(days)


def _days(start: object, end: object) -> set[date]:
    """Return the days of an event that begins and ends with days, not at a time; none of any other."""
    first, after = (dt_util.parse_date(one) if isinstance(one, str) else None for one in (start, end))
    if first is None or after is None or not timedelta(0) < after - first <= LONGEST:
        return set()
    return {first + timedelta(days=number) for number in range((after - first).days)}
