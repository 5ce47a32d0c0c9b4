"""Writes what waits for a second central system: at once what must not be lost, the rest only if it has to wait."""

import asyncio
from contextlib import suppress
import logging
from typing import Final

from ...clock import Clock
from ...model import StoreError
from .backlog import Backlog
from .store import RelayStore

_LOGGER = logging.getLogger(__name__)
SAVE_S: Final = 30.0  # telemetry that they get sooner is never written
WAIT_S: Final = 2.0  # the most that a disk may hold up a station's transaction message


class BacklogKeeper:
    """Keeps one backlog in its store; it alone writes there, one thing at a time."""

    def __init__(self, backlog: Backlog, store: RelayStore, clock: Clock, name: str) -> None:
        """Prepare to keep; `name` is for the log."""
        self._backlog = backlog
        self._store = store
        self._clock = clock
        self._name = name
        self._due = asyncio.Event()
        self._saved: asyncio.Event | None = None
        self._closing = False
        self.kept = True

    async def restore(self) -> None:
        """Read what was kept; where that fails the backlog begins empty and all is written anew."""
        try:
            self._backlog.restore(await self._store.read())
        except StoreError:
            _LOGGER.warning("What waits for the second central system of %s can't be read", self._name)
            self.kept = False

    def save_soon(self) -> None:
        """Write without waiting for the next round."""
        self._due.set()

    async def saved(self) -> None:
        """Return once all that waits now is on the disk, or after two seconds whatever the disk does."""
        if self._saved is None:
            self._saved = asyncio.Event()
        saved = self._saved
        self._due.set()
        with suppress(TimeoutError):
            async with self._clock.timeout(WAIT_S):
                await saved.wait()

    def close(self) -> None:
        """Make `run` write what is left and end."""
        self._closing = True
        self._due.set()

    async def run(self) -> None:
        """Write until closed; a disk that fails is tried again each half a minute."""
        while not self._closing:
            if self._saved is None and not self._due.is_set():
                with suppress(TimeoutError):
                    async with self._clock.timeout(SAVE_S):
                        await self._due.wait()
            self._due.clear()
            await self._save()
        await self._save()

    async def _save(self) -> None:
        saved, self._saved = self._saved, None
        lines, replaces = self._backlog.take_changes()
        try:
            if replaces:
                await self._store.replace(lines)
            elif lines:
                await self._store.append(lines)
            self.kept = True
        except StoreError:
            if self.kept:
                _LOGGER.warning("What waits for the second central system of %s can't be kept", self._name)
            self.kept = False
            self._backlog.not_kept()
        finally:
            if saved is not None:
                saved.set()
