"""Whose the certificates are that this host's authority signed: an id is one charger's, and a removed one has none."""

from collections.abc import Collection

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from .const import DOMAIN, LOGGER, SUBENTRY_CHARGER
from .engine.csms.certificate_authority import AuthorityError, CertificateAuthority
from .listening import CertificateSource, ListenSettings
from .port_certificates import CertificateError, async_authority, async_with_authority


def trusts_authority(settings: ListenSettings) -> bool:
    """Return whether a port believes what this host's authority signed."""
    return settings.source is CertificateSource.CREATED and settings.client_ca is None


@callback
def another_site_with(hass: HomeAssistant, entry: ConfigEntry, station_ids: Collection[str]) -> str | None:
    """Return the name of another site that trusts the authority and has a charger of one of these ids.

    The certificate of the one would open the other one's door.
    """
    for other in hass.config_entries.async_entries(DOMAIN, include_ignore=False):
        if other.entry_id == entry.entry_id or not trusts_authority(ListenSettings.from_data(other.data)):
            continue
        if any(charger.unique_id in station_ids for charger in other.get_subentries_of_type(SUBENTRY_CHARGER)):
            return other.title
    return None


@callback
def id_at_another_site(hass: HomeAssistant, entry: ConfigEntry, station_id: str) -> bool:
    """Return whether certificates would not tell a new charger of a site from one of another site."""
    trusts = trusts_authority(ListenSettings.from_data(entry.data))
    return trusts and another_site_with(hass, entry, {station_id}) is not None


async def async_revoke(hass: HomeAssistant, entry: ConfigEntry, station_id: str) -> bool:
    """Take the certificates of a removed charger back; return whether there were some."""
    if (other := another_site_with(hass, entry, {station_id})) is not None:
        LOGGER.warning("The certificates of %s stay good, for %s has a charger of this id", station_id, other)
        return False

    def revoke(authority: CertificateAuthority) -> bool:
        if not any(each.station_id == station_id and each.revoked_at is None for each in authority.issued):
            return False
        authority.revoke(station_id, dt_util.utcnow())
        return True

    try:
        return await async_authority(hass) is not None and await async_with_authority(hass, revoke)
    except (AuthorityError, CertificateError) as err:
        LOGGER.warning("The certificates of a removed charger stay good: %s", err)
        return False
