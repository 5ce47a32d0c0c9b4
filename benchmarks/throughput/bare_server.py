"""The baseline: the `ocpp` package's own routing with default validation and empty handlers, over aiohttp."""

import asyncio
from datetime import UTC, datetime
import logging

from aiohttp import WSMsgType, web
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from ocpp.v16.datatypes import IdTagInfo

from .serving import serve


class SocketAdapter:
    """What the package expects of a connection."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        """Wrap an open socket."""
        self._socket = socket

    async def recv(self) -> str:
        """Return the next text frame."""
        message = await self._socket.receive()
        if message.type is not WSMsgType.TEXT:
            raise ConnectionError("closed")
        return str(message.data)

    async def send(self, frame: str) -> None:
        """Send a text frame."""
        await self._socket.send_str(frame)


class EmptyChargePoint(ChargePoint):  # type: ignore[misc]  # the package is untyped
    """Accepts everything and keeps nothing."""

    @on("BootNotification")  # type: ignore[untyped-decorator]  # the package is untyped
    def boot(self, **_: object) -> call_result.BootNotification:
        """Accept."""
        return call_result.BootNotification(datetime.now(UTC).isoformat(), 300, "Accepted")

    @on("StartTransaction")  # type: ignore[untyped-decorator]  # the package is untyped
    def start_transaction(self, **_: object) -> call_result.StartTransaction:
        """Accept."""
        return call_result.StartTransaction(1, IdTagInfo("Accepted"))

    @on("MeterValues")  # type: ignore[untyped-decorator]  # the package is untyped
    def meter_values(self, **_: object) -> call_result.MeterValues:
        """Acknowledge."""
        return call_result.MeterValues()


async def handle(request: web.Request) -> web.WebSocketResponse:
    """Serve one station until it hangs up."""
    socket = web.WebSocketResponse(protocols=("ocpp1.6",), compress=False)
    await socket.prepare(request)
    try:
        await EmptyChargePoint(request.match_info["id"], SocketAdapter(socket)).start()
    except ConnectionError:
        await socket.close()
    return socket


async def start() -> int:
    """Listen and return the port."""
    logging.getLogger("ocpp").setLevel(logging.WARNING)
    app = web.Application()
    app.router.add_get("/{id}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return int(runner.addresses[0][1])


if __name__ == "__main__":
    asyncio.run(serve(start))
