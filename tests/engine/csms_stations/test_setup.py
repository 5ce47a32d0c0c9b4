"""Set-up after boot: each step by itself, reading before writing, and what is known from before."""

from dataclasses import replace
from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.state import StepStatus
from custom_components.smart_charging.engine.csms.station import CommandErrorCode
from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.csms_stations.conftest import CONFIG, METER_TRIGGER, Bench
from tests.engine.csms_stations.raw_station import Payload, RawStation, configuration_answer

ALL = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Current.Offered,Voltage"


def steps(bench: Bench) -> dict[str, StepStatus]:
    return {step.name: step.status for step in bench.station.state.setup}


def written(client: RawStation, key: str) -> list[str]:
    return [payload["value"] for payload in client.sent("ChangeConfiguration") if payload["key"] == key]


async def test_what_is_set_already_is_not_written(bench: Bench) -> None:
    client = await bench.dial()
    client.configuration |= {"MeterValueSampleInterval": "10", "MeterValuesSampledData": ALL + ",SoC"}
    await bench.ready(client)
    assert not client.sent("ChangeConfiguration")
    assert steps(bench)["meter_interval"] is StepStatus.SKIPPED
    assert steps(bench)["measurands"] is StepStatus.SKIPPED


async def test_what_is_read_only_is_not_written(bench: Bench) -> None:
    client = await bench.dial()
    readonly = frozenset({"MeterValueSampleInterval", "MeterValuesSampledData"})
    client.answers["GetConfiguration"] = configuration_answer(client.configuration, readonly)
    await bench.ready(client)
    assert not client.sent("ChangeConfiguration")
    assert steps(bench)["measurands"] is StepStatus.SKIPPED


async def test_a_state_of_charge_that_a_station_tells_already_is_kept(bench: Bench) -> None:
    client = await bench.dial()
    client.configuration["MeterValuesSampledData"] = "Energy.Active.Import.Register,SoC"
    await bench.ready(client)
    assert written(client, "MeterValuesSampledData") == [ALL + ",SoC"]


async def test_measurands_a_station_does_not_have_are_left_out_and_tried_once_per_firmware(bench: Bench) -> None:
    client = await bench.dial()

    def answer(payload: Payload) -> Payload:
        return {"status": "Rejected" if "Offered" in payload["value"] else "Accepted"}

    client.answers["ChangeConfiguration"] = answer
    await bench.ready(client)
    assert written(client, "MeterValuesSampledData") == [ALL, ALL.replace("Current.Offered,", "")]
    assert "Voltage" in bench.station.state.capabilities.measurands
    await bench.ready(client)
    assert len(written(client, "MeterValuesSampledData")) == 2
    await client.boot(firmwareVersion="2.0")
    await bench.until(lambda: len(written(client, "MeterValuesSampledData")) == 4)


async def test_an_interval_that_is_too_short_for_a_station_is_lengthened(bench: Bench) -> None:
    client = await bench.dial()
    client.configuration["MeterValueSampleInterval"] = "300"

    def answer(payload: Payload) -> Payload:
        too_short = payload["key"] == "MeterValueSampleInterval" and int(payload["value"]) < 30
        return {"status": "Rejected" if too_short else "Accepted"}

    client.answers["ChangeConfiguration"] = answer
    await bench.ready(client)
    assert written(client, "MeterValueSampleInterval") == ["10", "30"]


async def test_a_station_that_tells_no_configuration_is_set_up_with_the_rest(bench: Bench) -> None:
    client = await bench.dial()
    client.answers["GetConfiguration"] = ("NotImplemented", "")
    await bench.ready(client)
    assert steps(bench) == {
        "capabilities": StepStatus.FAILED,
        "foreign_profiles": StepStatus.SKIPPED,
        "safe_default": StepStatus.DONE,
        "statuses": StepStatus.DONE,
        "meter_interval": StepStatus.SKIPPED,
        "measurands": StepStatus.SKIPPED,
        "availability": StepStatus.SKIPPED,
        "meter_values": StepStatus.DONE,
    }


async def test_keys_cut_off_from_the_list_are_asked_for_by_name(bench: Bench) -> None:
    client = await bench.dial()

    def answer(payload: Payload) -> Payload:
        if "key" in payload:
            return configuration_answer({"ChargeProfileMaxStackLevel": "3"})
        return configuration_answer({"NumberOfConnectors": "1", "GetConfigurationMaxKeys": "2"})

    client.answers["GetConfiguration"] = answer
    await bench.ready(client)
    assert len(client.sent("GetConfiguration")[1]["key"]) == 2
    assert bench.station.state.capabilities.max_stack_level == 3


async def test_a_station_that_refuses_triggers_is_asked_connector_by_connector(bench: Bench) -> None:
    client = await bench.dial()

    def answer(payload: Payload) -> Payload:
        return {"status": "Accepted" if "connectorId" in payload else "Rejected"}

    client.answers["TriggerMessage"] = answer
    await bench.ready(client)
    assert steps(bench)["statuses"] is StepStatus.DONE


async def test_an_answer_to_a_trigger_counts_although_it_names_the_last_change(bench: Bench) -> None:
    client = await bench.ready()
    await client.status("Charging", timestamp=bench.now(-500))
    assert bench.evse.status is EvseStatus.CHARGING
    await bench.pass_time(60)
    await client.status("Finishing", timestamp=bench.now(-400))
    assert bench.evse.status is EvseStatus.CHARGING
    await bench.station.trigger("StatusNotification", 1)
    await client.status("Finishing", timestamp=bench.now(-400))
    assert bench.evse.status is EvseStatus.FINISHING


async def test_a_station_disabled_by_itself_is_enabled_and_one_disabled_by_the_user_is_not(bench: Bench) -> None:
    client = await bench.ready()
    await client.status("Unavailable", timestamp=bench.now())
    assert not bench.evse.operative
    await bench.ready(client)
    assert client.sent("ChangeAvailability") == [{"connectorId": 0, "type": "Operative"}]
    await bench.station.change_availability(1, False)
    await bench.ready(client)
    assert client.sent("ChangeAvailability")[-1] == {"connectorId": 1, "type": "Inoperative"}
    assert not bench.evse.operative
    await bench.station.change_availability(1, True)
    assert bench.evse.operative


async def test_a_station_that_sends_no_boot_is_asked_for_one_and_then_set_up_anyway(bench: Bench) -> None:
    client = await bench.dial()
    await bench.until(lambda: bench.station.state.connected)
    await client.ask("Heartbeat")
    await bench.pass_time(9)
    assert not client.calls
    await bench.pass_time(2)
    await bench.until(lambda: client.sent("TriggerMessage") == [{"requestedMessage": "BootNotification"}])
    await bench.pass_time(11)
    await bench.until(lambda: METER_TRIGGER in client.sent("TriggerMessage"))


async def test_a_boot_that_was_asked_for_takes_the_place_of_the_wait(bench: Bench) -> None:
    client = await bench.dial()
    await bench.until(lambda: bench.station.state.connected)
    await bench.pass_time(11)
    await bench.until(lambda: bool(client.sent("TriggerMessage")))
    await bench.ready(client)
    await bench.pass_time(20)
    assert len(client.sent("GetConfiguration")) == 1
    assert client.sent("TriggerMessage").count({"requestedMessage": "BootNotification"}) == 1


async def test_every_connector_a_station_has_becomes_an_evse(bench: Bench) -> None:
    client = await bench.dial()
    client.configuration["NumberOfConnectors"] = "3"
    await client.boot()
    await bench.until(lambda: sorted(bench.station.state.evses) == [1, 2, 3])


async def test_the_most_phases_a_station_ever_told_apart_are_kept(bench: Bench) -> None:
    client = await bench.ready()

    async def measure(*phases: str) -> None:
        sampled = [{"measurand": "Current.Import", "phase": phase, "value": "0"} for phase in phases]
        reading = {"timestamp": bench.now(), "sampledValue": sampled}
        await client.ask("MeterValues", {"connectorId": 1, "meterValue": [reading]})

    assert bench.station.state.capabilities.phases is None
    for named, phases in ((["L1"], 1), (["L1", "L2", "L3"], 3), (["L1"], 3)):
        await measure(*named)
        assert bench.station.state.capabilities.phases == phases
    assert bench.store.learnt["CP1"]["phases"] == 3


async def test_a_memory_that_fails_costs_only_the_learning(bench: Bench) -> None:
    client = await bench.dial()
    bench.store.broken = True
    await bench.ready(client)
    assert steps(bench)["capabilities"] is StepStatus.DONE


COMMANDS: list[tuple[str, tuple[Any, ...], str, Payload]] = [
    ("start_transaction", (1, "T"), "RemoteStartTransaction", {"connectorId": 1, "idTag": "T"}),
    ("change_availability", (0, False), "ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}),
    ("reset", (True,), "Reset", {"type": "Hard"}),
    ("reset", (False,), "Reset", {"type": "Soft"}),
    ("unlock", (1,), "UnlockConnector", {"connectorId": 1}),
    ("trigger", ("Heartbeat",), "TriggerMessage", {"requestedMessage": "Heartbeat"}),
    ("change_configuration", ("K", "V"), "ChangeConfiguration", {"key": "K", "value": "V"}),
    ("clear_cache", (), "ClearCache", {}),
    ("data_transfer", ("v", "m", "d"), "DataTransfer", {"vendorId": "v", "messageId": "m", "data": "d"}),
    ("data_transfer", ("v", None, None), "DataTransfer", {"vendorId": "v"}),
    ("clear_charging_profiles", (), "ClearChargingProfile", {}),
]


@pytest.mark.parametrize(("method", "arguments", "action", "payload"), COMMANDS)
async def test_a_command_goes_out_as_its_message(
    bench: Bench, method: str, arguments: tuple[Any, ...], action: str, payload: Payload
) -> None:
    client = await bench.ready()
    await getattr(bench.station, method)(*arguments)
    assert client.sent(action)[-1] == payload


@pytest.mark.parametrize(("method", "arguments", "action", "payload"), COMMANDS)
async def test_a_refused_command_is_an_error(
    bench: Bench, method: str, arguments: tuple[Any, ...], action: str, payload: Payload
) -> None:
    client = await bench.ready()
    for answer, code in (
        ({"status": "Rejected"}, CommandErrorCode.REJECTED),
        (("NotImplemented", ""), CommandErrorCode.NOT_SUPPORTED),
        (("InternalError", "x"), CommandErrorCode.FAILED),
    ):
        client.answers[action] = answer
        with pytest.raises(Exception) as error:
            await getattr(bench.station, method)(*arguments)
        assert getattr(error.value, "code", None) is code


async def test_commands_to_a_station_out_of_reach_fail_at_once(bench: Bench) -> None:
    with pytest.raises(Exception) as error:
        await bench.station.reset(hard=False)
    assert getattr(error.value, "code", None) is CommandErrorCode.NOT_CONNECTED


async def test_what_does_not_fit_the_protocol_is_not_sent(bench: Bench) -> None:
    client = await bench.ready()
    with pytest.raises(Exception) as error:
        await bench.station.start_transaction(1, "T" * 21)
    assert getattr(error.value, "code", None) is CommandErrorCode.INVALID
    assert not client.sent("RemoteStartTransaction")


async def test_a_stop_without_a_transaction_is_an_error(bench: Bench) -> None:
    await bench.ready()
    with pytest.raises(Exception) as error:
        await bench.station.stop_transaction(1)
    assert getattr(error.value, "code", None) is CommandErrorCode.NO_TRANSACTION


async def test_configuration_and_schedules_can_be_read(bench: Bench) -> None:
    client = await bench.ready()
    assert (await bench.station.get_configuration(["NumberOfConnectors"]))["NumberOfConnectors"] == "1"
    client.answers["GetCompositeSchedule"] = {
        "status": "Accepted",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 9}]},
    }
    assert (await bench.station.get_composite_schedule(1, 60)).limit_at(0) == 9


async def test_cleared_profiles_are_written_again(bench: Bench) -> None:
    client = await bench.ready()
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.until(lambda: len(client.profiles()) == 2)
    await bench.station.clear_charging_profiles()
    await bench.until(lambda: len(client.profiles()) == 4)


async def test_a_changed_configuration_is_followed_without_a_new_socket(bench: Bench) -> None:
    client = await bench.ready()
    bench.station.set_limit(1, 16.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None)
    await bench.csms.update_station(replace(CONFIG, max_current_a=10.0))
    bench.station.set_limit(1, 16.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None and bench.evse.applied.current_a == 10.0)
    assert not client.closed


async def test_a_station_that_offers_no_safe_default_is_asked_for_it_at_connector_zero(bench: Bench) -> None:
    client = await bench.dial()

    def answer(payload: Payload) -> Payload:
        return {"status": "Accepted" if payload["connectorId"] == 0 else "Rejected"}

    client.answers["SetChargingProfile"] = answer
    await bench.ready(client)
    assert steps(bench)["safe_default"] is StepStatus.DONE


async def test_a_refused_safe_default_is_tried_again_later(bench: Bench) -> None:
    client = await bench.dial()
    client.answers["SetChargingProfile"] = {"status": "Rejected"}
    await bench.ready(client)
    client.answers["SetChargingProfile"] = {"status": "Accepted"}
    tried = len(client.profiles())
    await bench.pass_time(301)
    await bench.until(lambda: len(client.profiles()) > tried)


async def test_a_station_without_an_allotted_safe_current_is_held_at_zero_from_the_start(empty_bench: Bench) -> None:
    bench = empty_bench
    await bench.csms.add_station(replace(CONFIG, safe_current_a=0.0))
    client = await bench.ready()
    await bench.until(lambda: bench.evse.applied is not None)
    assert bench.evse.applied is not None
    assert (bench.evse.applied.current_a, bench.evse.applied.safe_a) == (0.0, 0.0)
    assert client.profiles()[0]["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 6.0


async def test_a_step_that_finds_the_socket_gone_is_a_failed_one(bench: Bench) -> None:
    client = await bench.dial()
    client.answers["TriggerMessage"] = lambda _: None
    await client.boot()
    await bench.until(lambda: bool(client.sent("TriggerMessage")))
    await bench.pass_time(31)
    await bench.until(lambda: steps(bench)["statuses"] is StepStatus.FAILED)
