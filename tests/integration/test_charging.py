"""A session as a user sees it: a real station on a socket, and Home Assistant's states, actions and events."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

from homeassistant.const import ATTR_ENTITY_ID, STATE_OFF, STATE_ON, STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.smart_charging.const import DOMAIN

from .builders import charger, site_entry
from .virtual_station import VirtualStation, virtual_station

TAG = "04A2B3C4D5E680"


@pytest.fixture(autouse=True)
async def site(hass: HomeAssistant, free_port: int) -> AsyncIterator[int]:
    """Run a site with one charger and return its port."""
    entry = site_entry(free_port, [charger("CP-1")])
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    yield free_port
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()


def device_id(hass: HomeAssistant) -> str:
    """Return the id of the charger's device."""
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, "sub_CP-1"), "site1")
    assert device is not None
    return device.id


async def becomes(hass: HomeAssistant, entity_id: str, expected: str | Callable[[str], bool]) -> None:
    """Let events and publishing intervals pass until an entity has a state."""
    for _ in range(500):
        await hass.async_block_till_done()
        state = hass.states.get(entity_id)
        if state and (expected(state.state) if callable(expected) else state.state == expected):
            return
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=2))
        await asyncio.sleep(0.01)  # the ledger commits in a thread of its own
    pytest.fail(f"{entity_id} is {hass.states.get(entity_id)}, not {expected}")


async def meter(station: VirtualStation, transaction_id: int, energy_wh: int, power_w: int) -> None:
    """Send readings of a transaction."""
    values = [
        {"measurand": "Energy.Active.Import.Register", "unit": "Wh", "value": str(energy_wh)},
        {"measurand": "Power.Active.Import", "unit": "W", "value": str(power_w)},
    ]
    sample = {"timestamp": dt_util.utcnow().isoformat(), "sampledValue": values}
    await station.call("MeterValues", {"connectorId": 1, "transactionId": transaction_id, "meterValue": [sample]})


async def start(station: VirtualStation, meter_start: int = 1000) -> int:
    """Plug a car in and start a transaction."""
    await station.report("Preparing")
    now = dt_util.utcnow().isoformat()
    answer = await station.call(
        "StartTransaction", {"connectorId": 1, "idTag": TAG, "meterStart": meter_start, "timestamp": now}
    )
    await station.report("Charging")
    return int(answer["transactionId"])


async def stop(station: VirtualStation, transaction_id: int, meter_stop: int) -> None:
    """End a transaction and unplug the car."""
    now = dt_util.utcnow().isoformat()
    await station.call(
        "StopTransaction", {"transactionId": transaction_id, "meterStop": meter_stop, "timestamp": now, "idTag": TAG}
    )
    await station.report("Finishing")
    await station.report("Available")


async def test_a_session_is_told_from_plug_in_to_plug_out(hass: HomeAssistant, site: int) -> None:
    async with virtual_station(site, "CP-1") as station:
        await station.boot()
        await station.report("Available")
        await becomes(hass, "sensor.charger_cp_1_status", "available")
        await becomes(hass, "binary_sensor.charger_cp_1_connectivity", STATE_ON)

        transaction_id = await start(station)
        await meter(station, transaction_id, 1500, 7360)
        await becomes(hass, "sensor.charger_cp_1_status", "charging")
        await becomes(hass, "binary_sensor.charger_cp_1_plug", STATE_ON)
        await becomes(hass, "sensor.charger_cp_1_power", "7360")
        await becomes(hass, "sensor.charger_cp_1_session_energy", "0.5")
        await becomes(hass, "sensor.charger_cp_1_lifetime_energy", "0.5")

        await stop(station, transaction_id, 1800)
        await becomes(hass, "event.charger_cp_1_session", lambda _: _event_type(hass) == "session_ended")
        ended = hass.states.get("event.charger_cp_1_session")
        assert ended is not None
        assert ended.attributes["energy_kwh"] == 0.8
        assert TAG not in str(ended.attributes)
        await becomes(hass, "sensor.charger_cp_1_power", "0")

    await becomes(hass, "sensor.charger_cp_1_power", STATE_UNAVAILABLE)
    response = await hass.services.async_call(
        DOMAIN, "get_sessions", {"device_id": device_id(hass)}, blocking=True, return_response=True
    )
    assert response is not None
    (session,) = _list(response["sessions"])
    assert session["energy_kwh"] == 0.8
    assert TAG not in str(session)


async def test_actions_and_buttons_reach_the_station(hass: HomeAssistant, site: int) -> None:
    async with virtual_station(site, "CP-1") as station:
        await station.boot()
        await station.report("Preparing")
        await becomes(hass, "sensor.charger_cp_1_status", "preparing")
        await hass.services.async_call(
            DOMAIN, "start_charging", {"device_id": device_id(hass), "tag": TAG}, blocking=True
        )
        await station.was_asked("RemoteStartTransaction", connectorId=1, idTag=TAG)
        transaction_id = await start(station)
        await becomes(hass, "sensor.charger_cp_1_status", "charging")
        await hass.services.async_call(DOMAIN, "stop_charging", {"device_id": device_id(hass)}, blocking=True)
        await station.was_asked("RemoteStopTransaction", transactionId=transaction_id)
        await hass.services.async_call("button", "press", {ATTR_ENTITY_ID: "button.charger_cp_1_reset"}, blocking=True)
        await station.was_asked("Reset", type="Soft")


async def test_an_order_that_the_station_puts_off_is_shown_and_can_be_taken_back(
    hass: HomeAssistant, site: int
) -> None:
    in_operation = "switch.charger_cp_1_in_operation"
    async with virtual_station(site, "CP-1") as station:
        await station.boot()
        await start(station)
        await becomes(hass, in_operation, STATE_ON)
        station.answers["ChangeAvailability"] = {"status": "Scheduled"}
        await hass.services.async_call("switch", "toggle", {ATTR_ENTITY_ID: in_operation}, blocking=True)
        await station.was_asked("ChangeAvailability", connectorId=1, type="Inoperative")
        await becomes(hass, in_operation, STATE_OFF)
        await station.report("SuspendedEV")
        await becomes(hass, "sensor.charger_cp_1_status", "suspended_ev")
        await becomes(hass, in_operation, STATE_OFF)
        station.asked.clear()
        station.answers["ChangeAvailability"] = {"status": "Accepted"}
        await hass.services.async_call("switch", "toggle", {ATTR_ENTITY_ID: in_operation}, blocking=True)
        await station.was_asked("ChangeAvailability", connectorId=1, type="Operative")
        await becomes(hass, in_operation, STATE_ON)


async def test_a_tag_held_to_the_reader_is_told_without_its_value(hass: HomeAssistant, site: int) -> None:
    async with virtual_station(site, "CP-1") as station:
        await station.boot()
        await station.call("Authorize", {"idTag": TAG})
        await becomes(hass, "event.charger_cp_1_tag", lambda state: state != "unknown")
        told = hass.states.get("event.charger_cp_1_tag")
        assert told is not None
        assert told.attributes["event_type"] == "tag_presented"
        assert TAG not in str(told.attributes)


async def test_a_second_connector_appears_without_a_reload(hass: HomeAssistant, site: int) -> None:
    async with virtual_station(site, "CP-1") as station:
        await station.boot()
        await station.report("Available", 1)
        await station.report("Preparing", 2)
        await becomes(hass, "sensor.charger_cp_1_evse_2_status", "preparing")
        await becomes(hass, "sensor.charger_cp_1_status", "available")
        assert station.connected


async def test_a_command_to_a_charger_that_is_away_says_so(hass: HomeAssistant) -> None:
    with pytest.raises(HomeAssistantError) as error:
        await hass.services.async_call(DOMAIN, "start_charging", {"device_id": device_id(hass)}, blocking=True)
    assert error.value.translation_key == "command_not_connected"


async def test_a_mode_outlives_a_reload(hass: HomeAssistant) -> None:
    for mode in ("off", "fast", "solar_min"):
        await hass.services.async_call(DOMAIN, "set_mode", {"device_id": device_id(hass), "mode": mode}, blocking=True)
        await becomes(hass, "select.charger_cp_1_mode", mode)
    await hass.config_entries.async_reload("site1")
    await becomes(hass, "select.charger_cp_1_mode", "solar_min")


def _event_type(hass: HomeAssistant) -> str | None:
    state = hass.states.get("event.charger_cp_1_session")
    return None if state is None else state.attributes["event_type"]


def _list(value: object) -> list[dict[str, Any]]:
    assert isinstance(value, list)
    return value
