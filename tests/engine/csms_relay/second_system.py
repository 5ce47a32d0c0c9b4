"""A small central system of its own, sharing no code with the engine: raw frames, each checked by OCPP's schemas."""

import asyncio
import base64
from importlib.resources import files
import json
from typing import Any

from aiohttp import WSMsgType, web
from jsonschema import Draft4Validator

type Payload = dict[str, Any]

BOOT_ANSWER = {"status": "Accepted", "currentTime": "2026-06-01T10:00:00.000Z", "interval": 600}
_PACKAGES = {"ocpp1.6": ("ocpp.v16", ""), "ocpp2.0.1": ("ocpp.v201", "Request")}


def check(protocol: str, action: str, payload: Payload) -> None:
    """Raise where a request breaks its schema."""
    package, suffix = _PACKAGES[protocol]
    text = files(package).joinpath("schemas", f"{action}{suffix}.json").read_text(encoding="utf-8-sig")
    Draft4Validator(json.loads(text)).validate(payload)


class SecondSystem:
    """Records what stations tell it; `answers` and the switches say how it behaves."""

    def __init__(self, *, protocol: str = "ocpp1.6", first_transaction: int = 9001) -> None:
        self.protocol = protocol
        self.offers: tuple[str, ...] = (protocol,)
        self.received: list[tuple[str, Payload]] = []
        self.message_ids: list[str] = []
        self.handshakes: list[web.BaseRequest] = []
        self.logins: list[tuple[str, bytes]] = []
        self.answers: dict[str, Any] = {}
        self.errors: list[BaseException] = []
        self.silent = False
        self.reading = True
        self.pongs = True
        self.status = 101
        self.port = 0
        self.tls: Any = None
        self.scheme = "ws"
        self._next_transaction = first_transaction
        self._sockets: list[web.WebSocketResponse] = []
        self._results: dict[str, asyncio.Future[list[Any]]] = {}
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        application = web.Application()
        application.router.add_get("/ocpp/{station}", self._serve)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True, ssl_context=self.tls)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Go away: the port is closed and no socket left."""
        for socket in self._sockets:
            if socket._req is not None and socket._req.transport is not None:
                socket._req.transport.abort()
        self._sockets.clear()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/ocpp"

    @property
    def connected(self) -> bool:
        return bool(self._sockets)

    @property
    def socket(self) -> web.WebSocketResponse:
        return self._sockets[-1]

    def told(self, action: str) -> list[Payload]:
        return [payload for name, payload in self.received if name == action]

    @property
    def actions(self) -> list[str]:
        return [action for action, _ in self.received]

    async def command(self, action: str, payload: Payload, message_id: str = "c1") -> list[Any]:
        """Send a command and return the frame that answers it."""
        return await self.raw(json.dumps([2, message_id, action, payload]), message_id)

    async def raw(self, text: str, message_id: str) -> list[Any]:
        self._results[message_id] = asyncio.get_running_loop().create_future()
        await self.socket.send_str(text)
        async with asyncio.timeout(5):
            return await self._results[message_id]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.handshakes.append(request)
        scheme, _, login = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            user, _, password = base64.b64decode(login).partition(b":")
            self.logins.append((user.decode(), password))
        if self.status != 101:
            return web.Response(status=self.status, headers={"Location": f"http://127.0.0.1:{self.port}/ocpp/other"})
        socket = web.WebSocketResponse(protocols=self.offers, autoping=False)
        await socket.prepare(request)
        self._sockets.append(socket)
        try:
            await self._converse(socket)
        except Exception as error:  # noqa: BLE001  # told to the test, whatever it is
            self.errors.append(error)
        finally:
            if socket in self._sockets:
                self._sockets.remove(socket)
        return socket

    async def _converse(self, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            if message.type is WSMsgType.PING:
                if self.pongs:
                    await socket.pong(message.data)
                continue
            frame = json.loads(message.data)
            if frame[0] == 2:
                await self._take(socket, frame)
            elif frame[1] in self._results and not self._results[frame[1]].done():
                self._results[frame[1]].set_result(frame)

    async def _take(self, socket: web.WebSocketResponse, frame: list[Any]) -> None:
        _, message_id, action, payload = frame
        self.received.append((action, payload))
        self.message_ids.append(message_id)
        try:
            check(self.protocol, action, payload)
        except Exception as error:  # noqa: BLE001  # told to the test, whatever it is
            self.errors.append(error)
        if self.silent:
            return
        answer = self.answers.get(action, self._answer(action))
        if callable(answer):
            answer = answer(payload)
        if answer is None:
            return
        if isinstance(answer, str):
            await socket.send_str(json.dumps([4, message_id, answer, "", {}]))
        elif isinstance(answer, bytes):
            await socket.send_str(answer.decode())
        else:
            await socket.send_str(json.dumps([3, message_id, answer]))

    def _answer(self, action: str) -> Payload:
        if action == "StartTransaction":
            self._next_transaction += 1
            return {"transactionId": self._next_transaction, "idTagInfo": {"status": "Accepted"}}
        if action == "BootNotification":
            return dict(BOOT_ANSWER)
        if action == "Heartbeat":
            return {"currentTime": "2026-06-01T10:00:00.000Z"}
        if action == "Authorize":
            return {"idTagInfo": {"status": "Accepted"}}
        return {}
