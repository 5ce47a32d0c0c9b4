"""A small OCPP 1.6 station on a real socket: it notes what it is asked and answers as it was told to."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
import json
import ssl
from typing import Any, Final

import aiohttp

_CALL, _RESULT = 2, 3

ANSWERS: Final[Mapping[str, dict[str, Any]]] = {
    "GetConfiguration": {"configurationKey": [], "unknownKey": []},
    "GetCompositeSchedule": {"status": "Rejected"},
    "UnlockConnector": {"status": "Unlocked"},
}


class VirtualStation:
    """One end of an OCPP socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Take an open socket."""
        self.socket = socket
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, dict[str, Any]] = dict(ANSWERS)
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._count = 0
        self._heard = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Return whether the other end still holds the socket."""
        return not self.socket.closed

    async def call(self, action: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request and return its answer."""
        self._count += 1
        unique_id = str(self._count)
        self._waiting[unique_id] = asyncio.get_running_loop().create_future()
        await self.socket.send_str(json.dumps([_CALL, unique_id, action, payload]))
        async with asyncio.timeout(5):
            return await self._waiting[unique_id]

    async def boot(self, vendor: str = "Volta", model: str = "Wall 11") -> str:
        """Announce the station; return whether it was accepted."""
        answer = await self.call("BootNotification", {"chargePointVendor": vendor, "chargePointModel": model})
        return str(answer["status"])

    async def report(self, status: str, connector_id: int = 1) -> None:
        """Tell the status of a connector."""
        await self.call("StatusNotification", {"connectorId": connector_id, "errorCode": "NoError", "status": status})

    async def was_asked(self, action: str, **fields: Any) -> dict[str, Any]:
        """Wait until the station was asked for this, with these fields; return the whole payload."""
        async with asyncio.timeout(5):
            while True:
                for asked, payload in self.asked:
                    if asked == action and fields.items() <= payload.items():
                        return payload
                self._heard.clear()
                await self._heard.wait()

    async def listen(self) -> None:
        """Answer requests until the socket ends."""
        async for message in self.socket:
            kind, unique_id, *rest = json.loads(message.data)
            if kind == _CALL:
                action, payload = rest
                self.asked.append((action, payload))
                answer = self.answers.get(action, {"status": "Accepted"})
                await self.socket.send_str(json.dumps([_RESULT, unique_id, answer]))
                self._heard.set()
            elif kind == _RESULT:
                self._waiting.pop(unique_id).set_result(rest[0])


@asynccontextmanager
async def virtual_station(
    port: int, station_id: str, password: str | None = None, ssl_context: ssl.SSLContext | None = None
) -> AsyncIterator[VirtualStation]:
    """Connect a station; raises aiohttp.WSServerHandshakeError where it is not let in."""
    scheme = "ws" if ssl_context is None else "wss"
    login = b64encode(f"{station_id}:{password}".encode()).decode()
    headers = {} if password is None else {"Authorization": f"Basic {login}"}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(
            f"{scheme}://127.0.0.1:{port}/{station_id}", protocols=["ocpp1.6"], headers=headers, ssl=ssl_context or True
        ) as socket,
    ):
        station = VirtualStation(socket)
        listening = asyncio.create_task(station.listen())
        try:
            yield station
        finally:
            await socket.close()
            await listening
