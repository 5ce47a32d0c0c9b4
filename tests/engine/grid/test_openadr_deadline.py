"""An answer has a latest end, even if a byte of it comes now and then without an end."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
import ssl
from threading import Event
from time import monotonic

import pytest
import requests

from custom_components.smart_charging.engine.grid import openadr_http
from custom_components.smart_charging.engine.grid.openadr_deadline import OpenSockets
from custom_components.smart_charging.engine.grid.openadr_http import VenError, VenProblem, make_session, request
from tests.engine.csms_transport.certificates import Issuer

pytestmark = pytest.mark.usefixtures("socket_enabled")

LIMIT_S = 0.3
PIECE_S = 0.02  # between two bytes
FAR_S = 20.0  # where nothing else ends it
BODIES = {
    "head": b"HTTP/1.1 200 OK\r\nX-Long: ",
    "body": b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n",
    "last": b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\nConnection: close\r\n\r\n",
    "endless": b"HTTP/1.0 200 OK\r\n\r\n",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n",
}


@asynccontextmanager
async def dripping(begin: bytes, context: ssl.SSLContext | None = None) -> AsyncGenerator[str]:
    """Have a server that begins an answer so, and goes on byte by byte."""
    ended = asyncio.Event()
    tasks: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())  # type: ignore[arg-type]  # this is one
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(begin)
            while not ended.is_set():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(PIECE_S)
        except OSError, asyncio.IncompleteReadError:
            ended.is_set()  # who asked hung up, as is wanted
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    yield f"{'http' if context is None else 'https'}://127.0.0.1:{port}/events"
    ended.set()
    server.close()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def bounds(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(openadr_http, "ANSWER_TIMEOUT_S", LIMIT_S)
    return monkeypatch


async def failure_of(session: requests.Session, url: str) -> VenProblem:
    with pytest.raises(VenError) as caught:
        async with asyncio.timeout(FAR_S):
            await asyncio.to_thread(request, session, "GET", url)
    return caught.value.problem


@pytest.mark.usefixtures("bounds")
@pytest.mark.parametrize("where", BODIES)
async def test_an_answer_that_drips_ends_in_its_time(where: str) -> None:
    async with dripping(BODIES[where]) as url:
        assert await failure_of(make_session(None, None), url) is VenProblem.TIMEOUT


@pytest.mark.usefixtures("bounds")
@pytest.mark.parametrize("where", ["head", "body", "endless"])
async def test_an_answer_that_drips_over_tls_ends_in_its_time(where: str, tmp_path: Path) -> None:
    authority = Issuer(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.issue("vtn"))
    async with dripping(BODIES[where], context) as url:
        assert await failure_of(make_session(str(authority.file), None), url) is VenProblem.TIMEOUT


async def test_a_session_that_is_closed_leaves_no_thread_waiting() -> None:
    session = make_session(None, None)
    async with dripping(BODIES["body"]) as url:
        task = asyncio.create_task(failure_of(session, url))
        while not task.done():
            session.close()  # until it is under way
            await asyncio.sleep(0.05)
        assert await task is VenProblem.UNREACHABLE


async def test_an_answer_in_time_leaves_its_connection_as_it_is(bounds: pytest.MonkeyPatch) -> None:
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
    asked = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                asked += 1
                writer.write(whole)
        except asyncio.IncompleteReadError:
            writer.close()

    bounds.setattr(openadr_http, "ANSWER_TIMEOUT_S", FAR_S)
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    session = make_session(None, None)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    began = monotonic()
    for _ in range(3):
        assert (await asyncio.to_thread(request, session, "GET", url)).content == b"[]"
    assert monotonic() - began < FAR_S  # nobody waits for the deadline
    assert asked == 3
    session.close()
    server.close()


def test_what_is_late_is_told_where_there_was_no_socket_to_shut_down() -> None:
    with OpenSockets().end_after(0.0) as late:
        assert late.wait(FAR_S)
    assert isinstance(late, Event)
