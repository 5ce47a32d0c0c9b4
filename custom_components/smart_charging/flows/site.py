"""The site's own settings: grid connection and listening port."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    TextSelector,
)
import probatio

from ..certificate_owners import another_site_with, trusts_authority
from ..const import (
    CONF_BIND_ADDRESS,
    CONF_CERTIFICATE,
    CONF_CERTIFICATE_SOURCE,
    CONF_CLIENT_CA,
    CONF_CLIENT_CRL,
    CONF_FUSE_A,
    CONF_LEGACY_RSA,
    CONF_PHASES,
    CONF_PORT,
    CONF_PRIVATE_KEY,
    CONF_RESERVED_HOUSE_A,
    CONF_SECOND_CERTIFICATE,
    CONF_SECOND_PRIVATE_KEY,
    CONF_TLS,
    DEFAULT_BIND_ADDRESS,
    DEFAULT_FUSE_A,
    DEFAULT_PORT,
    DEFAULT_RESERVED_HOUSE_A,
    DOMAIN,
    SUBENTRY_CHARGER,
    SUBENTRY_CIRCUIT,
)
from ..engine.control.safe_currents import takes_safe_currents
from ..listening import CertificateSource, ListenSettings, bind_error, is_address
from ..port_certificates import CertificateError, async_try_certificates
from ..settings import site_config, station_configs
from .fields import amperes, choice, filled, phase_count

OWN_FILES: Final = (CONF_CERTIFICATE, CONF_PRIVATE_KEY, CONF_SECOND_CERTIFICATE, CONF_SECOND_PRIVATE_KEY)
CLIENT_FILES: Final = (CONF_CLIENT_CA, CONF_CLIENT_CRL)


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
                    probatio.Optional(CONF_CERTIFICATE_SOURCE): choice(CertificateSource, CONF_CERTIFICATE_SOURCE),
                    **{probatio.Optional(key): TextSelector() for key in (*OWN_FILES, *CLIENT_FILES)},
                    probatio.Optional(CONF_LEGACY_RSA): BooleanSelector(),
                }
            ),
            {"collapsed": True},
        ),
    }
)


def site_data(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry's data for what the user typed; the name is the entry's title."""
    return {
        CONF_FUSE_A: user_input[CONF_FUSE_A],
        CONF_PHASES: int(user_input[CONF_PHASES]),
        CONF_RESERVED_HOUSE_A: user_input[CONF_RESERVED_HOUSE_A],
        CONF_PORT: whole_port(user_input[CONF_PORT]),
        CONF_BIND_ADDRESS: user_input[CONF_BIND_ADDRESS].strip(),
        **_tls_data(filled(user_input[CONF_TLS])),
    }


def _tls_data(tls: Mapping[str, Any]) -> dict[str, Any]:
    """Return what counts with the source of certificates that was chosen; who only enters files has chosen these."""
    named = any(key in tls for key in OWN_FILES)
    source = tls.get(CONF_CERTIFICATE_SOURCE) or (CertificateSource.FILES if named else CertificateSource.NONE)
    data: dict[str, Any] = {CONF_CERTIFICATE: None, CONF_PRIVATE_KEY: None}
    if source == CertificateSource.NONE:
        return data
    kept = CLIENT_FILES if source == CertificateSource.CREATED else (*OWN_FILES, *CLIENT_FILES)
    data |= {CONF_CERTIFICATE_SOURCE: str(source)} | {key: tls[key] for key in kept if key in tls}
    return data | ({CONF_LEGACY_RSA: True} if tls.get(CONF_LEGACY_RSA) else {})


def site_suggestions(entry: ConfigEntry) -> dict[str, Any]:
    """Return the form's values for an entry that exists."""
    data = entry.data
    tls = {key: data[key] for key in (*OWN_FILES, *CLIENT_FILES, CONF_LEGACY_RSA) if data.get(key)}
    tls[CONF_CERTIFICATE_SOURCE] = ListenSettings.from_data(data).source.value
    return {**data, CONF_NAME: entry.title, CONF_PHASES: str(data[CONF_PHASES]), CONF_TLS: tls}


async def async_site_errors(
    hass: HomeAssistant, name: str, data: Mapping[str, Any], existing: ConfigEntry | None = None
) -> dict[str, str]:
    """Return what is wrong with a site's settings by field, trying its port and certificate for real."""
    others = [
        entry for entry in hass.config_entries.async_entries(DOMAIN, include_ignore=False) if entry is not existing
    ]
    errors: dict[str, str] = {}
    if error := _name_error(name, others, existing):
        errors[CONF_NAME] = error
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
    if _shares_an_id(hass, settings, existing):
        errors[CONF_TLS] = "station_id_at_another_site"
    # An authority is only made for a site that is else in order.
    if settings.source is CertificateSource.CREATED and errors:
        return errors
    if problem := await _async_tls_error(hass, settings):
        errors[CONF_TLS] = problem
    return errors


@callback
def _name_error(name: str, others: Iterable[ConfigEntry], existing: ConfigEntry | None) -> str | None:
    """Return what is wrong with a site's name, None where no other site and no circuit of its own has it."""
    if not name:
        return "name_missing"
    if any(entry.title.casefold() == name.casefold() for entry in others):
        return "name_in_use"
    circuits = () if existing is None else existing.get_subentries_of_type(SUBENTRY_CIRCUIT)
    named_alike = any(circuit.title.casefold() == name.casefold() for circuit in circuits)
    return "circuit_named_like_site" if named_alike else None


@callback
def _shares_an_id(hass: HomeAssistant, settings: ListenSettings, existing: ConfigEntry | None) -> bool:
    """Return whether certificates would not tell a charger of the site from one of another site."""
    if existing is None or not trusts_authority(settings):
        return False
    ids = {str(charger.unique_id) for charger in existing.get_subentries_of_type(SUBENTRY_CHARGER)}
    return another_site_with(hass, existing, ids) is not None


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


async def _async_tls_error(hass: HomeAssistant, settings: ListenSettings) -> str | None:
    """Return what is wrong with the certificates, loading them for real; an authority is made where one is wanted."""
    if settings.source is CertificateSource.FILES:
        pairs = (
            (settings.certificate, settings.private_key),
            (settings.second_certificate, settings.second_private_key),
        )
        if settings.certificate is None or any((chain is None) != (key is None) for chain, key in pairs):
            return "certificate_and_key"
    if settings.client_crl is not None and settings.client_ca is None:
        return "client_ca_missing"
    try:
        await async_try_certificates(hass, settings)
    except CertificateError as err:
        return err.reason
    return None


def _trial(settings: ListenSettings, existing: ConfigEntry | None) -> ListenSettings:
    """Return what to bind for a test: any port where the entry itself holds the wanted one."""
    if existing is None or existing.state is not ConfigEntryState.LOADED:
        return settings
    held = ListenSettings.from_data(existing.data).port
    return replace(settings, port=0) if settings.port == held else settings
