"""OCPP 1.6, Core: how charging begins and ends, at the station and from afar, with tags that the site knows."""

import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.state import StationEventType
from custom_components.smart_charging.engine.csms.timestamps import parse_time
from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.csms_stations.conftest import Bench

from .charging import ACCEPTED, STARTED, assert_ended, authorize, charge, running, say, start, stop


@pytest.fixture
def bench(known_tags: Bench) -> Bench:
    return known_tags


@pytest.mark.certification("TC_001")
async def test_a_station_that_boots_is_accepted_and_its_statuses_are_answered(bench: Bench) -> None:
    client = await bench.dial()
    answer = await client.boot()
    assert answer.keys() == {"status", "currentTime", "interval"}
    assert answer["status"] == "Accepted"
    assert answer["interval"] > 0
    told = parse_time(answer["currentTime"])
    assert told is not None and told.at == bench.clock.now()
    for connector in (0, 1):
        assert await say(bench, client, "Available", connector) == {}
    assert (await client.ask("Heartbeat")).keys() == {"currentTime"}
    assert bench.station.state.status is bench.evse.status is EvseStatus.AVAILABLE
    assert bench.told(StationEventType.BOOTED)


@pytest.mark.certification("TC_003")
async def test_a_session_with_the_cable_first_is_accepted(bench: Bench) -> None:
    client = await bench.ready()
    assert await say(bench, client, "Preparing") == {}
    assert bench.evse.status is EvseStatus.PREPARING
    assert await authorize(client) == ACCEPTED
    number = await start(bench, client)
    assert await say(bench, client, "Charging") == {}
    assert bench.evse.status is EvseStatus.CHARGING
    assert running(bench) == str(number)


@pytest.mark.certification("TC_004_1")
async def test_a_session_with_the_tag_first_is_accepted(bench: Bench) -> None:
    client = await bench.ready()
    assert await authorize(client) == ACCEPTED
    number = await charge(bench, client)
    (event,) = bench.told(STARTED)
    assert event.live
    assert number > 0
    assert [event.id_token for event in bench.told(StationEventType.TAG_PRESENTED)] == ["TAG"]


@pytest.mark.certification("TC_004_2")
async def test_a_tag_without_a_cable_leaves_nothing_behind(bench: Bench) -> None:
    client = await bench.ready()
    assert await authorize(client) == ACCEPTED
    assert await say(bench, client, "Preparing") == {}
    await bench.pass_time(60)
    assert await say(bench, client, "Available") == {}
    assert bench.evse.status is EvseStatus.AVAILABLE
    assert bench.store.transactions == {}


@pytest.mark.certification("TC_005_1")
async def test_a_cable_pulled_at_the_car_ends_the_transaction(bench: Bench) -> None:
    client = await bench.ready()
    number = await charge(bench, client)
    assert await say(bench, client, "SuspendedEV") == {}
    assert running(bench) == str(number)
    assert await stop(bench, client, number, "EVDisconnected") == {}
    for status in ("Finishing", "Available"):
        assert await say(bench, client, status) == {}
    assert_ended(bench, number, "EVDisconnected")


@pytest.mark.certification("TC_007")
async def test_a_start_with_a_cached_tag_needs_no_authorize(bench: Bench) -> None:
    client = await bench.ready()
    number = await charge(bench, client)
    assert bench.store.transactions[str(number)].id_token == "TAG"


@pytest.mark.certification("TC_010")
async def test_a_remote_start_with_the_cable_in_is_carried_out(bench: Bench) -> None:
    client = await bench.ready()
    assert await say(bench, client, "Preparing") == {}
    await bench.station.start_transaction(1, "TAG")
    assert client.sent("RemoteStartTransaction") == [{"connectorId": 1, "idTag": "TAG"}]
    assert await authorize(client) == ACCEPTED
    number = await start(bench, client)
    assert await say(bench, client, "Charging") == {}
    assert running(bench) == str(number)


@pytest.mark.certification("TC_011_1")
async def test_a_remote_start_before_the_cable_is_carried_out_once_it_is_in(bench: Bench) -> None:
    client = await bench.ready()
    await bench.station.start_transaction(1, "TAG")
    assert client.sent("RemoteStartTransaction") == [{"connectorId": 1, "idTag": "TAG"}]
    assert await authorize(client) == ACCEPTED
    await charge(bench, client)


@pytest.mark.certification("TC_011_2")
async def test_a_remote_start_without_a_cable_leaves_nothing_behind(bench: Bench) -> None:
    client = await bench.ready()
    await bench.station.start_transaction(1, "TAG")
    assert await authorize(client) == ACCEPTED
    assert await say(bench, client, "Preparing") == {}
    await bench.pass_time(60)
    assert await say(bench, client, "Available") == {}
    assert bench.evse.status is EvseStatus.AVAILABLE
    assert bench.store.transactions == {}
    assert not bench.told(STARTED)


@pytest.mark.certification("TC_012")
async def test_a_remote_stop_names_the_transaction_that_runs(bench: Bench) -> None:
    client = await bench.ready()
    number = await charge(bench, client)
    await bench.station.stop_transaction(1)
    assert client.sent("RemoteStopTransaction") == [{"transactionId": number}]
    assert await stop(bench, client, number, "Remote") == {}
    for status in ("Finishing", "Available"):
        assert await say(bench, client, status) == {}
    assert_ended(bench, number, "Remote")


@pytest.mark.certification("TC_018_1")
async def test_an_unlock_while_charging_ends_the_transaction(bench: Bench) -> None:
    client = await bench.ready()
    number = await charge(bench, client)
    await bench.station.unlock(1)
    assert client.sent("UnlockConnector") == [{"connectorId": 1}]
    assert await say(bench, client, "Finishing") == {}
    assert await stop(bench, client, number, "UnlockCommand") == {}
    assert await say(bench, client, "Available") == {}
    assert_ended(bench, number, "UnlockCommand")


@pytest.mark.certification("TC_024")
async def test_a_lock_that_fails_is_known_and_nothing_charges(bench: Bench) -> None:
    client = await bench.ready()
    assert await authorize(client) == ACCEPTED
    assert await say(bench, client, "Preparing") == {}
    assert await say(bench, client, "Faulted", errorCode="ConnectorLockFailure") == {}
    assert (bench.evse.status, bench.evse.error_code) == (EvseStatus.FAULTED, "ConnectorLockFailure")
    assert running(bench) is None


@pytest.mark.certification("TC_026")
async def test_a_rejected_remote_start_is_told_as_rejected(bench: Bench) -> None:
    client = await bench.ready()
    client.answers["RemoteStartTransaction"] = {"status": "Rejected"}
    with pytest.raises(CommandError) as error:
        await bench.station.start_transaction(1, "TAG")
    assert error.value.code is CommandErrorCode.REJECTED
    assert client.sent("RemoteStartTransaction") == [{"connectorId": 1, "idTag": "TAG"}]
    assert bench.store.transactions == {}


@pytest.mark.certification("TC_028")
async def test_a_rejected_remote_stop_is_told_as_rejected_and_charging_goes_on(bench: Bench) -> None:
    client = await bench.ready()
    number = await charge(bench, client)
    client.answers["RemoteStopTransaction"] = {"status": "Rejected"}
    with pytest.raises(CommandError) as error:
        await bench.station.stop_transaction(1)
    assert error.value.code is CommandErrorCode.REJECTED
    assert client.sent("RemoteStopTransaction") == [{"transactionId": number}]
    assert running(bench) == str(number)


@pytest.mark.certification("TC_032_1")
async def test_a_power_failure_ends_the_transaction_after_the_boot(bench: Bench) -> None:
    client = await bench.ready()
    number = await charge(bench, client)
    await client.close()
    await bench.until(lambda: not bench.station.state.connected)
    await bench.pass_time(300)
    again = await bench.dial()
    assert (await again.boot())["status"] == "Accepted"
    assert await say(bench, again, "Available", 0) == {}
    assert await say(bench, again, "Finishing") == {}
    assert await stop(bench, again, number, "PowerLoss", idTag="TAG") == {"idTagInfo": ACCEPTED}
    assert_ended(bench, number, "PowerLoss")
