"""A station's requests on one socket: answered in the order of arrival, none executed twice."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
import logging
from typing import Final, Protocol

from ..clock import Clock
from ..model import Json
from .calls import NotConnected
from .rpc import Call, ErrorCode, MessageId, RpcError, encode_error, encode_result
from .schemas import Schemas

_LOGGER = logging.getLogger(__name__)

# What a station may send ahead of our answers. OCPP-J 1.6 section 4.1.1 allows it one message; the
# room is wide because answers to our own calls queue up behind the same reader.
_MAX_WAITING: Final = 512
_MAX_WAITING_BYTES: Final = 1024 * 1024
_REMEMBERED_ANSWERS: Final = 16
_REMEMBERED_FOR_S: Final = 120.0


class MessageHandler(Protocol):
    """What serves a station's messages; calls of one station never overlap, also over a reconnect."""

    async def handle_call(self, action: str, payload: dict[str, Json], deviations: tuple[str, ...]) -> dict[str, Json]:
        """Answer a message of the station; `payload` is camelCase as received.

        `deviations` are short texts without values: what in frame or payload breaks the schema and
        was tolerated. The action is one of the protocol version, in either direction. Raise
        `RpcError` for what can't be answered; anything else that escapes becomes InternalError.
        """

    def note_deviation(self, kind: str) -> None:
        """Count an oddity outside of a message for `handle_call`: a short text without values."""


@dataclass(frozen=True, slots=True)
class _Answer:
    digest: bytes
    frame: bytes
    given_at: float


class Inbox:
    """The requests received on one socket."""

    def __init__(self, clock: Clock, schemas: Schemas, send: Callable[[bytes], Awaitable[None]]) -> None:
        """Send answers through `send`."""
        self._clock = clock
        self._schemas = schemas
        self._send = send
        self._waiting: asyncio.Queue[tuple[Call, int]] = asyncio.Queue()
        self._waiting_bytes = 0
        self._room = asyncio.Event()
        self._answers: dict[MessageId, _Answer] = {}
        self._closed = False
        self.busy = False

    async def put(self, call: Call, size: int) -> None:
        """Queue a request of this many bytes; waits while too much is unanswered."""
        while self._waiting.qsize() >= _MAX_WAITING or self._waiting_bytes > _MAX_WAITING_BYTES:
            self._room.clear()
            await self._room.wait()
        self._waiting_bytes += size
        self._waiting.put_nowait((call, size))

    def close(self) -> None:
        """Answer nothing more after the request being answered now; the station repeats the rest."""
        self._closed = True

    async def serve(self, handler: MessageHandler) -> None:
        """Answer requests until closed."""
        while not self._closed:
            call, size = await self._waiting.get()
            self._waiting_bytes -= size
            self._room.set()
            self.busy = True
            try:
                await self._send(self._repeated(call, handler) or await self._answered(call, handler))
            finally:
                self.busy = False

    def _repeated(self, call: Call, handler: MessageHandler) -> bytes | None:
        """Return the answer given to the same message before.

        Some stations count message ids from a constant after each reconnect or reuse one id
        for all: only id and content together make a repetition.
        """
        before = self._answers.get(call.message_id)
        if before is None:
            return None
        if before.digest == call.digest and self._clock.monotonic() - before.given_at < _REMEMBERED_FOR_S:
            handler.note_deviation("message repeated")
            return before.frame
        handler.note_deviation("message id reused")
        return None

    async def _answered(self, call: Call, handler: MessageHandler) -> bytes:
        try:
            if call.action not in self._schemas:
                handler.note_deviation("unknown action")
                raise RpcError(ErrorCode.NOT_IMPLEMENTED, "unknown action")  # noqa: TRY301  # answered like a handler's own
            violations = self._schemas.request_violations(call.action, call.payload)
            answer = await handler.handle_call(call.action, call.payload, call.deviations + violations)
            frame = encode_result(call.message_id, answer)
        except RpcError as error:
            return encode_error(self._schemas.protocol, call.message_id, error.code, error.description)
        except NotConnected:
            raise  # the handler's own call, cut off by the end of this socket
        except Exception:
            _LOGGER.exception("Answering %s failed", call.action[:50])
            return encode_error(self._schemas.protocol, call.message_id, ErrorCode.INTERNAL_ERROR, "")
        if broken := self._schemas.response_violations(call.action, answer):
            _LOGGER.error("Our answer to %s breaks its schema: %s", call.action, "; ".join(broken))
        self._remember(call, frame)
        return frame

    def _remember(self, call: Call, frame: bytes) -> None:
        self._answers.pop(call.message_id, None)
        self._answers[call.message_id] = _Answer(call.digest, frame, self._clock.monotonic())
        while len(self._answers) > _REMEMBERED_ANSWERS:
            del self._answers[next(iter(self._answers))]
