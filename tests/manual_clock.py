"""A clock that only moves when a test moves it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
import heapq
from itertools import count

START = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)


class ManualClock:
    """Wall and monotonic time under a test's control; fulfils the engine's `Clock`."""

    def __init__(self, start: datetime = START) -> None:
        """Begin at this wall time and at monotonic second 0."""
        self._start = start
        self._elapsed = 0.0
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def now(self) -> datetime:
        """Return the wall time."""
        return self._start + timedelta(seconds=self._elapsed)

    def set_back(self, seconds: float) -> None:
        """Set the wall time back; what was slept for is not touched."""
        self._start -= timedelta(seconds=seconds)

    def monotonic(self) -> float:
        """Return the seconds since the start."""
        return self._elapsed

    def _at(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (self._elapsed + max(0.0, seconds), next(self._order), action))

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was moved by this many seconds."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._at(seconds, lambda: None if future.done() else future.set_result(None))
        await future

    @asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncGenerator[None]:
        """Raise TimeoutError in the context once the clock was moved by this many seconds."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as scope:
            left = False

            def expire() -> None:
                if not left and not scope.expired():
                    scope.reschedule(loop.time())

            self._at(seconds, expire)
            try:
                yield
            finally:
                left = True

    async def advance(self, seconds: float, *, settle: float = 0.0) -> None:
        """Move the clock, running each timer at its own moment.

        `settle` is real time granted after each timer for data in sockets to arrive.
        """
        # Debug mode, which the test harness sets, keeps a stack for each of a million callbacks.
        asyncio.get_running_loop().set_debug(False)
        target = self._elapsed + seconds
        await self._settle(settle)
        while self._timers and self._timers[0][0] <= target:
            due, _, action = heapq.heappop(self._timers)
            self._elapsed = max(self._elapsed, due)
            action()
            await self._settle(settle)
        self._elapsed = target
        await self._settle(settle)

    @staticmethod
    async def _settle(seconds: float) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        if seconds:
            await asyncio.sleep(seconds)
