"""OCPP 2.0.1, D: the list of tokens that a station keeps is sent, changed, emptied, and asked for its version."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.local_list import LocalList, LocalListEntry
from custom_components.smart_charging.engine.csms.timestamps import format_time
from custom_components.smart_charging.engine.model import AuthorizationStatus
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station import Payload
from tests.engine.csms_stations.raw_station_2 import RawStation2
from tests.engine.csms_stations.test_v2 import ready

INSTALLED = 7


@pytest.fixture
async def client(bench: Bench) -> AsyncGenerator[RawStation2]:
    """A station that keeps a list, and was never sent what does not fit its schemas."""
    station = await ready(bench, RawStation2())
    station.answers["GetLocalListVersion"] = {"versionNumber": INSTALLED}
    yield station
    assert station.broken == []


@pytest.fixture
def local_list(bench: Bench, client: RawStation2) -> LocalList:
    return bench.station.operations.local_list


def token(value: str) -> Payload:
    return {"idToken": value, "type": "ISO14443"}


@pytest.mark.certification("TC_D_01")
async def test_a_whole_list_is_sent(bench: Bench, client: RawStation2, local_list: LocalList) -> None:
    until = bench.clock.now() + timedelta(days=1)
    anna = LocalListEntry("ANNA", expires_at=until, group="FAMILY")
    ben = LocalListEntry("BEN", AuthorizationStatus.BLOCKED)
    assert await local_list.replace([anna, ben], await local_list.version() + 1) == INSTALLED + 1
    (sent,) = client.sent("SendLocalList")
    group = {"idToken": "FAMILY", "type": "Central"}
    info = {"status": "Accepted", "cacheExpiryDateTime": format_time(until), "groupIdToken": group}
    assert sent == {
        "versionNumber": INSTALLED + 1,
        "updateType": "Full",
        "localAuthorizationList": [
            {"idToken": token("ANNA"), "idTokenInfo": info},
            {"idToken": token("BEN"), "idTokenInfo": {"status": "Blocked"}},
        ],
    }


@pytest.mark.certification("TC_D_02")
async def test_a_list_is_changed(client: RawStation2, local_list: LocalList) -> None:
    assert await local_list.change([LocalListEntry("CLEO")], await local_list.version() + 1) == INSTALLED + 1
    (sent,) = client.sent("SendLocalList")
    assert sent == {
        "versionNumber": INSTALLED + 1,
        "updateType": "Differential",
        "localAuthorizationList": [{"idToken": token("CLEO"), "idTokenInfo": {"status": "Accepted"}}],
    }


@pytest.mark.certification("TC_D_03")
async def test_tokens_are_taken_off_the_list(client: RawStation2, local_list: LocalList) -> None:
    gone = [LocalListEntry("ANNA", None), LocalListEntry("BEN", None)]
    assert await local_list.change(gone, await local_list.version() + 1) == INSTALLED + 1
    (sent,) = client.sent("SendLocalList")
    assert sent == {
        "versionNumber": INSTALLED + 1,
        "updateType": "Differential",
        "localAuthorizationList": [{"idToken": token("ANNA")}, {"idToken": token("BEN")}],
    }


@pytest.mark.certification("TC_D_04")
async def test_a_list_is_emptied(client: RawStation2, local_list: LocalList) -> None:
    assert await local_list.replace([], await local_list.version() + 1) == INSTALLED + 1
    assert client.sent("SendLocalList") == [{"versionNumber": INSTALLED + 1, "updateType": "Full"}]


@pytest.mark.certification("TC_D_08")
async def test_the_version_of_a_list_is_asked_for(client: RawStation2, local_list: LocalList) -> None:
    assert await local_list.version() == INSTALLED
    assert client.sent("GetLocalListVersion") == [{}]


@pytest.mark.certification("TC_D_09")
async def test_a_station_without_a_list_has_version_0(client: RawStation2, local_list: LocalList) -> None:
    client.answers["GetLocalListVersion"] = {"versionNumber": 0}
    assert await local_list.version() == 0
    assert client.sent("GetLocalListVersion") == [{}]


@pytest.mark.parametrize("status", ["Failed", "VersionMismatch"])
async def test_a_list_that_the_station_does_not_take_is_told(
    client: RawStation2, local_list: LocalList, status: str
) -> None:
    client.answers["SendLocalList"] = {"status": status}
    with pytest.raises(CommandError, match=status):
        await local_list.replace([LocalListEntry("ANNA")], 8)


async def test_no_list_has_a_token_twice_or_the_version_that_stands_for_none(
    client: RawStation2, local_list: LocalList
) -> None:
    twice = [LocalListEntry("ANNA"), LocalListEntry("anna")]
    attempts = (local_list.replace(twice, 8), local_list.change(twice, 8), local_list.replace(twice[:1], 0))
    for attempt in attempts:
        with pytest.raises(CommandError) as error:
            await attempt
        assert error.value.code is CommandErrorCode.INVALID
    assert client.sent("SendLocalList") == []
