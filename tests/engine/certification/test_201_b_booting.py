"""OCPP 2.0.1, B01 to B03 and B11 to B12: stations boot, wait to be confirmed, and are restarted."""

from collections.abc import AsyncGenerator

import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError
from custom_components.smart_charging.engine.csms.state import StationEventType
from custom_components.smart_charging.engine.csms.timestamps import parse_time
from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.csms_stations.conftest import CONFIG, Bench
from tests.engine.csms_stations.raw_station import Payload
from tests.engine.csms_stations.raw_station_2 import RawStation2
from tests.engine.csms_stations.test_v2 import ready

from .session_201 import Session, connector_is

BOOT_TRIGGER = {"requestedMessage": "BootNotification"}


async def connect(bench: Bench) -> RawStation2:
    client = RawStation2()
    bench.clients.append(client)
    await client.connect(bench.port)
    return client


def assert_accepted(bench: Bench, answer: Payload) -> None:
    """Check the answer to a BootNotification: accepted, with the time and when to send a heartbeat."""
    assert answer.keys() == {"status", "currentTime", "interval"}
    assert answer["status"] == "Accepted"
    assert answer["interval"] > 0
    told = parse_time(answer["currentTime"])
    assert told is not None and told.at == bench.clock.now()


async def assert_statuses_are_taken(bench: Bench, client: RawStation2, status: str = "Available") -> None:
    shown = {"Available": EvseStatus.AVAILABLE, "Occupied": EvseStatus.PREPARING}[status]
    await connector_is(bench, client, status)
    await connector_is(bench, client, "Available", 2)
    evses = bench.station.state.evses
    assert (evses[1].status, evses[2].status) == (shown, EvseStatus.AVAILABLE)
    assert client.broken == []


@pytest.mark.certification("TC_B_01")
async def test_a_station_that_boots_is_accepted_and_its_statuses_are_taken(bench: Bench) -> None:
    client = await connect(bench)
    assert_accepted(bench, await client.boot())
    await assert_statuses_are_taken(bench, client)
    assert (bench.station.state.vendor, bench.station.state.model) == ("Acme", "Two")
    assert len(bench.told(StationEventType.BOOTED)) == 1


@pytest.mark.certification("TC_B_02")
async def test_a_station_waits_until_it_is_confirmed(empty_bench: Bench) -> None:
    bench = empty_bench
    client = await connect(bench)
    answer = await client.boot()
    assert answer["status"] == "Pending"
    assert answer["interval"] > 0
    await bench.csms.add_station(CONFIG)
    await bench.pass_time(answer["interval"])
    assert_accepted(bench, await client.boot())
    await assert_statuses_are_taken(bench, client)


@pytest.mark.certification("TC_B_30")
async def test_a_station_that_waits_has_nothing_else_to_say(empty_bench: Bench) -> None:
    client = await connect(empty_bench)
    assert (await client.boot())["status"] == "Pending"
    status = {"timestamp": empty_bench.now(), "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
    event = {
        "eventId": 1,
        "timestamp": empty_bench.now(),
        "trigger": "Delta",
        "actualValue": "Available",
        "eventNotificationType": "HardWiredNotification",
        "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}},
        "variable": {"name": "AvailabilityState"},
    }
    report = {"generatedAt": empty_bench.now(), "seqNo": 0, "eventData": [event]}
    for action, payload in (("StatusNotification", status), ("NotifyEvent", report), ("Heartbeat", {})):
        frame = await client.ask_raw(action, payload)
        assert (frame[0], frame[2]) == (4, "SecurityError")
    assert (await client.boot())["status"] == "Pending"


@pytest.mark.certification("TC_B_31")
async def test_a_station_that_was_confirmed_is_asked_to_boot_before_it_would(empty_bench: Bench) -> None:
    bench = empty_bench
    client = await connect(bench)
    assert (await client.boot())["status"] == "Pending"
    assert client.sent("TriggerMessage") == []
    await bench.csms.add_station(CONFIG)
    await bench.until(lambda: client.sent("TriggerMessage") == [BOOT_TRIGGER])
    assert_accepted(bench, await client.boot("Triggered"))
    await assert_statuses_are_taken(bench, client)


@pytest.fixture
async def session(bench: Bench) -> AsyncGenerator[Session]:
    """A session at EVSE 1 of a station that is set up, and was never sent what does not fit its schemas."""
    session = Session(bench, await ready(bench, RawStation2()))
    yield session
    assert session.client.broken == []


async def restart(bench: Bench, session: Session, reason: str) -> RawStation2:
    """Have the station come back and boot for this reason, which is accepted."""
    await session.client.close()
    await bench.until(lambda: not bench.station.state.connected)
    client = await connect(bench)
    assert_accepted(bench, await client.boot(reason))
    return client


async def end_by_driver(session: Session) -> None:
    await session.authorize_stop()
    assert await session.end("EVCommunicationLost", "Idle", stoppedReason="EVDisconnected") == {}
    session.assert_ended("EVDisconnected")


@pytest.mark.certification("TC_B_20")
async def test_an_idle_station_is_restarted(bench: Bench, session: Session) -> None:
    await bench.station.reset(hard=False)
    assert session.client.sent("Reset") == [{"type": "OnIdle"}]
    client = await restart(bench, session, "RemoteReset")
    await assert_statuses_are_taken(bench, client)


@pytest.mark.certification("TC_B_21")
async def test_a_station_that_charges_restarts_once_nobody_does(bench: Bench, session: Session) -> None:
    await session.start()
    session.client.answers["Reset"] = {"status": "Scheduled"}
    await bench.station.reset(hard=False)
    assert session.client.sent("Reset") == [{"type": "OnIdle"}]
    assert session.running
    await end_by_driver(session)
    client = await restart(bench, session, "ScheduledReset")
    await assert_statuses_are_taken(bench, client)


@pytest.mark.certification("TC_B_22")
async def test_a_station_that_charges_restarts_at_once(bench: Bench, session: Session) -> None:
    await session.start()
    await bench.station.reset(hard=True)
    assert session.client.sent("Reset") == [{"type": "Immediate"}]
    assert await session.end("ResetCommand", "EVConnected", stoppedReason="ImmediateReset") == {}
    session.assert_ended("ImmediateReset")
    client = await restart(bench, session, "RemoteReset")
    await assert_statuses_are_taken(bench, client, "Occupied")


@pytest.mark.certification("TC_B_25")
async def test_one_evse_is_restarted_while_it_is_idle(bench: Bench, session: Session) -> None:
    await bench.station.reset(hard=False, evse_id=1)
    assert session.client.sent("Reset") == [{"type": "OnIdle", "evseId": 1}]


@pytest.mark.certification("TC_B_26")
async def test_one_evse_that_charges_restarts_once_it_does_not(bench: Bench, session: Session) -> None:
    await session.start()
    session.client.answers["Reset"] = {"status": "Scheduled"}
    await bench.station.reset(hard=False, evse_id=1)
    assert session.client.sent("Reset") == [{"type": "OnIdle", "evseId": 1}]
    assert session.running
    await end_by_driver(session)


@pytest.mark.certification("TC_B_27")
async def test_one_evse_that_charges_restarts_at_once(bench: Bench, session: Session) -> None:
    await session.start()
    other = Session(bench, session.client, "tx-2", 2, "OTHER")
    await other.start()
    await bench.station.reset(hard=True, evse_id=1)
    assert session.client.sent("Reset") == [{"type": "Immediate", "evseId": 1}]
    assert await session.end("ResetCommand", "EVConnected", stoppedReason="ImmediateReset") == {}
    session.assert_ended("ImmediateReset")
    assert other.running


async def test_a_restart_that_is_refused_is_told(bench: Bench, session: Session) -> None:
    session.client.answers["Reset"] = {"status": "Rejected"}
    with pytest.raises(CommandError, match="Rejected"):
        await bench.station.reset(hard=False, evse_id=1)
