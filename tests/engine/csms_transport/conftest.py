"""A listening server with a recording station side, and clients that speak raw frames to it."""

from collections.abc import AsyncGenerator

import aiohttp
import pytest

from custom_components.smart_charging.engine.csms.server import ServerSettings
from tests.manual_clock import ManualClock

from .station_side import EVERY_VERSION, QUICK, Client, OpenPort, Port, RecordingSink, Speak


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def sink() -> RecordingSink:
    return RecordingSink()


@pytest.fixture
async def session(socket_enabled: None) -> AsyncGenerator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        yield session


@pytest.fixture
async def open_port(
    sink: RecordingSink, clock: ManualClock, session: aiohttp.ClientSession
) -> AsyncGenerator[OpenPort]:
    ports: list[Port] = []

    async def open_port(settings: ServerSettings) -> Port:
        port = Port(sink, clock, session, settings)
        await port.start()
        ports.append(port)
        return port

    yield open_port
    for port in ports:
        await port.stop()


@pytest.fixture
async def port(open_port: OpenPort) -> Port:
    return await open_port(QUICK)


@pytest.fixture
async def station(port: Port) -> Client:
    """A station that is connected."""
    return await port.dial("/CP1")


@pytest.fixture
async def speak(open_port: OpenPort) -> Speak:
    """How a station connects in a version of its choice."""
    port = await open_port(EVERY_VERSION)

    async def speak(version: str, path: str = "/CP1") -> Client:
        return await port.dial(path, protocols=(version,))

    return speak
