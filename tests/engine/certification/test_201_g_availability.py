"""Certification cases of OCPP 2.0.1, block G: enabling and disabling, and a lock that fails."""

from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.state import StationEventType
from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.csms_stations.conftest import Bench

from .f_to_p_station import charge, online, stop, tell_event, tell_status

PLACES = {
    "evse": (1, None, {"evse": {"id": 1}}),
    "station": (0, None, {}),
    "connector": (1, 1, {"evse": {"id": 1, "connectorId": 1}}),
}


def statuses(bench: Bench) -> list[EvseStatus | None]:
    return [bench.station.state.evses[evse].status for evse in (1, 2)]


def case(number: str, place: str) -> Any:
    return pytest.param(place, id=f"{number}-{place}")


@pytest.mark.certification("TC_G_03")
@pytest.mark.certification("TC_G_05")
@pytest.mark.certification("TC_G_07")
@pytest.mark.parametrize("place", [case("TC_G_03", "evse"), case("TC_G_05", "station"), case("TC_G_07", "connector")])
async def test_what_is_disabled_is_shown_unavailable(bench: Bench, place: str) -> None:
    client = await online(bench)
    evse, connector, sent = PLACES[place]
    await bench.station.change_availability(evse, operative=False, connector_id=connector)
    assert client.sent("ChangeAvailability") == [{"operationalStatus": "Inoperative", **sent}]
    for each in (1, 2) if place == "station" else (1,):
        await tell_status(bench, client, "Unavailable", each)
    other = EvseStatus.UNAVAILABLE if place == "station" else EvseStatus.AVAILABLE
    assert statuses(bench) == [EvseStatus.UNAVAILABLE, other]
    assert not bench.evse.operative
    assert client.broken == []


@pytest.mark.certification("TC_G_04")
@pytest.mark.certification("TC_G_06")
@pytest.mark.certification("TC_G_08")
@pytest.mark.parametrize("place", [case("TC_G_04", "evse"), case("TC_G_06", "station"), case("TC_G_08", "connector")])
async def test_what_is_enabled_again_is_shown_available(bench: Bench, place: str) -> None:
    client = await online(bench)
    evse, connector, sent = PLACES[place]
    whole = (1, 2) if place == "station" else (1,)
    await bench.station.change_availability(evse, operative=False, connector_id=connector)
    for each in whole:
        await tell_status(bench, client, "Unavailable", each)
    client.calls.clear()
    await bench.station.change_availability(evse, operative=True, connector_id=connector)
    assert client.sent("ChangeAvailability") == [{"operationalStatus": "Operative", **sent}]
    for each in whole:
        await tell_status(bench, client, "Available", each)
    assert statuses(bench) == [EvseStatus.AVAILABLE] * 2
    assert bench.evse.operative


@pytest.mark.certification("TC_G_11")
@pytest.mark.certification("TC_G_14")
@pytest.mark.certification("TC_G_17")
@pytest.mark.parametrize("place", [case("TC_G_11", "evse"), case("TC_G_14", "station"), case("TC_G_17", "connector")])
async def test_a_running_charge_is_disabled_only_after_its_end(bench: Bench, place: str) -> None:
    client = await online(bench)
    await charge(bench, client)
    client.calls.clear()
    client.answers["ChangeAvailability"] = {"status": "Scheduled"}
    evse, connector, sent = PLACES[place]
    await bench.station.change_availability(evse, operative=False, connector_id=connector)
    assert client.sent("ChangeAvailability") == [{"operationalStatus": "Inoperative", **sent}]
    if place == "station":
        await tell_status(bench, client, "Unavailable", 2)
    assert bench.evse.status is EvseStatus.CHARGING
    await bench.pass_time(5.0)
    await stop(bench, client)
    await tell_status(bench, client, "Unavailable")
    other = EvseStatus.UNAVAILABLE if place == "station" else EvseStatus.AVAILABLE
    assert statuses(bench) == [EvseStatus.UNAVAILABLE, other]


@pytest.mark.certification("TC_G_20")
async def test_a_lock_that_fails_is_told(bench: Bench) -> None:
    client = await online(bench)
    lock = {"name": "ConnectorPlugRetentionLock", "evse": {"id": 1, "connectorId": 1}}
    await tell_event(bench, client, lock, "Problem", actualValue="true", eventNotificationType="HardWiredNotification")
    (event,) = bench.told(StationEventType.ALERT)
    assert event.evse_id == 1
    assert "ConnectorPlugRetentionLock" in str(event.details["variable"])
    assert (event.details["value"], event.details["trigger"]) == ("true", "Delta")
    assert bench.evse.status is EvseStatus.AVAILABLE
