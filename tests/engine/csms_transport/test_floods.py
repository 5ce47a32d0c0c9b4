"""Rates and caps: what comes too fast is slowed down, what guesses is held off, and nobody else pays for it."""

import asyncio

import aiohttp
import pytest

from benchmarks.fuzz.wires import Wire, fed
from custom_components.smart_charging.engine.csms.inbox import Inbox
from custom_components.smart_charging.engine.csms.limits import HandshakeLimiter, TokenBucket, network_of
from custom_components.smart_charging.engine.csms.rpc import Call
from custom_components.smart_charging.engine.csms.schemas import schemas_of
from custom_components.smart_charging.engine.csms.security import hash_password
from custom_components.smart_charging.engine.csms.server import Access, Admission, ServerSettings
from custom_components.smart_charging.engine.model import Json
from tests.manual_clock import ManualClock

from .station_side import Client, Handler, OpenPort, Port, RecordingSink, eventually

PASSWORD = "correct horse 16"
SLOW = ServerSettings(message_burst=10, messages_per_s=20, close_timeout_s=0.05)


async def read_replay(client: Client, count: int) -> list[str]:
    return [str((await client.receive())[1]) for _ in range(count)]


async def test_replay_is_slowed_to_twenty_messages_a_second_and_none_is_lost(
    open_port: OpenPort, sink: RecordingSink, clock: ManualClock
) -> None:
    client = await (await open_port(SLOW)).dial()
    reading = asyncio.ensure_future(read_replay(client, 110))
    for number in range(110):
        await client.send([2, str(number), "Heartbeat", {}])
    await eventually(lambda: len(sink.handler.calls) == 10)
    await clock.advance(1.0, settle=0.002)
    assert 28 <= len(sink.handler.calls) <= 32
    await clock.advance(4.2, settle=0.002)
    assert await reading == [str(number) for number in range(110)]
    assert not sink.ended


async def test_burst_after_a_quiet_time_is_not_slowed(
    open_port: OpenPort, sink: RecordingSink, clock: ManualClock
) -> None:
    client = await (await open_port(SLOW)).dial()
    for _ in range(3):
        for number in range(10):
            await client.send([2, str(number), "Heartbeat", {}])
        await read_replay(client, 10)
        await clock.advance(0.6)


async def test_flood_of_one_station_slows_no_other(open_port: OpenPort, sink: RecordingSink) -> None:
    port = await open_port(SLOW)
    flooder, other = await port.dial("/CP1"), await port.dial("/CP2")
    for number in range(200):
        await flooder.send([2, str(number), "Heartbeat", {}])
    assert await other.alive()


def inbox_of(clock: ManualClock) -> Inbox:
    async def send(frame: bytes) -> None:
        return

    return Inbox(clock, schemas_of("ocpp1.6"), send)


async def test_message_waits_for_one_of_a_flooding_station_and_not_for_all(clock: ManualClock) -> None:
    order: list[str] = []

    def handler_of(name: str) -> Handler:
        async def note(action: str, payload: dict[str, Json]) -> dict[str, Json]:
            order.append(name)
            return {"currentTime": "2026-06-01T10:00:00.000Z"}

        return Handler(note)

    inboxes = {name: inbox_of(clock) for name in ("flood", "quiet", "calm")}
    for number in range(300):
        inboxes["flood"].put(Call(str(number), "Heartbeat", {}, b"%d" % number), 30)
    serving = [asyncio.ensure_future(inbox.serve(handler_of(name))) for name, inbox in inboxes.items()]
    for name in ("quiet", "calm"):
        inboxes[name].put(Call("1", "Heartbeat", {}, b"1"), 30)
    await eventually(lambda: len(order) == 302)
    assert set(order[:3]) == {"flood", "quiet", "calm"}
    for task in serving:
        task.cancel()


async def test_frames_that_are_costly_to_read_are_read_in_turn_with_those_of_others(
    session: aiohttp.ClientSession,
) -> None:
    order: list[str] = []

    async def collect(wire: Wire, name: str, count: int) -> None:
        for _ in range(count):
            assert await wire.receive() is not None
            order.append(name)

    handler = Handler()
    async with fed("ocpp1.6", handler) as flooding, fed("ocpp1.6", handler) as quiet:
        for _ in range(100):
            await flooding.send(b'[2,"x","Heartbeat",{"a":' + b'"",' * 2000)
        await quiet.send(b'[2,"y","Heartbeat",{}]')
        await asyncio.gather(collect(flooding, "flood", 100), collect(quiet, "quiet", 1))
    assert order.index("quiet") < 10


def test_a_thousand_frames_a_second_are_let_through_at_twenty(clock: ManualClock) -> None:
    bucket = TokenBucket(clock, 20, 100)
    waits = [bucket.take() for _ in range(1000)]
    assert waits[:100] == [0.0] * 100
    assert waits[100] == pytest.approx(0.05) and waits[999] == pytest.approx(45.0)


def test_cost_of_several_tokens_is_waited_for_and_no_more(clock: ManualClock) -> None:
    bucket = TokenBucket(clock, 10, 5)
    assert bucket.take(5) == 0.0
    assert bucket.take(17) == pytest.approx(1.7)
    clock._elapsed += 1.7
    assert bucket.take() == pytest.approx(0.1)


async def test_flood_of_pings_is_slowed_too(open_port: OpenPort, sink: RecordingSink, clock: ManualClock) -> None:
    client = await (await open_port(SLOW)).dial(autoping=False)
    for _ in range(50):
        await client.socket.ping()
    await client.send([2, "x", "Heartbeat", {}])
    await asyncio.sleep(0.02)
    assert sink.handler.calls == []
    await clock.advance(3, settle=0.002)
    assert len(sink.handler.calls) == 1


async def test_station_in_a_slowed_replay_is_not_taken_for_silent(
    open_port: OpenPort, sink: RecordingSink, clock: ManualClock
) -> None:
    port = await open_port(ServerSettings(message_burst=1, messages_per_s=0.01, close_timeout_s=0.05))
    client = await port.dial()
    for number in range(20):
        await client.send([2, str(number), "Heartbeat", {}])
    for _ in range(10):
        await clock.advance(30, settle=0.002)
    assert not sink.ended


async def test_memory_for_messages_ahead_of_answers_is_bounded(
    open_port: OpenPort, sink: RecordingSink, clock: ManualClock
) -> None:
    gate = asyncio.Event()

    async def hold(action: str, payload: dict[str, Json]) -> dict[str, Json]:
        await gate.wait()
        return {"status": "Accepted"}

    sink.handler.answer = hold
    client = await (await open_port(ServerSettings(message_burst=1000, close_timeout_s=0.05))).dial()
    reading = asyncio.ensure_future(read_replay(client, 12))
    sending = asyncio.ensure_future(send_large(client, 12))
    await asyncio.sleep(0.05)
    connection = sink.connections[0]
    assert connection._inbox._waiting_bytes < 1024 * 1024 + 256 * 1024
    gate.set()
    await sending
    assert len(await reading) == 12


async def send_large(client: Client, count: int) -> None:
    for number in range(count):
        await client.send([2, str(number), "DataTransfer", {"vendorId": "v", "data": "a" * 250_000}])


async def test_eight_failed_handshakes_a_second_then_too_many_requests(
    port: Port, sink: RecordingSink, clock: ManualClock
) -> None:
    sink.default = Access(Admission.REFUSED)
    assert [await port.status_of(f"/X{number}") for number in range(10)] == [404] * 8 + [429] * 2
    await clock.advance(0.5)
    assert [await port.status_of(f"/X{number}") for number in range(5)] == [404] * 4 + [429]


async def test_unknown_stations_count_although_they_are_let_in(port: Port, sink: RecordingSink) -> None:
    sink.default = Access(Admission.PENDING)
    assert [await port.status_of(f"/X{number}") for number in range(9)] == [101] * 8 + [429]


@pytest.mark.parametrize("locked", [False, True])
async def test_known_station_is_let_in_from_an_address_that_used_up_its_failures(
    locked: bool, port: Port, sink: RecordingSink
) -> None:
    hashes = (hash_password(PASSWORD),) if locked else ()
    sink.default = Access(Admission.REFUSED)
    sink.access["CP1"] = Access(Admission.KNOWN, password_hashes=hashes)
    for number in range(20):
        await port.status_of(f"/X{number}")
    assert await port.status_of("/X") == 429
    assert await (await port.dial("/CP1", password=PASSWORD)).alive()


async def test_known_stations_may_all_reconnect_at_once(port: Port, sink: RecordingSink) -> None:
    statuses = await asyncio.gather(*(port.status_of(f"/CP{number}") for number in range(60)))
    assert set(statuses) == {101}


async def test_guessing_the_password_of_a_known_station_is_held_off(port: Port, sink: RecordingSink) -> None:
    sink.default = Access(Admission.KNOWN, password_hashes=(hash_password(PASSWORD),))
    statuses = [await port.status_of(password=f"guess {number}") for number in range(10)]
    assert statuses == [401] * 8 + [429] * 2


def test_failures_of_one_address_are_not_anothers(clock: ManualClock) -> None:
    limiter = HandshakeLimiter(clock, 2)
    assert [limiter.count("10.0.0.1") for _ in range(3)] == [True, True, False]
    assert limiter.count("10.0.0.2")
    assert limiter.exhausted("10.0.0.1") and not limiter.exhausted("10.0.0.3")


def test_limiter_forgets_the_oldest_of_very_many_addresses(clock: ManualClock) -> None:
    limiter = HandshakeLimiter(clock, 1)
    for number in range(10_000):
        limiter.count(f"10.0.{number >> 8}.{number & 255}")
    assert len(limiter._buckets) < 5000


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_address_is_counted_by_what_one_host_owns(address: str, network: str) -> None:
    assert network_of(address) == network


async def test_connections_of_one_address_are_capped(open_port: OpenPort, sink: RecordingSink) -> None:
    port = await open_port(ServerSettings(max_connections_per_address=3, close_timeout_s=0.05))
    clients = [await port.dial(f"/CP{number}") for number in range(3)]
    with pytest.raises(aiohttp.ClientError):
        await port.dial("/CP3")
    assert all([await client.alive() for client in clients])
    await clients[0].socket.close()
    await eventually(lambda: len(sink.ended) == 1)
    await asyncio.sleep(0.01)
    assert await (await port.dial("/CP3")).alive()


async def test_connections_in_all_are_capped_without_a_handshake_too(open_port: OpenPort) -> None:
    port = await open_port(ServerSettings(max_connections=2, close_timeout_s=0.05))
    idle = [await asyncio.open_connection("127.0.0.1", port.number) for _ in range(2)]
    with pytest.raises(aiohttp.ClientError):
        await port.dial()
    for _, writer in idle:
        writer.close()
