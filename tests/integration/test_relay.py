"""A charger's second central system as a user sets it up and sees it, over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
import json
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.smart_charging.diagnostics import (
    async_get_config_entry_diagnostics,
    async_get_device_diagnostics,
)
from custom_components.smart_charging.engine.relay_config import RelayConfig, RelayPolicy, Secret
from custom_components.smart_charging.settings import station_configs
from tests.engine.csms_relay.second_system import SecondSystem

from .builders import charger, charger_data, site_entry
from .flow_steps import add_part, charger_input, submit_part, suggested
from .site_setup import set_up
from .virtual_station import virtual_station

PASSWORD, SENSOR = "billing secret", "sensor.charger_cp_1_second_central_system"
ADDRESS = "wss://billing.example/ocpp/secretpath"


@pytest.fixture
async def second(socket_enabled: None) -> AsyncIterator[SecondSystem]:
    """Run an independent second central system."""
    system = SecondSystem()
    await system.start()
    yield system
    await system.stop()
    assert system.errors == []


def relay(second: SecondSystem | None = None, **changes: Any) -> dict[str, Any]:
    """Return what a user types into the section."""
    address = ADDRESS if second is None else second.url
    return {"url": address, "password": PASSWORD, "allow_unencrypted": second is not None} | changes


async def reconfigure(hass: HomeAssistant, entry: MockConfigEntry, section: dict[str, Any]) -> dict[str, Any]:
    """Change the charger's second central system and return what came of it."""
    form = await entry.start_subentry_reconfigure_flow(hass, "sub_CP-1")
    result = await submit_part(hass, form, charger_input(name="Charger CP-1", relay=section))
    await hass.async_block_till_done()
    return result


async def becomes(hass: HomeAssistant, holds: Callable[[], bool]) -> None:
    """Let events, sockets and publishing intervals pass until something holds."""
    for _ in range(500):
        await hass.async_block_till_done()
        if holds():
            return
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=2))
        await asyncio.sleep(0.01)
    pytest.fail(f"it never holds; {hass.states.get(SENSOR)}")


def shows(hass: HomeAssistant, value: str) -> Callable[[], bool]:
    """Return whether the sensor shows this."""
    return lambda: getattr(hass.states.get(SENSOR), "state", None) == value


def config_of(entry: MockConfigEntry) -> RelayConfig | None:
    """Return the charger's second central system as the engine gets it."""
    return next(iter(station_configs(entry).values())).relay


@pytest.mark.usefixtures("unload_at_the_end")
async def test_a_session_reaches_a_second_central_system_that_was_set_up_in_the_form(
    hass: HomeAssistant, free_port: int, second: SecondSystem
) -> None:
    entry = await set_up(hass, free_port, charger("CP-1"))
    assert shows(hass, "off")()
    result = await reconfigure(hass, entry, relay(second, username="ACCOUNT-1", policy="start_stop"))
    assert result["reason"] == "reconfigure_successful"
    await becomes(hass, shows(hass, "waiting"))
    async with virtual_station(free_port, "CP-1") as station:
        await station.boot()
        await station.report("Preparing")
        await becomes(hass, shows(hass, "connected"))
        now = dt_util.utcnow().isoformat()
        started = await station.call(
            "StartTransaction", {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, "timestamp": now}
        )
        number = started["transactionId"]
        sample = {"timestamp": now, "sampledValue": [{"value": "1500"}]}
        await station.call("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [sample]})
        await station.call("StopTransaction", {"transactionId": number, "meterStop": 1800, "timestamp": now})
        await becomes(hass, lambda: bool(second.told("StopTransaction")))
        state = hass.states.get(SENSOR)
        assert state is not None
        assert state.attributes["details"]["not_told"] == 0
        assert second.logins == [("ACCOUNT-1", PASSWORD.encode())]
        assert second.told("BootNotification")[0]["chargePointVendor"] == "Volta"
        assert second.told("StartTransaction")[0]["meterStart"] == 1000
        assert second.told("MeterValues")[0]["meterValue"][0]["sampledValue"] == [{"value": "1500"}]
        assert second.told("StopTransaction")[0]["meterStop"] == 1800
        # They may start a session, and their limit is the site's to keep.
        answer = await second.command("RemoteStartTransaction", {"connectorId": 1, "idTag": "APP"})
        assert answer[2] == {"status": "Accepted"}
        await station.was_asked("RemoteStartTransaction", idTag="APP")
        await second.command("SetChargingProfile", _limit(7))
        await becomes(
            hass, lambda: getattr(hass.states.get("sensor.charger_cp_1_limit_source"), "state", "") == "relay"
        )
        devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        told: list[Any] = [await async_get_device_diagnostics(hass, entry, device) for device in devices]
        told.append(await async_get_config_entry_diagnostics(hass, entry))
        assert [word for word in (PASSWORD, "ACCOUNT-1", "/ocpp") if word in json.dumps(told)] == []
        assert station.connected
        # And it is gone with its address.
        await reconfigure(hass, entry, {})
        await becomes(hass, lambda: not second.connected)
        await becomes(hass, shows(hass, "off"))
        assert "relay" not in entry.subentries["sub_CP-1"].data
        assert station.connected


def _limit(value: float) -> dict[str, Any]:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": value}]}
    return {
        "connectorId": 0,
        "csChargingProfiles": {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "ChargePointMaxProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": schedule,
        },
    }


async def test_what_waits_goes_with_the_site(hass: HomeAssistant, free_port: int, second: SecondSystem) -> None:
    directory = Path(hass.config.path("smart_charging_relay")) / "site1"
    entry = await set_up(hass, free_port, charger("CP-1", relay=_kept(second)))
    async with virtual_station(free_port, "CP-1") as station:
        await station.boot()
        await station.call(
            "StartTransaction",
            {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, "timestamp": dt_util.utcnow().isoformat()},
        )
        await becomes(hass, lambda: directory.exists() and bool(list(directory.iterdir())))
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert not directory.exists()


def _kept(second: SecondSystem) -> dict[str, Any]:
    return {"url": second.url, "policy": "read_only", "authorisation": False, "allow_unencrypted": True}


@pytest.fixture
async def site(hass: HomeAssistant, no_setup: Any) -> MockConfigEntry:
    """Return a site with one charger that does not run."""
    entry = site_entry(9000, [charger("CP-1")])
    entry.add_to_hass(hass)
    return entry


async def test_everything_is_kept_and_the_password_never_shown_again(
    hass: HomeAssistant, site: MockConfigEntry
) -> None:
    section = relay(username="A-1", policy="all_but_limits", authorisation=True)
    await reconfigure(hass, site, section)
    expected = RelayConfig(
        ADDRESS, Secret(PASSWORD), identity="A-1", policy=RelayPolicy.ALL_BUT_LIMITS, authorisation=True
    )
    assert config_of(site) == expected
    form: Any = await site.start_subentry_reconfigure_flow(hass, "sub_CP-1")
    shown = suggested(form)["relay"]
    assert shown == {key: value for key, value in section.items() if key != "password"}
    assert PASSWORD not in str(form["data_schema"].schema)
    await submit_part(hass, form, charger_input(name="Charger CP-1", relay=shown))
    assert config_of(site) == expected


@pytest.mark.parametrize("change", [{"url": "wss://other.example/ocpp"}, {"username": "B-2"}])
async def test_a_password_is_not_kept_for_somebody_else(
    hass: HomeAssistant, site: MockConfigEntry, change: dict[str, str]
) -> None:
    await reconfigure(hass, site, relay(username="A-1"))
    await reconfigure(hass, site, {"url": ADDRESS, "username": "A-1"} | change)
    found = config_of(site)
    assert found is not None
    assert found.password is None


async def test_a_new_charger_may_have_one_at_once(hass: HomeAssistant, site: MockConfigEntry) -> None:
    form = await add_part(hass, site, "charger")
    result = await submit_part(hass, form, charger_input(station_id="NEW", relay=relay()))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    configs = {config.station_id: config.relay for config in station_configs(site).values()}
    assert configs == {"CP-1": None, "NEW": RelayConfig(ADDRESS, Secret(PASSWORD))}


@pytest.mark.parametrize(
    ("section", "error"),
    [
        ({"url": "https://billing.example"}, "relay_url_unfit"),
        ({"url": "wss://user:word@billing.example"}, "relay_url_unfit"),
        ({"url": "wss://billing.example:99999"}, "relay_url_unfit"),
        ({"url": "ws://billing.example"}, "relay_unencrypted"),
        ({"url": "WS://billing.example"}, "relay_unencrypted"),
        ({"username": "a b"}, "relay_username_unfit"),
        ({"username": "x" * 49}, "relay_username_unfit"),
    ],
)
async def test_what_can_not_work_is_refused_and_can_be_put_right(
    hass: HomeAssistant, site: MockConfigEntry, section: dict[str, Any], error: str
) -> None:
    result = await reconfigure(hass, site, relay(**section))
    assert result["errors"] == {"relay": error}
    assert site.subentries["sub_CP-1"].data == charger_data("CP-1")
    result = await submit_part(hass, result, charger_input(name="Charger CP-1", relay=relay()))
    assert result["reason"] == "reconfigure_successful"
    assert config_of(site) == RelayConfig(ADDRESS, Secret(PASSWORD))
