"""Runs a VEN from an event loop: polls in a thread, looks after time meanwhile, and says when something has changed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
import contextlib
from dataclasses import replace
from datetime import datetime
import logging
import math
import traceback
from typing import Final, Protocol

from ..clock import Clock
from .openadr_config import VenConfig
from .openadr_http import VenError, VenProblem
from .openadr_notifications import Notification, Notifications
from .openadr_reports import Figures
from .openadr_values import OpenAdrVersion
from .openadr_ven import Ven, VenState

OVERDUE_S: Final = 300.0  # of a poll, after which it counts as one that failed, and so on
_LEAST_WAIT_S: Final = 1.0
_HINTED_WAIT_S: Final = 2.0  # after a notification: several mostly come at once
_LOGGER = logging.getLogger(__name__)


class RunBlocking(Protocol):
    """Runs a function that blocks somewhere else than in the event loop, as `asyncio.to_thread` does."""

    def __call__[Result](self, function: Callable[[], Result], /) -> Awaitable[Result]:
        """Return what the function returns."""


class VenRunner:
    """A VEN at work. `on_change` is called in the event loop after each poll, and when time alone makes a difference.

    That is when the server becomes lost, a poll takes too long, or what comes next is to be told. `figures` is called in
    the thread of a poll. A poll that hangs is told as a failure, and not begun a second time.
    """

    def __init__(
        self,
        ven: Ven,
        config: VenConfig,
        clock: Clock,
        on_change: Callable[[VenState], None],
        *,
        figures: Figures | None = None,
        run_blocking: RunBlocking = asyncio.to_thread,
    ) -> None:
        """Prepare; nothing is sent before `start`."""
        self._config = config
        self._clock = clock
        self._on_change = on_change
        self._figures = figures
        self._run_blocking = run_blocking
        self._ven = ven
        self._kept: Mapping[str, str | None] | None = None
        self._polling = False
        self._overdue = 0
        self._lost_told = False
        self._next_told_at: datetime | None = None
        self._hints_failed = False
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._notifications = Notifications(config, self._hint)

    @property
    def notifications(self) -> Notification:
        """Return how changes are learnt of besides polling."""
        return self._notifications.status

    @property
    def is_polling(self) -> bool:
        """Return whether a poll is under way."""
        return self._polling

    def state(self) -> VenState:
        """Return what holds now; a poll that takes too long is a failure, as often as it does."""
        state = self._ven.state()
        if not self._overdue:
            return state
        return replace(state, problem=VenProblem.TIMEOUT, detail="", failures=state.failures + self._overdue)

    def kept(self) -> Mapping[str, str | None] | None:
        """Return what to keep for after a restart, as JSON; None before a poll has ended."""
        return self._kept

    def start(self) -> None:
        """Begin to poll, at once."""
        if self._task is None:
            self._note_told(self.state())
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
            self._polling = True
            poll = asyncio.create_task(self._poll(), name="OpenADR poll")
            try:
                await self._attend(poll)
            finally:
                poll.cancel()
            self._polling, self._overdue = False, 0
            self._tell(self.state())
            await self._wait()

    async def _poll(self) -> None:
        try:
            await self._run_blocking(self._round)
        except Exception as error:  # noqa: BLE001 - whatever fails in a poll, it is told, and the next one follows
            self._ven.fell_over(error)

    async def _attend(self, poll: asyncio.Task[None]) -> None:
        """Wait for the end of a poll, and tell what time alone changes meanwhile."""
        began = self._clock.monotonic()
        while True:
            late_s = (self._overdue + 1) * OVERDUE_S - (self._clock.monotonic() - began)
            await self._sleep(min(late_s, self._until_news_s()), poll)
            if poll.done():
                return
            if self._clock.monotonic() - began >= (self._overdue + 1) * OVERDUE_S:
                if not self._overdue:
                    _LOGGER.warning("A poll of the OpenADR server does not end")
                self._overdue += 1
                self._tell(self.state())
            self._tell_news()

    def _tell(self, state: VenState) -> None:
        self._note_told(state)
        try:
            self._on_change(state)
        except Exception:
            _LOGGER.exception("Telling how it stands with the OpenADR server failed")

    def _note_told(self, state: VenState) -> None:
        self._lost_told = state.lost
        self._next_told_at = state.ahead.tell_anew_at(self._clock.now())

    def _tell_news(self) -> None:
        """Tell what time alone has changed since something was told."""
        state = self.state()
        due = self._next_told_at is not None and self._next_told_at <= self._clock.now()
        if due or (state.lost and not self._lost_told):
            self._tell(state)

    def _until_news_s(self) -> float:
        """Return in how many seconds time alone may change something."""
        state = self._ven.state()
        moments = [] if self._next_told_at is None else [self._next_told_at]
        if not state.lost and state.last_heard is not None:
            moments.append(state.last_heard + self._config.lost_after)
        return min(((at - self._clock.now()).total_seconds() for at in moments), default=math.inf)

    def _round(self) -> None:
        try:
            state = self._ven.poll(self._figures)
        finally:
            memory = self._ven.memory()
            self._kept = None if memory is None else memory.to_json()
        if state.problem is None and self._config.notifications and self._config.version is OpenAdrVersion.V3_1:
            self._ask_for_hints(state.ven_id)

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

    async def _wait(self) -> None:
        """Wait for the next poll, and tell what time alone changes meanwhile."""
        woken = asyncio.ensure_future(self._woken.wait())
        try:
            while not self._woken.is_set():
                self._tell_news()
                attempt = self._ven.state().next_attempt
                wait_s = 0.0 if attempt is None else (attempt - self._clock.now()).total_seconds()
                if wait_s <= 0:
                    return
                await self._sleep(min(wait_s, self._until_news_s()), woken)
        finally:
            woken.cancel()
        await self._clock.sleep(_HINTED_WAIT_S)

    async def _sleep[Result](self, seconds: float, earlier: asyncio.Future[Result]) -> None:
        """Wait this long, at least a second, or until something else has come."""
        sleeper = asyncio.ensure_future(self._clock.sleep(max(seconds, _LEAST_WAIT_S)))
        waited: list[asyncio.Future[Result] | asyncio.Future[None]] = [sleeper, earlier]
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeper.cancel()
