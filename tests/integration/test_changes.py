"""Changing a site while its chargers are connected."""

import socket

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
import pytest

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine.model import MeterQuality

from .builders import GRID_POWER, PV_POWER, charger, charger_data, grid_meter, pv, set_power, site_data
from .site_setup import add_charger, is_free, set_up
from .virtual_station import virtual_station

pytestmark = pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")


async def test_no_charger_loses_its_socket_when_another_is_added_changed_or_removed(
    hass: HomeAssistant, free_port: int
) -> None:
    entry = await set_up(hass, free_port, charger("CP-1"))
    runtime = entry.runtime_data
    async with virtual_station(free_port, "CP-1") as station:
        await station.boot()
        add_charger(hass, entry, "CP-2")
        await hass.async_block_till_done()
        assert set(runtime.site.view.chargers) == {"CP-1", "CP-2"}
        for station_id in ("CP-1", "CP-2"):
            changed = charger_data(station_id, max_current_a=20.0)
            hass.config_entries.async_update_subentry(entry, entry.subentries[f"sub_{station_id}"], data=changed)
        await hass.async_block_till_done()
        assert [each.config.max_current_a for each in runtime.csms.stations.values()] == [20.0, 20.0]
        hass.config_entries.async_remove_subentry(entry, "sub_CP-2")
        await hass.async_block_till_done()
        assert set(runtime.site.view.chargers) == {"CP-1"}
        assert await station.call("Heartbeat", {})
    assert entry.runtime_data is runtime


async def test_a_removed_charger_is_let_go(hass: HomeAssistant, free_port: int) -> None:
    entry = await set_up(hass, free_port, charger("CP-1"))
    async with virtual_station(free_port, "CP-1") as station:
        await station.boot()
        hass.config_entries.async_remove_subentry(entry, "sub_CP-1")
        await hass.async_block_till_done()
        assert not station.connected
    assert entry.runtime_data.site.view.chargers == {}


async def test_meter_and_pv_come_and_go_while_the_site_runs(hass: HomeAssistant, free_port: int) -> None:
    set_power(hass, GRID_POWER, 230)
    set_power(hass, PV_POWER, 3, "kW")
    entry = await set_up(hass, free_port, grid_meter(), pv())
    site = entry.runtime_data.site
    assert (site.view.grid_quality, site.view.grid_power_w, site.view.pv_power_w) == (MeterQuality.FRESH, 230, 3000)
    hass.config_entries.async_remove_subentry(entry, "sub_meter")
    hass.config_entries.async_remove_subentry(entry, f"sub_{PV_POWER}")
    await hass.async_block_till_done()
    assert (site.view.grid_quality, site.view.pv_power_w) == (MeterQuality.ABSENT, None)
    assert entry.runtime_data.site is site


async def test_fuse_and_name_change_without_a_restart(hass: HomeAssistant, free_port: int) -> None:
    entry = await set_up(hass, free_port)
    runtime = entry.runtime_data
    hass.config_entries.async_update_entry(entry, title="Villa", data=site_data(free_port, fuse_a=63.0))
    await hass.async_block_till_done()
    assert entry.runtime_data is runtime
    assert (runtime.site.config.fuse_a, runtime.site.config.name) == (63.0, "Villa")
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, "site1"), "site1")
    assert device is not None
    assert device.name == "Villa"


async def test_another_number_of_phases_starts_the_site_anew_with_its_sensors(
    hass: HomeAssistant, free_port: int
) -> None:
    headroom = {f"sensor.home_headroom_l{phase}" for phase in (1, 2, 3)}
    entry = await set_up(hass, free_port)
    assert headroom <= set(hass.states.async_entity_ids())
    for phases, left in ((1, {"sensor.home_headroom_l1"}), (3, headroom)):
        hass.config_entries.async_update_entry(entry, data=site_data(free_port, phases=phases))
        await hass.async_block_till_done()
        assert entry.state is ConfigEntryState.LOADED
        assert entry.runtime_data.site.config.phases == phases
        assert headroom & set(hass.states.async_entity_ids()) == left


async def test_another_port_or_lease_makes_a_new_server(hass: HomeAssistant, free_port: int) -> None:
    entry = await set_up(hass, free_port)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        other_port = probe.getsockname()[1]
    hass.config_entries.async_update_entry(entry, data=site_data(other_port))
    await hass.async_block_till_done()
    assert entry.runtime_data.port == other_port
    assert is_free(free_port)
    hass.config_entries.async_update_entry(entry, options={"lease_hold_s": 20, "lease_renew_s": 8})
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data.site.config.lease.hold_s == 20
