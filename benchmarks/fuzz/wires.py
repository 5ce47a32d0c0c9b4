"""Two ways to the server for the same frames: a real socket, and a connection fed without one, which is faster."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Protocol, cast

import aiohttp
from aiohttp import WSMessage, WSMsgType

from custom_components.smart_charging.engine.clock import SystemClock
from custom_components.smart_charging.engine.csms.connection import (
    Connection,
    ConnectionInfo,
    ConnectionLimits,
    MessageHandler,
    Socket,
)
from custom_components.smart_charging.engine.csms.schemas import schemas_of
from custom_components.smart_charging.engine.csms.server import (
    Access,
    Admission,
    ConnectionSink,
    OcppServer,
    ServerSettings,
)
from custom_components.smart_charging.engine.model import Json

from .frames import Frames
from .judge import Verdict
from .messages import Messages

_PATIENCE_S = 20.0  # for a single frame; only ever waited in full where the server fails
_MARK = b'[2,"mark%d","Heartbeat",{}]'
_UNLIMITED = 1e9


class Wire(Protocol):
    """A way to send frames to a server and to get what it sends."""

    async def send(self, data: bytes) -> None:
        """Send a frame."""

    async def receive(self) -> bytes | None:
        """Return the next frame, None once the server hung up."""


class Answering:
    """Answers every message with the shortest answer that its schema allows."""

    def __init__(self, messages: Messages) -> None:
        """Answer the messages of one version."""
        self._answers = {action: cast(dict[str, Json], messages.answer(action)) for action in messages.actions}

    async def handle_call(self, action: str, payload: dict[str, Json], deviations: tuple[str, ...]) -> dict[str, Json]:
        """Return the shortest answer."""
        return self._answers[action]

    def note_deviation(self, kind: str) -> None:
        """Let it be: frames are judged by what they get."""

    def answer_refused(self, action: str, code: str, description: str) -> None:
        """Let it be, as above."""


class _Everybody(ConnectionSink):
    """Lets every station in, and has it served by one handler for each version."""

    def __init__(self, handler_of: Callable[[str], MessageHandler]) -> None:
        self._handler_of = handler_of

    def admit(self, station_id: str, address: str) -> Access:
        return Access(Admission.KNOWN)

    async def connected(self, connection: Connection) -> MessageHandler:
        return self._handler_of(connection.protocol)

    async def disconnected(self, connection: Connection) -> None:
        return


class _Fed:
    """Stands in for aiohttp's socket, and is the station's end of it at the same time."""

    def __init__(self) -> None:
        self._to_server: asyncio.Queue[WSMessage] = asyncio.Queue()
        self._to_station: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def send(self, data: bytes) -> None:
        self._to_server.put_nowait(WSMessage(WSMsgType.TEXT, data, None))

    async def receive_frame(self) -> WSMessage:
        return await self._to_server.get()

    async def send_frame(self, data: bytes, kind: WSMsgType) -> None:
        self._to_station.put_nowait(data)

    async def close(self, *, code: int, message: bytes) -> None:
        self._to_station.put_nowait(None)

    async def receive(self) -> bytes | None:
        return await self._to_station.get()


class _ServerEnd:
    """The other end of a fed socket, in the shape that a connection takes."""

    def __init__(self, fed: _Fed) -> None:
        self.receive = fed.receive_frame
        self.send_frame = fed.send_frame
        self.close = fed.close


class _Dialled:
    """A client's socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, data: bytes) -> None:
        await self._socket.send_frame(data, WSMsgType.TEXT)

    async def receive(self) -> bytes | None:
        message = await self._socket.receive()
        return message.data.encode() if message.type is WSMsgType.TEXT else None


@asynccontextmanager
async def fed(protocol: str, handler: MessageHandler) -> AsyncGenerator[Wire]:
    """Feed a connection without a socket."""
    wire = _Fed()
    connection = Connection(
        cast(Socket, _ServerEnd(wire)),
        ConnectionInfo("FUZZ", protocol, "127.0.0.1"),
        _Everybody(lambda _: handler),
        clock=SystemClock(),
        schemas=schemas_of(protocol),
        limits=ConnectionLimits(None, 1.0, 1.0, _UNLIMITED, 1_000_000_000),
        turn=asyncio.Lock(),
    )
    running = asyncio.create_task(connection.run())
    try:
        yield wire
    finally:
        connection.end(1000)
        await running


@asynccontextmanager
async def dialled(protocol: str, handler: MessageHandler) -> AsyncGenerator[Wire]:
    """Dial a server of one's own on the loopback."""
    settings = ServerSettings(protocols=(protocol,), messages_per_s=_UNLIMITED, message_burst=1_000_000_000)
    server = OcppServer(_Everybody(lambda _: handler), SystemClock(), settings)
    port = await server.start("127.0.0.1", 0)
    try:
        async with dial(port, protocol, "FUZZ") as wire:
            yield wire
    finally:
        await server.stop()


@asynccontextmanager
async def dial(port: int, protocol: str, station_id: str) -> AsyncGenerator[Wire]:
    """Dial a server that is there."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"ws://127.0.0.1:{port}/{station_id}", protocols=(protocol,)) as socket,
    ):
        yield _Dialled(socket)


async def exchange(wire: Wire, protocol: str, frames: Frames, count: int) -> Verdict:
    """Send frames, each followed by a sound call that marks its end, and judge what comes between the marks."""
    verdict = Verdict()
    for number in range(count):
        frame = frames.next()
        await wire.send(frame)
        await wire.send(_MARK % number)
        answers = await _until_mark(wire, b'[3,"mark%d",' % number)
        if answers is None:
            verdict.frames += 1
            verdict.dropped_connections += 1
            verdict.bad.append(frame[:300])
            return verdict
        verdict.judge(protocol, frame, answers)
    return verdict


async def _until_mark(wire: Wire, mark: bytes) -> list[bytes] | None:
    """Return what came before the mark; None where that never came."""
    answers: list[bytes] = []
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while (data := await wire.receive()) is not None:
                if data.startswith(mark):
                    return answers
                answers.append(data)
    except TimeoutError:
        return None
    return None
