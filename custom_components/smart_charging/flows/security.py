"""How a charger proves who it is: its password, over what, and what its certificate says."""

from collections.abc import Mapping
import re
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import callback
from homeassistant.helpers.selector import TextSelector
import probatio

from ..const import (
    CONF_NO_PASSWORD,
    CONF_ORGANIZATION,
    CONF_PASSWORD,
    CONF_SECURITY,
    CONF_SECURITY_PROFILE,
    CONF_SERIAL_NUMBER,
    CONF_STATION_ID,
)
from ..coordinator import SmartChargingConfigEntry
from ..engine.config import SecurityProfile
from ..listening import CertificateSource, ListenSettings
from ..settings import station_configs
from .fields import choice

# The configuration key AuthorizationKey holds up to 20 bytes, written as 40 hexadecimal digits (OCPP 1.6
# security whitepaper, A00.FR.205). A charger that has its password already may have been given those digits.
_PASSWORD: Final = re.compile(r"[\x20-\x7e]{8,40}")
_PASSWORD_TO_TELL: Final = re.compile(r"[\x20-\x7e]{8,20}")

_PROFILES: Final = {str(profile.value): profile for profile in SecurityProfile if profile is not SecurityProfile.NONE}
SECURITY_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(CONF_SECURITY_PROFILE, default=str(SecurityProfile.BASIC.value)): choice(
            _PROFILES, CONF_SECURITY_PROFILE
        ),
        probatio.Optional(CONF_SERIAL_NUMBER): TextSelector(),
        probatio.Optional(CONF_ORGANIZATION): TextSelector(),
    }
)


def security_data(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of the section; a charger that dialled in is confirmed without it."""
    typed = user_input.get(CONF_SECURITY) or SECURITY_SCHEMA({})
    return {
        CONF_SECURITY_PROFILE: _PROFILES[typed[CONF_SECURITY_PROFILE]].value,
        CONF_SERIAL_NUMBER: typed.get(CONF_SERIAL_NUMBER, "").strip(),
        CONF_ORGANIZATION: typed.get(CONF_ORGANIZATION, "").strip(),
    }


def security_suggestions(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the section's values for a charger that exists, whichever version it was added by."""
    values = {str(key): data[key] for key in SECURITY_SCHEMA.schema if key in data}
    if CONF_SECURITY_PROFILE in values:
        values[CONF_SECURITY_PROFILE] = str(values[CONF_SECURITY_PROFILE])
    return values


def login_errors(
    user_input: Mapping[str, Any], kept_hash: str | None = None, *, to_tell: bool = False
) -> dict[str, str]:
    """Return what is wrong with how the charger shall log in, by field: one of the ways must be chosen.

    A password `to_tell` has to fit into the charger's AuthorizationKey; any other one the charger has already.
    """
    password = user_input.get(CONF_PASSWORD)
    profile = security_data(user_input)[CONF_SECURITY_PROFILE]
    if user_input[CONF_NO_PASSWORD]:
        if profile == SecurityProfile.TLS_BASIC:
            return {CONF_SECURITY: "profile_needs_password"}
        return {CONF_PASSWORD: "password_and_none"} if password else {}
    if not password:
        needed = profile != SecurityProfile.TLS_CERTIFICATE and not kept_hash
        return {CONF_PASSWORD: "password_missing"} if needed else {}
    if to_tell:
        return {} if _PASSWORD_TO_TELL.fullmatch(password) else {CONF_PASSWORD: "password_unfit_to_tell"}
    return {} if _PASSWORD.fullmatch(password) else {CONF_PASSWORD: "password_unfit"}


@callback
def security_errors(entry: ConfigEntry, data: Mapping[str, Any]) -> dict[str, str]:
    """Return what speaks against a charger's security at this site, by field."""
    port, profile = ListenSettings.from_data(entry.data), data[CONF_SECURITY_PROFILE]
    if profile >= SecurityProfile.TLS_BASIC and not port.secured:
        return {CONF_SECURITY: "profile_needs_tls"}
    signs = port.source is CertificateSource.CREATED or port.client_ca is not None
    if profile == SecurityProfile.TLS_CERTIFICATE and not signs:
        return {CONF_SECURITY: "profile_needs_client_ca"}
    others = [known for known in station_configs(entry).values() if known.station_id != data[CONF_STATION_ID]]
    serial = data.get(CONF_SERIAL_NUMBER)
    if serial and any(serial in {known.station_id, known.serial_number} for known in others):
        return {CONF_SECURITY: "serial_number_in_use"}
    return {}


@callback
def asks_less(entry: SmartChargingConfigEntry, data: Mapping[str, Any]) -> bool:
    """Return whether the user is content with less than the charger was seen to prove."""
    if entry.state is not ConfigEntryState.LOADED:
        return False
    try:
        seen = entry.runtime_data.site.station(data[CONF_STATION_ID]).access.seen_profile
    except KeyError:
        return False
    return seen is not None and seen > data[CONF_SECURITY_PROFILE]
