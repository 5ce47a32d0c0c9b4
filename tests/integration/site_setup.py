"""Setting sites up as the tests of a running integration need them."""

from types import MappingProxyType
from typing import Any

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.listening import ListenSettings, bind_error

from .builders import charger, site_entry


async def set_up(hass: HomeAssistant, port: int, *subentries: Any, **changes: Any) -> MockConfigEntry:
    """Set a site up and return its entry, whatever came of it."""
    entry = site_entry(port, subentries, **changes)
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


def add_charger(hass: HomeAssistant, entry: MockConfigEntry, station_id: str) -> None:
    """Add a charger to a running site, as the flow does."""
    made = charger(station_id)
    subentry = ConfigSubentry(
        data=MappingProxyType(made["data"]),
        subentry_id=made["subentry_id"],
        subentry_type="charger",
        title=made["title"],
        unique_id=station_id,
    )
    hass.config_entries.async_add_subentry(entry, subentry)


def issue_ids(hass: HomeAssistant) -> set[str]:
    """Return the ids of our issues."""
    return {issue_id for domain, issue_id in ir.async_get(hass).issues if domain == DOMAIN}


def is_free(port: int) -> bool:
    """Return whether nobody listens on this port."""
    return bind_error(ListenSettings("127.0.0.1", port)) is None
