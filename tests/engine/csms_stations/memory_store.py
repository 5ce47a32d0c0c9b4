"""A transaction store, station memory and authorizer that live in memory, for tests of the central system."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from custom_components.smart_charging.engine.csms.store import AuthorizationResult
from custom_components.smart_charging.engine.model import (
    AuthorizationStatus,
    Json,
    Measurand,
    MeterValue,
    StopOutcome,
    StoreError,
    Transaction,
    TransactionStart,
    TransactionStop,
)


class MemoryStore:
    """Fulfils TransactionStore, StationMemory and Authorizer; `broken` makes each call fail."""

    def __init__(self) -> None:
        self.transactions: dict[str, Transaction] = {}
        self.starts: dict[tuple[object, ...], str] = {}
        self.first: dict[str, float] = {}  # register of those that began without one
        self.stops: list[TransactionStop] = []
        self.readings: list[tuple[int, str | None, tuple[MeterValue, ...]]] = []
        self.learnt: dict[str, dict[str, Json]] = {}
        self.blocked_tags: set[str] = set()
        self.broken = False
        self.last_id = 7000

    def _check(self) -> None:
        if self.broken:
            raise StoreError("disk full")

    async def start_transaction(self, start: TransactionStart) -> Transaction:
        self._check()
        key: tuple[object, ...] = (start.station_id, start.transaction_id)
        if start.transaction_id is None:
            key = (start.station_id, start.evse_id, start.id_token, start.started_at, start.meter_start_wh)
        if key not in self.starts:
            self.last_id += 1
            self.starts[key] = start.transaction_id or str(self.last_id)
            self.transactions[self.starts[key]] = Transaction(
                self.starts[key],
                start.station_id,
                start.evse_id,
                start.id_token,
                start.started_at,
                start.meter_start_wh,
                session_id=1,
            )
        return self.transactions[self.starts[key]]

    async def identify_transaction(self, station_id: str, transaction_id: str, id_token: str) -> Transaction | None:
        self._check()
        transaction = self.transactions.get(transaction_id)
        if transaction is not None and not transaction.id_token:
            transaction = self.transactions[transaction_id] = replace(transaction, id_token=id_token)
        return transaction

    async def record_meter_values(
        self,
        station_id: str,
        evse_id: int,
        transaction_id: str | None,
        values: Sequence[MeterValue],
        received_at: datetime,
    ) -> Transaction | None:
        self._check()
        self.readings.append((evse_id, transaction_id, tuple(values)))
        transaction = self.transactions.get(transaction_id or "")
        if transaction is None or transaction.station_id != station_id:
            transaction = next(
                (tx for tx in self.transactions.values() if tx.evse_id == evse_id and tx.stopped_at is None), None
            )
        if transaction is None:
            return None
        for value in values:
            for sample in value.values:
                if sample.measurand is Measurand.ENERGY_IMPORT_REGISTER:
                    begun = self.first.setdefault(transaction.transaction_id, sample.value)
                    origin = begun if transaction.meter_start_wh is None else transaction.meter_start_wh
                    transaction = replace(transaction, energy_wh=sample.value - origin)
        self.transactions[transaction.transaction_id] = transaction
        return transaction

    async def stop_transaction(self, stop: TransactionStop) -> tuple[StopOutcome, Transaction | None]:
        self._check()
        self.stops.append(stop)
        transaction = self.transactions.get(stop.transaction_id)
        if transaction is None or transaction.station_id != stop.station_id:
            return StopOutcome.UNKNOWN, None
        if transaction.stopped_at is not None:
            return StopOutcome.REPEATED, transaction
        ended = replace(
            transaction, stopped_at=stop.stopped_at, meter_stop_wh=stop.meter_stop_wh, stop_reason=stop.reason
        )
        self.transactions[stop.transaction_id] = ended
        return StopOutcome.STOPPED, ended

    async def open_transactions(self, station_id: str) -> tuple[Transaction, ...]:
        self._check()
        mine = [tx for tx in self.transactions.values() if tx.station_id == station_id and tx.stopped_at is None]
        return tuple(sorted(mine, key=lambda tx: tx.started_at))

    async def close_lost_transaction(self, transaction_id: str, station_id: str, at: datetime) -> Transaction | None:
        self._check()
        ended = replace(self.transactions[transaction_id], stopped_at=at, stop_reason="lost")
        self.transactions[transaction_id] = ended
        return ended

    async def load(self, station_id: str) -> dict[str, Json]:
        self._check()
        return self.learnt.get(station_id, {})

    async def save(self, station_id: str, learnt: Mapping[str, Json]) -> None:
        self._check()
        self.learnt[station_id] = dict(learnt)

    async def authorize(
        self, station_id: str, id_token: str, now: datetime, evse_id: int | None = None, *, in_person: bool = True
    ) -> AuthorizationResult:
        blocked = id_token in self.blocked_tags
        return AuthorizationResult(AuthorizationStatus.INVALID if blocked else AuthorizationStatus.ACCEPTED)
