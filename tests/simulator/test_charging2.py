"""Charging profiles of 2.x stations: which are taken, what they do to the current, how they are reported."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from simulator.ocpp.options import StartMode
from simulator.ocpp2.options import Version
from simulator.plant.car import Car, CarModel
from tests.manual_clock import START

from .virtual_station2 import VirtualStation2, virtual_station2

V21 = Version.V21


def profile(
    *limits: float,
    profile_id: int = 10,
    purpose: str = "TxDefaultProfile",
    level: int = 0,
    start: datetime | None = START,
    kind: str = "Absolute",
    unit: str = "A",
    every_s: int = 20,
    period: dict[str, Any] | None = None,
    schedule: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    periods = [{"startPeriod": n * every_s, "limit": limit, **(period or {})} for n, limit in enumerate(limits)]
    begins = {"startSchedule": start.isoformat()} if start is not None and kind not in {"Relative", "Dynamic"} else {}
    body = {"id": 1, "chargingRateUnit": unit, "chargingSchedulePeriod": periods, **begins, **(schedule or {})}
    return {
        "id": profile_id,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": [body],
        **more,
    }


async def install(virtual: VirtualStation2, new: dict[str, Any], evse_id: int = 1) -> str:
    return await virtual.status("SetChargingProfile", evseId=evse_id, chargingProfile=new)


async def settled(virtual: VirtualStation2, *expected: float) -> None:
    await virtual.until(lambda: virtual.current_a == expected)


async def test_a_default_profile_bounds_within_seconds_and_clearing_frees() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        await virtual.charging()
        assert await install(virtual, profile(10.0)) == "Accepted"
        await virtual.pass_time(4)
        assert virtual.current_a == (10.0, 10.0, 10.0)
        assert await install(virtual, profile(8.0)) == "Accepted"  # the same id replaces
        await settled(virtual, 8.0, 8.0, 8.0)
        assert await virtual.get("SmartChargingCtrlr", "Entries", "ChargingProfiles") == "1"
        assert await virtual.status("ClearChargingProfile", chargingProfileId=10) == "Accepted"
        assert await virtual.status("ClearChargingProfile", chargingProfileId=10) == "Unknown"
        await settled(virtual, 16.0, 16.0, 16.0)


async def test_zero_suspends_and_tells_it() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        await virtual.charging()
        await install(virtual, profile(0.0))
        await virtual.until(lambda: virtual.central.events()[-1]["transactionInfo"]["chargingState"] == "SuspendedEVSE")
        assert virtual.central.events("Ended") == []


async def test_a_transaction_under_a_zero_profile_begins_suspended() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        await install(virtual, profile(0.0))
        virtual.station.plug(True)
        changed = await virtual.event("Updated", "ChargingStateChanged")
        assert changed["transactionInfo"]["chargingState"] == "SuspendedEVSE"


async def test_a_full_car_suspends_by_itself() -> None:
    async with virtual_station2(Car(CarModel(), state_of_charge=1.0)) as virtual:
        await virtual.booted()
        virtual.station.plug(True)
        changed = await virtual.event("Updated", "ChargingStateChanged")
        assert changed["transactionInfo"]["chargingState"] == "SuspendedEV"


@pytest.mark.parametrize(
    "broken",
    [
        {"chargingSchedule": []},
        {"chargingSchedule": [1]},
        {"chargingProfileKind": "Sometimes"},
        {"recurrencyKind": "Hourly"},
        {"chargingSchedule": [{"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": 1}]},
        {"chargingSchedule": [{"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [1]}]},
        {"chargingSchedule": [{"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": "0"}]}]},
    ],
)
async def test_a_malformed_profile_is_answered_with_an_error(broken: dict[str, Any]) -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        new = {**profile(9.0), **broken}
        answer = await virtual.central.call("SetChargingProfile", check=False, evseId=1, chargingProfile=new)
        assert answer["error"] == "FormatViolation"


async def test_a_transaction_profile_goes_before_the_default_and_ends_with_its_transaction() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        transaction_id = await virtual.charging()
        assert await install(virtual, profile(8.0), evse_id=0) == "Accepted"
        own = profile(
            12.0,
            6.0,
            profile_id=11,
            purpose="TxProfile",
            level=1,
            start=virtual.clock.now(),
            transactionId=transaction_id,
        )
        assert await install(virtual, own) == "Accepted"
        await settled(virtual, 12.0, 12.0, 12.0)
        await settled(virtual, 6.0, 6.0, 6.0)
        virtual.station.plug(False)
        await virtual.event("Ended")
        assert [entry.profile.profile_id for entry in virtual.station.profiles.installed] == [10]
        virtual.station.plug(True)
        await settled(virtual, 8.0, 8.0, 8.0)


@pytest.mark.parametrize(
    ("new", "evse_id", "answer"),
    [
        (profile(9.0, purpose="ChargingStationExternalConstraints"), 0, "Rejected InvalidValue"),
        (profile(9.0, purpose="ChargingStationMaxProfile"), 1, "Rejected InvalidValue"),
        (profile(9.0, purpose="ChargingStationMaxProfile", kind="Relative"), 0, "Rejected InvalidSchedule"),
        (profile(9.0, purpose="TxProfile", transactionId="x"), 0, "Rejected InvalidValue"),
        (profile(9.0, purpose="TxProfile"), 1, "Rejected MissingParam"),
        (profile(9.0, purpose="TxProfile", transactionId="x"), 1, "Rejected TxNotFound"),
        (profile(9.0, level=9), 1, "Rejected InvalidStackLevel"),
        (profile(9.0), 7, "Rejected UnknownEvse"),
        (profile(9.0, unit="W"), 1, "Rejected UnsupportedRateUnit"),
        (profile(9.0, start=None), 1, "Rejected InvalidSchedule"),
        (profile(9.0, kind="Recurring"), 1, "Rejected InvalidSchedule"),
        (profile(-1.0), 1, "Rejected InvalidSchedule"),
        (profile(*[9.0] * 25), 1, "Rejected InvalidSchedule"),
        (profile(9.0, 8.0, every_s=0), 1, "Rejected InvalidSchedule"),
        (profile(9.0, period={"numberPhases": 3, "phaseToUse": 2}), 1, "Rejected InvalidSchedule"),
        (profile(9.0, period={"numberPhases": 1, "phaseToUse": 2}), 1, "Rejected UnsupportedParam"),
    ],
)
async def test_profiles_that_make_no_sense_are_refused_with_a_reason(
    new: dict[str, Any], evse_id: int, answer: str
) -> None:
    async with virtual_station2(rate_units=("A",)) as virtual:
        await virtual.booted()
        assert await install(virtual, new, evse_id) == answer


async def test_a_new_id_in_a_taken_place_is_a_duplicate_unless_their_times_differ() -> None:
    async with virtual_station2(evses=2, max_profiles=4) as virtual:
        await virtual.booted()
        noon = START + timedelta(hours=2)
        assert await install(virtual, profile(9.0, validTo=noon.isoformat())) == "Accepted"
        assert await install(virtual, profile(9.0, profile_id=11)) == "Rejected DuplicateProfile"
        assert await install(virtual, profile(9.0, profile_id=11), 0) == "Rejected DuplicateProfile"
        assert await install(virtual, profile(9.0, profile_id=11), 2) == "Accepted"
        assert await install(virtual, profile(9.0, profile_id=12, validFrom=noon.isoformat())) == "Accepted"
        assert await install(virtual, profile(9.0, profile_id=13, level=1), 0) == "Accepted"
        assert await install(virtual, profile(9.0, profile_id=14, level=1), 2) == "Rejected DuplicateProfile"
        assert await install(virtual, profile(9.0, profile_id=15, level=2)) == "Rejected TooManyElements"
        assert await install(virtual, profile(7.0, profile_id=13, level=1), 0) == "Accepted"


async def test_levels_times_and_durations_decide_which_profile_rules() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        await virtual.charging()
        now = virtual.clock.now()
        await install(virtual, profile(15.0))
        soon, later = (now + timedelta(seconds=s) for s in (30, 60))
        window = {"validFrom": soon.isoformat(), "validTo": later.isoformat()}
        await install(virtual, profile(11.0, profile_id=11, level=2, **window))
        await install(virtual, profile(9.0, profile_id=12, level=1, start=later, schedule={"duration": 20}))
        await settled(virtual, 15.0, 15.0, 15.0)
        answer = await virtual.call("GetCompositeSchedule", evseId=1, duration=120)
        periods = answer["schedule"]["chargingSchedulePeriod"]
        assert [p["limit"] for p in periods] == [15.0, 11.0, 9.0, 15.0]
        assert periods[2]["startPeriod"] - periods[1]["startPeriod"] == 30
        for expected in (11.0, 9.0, 15.0):
            await settled(virtual, expected, expected, expected)


async def test_recurring_and_relative_schedules_begin_where_they_should() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        daily = profile(14.0, 9.0, every_s=3600 * 10, kind="Recurring", recurrencyKind="Daily")
        daily["chargingSchedule"][0]["startSchedule"] = (START - timedelta(days=3, hours=9, minutes=59)).isoformat()
        assert await install(virtual, daily) == "Accepted"
        virtual.station.plug(True)
        await settled(virtual, 14.0, 14.0, 14.0)
        await virtual.pass_time(60)
        assert virtual.current_a == (9.0, 9.0, 9.0)
        assert (
            await install(virtual, profile(13.0, 7.0, every_s=90, kind="Relative", profile_id=11, level=1))
            == "Accepted"
        )
        await settled(virtual, 13.0, 13.0, 13.0)
        await virtual.pass_time(60)
        assert virtual.current_a == (7.0, 7.0, 7.0)


async def test_watts_are_shared_by_the_phases_and_the_schedule_can_be_asked_in_watts() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        await virtual.charging()
        await install(virtual, profile(6900.0, unit="W"))
        await settled(virtual, 10.0, 10.0, 10.0)
        answer = await virtual.call("GetCompositeSchedule", evseId=1, duration=60, chargingRateUnit="W")
        assert answer["schedule"]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 6900.0, "numberPhases": 3}]
        assert await virtual.status("GetCompositeSchedule", evseId=9, duration=60) == "Rejected UnknownEvse"


async def test_the_number_of_phases_and_which_one_are_obeyed() -> None:
    async with virtual_station2(switches_phases=True) as virtual:
        await virtual.booted()
        await virtual.charging()
        await install(virtual, profile(10.0, period={"numberPhases": 1, "phaseToUse": 2}))
        await settled(virtual, 0.0, 10.0, 0.0)
        count = len(virtual.central.events())
        await virtual.event("Updated", "MeterValuePeriodic", count)
        assert virtual.central.events()[-1]["numberOfPhasesUsed"] == 1
        await install(virtual, profile(10.0, period={"numberPhases": 3}))
        await settled(virtual, 10.0, 10.0, 10.0)


async def test_two_evses_share_the_stations_maximum() -> None:
    async with virtual_station2(evses=2) as virtual:
        await virtual.booted()
        await virtual.charging()
        maximum = profile(20.0, purpose="ChargingStationMaxProfile", profile_id=1)
        assert await install(virtual, maximum, 0) == "Accepted"
        await virtual.pass_time(5)
        assert virtual.current_a == (16.0, 16.0, 16.0)
        virtual.station.plug(True, 2)
        await settled(virtual, 10.0, 10.0, 10.0)
        await virtual.until(lambda: virtual.station.evses[2].outlet.current_a == (10.0, 10.0, 10.0))
        whole = await virtual.call("GetCompositeSchedule", evseId=0, duration=60)
        assert whole["schedule"]["chargingSchedulePeriod"][0]["limit"] == 20.0


async def test_profiles_are_reported_by_place_and_source_in_pages() -> None:
    async with virtual_station2(evses=2, items_per_report=2) as virtual:
        await virtual.booted()
        for n in range(3):
            await install(virtual, profile(10.0, profile_id=20 + n, level=n))
        await install(virtual, profile(10.0, profile_id=30, level=5), 2)
        virtual.station.set_local_limit(12.0)
        every: dict[str, Any] = {"requestId": 5, "chargingProfile": {}}
        assert await virtual.status("GetChargingProfiles", **every) == "Accepted"
        await virtual.heard("ReportChargingProfiles", 4)
        reports = virtual.central.of("ReportChargingProfiles")
        told = [
            (r["evseId"], r["chargingLimitSource"], [p["id"] for p in r["chargingProfile"]], r["tbc"]) for r in reports
        ]
        assert told == [
            (1, "CSO", [20, 21], True),
            (1, "CSO", [22], True),
            (2, "CSO", [30], True),
            (0, "EMS", [-1], False),
        ]
        chosen = {"chargingProfile": {"chargingProfileId": [21, 30], "stackLevel": 1}, "requestId": 6, "evseId": 1}
        assert await virtual.status("GetChargingProfiles", **chosen) == "Accepted"
        last = await virtual.heard("ReportChargingProfiles", 5)
        assert [p["id"] for p in last["chargingProfile"]] == [21]
        none = {"chargingProfile": {"chargingProfilePurpose": "TxProfile"}, "requestId": 7}
        assert await virtual.status("GetChargingProfiles", **none) == "NoProfiles"
        criteria = {"evseId": 1, "stackLevel": 2, "chargingProfilePurpose": "TxDefaultProfile"}
        assert await virtual.status("ClearChargingProfile", chargingProfileCriteria=criteria) == "Accepted"
        await virtual.call("ClearChargingProfile", chargingProfileCriteria={"evseId": 0})
        assert [e.profile.profile_id for e in virtual.station.profiles.installed] == [20, 21, 30, -1]


async def test_a_local_controllers_limit_is_told_obeyed_and_cleared() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        await virtual.charging()
        virtual.station.set_local_limit(7.0, source="EMS")
        notice = await virtual.heard("NotifyChargingLimit")
        assert notice["chargingLimit"] == {"chargingLimitSource": "EMS", "isGridCritical": False}
        assert notice["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"] == 7.0
        await virtual.event("Updated", "ChargingRateChanged")
        await settled(virtual, 7.0, 7.0, 7.0)
        virtual.station.set_local_limit(None, source="EMS")
        assert await virtual.heard("ClearedChargingLimit") == {"chargingLimitSource": "EMS"}
        await settled(virtual, 16.0, 16.0, 16.0)
        assert await virtual.set("SmartChargingCtrlr", "NotifyChargingLimitWithSchedules", "false") == "Accepted"
        virtual.station.set_local_limit(9.0, source="SO", evse_id=1)
        notice = await virtual.heard("NotifyChargingLimit", 2)
        assert (notice["evseId"], "chargingSchedule" in notice) == (1, False)


async def test_a_remote_starts_profile_belongs_to_its_transaction() -> None:
    async with virtual_station2(start_mode=StartMode.REMOTE) as virtual:
        await virtual.booted()
        start: dict[str, Any] = {"idToken": {"idToken": "R", "type": "Central"}, "remoteStartId": 1}
        wrong = profile(9.0, purpose="TxDefaultProfile")
        answer = await virtual.status("RequestStartTransaction", **start, chargingProfile=wrong)
        assert answer == "Rejected InvalidValue"
        own = profile(9.0, purpose="TxProfile", kind="Relative")
        assert await virtual.status("RequestStartTransaction", **start, chargingProfile=own) == "Accepted"
        virtual.station.plug(True)
        await settled(virtual, 9.0, 9.0, 9.0)
        installed = virtual.station.profiles.installed[0].profile
        assert virtual.evse.transaction is not None
        assert installed.transaction_id == virtual.evse.transaction.transaction_id


async def test_without_smart_charging_nothing_is_taken() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        assert await virtual.set("SmartChargingCtrlr", "Enabled", "false") == "Accepted"
        assert await install(virtual, profile(9.0)) == "Rejected NotEnabled"


async def test_only_21_knows_dynamic_profiles() -> None:
    async with virtual_station2() as virtual:
        await virtual.booted()
        new = profile(9.0, kind="Dynamic")
        virtual.central.version = V21  # the frame is right for 2.1 only
        assert await install(virtual, new) == "Rejected InvalidSchedule"
        assert (await virtual.call("UpdateDynamicSchedule", chargingProfileId=1, scheduleUpdate={}))["error"] == (
            "NotImplemented"
        )
        assert await install(virtual, profile(9.0, purpose="PriorityCharging")) == "Rejected InvalidValue"
