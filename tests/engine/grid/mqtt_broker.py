"""As much of an MQTT 3.1.1 broker as a subscriber needs: it takes logins and topics, and publishes what it is told."""

import asyncio
from dataclasses import dataclass, field

_CONNECT, _SUBSCRIBE, _PING, _DISCONNECT = 1, 8, 12, 14


@dataclass
class Broker:
    """A broker on a port of this host."""

    password: str | None = None
    topics: list[str] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and all connections."""
        if self._server is not None:
            self._server.close()
            for writer in self._writers:
                writer.transport.abort()
            await self._server.wait_closed()

    def publish(self, topic: str, message: bytes) -> None:
        """Tell all subscribers (QoS 0)."""
        body = len(topic).to_bytes(2) + topic.encode() + message
        for writer in self._writers:
            writer.write(b"\x30" + _length(len(body)) + body)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                kind, body = await _packet(reader)
                if kind == _CONNECT:
                    login = _login(body)
                    self.logins.append(login)
                    refused = self.password is not None and login[1] != self.password
                    writer.write(b"\x20\x02\x00" + (b"\x05" if refused else b"\x00"))
                    if refused:
                        return
                    self._writers.append(writer)
                elif kind == _SUBSCRIBE:
                    topics = _topics(body)
                    self.topics += topics
                    writer.write(b"\x90" + _length(2 + len(topics)) + body[:2] + b"\x00" * len(topics))
                elif kind == _PING:
                    writer.write(b"\xd0\x00")
                elif kind == _DISCONNECT:
                    return
        except asyncio.IncompleteReadError, ConnectionError:
            return
        finally:
            writer.close()


def _length(number: int) -> bytes:
    encoded = bytearray()
    while True:
        number, digit = divmod(number, 128)
        encoded.append(digit | (128 if number else 0))
        if not number:
            return bytes(encoded)


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        digit = (await reader.readexactly(1))[0]
        length |= (digit & 127) << shift
        shift += 7
        if digit < 128:
            return head >> 4, await reader.readexactly(length)


def _strings(body: bytes, place: int, step: int = 0) -> list[str]:
    found = []
    while place < len(body):
        length = int.from_bytes(body[place : place + 2])
        found.append(body[place + 2 : place + 2 + length].decode())
        place += 2 + length + step
    return found


def _login(body: bytes) -> tuple[str, str]:
    flags, after_head = body[7], 10
    texts = _strings(body, after_head)[1:]
    user = texts.pop(0) if flags & 0x80 else ""
    return user, texts.pop(0) if flags & 0x40 else ""


def _topics(body: bytes) -> list[str]:
    return _strings(body, 2, 1)
