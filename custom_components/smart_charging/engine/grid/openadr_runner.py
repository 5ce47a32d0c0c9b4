"""Runs a VEN from an event loop: polls in a thread, waits in between, and says when something has changed."""

import asyncio
from collections.abc import Awaitable, Callable
import contextlib
from datetime import timedelta
import logging
import traceback
from typing import Final, Protocol

from ..clock import Clock
from .openadr_config import VenConfig
from .openadr_http import VenError
from .openadr_memory import VenMemory
from .openadr_notifications import Notification, Notifications
from .openadr_reports import Figures
from .openadr_values import OpenAdrVersion
from .openadr_ven import Ven, VenState

_LEAST_WAIT: Final = timedelta(seconds=1)
_HINTED_WAIT_S: Final = 2.0  # after a notification: several mostly come at once
_LOGGER = logging.getLogger(__name__)


class RunBlocking(Protocol):
    """Runs a function that blocks somewhere else than in the event loop, as `asyncio.to_thread` does."""

    def __call__[Result](self, function: Callable[[], Result], /) -> Awaitable[Result]:
        """Return what the function returns."""


class VenRunner:
    """A VEN at work. `on_change` is called in the event loop after each poll and when the server becomes lost.

    `figures` is called in the thread of a poll.
    """

    def __init__(
        self,
        config: VenConfig,
        clock: Clock,
        jitter: Callable[[], float],
        on_change: Callable[[VenState], None],
        *,
        memory: VenMemory | None = None,
        figures: Figures | None = None,
        run_blocking: RunBlocking = asyncio.to_thread,
    ) -> None:
        """Prepare; nothing is sent before `start`."""
        self._config = config
        self._clock = clock
        self._on_change = on_change
        self._figures = figures
        self._run_blocking = run_blocking
        self._ven = Ven(config, clock, jitter, memory)
        self._hints_failed = False
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._notifications = Notifications(config, self._hint)

    @property
    def notifications(self) -> Notification:
        """Return how changes are learnt of besides polling."""
        return self._notifications.status

    def state(self) -> VenState:
        """Return what holds now."""
        return self._ven.state()

    def memory(self) -> VenMemory | None:
        """Return what to keep for after a restart."""
        return self._ven.memory()

    def start(self) -> None:
        """Begin to poll, at once."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="OpenADR VEN")

    def poll_now(self) -> None:
        """Have the next poll take place now."""
        self._woken.set()

    async def stop(self) -> None:
        """End. A request under way is not waited for."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await self._run_blocking(self._close)

    def _close(self) -> None:
        self._notifications.stop()
        self._ven.close()

    def _hint(self) -> None:
        """Wake up for a notification; called in a thread of its own."""
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._hinted)

    def _hinted(self) -> None:
        if self._ven.state().failures == 0:  # a server in trouble is left alone for as long as was decided
            self._woken.set()

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                state = await self._run_blocking(self._round)
            except Exception as error:  # noqa: BLE001 - whatever fails in a poll, it is told, and the next one follows
                state = self._ven.fell_over(error)
            self._tell(state)
            await self._wait(state.lost)

    def _tell(self, state: VenState) -> None:
        try:
            self._on_change(state)
        except Exception:
            _LOGGER.exception("Telling how it stands with the OpenADR server failed")

    def _round(self) -> VenState:
        state = self._ven.poll(self._figures)
        if state.problem is None and self._config.notifications and self._config.version is OpenAdrVersion.V3_1:
            self._ask_for_hints(state.ven_id)
        return state

    def _ask_for_hints(self, ven_id: str | None) -> None:
        """Have notifications come; without them polling is all there is, so nothing of theirs may be a poll's failure."""
        try:
            self._notifications.start(self._ven.client, ven_id)
            with contextlib.suppress(VenError):
                self._notifications.renew(self._ven.client.access_token())
        except Exception as error:  # noqa: BLE001 - its text may hold a secret: its kind and place are logged, once
            if not self._hints_failed:
                where = "".join(traceback.format_tb(error.__traceback__))
                _LOGGER.error("No OpenADR notifications, for %s:\n%s", type(error).__name__, where)
            self._hints_failed = True

    async def _wait(self, lost: bool) -> None:
        """Wait for the next poll, and tell when the server becomes lost meanwhile; `lost` is what was told last."""
        while not self._woken.is_set():
            self._ven.follow_clock()
            state = self._ven.state()
            if state.lost and not lost:
                lost = True
                self._tell(state)
            now = self._clock.now()
            if state.next_attempt is None or state.next_attempt <= now:
                return
            moments = [state.next_attempt]
            if not state.lost and state.last_heard is not None:
                moments.append(state.last_heard + self._config.lost_after)
            await self._sleep(max(min(moments) - now, _LEAST_WAIT))
        await self._clock.sleep(_HINTED_WAIT_S)

    async def _sleep(self, wait: timedelta) -> None:
        """Wait this long, or until woken."""
        tasks = [
            asyncio.ensure_future(self._clock.sleep(wait.total_seconds())),
            asyncio.ensure_future(self._woken.wait()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
