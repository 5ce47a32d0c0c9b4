"""OCPP 1.6: tags that may charge and those that may not, now, from offline, and as members of a group."""

from datetime import timedelta

import pytest

from custom_components.smart_charging.engine.csms.reservations import ReservationRequest
from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.csms_stations.conftest import Bench

from .charging import ACCEPTED, ENDED, STARTED, authorize, charge, running, say, stop


@pytest.fixture
def bench(known_tags: Bench) -> Bench:
    return known_tags


@pytest.mark.certification("TC_023_1")
async def test_a_tag_that_nobody_knows_is_invalid(bench: Bench) -> None:
    client = await bench.ready()
    assert await authorize(client, "WHO") == {"status": "Invalid"}


@pytest.mark.certification("TC_023_2")
async def test_a_tag_that_ran_out_is_expired(bench: Bench) -> None:
    client = await bench.ready()
    assert await authorize(client, "OLD") == {"status": "Expired"}


@pytest.mark.certification("TC_023_3")
async def test_a_blocked_tag_is_blocked(bench: Bench) -> None:
    client = await bench.ready()
    assert await authorize(client, "BAD") == {"status": "Blocked"}


@pytest.mark.certification("TC_037_1")
async def test_a_start_from_offline_is_accepted_and_keeps_its_time(bench: Bench) -> None:
    client = await bench.ready()
    await client.close()
    await bench.until(lambda: not bench.station.state.connected)
    begun, told = bench.clock.now(), bench.now()
    await bench.pass_time(1800)
    client = await bench.dial()
    answer = await client.start(told)
    assert answer["idTagInfo"] == ACCEPTED
    assert await say(bench, client, "Charging") == {}
    assert bench.store.transactions[str(answer["transactionId"])].started_at == begun
    await bench.pass_time(10)
    assert running(bench) == str(answer["transactionId"])
    assert [event.live for event in bench.told(STARTED)] == [False]


@pytest.mark.certification("TC_037_3")
async def test_a_start_from_offline_with_an_unknown_tag_is_invalid_and_its_end_is_taken(bench: Bench) -> None:
    client = await bench.ready()
    answer = await client.start(bench.now(-1800), tag="WHO")
    assert answer["idTagInfo"] == {"status": "Invalid"}
    number = answer["transactionId"]
    assert await say(bench, client, "Charging") == {}
    assert await stop(bench, client, number, "DeAuthorized") == {}
    assert await say(bench, client, "Finishing") == {}
    assert bench.evse.status is EvseStatus.FINISHING
    assert bench.store.transactions[str(number)].stop_reason == "DeAuthorized"
    assert running(bench) is None


@pytest.mark.certification("TC_039")
async def test_a_whole_transaction_from_offline_is_taken_with_its_times(bench: Bench) -> None:
    client = await bench.ready()
    begun, ended = bench.clock.now() - timedelta(hours=2), bench.clock.now() - timedelta(hours=1)
    answer = await client.start(bench.now(-7200))
    assert answer["idTagInfo"] == ACCEPTED
    number = answer["transactionId"]
    assert await stop(bench, client, number, "Local", timestamp=bench.now(-3600), idTag="TAG") == {
        "idTagInfo": ACCEPTED
    }
    kept = bench.store.transactions[str(number)]
    assert (kept.started_at, kept.stopped_at, kept.stop_reason) == (begun, ended, "Local")
    assert [event.live for event in bench.events if event.type in {STARTED, ENDED}] == [False, False]
    assert running(bench) is None


@pytest.mark.certification("TC_053")
async def test_a_reservation_of_a_group_is_used_by_another_of_its_tags(bench: Bench) -> None:
    client = await bench.ready()
    parent = (await authorize(client, "KID1"))["parentIdTag"]
    until = bench.clock.now() + timedelta(minutes=30)
    number = await bench.station.operations.reservations.reserve(ReservationRequest(1, "KID1", until, parent))
    (sent,) = client.sent("ReserveNow")
    assert (sent["idTag"], sent["parentIdTag"], sent["connectorId"]) == ("KID1", parent, 1)
    assert await say(bench, client, "Reserved") == {}
    assert await authorize(client, "KID2") == {"status": "Accepted", "parentIdTag": parent}
    await charge(bench, client, "KID2", reservationId=number)
    assert bench.station.state.reservations == {}
