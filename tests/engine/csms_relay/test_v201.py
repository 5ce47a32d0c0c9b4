"""A station of OCPP 2.0.1 at its second central system: ids pass unchanged."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.commands import CommandError, CommandErrorCode
from custom_components.smart_charging.engine.csms.relay.hook import RelayAuthorizer
from custom_components.smart_charging.engine.csms.relay.limits import LimitSet, RelayEvent, TransactionRefused
from custom_components.smart_charging.engine.csms.relay.link import open_http
from custom_components.smart_charging.engine.csms.relay.session import RelaySession, RelaySurroundings
from custom_components.smart_charging.engine.csms.schemas import schemas_of
from custom_components.smart_charging.engine.model import AuthorizationStatus, Json
from custom_components.smart_charging.engine.relay_config import RelayConfig, RelayPolicy
from tests.engine.csms_stations.memory_store import MemoryStore
from tests.engine.csms_transport.station_side import eventually
from tests.manual_clock import ManualClock

from .conftest import MemoryRelayStore
from .second_system import SecondSystem

BOOT: dict[str, Any] = {"reason": "PowerUp", "chargingStation": {"model": "One", "vendorName": "Acme"}}


@dataclass
class Scene:
    """A relay between a station's own side, which a test plays, and a second central system."""

    clock: ManualClock = field(default_factory=ManualClock)
    second: SecondSystem = field(default_factory=lambda: SecondSystem(protocol="ocpp2.0.1"))
    kept: MemoryRelayStore = field(default_factory=MemoryRelayStore)
    asked: list[tuple[str, Mapping[str, Json]]] = field(default_factory=list)
    heard: list[RelayEvent] = field(default_factory=list)
    answers: dict[str, dict[str, Json]] = field(default_factory=dict)
    relay: RelaySession = field(init=False)

    async def call(self, action: str, payload: Mapping[str, Json], *, timeout_s: float = 30.0) -> dict[str, Json]:
        """Answer as the station."""
        if action == "Reset":
            raise CommandError(CommandErrorCode.TIMEOUT, action)
        self.asked.append((action, payload))
        return {"status": "Accepted", **self.answers.get(action, {})}

    async def drained(self) -> None:
        await eventually(lambda: self.relay.state.accepted and self.relay.state.waiting == 0)

    async def event(self, kind: str, number: int, **more: Any) -> None:
        """Tell a TransactionEvent."""
        payload = {
            "eventType": kind,
            "timestamp": "2026-06-01T10:00:00Z",
            "triggerReason": "Authorized",
            "seqNo": number,
            "transactionInfo": {"transactionId": "tx-1"},
            **more,
        }
        await self.relay.take("TransactionEvent", payload, {})


@pytest.fixture
async def scene(socket_enabled: None) -> AsyncGenerator[Scene]:
    scene = Scene()
    await scene.second.start()
    http = open_http()
    around = RelaySurroundings(scene.clock, http, scene.heard.append, jitter=lambda: 0.0)
    config = RelayConfig(
        scene.second.url, policy=RelayPolicy.ALL_BUT_LIMITS, allow_unencrypted=True, authorisation=True
    )
    scene.relay = RelaySession("CP1", config, scene, scene.kept, schemas_of("ocpp2.0.1"), around)
    await scene.relay.start()
    scene.relay.set_online(True)
    scene.second.answers["Authorize"] = {"idTokenInfo": {"status": "Accepted"}}
    await scene.relay.take("BootNotification", BOOT, {})
    await scene.drained()
    yield scene
    await scene.relay.stop()
    await scene.second.stop()
    await http.close()
    assert scene.second.errors == []


async def test_transaction_passes_with_its_own_id_over_an_outage(scene: Scene) -> None:
    await scene.event("Started", 0, idToken={"idToken": "T", "type": "ISO14443"})
    await scene.drained()
    await scene.second.stop()
    await scene.event("Updated", 1)
    await scene.event("Ended", 2)
    await scene.second.start()
    await scene.clock.advance(60, settle=0.003)
    await scene.drained()
    events = scene.second.told("TransactionEvent")
    assert [event["seqNo"] for event in events] == [0, 1, 2]
    assert {event["transactionInfo"]["transactionId"] for event in events} == {"tx-1"}
    assert scene.second.told("BootNotification") == [BOOT]


async def test_commands_pass_but_for_limits(scene: Scene) -> None:
    profile = {
        "id": 3,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "transactionId": "tx-1",
        "chargingSchedule": [
            {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}]}
        ],
    }
    start = {"idToken": {"idToken": "T", "type": "ISO14443"}, "remoteStartId": 1, "evseId": 1}
    frame = await scene.second.command("RequestStartTransaction", {**start, "chargingProfile": profile})
    assert frame[2] == {"status": "Accepted"}
    assert scene.asked == [("RequestStartTransaction", start)]
    frame = await scene.second.command("SetChargingProfile", {"evseId": 1, "chargingProfile": profile}, "c2")
    assert frame[2] == {"status": "Accepted"}
    limits = [event.limit for event in scene.heard if isinstance(event, LimitSet)]
    assert [(limit.evse_id, limit.transaction_id) for limit in limits] == [(1, "tx-1")] * 2
    frame = await scene.second.command("Reset", {"type": "Immediate"}, "c3")
    assert frame[:3] == [4, "c3", "GenericError"]
    frame = await scene.second.command("RequestStopTransaction", {"transactionId": "tx-1"}, "c4")
    assert scene.asked[-1] == ("RequestStopTransaction", {"transactionId": "tx-1"})
    await eventually(lambda: scene.second.errors == [])


async def test_reports_go_to_who_asked_for_them_and_old_requests_are_forgotten(scene: Scene) -> None:
    report = {"generatedAt": "2026-06-01T10:00:00Z", "seqNo": 0}
    for number in range(70):
        await scene.second.command("GetBaseReport", {"requestId": number, "reportBase": "FullInventory"}, f"b{number}")
    for number in (2, 69, 500):
        await scene.relay.take("NotifyReport", {**report, "requestId": number}, {})
    await scene.drained()
    assert [told["requestId"] for told in scene.second.told("NotifyReport")] == [69]


async def test_who_may_charge_is_asked_in_the_form_of_2x(scene: Scene) -> None:
    group = {"status": "Accepted", "groupIdToken": {"idToken": "FLEET", "type": "Central"}}
    scene.second.answers["Authorize"] = lambda payload: {
        "idTokenInfo": group if payload["idToken"]["idToken"] == "T" else {"status": "NoCredit"}
    }
    authorizer = RelayAuthorizer(MemoryStore(), {"CP1": scene.relay})
    result = await authorizer.authorize("CP1", "T", scene.clock.now())
    assert (result.status, result.parent_id_token) == (AuthorizationStatus.ACCEPTED, "FLEET")
    result = await authorizer.authorize("CP1", "U", scene.clock.now())
    assert result.status is AuthorizationStatus.INVALID
    result = await authorizer.authorize("CP2", "U", scene.clock.now())
    assert result.status is AuthorizationStatus.ACCEPTED


async def test_transaction_they_do_not_authorise_is_told(scene: Scene) -> None:
    scene.second.answers["TransactionEvent"] = {"idTokenInfo": {"status": "Blocked"}}
    await scene.event("Started", 0, idToken={"idToken": "T", "type": "ISO14443"})
    await scene.event("Updated", 1)
    await scene.drained()
    assert scene.heard == [TransactionRefused("CP1", "tx-1", "Blocked")]


async def test_limit_kept_that_is_none_any_more_is_forgotten(scene: Scene) -> None:
    await scene.relay.stop()
    scene.kept.lines.append(b'{"profile":8,"request":{"evseId":1}}')
    again = RelaySession("CP1", scene.relay._config, scene, scene.kept, scene.relay._schemas, scene.relay._around)
    await again.start()
    await again.stop()
    assert scene.kept.lines[-1] == b'{"profile":8,"request":null}'
    assert scene.heard == []


async def test_no_room_at_all_is_logged_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.relay._backlog._max_bytes = 10
    for _ in range(3):
        await scene.event("Ended", 1)
    assert scene.relay.state.lost == 3
    assert caplog.text.count("no more room") == 1


async def test_start_of_a_schedule_far_off_is_waited_for(scene: Scene) -> None:
    periods = [{"startPeriod": 0, "limit": 10.0}]
    schedule = {
        "id": 1,
        "chargingRateUnit": "W",
        "startSchedule": "2026-06-02T10:00:00Z",
        "chargingSchedulePeriod": periods,
    }
    profile = {
        "id": 4,
        "stackLevel": 0,
        "chargingProfilePurpose": "ChargingStationMaxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [schedule],
    }
    await scene.second.command("SetChargingProfile", {"evseId": 0, "chargingProfile": profile})
    [event] = scene.heard
    assert isinstance(event, LimitSet)
    assert event.limit.bound(scene.clock.now()) is None
    assert event.limit.bound(scene.clock.now() + timedelta(days=1)) is not None


async def test_answer_and_profile_nested_too_deeply_harm_nothing(scene: Scene) -> None:
    nested: Any = []
    for _ in range(300):
        nested = [nested]
    scene.answers["ClearCache"] = {"customData": nested}
    assert (await scene.second.command("ClearCache", {}))[:3] == [4, "c1", "InternalError"]
    periods = [{"startPeriod": 0, "limit": 10.0}]
    profile = {
        "id": 4,
        "stackLevel": 0,
        "chargingProfilePurpose": "ChargingStationMaxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": [{"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": periods}],
        "customData": {"vendorId": "x", "more": nested},
    }
    frame = await scene.second.command("SetChargingProfile", {"evseId": 0, "chargingProfile": profile}, "c2")
    assert frame[:3] == [4, "c2", "InternalError"]
    assert scene.heard == []
    assert (await scene.second.command("ClearCache", {"customData": {"vendorId": "x"}}, "c3"))[0] == 4
    assert len(scene.second.handshakes) == 1
