"""One station's live socket: frames are read, answered in order and matched to our calls, by one owner task."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
import logging
from typing import Final, Literal, Protocol

from aiohttp import WSMsgType, web

from ..clock import Clock
from ..config import SecurityProfile
from ..model import Json
from .calls import CallError, CallFailed, CallTimeout, NotConnected, OutgoingCalls
from .client_certificates import ClientCertificate
from .inbox import AnswerRefusalHandler, Inbox, MessageHandler
from .limits import TokenBucket
from .redaction import redacted
from .rpc import Call, CallRefusal, CallResult, ResultRefusal, Unreadable, decode, refusal_of
from .schemas import Schemas

__all__ = [
    "AnswerRefusalHandler",
    "CallError",
    "CallFailed",
    "CallTimeout",
    "Connection",
    "ConnectionInfo",
    "ConnectionLimits",
    "ConnectionListener",
    "MessageHandler",
    "NotConnected",
]

_LOGGER = logging.getLogger(__name__)

GOING_AWAY: Final = 1001  # RFC 6455 section 7.4.1, for this and the next
UNEXPECTED_CONDITION: Final = 1011
# To read and judge the worst frame takes time by its length: a long one counts as several.
_BYTES_PER_TOKEN: Final = 16 * 1024
_BYTES_PER_TURN: Final = 4 * 1024  # read of one socket before the others have their turn
_LAST_MESSAGE_S: Final = 5.0  # granted to the message being answered when its socket ends

type Socket = web.WebSocketResponse[Literal[False]]


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """Who dialled in and how.

    `matched_hash` is the stored password hash that the station satisfied, `certificate` the one it proved to hold,
    `security_profile` what that amounts to. `reached_at` is the HTTP address under which it found us, without a
    slash at the end; None where it did not say.
    """

    station_id: str
    protocol: str
    address: str
    offered_password: bool = False
    matched_hash: str | None = None
    certificate: ClientCertificate | None = None
    security_profile: SecurityProfile = SecurityProfile.NONE
    reached_at: str | None = None

    @property
    def authenticated(self) -> bool:
        """Return True where the station proved a password or a certificate."""
        return self.matched_hash is not None or self.certificate is not None


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Rates and times of one socket, in seconds; no ping interval means that the station is never pinged.

    A frame counts as one message for every 16 KiB begun.
    """

    ping_interval_s: float | None
    pong_timeout_s: float
    close_timeout_s: float
    messages_per_s: float
    message_burst: int


class ConnectionListener(Protocol):
    """What stands above the port and takes the sockets of stations that were let in."""

    async def connected(self, connection: Connection) -> MessageHandler:
        """Take a new socket and return who serves it; `connection.call` works already.

        Called once the messages of a socket that it replaces are dealt with; the end of that one may be
        told before or after. An exception closes the socket.
        """

    async def disconnected(self, connection: Connection) -> None:
        """Take note of a socket's end, once for each `connected` that was begun.

        Changes nothing if a newer connection serves the station.
        """


class Connection:
    """One socket of one station."""

    def __init__(
        self,
        socket: Socket,
        info: ConnectionInfo,
        listener: ConnectionListener,
        *,
        clock: Clock,
        schemas: Schemas,
        limits: ConnectionLimits,
        turn: asyncio.Lock,
    ) -> None:
        """Prepare to own an open socket; `turn` is shared by all connections of the station."""
        self.info = info
        self.turn = turn
        self.socket = socket
        self._listener = listener
        self._clock = clock
        self._limits = limits
        self._bucket = TokenBucket(clock, limits.messages_per_s, limits.message_burst)
        self._calls = OutgoingCalls(clock, schemas, self._send, self._note_deviation)
        self._inbox = Inbox(clock, schemas, self._send)
        self._handler: MessageHandler | None = None
        self._introduced = False
        self._worker: asyncio.Task[None] | None = None
        self._owner: asyncio.Task[None] | None = None
        self._heard = asyncio.Event()
        self._heard_at = clock.monotonic()
        self._reading = False
        self._read_in_turn = 0
        self._writing = 0
        self._ending = asyncio.Event()
        self._close_with: tuple[int, str] = (GOING_AWAY, "")
        self._grace_s = _LAST_MESSAGE_S
        self._gone = asyncio.Event()
        self._spared = False

    @property
    def protocol(self) -> str:
        """Return the sub-protocol in its canonical spelling, as "ocpp1.6"."""
        return self.info.protocol

    @property
    def closed(self) -> bool:
        """Return True once calls can't succeed any more."""
        return self._ending.is_set()

    @property
    def pinged(self) -> bool:
        """Return whether a silent peer is found out by WebSocket pings."""
        return self._limits.ping_interval_s is not None and not self._spared

    def spare_pings(self) -> None:
        """Ping no more: the station turned out to be of a kind that stumbles over it."""
        self._spared = True

    @property
    def silent_for_s(self) -> float:
        """Return the seconds since the last frame of any kind."""
        return self._clock.monotonic() - self._heard_at

    async def call(self, action: str, payload: Mapping[str, Json], *, timeout_s: float = 30.0) -> dict[str, Json]:
        """Ask the station and return its answer; one call is outstanding at a time, others wait their turn.

        The request must fit the schema (ValueError). The answer is used even where it deviates, which
        is told through `MessageHandler.note_deviation`. The timeout counts from the sending. May be used
        inside of `handle_call`. Raises CallFailed, CallTimeout, NotConnected.
        """
        return await self._calls.call(action, payload, timeout_s)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket and return once its owner has let go, or at once when called by the handler."""
        self.end(code, reason)
        if asyncio.current_task() not in {self._worker, self._owner, self._inbox.worker}:
            await self._gone.wait()

    async def stop(self) -> None:
        """Close the socket because the port closes: a message being answered is cut."""
        self._grace_s = 0.0
        await self.close(GOING_AWAY, "going away")

    def end(self, code: int, reason: str = "") -> None:
        """Make the owner close the socket; what waits for answers fails at once."""
        if self._ending.is_set():
            return
        self._close_with = (code, reason)
        self._ending.set()
        self._heard.set()
        self._calls.end()
        self._inbox.close()

    async def run(self) -> None:
        """Own the socket until it ends."""
        self._owner = asyncio.current_task()
        reader = asyncio.create_task(self._read())
        self._worker = asyncio.create_task(self._serve())
        try:
            await self._watch()
        finally:
            self.end(GOING_AWAY)
            await _cancelled(reader)
            await asyncio.gather(self._close_socket(), self._let_worker_finish(self._worker))
            await self._take_leave()
            self._gone.set()

    async def _watch(self) -> None:
        """Wait for the end, and bring it about where the peer is silent and answers no ping."""
        interval = self._limits.ping_interval_s
        while interval is not None and not self.closed and not self._spared:
            with suppress(TimeoutError):
                async with self._clock.timeout(max(interval - self.silent_for_s, 1.0)):
                    await self._ending.wait()
            if self.closed or self._spared or self.silent_for_s < interval:
                continue
            if not await self.alive(self._limits.pong_timeout_s):
                self.end(GOING_AWAY, "no pong")
        await self._ending.wait()

    async def alive(self, timeout_s: float) -> bool:
        """Ping the peer and return whether any frame came within this time."""
        self._heard.clear()
        if self.closed:
            return False
        try:
            async with self._clock.timeout(timeout_s):
                await self._write(b"", WSMsgType.PING)
                await self._heard.wait()
        except TimeoutError:
            # What came in while the loop was held up is read before the verdict.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        except NotConnected:
            return False
        # A reader that waits for its rate or for room leaves frames unread: then it isn't the peer that is silent.
        held_back = not self._reading and not self._writing
        return not self.closed and (self._heard.is_set() or held_back)

    async def _read(self) -> None:
        try:
            while await self._read_one():
                pass
        except Exception:
            _LOGGER.exception("Reading a station's socket failed")
            self.end(UNEXPECTED_CONDITION)
        else:
            self.end(1000)

    async def _read_one(self) -> bool:
        """Take a frame off the socket; return False at its end."""
        self._reading = True
        message = await self.socket.receive()
        self._reading = False
        if message.type in {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}:
            return False
        self._heard_at = self._clock.monotonic()
        self._heard.set()
        if (delay := self._bucket.take(1 + len(message.data) // _BYTES_PER_TOKEN)) > 0:
            await self._clock.sleep(delay)
        if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
            await self._take(message.data)
            self._read_in_turn += len(message.data)
            if self._read_in_turn > _BYTES_PER_TURN:
                self._read_in_turn = 0
                await asyncio.sleep(0)
        elif message.type is WSMsgType.PING:
            with suppress(NotConnected):
                await self._write(message.data, WSMsgType.PONG)
        return True

    async def _take(self, data: bytes) -> None:
        if _LOGGER.isEnabledFor(logging.DEBUG):
            _LOGGER.debug("%s > %s", self.info.station_id, redacted(data))
        frame = decode(data, self.protocol)
        match frame:
            case Call():
                if self._inbox.full:
                    await self._inbox.room()
                self._inbox.put(frame, len(data))
            case CallResult() | CallRefusal():
                self._calls.answer(frame)
            case ResultRefusal():
                self._note_refusal(frame)
            case Unreadable():
                self._note_deviation(frame.deviation)
                if (refusal := refusal_of(frame, self.protocol)) is not None:
                    with suppress(NotConnected):
                        await self._send(refusal)

    async def _serve(self) -> None:
        """Answer the station, after the connection before this one is through with its last message."""
        async with self.turn:
            try:
                self._introduced = True
                self._handler = await self._listener.connected(self)
                await self._inbox.serve(self._handler)
            except NotConnected:
                return
            except Exception:
                _LOGGER.exception("Serving a station failed")
                self.end(UNEXPECTED_CONDITION)

    async def _let_worker_finish(self, worker: asyncio.Task[None]) -> None:
        serving = self._introduced and (self._handler is None or self._inbox.busy)
        if serving and self._grace_s:
            with suppress(TimeoutError):
                async with self._clock.timeout(self._grace_s):
                    await asyncio.wait([worker])
        await _cancelled(worker)

    async def _send(self, frame: bytes) -> None:
        if self.closed:
            raise NotConnected
        if _LOGGER.isEnabledFor(logging.DEBUG):
            _LOGGER.debug("%s < %s", self.info.station_id, redacted(frame))
        await self._write(frame, WSMsgType.TEXT)

    async def _write(self, data: bytes, kind: WSMsgType) -> None:
        self._writing += 1
        try:
            await self.socket.send_frame(data, kind)
        except ConnectionError as error:
            raise NotConnected from error
        except asyncio.CancelledError:
            # aiohttp lets all writers wait on one future: a cancelled one cancels it for the others too.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            if self.closed:
                raise NotConnected from None
        finally:
            self._writing -= 1

    async def _take_leave(self) -> None:
        if not self._introduced:
            return
        try:
            await self._listener.disconnected(self)
        except Exception:
            _LOGGER.exception("Noting a station's disconnection failed")

    def _note_deviation(self, kind: str) -> None:
        if self._handler is not None:
            self._handler.note_deviation(kind)

    def _note_refusal(self, frame: ResultRefusal) -> None:
        if self._handler is None:
            return
        try:
            action = self._inbox.take_refusal(frame, self._handler)
        except Exception:
            _LOGGER.exception("Noting a refused answer failed")
            return
        if action is not None:
            _LOGGER.warning("%s could not use our answer to %s", self.info.station_id, action)

    async def _close_socket(self) -> None:
        code, reason = self._close_with
        with suppress(TimeoutError, ConnectionError):
            # Real time: it bounds what the operating system does, for a peer that is gone.
            async with asyncio.timeout(self._limits.close_timeout_s):
                await self.socket.close(code=code, message=reason.encode()[:123])


async def _cancelled(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    await asyncio.wait([task])
