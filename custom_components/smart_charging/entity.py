"""What all entities have in common: whose device they are on, their unique id, when they are available."""

from collections.abc import Awaitable
from typing import override

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity import EntityDescription
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .charger_updates import ChargerContext
from .coordinator import SiteCoordinator
from .devices import charger_device_info, evse_device_info, part_device_info, site_device_info
from .engine.model import EvseKey, EvseMeasurement
from .engine.view import BatteryView, ChargerView, CircuitView, EvseView
from .errors import translated_errors
from .measurements import live_measurement


class SmartChargingEntity(CoordinatorEntity[SiteCoordinator]):
    """An entity that shows a part of the site's view."""

    _attr_has_entity_name = True

    def __init__(
        self,
        coordinator: SiteCoordinator,
        description: EntityDescription,
        owner_id: str,
        station_id: str | None = None,
    ) -> None:
        """Take the unique id from what owns the entity, which never changes, and the description's key.

        One with a `station_id` shows that charger and is written when that changed.
        """
        super().__init__(coordinator, None if station_id is None else ChargerContext(station_id))
        self.entity_description = description
        self._attr_unique_id = f"{owner_id}_{description.key}"

    async def async_run(self, command: Awaitable[None], charger: str) -> None:
        """Await a command to this charger and show at once what it changed; its refusal is raised translated."""
        with translated_errors(charger):
            await command
        self.coordinator.async_publish_now()


class SiteEntity(SmartChargingEntity):
    """An entity of the site itself."""

    def __init__(self, coordinator: SiteCoordinator, description: EntityDescription) -> None:
        """Put the entity on the site's device."""
        entry = coordinator.config_entry
        super().__init__(coordinator, description, entry.entry_id)
        self._attr_device_info = site_device_info(entry)


class CircuitEntity(SmartChargingEntity):
    """An entity of a circuit."""

    def __init__(self, coordinator: SiteCoordinator, description: EntityDescription, subentry: ConfigSubentry) -> None:
        """Put the entity on the circuit's device."""
        super().__init__(coordinator, description, subentry.subentry_id)
        self.circuit_id = subentry.subentry_id
        self._attr_device_info = part_device_info(coordinator.hass, coordinator, subentry)

    @property
    def circuit(self) -> CircuitView:
        """Return the circuit as seen now; KeyError once it was removed."""
        return self.coordinator.data.circuits[self.circuit_id]

    @property
    @override
    def available(self) -> bool:
        """Return True while the circuit is configured."""
        return super().available and self.circuit_id in self.coordinator.data.circuits


class BatteryEntity(SmartChargingEntity):
    """An entity of a battery."""

    def __init__(self, coordinator: SiteCoordinator, description: EntityDescription, subentry: ConfigSubentry) -> None:
        """Put the entity on the battery's device."""
        super().__init__(coordinator, description, subentry.subentry_id)
        self.battery_id = subentry.subentry_id
        self._attr_device_info = part_device_info(coordinator.hass, coordinator, subentry)

    @property
    def battery(self) -> BatteryView:
        """Return the battery as seen now; KeyError once it was removed."""
        return self.coordinator.data.batteries[self.battery_id]

    @property
    @override
    def available(self) -> bool:
        """Return True while the battery is configured."""
        return super().available and self.battery_id in self.coordinator.data.batteries


class ChargerEntity(SmartChargingEntity):
    """An entity of a charging station as a whole."""

    def __init__(
        self,
        hass: HomeAssistant,
        coordinator: SiteCoordinator,
        description: EntityDescription,
        subentry: ConfigSubentry,
    ) -> None:
        """Put the entity on the station's device."""
        self.station_id = str(subentry.unique_id)
        super().__init__(coordinator, description, subentry.subentry_id, self.station_id)
        self._attr_device_info = charger_device_info(hass, coordinator, subentry)

    @property
    def charger(self) -> ChargerView:
        """Return the station as seen now; KeyError once it was removed."""
        return self.coordinator.data.chargers[self.station_id]

    @property
    @override
    def available(self) -> bool:
        """Return True while the station is configured, connected or not."""
        return super().available and self.station_id in self.coordinator.data.chargers


class EvseEntity(SmartChargingEntity):
    """An entity of one EVSE, written when its charger changed; or, like one of the site, with each view."""

    follows_charger = True

    def __init__(
        self,
        hass: HomeAssistant,
        coordinator: SiteCoordinator,
        description: EntityDescription,
        subentry: ConfigSubentry,
        key: EvseKey,
    ) -> None:
        """Put the entity on the EVSE's device, which is the station's where there is one EVSE only."""
        followed = key.station_id if self.follows_charger else None
        super().__init__(coordinator, description, f"{subentry.subentry_id}_{key.evse_id}", followed)
        self.key = key
        self.subentry_id = subentry.subentry_id
        self._attr_device_info = evse_device_info(hass, coordinator, subentry, key)

    @property
    def charger(self) -> ChargerView:
        """Return the EVSE's station as seen now; KeyError once it was removed."""
        return self.coordinator.data.chargers[self.key.station_id]

    @property
    def evse(self) -> EvseView:
        """Return the EVSE as seen now; KeyError once it went."""
        return self.charger.evses[self.key.evse_id]

    @property
    def connected(self) -> bool:
        """Return True while the EVSE's station is connected."""
        return self.charger.station.connected

    @property
    def measurement(self) -> EvseMeasurement | None:
        """Return what flows now, None where that is not known."""
        return live_measurement(self.charger, self.evse, self.coordinator.data.at)

    @property
    @override
    def available(self) -> bool:
        """Return True while the EVSE is there, its station connected or not."""
        charger = self.coordinator.data.chargers.get(self.key.station_id)
        return super().available and charger is not None and self.key.evse_id in charger.evses
