"""OCPP 2.0.1, B05 to B09: variables are read and set, the device model is reported, network profiles are written."""

from collections.abc import AsyncGenerator

import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode, WriteOutcome
from custom_components.smart_charging.engine.csms.inventory import Variable
from custom_components.smart_charging.engine.csms.network_profiles import NetworkProfile
from custom_components.smart_charging.engine.csms.operations import supported
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station import Payload
from tests.engine.csms_stations.raw_station_2 import RawStation2
from tests.engine.csms_stations.test_v2 import ready

OFFLINE, REMOTE = "OCPPCommCtrlr.OfflineThreshold", "AuthCtrlr.AuthorizeRemoteStart"


@pytest.fixture
async def client(bench: Bench) -> AsyncGenerator[RawStation2]:
    """A station that is set up, and was never sent what does not fit its schemas."""
    station = RawStation2()
    station.variables |= {("OCPPCommCtrlr", "OfflineThreshold"): "60", ("AuthCtrlr", "AuthorizeRemoteStart"): "true"}
    await ready(bench, station)
    station.calls.clear()
    yield station
    assert station.broken == []


def named(name: str) -> Payload:
    component, variable = name.split(".")
    return {"component": {"name": component}, "variable": {"name": variable}}


@pytest.mark.certification("TC_B_06")
async def test_one_variable_is_read(bench: Bench, client: RawStation2) -> None:
    assert await bench.station.operations.variables.read([OFFLINE]) == {OFFLINE: "60"}
    assert client.sent("GetVariables") == [{"getVariableData": [named(OFFLINE)]}]


@pytest.mark.certification("TC_B_07")
async def test_several_variables_are_read_at_once(bench: Bench, client: RawStation2) -> None:
    assert await bench.station.operations.variables.read([OFFLINE, REMOTE]) == {OFFLINE: "60", REMOTE: "true"}
    assert client.sent("GetVariables") == [{"getVariableData": [named(OFFLINE), named(REMOTE)]}]


@pytest.mark.certification("TC_B_09")
async def test_one_variable_is_set(bench: Bench, client: RawStation2) -> None:
    assert await bench.station.operations.variables.write({OFFLINE: "123"}) == {OFFLINE: WriteOutcome.ACCEPTED}
    assert client.sent("SetVariables") == [{"setVariableData": [{**named(OFFLINE), "attributeValue": "123"}]}]
    assert client.variables["OCPPCommCtrlr", "OfflineThreshold"] == "123"


@pytest.mark.certification("TC_B_10")
async def test_several_variables_are_set_at_once(bench: Bench, client: RawStation2) -> None:
    outcomes = await bench.station.operations.variables.write({OFFLINE: "123", REMOTE: "false"})
    assert outcomes == {OFFLINE: WriteOutcome.ACCEPTED, REMOTE: WriteOutcome.ACCEPTED}
    (sent,) = client.sent("SetVariables")
    assert sent["setVariableData"] == [
        {**named(OFFLINE), "attributeValue": "123"},
        {**named(REMOTE), "attributeValue": "false"},
    ]
    shown = {one.name: one.value for one in await bench.station.operations.variables.model()}
    assert (shown[OFFLINE], shown[REMOTE]) == ("123", "false")


def report(client: RawStation2, *pages: list[Payload]) -> None:
    """Answer the next GetBaseReport with these pages."""

    def answer(payload: Payload) -> Payload:
        for number, page in enumerate(pages):
            stamp = {"generatedAt": "2026-06-01T10:00:00Z", "seqNo": number, "tbc": number + 1 < len(pages)}
            client.later("NotifyReport", {"requestId": payload["requestId"], **stamp, "reportData": page})
        return {"status": "Accepted"}

    client.answers["GetBaseReport"] = answer


def entry(name: str, value: str, mutability: str, data_type: str) -> Payload:
    attribute = {"type": "Actual", "value": value, "mutability": mutability}
    traits = {"dataType": data_type, "supportsMonitoring": True}
    return {**named(name), "variableAttribute": [attribute], "variableCharacteristics": traits}


SETTABLE = [
    Variable(OFFLINE, "60", data_type="integer"),
    Variable(REMOTE, "true", data_type="boolean"),
]
MADE = Variable("ChargingStation.Model", "Two", mutability="ReadOnly", data_type="string")


@pytest.mark.certification("TC_B_12")
async def test_what_can_be_set_is_reported(bench: Bench, client: RawStation2) -> None:
    report(client, [entry(OFFLINE, "60", "ReadWrite", "integer")], [entry(REMOTE, "true", "ReadWrite", "boolean")])
    assert list(await bench.station.operations.variables.settable()) == SETTABLE
    (sent,) = client.sent("GetBaseReport")
    assert (sent["reportBase"], sent["requestId"] >= 0, len(sent)) == ("ConfigurationInventory", True, 2)


@pytest.mark.certification("TC_B_13")
async def test_the_whole_device_model_is_reported(bench: Bench, client: RawStation2) -> None:
    report(
        client,
        [entry(OFFLINE, "60", "ReadWrite", "integer")],
        [entry(REMOTE, "true", "ReadWrite", "boolean")],
        [entry("ChargingStation.Model", "Two", "ReadOnly", "string")],
    )
    assert list(await bench.station.operations.variables.model(refresh=True)) == [*SETTABLE, MADE]
    (sent,) = client.sent("GetBaseReport")
    assert (sent["reportBase"], sent["requestId"] >= 0, len(sent)) == ("FullInventory", True, 2)


PROFILE = NetworkProfile("wss://home.test:9000/", 2, "Wireless0", 45)


@pytest.mark.certification("TC_B_42")
async def test_a_network_profile_is_written(bench: Bench, client: RawStation2) -> None:
    await supported(bench.station.operations.network).write(2, PROFILE)
    (sent,) = client.sent("SetNetworkProfile")
    assert sent == {
        "configurationSlot": 2,
        "connectionData": {
            "ocppVersion": "OCPP20",
            "ocppTransport": "JSON",
            "ocppCsmsUrl": "wss://home.test:9000/",
            "messageTimeout": 45,
            "securityProfile": 2,
            "ocppInterface": "Wireless0",
        },
    }


@pytest.mark.certification("TC_B_44")
@pytest.mark.parametrize("status", ["Failed", "Rejected"])
async def test_a_network_profile_that_could_not_be_written_is_told(
    bench: Bench, client: RawStation2, status: str
) -> None:
    client.answers["SetNetworkProfile"] = {"status": status}
    with pytest.raises(CommandError, match=status) as error:
        await supported(bench.station.operations.network).write(2, PROFILE)
    assert error.value.code is CommandErrorCode.REJECTED
    assert client.sent("SetVariables") == []
