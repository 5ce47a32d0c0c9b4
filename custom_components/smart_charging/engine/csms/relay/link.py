"""One socket to a second central system: dialled, read, pinged and closed by one owner task."""

import asyncio
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
import logging
import ssl
from typing import Final, Literal

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, WSMsgType, hdrs

from ...clock import Clock
from ...model import Json
from ...relay_config import RelayConfig
from ..limits import TokenBucket
from ..redaction import redacted
from ..rpc import (
    Call,
    CallRefusal,
    CallResult,
    ErrorCode,
    ResultRefusal,
    Unreadable,
    decode,
    encode_call,
    encode_error,
    refusal_of,
)

_LOGGER = logging.getLogger(__name__)
_CLOSE_TIMEOUT_S: Final = 1.0
_MAX_GARBAGE: Final = 50  # unreadable frames on one socket; a central system that speaks OCPP sends none

type ClientSocket = aiohttp.ClientWebSocketResponse[Literal[False]]


class DialError(Exception):
    """No connection came about; the text is for people and holds no secret."""

    def __init__(self, text: str, *, turned_away: bool = False) -> None:
        """Say why; `turned_away` where they answered and refused the login."""
        super().__init__(text)
        self.turned_away = turned_away


class LinkDown(Exception):
    """The socket is gone, or they did not answer in time."""


class TheyRefused(Exception):
    """They answered with a CALLERROR; `code` is spelled as they sent it."""

    def __init__(self, code: str) -> None:
        """Keep the code; their description is a stranger's text and not kept."""
        super().__init__(code[:50])
        self.code = code[:50]


async def _stay(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Follow nobody elsewhere: a redirect would take the password, or us, to where nobody chose to go."""
    response = await handler(request)
    if 300 <= response.status < 400:
        response.close()
        raise aiohttp.ClientConnectionError("a redirect")
    return response


def open_http() -> aiohttp.ClientSession:
    """Return what relays dial with; one serves all of them, and whoever opened it closes it."""
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=None), middlewares=(_stay,)
    )


async def dial(
    http: aiohttp.ClientSession,
    config: RelayConfig,
    identity: str,
    protocol: str,
    clock: Clock,
    tls: ssl.SSLContext | Literal[True],
) -> ClientSocket:
    """Connect as the station would; raises DialError."""
    headers = {}
    if config.password is not None:
        login = b64encode(identity.encode() + b":" + config.password.reveal()).decode()
        headers[hdrs.AUTHORIZATION] = f"Basic {login}"
    try:
        async with clock.timeout(config.dial_timeout_s):
            socket: ClientSocket = await http.ws_connect(
                config.address_of(identity),
                protocols=(protocol,),
                headers=headers,
                autoping=False,
                autoclose=True,
                compress=0,
                max_msg_size=config.max_message_bytes,
                ssl=tls,
                decode_text=False,
            )
    except TimeoutError:
        raise DialError("no answer in time") from None
    except aiohttp.WSServerHandshakeError as error:
        raise DialError(f"refused with {error.status}", turned_away=400 <= error.status < 500) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise DialError(type(error).__name__) from None  # its text may hold the address
    if socket.protocol != protocol:
        await socket.close()
        raise DialError(f"they don't speak {protocol}")
    return socket


class RelayLink:
    """A connected socket."""

    def __init__(
        self,
        socket: ClientSocket,
        config: RelayConfig,
        protocol: str,
        clock: Clock,
        on_call: Callable[[Call], bool],
        name: str,
    ) -> None:
        """Own an open socket; `on_call` takes a command of theirs, False where it has no room for it."""
        self._socket = socket
        self._config = config
        self._protocol = protocol
        self._clock = clock
        self._on_call = on_call
        self._name = name
        self._bucket = TokenBucket(clock, config.messages_per_s, config.message_burst)
        self._pending: dict[str, asyncio.Future[CallResult | CallRefusal]] = {}
        self._turn = asyncio.Lock()
        self._ended = asyncio.Event()
        self._heard = asyncio.Event()
        self._heard_at = clock.monotonic()
        self._unreadable = 0
        self.garbage = 0
        self.answered = False

    async def run(self) -> None:
        """Own the socket until it ends."""
        reader = asyncio.create_task(self._read())
        pinger = asyncio.create_task(self._ping())
        try:
            await self._ended.wait()
        finally:
            self.end()
            for task in (reader, pinger):
                task.cancel()
            await asyncio.wait([reader, pinger])
            with suppress(TimeoutError, ConnectionError):
                # Real time: it bounds what the operating system does, for a peer that is gone.
                async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                    await self._socket.close()

    def end(self) -> None:
        """Make the owner close the socket; what waits for answers fails at once."""
        self._ended.set()
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(LinkDown())

    async def call(
        self, message_id: str, action: str, payload: Mapping[str, Json], timeout_s: float
    ) -> dict[str, Json]:
        """Ask them and return their answer, unchecked; one call is outstanding at a time.

        Raises TheyRefused, and LinkDown also where they are silent for `timeout_s` from the sending on: then the
        socket is given up, since nobody can tell a lost message from a late answer.
        """
        frame = encode_call(message_id, action, payload)
        async with self._turn:
            answer = await self._ask(message_id, frame, timeout_s)
        self.answered = True
        if isinstance(answer, CallRefusal):
            raise TheyRefused(answer.code)
        if answer.payload is None:
            raise TheyRefused(ErrorCode.FORMAT_VIOLATION)
        return answer.payload

    async def _ask(self, message_id: str, frame: bytes, timeout_s: float) -> CallResult | CallRefusal:
        if self._ended.is_set():
            raise LinkDown
        waiting: asyncio.Future[CallResult | CallRefusal] = asyncio.get_running_loop().create_future()
        self._pending[message_id] = waiting
        try:
            async with self._clock.timeout(timeout_s):
                await self.send(frame)
                return await waiting
        except TimeoutError:
            self.end()
            raise LinkDown from None
        finally:
            del self._pending[message_id]
            if waiting.done() and not waiting.cancelled():
                waiting.exception()  # taken note of, also where the sending failed first

    async def send(self, frame: bytes) -> None:
        """Send a frame; raises LinkDown."""
        if self._ended.is_set():
            raise LinkDown
        if _LOGGER.isEnabledFor(logging.DEBUG):
            _LOGGER.debug("relay %s < %s", self._name, redacted(frame))
        try:
            async with self._clock.timeout(self._config.answer_timeout_s):
                await self._socket.send_frame(frame, WSMsgType.TEXT)
        except TimeoutError, ConnectionError:
            self.end()
            raise LinkDown from None

    async def _read(self) -> None:
        try:
            while await self._read_one():
                pass
        except LinkDown, ConnectionError, aiohttp.ClientError:
            return
        except Exception:  # whatever they sent, only this socket may end by it
            _LOGGER.exception("Reading the second central system of %s failed", self._name)
        finally:
            self.end()

    async def _read_one(self) -> bool:
        message = await self._socket.receive()
        if message.type in {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}:
            return False
        self._heard_at = self._clock.monotonic()
        self._heard.set()
        if (delay := self._bucket.take()) > 0:
            await self._clock.sleep(delay)
        if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
            await self._take(message.data)
        elif message.type is WSMsgType.PING:
            await self._socket.send_frame(message.data, WSMsgType.PONG)
        return self._unreadable < _MAX_GARBAGE

    async def _take(self, data: bytes) -> None:
        if _LOGGER.isEnabledFor(logging.DEBUG):
            _LOGGER.debug("relay %s > %s", self._name, redacted(data))
        frame = decode(data, self._protocol)
        match frame:
            case Call():
                if not self._on_call(frame) and frame.confirmed:
                    await self.send(encode_error(self._protocol, frame.message_id, ErrorCode.GENERIC_ERROR, "busy"))
            case CallResult() | CallRefusal():
                waiting = self._pending.get(frame.message_id) if isinstance(frame.message_id, str) else None
                if waiting is None or waiting.done():
                    self.garbage += 1
                else:
                    waiting.set_result(frame)
            case ResultRefusal():
                self.garbage += 1
            case Unreadable():
                self.garbage += 1
                self._unreadable += 1
                if (refusal := refusal_of(frame, self._protocol)) is not None:
                    await self.send(refusal)

    async def _ping(self) -> None:
        """End the socket once they are silent and answer no ping."""
        config = self._config
        while True:
            silent_s = self._clock.monotonic() - self._heard_at
            await self._clock.sleep(max(1.0, config.ping_interval_s - silent_s))
            if self._clock.monotonic() - self._heard_at < config.ping_interval_s:
                continue
            self._heard.clear()
            try:
                async with self._clock.timeout(config.pong_timeout_s):
                    await self._socket.send_frame(b"", WSMsgType.PING)
                    await self._heard.wait()
            except TimeoutError, ConnectionError:
                self.end()
                return
