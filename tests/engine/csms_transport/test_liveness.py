"""A peer that went away without a word is noticed; one that is only quiet is not cut off."""

import asyncio

import aiohttp
import pytest

from custom_components.smart_charging.engine.csms.connection import NotConnected
from custom_components.smart_charging.engine.csms.server import Access, Admission
from tests.manual_clock import ManualClock

from .station_side import REAL_WAIT_S, Client, Port, RecordingSink, eventually


async def next_ping(client: Client) -> aiohttp.WSMessage:
    async with asyncio.timeout(REAL_WAIT_S):
        message = await client.socket.receive()
    assert message.type is aiohttp.WSMsgType.PING
    return message


async def test_trap_22_quiet_station_is_pinged_after_thirty_seconds_and_lives_by_its_pong(
    port: Port, sink: RecordingSink, clock: ManualClock
) -> None:
    client = await port.dial(autoping=False)
    for _ in range(5):
        await clock.advance(30, settle=0.01)
        ping = await next_ping(client)
        await client.socket.pong(ping.data)
        await eventually(lambda: sink.connections[0].silent_for_s < 1)
    assert not sink.ended


async def test_trap_22_station_that_answers_no_ping_is_given_up(
    port: Port, sink: RecordingSink, clock: ManualClock
) -> None:
    await port.dial(autoping=False)
    await eventually(lambda: bool(sink.connections))
    await clock.advance(44, settle=0.01)
    assert not sink.connections[0].closed
    await clock.advance(2, settle=0.01)
    await eventually(lambda: len(sink.ended) == 1)
    with pytest.raises(NotConnected):
        await sink.connections[0].call("ClearCache", {})


async def test_trap_22_any_frame_counts_as_a_sign_of_life(port: Port, sink: RecordingSink, clock: ManualClock) -> None:
    client = await port.dial(autoping=False)
    for _ in range(6):
        await clock.advance(20, settle=0.01)
        assert await client.alive()  # would receive a ping instead of the answer if there had been one
    await clock.advance(30, settle=0.01)
    await next_ping(client)
    await client.send(b"garbage is a sign of life too")
    await clock.advance(16, settle=0.01)
    assert not sink.ended


async def test_station_that_stumbles_over_pings_is_sent_none(
    port: Port, sink: RecordingSink, clock: ManualClock
) -> None:
    sink.default = Access(Admission.KNOWN, ping=False)
    client = await port.dial(autoping=False)
    await clock.advance(3600, settle=0.01)
    assert await client.alive()


async def test_ping_of_the_station_is_answered_with_its_data(port: Port) -> None:
    client = await port.dial(autoping=False)
    await client.socket.ping(b"abc")
    async with asyncio.timeout(REAL_WAIT_S):
        message = await client.socket.receive()
    assert (message.type, message.data) == (aiohttp.WSMsgType.PONG, b"abc")


async def test_broken_off_socket_is_noticed_at_once(port: Port, sink: RecordingSink) -> None:
    client = await port.dial()
    assert await client.alive()
    connection = client.socket._response.connection
    assert connection is not None and connection.transport is not None
    connection.transport.abort()
    await eventually(lambda: sink.ended == sink.connections)
    await client.socket.close()


async def test_peer_that_takes_no_data_does_not_outlive_its_ping(
    port: Port, sink: RecordingSink, clock: ManualClock
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port.number, limit=1024)
    writer.write(
        b"GET /CP1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    await eventually(lambda: bool(sink.connections))
    stuck = [
        asyncio.ensure_future(
            sink.connections[0].call("DataTransfer", {"vendorId": "v", "data": "a" * 10_000_000}, timeout_s=3600)
        )
    ]
    await clock.advance(60, settle=0.01)
    with pytest.raises(NotConnected):
        await stuck[0]
    await eventually(lambda: len(sink.ended) == 1)
    writer.close()
