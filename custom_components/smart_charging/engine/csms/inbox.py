"""A station's requests on one socket: answered in the order of arrival, none executed twice."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
import logging
from typing import Final, Protocol, runtime_checkable

from ..clock import Clock
from ..model import Json
from .calls import NotConnected
from .rpc import Call, ErrorCode, MessageId, ResultRefusal, RpcError, encode_error, encode_result
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
        What came unconfirmed (SEND of OCPP 2.1) is handed in here too, and the answer is dropped.
        """

    def note_deviation(self, kind: str) -> None:
        """Count an oddity outside of a message for `handle_call`: a short text without values."""


@runtime_checkable
class AnswerRefusalHandler(Protocol):
    """A message handler that also wants to know which of its answers a station could not use."""

    def answer_refused(self, action: str, code: str, description: str) -> None:
        """Take note that the answer to the station's last message of this action did not get across.

        `code` and `description` are the station's own words (CALLRESULTERROR of OCPP 2.1). Told while
        other messages may be in work.
        """


@dataclass(frozen=True, slots=True)
class _Answer:
    action: str
    digest: int
    frame: bytes
    given_at: float


class Inbox:
    """The requests received on one socket."""

    def __init__(self, clock: Clock, schemas: Schemas, send: Callable[[bytes], Awaitable[None]]) -> None:
        """Send answers through `send`."""
        self._clock = clock
        self._schemas = schemas
        self._send = send
        self._waiting: deque[tuple[Call, int]] = deque()
        self._waiting_bytes = 0
        self._handler: MessageHandler | None = None
        self._end: asyncio.Future[None] | None = None  # awaited by `serve`
        self.worker: asyncio.Task[None] | None = None  # there is one while there is something to answer
        self._room: asyncio.Future[None] | None = None  # awaited while too much is unanswered
        self._answers: dict[MessageId, _Answer] = {}
        self._refused: set[MessageId] = set()
        self._closed = False
        self.busy = False

    @property
    def full(self) -> bool:
        """Return whether so much is unanswered that nothing more should be read."""
        return len(self._waiting) >= _MAX_WAITING or self._waiting_bytes > _MAX_WAITING_BYTES

    async def room(self) -> None:
        """Wait until less is unanswered."""
        while self.full:
            self._room = asyncio.get_running_loop().create_future()
            await self._room

    def put(self, call: Call, size: int) -> None:
        """Queue a request of this many bytes, and answer it at once where nothing else is being answered."""
        self._waiting_bytes += size
        self._waiting.append((call, size))
        self._begin()

    def close(self) -> None:
        """Answer nothing more after the request being answered now; the station repeats the rest."""
        self._closed = True
        if not self.busy:
            _wake(self._end)

    async def serve(self, handler: MessageHandler) -> None:
        """Answer requests until closed; what escapes while one is answered is raised here."""
        self._handler = handler
        self._end = asyncio.get_running_loop().create_future()
        self._begin()
        try:
            if not self._closed or self.busy:
                await self._end
        finally:
            if self.worker is not None:
                self.worker.cancel()
                await asyncio.wait([self.worker])

    def _begin(self) -> None:
        """Answer what waits, unless that is being done; what needs no waiting is done before this returns."""
        if self.worker is None and self._waiting and self._handler is not None and not self._closed:
            asyncio.Task(self._answer_all(self._handler), loop=asyncio.get_running_loop(), eager_start=True)

    async def _answer_all(self, handler: MessageHandler) -> None:
        """Answer what waits; tell `serve` of what escapes meanwhile, and of the end."""
        self.worker = asyncio.current_task()
        try:
            while self._waiting and not self._closed:
                await self._answer_one(handler)
                if self._waiting:
                    await asyncio.sleep(0)  # one message of each station in turn, however many wait here
        except Exception as error:  # noqa: BLE001 - `serve` raises it
            self._closed = True
            if self._end is not None and not self._end.done():
                self._end.set_exception(error)
        finally:
            self.worker = None
            if self._closed:
                _wake(self._end)

    async def _answer_one(self, handler: MessageHandler) -> None:
        """Answer what came first."""
        call, size = self._waiting.popleft()
        self._waiting_bytes -= size
        _wake(self._room)
        self.busy = True
        try:
            if call.confirmed:
                await self._send(self._repeated(call, handler) or await self._answered(call, size, handler))
            else:
                await self._taken(call, size, handler)
        finally:
            self.busy = False

    def take_refusal(self, frame: ResultRefusal, handler: MessageHandler) -> str | None:
        """Tell the handler that the station could not use an answer; return the action that it answered.

        None where no such answer is known, or was refused before.
        """
        answer = self._answers.get(frame.message_id)
        if answer is None or frame.message_id in self._refused:
            handler.note_deviation("refusal of an answer not given")
            return None
        self._refused.add(frame.message_id)
        handler.note_deviation(f"{answer.action} answer refused")
        if isinstance(handler, AnswerRefusalHandler):
            handler.answer_refused(answer.action, frame.code, frame.description)
        return answer.action

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

    async def _answered(self, call: Call, size: int, handler: MessageHandler) -> bytes:
        """Return the frame that answers a call, whatever the handler does."""
        try:
            answer = await self._handled(call, size, handler)
            frame = encode_result(call.message_id, answer)
        except RpcError as error:
            return encode_error(self._schemas.protocol, call.message_id, error.code, error.description)
        except NotConnected:
            if self._closed:
                raise  # the handler's own call, cut off by the end of this socket
            return encode_error(self._schemas.protocol, call.message_id, ErrorCode.INTERNAL_ERROR, "")
        except Exception:
            _LOGGER.exception("Answering %s failed", call.action[:50])
            return encode_error(self._schemas.protocol, call.message_id, ErrorCode.INTERNAL_ERROR, "")
        if broken := self._schemas.response_violations(call.action, answer):
            _LOGGER.error("Our answer to %s breaks its schema: %s", call.action, "; ".join(broken))
        self._remember(call, frame)
        return frame

    async def _taken(self, call: Call, size: int, handler: MessageHandler) -> None:
        """Hand in a message that is never answered, whatever the handler does."""
        try:
            await self._handled(call, size, handler)
        except RpcError:
            handler.note_deviation("unconfirmed message not served")
        except NotConnected:
            if self._closed:
                raise
        except Exception:
            _LOGGER.exception("Taking %s failed", call.action[:50])

    async def _handled(self, call: Call, size: int, handler: MessageHandler) -> dict[str, Json]:
        if call.action not in self._schemas:
            handler.note_deviation("unknown action")
            raise RpcError(ErrorCode.NOT_IMPLEMENTED, "unknown action")
        deviations = call.deviations + self._schemas.request_violations(call.action, call.payload, size)
        if call.confirmed is not self._schemas.has_answer(call.action):
            deviations += ("sent as a call",) if call.confirmed else ("sent unconfirmed",)
        return await handler.handle_call(call.action, call.payload, deviations)

    def _remember(self, call: Call, frame: bytes) -> None:
        self._answers.pop(call.message_id, None)
        self._refused.discard(call.message_id)
        self._answers[call.message_id] = _Answer(call.action, call.digest, frame, self._clock.monotonic())
        while len(self._answers) > _REMEMBERED_ANSWERS:
            oldest = next(iter(self._answers))
            del self._answers[oldest]
            self._refused.discard(oldest)


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
