"""Bring a running site in line with its changed entry, so that no charger loses its socket."""

import asyncio

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr

from .const import CONF_CIRCUIT, CONF_NO_PASSWORD, CONF_PARENT, CONF_PASSWORD_HASH, DOMAIN, GRID_CONNECTION, LOGGER
from .coordinator import SmartChargingConfigEntry
from .departure_settings import departure_choices
from .discovery import async_withdraw
from .engine.config import StationConfig
from .engine.csms.commands import CommandError
from .grid_settings import uk_rules
from .issues import async_password_refused, async_password_settled
from .listening import ListenSettings
from .price_settings import price_settings
from .pv_settings import pv_systems
from .settings import (
    battery_entities,
    circuit_meters,
    grid_meter,
    phase_switches,
    site_config,
    station_configs,
    vehicle_soc_entities,
)
from .site_options import access_policy
from .stored_files import files_address, site_files


class EntryChanges:
    """Knows what of the entry was applied already and applies the rest."""

    def __init__(self, hass: HomeAssistant, entry: SmartChargingConfigEntry) -> None:
        """Start from a site that has no charger, meter or PV yet."""
        self._hass = hass
        self._entry = entry
        self._lock = asyncio.Lock()
        self._site = site_config(hass, entry)
        self._listen = ListenSettings.from_data(entry.data)
        self._stations: dict[str, StationConfig] = {}
        self._uk = uk_rules(entry)

    @property
    def needs_reload(self) -> bool:
        """Return whether something changed that only a new start can follow: server, lease, phases or the UK's rules."""
        config = site_config(self._hass, self._entry)
        return (
            ListenSettings.from_data(self._entry.data) != self._listen
            or config.lease != self._site.lease
            or config.phases != self._site.phases
            or (uk_rules(self._entry) is None) != (self._uk is None)  # chargers have other entities under them
        )

    async def async_apply(self) -> None:
        """Add, change and remove what differs; one change after the other."""
        async with self._lock:
            runtime = self._entry.runtime_data
            self._async_rehang()
            runtime.access.policy = access_policy(self._entry.options)
            site_files(self._entry).address = files_address(self._entry)
            config = site_config(self._hass, self._entry)
            if config != self._site:
                if config.name != self._site.name:
                    self._async_rename_device(config.name)
                self._site = config
                runtime.site.update_config(config)
            await self._async_apply_stations(station_configs(self._entry))
            runtime.readings.async_configure(
                grid_meter(self._entry),
                pv_systems(self._entry),
                circuits=circuit_meters(self._entry),
                batteries=battery_entities(self._entry),
                vehicle_soc=vehicle_soc_entities(self._entry),
                phase_switches=phase_switches(self._entry),
            )
            await runtime.grid.async_configure()
            runtime.departures.async_configure(departure_choices(self._entry))
            runtime.forecasts.async_configure()
            runtime.prices.async_configure(price_settings(self._entry.options))
            runtime.coordinator.async_publish_all()

    @callback
    def _async_rehang(self) -> None:
        """Hang what a removed circuit carried at the one that it hung at itself: that one's fuse still protects it."""
        parents = {circuit.circuit_id: circuit.parent_id for circuit in self._site.circuits}
        for subentry in tuple(self._entry.subentries.values()):
            for key in (CONF_PARENT, CONF_CIRCUIT):
                hung = left = subentry.data.get(key)
                while left in parents and left not in self._entry.subentries:
                    left = parents[left]
                if left != hung:
                    data = {**subentry.data, key: left or GRID_CONNECTION}
                    self._hass.config_entries.async_update_subentry(self._entry, subentry, data=data)

    async def _async_apply_stations(self, wanted: dict[str, StationConfig]) -> None:
        """Remove, then change, then add chargers, so that an id may move to a new subentry."""
        runtime = self._entry.runtime_data
        for subentry_id in self._stations.keys() - wanted.keys():
            station_id = self._stations.pop(subentry_id).station_id
            await runtime.site.remove_charger(station_id)
            if runtime.signer is not None:
                await runtime.signer.async_removed(station_id)
            async_password_settled(self._hass, subentry_id)
        changed = {key: config for key, config in wanted.items() if self._stations.get(key) != config}
        new = {key: config for key, config in changed.items() if key not in self._stations}
        for subentry_id in changed.keys() - new.keys():
            await runtime.site.update_charger(changed[subentry_id])
            async_password_settled(self._hass, subentry_id)
            self._async_applied(subentry_id, changed[subentry_id])
        if not new:
            return
        try:
            await runtime.site.add_chargers(new.values())
        finally:
            for subentry_id, config in new.items():
                if config.station_id in runtime.csms.stations:  # all of them, unless the ledger failed
                    async_withdraw(self._hass, self._entry.entry_id, config.station_id)
                    self._async_applied(subentry_id, config)

    @callback
    def _async_applied(self, subentry_id: str, config: StationConfig) -> None:
        """Take note that the site follows a charger's configuration; now it can be told its password."""
        self._stations[subentry_id] = config
        if password := self._entry.runtime_data.passwords.pop(config.station_id, None):
            self.async_hand_over_password(subentry_id, password)

    @callback
    def async_hand_over_password(self, subentry_id: str, password: str) -> None:
        """Have the charger take a new password, and ask for it from then on."""
        self._entry.async_create_background_task(
            self._hass, self._async_hand_over_password(subentry_id, password), f"{DOMAIN} password"
        )

    async def _async_hand_over_password(self, subentry_id: str, password: str) -> None:
        """Tell the charger its password first: a refusal must not lock it out."""
        subentry = self._entry.subentries[subentry_id]
        try:
            password_hash = await self._entry.runtime_data.site.station(str(subentry.unique_id)).access.set_password(
                password
            )
        except (CommandError, KeyError) as err:
            LOGGER.warning("A charger did not take its new password: %s", err)
            async_password_refused(self._hass, self._entry, subentry)
            return
        self._async_require_password(subentry_id, password_hash)

    async def async_rotate_password(self, subentry: ConfigSubentry) -> None:
        """Have a charger take a random password, and ask for it from then on; raises CommandError."""
        station = self._entry.runtime_data.site.station(str(subentry.unique_id))
        self._async_require_password(subentry.subentry_id, await station.access.rotate_password())

    @callback
    def async_forget_security_profile(self, station_id: str) -> None:
        """Ask no more of a charger than is configured, whatever it proved before."""
        station = self._entry.runtime_data.site.station(station_id)
        self._entry.async_create_background_task(
            self._hass, station.access.forget_security_profile(), f"{DOMAIN} security profile"
        )

    @callback
    def _async_require_password(self, subentry_id: str, password_hash: str) -> None:
        """Keep the hash, which makes the listener apply it; the charger may have been removed meanwhile."""
        if (subentry := self._entry.subentries.get(subentry_id)) is None:
            return
        data = {**subentry.data, CONF_PASSWORD_HASH: password_hash, CONF_NO_PASSWORD: False}
        self._hass.config_entries.async_update_subentry(self._entry, subentry, data=data)

    @callback
    def _async_rename_device(self, name: str) -> None:
        """Give the site's device the entry's new name."""
        registry = dr.async_get(self._hass)
        device = registry.async_get_device_by_identifier((DOMAIN, self._entry.entry_id), self._entry.entry_id)
        if device is not None:
            registry.async_update_device(device.id, name=name)
