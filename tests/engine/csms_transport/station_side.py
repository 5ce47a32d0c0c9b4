"""What stands on both ends of the port in these tests: a sink that records, a client that sends raw frames."""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
import json
import ssl

import aiohttp
from yarl import URL

from custom_components.smart_charging.engine.csms.connection import Connection
from custom_components.smart_charging.engine.csms.server import (
    Access,
    Admission,
    ConnectionSink,
    OcppServer,
    ServerSettings,
)
from custom_components.smart_charging.engine.model import Json
from tests.manual_clock import ManualClock

REAL_WAIT_S = 5.0  # only ever waited in full by a failing test

VERSIONS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")
QUICK = ServerSettings(close_timeout_s=0.05)  # clients that don't read don't answer a close either
EVERY_VERSION = ServerSettings(protocols=VERSIONS[::-1], message_burst=10_000, close_timeout_s=0.05)

type Speak = Callable[..., Awaitable[Client]]
type OpenPort = Callable[[ServerSettings], Awaitable[Port]]
type Answer = Callable[[str, dict[str, Json]], Awaitable[dict[str, Json]]]


async def answer_heartbeat(action: str, payload: dict[str, Json]) -> dict[str, Json]:
    """Answer as for a Heartbeat."""
    return {"currentTime": "2026-06-01T10:00:00.000Z"}


async def eventually(condition: Callable[[], bool]) -> None:
    """Return once the condition holds."""
    async with asyncio.timeout(REAL_WAIT_S):
        while not condition():
            await asyncio.sleep(0.001)


@dataclass
class Handler:
    """Records messages and answers them with a function that a test may exchange."""

    answer: Answer = answer_heartbeat
    calls: list[tuple[str, dict[str, Json], tuple[str, ...]]] = field(default_factory=list)
    deviations: list[str] = field(default_factory=list)

    async def handle_call(self, action: str, payload: dict[str, Json], deviations: tuple[str, ...]) -> dict[str, Json]:
        self.calls.append((action, payload, deviations))
        return await self.answer(action, payload)

    def note_deviation(self, kind: str) -> None:
        self.deviations.append(kind)


@dataclass
class RecordingSink(ConnectionSink):
    """Lets everybody in as known without a password, unless told otherwise."""

    access: dict[str, Access] = field(default_factory=dict)
    default: Access = field(default_factory=lambda: Access(Admission.KNOWN))
    handler: Handler = field(default_factory=Handler)
    admitted: list[str] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    ended: list[Connection] = field(default_factory=list)

    def admit(self, station_id: str, address: str) -> Access:
        self.admitted.append(station_id)
        return self.access.get(station_id, self.default)

    async def connected(self, connection: Connection) -> Handler:
        self.connections.append(connection)
        return self.handler

    async def disconnected(self, connection: Connection) -> None:
        self.ended.append(connection)


class Client:
    """A station's end of a socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, frame: bytes | str | list[Json]) -> None:
        text = frame if isinstance(frame, (bytes, str)) else json.dumps(frame)
        data = text.encode() if isinstance(text, str) else text
        await self.socket.send_frame(data, aiohttp.WSMsgType.TEXT)

    async def receive(self) -> list[Json]:
        """Return the next frame."""
        async with asyncio.timeout(REAL_WAIT_S):
            frame = await self.socket.receive_json()
        assert isinstance(frame, list)
        return frame

    async def ask(self, frame: bytes | str | list[Json]) -> list[Json]:
        """Send a frame and return what comes next."""
        await self.send(frame)
        return await self.receive()

    @property
    def cut_off(self) -> bool:
        """Return whether the server hung up."""
        return self.socket._writer.transport.is_closing()

    async def fragment(self, data: bytes, *, first: bool = False, last: bool = False) -> None:
        """Send a piece of at most 64 KiB of a message (RFC 6455 section 5.4)."""
        code = (1 if first else 0) | (0x80 if last else 0)
        size = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + len(data).to_bytes(2)
        self.socket._writer.transport.write(bytes([code]) + size + bytes(4) + data)  # masked with zeros

    async def alive(self) -> bool:
        """Return whether a sound message is answered."""
        answer = await self.ask([2, "still-there", "Heartbeat", {}])
        return answer[:2] == [3, "still-there"]

    async def close_code(self) -> int | None:
        """Wait for the server to close, and return the code."""
        async with asyncio.timeout(REAL_WAIT_S):
            while True:
                message = await self.socket.receive()
                if message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING}:
                    return self.socket.close_code


class Port:
    """A server on a free port of the loopback."""

    def __init__(
        self, sink: RecordingSink, clock: ManualClock, session: aiohttp.ClientSession, settings: ServerSettings
    ) -> None:
        self.sink = sink
        self.clock = clock
        self.session = session
        self.server = OcppServer(sink, clock, settings)
        self.number = 0
        self.clients: list[Client] = []
        self.scheme = "http"

    async def start(self, ssl_context: ssl.SSLContext | None = None) -> None:
        self.scheme = "http" if ssl_context is None else "https"
        self.number = await self.server.start("127.0.0.1", 0, ssl_context)

    async def stop(self) -> None:
        await self.server.stop()
        for client in self.clients:
            client.socket._response.close()  # whatever is still unread

    async def dial(
        self,
        path: str = "/CP1",
        *,
        protocols: tuple[str, ...] = ("ocpp1.6",),
        password: str | bytes | None = None,
        username: str | None = None,
        autoping: bool = True,
        headers: dict[str, str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> Client:
        """Connect; raises aiohttp.WSServerHandshakeError where refused."""
        socket = await self.session.ws_connect(
            self.url(path),
            protocols=protocols,
            headers=credentials(path, password, username) | (headers or {}),
            autoping=autoping,
            ssl=ssl_context or True,
        )
        client = Client(socket)
        self.clients.append(client)
        return client

    async def status_of(
        self,
        path: str = "/CP1",
        *,
        password: str | bytes | None = None,
        username: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> int:
        """Make a handshake, drop what comes of it, and return the HTTP status: 101 where let in."""
        handshake = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
            "Sec-WebSocket-Protocol": "ocpp1.6",
            **credentials(path, password, username),
            **(headers or {}),
        }
        response = await self.session.get(self.url(path), headers=handshake)
        response.close()
        return response.status

    def url(self, path: str) -> URL:
        return URL(f"{self.scheme}://127.0.0.1:{self.number}{path}", encoded=True)


def credentials(path: str, password: str | bytes | None, username: str | None) -> dict[str, str]:
    """Return the Authorization header of a station, whose user name is its id unless told otherwise."""
    if password is None:
        return {}
    raw = password.encode() if isinstance(password, str) else password
    user = path.rpartition("/")[2] if username is None else username
    return {"Authorization": "Basic " + b64encode(user.encode() + b":" + raw).decode()}
