"""A central system of a page: it answers, notes what it hears, checks it against OCPP's schemas, and gives commands."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
import functools
import json
from pathlib import Path
from typing import Any
import uuid

from aiohttp import BasicAuth, WSMsgType, web
from jsonschema import Draft4Validator
import ocpp.v16

SCHEMAS = Path(ocpp.v16.__file__).parent / "schemas"

type Payload = dict[str, Any]


@functools.cache
def validator(name: str) -> Draft4Validator:
    return Draft4Validator(json.loads((SCHEMAS / f"{name}.json").read_text("utf-8-sig")))


@dataclass
class Heard:
    """One call of a station."""

    connection: int
    action: str
    payload: Payload


@dataclass
class SmallCentralSystem:
    """Serves one station at a time; `heard` grows with each call."""

    heard: list[Heard] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    late: list[Payload] = field(default_factory=list)
    credentials: list[BasicAuth | None] = field(default_factory=list)
    boot_answers: list[Payload] = field(default_factory=list)
    refusals: dict[str, int] = field(default_factory=dict)
    tag_status: str = "Accepted"
    next_transaction: int = 100
    answering: bool = True
    connections: int = 0
    port: int = 0
    _runner: web.AppRunner | None = None
    _socket: web.WebSocketResponse | None = None
    _waiting: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, port: int = 0) -> None:
        app = web.Application()
        app.router.add_get("/{station_id}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port or self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self.drop()
        if self._runner:
            await self._runner.cleanup()

    async def drop(self) -> None:
        if self._socket is not None:
            await self._socket.close()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def actions(self) -> list[str]:
        return [heard.action for heard in self.heard]

    def of(self, action: str) -> list[Payload]:
        return [heard.payload for heard in self.heard if heard.action == action]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def call(self, action: str, *, timeout_s: float = 10, **payload: Any) -> Payload:
        """Give a command; an error answer comes back under the key `error`, a late one goes to `late`."""
        assert self._socket is not None
        message_id = str(uuid.uuid4())
        self._waiting[message_id] = asyncio.get_running_loop().create_future()
        await self._socket.send_str(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(timeout_s):
            kind, answer = await self._waiting[message_id]
        if kind == 4:
            return {"error": answer}
        self.invalid += [f"{action}Response: {e.message}" for e in validator(f"{action}Response").iter_errors(answer)]
        return answer

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("ocpp1.6",))
        await socket.prepare(request)
        self._socket = socket
        header = request.headers.get("Authorization")
        self.credentials.append(BasicAuth.decode(header) if header else None)
        self.connections += 1
        connection = self.connections
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            try:
                frame = json.loads(message.data)
            except ValueError:
                self.unreadable.append(message.data)
                continue
            if frame[0] == 2:
                await self._hear(socket, connection, frame)
            else:
                future = self._waiting.pop(frame[1])
                if future.done():
                    self.late.append(frame[2])
                else:
                    future.set_result((frame[0], frame[2]))
        self._news.set()
        return socket

    async def _hear(self, socket: web.WebSocketResponse, connection: int, frame: list[Any]) -> None:
        _, message_id, action, payload = frame
        self.heard.append(Heard(connection, action, payload))
        self.invalid += [f"{action}: {error.message}" for error in validator(action).iter_errors(payload)]
        self._news.set()
        if not self.answering:
            return
        if self.refusals.get(action, 0) > 0:
            self.refusals[action] -= 1
            await socket.send_str(json.dumps([4, message_id, "InternalError", "", {}]))
            return
        await socket.send_str(json.dumps([3, message_id, self._answer(action)]))

    def _answer(self, action: str) -> Payload:
        match action:
            case "BootNotification":
                accepted = {"status": "Accepted", "currentTime": "2026-06-01T10:00:00.000Z", "interval": 300}
                return self.boot_answers.pop(0) if self.boot_answers else accepted
            case "Heartbeat":
                return {"currentTime": "2026-06-01T10:00:00.000Z"}
            case "Authorize":
                return {"idTagInfo": {"status": self.tag_status}}
            case "StartTransaction":
                self.next_transaction += 1
                return {"transactionId": self.next_transaction, "idTagInfo": {"status": self.tag_status}}
            case _:
                return {}
