"""OCPP 1.6, RemoteTrigger: messages that a station is made to send."""

import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.timestamps import parse_time
from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.csms_stations.conftest import METER_TRIGGER, Bench

from .charging import say


@pytest.mark.certification("TC_054")
async def test_each_message_is_triggered_and_answered(bench: Bench) -> None:
    client = await bench.ready()
    client.calls.clear()
    await bench.station.trigger("MeterValues", 1)
    assert await client.meter(bench.now(), {"Voltage": "230"}) == {}
    assert bench.evse.measured_at == bench.clock.now()
    await bench.station.trigger("Heartbeat")
    assert parse_time((await client.ask("Heartbeat"))["currentTime"]) is not None
    await bench.station.trigger("StatusNotification", 1)
    assert await say(bench, client, "Available") == {}
    assert bench.evse.status is EvseStatus.AVAILABLE
    await bench.station.trigger("DiagnosticsStatusNotification")
    assert await client.ask("DiagnosticsStatusNotification", {"status": "Idle"}) == {}
    await bench.station.trigger("FirmwareStatusNotification")
    assert await client.ask("FirmwareStatusNotification", {"status": "Idle"}) == {}
    assert bench.station.state.diagnostics_status == bench.station.state.firmware_status == "Idle"
    assert client.sent("TriggerMessage") == [
        METER_TRIGGER,
        {"requestedMessage": "Heartbeat"},
        {"requestedMessage": "StatusNotification", "connectorId": 1},
        {"requestedMessage": "DiagnosticsStatusNotification"},
        {"requestedMessage": "FirmwareStatusNotification"},
    ]


async def refusal(bench: Bench, status: str) -> CommandErrorCode:
    """Return how a station's refusal of a trigger is told."""
    client = await bench.ready()
    client.answers["TriggerMessage"] = {"status": status}
    with pytest.raises(CommandError, match=status) as error:
        await bench.station.trigger("MeterValues", 1)
    assert client.sent("TriggerMessage")[-1] == METER_TRIGGER
    return error.value.code


@pytest.mark.certification("TC_054")
async def test_a_message_that_the_station_can_not_be_made_to_send_is_told_as_not_supported(bench: Bench) -> None:
    assert await refusal(bench, "NotImplemented") is CommandErrorCode.NOT_SUPPORTED


@pytest.mark.certification("TC_055")
async def test_a_trigger_that_the_station_rejects_is_told_as_rejected(bench: Bench) -> None:
    assert await refusal(bench, "Rejected") is CommandErrorCode.REJECTED
