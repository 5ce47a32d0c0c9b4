"""Uploads and downloads over HTTP, for any aiohttp server: the OCPP port's own, or Home Assistant's.

FTP is not spoken: it would need a library of its own, further ports, and carries all in clear.
"""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
import logging
import os
from typing import BinaryIO, Final

from aiohttp import BodyPartReader, ClientError, HttpVersion11, MultipartReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from ..clock import Clock
from .transfer_files import IncomingFile, TransferShelf
from .transfers import TRANSFER_PREFIX, Direction, OfferedFile, Ticket, TransferDesk, TransferSettings

_LOGGER = logging.getLogger(__name__)
_CHUNK_BYTES: Final = 64 * 1024
_FORM_BYTES: Final = 64 * 1024  # what boundaries and headers of a form may add to a file
_MAX_PARTS: Final = 16
_UPLOADS: Final = frozenset({hdrs.METH_PUT, hdrs.METH_POST})
_DOWNLOADS: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})

type _Source = Callable[[], Awaitable[bytes]]


class _Refused(Exception):
    """A transfer is answered with an HTTP status; `final` ends the link."""

    def __init__(self, status: int, *, final: bool = False) -> None:
        super().__init__(str(status))
        self.status = status
        self.final = final


def transfer_tail(raw_path: str) -> str | None:
    """Return the part of a request target behind the prefix; None where it is not about a transfer."""
    path = raw_path.partition("?")[0].lstrip("/")
    return path.removeprefix(TRANSFER_PREFIX) if path.startswith(TRANSFER_PREFIX) else None


class _Patience:
    """How long to wait for the peer's next piece."""

    def __init__(self, clock: Clock, settings: TransferSettings) -> None:
        self._clock = clock
        self._settings = settings
        self._began_s = clock.monotonic()
        self.moved_bytes = 0

    async def wait[T](self, work: Awaitable[T]) -> T:
        """Return what the peer's next piece brings; TimeoutError where it is too slow."""
        granted_s = self._settings.grace_s + self.moved_bytes / self._settings.min_bytes_per_s
        left_s = granted_s - (self._clock.monotonic() - self._began_s)
        async with self._clock.timeout(max(0.0, min(self._settings.idle_s, left_s))):
            return await work


class TransferServer:
    """Serves the links of a desk."""

    def __init__(self, desk: TransferDesk, shelf: TransferShelf, clock: Clock, settings: TransferSettings) -> None:
        """Serve from and to `shelf`, which must have been prepared."""
        self._desk = desk
        self._shelf = shelf
        self._clock = clock
        self._settings = settings

    async def handle(self, request: web.BaseRequest, tail: str) -> web.StreamResponse:
        """Answer a request; `tail` is what stands behind the prefix in its path (see `transfer_tail`)."""
        if request.method in _UPLOADS:
            direction = Direction.UPLOAD
        elif request.method in _DOWNLOADS:
            direction = Direction.DOWNLOAD
        else:
            return _answer(404)
        ticket = self._desk.find(tail, direction)
        if ticket is None:
            return _answer(404)
        if self._desk.busy:
            return _answer(503)
        with _running(ticket):
            try:
                if direction is Direction.UPLOAD:
                    return await self._upload(request, ticket)
                return await self._download(request, ticket)
            except _Refused as refused:
                if refused.final:
                    self._desk.use_up(ticket)
                _LOGGER.debug("A transfer of %s ended with %s", ticket.station_id, refused.status)
                return _answer(refused.status)

    async def _upload(self, request: web.BaseRequest, ticket: Ticket) -> web.StreamResponse:
        announced = request.content_length or 0
        is_form = request.content_type.startswith("multipart/")
        if announced > ticket.max_bytes + (_FORM_BYTES if is_form else 0):
            raise _Refused(413, final=True)
        if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
            raise _Refused(415)  # the sizes of what it unpacks to are nobody's promise
        await _continue(request)
        patience = _Patience(self._clock, self._settings)
        try:
            source = await patience.wait(_file_of_form(request)) if is_form else request.content.readany
            await self._keep(source, patience, ticket)
        except TimeoutError:
            self._desk.broke(ticket)
            raise _Refused(408) from None
        except ConnectionError, ClientError, HttpProcessingError, ValueError:
            self._desk.broke(ticket)
            raise _Refused(400) from None
        except OSError as error:
            _LOGGER.warning("An upload of %s can't be kept: %s", ticket.station_id, error.strerror)
            raise _Refused(507) from error
        return _answer(200)

    async def _keep(self, source: _Source, patience: _Patience, ticket: Ticket) -> None:
        """Write what comes to a file of ours; nothing of a transfer that fails stays."""
        incoming = await asyncio.to_thread(self._shelf.open)
        try:
            await self._fill(incoming, source, patience, ticket)
            path = await asyncio.to_thread(
                self._shelf.put, incoming, ticket.station_id, ticket.kind.value, self._clock.now()
            )
        finally:
            incoming.discard()
        self._desk.received(ticket, path, patience.moved_bytes, incoming.sha256)

    @staticmethod
    async def _fill(incoming: IncomingFile, source: _Source, patience: _Patience, ticket: Ticket) -> None:
        while data := await patience.wait(source()):
            patience.moved_bytes += len(data)
            if patience.moved_bytes > ticket.max_bytes:
                raise _Refused(413, final=True)
            await asyncio.to_thread(incoming.write, data)
        if not patience.moved_bytes:
            raise ValueError("an empty upload")

    async def _download(self, request: web.BaseRequest, ticket: Ticket) -> web.StreamResponse:
        offered = ticket.file
        if offered is None:
            raise _Refused(404)
        try:
            file = await asyncio.to_thread(_open_unchanged, offered)
        except OSError:
            _LOGGER.warning("A file offered to %s is gone or was changed", ticket.station_id)
            raise _Refused(404, final=True) from None
        try:
            return await self._send(request, ticket, offered, file)
        finally:
            await asyncio.to_thread(file.close)

    async def _send(
        self, request: web.BaseRequest, ticket: Ticket, offered: OfferedFile, file: BinaryIO
    ) -> web.StreamResponse:
        response = _file_response(offered)
        span = _span_of(request, offered)
        if span is None:
            response.set_status(416)
            response.headers[hdrs.CONTENT_RANGE] = f"bytes */{offered.size}"
            response.content_length = 0
            span = range(0)
        elif len(span) < offered.size:
            response.set_status(206)
            response.headers[hdrs.CONTENT_RANGE] = f"bytes {span.start}-{span.stop - 1}/{offered.size}"
        if response.status != 416:
            response.content_length = len(span)
        patience = _Patience(self._clock, self._settings)
        try:
            await response.prepare(request)
            if request.method == hdrs.METH_GET:
                await self._pump(response, ticket, file, span, patience)
            await patience.wait(response.write_eof())
        except TimeoutError, ConnectionError:
            if request.transport is not None:
                request.transport.abort()  # what is still buffered would keep the socket
        return response

    @staticmethod
    async def _pump(
        response: web.StreamResponse, ticket: Ticket, file: BinaryIO, span: range, patience: _Patience
    ) -> None:
        await asyncio.to_thread(file.seek, span.start)
        position = span.start
        while position < span.stop:
            data = await asyncio.to_thread(file.read, min(_CHUNK_BYTES, span.stop - position))
            if not data:
                raise ConnectionError("the file became shorter")
            await patience.wait(response.write(data))
            patience.moved_bytes += len(data)
            position += len(data)
            ticket.delivered_bytes = max(ticket.delivered_bytes, position)


@contextmanager
def _running(ticket: Ticket) -> Generator[None]:
    ticket.running += 1
    try:
        yield
    finally:
        ticket.running -= 1


async def _continue(request: web.BaseRequest) -> None:
    """Ask for the body where the peer waits for that (RFC 9110 section 10.1.1)."""
    waits = request.headers.get(hdrs.EXPECT, "").lower() == "100-continue"
    # An aiohttp application has answered for its own requests by the time a handler is called.
    if waits and request.version >= HttpVersion11 and not isinstance(request, web.Request):
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


async def _file_of_form(request: web.BaseRequest) -> _Source:
    """Return what reads the first file of a form, whatever the station calls it; ValueError without one."""
    reader = MultipartReader(request.headers, request.content)
    for _ in range(_MAX_PARTS):
        part = await reader.next()
        if isinstance(part, BodyPartReader) and part.filename is not None:
            return part.read_chunk
        if not isinstance(part, BodyPartReader):
            break
    raise ValueError("a form without a file")


def _open_unchanged(offered: OfferedFile) -> BinaryIO:
    """Open a file that is still what it was when it was offered; OSError for any other."""
    file = offered.path.open("rb")
    status = os.fstat(file.fileno())
    if (status.st_size, status.st_mtime_ns) != (offered.size, offered.modified_ns):
        file.close()
        raise OSError("changed since it was offered")
    return file


def _file_response(offered: OfferedFile) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = "application/octet-stream"
    response.etag = offered.sha256
    response.headers[hdrs.ACCEPT_RANGES] = "bytes"
    digest = b64encode(bytes.fromhex(offered.sha256)).decode()
    response.headers["Repr-Digest"] = f"sha-256=:{digest}:"  # RFC 9530 section 3
    return response


def _span_of(request: web.BaseRequest, offered: OfferedFile) -> range | None:
    """Return which bytes are asked for, None for none that there are (RFC 9110 section 14.2).

    What is no single range, or one of another state of the file, is answered with the whole file.
    """
    whole = range(offered.size)
    if request.headers.get(hdrs.IF_RANGE, f'"{offered.sha256}"') != f'"{offered.sha256}"':
        return whole
    try:
        asked = request.http_range
    except ValueError:
        return whole
    span = whole[asked]
    return span if span or asked.start is None else None


def _answer(status: int) -> web.Response:
    response = web.Response(status=status)
    if status == 503:
        response.headers[hdrs.RETRY_AFTER] = "60"
    if status != 200:
        response.force_close()  # what is left of a body is nothing we want to read
    return response
