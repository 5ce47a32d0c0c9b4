"""Reading the ledger: each function takes a connection and returns values of the model."""

from collections import defaultdict
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ..energy_origin import EnergyOrigin
from ..model import EvseKey, Json, MeterValue, Session, Transaction
from . import tables
from .encoding import decode_register, decode_values
from .vault import Vault, vault_of

# A start heard of later than this was in the station's offline queue.
LIVE_WITHIN = timedelta(seconds=60)

_E = tables.evses.c
_M = tables.meter_values.c
_S = tables.sessions.c
_T = tables.transactions.c

SELECT_TRANSACTION = sa.select(tables.transactions, _E.evse_id).join(tables.evses)
_SELECT_SESSION = sa.select(tables.sessions, _E.station_id, _E.evse_id).join(tables.evses)


def to_transaction(row: sa.RowMapping, vault: Vault) -> Transaction:
    """Return the transaction of a row of `SELECT_TRANSACTION`."""
    return Transaction(
        transaction_id=row["transaction_id"],
        station_id=row["station_id"],
        evse_id=row["evse_id"],
        id_token=vault.unseal(row["token_sealed"]),
        started_at=row["started_at"],
        meter_start_wh=decode_register(row["meter_start_wh"]),
        session_id=row["session_row"],
        energy_wh=row["energy_wh"],
        stopped_at=row["stopped_at"],
        meter_stop_wh=row["meter_stop_wh"],
        stop_reason=row["stop_reason"],
        token_id=row["token_id"],
        offline=row["offline"],
        driver_id=row["driver_id"],
        vehicle_id=row["vehicle_id"],
    )


def at_evse(site_id: str, key: EvseKey) -> sa.ColumnElement[bool]:
    """Return the condition that picks one EVSE's rows."""
    return sa.and_(_E.site_id == site_id, _E.station_id == key.station_id, _E.evse_id == key.evse_id)


def open_transactions(connection: sa.Connection, site_id: str, station_id: str) -> tuple[Transaction, ...]:
    """Return a station's transactions without an end, oldest first."""
    running = SELECT_TRANSACTION.where(at_station(site_id, station_id), _T.stopped_at.is_(None))
    rows, vault = connection.execute(running.order_by(_T.started_at, _T.id)).mappings(), vault_of(connection)
    return tuple(to_transaction(row, vault) for row in rows)


def at_station(site_id: str, station_id: str) -> sa.ColumnElement[bool]:
    """Return the condition that picks the EVSEs of one station."""
    return sa.and_(_E.site_id == site_id, _E.station_id == station_id)


def open_session_row(connection: sa.Connection, site_id: str, key: EvseKey) -> int | None:
    """Return the row of the session that goes on now at an EVSE, None without one.

    One that is only known by a replayed transaction tells of the past.
    """
    going_on = (
        sa.select(_S.id, _S.plugged, _S.plugged_in_at, _S.heard_at)
        .join(tables.evses)
        .where(at_evse(site_id, key), _S.plugged_out_at.is_(None))
        .order_by(_S.plugged_in_at.desc())
    )
    for row in connection.execute(going_on):
        if row.plugged or row.heard_at - row.plugged_in_at <= LIVE_WITHIN:
            return int(row.id)
    return None


def session(connection: sa.Connection, row: int) -> Session:
    """Return the session of a row."""
    return _read_sessions(connection, _SELECT_SESSION.where(_S.id == row))[0]


def open_session(connection: sa.Connection, site_id: str, key: EvseKey) -> Session | None:
    """Return the session that goes on now at an EVSE."""
    row = open_session_row(connection, site_id, key)
    return None if row is None else session(connection, row)


def sessions(
    connection: sa.Connection,
    site_id: str,
    *,
    start: datetime | None,
    end: datetime | None,
    key: EvseKey | None,
    limit: int,
) -> tuple[Session, ...]:
    """Return the sessions that touch a time from `start` to before `end`, newest first."""
    query = _SELECT_SESSION.where(_S.site_id == site_id)
    if start is not None:
        query = query.where(sa.or_(_S.plugged_out_at.is_(None), _S.plugged_out_at >= start))
    if end is not None:
        query = query.where(_S.plugged_in_at < end)
    if key is not None:
        query = query.where(at_evse(site_id, key))
    return _read_sessions(connection, query.order_by(_S.plugged_in_at.desc(), _S.id.desc()).limit(limit))


def unassigned(connection: sa.Connection, site_id: str, token_id: str, limit: int) -> tuple[Transaction, ...]:
    """Return a site's transactions with a token that are nobody's, newest first, also from before it was known."""
    keys = tables.id_tokens.c
    key = sa.select(keys.lookup).where(keys.token_id == token_id).scalar_subquery()
    query = SELECT_TRANSACTION.where(_T.site_id == site_id, _T.driver_id.is_(None), _T.token_key == key)
    rows, vault = connection.execute(query.order_by(_T.started_at.desc()).limit(limit)).mappings(), vault_of(connection)
    return tuple(to_transaction(row, vault) for row in rows)


def lifetime_energy_wh(connection: sa.Connection, site_id: str, key: EvseKey, without: str | None = None) -> float:
    """Return the energy of all transactions of an EVSE but a running one, 0 for one never heard of."""
    counted = sa.true() if without is None else _T.transaction_id != without
    running = (
        sa.select(sa.func.coalesce(sa.func.sum(_T.energy_wh), 0.0))
        .where(_T.evse_row == _E.id, _T.stopped_at.is_(None), counted)
        .correlate(tables.evses)
        .scalar_subquery()
    )
    found = connection.execute(sa.select(_E.ended_energy_wh + running).where(at_evse(site_id, key))).scalar()
    return 0.0 if found is None else float(found)


def meter_values(
    connection: sa.Connection,
    site_id: str,
    key: EvseKey,
    *,
    start: datetime | None,
    end: datetime | None,
    transaction_id: str | None,
    limit: int,
) -> tuple[MeterValue, ...]:
    """Return the readings of an EVSE from `start` to before `end`, or of one transaction, oldest first."""
    query = sa.select(_M.time, _M.readings).join(tables.evses).where(at_evse(site_id, key))
    if start is not None:
        query = query.where(_M.time >= start)
    if end is not None:
        query = query.where(_M.time < end)
    if transaction_id is not None:
        query = query.where(_M.transaction_row.in_(sa.select(_T.id).where(_T.transaction_id == transaction_id)))
    rows = connection.execute(query.order_by(_M.time, _M.id).limit(limit))
    return tuple(MeterValue(row.time, decode_values(row.readings)) for row in rows)


def settings(connection: sa.Connection, site_id: str, station_id: str) -> dict[int, dict[str, Json]]:
    """Return the settings of a station's EVSEs by their number, those of which any were saved."""
    query = sa.select(_E.evse_id, _E.settings).where(_E.site_id == site_id, _E.station_id == station_id)
    return {row.evse_id: _object(row.settings) for row in connection.execute(query) if row.settings}


def memory(connection: sa.Connection, site_id: str, station_id: str) -> dict[str, Json]:
    """Return what was learnt about a station, empty if nothing."""
    table = tables.station_memory.c
    query = sa.select(table.learnt).where(table.site_id == site_id, table.station_id == station_id)
    return _object(connection.execute(query).scalar())


def site_memory(connection: sa.Connection, site_id: str) -> dict[str, Json]:
    """Return all that a site remembers, by name."""
    table = tables.site_memory.c
    rows = connection.execute(sa.select(table.name, table.value).where(table.site_id == site_id))
    return {row.name: row.value for row in rows}


def _object(stored: dict[str, Any] | None) -> dict[str, Json]:
    return {} if stored is None else dict(stored)


def _origin(row: sa.RowMapping) -> EnergyOrigin | None:
    """Return where a session's energy came from, None where nobody looked."""
    if row["solar_wh"] is None:
        return None
    return EnergyOrigin(**{one.name: row[one.name] for one in fields(EnergyOrigin)})


def _read_sessions(connection: sa.Connection, query: sa.Select[Any]) -> tuple[Session, ...]:
    rows = connection.execute(query).mappings().all()
    if not rows:
        return ()
    held = SELECT_TRANSACTION.where(_T.session_row.in_([row["id"] for row in rows])).order_by(_T.started_at, _T.id)
    by_session: defaultdict[int, list[Transaction]] = defaultdict(list)
    vault = vault_of(connection)
    for row in connection.execute(held).mappings():
        by_session[row["session_row"]].append(to_transaction(row, vault))
    return tuple(
        Session(
            session_id=row["id"],
            station_id=row["station_id"],
            evse_id=row["evse_id"],
            plugged_in_at=row["plugged_in_at"],
            plugged_out_at=row["plugged_out_at"],
            energy_wh=sum(transaction.energy_wh for transaction in by_session[row["id"]]),
            transactions=tuple(by_session[row["id"]]),
            origin=_origin(row),
        )
        for row in rows
    )
