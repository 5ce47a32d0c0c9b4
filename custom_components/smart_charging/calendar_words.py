"""What the calendars have in common: translated words for their events, and the events within a time."""

from collections.abc import Iterable
from datetime import datetime
from typing import override

from homeassistant.components.calendar import CalendarEntity, CalendarEvent
from homeassistant.helpers.translation import async_get_translations

from .const import DOMAIN


class WordedCalendar(CalendarEntity):
    """A calendar whose events are called by words of the language of Home Assistant."""

    _words: dict[str, str]

    @override
    async def async_added_to_hass(self) -> None:
        """Fetch the words."""
        await super().async_added_to_hass()
        self._words = await async_get_translations(self.hass, self.hass.config.language, "entity", [DOMAIN])


def within(events: Iterable[CalendarEvent], start: datetime, end: datetime) -> list[CalendarEvent]:
    """Return what there is between two moments, in the order of time."""
    found = (one for one in events if one.end > start and one.start < end)
    return sorted(found, key=lambda one: one.start_datetime_local)
