"""A WebSocket client that costs little: the load generator must not be what a measured server waits for."""

import asyncio
from collections.abc import Callable
import struct

_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA
_KEY = b"bG9hZCBnZW5lcmF0b3IxMg=="  # any 16 bytes, RFC 6455 section 4.1
_NO_MASK = b"\x00\x00\x00\x00"  # a mask like any other, that changes nothing


class Wire(asyncio.Protocol):
    """One connection of a station; whole frames only, as servers of OCPP send them."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        """Hand each text to `take`."""
        self._take = take
        self._data = b""
        self._transport: asyncio.Transport | None = None
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def dial(self, port: int, path: str) -> None:
        """Connect to 127.0.0.1; ConnectionError where the handshake fails."""
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", port)
        self._send_raw(
            b"GET " + path.encode() + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\nSec-WebSocket-Key: " + _KEY + b"\r\n\r\n"
        )
        await self._opened

    def send(self, text: bytes) -> None:
        """Send a text."""
        self._send_frame(_TEXT, text)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._send_frame(_CLOSE, struct.pack("!H", 1000))
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the handshake that is still under way."""
        if not self._opened.done():
            self._opened.set_exception(ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        """Take what came in, frame by frame."""
        self._data += data
        if not self._opened.done():
            head, found, rest = self._data.partition(b"\r\n\r\n")
            if not found:
                return
            self._data = rest
            if not head.startswith(b"HTTP/1.1 101"):
                self._opened.set_exception(ConnectionError(head.split(b"\r\n")[0].decode()))
                return
            self._opened.set_result(None)
        while (frame := self._next_frame()) is not None:
            kind, payload = frame
            if kind == _TEXT:
                self._take(payload)
            elif kind == _PING:
                self._send_frame(_PONG, payload)

    def _next_frame(self) -> tuple[int, bytes] | None:
        data = self._data
        if len(data) < 2:
            return None
        size, begin = data[1], 2
        if size == 126 and len(data) >= 4:
            size, begin = struct.unpack_from("!H", data, 2)[0], 4
        elif size == 127 and len(data) >= 10:
            size, begin = struct.unpack_from("!Q", data, 2)[0], 10
        if len(data) < begin + size or (size in {126, 127} and begin == 2):
            return None
        self._data = data[begin + size :]
        return data[0] & 0xF, data[begin : begin + size]

    def _send_frame(self, kind: int, payload: bytes) -> None:
        size = len(payload)
        head = (
            struct.pack("!BB", 0x80 | kind, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x80 | kind, 0xFE, size)
        )
        self._send_raw(head + _NO_MASK + payload)

    def _send_raw(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)
