"""Who may enter: unknown stations until they are confirmed, passwords while they change, and removal."""

import asyncio
from dataclasses import replace
from datetime import datetime

import aiohttp
import pytest

from custom_components.smart_charging.engine.config import LeaseTimes, StationConfig
from custom_components.smart_charging.engine.csms import lease_writer
from custom_components.smart_charging.engine.csms.central_system import CentralSystem
from custom_components.smart_charging.engine.csms.commands import CommandError
from custom_components.smart_charging.engine.csms.password_rotation import PasswordRotation
from custom_components.smart_charging.engine.csms.security import hash_password
from custom_components.smart_charging.engine.csms.state import StationEventType
from custom_components.smart_charging.engine.csms.store import AuthorizationResult
from custom_components.smart_charging.engine.model import AuthorizationStatus, Json, StoreError
from tests.engine.csms_stations.conftest import CONFIG, SETTINGS, Bench
from tests.engine.csms_stations.memory_store import MemoryStore
from tests.engine.csms_stations.raw_station import RawStation
from tests.manual_clock import ManualClock

HASHED = hash_password("old-password-16b")


async def test_an_unknown_station_waits_and_is_announced_with_its_make(empty_bench: Bench) -> None:
    bench = empty_bench
    client = await bench.dial()
    assert (await client.boot())["status"] == "Pending"
    (unknown,) = bench.unknown
    assert (unknown.station_id, unknown.vendor, unknown.model) == ("CP1", "Acme", "One")
    assert list(bench.csms.pending) == ["CP1"]
    await client.boot()
    await bench.pass_time(20)
    assert len(bench.unknown) == 1


async def test_an_unknown_station_that_says_nothing_is_announced_after_ten_seconds(empty_bench: Bench) -> None:
    bench = empty_bench
    await bench.dial()
    await bench.until(lambda: bool(bench.csms.pending))
    await bench.pass_time(11)
    assert bench.unknown[0].vendor is None


async def test_an_unknown_station_is_answered_harmlessly(empty_bench: Bench) -> None:
    bench = empty_bench
    client = await bench.dial()
    refused = {"status": "Invalid"}
    assert await client.ask("Authorize", {"idTag": "T"}) == {"idTagInfo": refused}
    assert (await client.start(bench.now()))["idTagInfo"] == refused
    assert await client.stop(1, bench.now()) == {}
    assert await client.meter(bench.now(), {"Voltage": "230"}) == {}
    assert await client.status("Available") == {}
    assert (await client.ask("Heartbeat"))["currentTime"] == "2026-06-01T10:00:00.000Z"
    with pytest.raises(ValueError, match="NotSupported"):
        await client.ask("RemoteStartTransaction", {"idTag": "T"})
    assert not bench.store.transactions


async def test_a_confirmed_station_keeps_its_socket_and_is_set_up_at_once(empty_bench: Bench) -> None:
    bench = empty_bench
    client = await bench.dial()
    await client.boot()
    await bench.csms.add_station(CONFIG)
    assert not bench.csms.pending
    assert bench.station.state.connected
    assert bench.station.state.vendor == "Acme"
    await bench.until(lambda: client.sent("TriggerMessage") == [{"requestedMessage": "BootNotification"}])
    assert (await client.boot())["status"] == "Accepted"
    await bench.until(lambda: bool(client.profiles()))
    assert not client.closed


async def test_the_sixty_fifth_unknown_station_is_refused(empty_bench: Bench) -> None:
    bench = empty_bench
    for number in range(64):
        await bench.dial(f"U{number}")
        await bench.clock.advance(1)  # unknown handshakes are limited by rate
    await bench.until(lambda: len(bench.csms.pending) == 64)
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await bench.dial("U64")


async def test_unknown_stations_that_come_at_once_share_the_same_room(socket_enabled: None) -> None:
    store = MemoryStore()
    csms = CentralSystem(
        clock=ManualClock(),
        transactions=store,
        memory=store,
        authorizer=store,
        lease=LeaseTimes(),
        settings=replace(SETTINGS, max_pending=4),
    )
    port = await csms.start("127.0.0.1", 0)
    clients = [RawStation(f"U{number}") for number in range(8)]
    try:
        await asyncio.gather(*(client.connect(port) for client in clients))
        async with asyncio.timeout(5):
            while sum(client.closed for client in clients) < 4 or len(csms.pending) < 4:
                await asyncio.sleep(0.001)
        assert len(csms.pending) == 4
        assert {client.station_id for client in clients if not client.closed} == set(csms.pending)
    finally:
        for client in clients:
            await client.close()
        await csms.stop()


async def test_an_unknown_station_that_left_is_forgotten(empty_bench: Bench) -> None:
    bench = empty_bench
    client = await bench.dial()
    await bench.until(lambda: bool(bench.csms.pending))
    await client.close()
    await bench.until(lambda: not bench.csms.pending)
    await bench.csms.add_station(CONFIG)
    assert not bench.station.state.connected


async def enters(bench: Bench, password: str | None) -> bool:
    """Return whether CP1 gets in with this password, and leave again."""
    client = RawStation("CP1")
    bench.clients.append(client)
    try:
        await client.connect(bench.port, password=password)
    except aiohttp.WSServerHandshakeError:
        return False
    await bench.until(lambda: bench.station.state.connected)
    await client.close()
    await bench.until(lambda: not bench.station.state.connected)
    await bench.pass_time(2)  # failed handshakes are limited by rate
    return True


async def test_a_station_enters_with_its_password_only(empty_bench: Bench) -> None:
    bench = empty_bench
    await bench.csms.add_station(StationConfig("CP1", "Garage", password_hash=HASHED))
    assert await enters(bench, "old-password-16b")
    assert not await enters(bench, None)
    assert not await enters(bench, "something else")


async def test_a_station_without_password_needs_the_explicit_choice(empty_bench: Bench) -> None:
    bench = empty_bench
    await bench.csms.add_station(StationConfig("CP1", "Garage"))
    assert not await enters(bench, None)


async def test_the_old_password_opens_until_the_new_one_was_used(empty_bench: Bench) -> None:
    bench = empty_bench
    config = StationConfig("CP1", "Garage", password_hash=HASHED)
    await bench.csms.add_station(config)
    client = await bench.dial(password="old-password-16b")
    await bench.until(lambda: bench.station.state.connected)
    await bench.station.access.set_password("new-password-16b")
    assert client.sent("ChangeConfiguration")[-1] == {
        "key": "AuthorizationKey",
        "value": b"new-password-16b".hex(),
    }
    await bench.csms.update_station(replace(config, password_hash=hash_password("new-password-16b")))
    await client.close()
    await bench.until(lambda: not bench.station.state.connected)
    assert await enters(bench, "old-password-16b")
    assert await enters(bench, b"new-password-16b".hex())
    assert not await enters(bench, "old-password-16b")
    assert await enters(bench, "new-password-16b")


@pytest.mark.parametrize("password", ["p" * 21, "ab" * 21, "ü" * 11])
async def test_a_password_that_no_station_can_hold_is_refused_before_it_is_sent(bench: Bench, password: str) -> None:
    client = await bench.ready()
    sent = len(client.sent("ChangeConfiguration"))
    with pytest.raises(CommandError, match="20 bytes"):
        await bench.station.access.set_password(password)
    assert len(client.sent("ChangeConfiguration")) == sent
    assert bench.store.learnt["CP1"]["passwords"] == PasswordRotation().to_json()
    await bench.station.access.set_password("p" * 20)
    assert client.sent("ChangeConfiguration")[-1]["value"] == "70" * 20


async def test_a_refused_password_opens_nothing(empty_bench: Bench) -> None:
    bench = empty_bench
    await bench.csms.add_station(StationConfig("CP1", "Garage", password_hash=HASHED))
    client = await bench.dial(password="old-password-16b")
    await bench.until(lambda: bench.station.state.connected)
    client.answers["ChangeConfiguration"] = {"status": "Rejected"}
    with pytest.raises(Exception, match="rejected"):
        await bench.station.access.set_password("new-password-16b")
    await client.close()
    await bench.until(lambda: not bench.station.state.connected)
    assert not await enters(bench, "new-password-16b")
    assert await enters(bench, "old-password-16b")


async def test_a_password_whose_answer_was_lost_locks_nobody_out(empty_bench: Bench) -> None:
    bench = empty_bench
    await bench.csms.add_station(StationConfig("CP1", "Garage", password_hash=HASHED))
    client = await bench.dial(password="old-password-16b")
    await bench.until(lambda: bench.station.state.connected)
    client.answers["ChangeConfiguration"] = lambda _: None
    asking = asyncio.create_task(bench.station.access.set_password("new-password-16b"))
    await bench.until(lambda: bool(client.sent("ChangeConfiguration")))
    await bench.pass_time(31)
    with pytest.raises(Exception, match="timeout"):
        await asking
    await client.close()
    await bench.until(lambda: not bench.station.state.connected)
    assert await enters(bench, "old-password-16b")
    assert await enters(bench, "new-password-16b")


async def test_a_removed_station_loses_our_profiles_and_its_socket(bench: Bench) -> None:
    client = await bench.ready()
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.until(lambda: len(client.profiles()) == 2)
    ours = {profile["chargingProfileId"] for profile in client.profiles()}
    await bench.csms.remove_station("CP1")
    assert {payload["id"] for payload in client.sent("ClearChargingProfile")} == ours
    await bench.until(lambda: client.closed)
    assert not bench.csms.stations


async def test_a_newer_socket_serves_the_station_and_the_older_one_s_end_changes_nothing(empty_bench: Bench) -> None:
    bench = empty_bench
    await bench.csms.add_station(StationConfig("CP1", "Garage", password_hash=HASHED))
    old = await bench.dial(password="old-password-16b")
    await bench.until(lambda: bench.station.state.connected)
    new = await bench.dial(password="old-password-16b")
    await bench.until(lambda: len(bench.told(StationEventType.CONNECTED)) == 2)
    await bench.until(lambda: old.closed)
    await old.close()
    await new.ask("Heartbeat")
    assert bench.station.state.connected
    assert bench.events[-1].type is not StationEventType.DISCONNECTED


async def test_a_station_can_t_be_added_twice(bench: Bench) -> None:
    with pytest.raises(ValueError, match="CP1"):
        await bench.csms.add_station(CONFIG)


async def test_a_listener_that_fails_keeps_no_station_from_its_answer(bench: Bench) -> None:
    def fail(_event: object) -> None:
        raise RuntimeError("listener")

    stop = bench.csms.subscribe(fail)
    client = await bench.dial()
    assert (await client.boot())["status"] == "Accepted"
    stop()
    told = len(bench.events)
    await client.status("Available", timestamp=bench.now())
    assert len(bench.events) > told


async def test_messages_of_every_kind_are_answered(bench: Bench) -> None:
    client = await bench.ready()
    assert await client.ask("DataTransfer", {"vendorId": "v"}) == {"status": "UnknownVendorId"}
    assert await client.ask("FirmwareStatusNotification", {"status": "Downloading"}) == {}
    assert await client.ask("DiagnosticsStatusNotification", {"status": "Uploading"}) == {}
    assert (bench.station.state.firmware_status, bench.station.state.diagnostics_status) == (
        "Downloading",
        "Uploading",
    )
    assert bench.told(StationEventType.FIRMWARE)
    with pytest.raises(ValueError, match="NotSupported"):
        await client.ask("Reset", {"type": "Hard"})
    with pytest.raises(ValueError, match="NotImplemented"):
        await client.ask("TransactionStarted", {})


async def test_what_breaks_the_schema_is_counted_and_used(bench: Bench) -> None:
    client = await bench.ready()
    await client.status("charging", errorCode="Error", timestamp=bench.now(), strange="field")
    assert bench.evse.status is not None
    assert bench.evse.error_code == "Error"
    assert bench.station.state.deviations
    await client.status("Dancing", timestamp=bench.now())
    assert bench.station.state.deviations["StatusNotification: unknown status"] == 1


async def test_the_offset_of_a_station_s_clock_makes_no_message_late(bench: Bench) -> None:
    client = await bench.ready()
    for _ in range(3):
        await client.status("Available", timestamp=bench.now(-1200))
        await bench.pass_time(10)
    await client.meter(bench.now(-1200), {"Power.Active.Import": "7000"})
    assert bench.evse.measurement is not None


async def test_a_station_that_can_t_be_taken_over_dials_again_as_a_known_one(empty_bench: Bench) -> None:
    bench = empty_bench
    client = await bench.dial()
    await client.boot()
    loads = 0

    async def fail_at_the_second(station_id: str) -> tuple[()]:
        nonlocal loads
        loads += 1
        if loads > 1:
            raise StoreError("disk full")
        return ()

    bench.store.open_transactions = fail_at_the_second  # type: ignore[method-assign]
    await bench.csms.add_station(CONFIG)
    await bench.until(lambda: client.closed)
    assert not bench.station.state.connected
    del bench.store.open_transactions  # type: ignore[attr-defined]
    again = await bench.dial()
    assert (await again.boot())["status"] == "Accepted"


async def test_a_connector_that_no_station_has_is_refused(bench: Bench) -> None:
    client = await bench.ready()
    for connector in (65, -1, 10**9):
        with pytest.raises(ValueError, match="PropertyConstraintViolation"):
            await client.status("Available", connector)
    assert list(bench.station.state.evses) == [1]


async def test_limits_are_kept_although_one_attempt_broke(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await bench.ready()

    def fail(*_arguments: object) -> dict[str, Json]:
        raise RuntimeError("defect")

    monkeypatch.setattr(lease_writer, "lease_profile", fail)
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.pass_time(5)
    monkeypatch.undo()
    assert len(client.profiles()) == 1
    await bench.pass_time(6)
    await bench.until(lambda: len(client.profiles()) == 2)


async def test_a_removed_station_out_of_reach_is_forgotten_all_the_same(bench: Bench) -> None:
    client = await bench.ready()
    await client.close()
    await bench.until(lambda: not bench.station.state.connected)
    await bench.csms.remove_station("CP1")
    assert not bench.csms.stations


async def test_an_adopted_station_s_oddities_are_counted(empty_bench: Bench) -> None:
    bench = empty_bench
    client = await bench.dial()
    await client.boot()
    with pytest.raises(ValueError, match="NotImplemented"):
        await client.ask("TransactionStarted", {})
    await bench.csms.add_station(CONFIG)
    assert not bench.station.state.deviations
    with pytest.raises(ValueError, match="NotImplemented"):
        await client.ask("TransactionStarted", {})
    assert bench.station.state.deviations == {"unknown action": 1}


async def test_security_messages_are_acknowledged_and_certificates_refused(bench: Bench) -> None:
    client = await bench.ready()
    assert await client.ask("SecurityEventNotification", {"type": "X", "timestamp": bench.now()}) == {}
    assert await client.ask("LogStatusNotification", {"status": "Idle"}) == {}
    assert await client.ask("SignCertificate", {"csr": "x"}) == {"status": "Rejected"}


async def test_what_is_known_of_a_tag_is_told_to_the_station(bench: Bench) -> None:
    client = await bench.ready()

    async def authorize(
        station_id: str, id_token: str, now: datetime, evse_id: int | None = None, *, in_person: bool = True
    ) -> AuthorizationResult:
        return AuthorizationResult(AuthorizationStatus.ACCEPTED, "FAMILY", now)

    bench.store.authorize = authorize  # type: ignore[method-assign]
    answer = await client.ask("Authorize", {"idTag": "T"})
    assert answer["idTagInfo"] == {
        "status": "Accepted",
        "parentIdTag": "FAMILY",
        "expiryDate": "2026-06-01T10:00:00.000Z",
    }


async def test_a_station_known_from_before_is_told_its_limit_as_soon_as_it_talks(bench: Bench) -> None:
    client = await bench.ready()
    bench.station.set_limit(1, 12.0, 6.0)
    await bench.until(lambda: len(client.profiles()) == 2)
    await client.close()
    await bench.csms.remove_station("CP1")
    await bench.csms.add_station(CONFIG)
    bench.station.set_limit(1, 12.0, 6.0)
    again = await bench.dial()
    await again.ask("Heartbeat")
    await bench.until(lambda: len(again.profiles()) == 2)
    assert bench.station.state.capabilities.max_stack_level == 8
    await bench.until(lambda: {"requestedMessage": "BootNotification"} in again.sent("TriggerMessage"))
