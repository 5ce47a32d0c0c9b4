"""Which transaction runs at which EVSE now, told apart from what a station reports late."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
import logging

from ..model import EvseStatus, StopOutcome, StoreError, Transaction, TransactionStart, TransactionStop
from .core import StationCore
from .state import StationEventType

LOST_GRACE_S = 60.0  # a StopTransaction may still be on its way after the status went to Available
REPLAY_QUIET_S = 5.0  # a replayed start is followed by its stop within this time, or it still runs

_LOGGER = logging.getLogger(__name__)
_FREE = frozenset({EvseStatus.AVAILABLE, EvseStatus.RESERVED})
_RUNNING = frozenset({EvseStatus.CHARGING, EvseStatus.SUSPENDED_EV, EvseStatus.SUSPENDED_EVSE, EvseStatus.FINISHING})


class TransactionBook:
    """The station's open transactions, and the one bound to each EVSE."""

    def __init__(self, core: StationCore) -> None:
        """Begin without any; `load` brings those of the store."""
        self._core = core
        self._store = core.around.transactions
        self._open: dict[str, Transaction] = {}
        self._watches: dict[int, asyncio.Task[None]] = {}
        self._queue_seen_at = float("-inf")
        self._unknown: dict[int, str] = {}
        self._waiting: set[str] = set()
        self._left_behind: dict[int, str | None] = {}  # what was bound when a connector became free

    async def load(self) -> None:
        """Bind again what was open when the station, or we, went away; raises StoreError."""
        self._open = {tx.transaction_id: tx for tx in await self._store.open_transactions(self._core.config.station_id)}
        for evse in self._core.state.evses.values():
            if evse.transaction is not None and evse.transaction.transaction_id not in self._open:
                self._core.change_evse(evse.evse_id, transaction=None)
        for transaction in self._open.values():  # oldest first: the newest stays
            self._bind(transaction)

    def bound(self, evse_id: int) -> Transaction | None:
        """Return the transaction that runs at an EVSE."""
        return self._core.evse(evse_id).transaction

    def running_id(self, evse_id: int) -> str | None:
        """Return the id by which the station knows what runs at an EVSE, also of what the store never had."""
        bound = self.bound(evse_id)
        return self._unknown.get(evse_id) if bound is None else bound.transaction_id

    def note_unknown(self, evse_id: int, transaction_id: str | None) -> None:
        """Take note of the id in live readings that belong to no transaction of the store, None for none."""
        if transaction_id is None:
            self._unknown.pop(evse_id, None)
        else:
            self._unknown[evse_id] = transaction_id

    def evse_of(self, transaction_id: str | None) -> int | None:
        """Return where an open transaction runs."""
        transaction = self._open.get(transaction_id or "")
        return None if transaction is None else transaction.evse_id

    async def start(self, start: TransactionStart, *, live: bool) -> Transaction:
        """Keep an announced start and return its transaction; raises StoreError."""
        transaction = await self._store.start_transaction(start)
        if transaction.stopped_at is not None or transaction.transaction_id in self._open:
            self.known_better(transaction)
            return transaction
        others = [tx for tx in self._open.values() if tx.evse_id == transaction.evse_id]
        self._open[transaction.transaction_id] = transaction
        if live:
            self._bind(transaction)
            if others:  # one connector holds one transaction: the stop of the others is late or lost
                self._watch(transaction.evse_id, LOST_GRACE_S)
        else:
            self._note_queue()
            self._watch(transaction.evse_id, REPLAY_QUIET_S)
        self._core.emit(
            StationEventType.TRANSACTION_STARTED,
            transaction.evse_id,
            at=transaction.started_at,
            transaction=transaction,
            live=live,
        )
        return transaction

    async def stop(self, stop: TransactionStop, *, live: bool) -> Transaction | None:
        """Keep an announced end; an unknown or foreign one changes nothing. Raises StoreError."""
        outcome, transaction = await self._store.stop_transaction(stop)
        if not live:
            self._note_queue()
        if transaction is None or outcome is StopOutcome.UNKNOWN:
            return None
        known = self._forget(transaction)
        if outcome is StopOutcome.STOPPED or known:
            self._emit_end(transaction, stop.stopped_at, live=live)
        return transaction

    def known_better(self, transaction: Transaction) -> None:
        """Take in what the store learnt about an open transaction: its token, or an earlier begin."""
        if transaction.transaction_id in self._open:
            self._open[transaction.transaction_id] = transaction
            bound = self.bound(transaction.evse_id)
            if bound is not None and bound.transaction_id == transaction.transaction_id:
                self._bind(transaction)

    def may_begin(self, transaction_id: str) -> bool:
        """Return whether a token told of with a transaction is the one it is for: nobody's was told so far."""
        transaction = self._open.get(transaction_id)
        return transaction is None or not transaction.id_token

    def measured(self, transaction: Transaction | None, *, live: bool) -> None:
        """Take in a transaction as the store knows it after readings that belong to it."""
        if not live:
            self._note_queue()
        if transaction is None or transaction.transaction_id not in self._open:
            return
        self._open[transaction.transaction_id] = transaction
        bound = self.bound(transaction.evse_id)
        if live or (bound is not None and bound.transaction_id == transaction.transaction_id):
            self._bind(transaction)

    def status_changed(self, evse_id: int, status: EvseStatus) -> None:
        """Take in a live status: it may confirm an open transaction or show that its end was lost."""
        if status.plugged:
            self._left_behind.pop(evse_id, None)
        elif status in _FREE and evse_id not in self._left_behind:
            bound = self.bound(evse_id)
            self._left_behind[evse_id] = None if bound is None else bound.transaction_id
        self._forget_charge(evse_id)
        if status is EvseStatus.AVAILABLE:
            self._unknown.pop(evse_id, None)
            self._core.change_evse(evse_id, refused=False)
        here = sum(tx.evse_id == evse_id for tx in self._open.values())
        if here > 1 or (here == 1 and status is EvseStatus.AVAILABLE):
            self._watch(evse_id, LOST_GRACE_S)
        elif status in _RUNNING and self.bound(evse_id) is None:
            self._watch(evse_id, REPLAY_QUIET_S)

    def car_is_gone(self, evse_id: int) -> bool:
        """Return whether the connector became free and no transaction began since.

        One that does begin has a car, also at a station that never tells that one is plugged in.
        """
        if evse_id not in self._left_behind:
            return False
        bound = self.bound(evse_id)
        return bound is None or bound.transaction_id == self._left_behind[evse_id]

    def waits_for_car(self, transaction_id: str, *, waits: bool) -> None:
        """Take note that a transaction says that it goes on without a car, or with one again.

        A free connector is then no sign that its end was lost: the station ends it later, or the car comes back (E10).
        """
        if waits and transaction_id in self._open:
            self._waiting.add(transaction_id)
        else:
            self._waiting.discard(transaction_id)

    def booted(self) -> None:
        """Believe no longer what was said before a restart of the station."""
        self._waiting.clear()

    def disconnected(self) -> None:
        """Stop drawing conclusions: a station out of reach may still be charging."""
        for watch in self._watches.values():
            watch.cancel()
        self._watches.clear()

    def _bind(self, transaction: Transaction) -> None:
        self._core.change_evse(transaction.evse_id, transaction=transaction)

    def _forget(self, transaction: Transaction) -> bool:
        """Drop an ended transaction; return True if it was thought to be open."""
        was_open = self._open.pop(transaction.transaction_id, None) is not None
        self._waiting.discard(transaction.transaction_id)
        bound = self.bound(transaction.evse_id)
        if bound is not None and bound.transaction_id == transaction.transaction_id:
            self._core.change_evse(transaction.evse_id, transaction=None)
            self._forget_charge(transaction.evse_id)
            return True
        return was_open

    def _forget_charge(self, evse_id: int) -> None:
        """Drop the state of charge of a car that is gone: it says nothing of the next one."""
        measurement = self._core.evse(evse_id).measurement
        if measurement is not None and measurement.soc_percent is not None and self.car_is_gone(evse_id):
            self._core.change_evse(evse_id, measurement=replace(measurement, soc_percent=None))

    def _emit_end(self, transaction: Transaction, at: datetime, *, live: bool) -> None:
        self._core.emit(
            StationEventType.TRANSACTION_ENDED, transaction.evse_id, at=at, transaction=transaction, live=live
        )

    def _note_queue(self) -> None:
        self._queue_seen_at = self._core.clock.monotonic()

    def _watch(self, evse_id: int, grace_s: float) -> None:
        previous = self._watches.pop(evse_id, None)
        if previous is not None:
            previous.cancel()
        self._watches[evse_id] = self._core.spawn(self._settle(evse_id, grace_s), f"transactions at {evse_id}")

    async def _settle(self, evse_id: int, grace_s: float) -> None:
        """Wait until no late message came for a while, then make bound what runs and close what is lost."""
        clock = self._core.clock
        await clock.sleep(grace_s)
        while (rest := self._queue_seen_at + grace_s - clock.monotonic()) > 0:
            await clock.sleep(rest)
        status = self._core.evse(evse_id).status
        here = [tx for tx in self._open.values() if tx.evse_id == evse_id]
        newest = max(here, key=lambda tx: tx.started_at, default=None)
        if status in _RUNNING and self.bound(evse_id) is None and newest is not None:
            self._bind(newest)
            self._core.emit(StationEventType.CHANGED, evse_id)
        if grace_s < LOST_GRACE_S:
            return
        bound = self.bound(evse_id)
        gone = bound is None or (status is EvseStatus.AVAILABLE and bound.transaction_id not in self._waiting)
        keep = None if gone or bound is None else bound.transaction_id
        await self._close_lost(tx for tx in here if tx.transaction_id != keep)

    async def _close_lost(self, lost: Iterable[Transaction]) -> None:
        for transaction in lost:
            now = self._core.clock.now()
            _LOGGER.info("Transaction %s ended without a StopTransaction", transaction.transaction_id)
            try:
                closed = await self._store.close_lost_transaction(
                    transaction.transaction_id, self._core.config.station_id, now
                )
            except StoreError:
                _LOGGER.warning("The lost transaction %s can't be closed yet", transaction.transaction_id)
                self._watch(transaction.evse_id, LOST_GRACE_S)
                return
            if self._forget(transaction):  # its stop may have come meanwhile
                self._emit_end(closed or transaction, now, live=True)
