"""The sources of grid signals of one running site: each is heard in its own way, and all are told to the site."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.util import dt as dt_util

from .const import CONF_POWER, LOGGER, SUBENTRY_OTHER_DEVICE
from .coordinator import SmartChargingConfigEntry
from .engine.grid.source import SourceEvent
from .entity_values import power_w
from .grid_entity_inputs import ContactInput, ControlBoxInput, EebusInput, GridInput, NumberInput
from .grid_mqtt import MqttInput
from .grid_openadr import OpenAdrInput
from .grid_presets import GridPage
from .grid_settings import grid_sources, page_of, site_grid_config
from .grid_webhook import WebhookInput
from .readings import Followed
from .settings import station_configs

ENTITY_INPUTS: Final[Mapping[GridPage, Callable[[HomeAssistant, ConfigSubentry], GridInput]]] = {
    GridPage.CONTACT: ContactInput,
    GridPage.CONTROL_BOX: ControlBoxInput,
    GridPage.EEBUS: EebusInput,
    GridPage.NUMBER: NumberInput,
}
MESSAGE_INPUTS: Final[
    Mapping[GridPage, Callable[[HomeAssistant, SmartChargingConfigEntry, ConfigSubentry], GridInput]]
] = {
    GridPage.WEBHOOK: WebhookInput,
    GridPage.MQTT: MqttInput,
}


@dataclass(slots=True)
class _Heard:
    """A source, by what it was set up with."""

    data: Mapping[str, Any]
    source: GridInput
    speaks: bool = False


class GridInputs:
    """Hears the sources as they are configured, and follows what devices draw that are led elsewhere."""

    def __init__(self, hass: HomeAssistant, entry: SmartChargingConfigEntry) -> None:
        """Hear nothing yet."""
        self._hass = hass
        self._entry = entry
        self._heard: dict[str, _Heard] = {}
        self._devices = Followed[str](hass, lambda entity_id: (entity_id,), self._read_device, self._without_device)
        self._refused: set[tuple[str, str]] = set()
        self._series_listeners: list[CALLBACK_TYPE] = []

    @property
    def servers(self) -> dict[str, OpenAdrInput]:
        """Return the OpenADR servers that are heard, by source id."""
        heard = {source_id: one.source for source_id, one in self._heard.items()}
        return {source_id: source for source_id, source in heard.items() if isinstance(source, OpenAdrInput)}

    @callback
    def subscribe_series(self, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call a listener when a server announces other prices or GHG; return how to stop."""
        self._series_listeners.append(listener)
        return lambda: self._series_listeners.remove(listener)

    async def async_prepare(self) -> None:
        """Let the site know its sources and what they say before it starts: limits hold before a charger is released.

        Raises StoreError.
        """
        await self._async_make()
        self._configure_site()
        self._entry.runtime_data.site.grid.hear_first(*self._first())

    async def async_configure(self) -> None:
        """Bring what is heard in line with the entry: sources that went fall silent, new and changed ones speak."""
        wanted = grid_sources(self._entry)
        for source_id in [name for name, one in self._heard.items() if not _is_as(one, wanted.get(name))]:
            source = self._heard.pop(source_id).source
            await source.async_stop()
            if source_id not in wanted and isinstance(source, OpenAdrInput):
                await source.async_forget()
        await self._async_make()
        self._devices.async_configure(
            {
                device.subentry_id: device.data[CONF_POWER]
                for device in self._entry.get_subentries_of_type(SUBENTRY_OTHER_DEVICE)
                if CONF_POWER in device.data
            }
        )
        self._configure_site(*self._first())
        for one in self._heard.values():
            if not one.speaks:
                one.speaks = True
                one.source.async_start(self._tell)

    async def async_stop(self) -> None:
        """Hear nothing any more."""
        self._devices.async_stop()
        heard = tuple(self._heard.values())
        self._heard.clear()
        for one in heard:
            await one.source.async_stop()

    async def _async_make(self) -> None:
        for source_id, subentry in grid_sources(self._entry).items():
            if source_id not in self._heard and (source := await self._async_made(subentry)) is not None:
                self._heard[source_id] = _Heard(subentry.data, source)

    async def _async_made(self, subentry: ConfigSubentry) -> GridInput | None:
        """Return what hears a source, None for one that needs nothing: a limit that stands."""
        page = page_of(subentry.data)
        if page in ENTITY_INPUTS:
            return ENTITY_INPUTS[page](self._hass, subentry)
        if page in MESSAGE_INPUTS:
            return MESSAGE_INPUTS[page](self._hass, self._entry, subentry)
        if page is not GridPage.OPENADR:
            return None
        server = OpenAdrInput(self._hass, self._entry, subentry, self._series_changed)
        await server.async_load()
        return server

    @callback
    def _series_changed(self) -> None:
        for listener in tuple(self._series_listeners):
            listener()

    def _first(self) -> tuple[SourceEvent, ...]:
        """Return what the sources say now that don't speak by themselves yet."""
        return tuple(event for one in self._heard.values() if not one.speaks for event in one.source.first())

    def _configure_site(self, *events: SourceEvent) -> None:
        site = self._entry.runtime_data.site
        config = site_grid_config(self._entry, site.config, station_configs(self._entry))
        site.grid.configure(config, *events)

    @callback
    def _tell(self, *events: SourceEvent) -> None:
        """Let what a source says hold at once, and log once what of it can't be."""
        if not events:
            return
        decision = self._entry.runtime_data.site.grid.take(*events)
        for refused in decision.refused:
            known = (refused.event.source_id, "" if refused.reason is None else refused.reason.value)
            if refused.event in events and known not in self._refused:
                self._refused.add(known)
                LOGGER.warning(
                    "The grid signal source %s said what can't be taken (%s)", self._name(known[0]), known[1]
                )

    def _name(self, source_id: str) -> str:
        subentry = self._entry.subentries.get(source_id)
        return source_id if subentry is None else subentry.title

    @callback
    def _read_device(self, device_id: str, entity_id: str) -> None:
        """Hand on what a device draws that is led elsewhere."""
        power = power_w(self._hass, entity_id)
        grid = self._entry.runtime_data.site.grid
        if power is None:
            grid.set_device_power(device_id, None, dt_util.utcnow())
        else:
            grid.set_device_power(device_id, power[0], power[1])

    @callback
    def _without_device(self, device_id: str) -> None:
        """Tell that nothing is known of a device any more."""
        self._entry.runtime_data.site.grid.set_device_power(device_id, None, dt_util.utcnow())


def _is_as(heard: _Heard, subentry: ConfigSubentry | None) -> bool:
    if subentry is None or subentry.data != heard.data:
        return False
    return not isinstance(heard.source, OpenAdrInput) or heard.source.is_current
