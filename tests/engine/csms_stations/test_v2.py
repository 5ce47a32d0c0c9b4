"""Stations of OCPP 2.0.1 and 2.1 are set up, led and recorded as those of 1.6 are."""

from dataclasses import replace

import aiohttp
import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.state import Obedience, RateUnit, StationEventType, StepStatus
from custom_components.smart_charging.engine.model import EvseStatus

from .conftest import Bench
from .raw_station_2 import RawStation2, RawStation21

VERSIONS = pytest.mark.parametrize("make", [RawStation2, RawStation21], ids=["2.0.1", "2.1"])


async def ready(bench: Bench, client: RawStation2) -> RawStation2:
    """Connect and boot a station, and wait for the end of its set-up."""
    bench.clients.append(client)
    await client.connect(bench.port)
    await client.boot()
    await bench.until(lambda: bench.station.state.setup != ())
    await bench.until(lambda: all(step.status != StepStatus.PENDING for step in bench.station.state.setup))
    return client


def periods(profile: dict[str, object]) -> list[tuple[int, float]]:
    """Return the periods of a profile's only schedule."""
    (schedule,) = profile["chargingSchedule"]  # type: ignore[misc]  # a list with one object
    return [(one["startPeriod"], one["limit"]) for one in schedule["chargingSchedulePeriod"]]  # type: ignore[index]  # the same


@VERSIONS
async def test_a_station_is_set_up_after_its_boot(bench: Bench, make: type[RawStation2]) -> None:
    client = await ready(bench, make())
    state = bench.station.state
    assert {step.name: step.status for step in state.setup} == {
        "capabilities": StepStatus.DONE,
        "foreign_profiles": StepStatus.SKIPPED,
        "safe_default": StepStatus.DONE,
        "statuses": StepStatus.DONE,
        "meter_interval": StepStatus.DONE,
        "measurands": StepStatus.DONE,
        "availability": StepStatus.SKIPPED,
        "meter_values": StepStatus.DONE,
    }
    assert (state.vendor, state.model, state.serial_number, state.firmware_version) == ("Acme", "Two", "S1", "2.0")
    known = state.capabilities
    assert (known.connectors, known.max_stack_level, known.max_periods, known.phases) == (2, 5, 24, 3)
    assert known.rate_units == {RateUnit.A, RateUnit.W}
    assert client.variables["SampledDataCtrlr", "TxUpdatedInterval"] == "10"
    assert "Current.Offered" in client.variables["SampledDataCtrlr", "TxUpdatedMeasurands"]
    defaults = client.set_profiles("TxDefaultProfile")
    assert [(one["stackLevel"], periods(one)) for one in defaults] == [(0, [(0, 6.0)])] * 2
    assert len({one["id"] for one in defaults}) == 2
    assert client.broken == []


@VERSIONS
async def test_a_charge_runs_from_start_to_stop(bench: Bench, make: type[RawStation2]) -> None:
    client = await ready(bench, make())
    await client.connector("Occupied", bench.now())
    assert bench.evse.status is EvseStatus.PREPARING
    answer = await client.event(
        "Started",
        bench.now(),
        evse=1,
        token="TAG",
        energy=1000.0,
        context="Transaction.Begin",
        chargingState="EVConnected",
    )
    assert answer["idTokenInfo"]["status"] == "Accepted"
    assert bench.evse.transaction is not None
    assert bench.evse.transaction.transaction_id == "tx-1"
    bench.station.set_limit(1, 16.0, 6.0)
    await bench.until(lambda: client.set_profiles("TxProfile") != [])
    lease = client.set_profiles("TxProfile")[-1]
    assert (lease["transactionId"], lease["stackLevel"]) == ("tx-1", 5)
    assert periods(lease) == [(0, 16.0), (360, 6.0)]
    values = {"Current.Import": 15.9, "Current.Offered": 16.0, "Power.Active.Import": 11000.0}
    await bench.pass_time(40.0)
    await client.event("Updated", bench.now(), energy=1500.0, values=values, chargingState="Charging")
    assert bench.evse.status is EvseStatus.CHARGING
    assert bench.evse.measurement is not None
    assert (bench.evse.measurement.power_w, bench.evse.measurement.energy_wh) == (11000.0, 1500.0)
    await bench.until(lambda: bench.evse.obedience is Obedience.OBEYS)
    await client.event(
        "Ended",
        bench.now(),
        energy=2000.0,
        context="Transaction.End",
        stoppedReason="Local",
        chargingState="EVConnected",
    )
    assert bench.evse.transaction is None
    assert bench.evse.status is EvseStatus.FINISHING
    ended = bench.store.transactions["tx-1"]
    assert (ended.id_token, ended.meter_start_wh, ended.meter_stop_wh, ended.stop_reason) == (
        "TAG",
        1000,
        2000,
        "Local",
    )
    await client.connector("Available", bench.now())
    assert bench.evse.status is EvseStatus.AVAILABLE
    assert client.broken == []
    assert not {kind for kind in bench.station.state.deviations if kind.startswith("Transaction")}


@VERSIONS
async def test_commands_reach_the_station_in_its_words(bench: Bench, make: type[RawStation2]) -> None:
    client = await ready(bench, make())
    station = bench.station
    await station.start_transaction(2, "TAG")
    (start,) = client.sent("RequestStartTransaction")
    assert (start["evseId"], start["idToken"]) == (2, {"idToken": "TAG", "type": "Central"})
    assert start["remoteStartId"] > 0
    await client.event("Started", bench.now(), tx="abc", evse=2, energy=1.0, remoteStartId=start["remoteStartId"])
    await station.stop_transaction(2)
    assert client.sent("RequestStopTransaction") == [{"transactionId": "abc"}]
    await station.change_availability(1, operative=False)
    assert client.sent("ChangeAvailability") == [{"operationalStatus": "Inoperative", "evse": {"id": 1}}]
    await station.reset(hard=False)
    assert client.sent("Reset") == [{"type": "OnIdle"}]
    await station.unlock(1)
    assert client.sent("UnlockConnector") == [{"evseId": 1, "connectorId": 1}]
    await station.clear_cache()
    await station.clear_charging_profiles()
    criteria = [one["chargingProfileCriteria"]["chargingProfilePurpose"] for one in client.sent("ClearChargingProfile")]
    assert criteria == ["TxProfile", "TxDefaultProfile", "ChargingStationMaxProfile"]
    client.answers["DataTransfer"] = {"status": "Accepted", "data": "pong"}
    assert await station.data_transfer("acme", "ping", "1") == "pong"
    assert await station.get_configuration(["SmartChargingCtrlr.RateUnit"]) == {"SmartChargingCtrlr.RateUnit": "A,W"}
    await station.change_configuration("SampledDataCtrlr.TxUpdatedInterval", "30")
    assert client.variables["SampledDataCtrlr", "TxUpdatedInterval"] == "30"
    assert client.broken == []


async def test_a_refusal_carries_the_stations_reason(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    client.answers["Reset"] = {"status": "Rejected", "statusInfo": {"reasonCode": "InTx", "additionalInfo": "charging"}}
    with pytest.raises(CommandError, match=r"Rejected \(InTx, charging\)") as refused:
        await bench.station.reset(hard=True)
    assert refused.value.code is CommandErrorCode.REJECTED
    with pytest.raises(CommandError, match="UnknownVariable") as unknown:
        await bench.station.change_configuration("Nonsense.Nothing", "1")
    assert unknown.value.code is CommandErrorCode.NOT_SUPPORTED
    with pytest.raises(CommandError, match=r"not Component\.Variable"):
        await bench.station.change_configuration("HeartbeatInterval", "1")


async def test_profiles_of_another_central_system_are_removed_first(bench: Bench) -> None:
    client = RawStation2()
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}]}
    client.profiles_found = [
        {
            "id": 777,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": [schedule],
        }
    ]
    await ready(bench, client)
    assert client.sent("ClearChargingProfile") == [{"chargingProfileId": 777}]
    actions = [action for action, _ in client.calls]
    assert actions.index("ClearChargingProfile") < actions.index("SetChargingProfile")
    assert {step.name: step.detail for step in bench.station.state.setup}["foreign_profiles"] == "1 removed"


async def test_a_limit_set_elsewhere_is_known_until_it_is_cleared(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    schedule = {
        "id": 1,
        "chargingRateUnit": "W",
        "startSchedule": bench.now(-60),
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6900.0}, {"startPeriod": 3600, "limit": 11000.0}],
    }
    limit = {"chargingLimitSource": "SO", "isGridCritical": True}
    await client.ask("NotifyChargingLimit", {"evseId": 1, "chargingLimit": limit, "chargingSchedule": [schedule]})
    assert bench.station.state.limited_elsewhere_a == {1: pytest.approx(10.0)}
    assert bench.station.state.limited_by_grid == {1: "NotifyChargingLimit SO grid critical"}
    await client.ask("ClearedChargingLimit", {"evseId": 1, "chargingLimitSource": "SO"})
    assert (bench.station.state.limited_elsewhere_a, bench.station.state.limited_by_grid) == ({}, {})


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ({"chargingLimitSource": "EMS"}, {}),
        ({"chargingLimitSource": "CSO", "isGridCritical": False}, {}),
        ({"chargingLimitSource": "Other", "isGridCritical": True}, {0: "NotifyChargingLimit Other grid critical"}),
        ({"chargingLimitSource": "SO"}, {0: "NotifyChargingLimit SO"}),
    ],
)
async def test_only_a_limit_of_the_grid_operator_is_told_as_one(
    bench: Bench, limit: dict[str, str | bool], words: dict[int, str]
) -> None:
    client = await ready(bench, RawStation2())
    periods = [{"startPeriod": 0, "limit": 8.0}]
    schedule = {
        "id": 1, "chargingRateUnit": "A", "startSchedule": bench.now(-60), "chargingSchedulePeriod": periods,
    }  # fmt: skip
    await client.ask("NotifyChargingLimit", {"chargingLimit": limit, "chargingSchedule": [schedule]})
    assert bench.station.state.limited_elsewhere_a == {0: 8.0}
    assert bench.station.state.limited_by_grid == words


async def test_the_state_of_a_connector_may_come_as_an_event(bench: Bench) -> None:
    client = await ready(bench, RawStation21())
    event = {
        "eventId": 1,
        "timestamp": bench.now(),
        "trigger": "Delta",
        "actualValue": "Faulted",
        "eventNotificationType": "HardWiredNotification",
        "component": {"name": "Connector", "evse": {"id": 2, "connectorId": 1}},
        "variable": {"name": "AvailabilityState"},
    }
    await client.ask("NotifyEvent", {"generatedAt": bench.now(), "seqNo": 0, "eventData": [event]})
    assert bench.station.state.evses[2].status is EvseStatus.FAULTED


async def test_an_unknown_station_waits_and_then_charges_on_the_same_socket(empty_bench: Bench) -> None:
    client = RawStation2("CP9")
    empty_bench.clients.append(client)
    await client.connect(empty_bench.port)
    assert (await client.boot())["status"] == "Pending"
    with pytest.raises(ValueError, match="SecurityError"):
        await client.ask("Heartbeat", {})
    (unknown,) = empty_bench.unknown
    assert (unknown.vendor, unknown.model) == ("Acme", "Two")


async def test_a_station_that_changes_its_version_is_set_up_anew(bench: Bench) -> None:
    old = await bench.ready()
    await old.close()
    client = await ready(bench, RawStation2())
    await bench.until(lambda: client.set_profiles("TxDefaultProfile") != [])
    assert bench.station.state.protocol == "ocpp2.0.1"
    assert client.broken == []


async def test_a_station_pinned_to_a_version_is_refused_any_other(bench: Bench) -> None:
    await bench.csms.update_station(replace(bench.station.config, protocol="ocpp1.6"))
    with pytest.raises(aiohttp.WSServerHandshakeError, match="400"):
        await RawStation2().connect(bench.port)
    assert not bench.station.state.connected


async def test_what_a_station_asks_in_vain_is_answered_by_its_schema(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    needs = {"requestedEnergyTransfer": "AC_three_phase"}
    assert await client.ask("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs}) == {"status": "Rejected"}
    assert await client.ask("SignCertificate", {"csr": "x"}) == {"status": "Rejected"}
    assert await client.ask("DataTransfer", {"vendorId": "x"}) == {"status": "UnknownVendorId"}
    assert (
        await client.ask("SecurityEventNotification", {"type": "TamperDetectionActivated", "timestamp": bench.now()})
        == {}
    )
    with pytest.raises(ValueError, match="NotSupported"):
        await client.ask("Reset", {"type": "Immediate"})
    with pytest.raises(ValueError, match="NotImplemented"):
        await client.ask("StartTransaction", {})
    assert client.broken == []


async def test_a_token_is_told_once(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    answer = await client.ask("Authorize", {"idToken": {"idToken": "tag", "type": "ISO14443"}})
    assert answer["idTokenInfo"] == {"status": "Accepted"}
    await client.event("Started", bench.now(), evse=1, token="TAG", energy=0.0)
    assert len(bench.told(StationEventType.TAG_PRESENTED)) == 1


async def test_a_car_has_its_safe_limit_before_the_long_report_of_settings(bench: Bench) -> None:
    client = await ready(bench, RawStation2())
    actions = [action for action, _ in client.calls]
    assert actions.index("SetChargingProfile") < actions.index("GetBaseReport")
    defaults = client.set_profiles("TxDefaultProfile")
    await bench.until(lambda: len(client.set_profiles("TxDefaultProfile")) == 2)
    assert [one["stackLevel"] for one in defaults] == [0] * len(defaults)
