"""Our requests to one station: one outstanding at a time, answers matched by message id."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final
from uuid import uuid4

from ..clock import Clock
from ..model import Json
from .rpc import NO_MESSAGE_ID, OCPP21, CallRefusal, CallResult, ErrorCode, encode_call, encode_result_error
from .schemas import Schemas

_NO_OBJECT: Final = "answer's payload is not an object"


class CallError(Exception):
    """One of our calls brought no answer that can be used."""


class CallFailed(CallError):
    """The station answered with a CALLERROR; `code` is spelled as the station sent it."""

    def __init__(self, code: str, description: str) -> None:
        """Keep what the station said."""
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


class CallTimeout(CallError):
    """The station did not answer in time; a late answer is ignored and counted."""


class NotConnected(CallError):
    """The socket is gone, or went before the answer came."""


class OutgoingCalls:
    """The requests sent on one socket."""

    def __init__(
        self,
        clock: Clock,
        schemas: Schemas,
        send: Callable[[bytes], Awaitable[None]],
        note_deviation: Callable[[str], None],
    ) -> None:
        """Send through `send`, which raises NotConnected where it can't."""
        self._clock = clock
        self._schemas = schemas
        self._send = send
        self._note_deviation = note_deviation
        self._turn = asyncio.Lock()
        self._pending: dict[str, asyncio.Future[CallResult | CallRefusal | None]] = {}
        self._ended = False

    async def call(self, action: str, payload: Mapping[str, Json], timeout_s: float) -> dict[str, Json]:
        """Send a request and return its answer; see `Connection.call`."""
        message_id = str(uuid4())
        request = self._checked(message_id, action, payload)
        async with self._turn:
            if self._ended:
                raise NotConnected
            answer: asyncio.Future[CallResult | CallRefusal | None] = asyncio.get_running_loop().create_future()
            self._pending[message_id] = answer
            try:
                async with self._clock.timeout(timeout_s):
                    await self._send(request)
                    frame = await answer
            except TimeoutError:
                raise CallTimeout(action) from None
            finally:
                del self._pending[message_id]
        if frame is None:
            raise NotConnected
        if isinstance(frame, CallRefusal):
            raise CallFailed(frame.code, frame.description)
        if frame.payload is None:
            await self._refuse(message_id)
            raise CallFailed(ErrorCode.FORMAT_VIOLATION, _NO_OBJECT)
        for violation in self._schemas.response_violations(action, frame.payload, frame.size):
            self._note_deviation(f"{action} answer: {violation}")
        return frame.payload

    async def _refuse(self, message_id: str) -> None:
        """Tell a station that its answer is of no use, where its version has a frame for that."""
        self._note_deviation(_NO_OBJECT)
        if self._schemas.protocol == OCPP21:
            with suppress(NotConnected):
                await self._send(encode_result_error(message_id, ErrorCode.FORMAT_VIOLATION, _NO_OBJECT))

    def _checked(self, message_id: str, action: str, payload: Mapping[str, Json]) -> bytes:
        """Return the frame of a request that fits the schema; ValueError for any other."""
        if not self._schemas.has_answer(action):
            raise ValueError(f"{action} is no call of {self._schemas.protocol}")
        if violations := self._schemas.request_violations(action, payload):
            raise ValueError(f"{action}: {'; '.join(violations)}")
        return encode_call(message_id, action, payload)

    def answer(self, frame: CallResult | CallRefusal) -> None:
        """Hand an answer to the call that waits for it; one that nobody waits for is counted."""
        waiting = self._pending.get(frame.message_id) if isinstance(frame.message_id, str) else None
        if waiting is None or waiting.done():
            unread = frame.message_id == NO_MESSAGE_ID and isinstance(frame, CallRefusal)
            self._note_deviation("error without a message id" if unread else "answer without a call")
            return
        waiting.set_result(frame)

    def end(self) -> None:
        """Fail what is waiting; later calls fail at once."""
        self._ended = True
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_result(None)
