"""A server that stations bring files to and fetch them from."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Files:
    """A file server that may fail a few times."""

    base: str = ""
    failures: int = 0
    content: bytes = b"firmware"
    uploads: dict[str, bytes] = field(default_factory=dict)

    async def get(self, request: web.Request) -> web.Response:
        return web.Response(body=self.content) if self._works() else web.Response(status=503)

    async def put(self, request: web.Request) -> web.Response:
        if not self._works():
            return web.Response(status=503)
        self.uploads[request.path] = await request.read()
        return web.Response(status=201)

    def _works(self) -> bool:
        self.failures -= 1
        return self.failures < 0


@asynccontextmanager
async def file_server() -> AsyncGenerator[Files]:
    files = Files()
    app = web.Application()
    app.router.add_get("/{name}", files.get)
    app.router.add_put("/{name}", files.put)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    files.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield files
    await runner.cleanup()
