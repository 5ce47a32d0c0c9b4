"""A clock that the benchmark moves, so that minutes of a site take moments."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
import heapq
from itertools import count

BEGIN = datetime(2026, 1, 12, 18, 0, tzinfo=UTC)
_TURNS = 6  # of the event loop until what a timer woke has come to rest


class SimulatedClock:
    """Fulfils the engine's `Clock`; time passes in `advance` only, and nobody's patience ends."""

    def __init__(self) -> None:
        """Begin on a winter's evening."""
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    def now(self) -> datetime:
        """Return the wall time."""
        return BEGIN + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Return the seconds since the begin."""
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was moved by this many seconds."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + max(0.0, seconds), next(self._order), future))
        await future

    @asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncGenerator[None]:
        """Never end: what is waited for here is the ledger, which lives in real time."""
        del seconds
        yield

    async def advance(self, seconds: float) -> None:
        """Move by this many seconds, and wake each sleeper at its own moment."""
        end = self._elapsed + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, future = heapq.heappop(self._sleepers)
            if future.done():
                continue
            self._elapsed = max(self._elapsed, due)
            future.set_result(None)
            for _ in range(_TURNS):
                await asyncio.sleep(0)
        self._elapsed = end
