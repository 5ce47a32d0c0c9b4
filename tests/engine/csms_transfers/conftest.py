"""A desk whose links are served over real sockets, in the two ways they can be mounted."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web
import pytest

from custom_components.smart_charging.engine.csms.transfer_files import TransferShelf
from custom_components.smart_charging.engine.csms.transfer_server import TransferServer, transfer_tail
from custom_components.smart_charging.engine.csms.transfers import Received, TransferDesk, TransferSettings
from tests.manual_clock import ManualClock


@dataclass
class Counter:
    """A desk, its shelf, its server, and where they listen."""

    clock: ManualClock
    directory: Path
    session: aiohttp.ClientSession
    settings: TransferSettings = field(default_factory=TransferSettings)
    max_files: int = 4
    max_total_bytes: int = 1_000_000
    received: list[Received] = field(default_factory=list)
    base: str = ""

    def __post_init__(self) -> None:
        """Prepare all parts."""
        self.shelf = TransferShelf(self.directory, self.max_files, self.max_total_bytes)
        self.shelf.prepare()
        self.desk = TransferDesk(self.clock, self.settings, self.received.append)
        self.server = TransferServer(self.desk, self.shelf, self.clock, self.settings)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        tail = transfer_tail(request.raw_path)
        return web.Response(status=426) if tail is None else await self.server.handle(request, tail)

    def url(self, link: str) -> str:
        return f"{self.base}/{link}"

    async def put(self, link: str, data: object, **more: object) -> int:
        """Upload as a station does, and return the status of the answer."""
        async with self.session.put(self.url(link), data=data, **more) as response:  # type: ignore[arg-type]
            return response.status

    async def get(self, link: str, **headers: str) -> tuple[int, bytes]:
        async with self.session.get(self.url(link), headers=headers) as response:
            return response.status, await response.read()

    def half_received(self) -> list[Path]:
        return [path for path in self.directory.iterdir() if path.name.endswith(".part")]

    async def outlast(self, work: asyncio.Future[int]) -> int:
        """Let time pass until a peer that is too slow was given up, and return the answer it got."""
        for _ in range(50):
            if work.done():
                break
            await self.clock.advance(31.0, settle=0.02)
        return await work

    async def until(self, condition: object) -> None:
        async with asyncio.timeout(5):
            while not condition():  # type: ignore[operator]
                await asyncio.sleep(0.001)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def session(socket_enabled: None) -> AsyncGenerator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session


@pytest.fixture
async def counter(clock: ManualClock, tmp_path: Path, session: aiohttp.ClientSession) -> AsyncGenerator[Counter]:
    """A counter on a low-level server, as the OCPP port is one."""
    counter = Counter(clock, tmp_path / "received", session)
    server = web.Server(counter.handle, access_log=None, lingering_time=0)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    counter.base = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    yield counter
    listener.close()
    await server.shutdown(0.1)


@pytest.fixture
async def mounted(clock: ManualClock, tmp_path: Path, session: aiohttp.ClientSession) -> AsyncGenerator[Counter]:
    """A counter below a path of an aiohttp application, as Home Assistant has one."""
    counter = Counter(clock, tmp_path / "received", session)

    async def view(request: web.Request) -> web.StreamResponse:
        return await counter.server.handle(request, request.match_info["tail"])

    application = web.Application(client_max_size=1000)
    application.router.add_route("*", "/api/transfer/{tail:.*}", view)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    counter.base = f"http://127.0.0.1:{runner.addresses[0][1]}/api"
    yield counter
    await runner.cleanup()
