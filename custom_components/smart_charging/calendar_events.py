"""What the calendars of other integrations hold, asked of Home Assistant's own action."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant

CALENDAR_TIMEOUT_S: Final = 30.0
MAX_EVENTS: Final = 500  # of a few weeks; nobody plans days or departures in a calendar that has more


class CalendarUnreadable(Exception):
    """A calendar can't be read; the text says why."""


async def async_calendar_events(
    hass: HomeAssistant, calendar: str, start: datetime, end: datetime
) -> list[Mapping[str, object]]:
    """Return the events that a calendar has between two moments, as the action tells them; raises CalendarUnreadable."""
    span = {"start_date_time": start.isoformat(), "end_date_time": end.isoformat()}
    try:
        async with asyncio.timeout(CALENDAR_TIMEOUT_S):
            answer = await hass.services.async_call(
                "calendar", "get_events", {ATTR_ENTITY_ID: calendar, **span}, blocking=True, return_response=True
            )
    except Exception as err:  # another integration's calendar may raise anything, and none of it is to stop the site
        raise CalendarUnreadable(f"{calendar}: {err or type(err).__name__}") from err
    found = (answer or {}).get(calendar)
    events = found.get("events") if isinstance(found, dict) else None
    if not isinstance(events, list):
        raise CalendarUnreadable(f"{calendar} tells no events")
    return [event for event in events[:MAX_EVENTS] if isinstance(event, dict)]
