"""A central system for OCPP 2.0.1 and 2.1: answers, notes what it hears, and checks each frame, both ways."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
import functools
import json
from pathlib import Path
import ssl
from typing import Any
import uuid

from aiohttp import BasicAuth, WSMsgType, web
from jsonschema import Draft6Validator
import ocpp.v21
import ocpp.v201

SCHEMAS = {
    "ocpp2.0.1": Path(ocpp.v201.__file__).parent / "schemas",
    "ocpp2.1": Path(ocpp.v21.__file__).parent / "schemas",
}

type Payload = dict[str, Any]


@functools.cache
def validator(version: str, name: str) -> Draft6Validator:
    return Draft6Validator(json.loads((SCHEMAS[version] / f"{name}.json").read_text("utf-8-sig")))


@dataclass
class Heard:
    """One message of a station; `kind` is 2 for a CALL and 6 for a SEND."""

    connection: int
    action: str
    payload: Payload
    kind: int = 2


@dataclass
class SmallCentralSystem2:
    """Serves one station at a time; `heard` grows with each call."""

    version: str = "ocpp2.0.1"
    heard: list[Heard] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    late: list[Payload] = field(default_factory=list)
    credentials: list[BasicAuth | None] = field(default_factory=list)
    peers: list[Any] = field(default_factory=list)
    boot_answers: list[Payload] = field(default_factory=list)
    refusals: dict[str, int] = field(default_factory=dict)
    answers: dict[str, Payload] = field(default_factory=dict)
    tokens: dict[str, Payload] = field(default_factory=dict)
    answering: bool = True
    connections: int = 0
    port: int = 0
    context: ssl.SSLContext | None = None
    _runner: web.AppRunner | None = None
    _socket: web.WebSocketResponse | None = None
    _waiting: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/{station_id}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self.context)
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
        return f"{'ws' if self.context is None else 'wss'}://127.0.0.1:{self.port}"

    def actions(self) -> list[str]:
        return [heard.action for heard in self.heard]

    def of(self, action: str) -> list[Payload]:
        return [heard.payload for heard in self.heard if heard.action == action]

    def events(self, kind: str | None = None) -> list[Payload]:
        return [event for event in self.of("TransactionEvent") if kind in (None, event["eventType"])]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def call(self, action: str, *, check: bool = True, timeout_s: float = 10, **payload: Any) -> Payload:
        """Give a command; an error answer comes back under the key `error`, a late one goes to `late`."""
        assert self._socket is not None
        if check:
            self._check(f"{action}Request", payload)
        message_id = str(uuid.uuid4())
        self._waiting[message_id] = asyncio.get_running_loop().create_future()
        await self._socket.send_str(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(timeout_s):
            kind, answer = await self._waiting[message_id]
        if kind == 4:
            return {"error": answer}
        self._check(f"{action}Response", answer)
        return answer

    def _check(self, name: str, payload: Payload) -> None:
        self.invalid += [f"{name}: {e.message}" for e in validator(self.version, name).iter_errors(payload)]

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=(self.version,))
        await socket.prepare(request)
        self._socket = socket
        header = request.headers.get("Authorization")
        self.credentials.append(BasicAuth.decode(header) if header else None)
        self.peers.append(request.get_extra_info("peercert"))
        self.connections += 1
        connection = self.connections
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            frame = json.loads(message.data)
            if frame[0] in {2, 6}:
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
        kind, message_id, action, payload = frame
        self.heard.append(Heard(connection, action, payload, kind))
        self._check(action if kind == 6 else f"{action}Request", payload)
        self._news.set()
        if not self.answering or kind == 6:
            return
        if self.refusals.get(action, 0) > 0:
            self.refusals[action] -= 1
            await socket.send_str(json.dumps([4, message_id, "InternalError", "", {}]))
            return
        answer = self._answer(action, payload)
        self._check(f"{action}Response", answer)
        await socket.send_str(json.dumps([3, message_id, answer]))

    def _answer(self, action: str, payload: Payload) -> Payload:
        if action in self.answers:
            return self.answers[action]
        match action:
            case "BootNotification":
                accepted = {"status": "Accepted", "currentTime": "2026-06-01T10:00:00.000Z", "interval": 300}
                return self.boot_answers.pop(0) if self.boot_answers else accepted
            case "Heartbeat":
                return {"currentTime": "2026-06-01T10:00:00.000Z"}
            case "Authorize":
                return {"idTokenInfo": self._judge(payload["idToken"])}
            case "TransactionEvent" if "idToken" in payload:
                return {"idTokenInfo": self._judge(payload["idToken"])}
            case "SignCertificate" | "DataTransfer" | "OpenPeriodicEventStream":
                return {"status": "Accepted"}
            case _:
                return {}

    def _judge(self, token: Payload) -> Payload:
        return self.tokens.get(token["idToken"], {"status": "Accepted"})
