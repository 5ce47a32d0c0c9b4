"""A site that serves registered tags only, and what administrators and drivers do there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util
import pytest

from custom_components.smart_charging.const import DOMAIN

from .builders import charger, site_entry
from .virtual_station import VirtualStation

TAG = "04A2B3C4D5E680"
OTHER = "04FFEEDDCCBB11"
EVENT = "smart_charging_event"


@asynccontextmanager
async def token_site(hass: HomeAssistant, port: int) -> AsyncIterator[None]:
    """Run a site with two chargers, and unload all sites at the end."""
    entry = site_entry(port, [charger("CP-1"), charger("CP-2")], options={"access_mode": "known_only"})
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    yield
    for loaded in hass.config_entries.async_loaded_entries(DOMAIN):
        await hass.config_entries.async_unload(loaded.entry_id)
    await hass.async_block_till_done()


async def call(hass: HomeAssistant, action: str, **data: Any) -> dict[str, Any]:
    """Call an action and return its response."""
    response = await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=True)
    assert isinstance(response, dict)
    return response


async def add(hass: HomeAssistant, value: str = TAG, label: str = "Anna", **data: Any) -> str:
    """Register a tag and return its id."""
    return str((await call(hass, "add_token", value=value, label=label, **data))["token_id"])


async def listed(hass: HomeAssistant, **data: Any) -> list[dict[str, Any]]:
    """Return what `list_tokens` answers."""
    tokens: list[dict[str, Any]] = (await call(hass, "list_tokens", **data))["tokens"]
    return tokens


def device_id(hass: HomeAssistant, identifier: str = "sub_CP-1") -> str:
    """Return the id of a device."""
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, identifier), "site1")
    assert device is not None
    return device.id


def choose(hass: HomeAssistant, **options: Any) -> None:
    """Change the options of the site."""
    entry = hass.config_entries.async_get_entry("site1")
    assert entry is not None
    hass.config_entries.async_update_entry(entry, options=options)


async def ask(station: VirtualStation, value: str = TAG) -> dict[str, Any]:
    """Present a tag and return what the station is told of it."""
    info: dict[str, Any] = (await station.call("Authorize", {"idTag": value}))["idTagInfo"]
    return info


async def start(station: VirtualStation, value: str = TAG, connector_id: int = 1) -> tuple[int, str]:
    """Begin a transaction and return its id and the status of its tag."""
    begun = {"connectorId": connector_id, "idTag": value, "meterStart": 1000, "timestamp": dt_util.utcnow().isoformat()}
    answer = await station.call("StartTransaction", begun)
    return int(answer["transactionId"]), str(answer["idTagInfo"]["status"])


async def stop(station: VirtualStation, transaction_id: int, value: str = TAG) -> str:
    """End a transaction and return the status of its tag."""
    ended = {
        "transactionId": transaction_id,
        "idTag": value,
        "meterStop": 1200,
        "timestamp": dt_util.utcnow().isoformat(),
    }
    return str((await station.call("StopTransaction", ended))["idTagInfo"]["status"])


async def heard(hass: HomeAssistant, events: list[Any], kind: str, count: int = 1) -> list[dict[str, Any]]:
    """Wait for events of this kind and return what they tell."""
    for _ in range(500):
        await hass.async_block_till_done()
        found = [dict(event.data) for event in events if event.data["type"] == kind]
        if len(found) >= count:
            return found
        await asyncio.sleep(0.01)  # the ledger commits in a thread of its own
    pytest.fail(f"{kind} was not told: {events}")
