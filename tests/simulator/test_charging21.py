"""What 2.1 adds to charging profiles: dynamic numbers, setpoints, priority, local generation, silence."""

from typing import Any

import pytest

from simulator.ocpp2.options import Version

from .test_charging2 import install, profile, settled
from .virtual_station2 import virtual_station2

V21 = Version.V21


async def test_a_dynamic_profile_follows_its_updates_and_lapses_without_them() -> None:
    async with virtual_station2(version=V21) as virtual:
        await virtual.booted()
        await virtual.charging()
        dynamic = profile(12.0, kind="Dynamic", schedule={"duration": 60})
        assert await install(virtual, dynamic) == "Accepted"
        await settled(virtual, 12.0, 12.0, 12.0)
        update: dict[str, Any] = {"chargingProfileId": 10, "scheduleUpdate": {"limit": 11.0, "limit_L2": 8.0}}
        assert await virtual.status("UpdateDynamicSchedule", **update) == "Accepted"
        await settled(virtual, 8.0, 8.0, 8.0)
        await virtual.pass_time(61)
        assert virtual.current_a == (16.0, 16.0, 16.0)
        unknown = {**update, "chargingProfileId": 99}
        assert await virtual.status("UpdateDynamicSchedule", **unknown) == "Rejected InvalidProfile"


async def test_a_dynamic_profile_pulls_its_numbers() -> None:
    async with virtual_station2(version=V21) as virtual:
        await virtual.booted()
        await virtual.charging()
        virtual.central.answers["PullDynamicScheduleUpdate"] = {"status": "Rejected"}
        await install(virtual, profile(12.0, kind="Dynamic", dynUpdateInterval=15))
        await virtual.heard("PullDynamicScheduleUpdate")
        assert virtual.current_a == (12.0, 12.0, 12.0)
        virtual.central.answers["PullDynamicScheduleUpdate"] = {"status": "Accepted", "scheduleUpdate": {"limit": 7.0}}
        await settled(virtual, 7.0, 7.0, 7.0)


async def test_a_setpoint_and_the_idle_mode_bound_the_current() -> None:
    async with virtual_station2(version=V21) as virtual:
        await virtual.booted()
        await virtual.charging()
        setpoint = profile(20.0, period={"operationMode": "CentralSetpoint", "setpoint": 11.0})
        assert await install(virtual, setpoint) == "Accepted"
        await settled(virtual, 11.0, 11.0, 11.0)
        changed = await virtual.event("Updated", "OperationModeChanged")
        assert changed["transactionInfo"]["operationMode"] == "CentralSetpoint"
        free = profile(20.0)
        free["chargingSchedule"][0]["chargingSchedulePeriod"] = [{"startPeriod": 0, "operationMode": "LocalFrequency"}]
        assert await install(virtual, free) == "Accepted"
        await settled(virtual, 16.0, 16.0, 16.0)
        assert await install(virtual, profile(20.0, period={"operationMode": "Idle"})) == "Accepted"
        await settled(virtual, 0.0, 0.0, 0.0)


async def test_priority_charging_overrules_the_other_profiles() -> None:
    async with virtual_station2(version=V21) as virtual:
        await virtual.booted()
        transaction_id = await virtual.charging()
        await install(virtual, profile(8.0))
        use: dict[str, Any] = {"transactionId": transaction_id, "activate": True}
        assert await virtual.status("UsePriorityCharging", **use) == "NoProfile"
        assert await virtual.status("UsePriorityCharging", transactionId="x", activate=True) == "Rejected TxNotFound"
        assert await install(virtual, profile(14.0, profile_id=11, purpose="PriorityCharging"), 0) == "Accepted"
        await settled(virtual, 8.0, 8.0, 8.0)
        assert await virtual.status("UsePriorityCharging", **use) == "Accepted"
        await settled(virtual, 14.0, 14.0, 14.0)
        virtual.station.use_priority(False)
        assert await virtual.heard("NotifyPriorityCharging") == {"transactionId": transaction_id, "activated": False}
        await settled(virtual, 8.0, 8.0, 8.0)


async def test_local_generation_adds_to_what_a_local_controller_allows() -> None:
    async with virtual_station2(version=V21) as virtual:
        await virtual.booted()
        await virtual.charging()
        virtual.station.set_local_limit(7.0)
        await settled(virtual, 7.0, 7.0, 7.0)
        assert await install(virtual, profile(5.0, purpose="LocalGeneration"), 0) == "Accepted"
        await settled(virtual, 12.0, 12.0, 12.0)


@pytest.mark.parametrize(("ends", "left"), [(False, 1), (True, 0)])
async def test_a_profile_that_must_not_outlive_a_silence_rests_or_goes(ends: bool, left: int) -> None:
    async with virtual_station2(version=V21) as virtual:
        await virtual.booted()
        await virtual.charging()
        await install(virtual, profile(8.0, maxOfflineDuration=20, invalidAfterOfflineDuration=ends))
        await settled(virtual, 8.0, 8.0, 8.0)
        virtual.dialler.disconnect()
        await virtual.pass_time(15)
        assert virtual.current_a == (8.0, 8.0, 8.0)
        await virtual.pass_time(10)
        assert virtual.current_a == (16.0, 16.0, 16.0)
        assert len(virtual.station.profiles.installed) == left
