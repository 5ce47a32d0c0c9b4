"""The central system's side of files: where they are kept, who may bring or fetch one, and who serves them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
import logging
from pathlib import Path

from aiohttp import web

from ..clock import Clock
from .transfer_files import TransferShelf
from .transfer_server import TransferServer
from .transfers import Received, TransferDesk, TransferSettings

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FileSettings:
    """Where uploads go and how much of them is kept; sizes in bytes.

    `address` (http:// or https://, no slash at the end) is where stations reach our links, where that is another
    than the one they dialled.
    """

    directory: Path
    address: str | None = None
    max_upload_bytes: int = 64 * 1024**2
    max_files: int = 50
    max_total_bytes: int = 512 * 1024**2
    max_firmware_bytes: int = 512 * 1024**2
    transfers: TransferSettings = TransferSettings()  # noqa: RUF009 - frozen


class Files:
    """Desk, shelf and server of one central system."""

    def __init__(self, clock: Clock, settings: FileSettings, on_received: Callable[[Received], None]) -> None:
        """Put them together; nothing is kept before `prepare`."""
        self.settings = settings
        self.address = settings.address
        self.desk = TransferDesk(clock, settings.transfers, on_received)
        self.shelf = TransferShelf(settings.directory, settings.max_files, settings.max_total_bytes)
        self.ready = False
        self._server = TransferServer(self.desk, self.shelf, clock, settings.transfers)

    async def prepare(self) -> None:
        """Make the directory; where that fails the stations are served all the same, without uploads."""
        try:
            await asyncio.to_thread(self.shelf.prepare)
        except OSError as error:
            _LOGGER.error("Files of chargers can't be kept in %s: %s", self.settings.directory, error.strerror)
        else:
            self.ready = True

    async def handle(self, request: web.BaseRequest, tail: str) -> web.StreamResponse:
        """Serve one of our links; `tail` is what stands behind the prefix in its path."""
        return await self._server.handle(request, tail)
