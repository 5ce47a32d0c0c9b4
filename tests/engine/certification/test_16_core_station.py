"""OCPP 1.6, Core: what is asked of a station beside charging, and how its refusals are told."""

from collections.abc import Coroutine

import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.state import StationEventType
from custom_components.smart_charging.engine.csms.variables import WriteOutcome
from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station import RawStation

from .charging import say


async def reset(bench: Bench, *, hard: bool) -> RawStation:
    """Restart a station that then dials, boots, and tells its statuses; return what it was asked on."""
    client = await bench.ready()
    await bench.station.reset(hard)
    await client.close()
    await bench.until(lambda: not bench.station.state.connected)
    again = await bench.dial()
    assert (await again.boot())["status"] == "Accepted"
    for connector in (0, 1):
        assert await say(bench, again, "Available", connector) == {}
    assert bench.station.state.status is bench.evse.status is EvseStatus.AVAILABLE
    assert len(bench.told(StationEventType.BOOTED)) == 2
    return client


async def refusal(command: Coroutine[object, object, object]) -> CommandErrorCode:
    """Return why a command was not carried out."""
    with pytest.raises(CommandError) as error:
        await command
    return error.value.code


@pytest.mark.certification("TC_013")
async def test_a_hard_reset_restarts_the_station(bench: Bench) -> None:
    client = await reset(bench, hard=True)
    assert client.sent("Reset") == [{"type": "Hard"}]


@pytest.mark.certification("TC_014")
async def test_a_soft_reset_restarts_the_station(bench: Bench) -> None:
    client = await reset(bench, hard=False)
    assert client.sent("Reset") == [{"type": "Soft"}]


@pytest.mark.certification("TC_013")
async def test_a_reset_that_the_station_rejects_is_told_as_rejected(bench: Bench) -> None:
    client = await bench.ready()
    client.answers["Reset"] = {"status": "Rejected"}
    assert await refusal(bench.station.reset(hard=True)) is CommandErrorCode.REJECTED


@pytest.mark.certification("TC_017_1")
async def test_an_idle_connector_is_unlocked(bench: Bench) -> None:
    client = await bench.ready()
    await bench.station.unlock(1)
    assert client.sent("UnlockConnector") == [{"connectorId": 1}]


async def unsupported_unlock(bench: Bench, connector: int) -> None:
    """Check that a station's word that it does not unlock a connector is told as such."""
    client = await bench.ready()
    client.answers["UnlockConnector"] = {"status": "NotSupported"}
    assert await refusal(bench.station.unlock(connector)) is CommandErrorCode.NOT_SUPPORTED
    assert client.sent("UnlockConnector") == [{"connectorId": connector}]


@pytest.mark.certification("TC_017_2")
async def test_a_fixed_cable_that_is_never_unlocked_is_told_as_not_supported(bench: Bench) -> None:
    await unsupported_unlock(bench, 1)


@pytest.mark.certification("TC_031")
async def test_an_unlock_of_a_connector_that_the_station_does_not_have_is_told_as_not_supported(bench: Bench) -> None:
    await unsupported_unlock(bench, 7)


@pytest.mark.certification("TC_030")
async def test_an_unlock_that_fails_is_told_as_refused(bench: Bench) -> None:
    client = await bench.ready()
    client.answers["UnlockConnector"] = {"status": "UnlockFailed"}
    with pytest.raises(CommandError, match="UnlockFailed") as error:
        await bench.station.unlock(1)
    assert error.value.code is CommandErrorCode.REJECTED


@pytest.mark.certification("TC_019_1")
async def test_all_configuration_keys_are_read_by_naming_none(bench: Bench) -> None:
    client = await bench.ready()
    client.calls.clear()
    assert await bench.station.get_configuration() == client.configuration
    assert client.sent("GetConfiguration") == [{}]


@pytest.mark.certification("TC_019_2")
async def test_one_configuration_key_is_read_by_its_name(bench: Bench) -> None:
    client = await bench.ready()
    client.calls.clear()
    name = "SupportedFeatureProfiles"
    client.answers["GetConfiguration"] = {
        "configurationKey": [{"key": name, "readonly": True, "value": "Core"}],
        "unknownKey": [],
    }
    assert await bench.station.operations.variables.read([name]) == {name: "Core"}
    assert client.sent("GetConfiguration") == [{"key": [name]}]


@pytest.mark.certification("TC_021")
async def test_a_configuration_key_is_set(bench: Bench) -> None:
    client = await bench.ready()
    client.calls.clear()
    setting = {"MeterValueSampleInterval": "15"}
    assert await bench.station.operations.variables.write(setting) == {
        "MeterValueSampleInterval": WriteOutcome.ACCEPTED
    }
    assert client.sent("ChangeConfiguration") == [{"key": "MeterValueSampleInterval", "value": "15"}]


@pytest.mark.certification("TC_040_1")
async def test_a_configuration_key_that_the_station_does_not_have_is_told_so(bench: Bench) -> None:
    client = await bench.ready()
    client.calls.clear()
    client.answers["ChangeConfiguration"] = {"status": "NotSupported"}
    assert await bench.station.operations.variables.write({"Colour": "red"}) == {"Colour": WriteOutcome.UNKNOWN}
    assert await refusal(bench.station.change_configuration("Colour", "red")) is CommandErrorCode.NOT_SUPPORTED
    assert client.sent("ChangeConfiguration") == [{"key": "Colour", "value": "red"}] * 2


@pytest.mark.certification("TC_040_2")
async def test_a_value_that_the_station_rejects_is_told_so(bench: Bench) -> None:
    client = await bench.ready()
    client.calls.clear()
    client.answers["ChangeConfiguration"] = {"status": "Rejected"}
    key = "MeterValueSampleInterval"
    assert await bench.station.operations.variables.write({key: "-1"}) == {key: WriteOutcome.REJECTED}
    assert await refusal(bench.station.change_configuration(key, "-1")) is CommandErrorCode.REJECTED
    assert client.sent("ChangeConfiguration") == [{"key": key, "value": "-1"}] * 2


@pytest.mark.certification("TC_061")
async def test_the_cache_of_tags_is_emptied(bench: Bench) -> None:
    client = await bench.ready()
    await bench.station.clear_cache()
    assert client.sent("ClearCache") == [{}]
    client.answers["ClearCache"] = {"status": "Rejected"}
    assert await refusal(bench.station.clear_cache()) is CommandErrorCode.REJECTED


@pytest.mark.certification("TC_064")
async def test_data_of_a_vendor_that_nobody_knows_is_refused_by_an_answer(bench: Bench) -> None:
    client = await bench.ready()
    frame = await client.ask_raw("DataTransfer", {"vendorId": "org.example.nobody", "messageId": "m", "data": "x"})
    assert (frame[0], frame[2]) == (3, {"status": "UnknownVendorId"})
