"""Ends an HTTP exchange at its latest moment, however slowly the other side goes on: its socket is shut down.

A time-out of a socket only bounds the silence between two pieces; who sends a byte now and then is read without an end.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
import socket
from threading import Event, Lock, Thread
from typing import Final, override
from weakref import WeakSet

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_AGAIN_S: Final = 0.1  # a connection that was not there yet is shut down as well


class OpenSockets:
    """The sockets of one session, which makes one request at a time."""

    def __init__(self) -> None:
        """Know of none yet."""
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._lock = Lock()

    def pools(self) -> Mapping[str, type[HTTPConnectionPool]]:
        """Return pools by scheme whose connections are known here."""
        add = self._add

        class Connection(HTTPConnection):
            """A connection whose socket is known."""

            @override
            def connect(self) -> None:
                """Connect."""
                super().connect()
                add(self.sock)

        class SecureConnection(HTTPSConnection):
            """A connection with TLS whose socket is known; the handshake is within the time-out for connecting."""

            @override
            def connect(self) -> None:
                """Connect."""
                super().connect()
                add(self.sock)

        class Pool(HTTPConnectionPool):
            """Such connections to one host."""

            ConnectionCls = Connection

        class SecurePool(HTTPSConnectionPool):
            """Such connections with TLS to one host."""

            ConnectionCls = SecureConnection

        return {"http": Pool, "https": SecurePool}

    def shut_down(self) -> None:
        """Have all who wait for a socket, in whichever thread, wait no longer."""
        with self._lock:
            known = list(self._sockets)
        for one in known:
            with suppress(OSError):  # it is closed already
                # Not that of a TLS socket, which would forget its encryption under who reads it.
                socket.socket.shutdown(one, socket.SHUT_RDWR)

    @contextmanager
    def end_after(self, seconds: float) -> Iterator[Event]:
        """Shut them down after this time, unless the context was left before; the event tells that it came to that."""
        left, late = Event(), Event()

        def watch() -> None:
            wait_s = seconds
            while not left.wait(wait_s):
                late.set()
                self.shut_down()
                wait_s = _AGAIN_S

        watcher = Thread(target=watch, name="OpenADR deadline", daemon=True)
        watcher.start()
        try:
            yield late
        finally:
            left.set()
            watcher.join()  # it would end the next request

    def _add(self, one: socket.socket | None) -> None:
        if one is not None:
            with self._lock:
                self._sockets.add(one)
