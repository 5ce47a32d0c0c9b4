"""Certification cases of OCPP 2.0.1, block K: charging profiles set, replaced and cleared, and schedules asked for."""

from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.installed_profiles import ProfileCriteria
from custom_components.smart_charging.engine.csms.operations import supported
from custom_components.smart_charging.engine.csms.profiles import Purpose
from custom_components.smart_charging.engine.csms.raw_calls import RawAnswer
from custom_components.smart_charging.engine.csms.state import Obedience, StepStatus
from custom_components.smart_charging.engine.model import EvseStatus
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station import Payload
from tests.engine.csms_stations.raw_station_2 import RawStation2

from .f_to_p_station import TAG, charge, online

OURS = 9001  # an id that no profile of the central system itself has
DURATION_S = 300
LEVEL = 3


def profile(bench: Bench, purpose: str, limit: float, **more: Any) -> Payload:
    """Return an absolute profile of an administrator from now on."""
    period = {"startPeriod": 0, "limit": limit, "numberPhases": 1}
    schedule = {
        "id": 1,
        "startSchedule": bench.now(),
        "duration": DURATION_S,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [period],
    }
    return {
        "id": OURS,
        "stackLevel": LEVEL,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "validFrom": bench.now(),
        "validTo": bench.now(DURATION_S),
        "chargingSchedule": [schedule],
        **more,
    }


async def set_profile(bench: Bench, evse: int, wanted: Payload) -> RawAnswer:
    """Set a profile as an administrator does, in the words of the version."""
    return await bench.station.call("SetChargingProfile", {"evseId": evse, "chargingProfile": wanted})


def theirs(client: RawStation2) -> list[Payload]:
    """Return the SetChargingProfile of an administrator; the central system's own limits follow each."""
    return [one for one in client.sent("SetChargingProfile") if one["chargingProfile"]["id"] >= OURS]


ACCEPTED = RawAnswer({"status": "Accepted"})


@pytest.mark.certification("TC_K_01")
@pytest.mark.certification("TC_K_03")
@pytest.mark.certification("TC_K_10")
@pytest.mark.certification("TC_K_19")
@pytest.mark.parametrize(
    ("evse", "purpose", "limit", "more"),
    [
        pytest.param(1, "TxDefaultProfile", 6.0, {}, id="TC_K_01-one"),
        pytest.param(0, "ChargingStationMaxProfile", 8.0, {}, id="TC_K_03-station"),
        pytest.param(0, "TxDefaultProfile", 6.0, {}, id="TC_K_10-all"),
        pytest.param(
            1,
            "TxDefaultProfile",
            6.0,
            {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily"},
            id="TC_K_19-recurring",
        ),
    ],
)
async def test_a_profile_is_set(bench: Bench, evse: int, purpose: str, limit: float, more: Payload) -> None:
    client = await online(bench)
    assert await set_profile(bench, evse, profile(bench, purpose, limit, **more)) == ACCEPTED
    (sent,) = theirs(client)
    assert sent == {"evseId": evse, "chargingProfile": profile(bench, purpose, limit, **more)}
    assert client.broken == []


@pytest.mark.certification("TC_K_60")
async def test_a_running_charge_gets_a_profile_of_its_own(bench: Bench) -> None:
    client = await online(bench)
    await charge(bench, client)
    bench.station.set_limit(1, 16.0, 6.0)
    await bench.until(lambda: client.set_profiles("TxProfile") != [])
    sent = next(
        one
        for one in client.sent("SetChargingProfile")
        if one["chargingProfile"]["chargingProfilePurpose"] == "TxProfile"
    )
    lease = sent["chargingProfile"]
    (schedule,) = lease["chargingSchedule"]
    assert (sent["evseId"], lease["transactionId"]) == (1, "tx-1")
    assert lease["chargingProfileKind"] == "Absolute"
    assert schedule["startSchedule"][:19] == bench.now(-60)[:19]
    assert schedule["chargingSchedulePeriod"][0] == {"startPeriod": 0, "limit": 16.0}
    assert client.broken == []


@pytest.mark.certification("TC_K_15")
async def test_a_station_without_profiles_is_led_without_them(bench: Bench) -> None:
    client = RawStation2()
    client.answers["SetChargingProfile"] = ("NotSupported", "no smart charging here")
    bench.clients.append(client)
    await client.connect(bench.port)
    await client.boot()
    await bench.until(lambda: bench.station.state.setup != ())
    await bench.until(lambda: all(step.status is not StepStatus.PENDING for step in bench.station.state.setup))
    client.calls.clear()
    wanted = profile(bench, "TxDefaultProfile", 6.0)
    answer = await set_profile(bench, 1, wanted)
    assert answer == RawAnswer(error_code="NotSupported", error_description="no smart charging here")
    assert theirs(client)[0] == {"evseId": 1, "chargingProfile": wanted}
    await charge(bench, client)
    bench.station.set_limit(1, 10.0, 6.0)
    await bench.until(lambda: bench.evse.obedience is Obedience.REJECTS)
    assert bench.evse.status is EvseStatus.CHARGING
    assert bench.station.state.connected


@pytest.mark.certification("TC_K_70")
async def test_profiles_of_two_purposes_are_set_while_a_car_charges(bench: Bench) -> None:
    client = await online(bench)
    await charge(bench, client)
    default, most = (
        profile(bench, "TxDefaultProfile", 6.0),
        profile(bench, "ChargingStationMaxProfile", 8.0, id=OURS + 1),
    )
    assert await set_profile(bench, 1, default) == ACCEPTED
    assert await set_profile(bench, 0, most) == ACCEPTED
    assert theirs(client) == [{"evseId": 1, "chargingProfile": default}, {"evseId": 0, "chargingProfile": most}]
    assert bench.evse.status is EvseStatus.CHARGING


@pytest.mark.certification("TC_K_04")
async def test_a_profile_is_replaced_by_one_of_its_id(bench: Bench) -> None:
    client = await online(bench)
    for limit in (8.0, 6.0):
        assert await set_profile(bench, 1, profile(bench, "TxDefaultProfile", limit)) == ACCEPTED
    before, after = (one["chargingProfile"] for one in theirs(client))
    limits = [one["chargingSchedule"].pop()["chargingSchedulePeriod"] for one in (before, after)]
    assert before == after
    assert [[period["limit"] for period in one] for one in limits] == [[8.0], [6.0]]


@pytest.mark.certification("TC_K_37")
async def test_a_start_from_afar_carries_its_profile(bench: Bench) -> None:
    client = await online(bench)
    period: dict[str, Any] = {"startPeriod": 0, "limit": 10.0}
    leading = {
        "chargingProfileId": OURS,
        "stackLevel": LEVEL,
        "chargingProfilePurpose": Purpose.TX.value,
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]},
    }
    await bench.station.start_transaction(1, TAG, leading)
    (sent,) = client.sent("RequestStartTransaction")
    assert (sent["evseId"], sent["idToken"]) == (1, {"idToken": TAG, "type": "Central"})
    told = sent["chargingProfile"]
    assert (told["chargingProfilePurpose"], told["chargingProfileKind"]) == ("TxProfile", "Relative")
    assert "transactionId" not in told
    (schedule,) = told["chargingSchedule"]
    assert "startSchedule" not in schedule
    started = await client.event(
        "Started", bench.now(), reason="RemoteStart", evse=1, energy=0.0, remoteStartId=sent["remoteStartId"]
    )
    assert started == {}
    assert bench.evse.transaction is not None
    assert client.broken == []


@pytest.mark.certification("TC_K_43")
@pytest.mark.certification("TC_K_44")
@pytest.mark.parametrize("evse", [1, 0], ids=["TC_K_43-evse", "TC_K_44-station"])
async def test_a_composite_schedule_is_asked_for(bench: Bench, evse: int) -> None:
    client = await online(bench)
    schedule = {
        "evseId": evse,
        "duration": DURATION_S,
        "scheduleStart": bench.now(),
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}],
    }
    client.answers["GetCompositeSchedule"] = {"status": "Accepted", "schedule": schedule}
    wanted = {"evseId": evse, "duration": DURATION_S, "chargingRateUnit": "A"}
    answer = await bench.station.call("GetCompositeSchedule", wanted)
    assert answer.payload == {"status": "Accepted", "schedule": schedule}
    read = await bench.station.get_composite_schedule(evse, DURATION_S)
    assert read.limit_at(0.0) == 10.0
    assert client.sent("GetCompositeSchedule") == [wanted, {"evseId": evse, "duration": DURATION_S}]
    assert client.broken == []


@pytest.mark.certification("TC_K_05")
async def test_a_profile_that_was_reported_is_cleared_by_its_id(bench: Bench) -> None:
    client = await online(bench)
    client.profiles_found = [profile(bench, "ChargingStationMaxProfile", 8.0)]
    (found,) = await supported(bench.station.operations.profiles).read(ProfileCriteria(sources=("CSO",)))
    await bench.station.call("ClearChargingProfile", {"chargingProfileId": found.profile["id"]})
    assert client.sent("ClearChargingProfile")[0] == {"chargingProfileId": OURS}


@pytest.mark.certification("TC_K_06")
@pytest.mark.certification("TC_K_08")
@pytest.mark.parametrize("status", ["Accepted", "Unknown"], ids=["TC_K_06-held", "TC_K_08-none"])
async def test_a_profile_is_cleared_by_where_it_is(bench: Bench, status: str) -> None:
    client = await online(bench)
    client.answers["ClearChargingProfile"] = {"status": status}
    criteria = {"chargingProfilePurpose": "TxDefaultProfile", "evseId": 1, "stackLevel": LEVEL}
    answer = await bench.station.call("ClearChargingProfile", {"chargingProfileCriteria": criteria})
    assert answer == RawAnswer({"status": status})
    assert client.sent("ClearChargingProfile")[0] == {"chargingProfileCriteria": criteria}
    await bench.until(lambda: client.set_profiles("TxDefaultProfile") != [])  # the safe default holds again
    assert client.broken == []
