"""Lists of tags go to stations in messages of their size, and in full where a station has another one than thought."""

from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.local_list import LocalListEntry

from .conftest import Bench
from .raw_station import configuration_answer
from .raw_station_2 import RawStation2
from .test_v2 import ready

TAGS = [LocalListEntry(f"TAG{number}") for number in range(5)]


async def test_a_list_goes_out_in_messages_of_the_size_that_the_station_takes(bench: Bench) -> None:
    client = await bench.ready()
    client.answers["GetConfiguration"] = configuration_answer(
        {"SendLocalListMaxLength": "2", "LocalAuthListMaxLength": "5"}
    )
    local_list = bench.station.operations.local_list
    assert await local_list.replace(TAGS, 7) == 9
    sent = [
        (one["updateType"], one["listVersion"], len(one["localAuthorizationList"]))
        for one in client.sent("SendLocalList")
    ]
    assert sent == [("Full", 7, 2), ("Differential", 8, 2), ("Differential", 9, 1)]
    with pytest.raises(CommandError, match="5 entries at most"):
        await local_list.replace([*TAGS, LocalListEntry("TAG6")], 10)
    with pytest.raises(CommandError, match="has a status"):
        await local_list.replace([LocalListEntry("TAG", None)], 10)
    assert await local_list.change([], 10) == 10


async def test_an_empty_list_of_ocpp_2_has_no_entries(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    assert await bench.station.operations.local_list.replace([], 3) == 3
    assert client.sent("SendLocalList") == [{"versionNumber": 3, "updateType": "Full"}]
    assert client.broken == []


async def test_a_list_that_the_station_does_not_follow_is_sent_in_full(bench: Bench) -> None:
    client = await bench.ready()

    def answer(payload: dict[str, Any]) -> dict[str, Any]:
        return {"status": "Accepted" if payload["updateType"] == "Full" else "VersionMismatch"}

    client.answers |= {"SendLocalList": answer, "GetLocalListVersion": {"listVersion": 12}}
    local_list = bench.station.operations.local_list
    assert await local_list.bring_up_to_date(TAGS[:1], TAGS, 8) == 13
    last = client.sent("SendLocalList")[-1]
    assert (last["updateType"], last["listVersion"], len(last["localAuthorizationList"])) == ("Full", 13, 5)
    client.answers["SendLocalList"] = {"status": "Accepted"}
    assert await local_list.bring_up_to_date(TAGS[:1], TAGS, 14) == 14
    client.answers["SendLocalList"] = {"status": "NotSupported"}
    with pytest.raises(CommandError) as error:
        await local_list.bring_up_to_date(TAGS[:1], TAGS, 15)
    assert error.value.code is CommandErrorCode.NOT_SUPPORTED


async def test_a_station_that_does_not_tell_its_limits_gets_lists_all_the_same(bench: Bench) -> None:
    client = await bench.ready()
    client.answers["GetConfiguration"] = ("InternalError", "")
    assert await bench.station.operations.local_list.replace(TAGS, 7) == 7
    client.answers["GetLocalListVersion"] = {}
    with pytest.raises(CommandError, match="no version"):
        await bench.station.operations.local_list.version()
