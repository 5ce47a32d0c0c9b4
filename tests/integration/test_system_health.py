"""System information tells how many sites run and how many chargers are connected."""

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import get_system_health_info

from custom_components.smart_charging.const import DOMAIN

from .builders import charger, site_entry
from .virtual_station import virtual_station

pytestmark = pytest.mark.usefixtures("socket_enabled")


async def test_running_sites_and_their_chargers_are_counted(hass: HomeAssistant, free_port: int) -> None:
    entry = site_entry(free_port, [charger("CP-1"), charger("CP-2")])
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert await async_setup_component(hass, "system_health", {})
    async with virtual_station(free_port, "CP-1") as known, virtual_station(free_port, "CP-9") as stranger:
        assert await known.boot() == "Accepted"
        assert await stranger.boot() == "Pending"
        entry.runtime_data.coordinator.async_publish_now()
        await hass.async_block_till_done()
        assert await get_system_health_info(hass, DOMAIN) == {
            "sites": 1,
            "ports": str(free_port),
            "chargers": 2,
            "chargers_connected": 1,
            "chargers_waiting": 1,
        }
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
    assert await get_system_health_info(hass, DOMAIN) == {
        "sites": 0,
        "ports": "",
        "chargers": 0,
        "chargers_connected": 0,
        "chargers_waiting": 0,
    }
