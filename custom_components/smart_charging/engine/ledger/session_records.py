"""Reading all that is kept of one session at once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from ..energy_count import outlet_register_wh
from ..energy_origin import OriginSlot
from ..model import Session, SignedValue
from ..session_record import RegisterReading, SessionRecord, SignedReading, TransactionRecord
from . import queries, tables
from .encoding import decode_values
from .vault import vault_of

MOST_READINGS: Final = (
    100_000  # of a transaction, more than three days of one each 3 s; of more only each second, third... counts
)
MOST_PRICES: Final = 100_000
_AROUND: Final = timedelta(days=1)  # the clocks of a station and of this host may disagree

_M = tables.meter_values.c
_O = tables.origin_slots.c
_P = tables.market_prices.c
_S = tables.sessions.c
_T = tables.transactions.c
_V = tables.signed_values.c


def session_record(connection: sa.Connection, site_id: str, session_id: int) -> SessionRecord | None:
    """Return a session with its transactions and their readings, None where the site has no such session."""
    mine = sa.select(_S.id).where(_S.id == session_id, _S.site_id == site_id)
    if connection.execute(mine).first() is None:
        return None
    session = queries.session(connection, session_id)
    signed = signed_values(connection, site_id, session_id)
    by_id = {transaction.transaction_id: transaction for transaction in session.transactions}
    rows = connection.execute(
        sa.select(_T.id, _T.transaction_id, _T.received_at, _T.stop_received_at, _T.lost)
        .where(_T.session_row == session_id)
        .order_by(_T.started_at, _T.id)
    ).all()
    transactions = tuple(
        TransactionRecord(
            transaction=by_id[row.transaction_id],
            received_at=row.received_at,
            stop_received_at=row.stop_received_at,
            lost=row.lost,
            readings=_readings(connection, row.id),
            signed=signed.get(row.transaction_id, ()),
        )
        for row in rows
    )
    return SessionRecord(
        site_id=site_id,
        session=session,
        transactions=transactions,
        slots=_slots(connection, session_id),
        prices=_prices(connection, site_id, _moments(session, transactions)),
    )


def signed_values(connection: sa.Connection, site_id: str, session_id: int) -> dict[str, tuple[SignedReading, ...]]:
    """Return the values with a signature of a session by its transactions' ids, as they came.

    What was encrypted with a key that is lost is left out.
    """
    query = (
        sa.select(tables.signed_values, _T.transaction_id)
        .join(tables.transactions)
        .where(_T.session_row == session_id, _T.site_id == site_id, _V.sealed.is_not(None))
        .order_by(_V.id)
    )
    vault = vault_of(connection)
    found: defaultdict[str, list[SignedReading]] = defaultdict(list)
    for row in connection.execute(query):
        value = SignedValue(vault.unseal(row.sealed), row.context, row.method, row.encoding, row.public_key)
        found[row.transaction_id].append(SignedReading(row.time, value))
    return {transaction_id: tuple(readings) for transaction_id, readings in found.items()}


def _readings(connection: sa.Connection, transaction_row: int) -> tuple[RegisterReading, ...]:
    query = sa.select(_M.time, _M.received_at, _M.readings).where(_M.transaction_row == transaction_row)
    rows = connection.execution_options(yield_per=1000).execute(query.order_by(_M.id))
    kept: list[RegisterReading] = []
    stride, number = 1, 0
    for row in rows:
        register_wh = outlet_register_wh(decode_values(row.readings))
        if register_wh is None:
            continue
        if number % stride == 0:
            kept.append(RegisterReading(row.time, row.received_at, register_wh))
        number += 1
        if len(kept) > MOST_READINGS:
            del kept[1::2]
            stride *= 2
    return tuple(kept)


def _slots(connection: sa.Connection, session_id: int) -> tuple[OriginSlot, ...]:
    parts = [sa.func.sum(part).label(part.name) for part in (_O.solar_wh, _O.battery_wh, _O.grid_wh)]
    query = sa.select(_O.start, *parts).where(_O.session_row == session_id).group_by(_O.start).order_by(_O.start)
    return tuple(OriginSlot(row.start, row.solar_wh, row.battery_wh, row.grid_wh) for row in connection.execute(query))


def _moments(session: Session, transactions: Iterable[TransactionRecord]) -> list[datetime]:
    """Return moments that the session spans, by the station's clock and by ours."""
    told: list[datetime | None] = [session.plugged_in_at, session.plugged_out_at]
    for record in transactions:
        told += [record.transaction.started_at, record.transaction.stopped_at]
        told += [record.received_at, record.stop_received_at]
        told += [at for one in record.readings[:1] + record.readings[-1:] for at in (one.time, one.received_at)]
    return [at for at in told if at is not None]


def _prices(connection: sa.Connection, site_id: str, moments: list[datetime]) -> Mapping[datetime, float]:
    query = sa.select(_P.start, _P.price).where(
        _P.site_id == site_id, _P.start >= min(moments) - _AROUND, _P.start <= max(moments) + _AROUND
    )
    rows = connection.execute(query.order_by(_P.start.desc()).limit(MOST_PRICES))
    return {row.start: row.price for row in rows}
