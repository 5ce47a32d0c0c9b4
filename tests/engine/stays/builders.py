"""Short ways to say what the ledger keeps of a session, and what must hold of every stay."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
import random

from custom_components.smart_charging.engine.energy_count import advance, begin, settle
from custom_components.smart_charging.engine.energy_origin import OriginSlot
from custom_components.smart_charging.engine.model import Session, Transaction
from custom_components.smart_charging.engine.session_record import (
    RegisterReading,
    SessionRecord,
    SignedReading,
    TransactionRecord,
)
from custom_components.smart_charging.engine.stay_intervals import MOST_IN_SLOT
from custom_components.smart_charging.engine.usage import Stay, UsageInterval

T0 = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(minutes: float) -> datetime:
    """Return the time this many minutes after the tests' begin."""
    return T0 + minutes * MINUTE


def reading(minutes: float, register_wh: float, *, received: float | None = None) -> RegisterReading:
    """Return a reading, heard of at once unless said."""
    return RegisterReading(at(minutes), at(minutes if received is None else received), register_wh)


def charged(
    start: float,
    stop: float | None,
    registers: Sequence[tuple[float, float]] = (),
    *,
    tx: str = "1",
    meter_start_wh: int | None = 1000,
    meter_stop_wh: int | None = None,
    token: str = "TAG",
    token_id: str | None = None,
    driver_id: str | None = None,
    offline: bool = False,
    lost: bool = False,
    received: float | None = None,
    stop_received: float | None = None,
    readings: Iterable[RegisterReading] | None = None,
    signed: tuple[SignedReading, ...] = (),
) -> TransactionRecord:
    """Return a transaction as the ledger has it, counted as the ledger counts: in the order in which readings came."""
    kept = tuple(readings if readings is not None else (reading(*one) for one in registers))
    count = begin(meter_start_wh, at(start))
    for one in kept:
        count = advance(count, one.register_wh, one.time)
    energy_wh = count.energy_wh
    if meter_stop_wh is not None and stop is not None:
        energy_wh = settle(count, meter_start_wh, at(start), meter_stop_wh, at(stop))
    transaction = Transaction(
        tx,
        "CP1",
        1,
        token,
        at(start),
        meter_start_wh,
        session_id=7,
        energy_wh=energy_wh,
        stopped_at=None if stop is None else at(stop),
        meter_stop_wh=meter_stop_wh,
        stop_reason="Lost" if lost else None if stop is None else "Local",
        token_id=token_id,
        offline=offline,
        driver_id=driver_id,
    )
    heard_at = at(stop if stop_received is None else stop_received) if stop is not None and not lost else None
    return TransactionRecord(
        transaction=transaction,
        received_at=at(start if received is None else received),
        stop_received_at=heard_at,
        lost=lost,
        readings=kept,
        signed=signed,
    )


def session(
    *transactions: TransactionRecord,
    plugged: tuple[float, float | None] = (0, 120),
    slots: Iterable[OriginSlot] = (),
    prices: Mapping[datetime, float] | None = None,
) -> SessionRecord:
    """Return a session from plug-in to plug-out, in minutes."""
    begun, left = plugged
    kept = tuple(one.transaction for one in transactions)
    energy_wh = sum(one.energy_wh for one in kept)
    whole = Session(7, "CP1", 1, at(begun), None if left is None else at(left), energy_wh, kept)
    return SessionRecord(
        site_id="home", session=whole, transactions=transactions, slots=tuple(slots), prices=dict(prices or {})
    )


def counted(record: SessionRecord) -> Decimal:
    """Return what the ledger counted in a session, digit by digit."""
    return sum((Decimal(repr(one.transaction.energy_wh)) for one in record.transactions), Decimal(0))


def check(record: SessionRecord, stays: Sequence[Stay]) -> None:
    """Assert what holds of the stays of any session."""
    assert sum((stay.energy_wh for stay in stays), Decimal(0)) == counted(record)
    by_id = {one.transaction.transaction_id: one.transaction for one in record.transactions}
    assert sorted(tx for stay in stays for tx in stay.transaction_ids) == sorted(by_id)
    for stay in stays:
        mine = sum((Decimal(repr(by_id[tx].energy_wh)) for tx in stay.transaction_ids), Decimal(0))
        assert stay.energy_wh == mine
        assert (stay.started_at, stay.ended_at) == (stay.intervals[0].start, stay.intervals[-1].end)
        assert all(one.end == other.start for one, other in pairwise(stay.intervals))
        assert len(stay.intervals) == 1 or all(one.start < one.end for one in stay.intervals)
        assert all(one.energy_wh >= 0 for one in stay.intervals)
        bounded(stay.intervals)
    assert all(one.ended_at <= other.started_at for one, other in pairwise(stays))
    for part in ("solar_wh", "battery_wh", "grid_wh"):
        given = sum(getattr(one, part) for stay in stays for one in stay.intervals)
        assert given <= sum((Decimal(repr(getattr(slot, part))) for slot in record.slots), Decimal(0))


def bounded(intervals: Iterable[UsageInterval]) -> None:
    """Assert that no quarter of an hour has more stretches than are allowed to begin in it."""
    begun: dict[datetime, int] = {}
    for one in intervals:
        quarter = one.start.replace(minute=one.start.minute // 15 * 15, second=0, microsecond=0)
        begun[quarter] = begun.get(quarter, 0) + 1
    # One that begins in it and goes on for hours, in which nothing flows, comes on top.
    assert max(begun.values(), default=0) <= MOST_IN_SLOT + 1


def shuffled[T](items: Sequence[T], seed: int) -> list[T]:
    """Return the same in another order."""
    mixed = list(items)
    random.Random(seed).shuffle(mixed)
    return mixed


def energies(stay: Stay) -> list[tuple[float, float, float]]:
    """Return the stretches of a stay as minutes since the tests' begin and Wh."""
    return [((one.start - T0) / MINUTE, (one.end - T0) / MINUTE, float(one.energy_wh)) for one in stay.intervals]
