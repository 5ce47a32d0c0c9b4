"""Diagnostics tell how the site is, and neither who charges nor how chargers log in."""

import json
from typing import Any

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
import pytest

from custom_components.smart_charging.diagnostics import (
    async_get_config_entry_diagnostics,
    async_get_device_diagnostics,
)
from custom_components.smart_charging.engine.recording import load_lines

from .builders import battery, charger_with_password, circuit, grid_meter, pv
from .site_double import TOKEN, battery_view, circuit_view, garage, running_site, site_view
from .site_setup import set_up


@pytest.fixture
def secrets() -> list[str]:
    """Return what must not be told."""
    return [TOKEN, "V-0815", "scrypt", "garage"]


async def test_a_sites_diagnostics_hold_its_view_without_secrets(hass: HomeAssistant, secrets: list[str]) -> None:
    subentries = [charger_with_password("garage"), grid_meter()]
    view = site_view(garage(), safe_current_missing=())
    async with running_site(hass, [Platform.SENSOR], view, subentries=subentries) as site:
        assert site.entry is not None
        site.entry.runtime_data.port = 9000
        site.rejected_grid_readings = 3
        site.entry.runtime_data.csms.pending = {}
        hass.config_entries.async_update_entry(
            site.entry, data={**site.entry.data, "certificate": "/ssl/c.pem", "private_key": "/ssl/k.pem"}
        )
        told: dict[str, Any] = await async_get_config_entry_diagnostics(hass, site.entry)
    text = json.dumps(told)
    # The charger's own name is the user's word for it and may hold anything they chose.
    text = text.replace("Charger garage", "")
    assert [secret for secret in secrets if secret in text] == []
    assert told["port"] == 9000
    assert told["rejected_grid_readings"] == 3
    assert told["entry"]["version"] == "1.1"
    assert told["entry"]["data"]["private_key"] == "**REDACTED**"
    assert told["entry"]["data"]["fuse_a"] == 35.0
    assert told["entry"]["subentries"][0]["data"]["password_hash"] == "**REDACTED**"
    assert told["entry"]["subentries"][1] == {
        "type": "grid_meter",
        "data": {"invert": False, "power": "sensor.grid_power"},
    }
    charger = told["view"]["chargers"]["station 1"]
    assert charger["station"]["station_id"] == "station 1"
    assert charger["station"]["vendor"] == "Volta"
    assert charger["station"]["capabilities"]["rate_units"] == ["A"]
    assert charger["evses"]["1"]["state"]["transaction"]["id_token"] == "**REDACTED**"
    assert charger["evses"]["1"]["session_energy_wh"] == 7250.4
    assert told["view"]["at"] == "2026-06-01T12:00:00+00:00"


async def test_a_chargers_diagnostics_hold_that_charger(hass: HomeAssistant, secrets: list[str]) -> None:
    subentries = [charger_with_password("garage"), grid_meter()]
    async with running_site(hass, [Platform.SENSOR], subentries=subentries) as site:
        assert site.entry is not None
        site.entry.runtime_data.port = 9000
        site.entry.runtime_data.csms.pending = {}
        devices = dr.async_entries_for_config_entry(dr.async_get(hass), "site1")
        charger = next(device for device in devices if device.config_subentry_id == "sub_garage")
        told: dict[str, Any] = await async_get_device_diagnostics(hass, site.entry, charger)
        own = next(device for device in devices if device.config_subentry_id is None)
        told_of_site: dict[str, Any] = await async_get_device_diagnostics(hass, site.entry, own)
    assert told["data"]["station_id"] == "station 1"
    assert told["view"]["station"]["model"] == "Wall 11"
    assert [secret for secret in secrets if secret in json.dumps(told).replace("Charger garage", "")] == []
    assert "entry" in told_of_site


async def test_a_circuits_and_a_batterys_diagnostics_hold_them_without_what_the_user_wrote(hass: HomeAssistant) -> None:
    view = site_view(circuits={"cellar": circuit_view()}, batteries={"battery": battery_view()})
    actions = {"action_hold": [{"action": "rest_command.hold", "data": {"token": TOKEN}}]}
    subentries = [circuit("cellar"), battery(**actions)]
    async with running_site(hass, [Platform.SENSOR], view, subentries=subentries) as site:
        assert site.entry is not None
        told = {}
        for device in dr.async_entries_for_config_entry(dr.async_get(hass), "site1"):
            if (part := device.config_subentry_id) is not None:
                told[part] = await async_get_device_diagnostics(hass, site.entry, device)
    assert told["cellar"]["view"]["load_a"] == {"l1": 9.04, "l2": 1.0, "l3": 0.0}
    assert told["cellar"]["data"]["fuse_a"] == 20.0
    assert told["battery"]["view"]["command"]["action"] == "normal"
    assert TOKEN not in json.dumps(told)


async def test_what_the_user_wrote_to_curtail_pv_is_not_told(hass: HomeAssistant) -> None:
    actions = {
        f"action_{name}": [{"action": "rest_command.pv", "data": {"token": TOKEN}}] for name in ("limit", "free")
    }
    async with running_site(hass, [], subentries=[pv(installed_kw=8.0, control="actions", **actions)]) as site:
        assert site.entry is not None
        site.entry.runtime_data.csms.pending = {}
        told: dict[str, Any] = await async_get_config_entry_diagnostics(hass, site.entry)
    (system,) = told["entry"]["subentries"]
    assert (system["data"]["installed_kw"], system["data"]["action_limit"]) == (8.0, "**REDACTED**")
    assert TOKEN not in json.dumps(told["entry"])


@pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")
async def test_a_sites_diagnostics_hold_decisions_that_can_be_made_again(hass: HomeAssistant, free_port: int) -> None:
    made = charger_with_password("SN-0815", serial_number="SN-4711", organization="Acme Grid")
    entry = await set_up(hass, free_port, made, circuit("cellar"))
    told: dict[str, Any] = await async_get_config_entry_diagnostics(hass, entry)
    recorded = [cycle.now for cycle in load_lines(told["decisions"])]
    assert recorded
    assert recorded == [cycle.now for cycle in entry.runtime_data.site.recent_cycles][: len(recorded)]
    assert [
        secret
        for secret in ("SN-0815", "SN-4711", "Acme Grid", "scrypt")
        if secret in json.dumps(told).replace("Charger SN-0815", "")
    ] == []


async def test_diagnostics_name_what_is_done_differently_for_a_kind_of_station(hass: HomeAssistant) -> None:
    async with running_site(hass, [Platform.SENSOR], site_view(garage(quirks=("rate_unit",)))) as site:
        assert site.entry is not None
        site.entry.runtime_data.port = 9000
        site.entry.runtime_data.csms.pending = {}
        told: Any = await async_get_config_entry_diagnostics(hass, site.entry)
        assert [charger["station"]["quirks"] for charger in told["view"]["chargers"].values()] == [["rate_unit"]]
