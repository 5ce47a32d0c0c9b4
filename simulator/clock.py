"""The simulator's only source of time, so that tests can drive a whole site by hand."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
import time
from typing import Protocol


class Clock(Protocol):
    """Wall time, a monotonic time, and waiting on the latter."""

    def now(self) -> datetime:
        """Return the wall time, timezone-aware in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never jump."""

    async def sleep(self, seconds: float) -> None:
        """Wait for this many monotonic seconds."""

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[None]:
        """Return a context that raises TimeoutError once this many seconds have passed in it."""


class WallClock:
    """Real time."""

    def now(self) -> datetime:
        """Return the wall time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for this many real seconds."""
        await asyncio.sleep(seconds)

    @asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncGenerator[None]:
        """Raise TimeoutError once this many real seconds have passed in the context."""
        async with asyncio.timeout(seconds):
            yield
