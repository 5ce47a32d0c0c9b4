"""A running site with one charger on a real socket, for tests of what administrators ask of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.coordinator import SmartChargingConfigEntry
from custom_components.smart_charging.engine.csms.station import Station
from tests.engine.csms_stations.raw_station import RawStation

from .builders import charger, site_entry

STATION_ID = "CP-1"


@asynccontextmanager
async def operated[S: RawStation](hass: HomeAssistant, port: int, client: S) -> AsyncIterator[S]:
    """Run a site with one charger that is set up."""
    entry = site_entry(port, [charger(STATION_ID)])
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    try:
        await client.connect(port)
        await client.boot()
        async with asyncio.timeout(10):
            while not is_set_up(station(hass)):
                await asyncio.sleep(0.01)
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=2))  # what is known is published
        await hass.async_block_till_done()
        yield client
    finally:
        await client.close()
        await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done()


def is_set_up(station: Station) -> bool:
    """Return whether every step of the set-up has an outcome."""
    steps = station.state.setup
    return bool(steps) and all(step.status != "pending" for step in steps)


def station(hass: HomeAssistant) -> Station:
    """Return the charger as the central system knows it."""
    entry: SmartChargingConfigEntry | None = hass.config_entries.async_get_entry("site1")
    assert entry is not None
    return entry.runtime_data.site.station(STATION_ID)


def device_id(hass: HomeAssistant, suffix: str = "") -> str:
    """Return the id of the charger's device, or of one of its EVSEs'."""
    registry, key = dr.async_get(hass), (DOMAIN, f"sub_{STATION_ID}{suffix}")
    device = registry.async_get_device_by_identifier(key, "site1") or registry.async_get_child_device_by_identifier(
        key, "site1"
    )
    assert device is not None
    return device.id


async def ask(hass: HomeAssistant, action: str, /, **data: Any) -> Any:
    """Call an action that answers, for the charger."""
    data = {"device_id": device_id(hass)} | data
    return await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=True)


async def do(hass: HomeAssistant, action: str, /, **data: Any) -> None:
    """Call an action, for the charger."""
    await hass.services.async_call(DOMAIN, action, {"device_id": device_id(hass)} | data, blocking=True)
