"""OCPP 2.0.1, E: transactions begin at whatever point a station is set to begin them."""

from collections.abc import AsyncGenerator

import pytest

from custom_components.smart_charging.engine.csms.state import StationEventType
from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station_2 import RawStation2
from tests.engine.csms_stations.test_v2 import ready

from .session_201 import ACCEPTED, Session, connector_is, token_info

STARTED, ENDED = StationEventType.TRANSACTION_STARTED, StationEventType.TRANSACTION_ENDED


@pytest.fixture
async def client(bench: Bench) -> AsyncGenerator[RawStation2]:
    """A station that is set up, and was never sent what does not fit its schemas."""
    station = await ready(bench, RawStation2())
    yield station
    assert station.broken == []


@pytest.fixture
def session(bench: Bench, client: RawStation2) -> Session:
    return Session(bench, client)


def deviations(bench: Bench) -> set[str]:
    return {kind for kind in bench.station.state.deviations if kind.startswith("TransactionEvent")}


@pytest.mark.certification("TC_E_01")
async def test_a_transaction_may_begin_when_the_power_path_closes(bench: Bench, session: Session) -> None:
    assert await token_info(session.client) == ACCEPTED
    await connector_is(bench, session.client, "Occupied")
    answer = await session.tell("ChargingStateChanged", "SuspendedEVSE", token="TAG", energy=1000.0)
    assert answer == {"idTokenInfo": ACCEPTED}
    assert bench.evse.status is EvseStatus.SUSPENDED_EVSE
    await session.charge()
    assert (session.kept.id_token, session.kept.meter_start_wh) == ("TAG", 1000)
    assert [event.live for event in bench.told(STARTED)] == [True]


@pytest.mark.certification("TC_E_02")
async def test_a_transaction_may_begin_when_energy_flows(bench: Bench, session: Session) -> None:
    assert await token_info(session.client) == ACCEPTED
    await connector_is(bench, session.client, "Occupied")
    answer = await session.tell("ChargingStateChanged", "Charging", token="TAG", energy=1000.0)
    assert answer == {"idTokenInfo": ACCEPTED}
    assert bench.evse.status is EvseStatus.CHARGING
    assert session.running
    assert session.kept.id_token == "TAG"


@pytest.mark.certification("TC_E_03")
async def test_a_session_with_the_cable_first_is_accepted(bench: Bench, session: Session) -> None:
    await connector_is(bench, session.client, "Occupied")
    assert await session.tell("CablePluggedIn", "EVConnected", energy=1000.0, context="Transaction.Begin") == {}
    assert session.kept.id_token == ""
    await session.authorize()
    assert session.kept.id_token == "TAG"
    await session.charge()
    assert (session.kept.meter_start_wh, session.kept.evse_id) == (1000, 1)
    assert [event.id_token for event in bench.told(StationEventType.TAG_PRESENTED)] == ["TAG"]
    assert deviations(bench) == set()


@pytest.mark.certification("TC_E_04")
async def test_a_session_with_the_token_first_is_accepted(bench: Bench, session: Session) -> None:
    await session.authorize()
    await session.plug_in()
    await session.charge()
    assert session.kept.id_token == "TAG"
    assert len(bench.told(STARTED)) == 1
    assert [event.id_token for event in bench.told(StationEventType.TAG_PRESENTED)] == ["TAG"]
    assert deviations(bench) == set()


@pytest.mark.certification("TC_E_09")
async def test_a_transaction_may_begin_when_the_car_is_connected(bench: Bench, session: Session) -> None:
    await session.plug_in()
    assert session.running
    assert session.kept.id_token == ""
    (event,) = bench.told(STARTED)
    assert (event.evse_id, event.live) == (1, True)


@pytest.mark.certification("TC_E_10")
async def test_a_transaction_may_begin_when_the_driver_is_authorised(bench: Bench, session: Session) -> None:
    await session.authorize()
    assert session.kept.id_token == "TAG"
    assert bench.told(ENDED) == []


@pytest.mark.certification("TC_E_11")
async def test_a_transaction_may_begin_with_a_signed_reading(bench: Bench, session: Session) -> None:
    assert await token_info(session.client) == ACCEPTED
    await connector_is(bench, session.client, "Occupied")
    signed = {
        "signedMeterData": "bWV0ZXI=",
        "signingMethod": "ECDSA-secp256r1-SHA256",
        "encodingMethod": "OCMF",
        "publicKey": "a2V5",
    }
    reading = {"value": 1000.0, "context": "Transaction.Begin", "signedMeterValue": signed}
    event = {
        "eventType": "Started",
        "timestamp": bench.now(),
        "triggerReason": "SignedDataReceived",
        "seqNo": 0,
        "transactionInfo": {"transactionId": "tx-1", "chargingState": "SuspendedEVSE"},
        "evse": {"id": 1, "connectorId": 1},
        "idToken": {"idToken": "TAG", "type": "ISO14443"},
        "meterValue": [{"timestamp": bench.now(), "sampledValue": [reading]}],
    }
    assert await session.client.ask("TransactionEvent", event) == {"idTokenInfo": ACCEPTED}
    session.begun, session.client.sequences["tx-1"] = True, 0
    assert (session.kept.meter_start_wh, session.kept.id_token) == (1000, "TAG")
    await session.charge()
    assert deviations(bench) == set()


@pytest.mark.certification("TC_E_12")
async def test_a_transaction_may_begin_when_a_car_stands_in_the_bay(bench: Bench, session: Session) -> None:
    assert await session.tell("EVDetected", evse=None) == {}
    await session.plug_in()
    assert list(bench.store.transactions) == ["tx-1"]
    assert len(bench.told(STARTED)) == 1
    await session.authorize()
    assert session.kept.id_token == "TAG"
    assert len(bench.told(STARTED)) == 1


@pytest.mark.certification("TC_E_38")
async def test_a_car_that_is_not_ready_is_shown_as_suspended(bench: Bench, session: Session) -> None:
    await session.authorize()
    await session.plug_in()
    assert await session.tell("ChargingStateChanged", "SuspendedEV") == {}
    assert bench.evse.status is EvseStatus.SUSPENDED_EV
    assert session.running


@pytest.mark.certification("TC_E_53")
async def test_each_transaction_may_count_its_events_from_0(bench: Bench, client: RawStation2) -> None:
    for tx in ("first", "second"):
        session = Session(bench, client, tx)
        await session.authorize()
        assert client.sequences[tx] == 0
        await session.plug_in()
        await session.charge()
        await session.authorize_stop()
        await session.cut_power()
        await connector_is(bench, client, "Available")
        assert await session.end("EVCommunicationLost", "Idle", stoppedReason="EVDisconnected") == {}
        session.assert_ended("EVDisconnected")
        assert bench.evse.status is EvseStatus.AVAILABLE
    assert len(bench.told(STARTED)) == len(bench.told(ENDED)) == 2
    assert deviations(bench) == set()
