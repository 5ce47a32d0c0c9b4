"""What the user configured of an OpenADR server, translated into the engine's words."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_CLIENT_ID, CONF_CLIENT_SECRET, CONF_URL
from homeassistant.core import HomeAssistant, callback

from .const import (
    CONF_ALLOW_HTTP,
    CONF_BINDING,
    CONF_CA_FILE,
    CONF_NOTIFICATIONS,
    CONF_OPENADR_VERSION,
    CONF_PLACE,
    CONF_POLL_S,
    CONF_PROGRAM_NAME,
    CONF_REGISTER,
    CONF_RESOURCES,
    CONF_SAFE_MODE_NAME,
    CONF_SCOPES,
    CONF_SILENT_MIN,
    CONF_STATION_ID,
    CONF_TARGETS,
    CONF_TOKEN_URL,
    CONF_VEN_NAME,
)
from .engine.grid.openadr_config import ClientCredentials, VenConfig
from .engine.grid.openadr_values import Addressee, OpenAdrVersion
from .engine.grid.signal import SignalScope
from .engine.model import EvseKey

DEFAULT_SAFE_MODE: Final = Addressee(ven_name="").safe_mode_name


@callback
def ven_config(hass: HomeAssistant, entry: ConfigEntry, data: Mapping[str, Any], source_id: str) -> VenConfig:
    """Return how a server is reached and who we are to it; ConfigError for a setting that can't be used."""
    return VenConfig(
        vtn_url=data[CONF_URL],
        addressee=Addressee(
            ven_name=data[CONF_VEN_NAME],
            source_id=source_id,
            resources={name: _evse(entry, charger) for name, charger in data.get(CONF_RESOURCES, {}).items()},
            targets=frozenset(data.get(CONF_TARGETS, ())),
            scope=SignalScope(data[CONF_PLACE]),
            binding=data[CONF_BINDING],
            safe_mode_name=data.get(CONF_SAFE_MODE_NAME, DEFAULT_SAFE_MODE),
        ),
        version=OpenAdrVersion(data[CONF_OPENADR_VERSION]),
        login=_login(data),
        program_name=data.get(CONF_PROGRAM_NAME),
        poll_interval=timedelta(seconds=float(data[CONF_POLL_S])),
        lost_after=timedelta(minutes=float(data[CONF_SILENT_MIN])),
        allow_http=data[CONF_ALLOW_HTTP],
        ca_file=ca_file(hass, data),
        register=data[CONF_REGISTER],
        notifications=data[CONF_NOTIFICATIONS],
    )


def ca_file(hass: HomeAssistant, data: Mapping[str, Any]) -> Path | None:
    """Return the file of an authority that the user trusts, None for those that everybody trusts."""
    name = data.get(CONF_CA_FILE)
    return None if name is None else Path(hass.config.path(name))


def _login(data: Mapping[str, Any]) -> ClientCredentials | None:
    if CONF_CLIENT_ID not in data and CONF_CLIENT_SECRET not in data:
        return None
    return ClientCredentials(
        client_id=data.get(CONF_CLIENT_ID, ""),
        client_secret=data.get(CONF_CLIENT_SECRET, ""),
        token_url=data.get(CONF_TOKEN_URL),
        scopes=tuple(data.get(CONF_SCOPES, ())),
    )


def _evse(entry: ConfigEntry, charger_id: str) -> EvseKey | None:
    """Return the EVSE of a charger, its first as for all grid signals; None where the charger is gone."""
    charger = entry.subentries.get(charger_id)
    return None if charger is None else EvseKey(charger.data[CONF_STATION_ID], 1)
