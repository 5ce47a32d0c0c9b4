"""The one place where the engine reads time, so that every timeout can be tested without waiting."""

import asyncio
from contextlib import AbstractAsyncContextManager
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

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Return a context that raises TimeoutError once this many seconds have passed in it."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the wall time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for this many seconds."""
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float) -> asyncio.Timeout:
        """Raise TimeoutError once this many seconds have passed in the context."""
        return asyncio.timeout(seconds)
