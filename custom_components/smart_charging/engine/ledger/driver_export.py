"""All that the ledger holds of one driver, as JSON for that driver (GDPR articles 15 and 20)."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..driver import Driver, DriverUnknown, RegistryError
from ..model import Json
from ..recorded_json import Encoder
from . import charge_records as records, registry, statement_queries
from .billing_tables import charge_records, record_totals, statements, vehicles
from .statement_json import statement_content
from .tables import id_tokens, meter_values, transactions

_K = id_tokens.c
_M = meter_values.c
_R = charge_records.c
_S = statements.c
_T = transactions.c
_X = record_totals.c
_ENCODER = Encoder()
_TOKEN = (
    "token_id",
    "label",
    "type",
    "valid_from",
    "valid_until",
    "group_name",
    "blocked",
    "created_at",
    "last_used_at",
)
_TRANSACTION = (
    "station_id",
    "transaction_id",
    "started_at",
    "stopped_at",
    "meter_start_wh",
    "meter_stop_wh",
    "energy_wh",
    "stop_reason",
    "vehicle_id",
    "session_row",
)


def export_driver(connection: sa.Connection, site_id: str, driver_id: str) -> dict[str, Json] | RegistryError:
    """Return what is kept of a driver at every site; values of tokens are left out, and records of others.

    Readings of the meter are counted only: they are those of the transactions' time at the EVSE.
    """
    driver = registry.get(connection, registry.DRIVERS, site_id, driver_id)
    if not isinstance(driver, Driver):
        return DriverUnknown()
    group = None
    if driver.group_id is not None:
        found = registry.get(connection, registry.GROUPS, site_id, driver.group_id)
        group = None if isinstance(found, RegistryError) else found.name
    return {
        "driver": _ENCODER.encode(driver),
        "group": group,
        "tokens": _rows(connection, sa.select(*(_K[name] for name in _TOKEN)).where(_K.driver_id == driver_id)),
        "vehicles": _rows(connection, _vehicles(driver_id)),
        "transactions": _rows(connection, _transactions(driver_id)),
        "records": _records(connection, driver_id),
        "statements": _statements(connection, driver_id),
        "totals_of_removed_records": _rows(connection, sa.select(*_X).where(_X.driver_id == driver_id)),
    }


def _vehicles(driver_id: str) -> sa.Select[Any]:
    columns = vehicles.c
    told = (columns.vehicle_id, columns.name, columns.battery_kwh, columns.phases, columns.plate)
    return sa.select(*told).where(columns.driver_id == driver_id).order_by(columns.id)


def _transactions(driver_id: str) -> sa.Select[Any]:
    readings = sa.select(sa.func.count()).where(_M.transaction_row == _T.id).correlate(transactions).scalar_subquery()
    told = (*(_T[name] for name in _TRANSACTION), readings.label("readings"))
    return sa.select(*told).where(_T.driver_id == driver_id).order_by(_T.started_at, _T.id)


def _records(connection: sa.Connection, driver_id: str) -> list[Json]:
    bodies = sa.select(_R.body).where(_R.driver_id == driver_id).order_by(_R.started_at, _R.record_id, _R.version)
    return [_ENCODER.encode(one) for one in records.read(connection, connection.execute(bodies).all())]


def _statements(connection: sa.Connection, driver_id: str) -> list[Json]:
    mine = sa.select(_S.site_id, _S.number).where(_S.of == "driver", _S.subject_id == driver_id)
    found: list[Json] = []
    for row in connection.execute(mine.order_by(_S.site_id, _S.position)).all():
        whole = statement_queries.statement(connection, row.site_id, row.number)
        found.append({"number": row.number} if whole is None else statement_content(whole))
    return found


def _rows(connection: sa.Connection, query: sa.Select[Any]) -> list[Json]:
    return [{name: _told(cell) for name, cell in row.items()} for row in connection.execute(query).mappings()]


def _told(cell: Json | datetime) -> Json:
    return cell.isoformat() if isinstance(cell, datetime) else cell
