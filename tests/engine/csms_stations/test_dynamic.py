"""OCPP 2.1 stations are led by one profile that is moved, and by profiles like others where that fails."""

from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.state import Obedience, ProfileForm
from simulator.ocpp.json import Payload
from simulator.ocpp.link import Answer
from simulator.ocpp2 import commands
from simulator.ocpp2.answers import refused
from simulator.ocpp2.options import Version
from simulator.ocpp2.profiles import Kind, Profile
from simulator.ocpp2.quirks import Quirks2
from simulator.ocpp2.station import SimulatedStation2

from .conftest import Bench
from .raw_station_2 import RawStation21
from .test_simulated_v2 import Pair2, pair
from .test_v2 import ready

Heard = list[tuple[str, Payload]]
LEADING = ("SetChargingProfile", "UpdateDynamicSchedule")


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    """Note what the simulated station is led by."""
    noted: Heard = []
    obey = commands.obey

    def note(station: SimulatedStation2, action: str, payload: Payload) -> Answer:
        if action in LEADING:
            noted.append((action, payload))
        return obey(station, action, payload)

    monkeypatch.setattr("simulator.ocpp2.dialler.obey", note)
    return noted


def actions(heard: Heard) -> list[str]:
    return [action for action, _ in heard]


def lease(it: Pair2) -> Profile:
    """Return the profile that leads the running transaction."""
    (found,) = [e.profile for e in it.station.profiles.installed if e.profile.transaction_id is not None]
    return found


async def test_each_new_limit_moves_the_profile_that_is_there(heard: Heard, socket_enabled: None) -> None:
    async with pair(Version.V21) as it:
        await it.charge(16.0)
        assert lease(it).kind is Kind.DYNAMIC
        assert it.state.capabilities.dynamic_profiles
        assert it.state.capabilities.profile_form is ProfileForm.DYNAMIC
        heard.clear()
        for limit_a in (8.0, 12.5, 6.0):
            it.limit(limit_a)
            await it.until(lambda at=limit_a: it.outlet_a == pytest.approx(at, abs=0.1), 60)  # type: ignore[misc]
        await it.pass_time(300)
        assert it.outlet_a == pytest.approx(6.0, abs=0.1)
        assert set(actions(heard)) == {"UpdateDynamicSchedule"}
        assert len(heard) > 10  # renewed, too
        await it.until(lambda: it.evse.obedience is Obedience.OBEYS, 90)
        assert it.state.deviations == {}


async def test_a_limit_of_nothing_is_moved_too_and_outlives_us(heard: Heard, socket_enabled: None) -> None:
    async with pair(Version.V21) as it:
        await it.until(lambda: it.set_up, 60)
        it.limit(10.0, safe_a=0.0)
        it.station.plug(True)
        await it.until(lambda: it.outlet_a == pytest.approx(10.0, abs=0.1), 120)
        heard.clear()
        it.limit(0.0, safe_a=0.0)
        await it.until(lambda: it.outlet_a == 0.0, 30)
        assert actions(heard) == ["UpdateDynamicSchedule"]
        it.site.diallers2["CP1"].disconnect()
        await it.pass_time(120)
        assert it.outlet_a == 0.0


async def test_it_falls_to_its_safe_current_alone_and_when_nobody_moves_it(
    monkeypatch: pytest.MonkeyPatch, socket_enabled: None
) -> None:
    async with pair(Version.V21) as it:
        await it.charge(16.0)
        profile = lease(it)
        assert (profile.duration_s, profile.most_offline_s, profile.ends_offline) == (40, 40, False)
        it.csms.stations["CP1"].release(1)
        await it.pass_time(30)
        assert it.outlet_a == pytest.approx(16.0, abs=0.1)
        await it.until(lambda: it.outlet_a == pytest.approx(6.0, abs=0.1), 60)


@pytest.mark.parametrize("refusing", ["install", "move"])
async def test_what_it_refuses_is_written_as_profiles(
    refusing: str, heard: Heard, monkeypatch: pytest.MonkeyPatch, socket_enabled: None
) -> None:
    obey = commands.obey

    def refuse(station: SimulatedStation2, action: str, payload: Payload) -> Answer:
        heard.append((action, payload))
        dynamic = action == "SetChargingProfile" and "Dynamic" in str(payload)
        if (dynamic and refusing == "install") or (action == "UpdateDynamicSchedule" and refusing == "move"):
            return refused("InvalidProfile")
        return obey(station, action, payload)

    monkeypatch.setattr("simulator.ocpp2.dialler.obey", refuse)
    async with pair(Version.V21) as it:
        await it.charge(16.0)
        for limit_a in (8.0, 12.0):
            it.limit(limit_a)
            await it.until(lambda at=limit_a: it.outlet_a == pytest.approx(at, abs=0.1), 60)  # type: ignore[misc]
        kinds = {Kind.ABSOLUTE} if refusing == "install" else {Kind.DYNAMIC}
        assert {lease(it).kind} == kinds


async def test_a_station_that_is_not_moved_for_long_gets_profiles(
    monkeypatch: pytest.MonkeyPatch, socket_enabled: None
) -> None:
    def takes_values_only(self: Profile, update: Payload, now: Any) -> Profile:
        return moved(self, update, self.updated or now)  # its time runs from the installation

    moved = Profile.with_update
    monkeypatch.setattr(Profile, "with_update", takes_values_only)
    async with pair(Version.V21) as it:
        await it.charge(16.0)
        await it.until(lambda: lease(it).kind is Kind.ABSOLUTE, 120)
        await it.pass_time(300)
        assert it.outlet_a == pytest.approx(16.0, abs=0.1)


async def test_a_station_that_does_not_obey_a_moved_profile_is_seen(socket_enabled: None) -> None:
    async with pair(Version.V21, quirks=Quirks2(ignores_profiles=True)) as it:
        await it.until(lambda: it.set_up, 60)
        it.limit(8.0)
        it.station.plug(True)
        await it.until(lambda: it.evse.obedience is Obedience.IGNORES, 180)


async def test_a_change_of_phases_installs_the_profile_anew(heard: Heard, socket_enabled: None) -> None:
    async with pair(Version.V21, switches_phases=True, switch_pause_s=5.0) as it:
        await it.charge(8.0)
        heard.clear()
        it.limit(12.0, phases=1)
        await it.until(lambda: it.real.outlet.current_a == pytest.approx((12.0, 0.0, 0.0), abs=0.1), 120)
        assert "SetChargingProfile" in actions(heard)


async def test_the_present_limit_is_told_to_who_asks(bench: Bench) -> None:
    client = RawStation21()
    client.variables["SmartChargingCtrlr", "SupportsDynamicProfiles"] = "true"
    await ready(bench, client)
    bench.station.set_limit(1, 10.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None)
    profile = client.sent("SetChargingProfile")[-1]["chargingProfile"]
    assert profile["chargingProfileKind"] == "Dynamic"
    answer = await client.ask("PullDynamicScheduleUpdate", {"chargingProfileId": profile["id"]})
    assert answer == {"status": "Accepted", "scheduleUpdate": {"limit": 10.0}}
    bench.station.set_limit(1, 8.0, 6.0)
    answer = await client.ask("PullDynamicScheduleUpdate", {"chargingProfileId": profile["id"]})
    assert answer["scheduleUpdate"] == {"limit": 8.0}
    unknown = await client.ask("PullDynamicScheduleUpdate", {"chargingProfileId": 9999})
    assert unknown == {"status": "Rejected"}
    assert client.broken == []


async def test_stations_that_do_not_say_so_are_led_by_profiles(bench: Bench) -> None:
    client = await ready(bench, RawStation21())
    bench.station.set_limit(1, 10.0, 6.0)
    await bench.until(lambda: bench.evse.applied is not None)
    assert client.sent("SetChargingProfile")[-1]["chargingProfile"]["chargingProfileKind"] == "Absolute"
    answer = await client.ask("PullDynamicScheduleUpdate", {"chargingProfileId": 1})
    assert answer == {"status": "Rejected"}
