"""One socket to the second central system, where its other end does what no real peer does on demand."""

import asyncio
from typing import Any

import aiohttp
from aiohttp import WSMessage, WSMsgType
import pytest

from custom_components.smart_charging.engine.csms.relay import session as relay_session
from custom_components.smart_charging.engine.csms.relay.link import LinkDown, RelayLink
from custom_components.smart_charging.engine.csms.rpc import Call
from custom_components.smart_charging.engine.relay_config import RelayConfig
from tests.manual_clock import ManualClock

from .conftest import RelayBench


class OddSocket:
    """A socket whose sending and receiving do what a test says."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[WSMessage | BaseException] = asyncio.Queue()
        self.takes_data = True
        self.error: BaseException | None = None
        self.sent: list[bytes] = []
        self.closed = False

    async def receive(self) -> WSMessage:
        message = await self.incoming.get()
        if isinstance(message, BaseException):
            raise message
        return message

    async def send_frame(self, data: bytes, kind: WSMsgType) -> None:
        if self.error is not None:
            raise self.error
        if not self.takes_data:
            await asyncio.Event().wait()
        self.sent.append(data)

    async def close(self) -> None:
        self.closed = True


class Ends:
    """A link over an odd socket."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.socket = OddSocket()
        self.calls: list[Call] = []
        odd: Any = self.socket
        config = RelayConfig("wss://host/")
        self.link = RelayLink(odd, config, "ocpp1.6", self.clock, self._take, "CP1")
        self.owner = asyncio.create_task(self.link.run())

    def _take(self, call: Call) -> bool:
        self.calls.append(call)
        return False

    async def ended(self) -> None:
        async with asyncio.timeout(5):
            await self.owner
        assert self.socket.closed


async def test_peer_that_takes_no_data_is_left() -> None:
    ends = Ends()
    ends.socket.takes_data = False
    asked = asyncio.ensure_future(ends.link.send(b"[]"))
    await ends.clock.advance(30.1)
    with pytest.raises(LinkDown):
        await asked
    await ends.ended()


async def test_call_on_a_broken_socket_fails_at_once_and_so_do_later_ones() -> None:
    ends = Ends()
    ends.socket.error = ConnectionResetError()
    with pytest.raises(LinkDown):
        await ends.link.call("1", "Heartbeat", {}, 30.0)
    await ends.ended()
    with pytest.raises(LinkDown):
        await ends.link.call("2", "Heartbeat", {}, 30.0)
    with pytest.raises(LinkDown):
        await ends.link.send(b"[]")


@pytest.mark.parametrize("error", [ConnectionResetError(), aiohttp.ClientError(), RuntimeError("odd")])
async def test_socket_that_can_not_be_read_ends_with_what_waited_for_it(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    ends = Ends()
    asked = asyncio.ensure_future(ends.link.call("1", "Heartbeat", {}, 30.0))
    await asyncio.sleep(0)
    ends.socket.incoming.put_nowait(error)
    with pytest.raises(LinkDown):
        await asked
    await ends.ended()
    assert ("Reading the second central system" in caplog.text) == isinstance(error, RuntimeError)


async def test_ping_that_can_not_be_sent_ends_the_socket() -> None:
    ends = Ends()
    await asyncio.sleep(0)
    ends.socket.error = ConnectionResetError()
    await ends.clock.advance(31.0)
    await ends.ended()


async def test_their_ping_is_answered(bench: RelayBench) -> None:
    await bench.station_and_relay()
    ends = Ends()
    ends.socket.incoming.put_nowait(WSMessage(WSMsgType.PING, b"abc", None))
    async with asyncio.timeout(5):
        while ends.socket.sent != [b"abc"]:
            await asyncio.sleep(0.001)
    ends.link.end()
    await ends.ended()


async def test_error_of_ours_ends_the_socket_and_not_the_relay(
    bench: RelayBench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    station = await bench.station_and_relay()

    def fail(*_: object) -> object:
        raise RuntimeError("ours")

    with monkeypatch.context() as patched:
        patched.setattr(relay_session, "for_them", fail)
        await station.start(bench.now())
        await bench.until(lambda: bench.relay.state.error == "internal error")
    assert "The relay of CP1 failed" in caplog.text
    await bench.pass_time(10)
    await bench.drained()
    assert len(bench.second.told("StartTransaction")) == 1


async def test_relay_that_never_began_can_be_stopped(bench: RelayBench) -> None:
    relay = await bench.relay_to()
    await relay.stop()
    never = relay_session.RelaySession(
        "CP1", relay._config, bench.station._core, bench.kept, relay._schemas, relay._around
    )
    await never.stop()
    assert not never.state.connected
