"""Changing a site while its chargers are connected."""

import socket
from types import MappingProxyType

from homeassistant.config_entries import ConfigEntryState, ConfigSubentry, ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine.config import PeakConfig
from custom_components.smart_charging.engine.model import MeterQuality

from .builders import (
    GRID_POWER,
    PV_POWER,
    battery,
    charger,
    charger_data,
    circuit,
    grid_meter,
    pv,
    set_power,
    set_soc,
    site_data,
)
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


async def test_circuits_and_batteries_come_and_go_while_the_site_runs(hass: HomeAssistant, free_port: int) -> None:
    set_soc(hass, "sensor.battery_soc", 55)
    set_power(hass, "sensor.battery_power", 700)
    set_power(hass, "sensor.garage", 2300)
    entry = await set_up(hass, free_port)
    runtime = entry.runtime_data
    for part in (circuit("garage", power="sensor.garage"), battery()):
        add_part(hass, entry, part)
    await hass.async_block_till_done()
    view = runtime.site.view
    assert view.circuits["garage"].quality is MeterQuality.FRESH
    assert (view.batteries["battery"].measured.soc_percent, view.batteries["battery"].measured.power_w) == (55, 700)
    changed = {**entry.subentries["garage"].data, "fuse_a": 10.0}
    hass.config_entries.async_update_subentry(entry, entry.subentries["garage"], data=changed)
    await hass.async_block_till_done()
    assert [config.fuse_a for config in runtime.site.config.circuits] == [10]
    for part_id in ("garage", "battery"):
        hass.config_entries.async_remove_subentry(entry, part_id)
    await hass.async_block_till_done()
    assert (runtime.site.view.circuits, runtime.site.view.batteries) == ({}, {})
    assert entry.runtime_data is runtime


async def test_what_a_removed_circuit_carried_hangs_at_the_circuit_above(hass: HomeAssistant, free_port: int) -> None:
    tree = [circuit("garage"), circuit("carport", "garage"), circuit("shed", "carport")]
    chargers = [charger("CP-1", circuit="carport"), charger("CP-2", circuit="shed"), charger("CP-3")]
    entry = await set_up(hass, free_port, *tree, *chargers)
    hass.config_entries.async_remove_subentry(entry, "carport")
    await hass.async_block_till_done()
    site = entry.runtime_data.site
    assert {config.circuit_id: config.parent_id for config in site.config.circuits} == {"garage": "", "shed": "garage"}
    assert circuits_of_chargers(entry) == {"CP-1": "garage", "CP-2": "shed", "CP-3": ""}
    hass.config_entries.async_remove_subentry(entry, "garage")
    await hass.async_block_till_done()
    assert {config.circuit_id: config.parent_id for config in site.config.circuits} == {"shed": ""}
    assert circuits_of_chargers(entry) == {"CP-1": "", "CP-2": "shed", "CP-3": ""}
    assert entry.subentries["sub_CP-1"].data["circuit"] == "grid_connection"


async def test_two_circuits_removed_at_once_leave_their_chargers_with_what_is_left(
    hass: HomeAssistant, free_port: int
) -> None:
    tree = [circuit("garage"), circuit("carport", "garage"), circuit("shed", "carport")]
    entry = await set_up(hass, free_port, *tree, charger("CP-1", circuit="shed"))
    for circuit_id in ("carport", "shed"):
        hass.config_entries.async_remove_subentry(entry, circuit_id)
    await hass.async_block_till_done()
    assert circuits_of_chargers(entry) == {"CP-1": "garage"}


async def test_options_apply_while_the_site_runs(hass: HomeAssistant, free_port: int) -> None:
    entry = await set_up(hass, free_port)
    runtime = entry.runtime_data
    options = {"unbalance_a": 20, "power_limit_w": 9000, "peak_preset": "flanders", "peak_target_kw": 4}
    hass.config_entries.async_update_entry(entry, options=options)
    await hass.async_block_till_done()
    config = runtime.site.config
    assert (config.unbalance_a, config.power_w) == (20, 9000)
    assert config.peak == PeakConfig(interval_min=15, target_w=4000, floor_w=2500)
    assert entry.runtime_data is runtime


async def test_another_time_zone_moves_the_tariffs_clock(hass: HomeAssistant, free_port: int) -> None:
    entry = await set_up(hass, free_port)
    await hass.config.async_update(time_zone="Europe/Oslo")
    await hass.async_block_till_done()
    assert entry.runtime_data.site.config.time_zone == "Europe/Oslo"


def circuits_of_chargers(entry: MockConfigEntry) -> dict[str, str]:
    """Return the circuit of each charger, as the engine has it."""
    stations = entry.runtime_data.csms.stations.values()
    return {station.config.station_id: station.config.circuit_id for station in stations}


def add_part(hass: HomeAssistant, entry: MockConfigEntry, part: ConfigSubentryDataWithId) -> None:
    """Add a subentry, as its form would."""
    hass.config_entries.async_add_subentry(
        entry,
        ConfigSubentry(
            data=MappingProxyType(dict(part["data"])),
            subentry_id=part["subentry_id"],
            subentry_type=part["subentry_type"],
            title=part["title"],
            unique_id=part["unique_id"],
        ),
    )
