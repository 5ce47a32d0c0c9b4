"""OCPP 1.6, Reservation: connectors kept free for a tag, and stations that can't."""

from datetime import timedelta

import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.reservations import ReservationRequest
from custom_components.smart_charging.engine.csms.state import StationEventType
from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station import RawStation

from .charging import ACCEPTED, authorize, charge, say

ENDED = StationEventType.RESERVATION_ENDED


async def reserve(bench: Bench, client: RawStation, connector: int = 1) -> int:
    """Reserve for half an hour; return the reservation's id."""
    until = bench.clock.now() + timedelta(minutes=30)
    number = await bench.station.operations.reservations.reserve(ReservationRequest(connector, "TAG", until))
    assert client.sent("ReserveNow")[-1] == {
        "connectorId": connector,
        "expiryDate": "2026-06-01T10:30:00.000Z",
        "idTag": "TAG",
        "reservationId": number,
    }
    assert number in bench.station.state.reservations
    return number


def how_it_ended(bench: Bench) -> list[object]:
    assert bench.station.state.reservations == {}
    return [event.details["reason"] for event in bench.told(ENDED)]


@pytest.mark.certification("TC_046")
async def test_a_reserved_connector_is_used_by_the_transaction_that_names_it(bench: Bench) -> None:
    client = await bench.ready()
    number = await reserve(bench, client)
    assert await say(bench, client, "Reserved") == {}
    assert bench.evse.status is EvseStatus.RESERVED
    assert await authorize(client) == ACCEPTED
    await charge(bench, client, reservationId=number)
    assert how_it_ended(bench) == ["used"]


@pytest.mark.certification("TC_047")
async def test_a_reservation_ends_at_its_time(bench: Bench) -> None:
    client = await bench.ready()
    await reserve(bench, client)
    assert await say(bench, client, "Reserved") == {}
    await bench.pass_time(1801)
    assert await say(bench, client, "Available") == {}
    assert bench.evse.status is EvseStatus.AVAILABLE
    assert how_it_ended(bench) == ["expired"]


async def refused(bench: Bench, client: RawStation, status: str) -> None:
    """Check that a station's refusal is told and that nothing is held."""
    client.answers["ReserveNow"] = {"status": status}
    until = bench.clock.now() + timedelta(minutes=30)
    with pytest.raises(CommandError, match=status) as error:
        await bench.station.operations.reservations.reserve(ReservationRequest(1, "TAG", until))
    assert error.value.code is CommandErrorCode.REJECTED
    (sent,) = client.sent("ReserveNow")
    assert (sent["connectorId"], sent["idTag"], sent["expiryDate"]) == (1, "TAG", "2026-06-01T10:30:00.000Z")
    assert bench.station.state.reservations == {}


@pytest.mark.certification("TC_048_1")
async def test_a_reservation_of_a_faulty_connector_is_told_as_refused(bench: Bench) -> None:
    await refused(bench, await bench.ready(), "Faulted")


@pytest.mark.certification("TC_048_2")
async def test_a_reservation_of_a_connector_in_use_is_told_as_refused(bench: Bench) -> None:
    client = await bench.ready()
    assert await say(bench, client, "Preparing") == {}
    await refused(bench, client, "Occupied")


@pytest.mark.certification("TC_048_3")
async def test_a_reservation_of_a_connector_that_was_disabled_is_told_as_refused(bench: Bench) -> None:
    client = await bench.ready()
    await bench.station.change_availability(1, False)
    assert client.sent("ChangeAvailability") == [{"connectorId": 1, "type": "Inoperative"}]
    assert await say(bench, client, "Unavailable") == {}
    assert (bench.evse.status, bench.evse.operative) == (EvseStatus.UNAVAILABLE, False)
    await refused(bench, client, "Unavailable")


@pytest.mark.certification("TC_048_4")
async def test_a_reservation_that_the_station_rejects_is_told_as_refused(bench: Bench) -> None:
    await refused(bench, await bench.ready(), "Rejected")


@pytest.mark.certification("TC_049")
async def test_a_whole_station_is_reserved(bench: Bench) -> None:
    client = await bench.ready()
    number = await reserve(bench, client, 0)
    assert await say(bench, client, "Reserved") == {}
    assert await authorize(client) == ACCEPTED
    await charge(bench, client, reservationId=number)
    assert how_it_ended(bench) == ["used"]


@pytest.mark.certification("TC_051")
async def test_a_reservation_is_cancelled(bench: Bench) -> None:
    client = await bench.ready()
    number = await reserve(bench, client)
    assert await say(bench, client, "Reserved") == {}
    await bench.station.operations.reservations.cancel(number)
    assert client.sent("CancelReservation") == [{"reservationId": number}]
    assert await say(bench, client, "Available") == {}
    assert bench.evse.status is EvseStatus.AVAILABLE
    assert how_it_ended(bench) == ["cancelled"]


@pytest.mark.certification("TC_052")
async def test_a_cancellation_that_the_station_rejects_is_told_and_the_reservation_is_held(bench: Bench) -> None:
    client = await bench.ready()
    number = await reserve(bench, client)
    client.answers["CancelReservation"] = {"status": "Rejected"}
    with pytest.raises(CommandError) as error:
        await bench.station.operations.reservations.cancel(number)
    assert error.value.code is CommandErrorCode.REJECTED
    assert client.sent("CancelReservation") == [{"reservationId": number}]
    assert set(bench.station.state.reservations) == {number}
