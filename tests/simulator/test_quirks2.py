"""2.x stations that stray do so in the way that was asked for."""

from typing import Any

import pytest

from simulator.ocpp2.quirks import Quirks2

from .test_charging2 import install, profile
from .virtual_station2 import virtual_station2


async def test_a_station_may_nod_and_not_obey_or_refuse_new_ids() -> None:
    async with virtual_station2(quirks=Quirks2(ignores_profiles=True, rejects_new_profile_ids=True)) as virtual:
        await virtual.booted()
        await virtual.charging()
        assert await install(virtual, profile(8.0)) == "Accepted"
        await virtual.pass_time(5)
        assert virtual.current_a == (16.0, 16.0, 16.0)
        assert await install(virtual, profile(8.0, profile_id=11, level=1)) == "Rejected InvalidProfile"
        await virtual.status("ClearChargingProfile", chargingProfileId=10)
        assert await install(virtual, profile(8.0, profile_id=11)) == "Rejected InvalidProfile"
        assert await install(virtual, profile(8.0)) == "Accepted"


async def test_a_station_may_forget_its_profiles_when_it_boots() -> None:
    async with virtual_station2(quirks=Quirks2(loses_profiles_on_reboot=True)) as virtual:
        await virtual.booted()
        await install(virtual, profile(8.0))
        virtual.station.reboot()
        await virtual.heard("BootNotification", 2)
        assert virtual.station.profiles.installed == []


async def test_a_station_may_count_and_name_nothing() -> None:
    quirks = Quirks2(seq_no_always_zero=True, no_id_token=True, started_twice=True, never_offline=True)
    async with virtual_station2(quirks=quirks) as virtual:
        await virtual.booted()
        await virtual.charging()
        virtual.dialler.disconnect()
        virtual.station.plug(False)
        await virtual.pass_time(3)
        virtual.dialler.reconnect()
        await virtual.event("Ended")
        events = virtual.central.events()
        assert {e["seqNo"] for e in events} == {0}
        assert len(virtual.central.events("Started")) == 2
        assert not any("idToken" in e or "offline" in e for e in events)


async def test_a_station_may_tell_the_end_without_the_begin() -> None:
    async with virtual_station2(quirks=Quirks2(ended_without_started=True, no_meter_values=True)) as virtual:
        await virtual.booted()
        await virtual.charging()
        virtual.station.plug(False)
        ended = await virtual.event("Ended")
        assert virtual.central.events("Started") == []
        assert "meterValue" not in ended


@pytest.mark.parametrize(
    ("quirks", "unit"),
    [
        (Quirks2(energy_1000_times_too_big=True), {"unit": "kWh"}),
        (Quirks2(energy_multiplier=3), {"unit": "Wh", "multiplier": 3}),
    ],
)
async def test_a_station_may_write_energy_in_its_own_way(quirks: Quirks2, unit: dict[str, Any]) -> None:
    async with virtual_station2(quirks=quirks, register_wh=7000.0) as virtual:
        await virtual.booted()
        await virtual.charging()
        sample = (await virtual.event("Started"))["meterValue"][0]["sampledValue"][0]
        assert sample["unitOfMeasure"] == unit
        assert sample["value"] == (7.0 if "multiplier" in unit else 7000.0)


async def test_a_station_may_add_keys_to_its_profile_reports() -> None:
    async with virtual_station2(quirks=Quirks2(extra_key_in_profile_report=True)) as virtual:
        await virtual.booted()
        await install(virtual, profile(8.0))
        await virtual.status("GetChargingProfiles", requestId=1, chargingProfile={})
        assert (await virtual.heard("ReportChargingProfiles"))["chargingProfileId"] == 1
        assert len(virtual.central.invalid) == 1
        virtual.central.invalid.clear()


async def test_a_station_may_boot_on_each_connection_and_think_long() -> None:
    quirks = Quirks2(boots_on_reconnect=True, answer_delay_s=3.0, unknown_actions_unanswered=True)
    async with virtual_station2(quirks=quirks) as virtual:
        await virtual.booted()
        await virtual.central.drop()
        await virtual.heard("BootNotification", 2)
        await virtual.pass_time(1)
        with pytest.raises(TimeoutError):
            await virtual.central.call("ClearCache", timeout_s=0.05)
        with pytest.raises(TimeoutError):
            await virtual.central.call("Fly", check=False, timeout_s=0.05)
        await virtual.pass_time(10)
        assert virtual.central.late == [{"status": "Accepted"}]
