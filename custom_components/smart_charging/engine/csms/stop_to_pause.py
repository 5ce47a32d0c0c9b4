"""Pauses an EVSE whose station can't be held at 0: its transaction is ended, and begun anew for the same driver."""

from collections.abc import Callable
from datetime import timedelta
import math

from ..model import EvseStatus
from .commands import CommandError
from .core import StationCore
from .state import AppliedLimit, StationEventType

STOP_WAIT_S = 8.0  # within which a transaction ends that was asked to; a fuse may be waiting
_START_RETRY_S = 60.0
_LASTING = timedelta(days=365)  # what is shown of an idle station ends with the next wish or transaction
_TAKES_START = frozenset({EvseStatus.PREPARING, EvseStatus.FINISHING})
_CHARGES = frozenset({EvseStatus.CHARGING, EvseStatus.SUSPENDED_EV, EvseStatus.SUSPENDED_EVSE})


class StopToPause:
    """The transaction that was ended for a pause, until it is begun anew or the car leaves."""

    def __init__(self, core: StationCore, evse_id: int, expect_tag: Callable[[str], None]) -> None:
        """Begin without a pause; `expect_tag` is told the tag of a start that nobody presented."""
        self._core = core
        self._evse_id = evse_id
        self._expect_tag = expect_tag
        self._tag: str | None = None  # a secret
        self._stopping: tuple[str, float] | None = None  # transaction, and until when its end is waited for
        self._start_at = -math.inf

    @property
    def floor_a(self) -> float:
        """Return what the limit is not lowered below now: a 0 may harm only while nobody charges.

        A station that charges in a transaction nobody knows of is held at 0 whatever comes of it.
        """
        evse = self._core.evse(self._evse_id)
        idle = evse.transaction is None and evse.status not in _CHARGES
        return self._core.wiring.min_a if idle and self._core.quirks.never_idle_at_zero else 0.0

    @property
    def due_s(self) -> float:
        """Return the seconds until a start that had no effect is asked for again."""
        if self._tag is None or self._core.evse(self._evse_id).transaction is not None:
            return math.inf
        rest_s = self._start_at - self._core.clock.monotonic()
        return rest_s if rest_s > 0 else _START_RETRY_S

    async def step(self, current_a: float) -> float | None:
        """Do what the wish asks for; return the seconds for which no limit need be sent, None if one must."""
        if not self._core.quirks.pauses_by_stop:
            return None
        transaction = self._core.evse(self._evse_id).transaction
        if transaction is None:
            self._stopping = None
            if current_a > 0:
                await self._resume()
            return None
        if current_a > 0:
            self._stopping, self._tag = None, None
            return None
        return await self._stop(transaction.transaction_id, transaction.id_token)

    def show(self, wished_a: float, rests_at: float | None) -> None:
        """Show that nothing flows while 0 is wished and nothing charges, though the station rests at its minimum."""
        core = self._core
        evse = core.evse(self._evse_id)
        if not core.quirks.pauses_by_stop or rests_at is None or evse.transaction is not None:
            return
        current_a = rests_at if wished_a > 0 else 0.0
        if evse.applied is None or evse.applied.current_a != current_a:
            now = core.clock.now()
            core.change_evse(self._evse_id, applied=AppliedLimit(current_a, rests_at, now, now + _LASTING))
            core.emit(StationEventType.CHANGED, self._evse_id)

    async def _stop(self, transaction_id: str, id_token: str) -> float | None:
        """End the transaction; where that doesn't help, the limit of 0 goes out all the same."""
        now = self._core.clock.monotonic()
        if self._stopping is None or self._stopping[0] != transaction_id:
            self._stopping = transaction_id, -math.inf
            try:
                await self._core.commands.stop_transaction(transaction_id)
            except CommandError:
                return None
            self._stopping = transaction_id, now + STOP_WAIT_S
            self._tag = id_token or None
        rest_s = self._stopping[1] - now
        return rest_s if rest_s > 0 else None

    async def _resume(self) -> None:
        """Begin anew what was ended for the pause; another driver, or one who ended it himself, begins on his own."""
        core, now = self._core, self._core.clock.monotonic()
        status = core.evse(self._evse_id).status
        if status is EvseStatus.AVAILABLE:
            self._tag = None
        if self._tag is None or status not in _TAKES_START or now < self._start_at:
            return
        self._start_at = now + _START_RETRY_S
        tag = core.start_tag or self._tag
        self._expect_tag(tag)
        try:
            await core.commands.start_transaction(self._evse_id, tag)
        except CommandError:
            return
