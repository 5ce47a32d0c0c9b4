"""A set-point that gets lost on the way, or that a station's habits leave no place for, costs no limit."""

import asyncio
from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode

from .conftest import CONFIG, Bench
from .raw_station_2 import RawStation21
from .test_v2 import ready

NEEDS = {
    "requestedEnergyTransfer": "AC_BPT",
    "v2xChargingParameters": {"maxChargePower": 11000, "maxDischargePower": 11000},
}


async def charging(bench: Bench, client: RawStation21) -> None:
    """Bring a car that can give to a station that takes set-points, at 10 A."""
    client.variables["V2XChargingCtrlr", "SupportedOperationModes"] = "CentralSetpoint"
    await ready(bench, client)
    await client.event("Started", bench.now(), tx="tx-1", evse=1)
    await client.ask("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": NEEDS})
    bench.station.set_limit(1, 10.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None and bench.evse.applied.current_a == 10.0)


async def refusal(bench: Bench) -> CommandError:
    """Order a set-point and return why it was not taken, whatever time that needs."""
    task = asyncio.create_task(bench.station.set_setpoint(1, -1000.0, 600.0))
    for _ in range(100):
        if task.done():
            break
        await bench.pass_time(1)
    with pytest.raises(CommandError) as error:
        await task
    return error.value


async def test_limits_that_are_of_no_transaction_have_no_place_for_a_set_point(bench: Bench) -> None:
    def answer(payload: dict[str, Any]) -> dict[str, Any]:
        refused = payload["chargingProfile"]["chargingProfilePurpose"] == "TxProfile"
        return {"status": "Rejected" if refused else "Accepted"}

    client = RawStation21()
    client.answers["SetChargingProfile"] = answer
    await charging(bench, client)
    await bench.pass_time(15)  # what works is remembered once the transaction is no longer young
    bench.station.set_limit(1, 8.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None and bench.evse.applied.current_a == 8.0)
    assert (await refusal(bench)).code is CommandErrorCode.NOT_SUPPORTED
    assert bench.evse.set_point is None


@pytest.mark.parametrize("dynamic", ["true", "false"])
async def test_a_set_point_that_is_not_answered_is_given_up(bench: Bench, dynamic: str) -> None:
    client = RawStation21()
    client.variables["SmartChargingCtrlr", "SupportsDynamicProfiles"] = dynamic
    await charging(bench, client)
    client.answers |= {"SetChargingProfile": None, "UpdateDynamicSchedule": None}
    assert (await refusal(bench)).code is CommandErrorCode.TIMEOUT
    assert bench.evse.set_point is None
    client.answers |= {"SetChargingProfile": {"status": "Accepted"}, "UpdateDynamicSchedule": {"status": "Accepted"}}
    bench.station.set_limit(1, 8.0, 6.0)
    await bench.pass_time(60)
    await bench.until(lambda: bench.evse.applied is not None and bench.evse.applied.current_a == 8.0)


async def test_where_no_limit_holds_there_is_none_to_stay_within(bench: Bench) -> None:
    client = RawStation21()
    client.variables["V2XChargingCtrlr", "SupportedOperationModes"] = "CentralSetpoint"
    await ready(bench, client)
    await client.event("Started", bench.now(), tx="tx-1", evse=1)
    await client.ask("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": NEEDS})
    with pytest.raises(CommandError, match="no limit holds yet"):
        await bench.station.set_setpoint(1, -1000.0, 600.0)


async def test_a_set_point_that_is_wanted_while_a_limit_is_under_way_is_sent_after_it(bench: Bench) -> None:
    client = RawStation21()
    client.variables["SmartChargingCtrlr", "SupportsDynamicProfiles"] = "false"
    await charging(bench, client)
    ordered: list[asyncio.Task[None]] = []

    def answer(_payload: dict[str, Any]) -> dict[str, Any]:
        if not ordered:
            ordered.append(asyncio.create_task(bench.station.set_setpoint(1, -1000.0, 600.0)))
        return {"status": "Accepted"}

    client.answers["SetChargingProfile"] = answer
    await bench.station.clear_charging_profiles()  # all is written again, as after a boot
    await bench.until(lambda: bool(ordered) and ordered[0].done())
    await ordered[0]
    written = [sent["chargingProfile"] for sent in client.sent("SetChargingProfile")]
    (schedule,) = [one for one in written if one["chargingProfilePurpose"] == "TxProfile"][-1]["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"][0]["setpoint"] == -1000.0


async def test_a_car_that_can_give_is_known_over_a_restart_until_it_leaves(bench: Bench) -> None:
    client = RawStation21()
    await charging(bench, client)
    assert bench.station.most_given_w(1) == 11_000.0
    for plugged in (True, False):
        await bench.csms.remove_station("CP1")
        await client.close()
        await bench.csms.add_station(CONFIG)
        client = RawStation21()
        client.variables["V2XChargingCtrlr", "SupportedOperationModes"] = "CentralSetpoint"
        await ready(bench, client)
        needs = bench.evse.charging_needs
        assert (None if needs is None else needs.max_discharge_w) == (11_000.0 if plugged else None)
        await client.connector("Available", bench.now())
        await bench.until(lambda: bench.evse.charging_needs is None)


async def test_a_station_that_takes_energy_is_asked_to_measure_it(bench: Bench) -> None:
    client = RawStation21()
    client.variables["V2XChargingCtrlr", "SupportedOperationModes"] = "CentralSetpoint"
    await ready(bench, client)
    asked = client.variables["SampledDataCtrlr", "TxUpdatedMeasurands"].split(",")
    assert {"Power.Active.Export", "Energy.Active.Export.Register", "Current.Import"} <= set(asked)
