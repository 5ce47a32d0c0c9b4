"""OCPP 2.0.1, E14: a station is asked whether a transaction goes on, and whether messages of it wait."""

from collections.abc import AsyncGenerator

import pytest

from custom_components.smart_charging.engine.csms.operations import supported
from custom_components.smart_charging.engine.csms.transaction_services import TransactionProgress
from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station_2 import RawStation2
from tests.engine.csms_stations.test_v2 import ready

from .session_201 import Session, connector_is

OFFLINE_S = 300.0


@pytest.fixture
async def session(bench: Bench) -> AsyncGenerator[Session]:
    """A session at EVSE 2 of a station that is set up, and was never sent what does not fit its schemas."""
    session = Session(bench, await ready(bench, RawStation2()), evse=2)
    await session.start()
    yield session
    assert session.client.broken == []


async def come_back(bench: Bench, session: Session) -> RawStation2:
    """Lose the station for a while; it comes back without a boot and counts on where it was."""
    before = session.client
    await before.close()
    await bench.until(lambda: not bench.station.state.connected)
    await bench.pass_time(OFFLINE_S)
    session.client = RawStation2()
    session.client.sequences = before.sequences
    bench.clients.append(session.client)
    await session.client.connect(bench.port)
    await bench.until(lambda: bench.station.state.connected)
    return session.client


async def ask(bench: Bench, transaction_id: str | None = None) -> TransactionProgress:
    return await supported(bench.station.operations.transactions).status(transaction_id)


async def tell_queued(bench: Bench, session: Session, energy: float) -> None:
    """Send readings that waited, as a station marks them."""
    at = bench.now(-OFFLINE_S / 2)
    answer = await session.client.event(
        "Updated", at, tx=session.tx, reason="MeterValuePeriodic", energy=energy, offline=True
    )
    assert answer == {}
    evse_id, transaction_id, (value,) = bench.store.readings[-1]
    assert (evse_id, transaction_id) == (2, "tx-1")
    assert value.time < bench.clock.now()


@pytest.mark.certification("TC_E_29")
async def test_a_transaction_goes_on_and_messages_of_it_wait(bench: Bench, session: Session) -> None:
    client = await come_back(bench, session)
    client.answers["GetTransactionStatus"] = {"ongoingIndicator": True, "messagesInQueue": True}
    assert await ask(bench, "tx-1") == TransactionProgress(ongoing=True, messages_in_queue=True)
    assert client.sent("GetTransactionStatus") == [{"transactionId": "tx-1"}]
    await tell_queued(bench, session, 1500.0)
    assert session.running
    assert session.kept.energy_wh == 500.0


@pytest.mark.certification("TC_E_30")
async def test_a_transaction_goes_on_and_nothing_waits(bench: Bench, session: Session) -> None:
    session.client.answers["GetTransactionStatus"] = {"ongoingIndicator": True, "messagesInQueue": False}
    assert await ask(bench, "tx-1") == TransactionProgress(ongoing=True, messages_in_queue=False)
    assert session.client.sent("GetTransactionStatus") == [{"transactionId": "tx-1"}]
    assert session.running


@pytest.mark.certification("TC_E_31")
async def test_a_transaction_ended_and_messages_of_it_wait(bench: Bench, session: Session) -> None:
    client = await come_back(bench, session)
    await connector_is(bench, client, "Available", 2)
    missing = client.sequences["tx-1"] + 1
    ended = {"offline": True, "stoppedReason": "EVDisconnected", "energy": 2000.0, "seq": missing + 2}
    assert await session.end("EVCommunicationLost", "Idle", **ended) == {}
    session.assert_ended("EVDisconnected")
    client.answers["GetTransactionStatus"] = {"ongoingIndicator": False, "messagesInQueue": True}
    assert await ask(bench, "tx-1") == TransactionProgress(ongoing=False, messages_in_queue=True)
    assert client.sent("GetTransactionStatus") == [{"transactionId": "tx-1"}]
    stopped_at, now = session.kept.stopped_at, {"offline": True, "tx": "tx-1"}
    assert await client.event("Updated", bench.now(), reason="StopAuthorized", seq=missing, energy=1900.0, **now) == {}
    late = {"reason": "ChargingStateChanged", "chargingState": "EVConnected", "seq": missing + 1}
    assert await client.event("Updated", bench.now(), **late, **now) == {}
    session.assert_ended("EVDisconnected")
    assert session.kept.stopped_at == stopped_at
    assert list(bench.store.transactions) == ["tx-1"]
    evses = bench.station.state.evses
    assert evses[2].status is EvseStatus.AVAILABLE
    assert (evses[1].transaction, evses[1].measurement) == (None, None)
    assert [evse_id for evse_id, *_ in bench.store.readings if evse_id != 2] == []
    assert not {kind for kind in bench.station.state.deviations if "never started" in kind}


@pytest.mark.certification("TC_E_33")
async def test_messages_wait_of_whatever_transaction(bench: Bench, session: Session) -> None:
    client = await come_back(bench, session)
    client.answers["GetTransactionStatus"] = {"messagesInQueue": True}
    assert await ask(bench) == TransactionProgress(ongoing=None, messages_in_queue=True)
    assert client.sent("GetTransactionStatus") == [{}]
    await tell_queued(bench, session, 1500.0)
    assert session.running


@pytest.mark.certification("TC_E_34")
async def test_nothing_waits_of_any_transaction(bench: Bench, session: Session) -> None:
    session.client.answers["GetTransactionStatus"] = {"messagesInQueue": False}
    assert await ask(bench) == TransactionProgress(ongoing=None, messages_in_queue=False)
    assert session.client.sent("GetTransactionStatus") == [{}]
