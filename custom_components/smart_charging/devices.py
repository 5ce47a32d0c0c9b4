"""The devices of a site: itself, its circuits and batteries, its charging stations, EVSEs where one has several."""

from collections.abc import Iterator

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.device_registry import ChildDeviceInfo, DeviceEntryType, DeviceInfo

from .const import DOMAIN, SUBENTRY_CHARGER
from .coordinator import SiteCoordinator, SmartChargingConfigEntry
from .engine.model import EvseKey


def site_identifier(entry: SmartChargingConfigEntry) -> tuple[str, str]:
    """Return what identifies the site's device."""
    return (DOMAIN, entry.entry_id)


def charger_identifier(subentry_id: str) -> tuple[str, str]:
    """Return what identifies a charging station's device."""
    return (DOMAIN, subentry_id)


def evse_identifier(subentry_id: str, evse_id: int) -> tuple[str, str]:
    """Return what identifies an EVSE's device, where it has one of its own."""
    return (DOMAIN, f"{subentry_id}_{evse_id}")


def site_device_info(entry: SmartChargingConfigEntry) -> DeviceInfo:
    """Return the site as a device."""
    return DeviceInfo(
        entry_type=DeviceEntryType.SERVICE,
        identifiers={site_identifier(entry)},
        name=entry.title,
    )


def part_identifier(subentry_id: str) -> tuple[str, str]:
    """Return what identifies the device of a circuit or a battery."""
    return (DOMAIN, subentry_id)


def part_device_info(hass: HomeAssistant, coordinator: SiteCoordinator, subentry: ConfigSubentry) -> DeviceInfo:
    """Return a circuit or a battery as a device."""
    entry = coordinator.config_entry
    return DeviceInfo(
        identifiers={part_identifier(subentry.subentry_id)},
        name=subentry.title,
        via_device_id=dr.async_get_device_id_by_identifier(
            hass, site_identifier(entry), config_entry_id=entry.entry_id
        ),
    )


def charger_device_info(hass: HomeAssistant, coordinator: SiteCoordinator, subentry: ConfigSubentry) -> DeviceInfo:
    """Return a charging station as a device, with what it told of itself so far."""
    entry = coordinator.config_entry
    info = DeviceInfo(
        identifiers={charger_identifier(subentry.subentry_id)},
        name=subentry.title,
        via_device_id=dr.async_get_device_id_by_identifier(
            hass, site_identifier(entry), config_entry_id=entry.entry_id
        ),
    )
    station = coordinator.data.chargers[str(subentry.unique_id)].station
    # What is not known yet is left out, so that it does not erase what an earlier run learnt.
    if station.vendor is not None:
        info["manufacturer"] = station.vendor
    if station.model is not None:
        info["model"] = station.model
    if station.serial_number is not None:
        info["serial_number"] = station.serial_number
    if station.firmware_version is not None:
        info["sw_version"] = station.firmware_version
    return info


def evse_device_info(
    hass: HomeAssistant, coordinator: SiteCoordinator, subentry: ConfigSubentry, key: EvseKey
) -> DeviceInfo | ChildDeviceInfo:
    """Return the device of an EVSE: its station, or a part of that where there are several EVSEs."""
    entry = coordinator.config_entry
    if not _has_evse_devices(hass, coordinator, subentry):
        return charger_device_info(hass, coordinator, subentry)
    return ChildDeviceInfo(
        identifiers={evse_identifier(subentry.subentry_id, key.evse_id)},
        parent_device_id=dr.async_get_device_id_by_identifier(
            hass, charger_identifier(subentry.subentry_id), config_entry_id=entry.entry_id
        ),
        translation_key="evse",
        # Home Assistant puts the station's name before it, in entity ids and in what Assist listens for.
        translation_placeholders={"evse": str(key.evse_id)},
    )


@callback
def async_follow_devices(entry: SmartChargingConfigEntry) -> None:
    """Register the site's devices and keep them as the configuration and the stations say.

    To be called before the platforms are set up: entities refer to the devices above theirs.
    """
    follower = DeviceFollower(entry)
    entry.async_on_unload(entry.runtime_data.coordinator.async_add_listener(follower.async_update))
    follower.async_update()
    entry.async_on_unload(entry.runtime_data.coordinator.async_add_evse_listener(follower.async_add_evse))


def _has_evse_devices(hass: HomeAssistant, coordinator: SiteCoordinator, subentry: ConfigSubentry) -> bool:
    """Return True where a station has several EVSEs, or was seen to have them in an earlier run."""
    if len(coordinator.data.chargers[str(subentry.unique_id)].evses) > 1:
        return True
    known = dr.async_get(hass).async_get_child_device_by_identifier(
        evse_identifier(subentry.subentry_id, 1), coordinator.config_entry.entry_id
    )
    return known is not None


class DeviceFollower:
    """Keeps the registry's devices of one entry equal to what is configured and reported."""

    def __init__(self, entry: SmartChargingConfigEntry) -> None:
        """Register the site's own device, which all others hang on."""
        self._entry = entry
        self._coordinator = entry.runtime_data.coordinator
        self._hass = self._coordinator.hass
        self._written: dict[str, DeviceInfo] = {}
        self._seen: dict[str, tuple[str | None, ...]] = {}  # of each charger: what its device is made from
        dr.async_get(self._hass).async_get_or_create(config_entry_id=entry.entry_id, **site_device_info(entry))

    @callback
    def async_update(self) -> None:
        """Write the devices below the site's that differ from what was last written."""
        for subentry, info in self._wanted():
            if self._written.get(subentry.subentry_id) == info:
                continue
            self._written[subentry.subentry_id] = info
            dr.async_get(self._hass).async_get_or_create(
                config_entry_id=self._entry.entry_id, config_subentry_id=subentry.subentry_id, **info
            )

    @callback
    def async_add_evse(self, subentry: ConfigSubentry, key: EvseKey) -> None:
        """Give an EVSE beside others its own device, and the first one too, with its entities."""
        self.async_update()
        charger = self._coordinator.data.chargers[key.station_id]
        if len(charger.evses) > 1:
            for evse_id in charger.evses:
                self._async_split_off(subentry, EvseKey(key.station_id, evse_id))

    def _wanted(self) -> Iterator[tuple[ConfigSubentry, DeviceInfo]]:
        """Yield the configured charging stations, circuits and batteries of the view as devices."""
        view = self._coordinator.data
        for subentry in self._entry.subentries.values():
            charger = view.chargers.get(str(subentry.unique_id))
            if subentry.subentry_type == SUBENTRY_CHARGER and charger is not None:
                one = charger.station
                seen = (subentry.title, one.vendor, one.model, one.serial_number, one.firmware_version)
                if self._seen.get(subentry.subentry_id) != seen:
                    self._seen[subentry.subentry_id] = seen
                    yield subentry, charger_device_info(self._hass, self._coordinator, subentry)
            elif subentry.subentry_id in view.circuits or subentry.subentry_id in view.batteries:
                yield subentry, part_device_info(self._hass, self._coordinator, subentry)

    @callback
    def _async_split_off(self, subentry: ConfigSubentry, key: EvseKey) -> None:
        """Move an EVSE's entities from its station's device to its own."""
        info = evse_device_info(self._hass, self._coordinator, subentry, key)
        device = dr.async_get(self._hass).async_get_or_create_child(
            config_entry_id=self._entry.entry_id, config_subentry_id=subentry.subentry_id, **info
        )
        entities = er.async_get(self._hass)
        for entity in er.async_entries_for_config_entry(entities, self._entry.entry_id):
            belongs = entity.unique_id.startswith(f"{subentry.subentry_id}_{key.evse_id}_")
            if belongs and entity.device_id != device.id:
                entities.async_update_entity(entity.entity_id, device_id=device.id)
