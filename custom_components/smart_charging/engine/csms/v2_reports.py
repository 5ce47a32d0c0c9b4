"""Reports of OCPP 2 that come in pages after a request was accepted, put together by request id."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
import secrets

from ..clock import Clock
from ..model import Json
from .commands import CommandError, CommandErrorCode

PAGE_TIMEOUT_S = 60.0  # from one page to the next; slow stations build them one by one
MAX_ITEMS = 20_000
_LARGEST_ID = 2**31 - 1


@dataclass(slots=True)
class _Open:
    items: list[Json] = field(default_factory=list)
    complete: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Reports:
    """The reports that one station was asked for and did not finish yet."""

    def __init__(self, clock: Clock) -> None:
        """Begin without any."""
        self._clock = clock
        self._open: dict[int, _Open] = {}

    def take(self, request_id: int | None, items: Sequence[Json], *, more_follow: bool) -> bool:
        """Take a page; False for one that nobody asked for."""
        report = self._open.get(request_id or 0)
        if report is None:
            return False
        report.items += items[: MAX_ITEMS - len(report.items)]
        report.complete = not more_follow or len(report.items) >= MAX_ITEMS
        report.changed.set()
        return True

    async def gather(self, ask: Callable[[int], Awaitable[bool]]) -> list[Json]:
        """Return a report; `ask` requests it under an id and returns False where there is nothing to report.

        A report whose next page does not come within `PAGE_TIMEOUT_S` ends with what came. Raises
        CommandError where `ask` does, and TIMEOUT where no page came at all.
        """
        request_id = secrets.randbelow(_LARGEST_ID) + 1
        report = self._open[request_id] = _Open()
        try:
            if not await ask(request_id):
                return []
            while not report.complete:
                report.changed.clear()
                try:
                    async with self._clock.timeout(PAGE_TIMEOUT_S):
                        await report.changed.wait()
                except TimeoutError:
                    break
            if not report.complete and not report.items:
                raise CommandError(CommandErrorCode.TIMEOUT, "no page of the report came")
            return report.items
        finally:
            del self._open[request_id]
