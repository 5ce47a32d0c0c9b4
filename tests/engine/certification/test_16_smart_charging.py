"""OCPP 1.6, SmartCharging: charging profiles as they are sent, by us and for a user, read back and cleared."""

import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.composite import CompositePeriod
from custom_components.smart_charging.engine.csms.state import RateUnit
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station import Payload

from .charging import ACCEPTED, authorize, charge

CONFIRMED = {"status": "Accepted"}


def profile(bench: Bench, number: int, purpose: str, **more: object) -> Payload:
    """Return a profile of 6 A for an hour as a user writes it."""
    return {
        "chargingProfileId": number,
        "stackLevel": 1,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "validFrom": bench.now(),
        "validTo": bench.now(3600),
        "chargingSchedule": {
            "startSchedule": bench.now(),
            "duration": 3600,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}],
        },
        **more,
    }


def assert_whole(sent: Payload) -> None:
    """Check what a profile must say and must not, by its kind."""
    assert "recurrencyKind" not in sent
    schedule = sent["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"][0]["startPeriod"] == 0
    if sent["chargingProfileKind"] == "Absolute":
        assert {"validFrom", "validTo"} <= sent.keys()
        assert {"startSchedule", "duration"} <= schedule.keys()
    else:
        assert sent["chargingProfileKind"] == "Relative"
        assert "startSchedule" not in schedule


@pytest.mark.certification("TC_056")
async def test_a_default_profile_is_set_as_the_user_writes_it(bench: Bench) -> None:
    client = await bench.ready()
    client.calls.clear()
    mine = profile(bench, 901, "TxDefaultProfile")
    answer = await bench.station.call("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": mine})
    assert answer.payload == CONFIRMED
    sent = client.sent("SetChargingProfile")[0]
    assert sent == {"connectorId": 1, "csChargingProfiles": mine}
    assert "transactionId" not in mine
    assert_whole(sent["csChargingProfiles"])


@pytest.mark.certification("TC_057")
async def test_a_profile_of_the_running_transaction_names_it(bench: Bench) -> None:
    client = await bench.ready()
    number = await charge(bench, client)
    client.calls.clear()
    mine = profile(bench, 902, "TxProfile", transactionId=number)
    answer = await bench.station.call("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": mine})
    assert answer.payload == CONFIRMED
    sent = client.sent("SetChargingProfile")[0]
    assert sent == {"connectorId": 1, "csChargingProfiles": mine}
    assert_whole(sent["csChargingProfiles"])


@pytest.mark.certification("TC_059")
async def test_a_remote_start_carries_a_profile(bench: Bench) -> None:
    client = await bench.ready()
    mine = profile(bench, 903, "TxProfile")
    await bench.station.start_transaction(1, "TAG", mine)
    assert client.sent("RemoteStartTransaction") == [{"connectorId": 1, "idTag": "TAG", "chargingProfile": mine}]
    assert "transactionId" not in mine
    assert_whole(mine)
    assert await authorize(client) == ACCEPTED
    await charge(bench, client)


@pytest.mark.certification("TC_066")
async def test_a_composite_schedule_is_asked_for_and_read(bench: Bench) -> None:
    client = await bench.ready()
    client.calls.clear()
    client.answers["GetCompositeSchedule"] = {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": bench.now(),
        "chargingSchedule": {
            "duration": 600,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}, {"startPeriod": 300, "limit": 6.0}],
        },
    }
    schedule = await bench.station.get_composite_schedule(1, 600, RateUnit.A)
    assert client.sent("GetCompositeSchedule") == [{"connectorId": 1, "duration": 600, "chargingRateUnit": "A"}]
    assert schedule.start == bench.clock.now()
    assert schedule.periods == (CompositePeriod(0, 16.0), CompositePeriod(300, 6.0))
    client.answers["GetCompositeSchedule"] = {"status": "Rejected"}
    with pytest.raises(CommandError) as error:
        await bench.station.get_composite_schedule(1, 600)
    assert error.value.code is CommandErrorCode.REJECTED
    assert client.sent("GetCompositeSchedule")[-1] == {"connectorId": 1, "duration": 600}


@pytest.mark.certification("TC_067")
async def test_profiles_are_cleared_by_id_by_criteria_and_all(bench: Bench) -> None:
    client = await bench.ready()
    number = await charge(bench, client)
    client.calls.clear()
    for connector, mine in enumerate(
        (
            profile(bench, 901, "ChargePointMaxProfile"),
            profile(bench, 902, "TxDefaultProfile"),
            profile(bench, 903, "TxProfile", transactionId=number),
        )
    ):
        payload = {"connectorId": min(connector, 1), "csChargingProfiles": mine}
        assert (await bench.station.call("SetChargingProfile", payload)).payload == CONFIRMED
    sent = client.sent("SetChargingProfile")
    mine_alone = [one for one in sent if one["csChargingProfiles"]["chargingProfileId"] > 900]
    assert [one["connectorId"] for one in mine_alone] == [0, 1, 1]
    ours = [one["csChargingProfiles"] for one in sent if one not in mine_alone]  # the safe default, made to hold again
    assert {(one["chargingProfilePurpose"], one["stackLevel"]) for one in ours} <= {("TxDefaultProfile", 0)}
    criteria: Payload = {"connectorId": 1, "chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 1}
    wishes: list[Payload] = [{"id": 901}, criteria, {}]
    for wish in wishes:
        assert (await bench.station.call("ClearChargingProfile", wish)).payload == CONFIRMED
    assert client.sent("ClearChargingProfile") == wishes
    await bench.station.clear_charging_profiles()
    assert client.sent("ClearChargingProfile")[-1] == {}
    client.answers["ClearChargingProfile"] = {"status": "Unknown"}
    assert (await bench.station.call("ClearChargingProfile", {"id": 901})).payload == {"status": "Unknown"}
