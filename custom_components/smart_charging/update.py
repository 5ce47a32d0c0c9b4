"""The firmware of a charging station: what runs, and what its owner offers it; nobody else is asked."""

from datetime import timedelta
from typing import Any, Final, override

from homeassistant.components.update import (
    UpdateDeviceClass,
    UpdateEntity,
    UpdateEntityDescription,
    UpdateEntityFeature,
)
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import DOMAIN
from .coordinator import SiteCoordinator, SmartChargingConfigEntry
from .engine.csms.transfer_progress import FirmwarePhase
from .entity import ChargerEntity
from .errors import translated_errors
from .firmware_offers import async_install

PARALLEL_UPDATES = 1

FIRMWARE: Final = UpdateEntityDescription(
    key="firmware", device_class=UpdateDeviceClass.FIRMWARE, entity_category=EntityCategory.CONFIG
)
# Waiting for its time is no progress.
_MOVING: Final = frozenset(
    {
        FirmwarePhase.DOWNLOADING,
        FirmwarePhase.PAUSED,
        FirmwarePhase.DOWNLOADED,
        FirmwarePhase.VERIFIED,
        FirmwarePhase.INSTALLING,
        FirmwarePhase.REBOOTING,
    }
)
SILENCE: Final = timedelta(hours=1)
"""Some stations tell no end: one that said nothing more of its update for so long is not waited for."""


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartChargingConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the firmware of chargers as they come."""
    coordinator = entry.runtime_data.coordinator

    @callback
    def add_charger(subentry: ConfigSubentry) -> None:
        """Add the firmware of a charging station."""
        async_add_entities([FirmwareUpdate(hass, coordinator, subentry)], config_subentry_id=subentry.subentry_id)

    entry.async_on_unload(coordinator.async_add_charger_listener(add_charger))


class FirmwareUpdate(ChargerEntity, UpdateEntity):
    """Shows the firmware that a station told at its start; there is an update where its owner offers a file."""

    _attr_supported_features = UpdateEntityFeature.INSTALL | UpdateEntityFeature.PROGRESS

    def __init__(self, hass: HomeAssistant, coordinator: SiteCoordinator, subentry: ConfigSubentry) -> None:
        """Know whose offers to look at."""
        super().__init__(hass, coordinator, FIRMWARE, subentry)
        self._subentry_id = subentry.subentry_id
        self._offers = coordinator.config_entry.runtime_data.offers

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the offers too."""
        await super().async_added_to_hass()
        self.async_on_remove(self._offers.async_add_listener(self.async_write_ha_state))

    @property
    @override
    def installed_version(self) -> str | None:
        """Return what the station runs."""
        return self.charger.station.firmware_version

    @property
    @override
    def latest_version(self) -> str | None:
        """Return what is offered; without an offer nothing newer is known of than what runs."""
        offer = self._offers.get(self._subentry_id)
        return self.installed_version if offer is None else offer.version

    @override
    def version_is_newer(self, latest_version: str, installed_version: str) -> bool:
        """Return True: makers number as they like, and what the owner offers is meant to be installed."""
        return True

    @property
    @override
    def in_progress(self) -> bool:
        """Return whether the station is at it."""
        station, told_at = self.charger.station, self.charger.station.firmware_told_at
        if told_at is None or station.firmware.finished or station.firmware.phase not in _MOVING:
            return False
        return self.coordinator.data.at - told_at < SILENCE

    @property
    @override
    def update_percentage(self) -> float | None:
        """Return how much of our file the station has, while it fetches it; of the rest nobody can know."""
        if not self.in_progress or self.charger.station.firmware.phase is not FirmwarePhase.DOWNLOADING:
            return None
        return self.coordinator.site.station(self.station_id).operations.files.delivered_percent

    @override
    async def async_install(self, version: str | None, backup: bool, **kwargs: Any) -> None:
        """Have the station fetch and install what it is offered."""
        offer = self._offers.get(self._subentry_id)
        if offer is None:
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="no_firmware_offered",
                translation_placeholders={"charger": self.charger.name},
            )
        station = self.coordinator.site.station(self.station_id)
        self._offers.async_started(self._subentry_id, self.station_id)
        with translated_errors(self.charger.name):
            await async_install(self.hass, station, offer)
        self.coordinator.async_publish_now()
