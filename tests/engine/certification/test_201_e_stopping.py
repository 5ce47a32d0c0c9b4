"""OCPP 2.0.1, E: transactions end at whatever point a station is set to end them."""

from collections.abc import AsyncGenerator

import pytest

from custom_components.smart_charging.engine.csms.state import StationEventType
from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station_2 import RawStation2
from tests.engine.csms_stations.test_v2 import ready

from .session_201 import Session, connector_is

ENDED = StationEventType.TRANSACTION_ENDED
LONGER_THAN_ANY_GRACE_S = 600.0


@pytest.fixture
async def client(bench: Bench) -> AsyncGenerator[RawStation2]:
    """A station that is set up, and was never sent what does not fit its schemas."""
    station = await ready(bench, RawStation2())
    yield station
    assert station.broken == []


@pytest.fixture
def session(bench: Bench, client: RawStation2) -> Session:
    return Session(bench, client)


@pytest.fixture
async def charging(session: Session) -> Session:
    """A session in which energy flows."""
    await session.start()
    return session


@pytest.mark.certification("TC_E_07")
@pytest.mark.certification("TC_E_15")
@pytest.mark.parametrize("told", [{"stoppedReason": "Local"}, {}], ids=["reason told", "reason left out"])
async def test_the_driver_ends_it_at_the_station(charging: Session, told: dict[str, str]) -> None:
    assert await charging.end("StopAuthorized", **told) == {}
    charging.assert_ended("Local")
    assert charging.evse.status is EvseStatus.FINISHING


@pytest.mark.certification("TC_E_08")
async def test_it_ends_when_the_flow_ends_that_the_driver_stopped(charging: Session) -> None:
    await charging.authorize_stop()
    assert await charging.end("ChargingStateChanged", "EVConnected", stoppedReason="Local") == {}
    charging.assert_ended("Local")
    assert charging.evse.status is EvseStatus.FINISHING


@pytest.mark.certification("TC_E_22")
async def test_it_ends_when_the_car_ends_the_flow(charging: Session) -> None:
    assert await charging.end("ChargingStateChanged", "SuspendedEV", stoppedReason="StoppedByEV") == {}
    charging.assert_ended("StoppedByEV")
    assert charging.evse.status is EvseStatus.FINISHING


@pytest.mark.certification("TC_E_14")
async def test_it_ends_when_the_cable_leaves_the_station(bench: Bench, charging: Session) -> None:
    await charging.authorize_stop()
    await charging.cut_power()
    await connector_is(bench, charging.client, "Available")
    assert charging.running
    assert await charging.end("EVCommunicationLost", "Idle", stoppedReason="EVDisconnected") == {}
    charging.assert_ended("EVDisconnected")
    assert charging.evse.status is EvseStatus.AVAILABLE


@pytest.mark.certification("TC_E_20")
async def test_it_ends_when_the_cable_leaves_the_car(bench: Bench, charging: Session) -> None:
    await charging.suspend()
    assert await charging.end("EVCommunicationLost", "Idle", stoppedReason="EVDisconnected") == {}
    await connector_is(bench, charging.client, "Available")
    charging.assert_ended("EVDisconnected")
    assert charging.evse.status is EvseStatus.AVAILABLE


@pytest.mark.certification("TC_E_17")
async def test_it_ends_when_the_car_is_lost_to_the_authorisation(charging: Session) -> None:
    await charging.suspend()
    assert await charging.end("EVCommunicationLost", "Idle", stoppedReason="EVDisconnected") == {}
    charging.assert_ended("EVDisconnected")


@pytest.mark.certification("TC_E_16")
async def test_it_ends_when_the_token_turns_out_to_be_worth_nothing(bench: Bench, session: Session) -> None:
    bench.store.blocked_tags.add("TAG")
    assert await session.tell("Authorized", token="TAG") == {"idTokenInfo": {"status": "Invalid"}}
    assert await session.end("Deauthorized", energy=None, stoppedReason="DeAuthorized") == {}
    session.assert_ended("DeAuthorized", None)
    assert session.kept.id_token == "TAG"


@pytest.mark.certification("TC_E_39")
async def test_it_ends_when_no_car_came_in_time(session: Session) -> None:
    await session.authorize()
    assert await session.end("EVConnectTimeout", energy=None, stoppedReason="Timeout") == {}
    session.assert_ended("Timeout", None)
    assert session.kept.energy_wh == 0


@pytest.mark.certification("TC_E_21")
async def test_it_ends_when_we_ask_for_it(bench: Bench, charging: Session) -> None:
    await bench.station.stop_transaction(1)
    assert charging.client.sent("RequestStopTransaction") == [{"transactionId": "tx-1"}]
    assert charging.running
    assert await charging.end("RemoteStop", stoppedReason="Remote") == {}
    charging.assert_ended("Remote")


@pytest.mark.certification("TC_E_19")
async def test_it_ends_when_the_car_leaves_the_bay_however_late(bench: Bench, charging: Session) -> None:
    await charging.authorize_stop()
    await charging.cut_power()
    await connector_is(bench, charging.client, "Available")
    assert await charging.tell("EVCommunicationLost", "Idle") == {}
    assert charging.evse.status is EvseStatus.AVAILABLE
    await bench.pass_time(LONGER_THAN_ANY_GRACE_S)
    assert charging.running
    assert await charging.end("EVDeparted", stoppedReason="Local") == {}
    charging.assert_ended("Local")
    assert charging.kept.stopped_at == bench.clock.now().replace(microsecond=0)


@pytest.mark.certification("TC_E_26")
async def test_it_goes_on_with_a_car_that_comes_back(bench: Bench, charging: Session) -> None:
    await charging.suspend()
    assert await charging.tell("EVCommunicationLost", "Idle") == {}
    await connector_is(bench, charging.client, "Available")
    assert charging.evse.status is EvseStatus.AVAILABLE
    await bench.pass_time(LONGER_THAN_ANY_GRACE_S)
    assert await charging.tell("CablePluggedIn", "EVConnected") == {}
    assert charging.evse.status is EvseStatus.PREPARING
    await charging.charge()
    assert bench.told(ENDED) == []


async def test_a_transaction_without_a_car_is_closed_as_lost_once_the_station_booted(
    bench: Bench, charging: Session
) -> None:
    assert await charging.tell("EVCommunicationLost", "Idle") == {}
    await charging.client.boot("PowerUp")
    await connector_is(bench, charging.client, "Available")
    await bench.pass_time(LONGER_THAN_ANY_GRACE_S)
    charging.assert_ended("lost", None)
