"""What the second central system may do to the station, and how it is told no."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.relay.limits import LimitCleared, LimitSet, TransactionRefused
from custom_components.smart_charging.engine.csms.relay.policy import allowed, refusal, without_secrets
from custom_components.smart_charging.engine.csms.schemas import schemas_of
from custom_components.smart_charging.engine.limit import LimitUnit
from custom_components.smart_charging.engine.relay_config import RelayPolicy
from tests.manual_clock import START

from .conftest import RelayBench

PROFILE = {
    "chargingProfileId": 5,
    "stackLevel": 1,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {
        "startSchedule": "2026-06-01T10:00:00Z",
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.3}, {"startPeriod": 600, "limit": 10.0}],
    },
}
SET_PROFILE = {"connectorId": 1, "csChargingProfiles": PROFILE}
READ_ONLY, START_STOP, ALL = RelayPolicy.READ_ONLY, RelayPolicy.START_STOP, RelayPolicy.ALL_BUT_LIMITS

# Each command of OCPP 1.6, from which policy on it reaches the station, and what a no looks like.
COMMANDS: list[tuple[str, dict[str, Any], RelayPolicy | None, Any]] = [
    ("GetConfiguration", {}, READ_ONLY, None),
    ("GetLocalListVersion", {}, READ_ONLY, None),
    ("GetCompositeSchedule", {"connectorId": 1, "duration": 60}, READ_ONLY, None),
    ("GetInstalledCertificateIds", {"certificateType": "CentralSystemRootCertificate"}, READ_ONLY, None),
    ("RemoteStartTransaction", {"idTag": "T", "connectorId": 1}, START_STOP, "Rejected"),
    ("UnlockConnector", {"connectorId": 1}, START_STOP, "NotSupported"),
    ("TriggerMessage", {"requestedMessage": "Heartbeat"}, START_STOP, "Rejected"),
    ("SendLocalList", {"listVersion": 1, "updateType": "Full"}, START_STOP, "NotSupported"),
    (
        "ReserveNow",
        {"connectorId": 1, "expiryDate": "2026-06-01T10:00:00Z", "idTag": "T", "reservationId": 1},
        START_STOP,
        "Rejected",
    ),
    ("CancelReservation", {"reservationId": 1}, START_STOP, "Rejected"),
    ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}, ALL, "Rejected"),
    ("ChangeConfiguration", {"key": "LightIntensity", "value": "5"}, ALL, "Rejected"),
    ("ClearCache", {}, ALL, "Rejected"),
    ("DataTransfer", {"vendorId": "x"}, ALL, "Rejected"),
    ("Reset", {"type": "Soft"}, ALL, "Rejected"),
    ("GetDiagnostics", {"location": "https://x/"}, ALL, ("NotSupported",)),
    ("UpdateFirmware", {"location": "https://x/", "retrieveDate": "2026-06-01T10:00:00Z"}, ALL, ("NotSupported",)),
    (
        "GetLog",
        {"logType": "DiagnosticsLog", "requestId": 1, "log": {"remoteLocation": "https://x/"}},
        ALL,
        "Rejected",
    ),
    ("ExtendedTriggerMessage", {"requestedMessage": "Heartbeat"}, ALL, "Rejected"),
    ("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}, None, "Rejected"),
    ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "00"}, None, "Rejected"),
    ("ChangeConfiguration", {"key": "securityprofile", "value": "0"}, None, "Rejected"),
    ("ChangeConfiguration", {"key": "BackendUrl", "value": "ws://evil"}, None, "Rejected"),
    ("CertificateSigned", {"certificateChain": "x"}, None, "Rejected"),
    ("InstallCertificate", {"certificateType": "CentralSystemRootCertificate", "certificate": "x"}, None, "Rejected"),
    (
        "DeleteCertificate",
        {
            "certificateHashData": {
                "hashAlgorithm": "SHA256",
                "issuerNameHash": "a",
                "issuerKeyHash": "b",
                "serialNumber": "c",
            }
        },
        None,
        ("NotSupported",),
    ),
    ("Heartbeat", {}, None, ("NotSupported",)),
    ("RemoteStopTransaction", {"transactionId": 1}, None, "Rejected"),  # none of theirs
]


@pytest.mark.parametrize("policy", RelayPolicy)
async def test_table_of_policies(bench: RelayBench, policy: RelayPolicy) -> None:
    station = await bench.station_and_relay(policy=policy)
    for number, (action, payload, least, no) in enumerate(COMMANDS):
        station.calls.clear()
        frame = await bench.second.command(action, payload, f"m{number}")
        reaches = least is not None and list(RelayPolicy).index(policy) >= list(RelayPolicy).index(least)
        assert (station.sent(action) == [payload]) == reaches, (action, payload)
        if reaches:
            assert frame[0] == 3
        elif isinstance(no, tuple):
            assert frame[:3] == [4, f"m{number}", no[0]], action
        else:
            assert frame == [3, f"m{number}", {"status": no}], action
    await bench.until(lambda: bench.second.errors == [])


def test_every_command_of_2x_has_an_answer_that_says_no() -> None:
    schemas = schemas_of("ocpp2.0.1")
    assert refusal(schemas, "Reset") == {"status": "Rejected"}
    assert refusal(schemas, "UpdateFirmware") == {"status": "Rejected"}
    assert refusal(schemas, "ClearChargingProfile") == {"status": "Unknown"}
    assert refusal(schemas, "SendLocalList") == {"status": "Failed"}
    assert refusal(schemas, "SetVariables") is None
    assert refusal(schemas, "CostUpdated") is None


@pytest.mark.parametrize(
    ("action", "payload", "least"),
    [
        ("GetVariables", {"getVariableData": []}, READ_ONLY),
        ("RequestStartTransaction", {}, START_STOP),
        ("GetBaseReport", {"requestId": 1}, START_STOP),
        (
            "SetVariables",
            {"setVariableData": [{"component": {"name": "TxCtrlr"}, "variable": {"name": "EVConnectionTimeOut"}}]},
            ALL,
        ),
        (
            "SetVariables",
            {"setVariableData": [{"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}]},
            None,
        ),
        (
            "SetVariables",
            {"setVariableData": [{"component": {"name": "X"}, "variable": {"name": "NetworkConfigurationPriority"}}]},
            None,
        ),
        ("SetNetworkProfile", {}, None),
        ("TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"}, None),
        ("TriggerMessage", {"requestedMessage": "Heartbeat"}, START_STOP),
        ("SetChargingProfile", {}, None),
        ("UpdateDynamicSchedule", {}, None),
        ("SetVariables", {"setVariableData": ["x", {"component": 5}]}, ALL),
    ],
)
def test_table_of_policies_for_2x(action: str, payload: dict[str, Any], least: RelayPolicy | None) -> None:
    reached = [policy for policy in RelayPolicy if allowed(policy, action, payload)]
    assert reached == ([] if least is None else list(RelayPolicy)[list(RelayPolicy).index(least) :])


async def test_remote_stop_reaches_the_station_with_our_transaction_id(bench: RelayBench) -> None:
    station = await bench.station_and_relay(policy=START_STOP)
    ours = (await station.start(bench.now()))["transactionId"]
    await bench.drained()
    assert (await bench.second.command("RemoteStopTransaction", {"transactionId": 9002}))[2] == {"status": "Accepted"}
    assert station.sent("RemoteStopTransaction") == [{"transactionId": ours}]
    unknown = await bench.second.command("RemoteStopTransaction", {"transactionId": ours}, "c2")
    assert unknown[2] == {"status": "Rejected"}


async def test_profile_of_theirs_is_a_limit_for_the_site_and_never_reaches_the_station(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    written = len(station.sent("SetChargingProfile"))
    assert (await bench.second.command("SetChargingProfile", SET_PROFILE))[2] == {"status": "Accepted"}
    [event] = bench.heard
    assert isinstance(event, LimitSet)
    limit = event.limit
    assert (limit.station_id, limit.profile_id, limit.evse_id, limit.purpose) == ("CP1", 5, 1, "TxDefaultProfile")
    bound = limit.bound(START)
    assert bound is not None
    assert (bound.value, bound.unit, bound.until) == (16.3, LimitUnit.AMPERE, START + timedelta(seconds=600))
    cleared = await bench.second.command("ClearChargingProfile", {"id": 5}, "c2")
    assert cleared[2] == {"status": "Accepted"}
    assert bench.heard[1:] == [LimitCleared("CP1", 5)]
    again = await bench.second.command("ClearChargingProfile", {"id": 5}, "c3")
    assert again[2] == {"status": "Unknown"}
    assert len(station.sent("SetChargingProfile")) == written
    assert station.sent("ClearChargingProfile") == []


async def test_profile_replaces_the_one_at_its_place(bench: RelayBench) -> None:
    await bench.station_and_relay()
    await bench.second.command("SetChargingProfile", SET_PROFILE)
    await bench.second.command(
        "SetChargingProfile", {**SET_PROFILE, "csChargingProfiles": {**PROFILE, "chargingProfileId": 6}}
    )
    assert [type(event) for event in bench.heard] == [LimitSet, LimitCleared, LimitSet]
    assert bench.heard[1] == LimitCleared("CP1", 5)


async def test_profile_is_no_limit_where_they_may_only_read(bench: RelayBench) -> None:
    await bench.station_and_relay(policy=READ_ONLY)
    assert (await bench.second.command("SetChargingProfile", SET_PROFILE))[2] == {"status": "Rejected"}
    assert (await bench.second.command("ClearChargingProfile", {}, "c2"))[2] == {"status": "Unknown"}
    assert bench.heard == []


async def test_profile_in_a_remote_start_is_a_limit_and_the_start_goes_on_without_it(bench: RelayBench) -> None:
    station = await bench.station_and_relay(policy=START_STOP)
    profile = {**PROFILE, "chargingProfilePurpose": "TxProfile"}
    frame = await bench.second.command(
        "RemoteStartTransaction", {"idTag": "T", "connectorId": 1, "chargingProfile": profile}
    )
    assert frame[2] == {"status": "Accepted"}
    assert station.sent("RemoteStartTransaction") == [{"idTag": "T", "connectorId": 1}]
    assert isinstance(bench.heard[0], LimitSet)
    assert bench.heard[0].limit.evse_id == 1


async def test_limit_of_a_transaction_names_ours(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    ours = (await station.start(bench.now()))["transactionId"]
    await bench.drained()
    profile = {**PROFILE, "chargingProfilePurpose": "TxProfile", "transactionId": 9002}
    await bench.second.command("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile})
    assert isinstance(bench.heard[0], LimitSet)
    assert bench.heard[0].limit.transaction_id == str(ours)


async def test_no_more_profiles_than_a_station_holds_are_kept(bench: RelayBench) -> None:
    await bench.station_and_relay()
    for number in range(33):
        profile = {**PROFILE, "chargingProfileId": 100 + number, "stackLevel": number}
        request = {"connectorId": 1, "csChargingProfiles": profile}
        frame = await bench.second.command("SetChargingProfile", request, f"p{number}")
        assert frame[2] == {"status": "Accepted" if number < 32 else "Rejected"}


async def test_limits_of_theirs_outlive_a_restart(bench: RelayBench) -> None:
    await bench.station_and_relay()
    await bench.second.command("SetChargingProfile", SET_PROFILE)
    await bench.second.command(
        "SetChargingProfile",
        {**SET_PROFILE, "connectorId": 0, "csChargingProfiles": {**PROFILE, "chargingProfileId": 6}},
    )
    await bench.second.command("ClearChargingProfile", {"id": 6})
    await bench.relay.stop()
    before = bench.heard[0]
    bench.heard.clear()
    await bench.relay_to()
    assert bench.heard == [before]


async def test_listener_that_fails_harms_nothing(bench: RelayBench, caplog: pytest.LogCaptureFixture) -> None:
    await bench.station_and_relay()

    def fail(_event: object) -> None:
        raise RuntimeError("listener")

    object.__setattr__(bench.relay._around, "on_event", fail)
    assert (await bench.second.command("SetChargingProfile", SET_PROFILE))[2] == {"status": "Accepted"}
    assert "A listener of the relay of CP1 failed" in caplog.text


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ('[2,"x","NoSuchAction",{}]', "NotImplemented"),
        ('[2,"x","Reset",{}]', "OccurenceConstraintViolation"),
        ('[2,"x","Reset",{"type":"Gently"}]', "FormationViolation"),
        ('[2,"x","Reset",[]]', "FormationViolation"),
    ],
)
async def test_command_that_breaks_the_schema_does_not_reach_the_station(
    bench: RelayBench, command: str, code: str
) -> None:
    station = await bench.station_and_relay()
    frame = await bench.second.raw(command, "x")
    assert frame[0] == 4
    assert frame[2] in {code, "FormationViolation"}
    assert station.sent("Reset") == []


async def test_command_for_a_station_that_is_away_is_told_so(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    bench.second.silent = True  # keeps the socket: there is something they must know
    await station.start(bench.now())
    await bench.until(lambda: bench.second.told("StartTransaction") != [])
    await station.close()
    await bench.until(lambda: not bench.station.state.connected)
    assert (await bench.second.command("ClearCache", {}))[:3] == [4, "c1", "GenericError"]


async def test_station_that_does_not_support_a_command_is_quoted(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    station.answers["ClearCache"] = ("NotSupported", "")
    assert (await bench.second.command("ClearCache", {}))[:3] == [4, "c1", "NotSupported"]
    station.answers["Reset"] = ("InternalError", "")
    assert (await bench.second.command("Reset", {"type": "Hard"}, "c2"))[:3] == [4, "c2", "GenericError"]


async def test_commands_they_pile_up_are_refused_while_the_station_thinks(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    station.answers["ClearCache"] = lambda _: None
    waiting = [asyncio.ensure_future(bench.second.command("ClearCache", {}, "w0"))]
    await bench.until(lambda: station.sent("ClearCache") != [])
    waiting += [asyncio.ensure_future(bench.second.command("ClearCache", {}, f"w{number}")) for number in range(1, 9)]
    await asyncio.sleep(0)
    assert (await bench.second.command("ClearCache", {}, "late"))[:3] == [4, "late", "GenericError"]
    assert not any(task.done() for task in waiting)
    for task in waiting:
        task.cancel()


async def test_secret_a_station_tells_by_mistake_is_not_passed_on(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    station.configuration["AuthorizationKey"] = "c0ffee"
    frame = await bench.second.command("GetConfiguration", {})
    told = {entry["key"]: entry.get("value") for entry in frame[2]["configurationKey"]}
    assert told["AuthorizationKey"] is None
    assert told["NumberOfConnectors"] == "1"


def test_secret_variables_are_not_passed_on() -> None:
    results: list[Any] = [
        {"variable": {"name": "BasicAuthPassword"}, "attributeValue": "c0ffee", "attributeStatus": "Accepted"},
        {"variable": {"name": "Power"}, "attributeValue": "11", "attributeStatus": "Accepted"},
        "odd",
    ]
    cleaned = without_secrets("GetVariables", {"getVariableResult": results})
    assert "c0ffee" not in str(cleaned)
    assert cleaned["getVariableResult"] == [
        {"variable": {"name": "BasicAuthPassword"}, "attributeStatus": "Accepted"},
        *results[1:],
    ]


async def test_report_they_asked_for_is_theirs_and_one_we_asked_for_is_not(bench: RelayBench) -> None:
    station = await bench.station_and_relay()
    await bench.second.command(
        "GetLog", {"logType": "DiagnosticsLog", "requestId": 77, "log": {"remoteLocation": "https://x/"}}
    )
    await station.ask("LogStatusNotification", {"status": "Uploading", "requestId": 5})
    await station.ask("LogStatusNotification", {"status": "Uploading", "requestId": 77})
    await bench.drained()
    assert bench.second.told("LogStatusNotification") == [{"status": "Uploading", "requestId": 77}]


async def test_their_word_on_who_may_charge_counts_where_it_is_theirs(bench: RelayBench) -> None:
    info = {"status": "Blocked", "parentIdTag": "FLEET"}
    bench.second.answers["Authorize"] = lambda payload: {
        "idTagInfo": info if payload["idTag"] == "BAD" else {"status": "Accepted", "expiryDate": "2027-01-01T00:00:00Z"}
    }
    station = await bench.station_and_relay(authorisation=True)
    assert (await station.ask("Authorize", {"idTag": "BAD"}))["idTagInfo"] == info
    good = await station.ask("Authorize", {"idTag": "GOOD"})
    assert good["idTagInfo"] == {"status": "Accepted", "expiryDate": "2027-01-01T00:00:00.000Z"}
    assert bench.second.told("Authorize") == [{"idTag": "BAD"}, {"idTag": "GOOD"}]  # asked, and not copied as well


@pytest.mark.parametrize("answer", ["InternalError", {}, {"idTagInfo": 5}, {"idTagInfo": {}}])
async def test_our_word_counts_where_theirs_is_none(bench: RelayBench, answer: object) -> None:
    bench.second.answers["Authorize"] = answer
    station = await bench.station_and_relay(authorisation=True)
    assert (await station.ask("Authorize", {"idTag": "T"}))["idTagInfo"]["status"] == "Accepted"


async def test_silence_about_who_may_charge_costs_five_seconds_once_a_minute(bench: RelayBench) -> None:
    station = await bench.station_and_relay(authorisation=True)
    bench.second.answers["Authorize"] = lambda _: None
    asked = asyncio.ensure_future(station.ask("Authorize", {"idTag": "T"}))
    await bench.until(lambda: bench.second.told("Authorize") != [])
    assert not asked.done()
    await bench.pass_time(5.1)
    assert (await asked)["idTagInfo"]["status"] == "Accepted"
    assert (await station.ask("Authorize", {"idTag": "U"}))["idTagInfo"]["status"] == "Accepted"
    assert len(bench.second.told("Authorize")) == 1


async def test_our_word_counts_while_they_are_away(bench: RelayBench) -> None:
    station = await bench.station_and_relay(authorisation=True)
    await bench.second.stop()
    await bench.until(lambda: not bench.relay.state.connected)
    assert (await station.ask("Authorize", {"idTag": "T"}))["idTagInfo"]["status"] == "Accepted"


async def test_transaction_they_don_not_authorise_is_told_with_our_id(bench: RelayBench) -> None:
    bench.second.answers["StartTransaction"] = {"transactionId": 3, "idTagInfo": {"status": "Invalid"}}
    station = await bench.station_and_relay(authorisation=True)
    ours = (await station.start(bench.now()))["transactionId"]
    await bench.drained()
    assert bench.heard == [TransactionRefused("CP1", str(ours), "Invalid")]


async def test_their_refusal_of_a_transaction_is_nothing_where_it_is_not_theirs_to_say(bench: RelayBench) -> None:
    bench.second.answers["StartTransaction"] = {"transactionId": 3, "idTagInfo": {"status": "Invalid"}}
    station = await bench.station_and_relay()
    assert (await station.start(bench.now()))["idTagInfo"]["status"] == "Accepted"
    await bench.drained()
    assert bench.heard == []
