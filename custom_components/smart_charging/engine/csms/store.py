"""What the central system needs kept, as protocols; the ledger fulfils them, the site joins the two."""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ..driver import AccessRefusal
from ..model import AuthorizationStatus, Json, MeterValue, StopOutcome, Transaction, TransactionStart, TransactionStop


@dataclass(frozen=True, slots=True)
class AuthorizationResult:
    """An answer to a presented id token (OCPP 1.6 section 7.27 IdTagInfo); `refusal` is why its driver may not charge."""

    status: AuthorizationStatus
    parent_id_token: str | None = None
    expires_at: datetime | None = None
    refusal: AccessRefusal | None = None


class Authorizer(Protocol):
    """Decides who may charge."""

    async def authorize(
        self, station_id: str, id_token: str, now: datetime, evse_id: int | None = None, *, in_person: bool = True
    ) -> AuthorizationResult:
        """Return whether this token may charge at this station now, at this EVSE where one is named.

        `in_person` is False for a token that nobody presents there now: one from the station's offline queue, or
        the one that it uses for everybody. Raises StoreError.
        """


class TransactionStore(Protocol):
    """Keeps transactions and meter values; each call returns after a durable commit.

    Every call raises `StoreError` when nothing could be kept.
    """

    async def start_transaction(self, start: TransactionStart) -> Transaction:
        """Keep a new transaction, or return the one already kept for the same announcement."""

    async def identify_transaction(self, station_id: str, transaction_id: str, id_token: str) -> Transaction | None:
        """Keep the token of a transaction that began without one; None if the station has no such transaction."""

    def record_meter_values(
        self,
        station_id: str,
        evse_id: int,
        transaction_id: str | None,
        values: Sequence[MeterValue],
        received_at: datetime,
    ) -> Awaitable[Transaction | None]:
        """Keep readings; return the transaction with its energy so far, if they belong to one.

        A transaction id that is unknown or another station's binds nothing: readings are then bound
        by EVSE and time, or kept without a transaction.
        """

    async def stop_transaction(self, stop: TransactionStop) -> tuple[StopOutcome, Transaction | None]:
        """Keep the end of a transaction; an unknown or foreign id is kept apart and changes nothing."""

    async def open_transactions(self, station_id: str) -> tuple[Transaction, ...]:
        """Return the station's transactions that have no end yet, oldest first."""

    async def close_lost_transaction(self, transaction_id: str, station_id: str, at: datetime) -> Transaction | None:
        """End an open transaction whose stop will never come, at its last known energy."""


class StationMemory(Protocol):
    """What was learnt about a station, kept over restarts: small JSON objects by name."""

    async def load(self, station_id: str) -> dict[str, Json]:
        """Return what was learnt, an empty object if nothing."""

    async def save(self, station_id: str, learnt: Mapping[str, Json]) -> None:
        """Replace what was learnt."""
