"""Diagnostics tell how the site is, and neither who charges nor how chargers log in."""

from dataclasses import replace
from datetime import UTC, datetime
import json
from typing import Any, Final
from unittest.mock import patch

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
import pytest

from custom_components.smart_charging.diagnostics import (
    async_get_config_entry_diagnostics,
    async_get_device_diagnostics,
)
from custom_components.smart_charging.engine.grid.lpc import LpcConfig
from custom_components.smart_charging.engine.grid.signal import SignalScope
from custom_components.smart_charging.engine.grid.source import InputKind, SourceConfig
from custom_components.smart_charging.engine.grid.uk_rules import UkRules
from custom_components.smart_charging.engine.grid.verification import EvseCheck, Level, Verification
from custom_components.smart_charging.engine.model import EvseKey
from custom_components.smart_charging.engine.recording import load_lines

from .builders import battery, charger, charger_with_password, circuit, grid_meter, pv
from .grid_operator import RELAY, configure, demand, source_subentry
from .site_double import TOKEN, battery_view, circuit_view, garage, running_site, site_view
from .site_setup import set_up

LATER: Final = datetime(2100, 1, 1, tzinfo=UTC)


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


@pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")
async def test_a_sites_diagnostics_tell_of_grid_signals_without_ids_and_what_was_received(
    hass: HomeAssistant, free_port: int
) -> None:
    entry = await set_up(hass, free_port, charger_with_password("SN-0815"))
    site = entry.runtime_data.site
    configure(
        entry,
        RELAY,
        SourceConfig(source_id="bridge", input=InputKind.EEBUS, lpc=LpcConfig(4_200.0)),
        uk=UkRules(most_delay_s=0),
    )
    evse = EvseKey("SN-0815", 1)
    demand(entry, 4_140.0, scope=SignalScope.DEVICE, evse=evse, raw='{"token": "s3cret"}', valid_until=LATER)
    verification = Verification(evses={evse: EvseCheck(Level.PAUSED, 4_140.0, 0.0)}, issues=frozenset({evse}))
    shown = replace(site.view, grid=replace(site.view.grid, checks=verification, issues=frozenset({evse})))
    with patch.object(type(site), "view", shown):
        told: Any = await async_get_config_entry_diagnostics(hass, entry)
    text = json.dumps(told).replace("Charger SN-0815", "")
    assert [secret for secret in ("SN-0815", "s3cret", "scrypt") if secret in text] == []
    grid = told["grid"]
    assert {one["source_id"] for one in grid["config"]["sources"]} >= {"relay", "bridge", "action"}
    assert grid["config"]["uk"]["peaks"][0] == ["08:00:00", "11:00:00"]
    assert grid["config"]["devices"][0]["device_id"] == "station 1"
    bridge = next(one for one in grid["config"]["sources"] if one["source_id"] == "bridge")
    assert bridge["lpc"]["failsafe_for"] == 7_200.0
    assert grid["view"]["issues"] == ["station 1/1"]
    assert grid["view"]["checks"]["evses"]["station 1/1"]["allowed_w"] == 4_140.0
    assert {one["demand"]["raw"] for one in grid["view"]["held"]} == {"**REDACTED**"}
    assert "grid/import/device/W/not_counted/station 1/1" in {one["limit_id"] for one in told["view"]["limits"]}
    assert "grid" not in told["view"]
    assert grid["log"] is None or grid["log"]["broken"] is None


async def test_what_a_source_of_grid_signals_is_reached_by_is_not_told(hass: HomeAssistant) -> None:
    secrets = {
        name: f"hidden {name}"
        for name in (
            "webhook_id",
            "password",
            "client_id",
            "client_secret",
            "token",
            "token_url",
            "topic",
            "url",
            "username",
        )
    }
    subentries = [charger("garage"), source_subentry(preset="webhook", **secrets)]
    async with running_site(hass, [Platform.SENSOR], subentries=subentries) as site:
        assert site.entry is not None
        site.entry.runtime_data.port = 9000
        site.entry.runtime_data.csms.pending = {}
        told: Any = await async_get_config_entry_diagnostics(hass, site.entry)
    assert "hidden" not in json.dumps(told)
    (source,) = [one for one in told["entry"]["subentries"] if one["type"] == "grid_signal"]
    assert source["data"]["preset"] == "webhook"


@pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")
async def test_a_sites_diagnostics_hold_what_the_check_of_the_log_found(hass: HomeAssistant, free_port: int) -> None:
    entry = await set_up(hass, free_port)
    await entry.runtime_data.ledger.grid_proof.verify(LATER)
    told: Any = await async_get_config_entry_diagnostics(hass, entry)
    assert told["grid"]["log"]["verified_at"] == LATER.isoformat()
    assert told["grid"]["log"]["broken"] is None
