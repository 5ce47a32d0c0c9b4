"""Virtual stations that send MeterValues as fast as they are answered."""

import asyncio
import json

import aiohttp

from . import frames


class LoadStation:
    """One station: boots, starts a transaction, then meters without a pause."""

    def __init__(self, station_id: str, port: int) -> None:
        """Prepare a station that dials 127.0.0.1."""
        self._id = station_id
        self._url = f"ws://127.0.0.1:{port}/{station_id}"
        self._number = 0
        self._transaction_id = 0
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    async def connect(self, session: aiohttp.ClientSession) -> None:
        """Dial in and boot."""
        self._socket = await session.ws_connect(self._url, protocols=("ocpp1.6",), compress=0)
        await self._ask(frames.boot(self._next_id()))

    async def begin(self) -> None:
        """Start the transaction that the meter values belong to."""
        answer = await self._ask(frames.start_transaction(self._next_id()))
        self._transaction_id = answer["transactionId"]

    async def meter(self, stop: asyncio.Event) -> int:
        """Send meter values one after the other until stopped; return how many were answered."""
        answered = 0
        while not stop.is_set():
            await self.meter_once()
            answered += 1
        return answered

    async def meter_once(self) -> None:
        """Send meter values and wait for the answer."""
        assert self._socket is not None
        message_id = self._next_id()
        await self._socket.send_str(frames.meter_values(message_id, self._transaction_id, self._number))
        answer = await self._socket.receive_str()
        # What answers this and nothing else is known by its beginning; all else is read with care.
        if not answer.startswith((f'[3,"{message_id}",', f'[3, "{message_id}",')):
            await self._take(answer, message_id)

    async def _take(self, data: str, message_id: str) -> None:
        """Take a frame that is not the answer at first sight, and go on to that."""
        frame = json.loads(data)
        if frame[0] == 2:
            await self._answer(frame)
            await self._read_until(message_id)
        elif frame[0] != 3 or frame[1] != message_id:
            raise RuntimeError(f"refused: {frame}")

    async def idle(self) -> None:
        """Answer what the server asks, and send nothing."""
        await self._read_until("")

    async def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            await self._socket.close()

    def _next_id(self) -> str:
        self._number += 1
        return f"{self._id}-{self._number}"

    async def _ask(self, frame: str) -> dict[str, int]:
        assert self._socket is not None
        await self._socket.send_str(frame)
        return await self._read_until(f"{self._id}-{self._number}")

    async def _read_until(self, message_id: str) -> dict[str, int]:
        assert self._socket is not None
        async for message in self._socket:
            frame = json.loads(message.data)
            if frame[0] == 2:
                await self._answer(frame)
            elif frame[1] == message_id:
                if frame[0] != 3:
                    raise RuntimeError(f"refused: {frame}")
                return dict(frame[2])
        raise ConnectionError("the server hung up")

    async def _answer(self, frame: list[object]) -> None:
        assert self._socket is not None
        if frame[2] == "GetConfiguration":
            await self._socket.send_str(json.dumps([3, frame[1], {"configurationKey": []}]))
        else:
            await self._socket.send_str(json.dumps([3, frame[1], {"status": "Accepted"}]))
