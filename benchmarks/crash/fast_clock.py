"""A clock that runs faster than the machine's, the same in every process that knows when it began."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
import time


@dataclass(frozen=True, slots=True)
class FastClock:
    """Both the engine's clock and the simulator's; `begun` in s since 1970, at which it told the machine's time."""

    begun: float
    times: float

    def now(self) -> datetime:
        """Return its wall time in UTC."""
        return datetime.fromtimestamp(self.begun + (time.time() - self.begun) * self.times, UTC)

    def monotonic(self) -> float:
        """Return its seconds that never jump."""
        return time.monotonic() * self.times

    async def sleep(self, seconds: float) -> None:
        """Wait for this many of its seconds."""
        await asyncio.sleep(seconds / self.times)

    @asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncGenerator[None]:
        """Raise TimeoutError once this many of its seconds have passed in the context."""
        async with asyncio.timeout(seconds / self.times):
            yield
