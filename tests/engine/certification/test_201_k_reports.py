"""Certification cases of OCPP 2.0.1, block K: the profiles that a station holds, read by criteria."""

from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.installed_profiles import InstalledProfile, ProfileCriteria
from custom_components.smart_charging.engine.csms.operations import supported
from tests.engine.csms_stations.conftest import Bench
from tests.engine.csms_stations.raw_station import Payload
from tests.engine.csms_stations.raw_station_2 import RawStation2

from .f_to_p_station import charge, online

HELD = {
    "id": 1,
    "stackLevel": 1,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": [
        {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}]}
    ],
}
PURPOSE: dict[str, Any] = {"purpose": "TxDefaultProfile"}
TOLD_PURPOSE = {"chargingProfilePurpose": "TxDefaultProfile"}


async def read(bench: Bench, criteria: ProfileCriteria) -> tuple[InstalledProfile, ...]:
    return await supported(bench.station.operations.profiles).read(criteria)


def reports(client: RawStation2, *evses: int) -> list[Payload]:
    """Let the station report a page for each of these EVSEs, and return where the answers to them come in."""
    answers: list[Payload] = []

    async def send(request_id: int) -> None:
        for number, evse in enumerate(evses, start=1):
            page = {
                "requestId": request_id,
                "chargingLimitSource": "CSO",
                "evseId": evse,
                "tbc": number < len(evses),
                "chargingProfile": [HELD],
            }
            answers.append(await client.ask("ReportChargingProfiles", page))

    def answer(payload: Payload) -> Payload:
        client.run(send(payload["requestId"]))
        return {"status": "Accepted"}

    client.answers["GetChargingProfiles"] = answer
    return answers


@pytest.mark.certification("TC_K_29")
@pytest.mark.certification("TC_K_30")
@pytest.mark.certification("TC_K_32")
@pytest.mark.certification("TC_K_33")
@pytest.mark.certification("TC_K_34")
@pytest.mark.certification("TC_K_35")
@pytest.mark.certification("TC_K_36")
@pytest.mark.parametrize(
    ("criteria", "sent"),
    [
        pytest.param(
            ProfileCriteria(0, **PURPOSE), {"evseId": 0, "chargingProfile": TOLD_PURPOSE}, id="TC_K_29-station"
        ),
        pytest.param(
            ProfileCriteria(1, **PURPOSE), {"evseId": 1, "chargingProfile": TOLD_PURPOSE}, id="TC_K_30+TC_K_35-purpose"
        ),
        pytest.param(ProfileCriteria(ids=(1,)), {"chargingProfile": {"chargingProfileId": [1]}}, id="TC_K_32-id"),
        pytest.param(
            ProfileCriteria(1, stack_level=1), {"evseId": 1, "chargingProfile": {"stackLevel": 1}}, id="TC_K_33-level"
        ),
        pytest.param(
            ProfileCriteria(1, sources=("CSO",)),
            {"evseId": 1, "chargingProfile": {"chargingLimitSource": ["CSO"]}},
            id="TC_K_34-source",
        ),
        pytest.param(
            ProfileCriteria(1, stack_level=1, **PURPOSE),
            {"evseId": 1, "chargingProfile": {"stackLevel": 1, **TOLD_PURPOSE}},
            id="TC_K_36-purpose-and-level",
        ),
    ],
)
async def test_profiles_are_read_by_criteria(bench: Bench, criteria: ProfileCriteria, sent: Payload) -> None:
    client = await online(bench)
    await charge(bench, client)
    client.calls.clear()
    evse = criteria.evse_id or 0
    answers = reports(client, evse)
    assert await read(bench, criteria) == (InstalledProfile(evse, "CSO", HELD),)
    await bench.until(lambda: answers == [{}])
    (asked,) = client.sent("GetChargingProfiles")
    assert asked.pop("requestId") > 0
    assert asked == sent
    assert client.broken == []
    assert "report that nobody asked for" not in bench.station.state.deviations


@pytest.mark.certification("TC_K_31")
async def test_the_profiles_of_all_evses_are_read(bench: Bench) -> None:
    client = await online(bench)
    answers = reports(client, 1, 2)
    found = await read(bench, ProfileCriteria(**PURPOSE))
    assert found == (InstalledProfile(1, "CSO", HELD), InstalledProfile(2, "CSO", HELD))
    await bench.until(lambda: answers == [{}, {}])
    (asked,) = client.sent("GetChargingProfiles")
    assert "evseId" not in asked
    assert asked["chargingProfile"] == TOLD_PURPOSE


async def test_a_station_that_holds_none_sends_no_report(bench: Bench) -> None:
    client = await online(bench)
    client.answers["GetChargingProfiles"] = {"status": "NoProfiles"}
    assert await read(bench, ProfileCriteria(ids=(1,))) == ()


@pytest.mark.parametrize("criteria", [ProfileCriteria(1), ProfileCriteria(ids=(1,), stack_level=1)])
async def test_profiles_are_named_by_ids_or_by_criteria(bench: Bench, criteria: ProfileCriteria) -> None:
    client = await online(bench)
    with pytest.raises(CommandError) as refused:  # K09.FR.03
        await read(bench, criteria)
    assert refused.value.code is CommandErrorCode.INVALID
    assert client.sent("GetChargingProfiles") == []
