"""Variables of OCPP 2 are set in as few messages as a station takes, whatever it answers."""

from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode, WriteOutcome

from .conftest import Bench
from .raw_station_2 import RawStation2
from .test_v2 import ready

VALUES = {f"A.B{number}": str(number) for number in range(3)}
ACCEPTED, REJECTED, UNKNOWN = WriteOutcome.ACCEPTED, WriteOutcome.REJECTED, WriteOutcome.UNKNOWN


def result(one: dict[str, Any], status: str = "Accepted") -> dict[str, Any]:
    return {"attributeStatus": status, "component": one["component"], "variable": one["variable"]}


def sizes(client: RawStation2) -> list[int]:
    return [len(one["setVariableData"]) for one in client.sent("SetVariables")]


@pytest.fixture
async def client(bench: Bench) -> RawStation2:
    station = await ready(bench, RawStation2())
    station.calls.clear()
    return station


async def test_each_variable_has_its_own_outcome_in_whatever_order_they_come(bench: Bench, client: RawStation2) -> None:
    def answer(payload: dict[str, Any]) -> dict[str, Any]:
        first, second, third = payload["setVariableData"]
        shouted = {**third, "variable": {"name": third["variable"]["name"].upper()}}
        told = [result(shouted, "RebootRequired"), result(first, "UnknownVariable"), result(second, "Rejected")]
        return {"setVariableResult": told}

    client.answers["SetVariables"] = answer
    outcomes = await bench.station.operations.variables.write(VALUES)
    assert outcomes == {"A.B0": UNKNOWN, "A.B1": REJECTED, "A.B2": WriteOutcome.REBOOT_REQUIRED}
    assert sizes(client) == [3]


async def test_a_variable_that_the_answer_leaves_out_was_not_set(bench: Bench, client: RawStation2) -> None:
    client.answers["SetVariables"] = lambda payload: {"setVariableResult": [result(payload["setVariableData"][1])]}
    outcomes = await bench.station.operations.variables.write(VALUES)
    assert outcomes == {"A.B0": REJECTED, "A.B1": ACCEPTED, "A.B2": REJECTED}


async def test_a_result_that_calls_its_variable_otherwise_counts_by_its_place(
    bench: Bench, client: RawStation2
) -> None:
    other = {"component": {"name": "X"}, "variable": {"name": "Y"}}
    client.answers["SetVariables"] = {"setVariableResult": [result(other)]}
    assert await bench.station.operations.variables.write({"A.B": "1"}) == {"A.B": ACCEPTED}


async def test_no_more_are_set_at_once_than_the_station_takes(bench: Bench) -> None:
    client = RawStation2()
    client.variables |= dict.fromkeys([("A", f"B{number}") for number in range(3)], "")
    await ready(bench, client)
    limit = {
        "component": {"name": "DeviceDataCtrlr"},
        "variable": {"name": "ItemsPerMessage", "instance": "SetVariables"},
        "variableAttribute": [{"value": "2"}],
    }

    def report(payload: dict[str, Any]) -> dict[str, Any]:
        page = {"requestId": payload["requestId"], "generatedAt": bench.now(), "seqNo": 0, "reportData": [limit]}
        client.later("NotifyReport", page)
        return {"status": "Accepted"}

    client.answers["GetBaseReport"] = report
    variables = bench.station.operations.variables
    await variables.model(refresh=True)
    client.calls.clear()
    assert await variables.write(VALUES) == dict.fromkeys(VALUES, ACCEPTED)
    assert sizes(client) == [2, 1]


async def test_a_station_that_stumbles_over_several_gets_them_one_by_one(bench: Bench, client: RawStation2) -> None:
    def answer(payload: dict[str, Any]) -> dict[str, Any] | tuple[str, str]:
        data = payload["setVariableData"]
        return ("InternalError", "one only") if len(data) > 1 else {"setVariableResult": [result(data[0])]}

    client.answers["SetVariables"] = answer
    assert await bench.station.operations.variables.write(VALUES) == dict.fromkeys(VALUES, ACCEPTED)
    assert sizes(client) == [3, 1, 1, 1]


async def test_a_station_without_the_message_knows_no_variable(bench: Bench, client: RawStation2) -> None:
    client.answers["SetVariables"] = ("NotSupported", "")
    assert await bench.station.operations.variables.write(VALUES) == dict.fromkeys(VALUES, UNKNOWN)


async def test_nothing_is_set_where_one_name_is_none(bench: Bench, client: RawStation2) -> None:
    with pytest.raises(CommandError) as error:
        await bench.station.operations.variables.write({**VALUES, "HeartbeatInterval": "1"})
    assert error.value.code is CommandErrorCode.INVALID
    assert client.sent("SetVariables") == []


async def test_what_was_known_is_read_anew_after_writing_failed(bench: Bench, client: RawStation2) -> None:
    client.answers["SetVariables"] = ("InternalError", "flash")
    variables = bench.station.operations.variables
    with pytest.raises(CommandError, match="flash"):
        await variables.write({"A.B": "1"})
    await variables.model()
    assert len(client.sent("GetBaseReport")) == 1


async def test_a_station_of_1_6_restarts_as_a_whole_and_tells_what_can_be_set(bench: Bench) -> None:
    client = await bench.ready()
    with pytest.raises(CommandError) as error:
        await bench.station.reset(hard=True, evse_id=1)
    assert error.value.code is CommandErrorCode.NOT_SUPPORTED
    assert client.sent("Reset") == []
    keys = [{"key": "A", "readonly": True, "value": "1"}, {"key": "B", "readonly": False, "value": "2"}]
    client.answers["GetConfiguration"] = {"configurationKey": keys}
    assert [one.name for one in await bench.station.operations.variables.settable()] == ["B"]
