"""The grid operator's demands on a host whose clock is set back, or that starts behind its true time."""

from datetime import timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.engine.grid.source_state import ClaimReason

from .builders import charger
from .grid_sources import EEBUS, RELAY, demand
from .site_setup import set_up
from .test_grid_inputs import DEVICE_MINIMUM_W, bridge, grid, set_state

pytestmark = pytest.mark.usefixtures("unload_at_the_end")


async def look(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Let the site look at its demands, as it does each second."""
    entry.runtime_data.site.grid.look()
    await hass.async_block_till_done()


async def dimmed(hass: HomeAssistant, port: int, freezer: FrozenDateTimeFactory) -> MockConfigEntry:
    """Return a site whose relay was open and has been closed for ten minutes."""
    await set_state(hass, "binary_sensor.relay", "off")
    entry = await set_up(hass, port, charger("CP-1"), demand(RELAY))
    freezer.tick(timedelta(seconds=5))
    await set_state(hass, "binary_sensor.relay", "on")
    freezer.tick(timedelta(minutes=10))
    await look(hass, entry)
    assert grid(entry).limit_w == DEVICE_MINIMUM_W
    return entry


async def test_a_relay_goes_on_to_dim_when_the_clock_is_set_back(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory
) -> None:
    entry = await dimmed(hass, free_port, freezer)
    freezer.tick(timedelta(hours=-1))
    for _ in range(3):
        await set_state(hass, "binary_sensor.relay", "on")
        await look(hass, entry)
        assert (grid(entry).active, grid(entry).limit_w) == (True, DEVICE_MINIMUM_W)
        freezer.tick(timedelta(minutes=10))


async def test_a_relay_dims_where_the_host_starts_behind_its_true_time(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory
) -> None:
    entry = await dimmed(hass, free_port, freezer)
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
    freezer.tick(timedelta(minutes=-15))
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert (grid(entry).active, grid(entry).why) == (True, ClaimReason.STATED)


async def test_a_contact_that_has_just_closed_dims_when_the_clock_is_set_back_before_it_is_still(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory
) -> None:
    await set_state(hass, "binary_sensor.relay", "off")
    entry = await set_up(hass, free_port, charger("CP-1"), demand(RELAY))
    freezer.tick(timedelta(seconds=5))
    await set_state(hass, "binary_sensor.relay", "on")
    assert not grid(entry).active
    freezer.tick(timedelta(hours=-1))
    await look(hass, entry)
    assert grid(entry).active


async def test_a_relay_that_went_is_lost_though_the_clock_was_set_back(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory
) -> None:
    await set_state(hass, "binary_sensor.relay", "off")
    entry = await set_up(hass, free_port, charger("CP-1"), demand(RELAY))
    await set_state(hass, "binary_sensor.relay", "unavailable")
    freezer.tick(timedelta(hours=-1))
    await look(hass, entry)
    freezer.tick(timedelta(seconds=61))
    await look(hass, entry)
    assert (grid(entry).limit_w, grid(entry).why) == (DEVICE_MINIMUM_W, ClaimReason.FAILSAFE)


async def test_a_bridge_whose_heart_has_stopped_is_noticed_though_the_clock_was_set_back(
    hass: HomeAssistant, free_port: int, freezer: FrozenDateTimeFactory
) -> None:
    entry = await set_up(hass, free_port, charger("CP-1"), demand(EEBUS))
    bridge(hass, 9000, active=False)
    await set_state(hass, "sensor.heartbeat", "1")
    assert not grid(entry).active
    freezer.tick(timedelta(hours=-1))
    await look(hass, entry)
    freezer.tick(timedelta(seconds=121))
    await look(hass, entry)
    assert (grid(entry).limit_w, grid(entry).why) == (DEVICE_MINIMUM_W, ClaimReason.FAILSAFE)
