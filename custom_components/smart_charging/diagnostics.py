"""Diagnostics: the site as it is now, without what tells who charges or how chargers log in."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, time, timedelta
import json
from typing import TYPE_CHECKING, Any, Final

from homeassistant.components.diagnostics import REDACTED
from homeassistant.const import (
    CONF_ACCESS_TOKEN,
    CONF_API_KEY,
    CONF_CLIENT_ID,
    CONF_CLIENT_SECRET,
    CONF_TOKEN,
    CONF_URL,
    CONF_USERNAME,
    CONF_WEBHOOK_ID,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceEntry

from .const import (
    CONF_ACTION_FREE,
    CONF_ACTION_LIMIT,
    CONF_ACTIONS,
    CONF_CERTIFICATE,
    CONF_CLIENT_CA,
    CONF_CLIENT_CRL,
    CONF_PASSWORD,
    CONF_PASSWORD_HASH,
    CONF_PRIVATE_KEY,
    CONF_RESOURCES,
    CONF_SECOND_CERTIFICATE,
    CONF_SECOND_PRIVATE_KEY,
    CONF_TARGETS,
    CONF_TOKEN_URL,
    CONF_VEN_NAME,
    SUBENTRY_CHARGER,
)
from .coordinator import SmartChargingConfigEntry
from .engine.limit import without_station_ids
from .engine.model import EvseKey, Json
from .engine.recording import Cycle, dump_lines

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_SECRET: Final = frozenset(
    {
        CONF_ACCESS_TOKEN,
        CONF_API_KEY,
        CONF_CERTIFICATE,
        CONF_CLIENT_ID,
        CONF_CLIENT_SECRET,
        CONF_CLIENT_CA,
        CONF_CLIENT_CRL,
        CONF_PASSWORD,
        CONF_PASSWORD_HASH,
        CONF_PRIVATE_KEY,
        CONF_RESOURCES,  # names and targets hold the codes of connections: they tell where somebody lives
        CONF_SECOND_CERTIFICATE,
        CONF_SECOND_PRIVATE_KEY,
        CONF_TARGETS,
        CONF_TOKEN,
        CONF_TOKEN_URL,
        CONF_URL,  # of a second central system, or of OpenADR: its path may be a secret
        CONF_USERNAME,
        CONF_VEN_NAME,
        CONF_WEBHOOK_ID,
        *(CONF_ACTION_FREE, CONF_ACTION_LIMIT, *CONF_ACTIONS.values()),  # written by the user: they may hold anything
        "event_title",  # of an event in a calendar, and what titles have to contain
        "id_token",
        "organization",
        "parent_id_token",
        "raw",  # what a source of grid signals sent
        "serial_number",
        "tag_label",
        "topic",
    }
)


class _Redactor:
    """Turns values into JSON; station ids, which are often serial numbers, get a number in their place."""

    def __init__(self, station_ids: list[str]) -> None:
        """Number the stations in the order of their ids, as recorded decisions do."""
        width = len(str(len(station_ids)))
        self._names = {
            station_id: f"station {number:0{width}}" for number, station_id in enumerate(sorted(station_ids), 1)
        }

    def station(self, station_id: str) -> str:
        """Return what stands for a station id."""
        return self._names.get(station_id, REDACTED)

    def mapping(self, values: Mapping[Any, object]) -> dict[str, Json]:
        """Return a mapping with its secrets taken out."""
        return {self._key(key): self._field(str(key), value) for key, value in values.items()}

    def fields(self, value: DataclassInstance) -> dict[str, Json]:
        """Return the fields of a dataclass with its secrets taken out."""
        return {field.name: self._field(field.name, getattr(value, field.name)) for field in fields(value)}

    def value(self, value: object) -> Json:
        """Return a value as JSON."""
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, datetime | time):
            return value.isoformat()
        if isinstance(value, timedelta):
            return value.total_seconds()
        if isinstance(value, Mapping):
            return self.mapping(value)
        if is_dataclass(value) and not isinstance(value, type):
            return self.fields(value)
        if isinstance(value, tuple | list):
            return [self.value(item) for item in value]
        # Beside these a view holds sets only.
        assert isinstance(value, frozenset)
        return [*sorted(self._key(item) for item in value)]

    def _key(self, key: object) -> str:
        """Return what stands for a key, or for a member of a set."""
        if isinstance(key, EvseKey):
            return f"{self.station(key.station_id)}/{key.evse_id}"
        return self._names.get(str(key), str(key))

    def _field(self, name: str, value: object) -> Json:
        """Return one field's value, hidden where it is secret."""
        if value is None:
            return None
        if name in _SECRET:
            return REDACTED
        match name:
            case "station_id":
                return self.station(str(value))
            case "device_id":  # of a charger, a battery, or something that is led elsewhere
                return self._key(value)
            case "limit_id":
                return without_station_ids(str(value), self._names)
            case _:
                return self.value(value)


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: SmartChargingConfigEntry) -> dict[str, Json]:
    """Return configuration and view of a site, and its newest decisions."""
    redactor = _redactor(entry)
    runtime = entry.runtime_data
    view = redactor.fields(runtime.site.view)
    return {
        "entry": {
            "version": f"{entry.version}.{entry.minor_version}",
            "data": redactor.mapping(entry.data),
            "options": redactor.mapping(entry.options),
            "subentries": [
                {"type": subentry.subentry_type, "data": redactor.mapping(subentry.data)}
                for subentry in entry.subentries.values()
            ],
        },
        "port": runtime.port,
        "stations_waiting": len(runtime.csms.pending),
        "rejected_grid_readings": runtime.site.rejected_grid_readings,
        "grid": {
            "config": redactor.value(runtime.site.grid.config),
            "view": view.pop("grid"),
            "log": redactor.value(runtime.ledger.grid_proof.verdict),
        },
        "view": view,
        "departures": redactor.value(runtime.departures.told()),
        "forecasts": redactor.value(runtime.forecasts.told()),
        "openadr": redactor.value({source_id: one.told() for source_id, one in runtime.grid.servers.items()}),
        "decisions": await _async_decisions(hass, runtime.site.recent_cycles),
    }


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: SmartChargingConfigEntry, device: DeviceEntry
) -> dict[str, Json]:
    """Return configuration and view of one charger, circuit or battery; of the site's own device those of the site."""
    redactor = _redactor(entry)
    subentry = entry.subentries.get(device.config_subentry_id or "")
    if subentry is None:
        return await async_get_config_entry_diagnostics(hass, entry)
    view = entry.runtime_data.site.view
    shown = (
        view.chargers.get(str(subentry.unique_id))
        or view.circuits.get(subentry.subentry_id)
        or view.batteries.get(subentry.subentry_id)
    )
    return {"data": redactor.mapping(subentry.data), "view": redactor.value(shown)}


async def _async_decisions(hass: HomeAssistant, cycles: tuple[Cycle, ...]) -> list[Json]:
    """Return the newest decisions with all they were made from, as `engine.replay` reads them."""

    def dumped() -> list[Json]:
        return [json.loads(line) for line in dump_lines(cycles, hide_ids=True)]

    return await hass.async_add_executor_job(dumped) if cycles else []


def _redactor(entry: SmartChargingConfigEntry) -> _Redactor:
    """Return a redactor that knows the site's stations."""
    return _Redactor([str(subentry.unique_id) for subentry in entry.get_subentries_of_type(SUBENTRY_CHARGER)])
