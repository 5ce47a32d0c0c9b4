"""Calendars: when the car at an EVSE is to charge or give back by plan, when it leaves, and when a kWh costs little enough.

Of the site: what the grid operator announced.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, override

from homeassistant.components.calendar import CalendarEntityDescription, CalendarEvent
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .calendar_grid import GRID_WINDOWS, GridCalendar
from .calendar_words import WordedCalendar, within
from .const import DOMAIN
from .coordinator import SmartChargingConfigEntry
from .engine.model import EvseKey
from .engine.repeating_plans import departures
from .engine.view import PlannedBlock
from .entity import EvseEntity

PARALLEL_UPDATES = 0

PLAN: Final = CalendarEntityDescription(key="plan", translation_key="plan")

DEPARTURE_TIME: Final = timedelta(minutes=15)  # a departure is a moment, and an event in a calendar is longer
_LONGEST: Final = timedelta(days=366)  # what repeats goes on for ever
_WORDS: Final = f"component.{DOMAIN}.entity.calendar.plan.state_attributes.message.state."


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartChargingConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the calendar of the site, and those of EVSEs as they come."""
    coordinator = entry.runtime_data.coordinator
    async_add_entities([GridCalendar(coordinator, GRID_WINDOWS)])

    @callback
    def add_evse(subentry: ConfigSubentry, key: EvseKey) -> None:
        """Add the calendar of an EVSE."""
        async_add_entities(
            [PlanCalendar(hass, coordinator, PLAN, subentry, key)], config_subentry_id=subentry.subentry_id
        )

    entry.async_on_unload(coordinator.async_add_evse_listener(add_evse))


class PlanCalendar(EvseEntity, WordedCalendar):
    """The plan of an EVSE; its state is on while charging or giving back is planned, or a departure is now.

    Times with prices within the user's limit are in the list only: they say what is possible, not what is to come.
    """

    @property
    @override
    def event(self) -> CalendarEvent | None:
        """Return what is planned now, or next."""
        now = dt_util.utcnow()
        leaves = self.evse.wanted.departure
        known = self._departures(now, now) if leaves is None else (*self._departures(now, now), leaves)
        planned = [*self._charging(), *map(self._departure, known)]
        return min((one for one in planned if one.end > now), key=lambda one: one.start, default=None)

    @override
    async def async_get_events(
        self, hass: HomeAssistant, start_date: datetime, end_date: datetime
    ) -> list[CalendarEvent]:
        """Return what there is between two moments, in the order of time."""
        now, limit = dt_util.utcnow(), self.evse.settings.price_limit
        leaves = self._departures(now, min(end_date, now + _LONGEST))
        found = (*self._charging(), *map(self._departure, leaves), *self._within_limit(limit))
        return within(found, start_date, end_date)

    def _departures(self, now: datetime, until: datetime) -> tuple[datetime, ...]:
        """Return the departures up to a moment, from those on whose events are not over."""
        zone = self.coordinator.site.config.time_zone
        return departures(self.evse.settings, zone, now - DEPARTURE_TIME, until)

    def _charging(self) -> Iterable[CalendarEvent]:
        """Yield the times in which the car is to draw, or to give back."""
        planned, currency = self.evse.planned, self.coordinator.config_entry.runtime_data.prices.currency
        for block in () if planned is None else planned.blocks:
            yield CalendarEvent(
                start=block.start,
                end=block.end,
                summary=f"{self._word(_what(block))} {abs(block.energy_wh) / 1000:.1f} kWh",
                description=None if block.cost is None else f"{block.cost:.2f} {currency}",
            )

    def _departure(self, leaves: datetime) -> CalendarEvent:
        titles = {plan.leaves: plan.event_title for plan in self.evse.settings.dated}
        return CalendarEvent(
            start=leaves,
            end=leaves + DEPARTURE_TIME,
            summary=self._word("departure"),
            description=titles.get(leaves) or None,
        )

    def _within_limit(self, limit: float | None) -> Iterable[CalendarEvent]:
        """Yield the times in which a kWh costs no more than the user's limit."""
        prices = self.coordinator.config_entry.runtime_data.prices
        for start, end in () if limit is None or prices.series is None else prices.series.times_within(limit):
            yield CalendarEvent(
                start=start,
                end=end,
                summary=self._word("price_within_limit"),
                description=f"≤ {limit:g} {prices.currency}/kWh",
            )

    def _word(self, key: str) -> str:
        return self._words.get(f"{_WORDS}{key}", key)


def _what(block: PlannedBlock) -> str:
    """Return the word for what a car does by plan: what it gives costs less than nothing."""
    return "giving" if block.energy_wh < 0 else "charging"
