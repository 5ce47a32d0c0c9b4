"""A station's second central system as it is configured: begun, changed and ended while the station charges."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from custom_components.smart_charging.engine.config import LeaseTimes, StationConfig
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.csms.relay.hook import RelayTap
from custom_components.smart_charging.engine.csms.relay.limits import LimitSet, RelayEvent, TransactionRefused
from custom_components.smart_charging.engine.csms.relay.state import RelayCondition, RelayState
from custom_components.smart_charging.engine.model import Json
from custom_components.smart_charging.engine.relay_config import RelayConfig, RelayPolicy, Secret
from tests.engine.csms_stations.conftest import CONFIG, SETTINGS, Bench
from tests.engine.csms_stations.memory_store import MemoryStore
from tests.manual_clock import ManualClock

from .second_system import SecondSystem


@dataclass
class WiredBench(Bench):
    """A central system with an independent second one; nothing in between but what is configured."""

    second: SecondSystem = field(default_factory=SecondSystem)
    heard: list[RelayEvent] = field(default_factory=list)
    directory: Path = Path()

    def relay(self, **changes: Any) -> RelayConfig:
        values: dict[str, Any] = {"url": self.second.url, "password": Secret("secret"), "allow_unencrypted": True}
        return RelayConfig(**values | changes)

    def config(self, **changes: Any) -> StationConfig:
        return replace(CONFIG, relay=self.relay(**changes))

    @property
    def state(self) -> RelayState:
        state = self.csms.relays.state("CP1")
        assert state is not None
        return state

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in self.directory.glob("*"))

    async def told(self, action: str, count: int = 1) -> dict[str, Any]:
        await self.until(lambda: len(self.second.told(action)) >= count)
        return self.second.told(action)[-1]


@pytest.fixture
async def bench(socket_enabled: None, tmp_path: Path) -> AsyncGenerator[WiredBench]:
    store, clock = MemoryStore(), ManualClock()
    directory = tmp_path / "relay"
    csms = CentralSystem(
        clock=clock,
        transactions=store,
        memory=store,
        authorizer=store,
        lease=LeaseTimes(),
        settings=replace(SETTINGS, relay_directory=directory),
    )
    bench = WiredBench(csms, clock, store, directory=directory)
    csms.subscribe(bench.events.append)
    csms.relays.subscribe(bench.heard.append)
    bench.port = await csms.start("127.0.0.1", 0)
    await bench.second.start()
    yield bench
    for client in bench.clients:
        await client.close()
    await csms.stop()
    await bench.second.stop()
    assert bench.second.errors == []


async def test_a_configured_station_is_shown_to_the_second_central_system(bench: WiredBench) -> None:
    await bench.csms.add_station(bench.config())
    assert bench.state.condition is RelayCondition.WAITING
    assert not bench.second.connected
    station = await bench.ready()
    assert (await bench.told("BootNotification"))["chargePointVendor"]
    await bench.until(lambda: bench.state.condition is RelayCondition.CONNECTED)
    assert bench.second.logins == [("CP1", b"secret")]
    started = await station.ask("StartTransaction", start(bench))
    await station.ask(
        "StopTransaction", {"transactionId": started["transactionId"], "meterStop": 2000, "timestamp": bench.now()}
    )
    assert (await bench.told("StartTransaction"))["meterStart"] == 1000
    assert (await bench.told("StopTransaction"))["meterStop"] == 2000
    await bench.until(lambda: bench.state.waiting == 0)


def start(bench: WiredBench) -> dict[str, Any]:
    return {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, "timestamp": bench.now()}


async def test_a_station_without_one_opens_no_connection_and_no_file(bench: WiredBench) -> None:
    await bench.csms.add_station(CONFIG)
    await bench.ready()
    assert bench.csms.relays.state("CP1") is None
    assert not bench.directory.exists()
    assert bench.second.handshakes == []


async def test_a_relay_added_to_a_connected_station_asks_it_to_introduce_itself(bench: WiredBench) -> None:
    await bench.csms.add_station(CONFIG)
    station = await bench.ready()
    boots = len(station.sent("TriggerMessage"))
    await bench.csms.update_station(bench.config())
    await bench.pass_time(0)
    await bench.until(lambda: {"requestedMessage": "BootNotification"} in station.sent("TriggerMessage")[boots:])
    await station.boot()
    await bench.told("BootNotification")
    assert (await station.ask("Heartbeat", {}))["currentTime"]


async def test_a_station_that_only_came_back_introduces_itself_after_a_while(bench: WiredBench) -> None:
    await bench.csms.add_station(CONFIG)
    await (await bench.ready()).close()
    await bench.until(lambda: bench.station.connection is None)
    await bench.csms.update_station(bench.config())
    station = await bench.dial()
    await station.ask("Heartbeat", {})
    await bench.pass_time(31)
    await bench.until(lambda: {"requestedMessage": "BootNotification"} in station.sent("TriggerMessage"))


async def test_a_relay_that_is_taken_away_leaves_nothing_and_the_station_stays(bench: WiredBench) -> None:
    await bench.csms.add_station(bench.config())
    station = await bench.ready()
    await bench.told("BootNotification")
    await station.ask("StartTransaction", start(bench))
    await bench.until(lambda: bool(bench.files))
    await bench.csms.update_station(CONFIG)
    await bench.until(lambda: not bench.second.connected)
    assert bench.csms.relays.state("CP1") is None
    assert bench.files == []
    assert (await station.ask("Heartbeat", {}))["currentTime"]


async def test_what_waits_is_kept_over_another_policy_and_not_for_another_address(bench: WiredBench) -> None:
    await bench.csms.add_station(bench.config())
    station = await bench.ready()
    await bench.until(lambda: bench.state.accepted and bench.state.waiting == 0)
    await bench.second.stop()
    await bench.until(lambda: not bench.state.connected)
    await station.ask("StartTransaction", start(bench))
    await bench.csms.update_station(bench.config(policy=RelayPolicy.START_STOP))
    assert bench.state.waiting == 1
    await bench.csms.update_station(bench.config(identity="elsewhere"))
    assert bench.state.waiting == 0


async def test_a_removed_station_takes_its_relay_with_it(bench: WiredBench) -> None:
    await bench.csms.add_station(bench.config())
    station = await bench.ready()
    await station.ask("StartTransaction", start(bench))
    await bench.csms.remove_station("CP1")
    assert bench.files == []
    await bench.until(lambda: not bench.second.connected)


async def test_a_station_that_waited_is_introduced_when_it_is_taken_in(bench: WiredBench) -> None:
    station = await bench.dial()
    assert (await station.boot())["status"] == "Pending"
    await bench.csms.add_station(bench.config())
    assert (await bench.told("BootNotification"))["chargePointVendor"]


async def test_the_second_central_system_sees_the_station_go(bench: WiredBench) -> None:
    await bench.csms.add_station(bench.config())
    station = await bench.ready()
    await bench.until(lambda: bench.state.accepted and bench.state.waiting == 0)
    await station.close()
    await bench.until(lambda: not bench.second.connected)
    assert bench.state.condition is RelayCondition.WAITING


async def test_a_refused_login_is_told(bench: WiredBench) -> None:
    bench.second.status = 401
    await bench.csms.add_station(bench.config())
    await bench.ready()
    await bench.until(lambda: bench.state.condition is RelayCondition.REFUSED)


async def test_a_refused_station_is_told_until_it_is_accepted(bench: WiredBench) -> None:
    bench.second.answers["BootNotification"] = {
        "status": "Rejected",
        "currentTime": "2026-06-01T10:00:00Z",
        "interval": 60,
    }
    await bench.csms.add_station(bench.config())
    await bench.ready()
    await bench.until(lambda: bench.state.condition is RelayCondition.REFUSED)
    del bench.second.answers["BootNotification"]
    await bench.pass_time(61)
    await bench.until(lambda: bench.state.condition is RelayCondition.CONNECTED)


async def test_who_may_charge_is_theirs_to_say_where_that_is_configured(bench: WiredBench) -> None:
    bench.second.answers["Authorize"] = {"idTagInfo": {"status": "Blocked"}}
    bench.second.answers["StartTransaction"] = {"transactionId": 7, "idTagInfo": {"status": "Blocked"}}
    await bench.csms.add_station(bench.config(authorisation=True))
    station = await bench.ready()
    await bench.until(lambda: bench.state.accepted)
    assert (await station.ask("Authorize", {"idTag": "TAG"}))["idTagInfo"]["status"] == "Blocked"
    started = await station.ask("StartTransaction", start(bench))
    await bench.until(lambda: bool(bench.heard))
    assert bench.heard == [TransactionRefused("CP1", str(started["transactionId"]), "Blocked")]
    await bench.csms.update_station(bench.config())
    assert (await station.ask("Authorize", {"idTag": "TAG"}))["idTagInfo"]["status"] == "Accepted"


async def test_commands_reach_the_station_on_its_socket(bench: WiredBench) -> None:
    await bench.csms.add_station(bench.config(policy=RelayPolicy.START_STOP))
    station = await bench.ready()
    await bench.until(lambda: bench.state.accepted)
    answer = await bench.second.command("UnlockConnector", {"connectorId": 1})
    assert answer[0] == 3
    assert station.sent("UnlockConnector") == [{"connectorId": 1}]


async def test_limits_are_known_over_a_restart(bench: WiredBench) -> None:
    await bench.csms.add_station(bench.config(policy=RelayPolicy.START_STOP))
    await bench.ready()
    await bench.until(lambda: bench.state.accepted)
    assert (await bench.second.command("SetChargingProfile", profile(10)))[2] == {"status": "Accepted"}
    (event,) = bench.heard
    assert isinstance(event, LimitSet)
    assert bench.csms.relays.by_station["CP1"].limits == (event.limit,)
    await bench.csms.update_station(bench.config(policy=RelayPolicy.ALL_BUT_LIMITS))
    assert [limit.periods for limit in bench.csms.relays.by_station["CP1"].limits] == [((0, 10.0, None),)]
    await bench.until(lambda: bench.state.accepted)
    await bench.second.command("ClearChargingProfile", {"id": 1})
    assert bench.csms.relays.by_station["CP1"].limits == ()


def profile(limit: float, purpose: str = "ChargePointMaxProfile") -> dict[str, Any]:
    return {
        "connectorId": 0,
        "csChargingProfiles": {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": purpose,
            "chargingProfileKind": "Absolute",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
            },
        },
    }


async def test_a_relay_without_a_directory_is_refused() -> None:
    store = MemoryStore()
    csms = CentralSystem(
        clock=ManualClock(), transactions=store, memory=store, authorizer=store, lease=LeaseTimes(), settings=SETTINGS
    )
    with pytest.raises(ValueError, match="directory"):
        await csms.add_station(replace(CONFIG, relay=RelayConfig("wss://example.org")))
    await csms.stop()


async def test_what_was_said_in_another_version_is_told_in_it(bench: WiredBench) -> None:
    await bench.csms.add_station(bench.config(policy=RelayPolicy.START_STOP))
    station = await bench.ready()
    await bench.until(lambda: bench.state.accepted and bench.state.waiting == 0)
    await bench.second.command("SetChargingProfile", profile(10))
    await bench.second.stop()
    await bench.until(lambda: not bench.state.connected)
    await station.ask("StartTransaction", start(bench))
    relay = bench.csms.relays.by_station["CP1"]
    await relay.speak("ocpp2.0.1")
    assert (relay.state.waiting, relay.limits, relay.knows_boot) == (0, (), False)
    assert len(bench.files) == 1
    await bench.second.start()
    await bench.pass_time(10)
    assert (await bench.told("StartTransaction"))["meterStart"] == 1000
    await bench.until(lambda: not bench.second.connected)


async def test_what_waits_is_told_after_a_restart_even_while_the_station_is_away(bench: WiredBench) -> None:
    await bench.csms.add_station(bench.config())
    station = await bench.ready()
    await bench.until(lambda: bench.state.accepted and bench.state.waiting == 0)
    await bench.second.stop()
    await bench.until(lambda: not bench.state.connected)
    await station.ask("StartTransaction", start(bench))
    await bench.csms.stop()
    await bench.second.start()
    csms = CentralSystem(
        clock=bench.clock,
        transactions=bench.store,
        memory=bench.store,
        authorizer=bench.store,
        lease=LeaseTimes(),
        settings=replace(SETTINGS, relay_directory=bench.directory),
    )
    await csms.add_station(bench.config())
    assert (await bench.told("StartTransaction"))["meterStart"] == 1000
    await csms.stop()


async def test_a_listener_that_fails_keeps_no_limit_from_the_others(
    bench: WiredBench, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_event: RelayEvent) -> None:
        raise RuntimeError("no")

    unsubscribe = bench.csms.relays.subscribe(fail)
    heard: list[RelayEvent] = []
    bench.csms.relays.subscribe(heard.append)
    await bench.csms.add_station(bench.config(policy=RelayPolicy.START_STOP))
    await bench.ready()
    await bench.until(lambda: bench.state.accepted)
    await bench.second.command("SetChargingProfile", profile(10))
    assert len(heard) == 1
    assert "A listener failed" in caplog.text
    unsubscribe()


async def test_a_handler_is_told_of_an_answer_that_the_station_refused() -> None:
    class Handler:
        refused: ClassVar[list[str]] = []

        async def handle_call(
            self, action: str, payload: dict[str, Json], deviations: tuple[str, ...]
        ) -> dict[str, Json]:
            return {}

        def note_deviation(self, kind: str) -> None:
            """Count nothing."""

    class Curious(Handler):
        def answer_refused(self, action: str, code: str, description: str) -> None:
            self.refused.append(f"{action} {code} {description}")

    class Nobody:
        async def take(self, action: str, payload: Mapping[str, Json], answer: Mapping[str, Json]) -> None:
            """Take nothing."""

    RelayTap(Handler(), Nobody()).answer_refused("Heartbeat", "FormatViolation", "x")
    RelayTap(Curious(), Nobody()).answer_refused("Heartbeat", "FormatViolation", "x")
    assert Handler.refused == ["Heartbeat FormatViolation x"]
