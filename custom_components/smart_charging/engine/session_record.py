"""All that is kept of one session, as it came: what stays are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from .energy_origin import OriginSlot
from .model import Session, SignedValue, Transaction


@dataclass(frozen=True, slots=True)
class RegisterReading:
    """The import register at the outlet in Wh, at a moment of the station's clock, and when it came in by ours."""

    time: datetime
    received_at: datetime
    register_wh: float


@dataclass(frozen=True, slots=True)
class SignedReading:
    """A value with its signature, at a moment of the station's clock."""

    time: datetime
    value: SignedValue


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRecord:
    """A transaction with its readings in whatever order; `received_at` and `stop_received_at` are our times.

    `lost` says that its end was never told, see `ledger.transactions.LOST`.
    """

    transaction: Transaction
    received_at: datetime
    stop_received_at: datetime | None = None
    lost: bool = False
    readings: tuple[RegisterReading, ...] = ()
    signed: tuple[SignedReading, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """A session with all its transactions, where its energy came from, and the prices of its time.

    `prices` are those of a kWh from the grid, in the site's currency, by the begin of the quarter hour.
    """

    site_id: str
    session: Session
    transactions: tuple[TransactionRecord, ...] = ()
    slots: tuple[OriginSlot, ...] = ()
    prices: Mapping[datetime, float]
