"""Dates and times: when a car has to be ready."""

from dataclasses import replace
from datetime import datetime
from typing import Final, override

from homeassistant.components.datetime import DateTimeEntity, DateTimeEntityDescription
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SmartChargingConfigEntry
from .engine.model import EvseKey
from .entity import EvseEntity
from .service_times import to_come

PARALLEL_UPDATES = 1

DEPARTURE: Final = DateTimeEntityDescription(key="departure", translation_key="departure")


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartChargingConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the times of EVSEs as they come."""
    coordinator = entry.runtime_data.coordinator

    @callback
    def add_evse(subentry: ConfigSubentry, key: EvseKey) -> None:
        """Add the times of an EVSE."""
        async_add_entities(
            [DepartureTime(hass, coordinator, DEPARTURE, subentry, key)], config_subentry_id=subentry.subentry_id
        )

    entry.async_on_unload(coordinator.async_add_evse_listener(add_evse))


class DepartureTime(EvseEntity, DateTimeEntity):
    """When the car leaves: the user's wish, so it can be set while the station is away."""

    @property
    @override
    def native_value(self) -> datetime | None:
        """Return the departure, that of the next repeating plan where none was set for once; None without either."""
        return self.evse.wanted.departure

    @override
    async def async_set_value(self, value: datetime) -> None:
        """Change the departure."""
        departure, site = to_come(value), self.coordinator.site
        settings = replace(site.settings(self.key), departure=departure)
        await self.async_run(site.set_settings(self.key, settings), self.charger.name)
