"""Certification cases of OCPP 2.0.1, block H: reservations made, used up, cancelled and lost."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.reservations import ReservationRequest
from custom_components.smart_charging.engine.csms.state import StationEventType
from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station import Payload
from tests.engine.csms_stations.raw_station_2 import RawStation2

from .f_to_p_station import TAG, online, tell_status

MINUTES = 5.0


async def reserve(bench: Bench, evse: int, **more: Any) -> int:
    """Reserve for the tag and return the reservation's id."""
    until = bench.clock.now() + timedelta(minutes=MINUTES)
    request = replace(ReservationRequest(evse, TAG, until), **{"kind": "ISO14443", **more})
    return await bench.station.operations.reservations.reserve(request)


def asked(client: RawStation2) -> Payload:
    """Return the only ReserveNow, without its time."""
    (sent,) = client.sent("ReserveNow")
    assert sent["idToken"] == {"idToken": TAG, "type": "ISO14443"}
    return {name: value for name, value in sent.items() if name not in {"expiryDateTime", "idToken"}}


def ends(bench: Bench) -> list[object]:
    return [event.details["reason"] for event in bench.told(StationEventType.RESERVATION_ENDED)]


@pytest.mark.certification("TC_H_01")
async def test_an_evse_is_reserved_for_a_tag(bench: Bench) -> None:
    client = await online(bench)
    number = await reserve(bench, 1)
    assert asked(client) == {"id": number, "evseId": 1}
    assert client.sent("ReserveNow")[0]["expiryDateTime"][:19] == bench.now(60 * MINUTES)[:19]
    await tell_status(bench, client, "Reserved")
    assert bench.evse.status is EvseStatus.RESERVED
    held = bench.station.state.reservation_of(1)
    assert held is not None
    assert held.reservation_id == number
    await client.event("Started", bench.now(), evse=1, token=TAG, energy=0.0)
    assert client.broken == []


@pytest.mark.certification("TC_H_07")
async def test_a_reservation_that_nobody_uses_runs_out(bench: Bench) -> None:
    client = await online(bench)
    number = await reserve(bench, 1)
    assert asked(client) == {"id": number, "evseId": 1}
    await tell_status(bench, client, "Reserved")
    await bench.pass_time(60 * MINUTES + 1.0)
    await tell_status(bench, client, "Available")
    ended = {"reservationId": number, "reservationUpdateStatus": "Expired"}
    assert await client.ask("ReservationStatusUpdate", ended) == {}
    assert ends(bench) == ["expired"]
    assert bench.station.state.reservations == {}
    assert bench.evse.status is EvseStatus.AVAILABLE


@pytest.mark.certification("TC_H_08")
@pytest.mark.certification("TC_H_14")
@pytest.mark.parametrize("count", [1, 2], ids=["one", "all"])
async def test_any_evse_is_reserved(bench: Bench, count: int) -> None:
    client = await online(bench)
    numbers = [await reserve(bench, 0) for _ in range(count)]
    sent = client.sent("ReserveNow")
    assert [one["id"] for one in sent] == numbers
    assert len(set(numbers)) == count
    assert all(not one.keys() & {"evseId", "connectorType", "groupIdToken"} for one in sent)
    assert all(one["idToken"] == {"idToken": TAG, "type": "ISO14443"} for one in sent)
    for evse in range(1, count + 1):
        await tell_status(bench, client, "Reserved", evse)
        assert bench.station.state.evses[evse].status is EvseStatus.RESERVED
    assert set(bench.station.state.reservations) == set(numbers)


@pytest.mark.certification("TC_H_15")
async def test_a_plug_is_reserved(bench: Bench) -> None:
    client = await online(bench)
    number = await reserve(bench, 0, connector_type="cType2")
    assert asked(client) == {"id": number, "connectorType": "cType2"}
    await tell_status(bench, client, "Reserved")
    assert bench.evse.status is EvseStatus.RESERVED
    assert client.broken == []


async def test_a_station_of_the_old_version_has_no_word_for_a_plug(bench: Bench) -> None:
    client = await bench.ready()
    with pytest.raises(CommandError, match="OCPP 2 only") as refused:
        await reserve(bench, 0, connector_type="cType2")
    assert refused.value.code is CommandErrorCode.NOT_SUPPORTED
    assert client.sent("ReserveNow") == []
    assert bench.station.state.reservations == {}


@pytest.mark.certification("TC_H_17")
async def test_a_reservation_is_cancelled(bench: Bench) -> None:
    client = await online(bench)
    number = await reserve(bench, 1)
    assert asked(client) == {"id": number, "evseId": 1}
    await tell_status(bench, client, "Reserved")
    await bench.station.operations.reservations.cancel(number)
    assert client.sent("CancelReservation") == [{"reservationId": number}]
    await tell_status(bench, client, "Available")
    assert ends(bench) == ["cancelled"]
    assert bench.evse.status is EvseStatus.AVAILABLE


@pytest.mark.certification("TC_H_19")
async def test_a_reservation_is_for_a_group_too(bench: Bench) -> None:
    client = await online(bench)
    number = await reserve(bench, 1, group="FAMILY")
    group = {"idToken": "FAMILY", "type": "Central"}
    assert asked(client) == {"id": number, "evseId": 1, "groupIdToken": group}
    await tell_status(bench, client, "Reserved")
    assert bench.evse.status is EvseStatus.RESERVED


@pytest.mark.certification("TC_H_20")
async def test_a_fault_takes_the_reservation_away(bench: Bench) -> None:
    client = await online(bench)
    number = await reserve(bench, 1)
    assert asked(client) == {"id": number, "evseId": 1}
    await tell_status(bench, client, "Reserved")
    await tell_status(bench, client, "Faulted")
    assert bench.evse.status is EvseStatus.FAULTED
    ended = {"reservationId": number, "reservationUpdateStatus": "Removed"}
    assert await client.ask("ReservationStatusUpdate", ended) == {}
    assert ends(bench) == ["removed"]
    assert bench.station.state.reservations == {}


@pytest.mark.certification("TC_H_22")
async def test_a_reservation_is_refused(bench: Bench) -> None:
    client = await online(bench)
    client.answers["ReserveNow"] = {"status": "Rejected"}
    with pytest.raises(CommandError, match="Rejected") as refused:
        await reserve(bench, 1)
    assert refused.value.code is CommandErrorCode.REJECTED
    assert len(client.sent("ReserveNow")) == 1
    assert bench.station.state.reservations == {}
