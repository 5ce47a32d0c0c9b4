"""Certification cases of OCPP 2.0.1, block F: starting from afar, freeing a cable, asking for messages."""

from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.state import StationEventType
from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station_2 import RawStation2

from .f_to_p_station import TAG, authorize, charge, go_on, online, tell_status


async def start_from_afar(bench: Bench, client: RawStation2) -> int:
    """Start at EVSE 1 and return the id by which the station tells the start again."""
    await bench.station.start_transaction(1, TAG)
    (sent,) = client.sent("RequestStartTransaction")
    assert sent["idToken"] == {"idToken": TAG, "type": "Central"}
    assert sent["evseId"] == 1
    number: int = sent["remoteStartId"]
    assert number > 0
    return number


async def plug_in(bench: Bench, client: RawStation2) -> None:
    await tell_status(bench, client, "Occupied")
    assert await client.event("Updated", bench.now(), evse=1, chargingState="EVConnected") == {}
    await go_on(bench, client)


@pytest.mark.certification("TC_F_01")
async def test_a_start_from_afar_finds_the_car_plugged_in(bench: Bench) -> None:
    client = await online(bench)
    await tell_status(bench, client, "Occupied")
    await client.event("Started", bench.now(), evse=1, chargingState="EVConnected", energy=0.0)
    client.answers["RequestStartTransaction"] = {"status": "Accepted", "transactionId": "tx-1"}
    number = await start_from_afar(bench, client)
    told = await client.event("Updated", bench.now(), reason="RemoteStart", token=TAG, remoteStartId=number)
    assert told["idTokenInfo"]["status"] == "Accepted"
    await go_on(bench, client)
    assert bench.evse.status is EvseStatus.CHARGING
    assert bench.store.transactions["tx-1"].id_token == TAG
    assert client.broken == []


@pytest.mark.certification("TC_F_02")
@pytest.mark.certification("TC_F_03")
@pytest.mark.parametrize("asks_first", [True, False], ids=["authorizes", "trusts"])
async def test_a_start_from_afar_waits_for_the_car(bench: Bench, asks_first: bool) -> None:
    client = await online(bench)
    number = await start_from_afar(bench, client)
    if asks_first:
        await authorize(client)
    told = await client.event(
        "Started", bench.now(), reason="RemoteStart", evse=1, token=TAG, energy=0.0, remoteStartId=number
    )
    assert told["idTokenInfo"]["status"] == "Accepted"
    await plug_in(bench, client)
    assert bench.evse.status is EvseStatus.CHARGING
    assert bench.told(StationEventType.TAG_PRESENTED) == []  # nobody stood there with a tag


@pytest.mark.certification("TC_F_04")
async def test_a_start_from_afar_ends_where_no_car_comes(bench: Bench) -> None:
    client = await online(bench)
    number = await start_from_afar(bench, client)
    await client.event(
        "Started", bench.now(), reason="RemoteStart", evse=1, token=TAG, energy=0.0, remoteStartId=number
    )
    await bench.pass_time(30.0)
    assert await client.event("Updated", bench.now(), reason="EVConnectTimeout", evse=1) == {}
    assert await client.event("Ended", bench.now(), reason="EVConnectTimeout", stoppedReason="Timeout") == {}
    assert bench.evse.transaction is None
    assert bench.evse.status is EvseStatus.AVAILABLE
    assert bench.store.transactions["tx-1"].stop_reason == "Timeout"


@pytest.mark.certification("TC_F_06")
async def test_a_cable_is_freed(bench: Bench) -> None:
    client = await online(bench)
    client.answers["UnlockConnector"] = {"status": "Unlocked"}
    await bench.station.unlock(1, 1)
    assert client.sent("UnlockConnector") == [{"evseId": 1, "connectorId": 1}]


def reading(bench: Bench, evse: int, power: float) -> dict[str, Any]:
    """Return a MeterValues that was asked for."""
    sampled = [{"value": power, "measurand": "Power.Active.Import", "context": "Trigger"}]
    return {"evseId": evse, "meterValue": [{"timestamp": bench.now(), "sampledValue": sampled}]}


@pytest.mark.certification("TC_F_11")
async def test_the_readings_of_an_evse_are_asked_for(bench: Bench) -> None:
    client = await online(bench)
    await bench.station.trigger("MeterValues", 1)
    assert client.sent("TriggerMessage") == [{"requestedMessage": "MeterValues", "evse": {"id": 1}}]
    assert await client.ask("MeterValues", reading(bench, 1, 230.0)) == {}
    assert bench.evse.measurement is not None
    assert bench.evse.measurement.power_w == 230.0


@pytest.mark.certification("TC_F_12")
async def test_the_readings_of_all_evses_are_asked_for(bench: Bench) -> None:
    client = await online(bench)
    await bench.station.trigger("MeterValues")
    assert client.sent("TriggerMessage") == [{"requestedMessage": "MeterValues"}]
    for evse in (1, 2):
        assert await client.ask("MeterValues", reading(bench, evse, 100.0 * evse)) == {}
    shown = [bench.station.state.evses[evse].measurement for evse in (1, 2)]
    assert [one and one.power_w for one in shown] == [100.0, 200.0]


@pytest.mark.certification("TC_F_13")
@pytest.mark.certification("TC_F_14")
@pytest.mark.parametrize("evse", [1, None], ids=["one", "all"])
async def test_the_state_of_a_transaction_is_asked_for(bench: Bench, evse: int | None) -> None:
    client = await online(bench)
    await charge(bench, client)
    client.calls.clear()
    await bench.station.trigger("TransactionEvent", evse)
    place = {} if evse is None else {"evse": {"id": evse}}
    assert client.sent("TriggerMessage") == [{"requestedMessage": "TransactionEvent", **place}]
    told = await client.event(
        "Updated",
        bench.now(),
        reason="Trigger",
        evse=evse,
        energy=500.0,
        context="Trigger",
        chargingState="Charging",
    )
    assert told == {}
    assert bench.evse.measurement is not None
    assert bench.evse.measurement.energy_wh == 500.0


@pytest.mark.certification("TC_F_15")
async def test_the_state_of_an_upload_is_asked_for(bench: Bench) -> None:
    client = await online(bench)
    await bench.station.trigger("LogStatusNotification")
    assert client.sent("TriggerMessage") == [{"requestedMessage": "LogStatusNotification"}]
    assert await client.ask("LogStatusNotification", {"status": "Idle"}) == {}
    assert bench.station.state.diagnostics_status == "Idle"


@pytest.mark.certification("TC_F_18")
async def test_the_state_of_an_update_is_asked_for(bench: Bench) -> None:
    client = await online(bench)
    await bench.station.trigger("FirmwareStatusNotification")
    assert client.sent("TriggerMessage") == [{"requestedMessage": "FirmwareStatusNotification"}]
    assert await client.ask("FirmwareStatusNotification", {"status": "Idle"}) == {}
    assert bench.station.state.firmware_status == "Idle"


@pytest.mark.certification("TC_F_20")
async def test_a_heartbeat_is_asked_for_and_answered_with_the_time(bench: Bench) -> None:
    client = await online(bench)
    await bench.station.trigger("Heartbeat")
    assert client.sent("TriggerMessage") == [{"requestedMessage": "Heartbeat"}]
    answer = await client.ask("Heartbeat")
    assert answer["currentTime"][:19] == bench.now()[:19]
    assert client.broken == []


@pytest.mark.certification("TC_F_23")
@pytest.mark.certification("TC_F_24")
@pytest.mark.parametrize("status", ["Available", "Occupied"])
async def test_the_state_of_a_connector_is_asked_for(bench: Bench, status: str) -> None:
    client = await online(bench)
    await tell_status(bench, client, status)
    await bench.station.trigger("StatusNotification", 1)
    asked = {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}}
    assert client.sent("TriggerMessage") == [asked]
    await tell_status(bench, client, status)
    assert bench.evse.status is (EvseStatus.AVAILABLE if status == "Available" else EvseStatus.PREPARING)
    with pytest.raises(CommandError, match="one EVSE"):  # F06.FR.13
        await bench.station.trigger("StatusNotification")


@pytest.mark.certification("TC_F_27")
async def test_a_message_that_a_station_can_not_be_asked_for_is_told(bench: Bench) -> None:
    client = await online(bench)
    client.answers["TriggerMessage"] = {"status": "NotImplemented"}
    with pytest.raises(CommandError, match="NotImplemented") as refused:
        await bench.station.trigger("LogStatusNotification")
    assert refused.value.code is CommandErrorCode.NOT_SUPPORTED
    assert "currentTime" in await client.ask("Heartbeat")
