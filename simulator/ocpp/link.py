"""One WebSocket of a station: OCPP-J frames out and in, with one call of its own under way at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
import json
import logging
import uuid

from aiohttp import ClientWebSocketResponse, WSMsgType

from simulator.clock import Clock

from .json import FormatError, Json, Payload

_LOGGER = logging.getLogger(__name__)

CALL, RESULT, ERROR = 2, 3, 4
SEND = 6
"""OCPP 2.1: a message that gets no answer."""


class CallFailed(Exception):
    """The central system answered with a CALLERROR."""


class LinkLost(Exception):
    """The connection ended before the answer came."""


class CommandError(Exception):
    """A command that is answered with a CALLERROR."""

    def __init__(self, code: str, description: str = "") -> None:
        """Name the OCPP error code."""
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


class NoAnswer(Exception):
    """A command that the station leaves unanswered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a command, and what the station does once it is sent."""

    payload: Payload
    after: Callable[[], None] | None = None


type Handler = Callable[[str, Payload], Awaitable[Answer]]


class Link:
    """Frames of one connection; it lives as long as `run` does."""

    def __init__(
        self,
        socket: ClientWebSocketResponse,
        clock: Clock,
        handler: Handler,
        timeout_s: float,
        malformed: str = "FormationViolation",
    ) -> None:
        """Speak over this open socket; commands go to `handler`, one after the other.

        `malformed` is the error code of this version for a payload that does not fit.
        """
        self.socket = socket
        self._clock = clock
        self._handler = handler
        self._timeout_s = timeout_s
        self._malformed = malformed
        self._hanging = False
        self._expected: dict[str, asyncio.Future[Payload]] = {}
        self._commands: asyncio.Queue[tuple[str, str, Payload]] = asyncio.Queue()
        self._calling = asyncio.Lock()

    def hang(self) -> None:
        """Leave the socket open, but neither read, answer, nor send from now on."""
        self._hanging = True

    async def call(self, action: str, payload: Payload, edit: Callable[[str], str] | None = None) -> Payload:
        """Send a CALL and return its answer; CallFailed, TimeoutError or LinkLost otherwise.

        `edit` may spoil the frame's text, for stations that write invalid JSON.
        """
        async with self._calling:
            message_id = str(uuid.uuid4())
            future: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
            self._expected[message_id] = future
            try:
                frame = json.dumps([CALL, message_id, action, payload], separators=(",", ":"))
                await self._send(edit(frame) if edit else frame)
                if self._hanging:
                    return await future
                async with self._clock.timeout(self._timeout_s):
                    return await future
            finally:
                self._expected.pop(message_id, None)

    async def send(self, action: str, payload: Payload) -> None:
        """Send a SEND, which nobody answers; LinkLost when the connection is gone."""
        await self._send(json.dumps([SEND, str(uuid.uuid4()), action, payload], separators=(",", ":")))

    async def run(self) -> None:
        """Read until the connection ends."""
        tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._obey())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for future in self._expected.values():
                if not future.done():
                    future.set_exception(LinkLost())

    async def _read(self) -> None:
        while True:
            message = await self.socket.receive()
            if self._hanging:
                await asyncio.Event().wait()
            if message.type is WSMsgType.PING:
                await self.socket.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                self._take(message.data)
            elif message.type in {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}:
                return

    def _take(self, text: str) -> None:
        try:
            frame = json.loads(text)
        except ValueError:
            _LOGGER.warning("Unreadable frame")
            return
        match frame:
            case [2, str(message_id), str(action), dict(payload)]:
                self._commands.put_nowait((message_id, action, payload))
            case [3, str(message_id), dict(payload)] if future := self._expected.get(message_id):
                if not future.done():
                    future.set_result(payload)
            case [4, str(message_id), str(code), description, _] if future := self._expected.get(message_id):
                if not future.done():
                    future.set_exception(CallFailed(f"{code}: {description}"))
            case _:
                _LOGGER.warning("Unexpected frame: %s", text)

    async def _obey(self) -> None:
        while True:
            message_id, action, payload = await self._commands.get()
            try:
                answer = await self._handler(action, payload)
            except FormatError as error:
                await self._refuse(message_id, self._malformed, str(error))
            except CommandError as error:
                await self._refuse(message_id, error.code, error.description)
            except NoAnswer:
                continue
            else:
                await self._send(json.dumps([RESULT, message_id, answer.payload], separators=(",", ":")))
                if answer.after is not None:
                    answer.after()

    async def _refuse(self, message_id: str, code: str, description: str) -> None:
        frame: list[Json] = [ERROR, message_id, code, description, {}]
        await self._send(json.dumps(frame))

    async def _send(self, text: str) -> None:
        if self._hanging:
            return
        try:
            await self.socket.send_str(text)
        except ConnectionError as error:
            raise LinkLost from error
