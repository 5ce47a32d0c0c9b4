"""Virtual stations that send MeterValues as fast as they are answered."""

import asyncio
import json
from typing import Any

from . import frames
from .wire import Wire


class LoadStation:
    """One station: boots, starts a transaction, then meters without a pause."""

    def __init__(self, station_id: str, port: int) -> None:
        """Prepare a station that dials 127.0.0.1."""
        self._id = station_id
        self._port = port
        self._number = 0
        self._transaction_id = 0
        self._wire: Wire | None = None
        self._awaited: bytes = b""
        self._answer: asyncio.Future[dict[str, Any]] | None = None
        self._metering: asyncio.Future[int] | None = None
        self._stop: asyncio.Event | None = None
        self._answered = 0

    async def connect(self) -> None:
        """Dial in and boot."""
        self._wire = Wire(self._take)
        await self._wire.dial(self._port, f"/{self._id}")
        await self._ask(frames.boot(self._next_id()))

    async def begin(self) -> None:
        """Start the transaction that the meter values belong to."""
        answer = await self._ask(frames.start_transaction(self._next_id()))
        self._transaction_id = answer["transactionId"]

    async def meter(self, stop: asyncio.Event) -> int:
        """Send meter values one after the other until stopped; return how many were answered."""
        self._stop, self._answered = stop, 0
        self._metering = asyncio.get_running_loop().create_future()
        self._send_meter_values()
        return await self._metering

    async def meter_once(self) -> None:
        """Send meter values and wait for the answer."""
        await self._ask(frames.meter_values(self._next_id(), self._transaction_id, self._number))

    def close(self) -> None:
        """Hang up."""
        if self._wire is not None:
            self._wire.close()

    def _next_id(self) -> str:
        self._number += 1
        return f"{self._id}-{self._number}"

    def _send_meter_values(self) -> None:
        assert self._wire is not None
        message_id = self._next_id()
        self._awaited = f'[3,"{message_id}",'.encode()
        self._wire.send(frames.meter_values(message_id, self._transaction_id, self._number).encode())

    async def _ask(self, frame: str) -> dict[str, Any]:
        assert self._wire is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._wire.send(frame.encode())
        return await self._answer

    def _take(self, data: bytes) -> None:
        """Take a frame; what answers the newest meter values is known by its beginning, all else is read."""
        if self._metering is not None and data.replace(b", ", b",", 2).startswith(self._awaited):
            self._answered += 1
            assert self._stop is not None
            if not self._stop.is_set():
                self._send_meter_values()
                return
            metering, self._metering = self._metering, None
            metering.set_result(self._answered)
            return
        frame = json.loads(data)
        if frame[0] == 2:
            self._serve(frame)
        elif frame[0] == 3 and self._answer is not None and frame[1] == f"{self._id}-{self._number}":
            self._answer.set_result(frame[2])
        else:
            raise RuntimeError(f"refused: {frame}")

    def _serve(self, frame: list[Any]) -> None:
        assert self._wire is not None
        answer: dict[str, object] = (
            {"configurationKey": []} if frame[2] == "GetConfiguration" else {"status": "Accepted"}
        )
        self._wire.send(json.dumps([3, frame[1], answer]).encode())
