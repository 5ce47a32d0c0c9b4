"""OCPP 1.6, LocalAuthListManagement: lists of tags at the station, and what it says of them."""

from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.local_list import LocalList, LocalListEntry
from tests.engine.csms_stations.conftest import Bench

TAGS = [LocalListEntry("TAG1"), LocalListEntry("TAG2", group="HOME")]
ROWS: list[dict[str, Any]] = [
    {"idTag": "TAG1", "idTagInfo": {"status": "Accepted"}},
    {"idTag": "TAG2", "idTagInfo": {"status": "Accepted", "parentIdTag": "HOME"}},
]


def local_list(bench: Bench) -> LocalList:
    return bench.station.operations.local_list


@pytest.mark.certification("TC_042_1")
async def test_a_version_of_minus_one_means_that_there_are_no_lists(bench: Bench) -> None:
    client = await bench.ready()
    client.answers["GetLocalListVersion"] = {"listVersion": -1}
    with pytest.raises(CommandError) as error:
        await local_list(bench).version()
    assert error.value.code is CommandErrorCode.NOT_SUPPORTED
    assert client.sent("GetLocalListVersion") == [{}]


@pytest.mark.certification("TC_042_2")
async def test_a_version_of_zero_means_an_empty_list(bench: Bench) -> None:
    client = await bench.ready()
    client.answers["GetLocalListVersion"] = {"listVersion": 0}
    assert await local_list(bench).version() == 0
    assert client.sent("GetLocalListVersion") == [{}]


async def refused(bench: Bench, status: str) -> CommandErrorCode:
    """Return how a station's refusal of a whole list is told."""
    client = await bench.ready()
    client.answers["SendLocalList"] = {"status": status}
    with pytest.raises(CommandError, match=status) as error:
        await local_list(bench).replace(TAGS, 1)
    assert client.sent("SendLocalList") == [{"listVersion": 1, "updateType": "Full", "localAuthorizationList": ROWS}]
    return error.value.code


@pytest.mark.certification("TC_043_1")
async def test_a_list_that_is_not_supported_is_told_so(bench: Bench) -> None:
    assert await refused(bench, "NotSupported") is CommandErrorCode.NOT_SUPPORTED


@pytest.mark.certification("TC_043_3")
async def test_a_list_that_fails_is_told_so(bench: Bench) -> None:
    assert await refused(bench, "Failed") is CommandErrorCode.REJECTED


@pytest.mark.certification("TC_043_4")
async def test_a_whole_list_tells_what_is_known_of_each_tag(bench: Bench) -> None:
    client = await bench.ready()
    client.answers["GetLocalListVersion"] = {"listVersion": 0}
    assert await local_list(bench).replace(TAGS, await local_list(bench).version() + 1) == 1
    assert client.sent("SendLocalList") == [{"listVersion": 1, "updateType": "Full", "localAuthorizationList": ROWS}]


@pytest.mark.certification("TC_043_5")
async def test_a_change_of_the_list_holds_the_new_tag_alone_under_a_higher_version(bench: Bench) -> None:
    client = await bench.ready()
    first = await local_list(bench).replace(TAGS, 1)
    client.answers["GetLocalListVersion"] = {"listVersion": first}
    known = await local_list(bench).version()
    assert await local_list(bench).change([LocalListEntry("TAG3")], known + 1) == 2
    row = {"idTag": "TAG3", "idTagInfo": {"status": "Accepted"}}
    assert client.sent("SendLocalList")[1:] == [
        {"listVersion": 2, "updateType": "Differential", "localAuthorizationList": [row]}
    ]
