"""System information tells how many sites run and how many chargers are connected."""

from unittest.mock import Mock

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import get_system_health_info

from custom_components.smart_charging.const import DOMAIN

from .builders import site_entry
from .site_double import garage, site_view

pytestmark = pytest.mark.usefixtures("no_setup")


async def test_running_sites_and_their_chargers_are_counted(hass: HomeAssistant) -> None:
    await async_setup_component(hass, DOMAIN, {})
    assert await async_setup_component(hass, "system_health", {})
    await hass.async_block_till_done()
    entry = site_entry(9000)
    entry.add_to_hass(hass)
    entry.mock_state(hass, ConfigEntryState.LOADED)
    view = site_view(garage(), garage(station_id="barn", connected=False))
    entry.runtime_data = Mock(port=9000, coordinator=Mock(data=view), csms=Mock(pending={"x": Mock()}))
    assert await get_system_health_info(hass, DOMAIN) == {
        "sites": 1,
        "ports": "9000",
        "chargers": 2,
        "chargers_connected": 1,
        "chargers_waiting": 1,
    }
