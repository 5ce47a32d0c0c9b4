"""The config flow: from an empty page to a site with its meter, and from a stranger's call to a charger."""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Any, override

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentry,
    ConfigSubentryData,
    ConfigSubentryFlow,
    FlowType,
)
from homeassistant.const import CONF_NAME
from homeassistant.core import callback
import probatio

from .const import (
    CONF_NO_PASSWORD,
    CONF_PASSWORD,
    CONF_PHASES,
    CONF_POWER,
    CONF_PRESET,
    DOMAIN,
    ENTRY_MINOR_VERSION,
    ENTRY_VERSION,
    SUBENTRY_BATTERY,
    SUBENTRY_CHARGER,
    SUBENTRY_CIRCUIT,
    SUBENTRY_GRID_METER,
    SUBENTRY_GRID_SIGNAL,
    SUBENTRY_OTHER_DEVICE,
    SUBENTRY_PV,
)
from .coordinator import SmartChargingConfigEntry
from .discovery import DiscoveredStation, discovery_id, station_label, station_title
from .flows import grid_meter, pv, site
from .flows.battery import BatteryFlow
from .flows.charger import ChargerFlow, async_charger_data, charger_errors, charger_with_id, confirm_schema, name_in_use
from .flows.circuit import CircuitFlow
from .flows.entities import EnergyDashboard, async_energy_dashboard, entity_name
from .flows.grid_signal import NO_PRESET, GridSignalFlow, first_preset_schema
from .flows.options import SiteOptionsFlow
from .flows.other_device import OtherDeviceFlow
from .flows.security import login_errors
from .listening import CertificateSource, ListenSettings, async_charger_url
from .port_certificates import async_authority


class SmartChargingConfigFlow(ConfigFlow, domain=DOMAIN):
    """Set a site up page by page, change it, and confirm chargers that dialled in by themselves."""

    VERSION = ENTRY_VERSION
    MINOR_VERSION = ENTRY_MINOR_VERSION

    def __init__(self) -> None:
        """Start with nothing entered."""
        self._name = ""
        self._site: dict[str, Any] = {}
        self._meter: dict[str, Any] = {}
        self._pv: list[str] = []
        self._preset = NO_PRESET
        self._dashboard = EnergyDashboard()
        self._station = DiscoveredStation(entry_id="", station_id="", vendor="", model="")

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> SiteOptionsFlow:
        """Return the flow behind the gear wheel."""
        return SiteOptionsFlow()

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(cls, config_entry: ConfigEntry) -> dict[str, type[ConfigSubentryFlow]]:
        """Return what can be added to a site."""
        return {
            SUBENTRY_CHARGER: ChargerFlow,
            SUBENTRY_CIRCUIT: CircuitFlow,
            SUBENTRY_GRID_METER: grid_meter.GridMeterFlow,
            SUBENTRY_PV: pv.PvFlow,
            SUBENTRY_BATTERY: BatteryFlow,
            SUBENTRY_GRID_SIGNAL: GridSignalFlow,
            SUBENTRY_OTHER_DEVICE: OtherDeviceFlow,
        }

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Enter the grid connection and where the chargers shall dial in."""
        errors: dict[str, str] = {}
        if user_input is not None:
            self._name, self._site = user_input[CONF_NAME].strip(), site.site_data(user_input)
            errors = await site.async_site_errors(self.hass, self._name, self._site)
            if not errors:
                self._dashboard = await async_energy_dashboard(self.hass)
                return await self.async_step_grid_meter()
        values = user_input or {CONF_NAME: self.hass.config.location_name}
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(site.SITE_SCHEMA, values),
            errors=errors,
            last_step=False,
        )

    async def async_step_grid_meter(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose the entities of the grid meter; a site without one keeps to the reserved house current.

        A changed site comes here only where its meter does not fit the new number of phases.
        """
        phases, reconfigures = int(self._site[CONF_PHASES]), self.source == SOURCE_RECONFIGURE
        errors: dict[str, str] = {}
        placeholders = {"entity": ""}
        if user_input is not None:
            self._meter = grid_meter.grid_meter_data(user_input)
            if not grid_meter.is_empty(self._meter):
                errors, placeholders = grid_meter.grid_meter_errors(self.hass, self._meter, phases)
            if not errors:
                return await (self._async_changed() if reconfigures else self.async_step_pv())
        if self._meter:
            suggested = grid_meter.grid_meter_suggestions(self._meter)
        else:
            suggested = grid_meter.grid_meter_prefill(self._dashboard)
        values = user_input or suggested
        return self.async_show_form(
            step_id="grid_meter",
            data_schema=self.add_suggested_values_to_schema(grid_meter.grid_meter_schema(self.hass, phases), values),
            errors=errors,
            description_placeholders=placeholders,
            last_step=reconfigures,
        )

    async def async_step_pv(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose the entities of the PV systems, if there are any."""
        errors: dict[str, str] = {}
        placeholders = {"entity": ""}
        if user_input is not None:
            self._pv = user_input[CONF_POWER]
            errors, placeholders = pv.pv_errors(self.hass, self._pv, ())
            if not errors:
                return await self.async_step_grid_operator()
        values = user_input or {CONF_POWER: list(self._dashboard.solar)}
        return self.async_show_form(
            step_id="pv",
            data_schema=self.add_suggested_values_to_schema(pv.first_pv_schema(self.hass), values),
            errors=errors,
            description_placeholders=placeholders,
            last_step=False,
        )

    async def async_step_grid_operator(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose what the grid operator demands; what it needs is asked once there is a site."""
        if user_input is not None:
            self._preset = user_input[CONF_PRESET]
            return await self.async_step_charger_url()
        return self.async_show_form(step_id="grid_operator", data_schema=first_preset_schema(), last_step=False)

    async def async_step_charger_url(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show what has to be entered at the chargers, then make the site."""
        if user_input is not None:
            return await self._async_create()
        settings = ListenSettings.from_data(self._site)
        placeholders = {"url": await async_charger_url(self.hass, settings)}
        step = "charger_url"
        if settings.source is CertificateSource.CREATED:
            step, placeholders = "charger_url_trust", placeholders | await self._async_fingerprint()
        return self.async_show_form(
            step_id=step,
            data_schema=probatio.Schema({}),
            description_placeholders=placeholders,
            last_step=True,
        )

    async def async_step_charger_url_trust(self, user_input: dict[str, Any]) -> ConfigFlowResult:
        """Make the site, after it was shown which authority its chargers have to trust."""
        return await self._async_create()

    async def _async_create(self) -> ConfigFlowResult:
        """Make the site."""
        subentries = list(self._first_subentries(await grid_meter.async_grid_meter_title(self.hass)))
        return self.async_create_entry(title=self._name, data=self._site, subentries=subentries)

    @override
    async def async_on_create_entry(self, result: ConfigFlowResult) -> ConfigFlowResult:
        """Go on with what the grid operator demands, if anything."""
        if self._preset != NO_PRESET:
            first = await self.hass.config_entries.subentries.async_init(
                (result["result"].entry_id, SUBENTRY_GRID_SIGNAL),
                context={"source": SOURCE_USER},
                data={CONF_PRESET: self._preset},
            )
            result["next_flow"] = (FlowType.CONFIG_SUBENTRIES_FLOW, first["flow_id"])
        return result

    async def _async_fingerprint(self) -> dict[str, str]:
        """Return what tells our authority's certificate from others; it was made when the port was tried."""
        authority = await async_authority(self.hass)
        return {"fingerprint": "" if authority is None else authority.fingerprint}

    def _first_subentries(self, meter_title: str) -> Iterable[ConfigSubentryData]:
        """Yield the meter and the PV systems chosen on the way."""
        if not grid_meter.is_empty(self._meter):
            yield ConfigSubentryData(
                data=self._meter, subentry_type=SUBENTRY_GRID_METER, title=meter_title, unique_id=None
            )
        for entity_id in self._pv:
            yield ConfigSubentryData(
                data=pv.pv_data(entity_id),
                subentry_type=SUBENTRY_PV,
                title=entity_name(self.hass, entity_id),
                unique_id=None,
            )

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Change the grid connection or where the chargers dial in."""
        entry = self._get_reconfigure_entry()
        errors: dict[str, str] = {}
        if user_input is not None:
            self._name, self._site = user_input[CONF_NAME].strip(), site.site_data(user_input)
            errors = await site.async_site_errors(self.hass, self._name, self._site, entry)
            if not errors:
                meter = _meter_of(entry)
                self._meter = {} if meter is None else dict(meter.data)
                if grid_meter.misfit(self._meter, self._site[CONF_PHASES]):
                    return await self.async_step_grid_meter()
                return await self._async_changed()
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(
                site.SITE_SCHEMA, user_input or site.site_suggestions(entry)
            ),
            errors=errors,
        )

    async def _async_changed(self) -> ConfigFlowResult:
        """Keep the changed site and meter; where chargers have to dial another address, show it."""
        entry = self._get_reconfigure_entry()
        old_url = await async_charger_url(self.hass, ListenSettings.from_data(entry.data))
        url = await async_charger_url(self.hass, ListenSettings.from_data(self._site))
        # The meter first: the site's own change then starts it anew with both.
        if (meter := _meter_of(entry)) is not None and grid_meter.is_empty(self._meter):
            self.hass.config_entries.async_remove_subentry(entry, meter.subentry_id)
        elif meter is not None:
            self.hass.config_entries.async_update_subentry(entry, meter, data=self._meter)
        if url == old_url:
            return self.async_update_and_abort(entry, title=self._name, data=self._site)
        placeholders, reason = {"url": url}, "address_changed"
        if ListenSettings.from_data(self._site).source is CertificateSource.CREATED:
            placeholders, reason = placeholders | await self._async_fingerprint(), "address_changed_trust"
        result = self.async_update_and_abort(entry, title=self._name, data=self._site, reason=reason)
        result["description_placeholders"] = placeholders
        return result

    @override
    async def async_step_integration_discovery(self, discovery_info: dict[str, Any]) -> ConfigFlowResult:
        """Take note of a station that dialled in."""
        self._station = DiscoveredStation(
            entry_id=discovery_info["entry_id"],
            station_id=discovery_info["station_id"],
            vendor=discovery_info["vendor"],
            model=discovery_info["model"],
        )
        await self.async_set_unique_id(discovery_id(self._station["entry_id"], self._station["station_id"]))
        self._abort_if_unique_id_configured()
        self.context["title_placeholders"] = {"name": station_title(self._station)}
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Let the user make the station a charger of the site, with a password or, by choice, without."""
        station = self._station
        entry = self.hass.config_entries.async_get_entry(station["entry_id"])
        if entry is None or entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="site_not_loaded")
        if charger_with_id(entry, station["station_id"]) is not None:
            return self.async_abort(reason="already_configured")
        errors: dict[str, str] = {}
        if user_input is not None:
            name = user_input[CONF_NAME].strip()
            errors = await self._async_confirmed(entry, name, user_input)
            if not errors:
                return self.async_abort(reason="charger_added", description_placeholders={"name": name})
        label = station_label(station)
        name = station_title(station) if name_in_use(entry, label, station["station_id"]) else label
        return self.async_show_form(
            step_id="confirm",
            data_schema=self.add_suggested_values_to_schema(confirm_schema(entry), user_input or {CONF_NAME: name}),
            errors=errors,
            description_placeholders={
                "station_id": station["station_id"],
                "vendor": station["vendor"] or "?",
                "model": station["model"] or "?",
                "site": entry.title,
            },
        )

    async def _async_confirmed(
        self, entry: SmartChargingConfigEntry, name: str, user_input: dict[str, Any]
    ) -> dict[str, str]:
        """Add the charger to the site; return what is wrong with the input instead, by field."""
        station_id = self._station["station_id"]
        if errors := login_errors(user_input, to_tell=True):
            return errors
        password = user_input.get(CONF_PASSWORD)
        if password and station_id not in entry.runtime_data.csms.pending:
            return {"base": "station_gone"}
        # Its password is asked of the charger only once it took it over: until then it has none.
        without = {key: value for key, value in user_input.items() if key != CONF_PASSWORD} | {CONF_NO_PASSWORD: True}
        data = await async_charger_data(self.hass, station_id, without)
        if errors := charger_errors(self.hass, entry, name, data):
            return errors
        if password:
            entry.runtime_data.passwords[station_id] = password
        self.hass.config_entries.async_add_subentry(
            entry,
            ConfigSubentry(
                data=MappingProxyType(data), subentry_type=SUBENTRY_CHARGER, title=name, unique_id=station_id
            ),
        )
        return {}


def _meter_of(entry: ConfigEntry) -> ConfigSubentry | None:
    """Return the site's grid meter, None where there is none."""
    return next(iter(entry.get_subentries_of_type(SUBENTRY_GRID_METER)), None)
