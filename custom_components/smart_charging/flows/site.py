"""The site's own settings: grid connection and listening port."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import NumberSelector, NumberSelectorConfig, NumberSelectorMode, TextSelector
import probatio

from ..const import (
    CONF_BIND_ADDRESS,
    CONF_CERTIFICATE,
    CONF_FUSE_A,
    CONF_PHASES,
    CONF_PORT,
    CONF_PRIVATE_KEY,
    CONF_RESERVED_HOUSE_A,
    CONF_TLS,
    DEFAULT_BIND_ADDRESS,
    DEFAULT_FUSE_A,
    DEFAULT_PORT,
    DEFAULT_RESERVED_HOUSE_A,
    DOMAIN,
)
from ..engine.control.safe_currents import takes_safe_currents
from ..listening import CertificateError, ListenSettings, async_ssl_context, bind_error, is_address
from ..settings import site_config, station_configs
from .fields import amperes, phase_count


def whole_port(number: float) -> float:
    """Return a port as the integer that it is; what has a fraction stays, to be refused and not to be cut off."""
    return int(number) if float(number).is_integer() else number


SITE_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(CONF_NAME): TextSelector(),
        probatio.Required(CONF_FUSE_A, default=DEFAULT_FUSE_A): amperes(6, 1000),
        probatio.Required(CONF_PHASES, default="3"): phase_count(),
        probatio.Required(CONF_RESERVED_HOUSE_A, default=DEFAULT_RESERVED_HOUSE_A): amperes(0, 1000),
        probatio.Required(CONF_PORT, default=DEFAULT_PORT): NumberSelector(
            NumberSelectorConfig(min=1, max=65535, mode=NumberSelectorMode.BOX)
        ),
        probatio.Required(CONF_BIND_ADDRESS, default=DEFAULT_BIND_ADDRESS): TextSelector(),
        probatio.Required(CONF_TLS): section(
            probatio.Schema(
                {
                    probatio.Optional(CONF_CERTIFICATE): TextSelector(),
                    probatio.Optional(CONF_PRIVATE_KEY): TextSelector(),
                }
            ),
            {"collapsed": True},
        ),
    }
)


def site_data(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry's data for what the user typed; the name is the entry's title."""
    tls = user_input[CONF_TLS]
    return {
        CONF_FUSE_A: user_input[CONF_FUSE_A],
        CONF_PHASES: int(user_input[CONF_PHASES]),
        CONF_RESERVED_HOUSE_A: user_input[CONF_RESERVED_HOUSE_A],
        CONF_PORT: whole_port(user_input[CONF_PORT]),
        CONF_BIND_ADDRESS: user_input[CONF_BIND_ADDRESS].strip(),
        CONF_CERTIFICATE: tls.get(CONF_CERTIFICATE) or None,
        CONF_PRIVATE_KEY: tls.get(CONF_PRIVATE_KEY) or None,
    }


def site_suggestions(entry: ConfigEntry) -> dict[str, Any]:
    """Return the form's values for an entry that exists."""
    data = entry.data
    tls = {key: data[key] for key in (CONF_CERTIFICATE, CONF_PRIVATE_KEY) if data[key]}
    return {**data, CONF_NAME: entry.title, CONF_PHASES: str(data[CONF_PHASES]), CONF_TLS: tls}


async def async_site_errors(
    hass: HomeAssistant, name: str, data: Mapping[str, Any], existing: ConfigEntry | None = None
) -> dict[str, str]:
    """Return what is wrong with a site's settings by field, trying its port and certificate for real."""
    others = [
        entry for entry in hass.config_entries.async_entries(DOMAIN, include_ignore=False) if entry is not existing
    ]
    errors: dict[str, str] = {}
    if not name:
        errors[CONF_NAME] = "name_missing"
    elif any(entry.title.casefold() == name.casefold() for entry in others):
        errors[CONF_NAME] = "name_in_use"
    errors |= _connection_errors(hass, data, existing)
    settings = ListenSettings.from_data(data)
    if not is_address(settings.host):
        errors[CONF_BIND_ADDRESS] = "not_an_address"
    elif not isinstance(data[CONF_PORT], int):
        errors[CONF_PORT] = "port_not_whole"
    elif any(entry.data[CONF_PORT] == settings.port for entry in others):
        errors[CONF_PORT] = "port_in_use"
    elif problem := bind_error(_trial(settings, existing)):
        errors[CONF_BIND_ADDRESS if problem == "address_not_here" else CONF_PORT] = problem
    if (settings.certificate is None) != (settings.private_key is None):
        errors[CONF_TLS] = "certificate_and_key"
    else:
        try:
            await async_ssl_context(hass, settings)
        except CertificateError:
            errors[CONF_TLS] = "certificate_invalid"
    return errors


@callback
def _connection_errors(hass: HomeAssistant, data: Mapping[str, Any], existing: ConfigEntry | None) -> dict[str, str]:
    """Return what is wrong with the grid connection, by field."""
    if data[CONF_RESERVED_HOUSE_A] >= data[CONF_FUSE_A]:
        return {CONF_RESERVED_HOUSE_A: "reserved_above_fuse"}
    if existing is not None and _takes_safe_currents(hass, existing, data):
        return {"base": "safe_current_does_not_fit"}  # fuse, reserved current or phases may be why
    return {}


@callback
def _takes_safe_currents(hass: HomeAssistant, entry: ConfigEntry, data: Mapping[str, Any]) -> bool:
    """Return whether a charger would lose its safe current if a site that exists had this data."""
    site = site_config(hass, entry)
    changed = replace(
        site,
        fuse_a=float(data[CONF_FUSE_A]),
        phases=data[CONF_PHASES],
        reserved_house_a=float(data[CONF_RESERVED_HOUSE_A]),
    )
    return takes_safe_currents(site, changed, station_configs(entry).values())


def _trial(settings: ListenSettings, existing: ConfigEntry | None) -> ListenSettings:
    """Return what to bind for a test: any port where the entry itself holds the wanted one."""
    if existing is None or existing.state is not ConfigEntryState.LOADED:
        return settings
    held = ListenSettings.from_data(existing.data).port
    return replace(settings, port=0) if settings.port == held else settings
