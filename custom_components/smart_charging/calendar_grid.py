"""The calendar of what the grid operator announced: limits that hold for a time, begun or still to come."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, override

from homeassistant.components.calendar import CalendarEntityDescription, CalendarEvent
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .calendar_words import WordedCalendar, within
from .const import DOMAIN
from .engine.grid.announcement import AnnouncedWindow
from .engine.grid.signal import SignalUnit
from .entity import SiteEntity
from .grid_names import evse_name, translated_source_name

GRID_WINDOWS: Final = CalendarEntityDescription(key="grid_windows", translation_key="grid_windows")

_LONGEST: Final = timedelta(days=366)  # what has no end is shown for so long
_SHORTEST: Final = timedelta(seconds=1)  # an event in a calendar is not shorter
_NAMES: Final = f"component.{DOMAIN}.entity.calendar.grid_windows.state_attributes"
_KINDS: Final = f"{_NAMES}.message.state."
_SCOPES: Final = f"{_NAMES}.description.state."


class GridCalendar(SiteEntity, WordedCalendar):
    """What sources of grid signals announced; its state is on while one of it holds."""

    @property
    @override
    def event(self) -> CalendarEvent | None:
        """Return what holds now, or comes next."""
        today = dt_util.utcnow().replace(hour=0, minute=0, second=0, microsecond=0)
        # To the day, so that the end of what has none is no new state each second.
        return min(self._events(today + _LONGEST), key=lambda one: one.start, default=None)

    @override
    async def async_get_events(
        self, hass: HomeAssistant, start_date: datetime, end_date: datetime
    ) -> list[CalendarEvent]:
        """Return what there is between two moments, in the order of time; what has no end ends with them."""
        return within(self._events(end_date), start_date, end_date)

    def _events(self, last: datetime) -> Iterator[CalendarEvent]:
        """Yield what is not over; what has no end ends at `last`."""
        now = dt_util.utcnow()
        for window in self.coordinator.data.grid.windows:
            end = last if window.ends_at is None else window.ends_at
            if end > now and end - window.begins_at >= _SHORTEST:
                yield CalendarEvent(
                    start=window.begins_at,
                    end=end,
                    summary=self._summary(window),
                    description=self._description(window),
                )

    def _summary(self, window: AnnouncedWindow) -> str:
        kind = self._words.get(f"{_KINDS}{window.kind}", window.kind.value)
        return kind if window.value is None else f"{kind} {_amount(window.value, window.unit)}"

    def _description(self, window: AnnouncedWindow) -> str:
        """Return who announced it, and what it is for."""
        source = translated_source_name(self.coordinator.config_entry, window.source_id, self._words)
        charger = None if window.evse is None else evse_name(self.coordinator.data, window.evse)
        return f"{source}: {charger or self._words.get(f'{_SCOPES}{window.scope}', window.scope.value)}"


def _amount(value: float, unit: SignalUnit) -> str:
    """Return a value as people would say it."""
    match unit:
        case SignalUnit.WATT:
            return f"{round(value / 1000, 2):g} kW"
        case SignalUnit.LEVEL:
            return f"{value:g}"
        case _:
            return f"{round(value, 1):g} {unit}"
