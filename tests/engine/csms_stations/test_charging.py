"""A charge from boot to stop over a real socket, and the limits that a station is kept at."""

from custom_components.smart_charging.engine.csms.state import Obedience, StationEventType, StepStatus
from custom_components.smart_charging.engine.model import EvseStatus, Phases
from tests.engine.csms_stations.conftest import Bench


def _limits(profile: dict) -> list[tuple[int, float]]:
    return [(p["startPeriod"], p["limit"]) for p in profile["chargingSchedule"]["chargingSchedulePeriod"]]


async def test_boot_is_answered_with_milliseconds_and_z(bench: Bench) -> None:
    client = await bench.dial()
    answer = await client.boot(chargePointSerialNumber="S1")
    assert answer == {"status": "Accepted", "currentTime": "2026-06-01T10:00:00.000Z", "interval": 60}
    state = bench.station.state
    assert (state.vendor, state.model, state.firmware_version, state.serial_number) == ("Acme", "One", "1.0", "S1")
    assert state.connected
    assert bench.told(StationEventType.BOOTED)


async def test_set_up_after_boot_is_done_in_steps(bench: Bench) -> None:
    client = await bench.ready()
    assert {step.name: step.status for step in bench.station.state.setup} == {
        "capabilities": StepStatus.DONE,
        "foreign_profiles": StepStatus.SKIPPED,
        "safe_default": StepStatus.DONE,
        "statuses": StepStatus.DONE,
        "meter_interval": StepStatus.DONE,
        "measurands": StepStatus.DONE,
        "availability": StepStatus.SKIPPED,
        "meter_values": StepStatus.DONE,
    }
    assert client.sent("ChangeConfiguration")[0] == {"key": "MeterValueSampleInterval", "value": "10"}
    (default,) = client.profiles()
    assert (default["chargingProfilePurpose"], default["stackLevel"]) == ("TxDefaultProfile", 0)
    assert _limits(default) == [(0, 6.0)]
    assert bench.station.state.capabilities.max_stack_level == 8


async def test_a_charge_runs_from_start_to_stop(bench: Bench) -> None:
    client = await bench.ready()
    await client.status("Preparing", timestamp=bench.now())
    started = await client.start(bench.now(), meter=1000)
    transaction_id = started["transactionId"]
    assert started["idTagInfo"] == {"status": "Accepted"}
    await client.status("Charging", timestamp=bench.now())
    await client.meter(
        bench.now(),
        {"Energy.Active.Import.Register": "1500", "Power.Active.Import": "3680.0", "Current.Import": "16"},
        transaction_id,
    )
    evse = bench.evse
    assert evse.status is EvseStatus.CHARGING
    assert evse.transaction is not None
    assert evse.transaction.energy_wh == 500
    assert evse.measurement is not None
    assert evse.measurement.power_w == 3680
    assert evse.measurement.current_a == Phases(16.0)
    assert evse.measured_at == bench.clock.now()
    assert await client.stop(transaction_id, bench.now()) == {}
    assert bench.evse.transaction is None
    kinds = [event.type for event in bench.events if "transaction" in event.type]
    assert kinds == [StationEventType.TRANSACTION_STARTED, StationEventType.TRANSACTION_ENDED]


async def test_limit_outside_of_a_transaction_is_a_leased_default_above_the_safe_one(bench: Bench) -> None:
    client = await bench.ready()
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.until(lambda: len(client.profiles()) == 2)
    lease = client.profiles()[-1]
    assert (lease["chargingProfilePurpose"], lease["stackLevel"]) == ("TxDefaultProfile", 8)
    assert _limits(lease) == [(0, 12.0), (360, 6.0)]
    assert lease["chargingSchedule"]["startSchedule"] == "2026-06-01T09:59:00.000Z"
    assert bench.evse.applied is None or bench.evse.applied.current_a == 12.0


async def test_transaction_start_moves_the_limit_into_a_tx_profile(bench: Bench) -> None:
    client = await bench.ready()
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.until(lambda: len(client.profiles()) == 2)
    started = await client.start(bench.now())
    await bench.until(lambda: bool(client.profiles("TxProfile")))
    profile = client.profiles("TxProfile")[-1]
    assert profile["transactionId"] == started["transactionId"]
    assert _limits(profile) == [(0, 12.0), (360, 6.0)]


async def test_lease_is_renewed_under_the_same_id(bench: Bench) -> None:
    client = await bench.ready()
    await client.start(bench.now())
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.until(lambda: len(client.profiles("TxProfile")) == 1)
    await bench.pass_time(119)
    assert len(client.profiles("TxProfile")) == 1
    await bench.pass_time(2)
    await bench.until(lambda: len(client.profiles("TxProfile")) == 2)
    first, second = client.profiles("TxProfile")
    assert first["chargingProfileId"] == second["chargingProfileId"]
    assert second["chargingSchedule"]["startSchedule"] == "2026-06-01T10:01:00.000Z"


async def test_reduction_goes_out_at_once_and_a_second_raise_waits(bench: Bench) -> None:
    client = await bench.ready()
    await client.start(bench.now())
    for amps in (8.0, 10.0):
        bench.station.set_limit(1, amps, 6.0)
        await bench.until(lambda amps=amps: bench.evse.applied is not None and bench.evse.applied.current_a == amps)
    bench.station.set_limit(1, 14.0, 6.0)
    await bench.pass_time(9)
    assert bench.evse.applied is not None
    assert bench.evse.applied.current_a == 10.0
    bench.station.set_limit(1, 7.0, 6.0)
    await bench.until(lambda: bench.evse.applied.current_a == 7.0)
    bench.station.set_limit(1, 14.0, 6.0)
    await bench.pass_time(2)
    await bench.until(lambda: bench.evse.applied.current_a == 14.0)
    assert client.profiles("TxProfile")[-1]["chargingProfilePurpose"] == "TxProfile"


async def test_station_that_refuses_every_profile_is_shown_so(bench: Bench) -> None:
    client = await bench.dial()
    client.answers["SetChargingProfile"] = {"status": "Rejected"}
    await bench.ready(client)
    bench.station.set_limit(1, 10.0, 6.0)
    await bench.until(lambda: bench.evse.obedience is Obedience.REJECTS)
    assert bench.evse.applied is None
    steps = {step.name: step for step in bench.station.state.setup}
    assert steps["safe_default"].status is StepStatus.FAILED
    assert steps["meter_values"].status is StepStatus.DONE
