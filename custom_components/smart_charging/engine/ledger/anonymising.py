"""Taking out of the ledger who somebody is, with every sum and every hash left as it was."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from ..driver import DriverCharging, DriverUnknown, RegistryError
from . import billing_tables as tables, personal
from .book import Book
from .objects import HOST
from .remains import leave_remains
from .tables import id_tokens, orphan_stops, signed_values, transactions
from .vault import vault_of

_D = tables.drivers.c
_K = id_tokens.c
_O = orphan_stops.c
_R = tables.charge_records.c
_T = transactions.c
_V = tables.vehicles.c


def anonymise(book: Book, site_id: str, driver_id: str, at: datetime) -> RegistryError | None:
    """Delete all that tells who a driver is, at every site; returns why not where it can't be done.

    Their tokens go out of use and lose values and labels. Vehicles that nobody else charged are deleted, of shared ones
    only that the driver drives them by default. It may be done again, and does no more then.
    """
    book.flush()
    if not _known(book.connection, site_id, driver_id):
        return DriverUnknown()
    found = book.connection.execute(sa.select(_K.token_id, _K.lookup).where(_K.driver_id == driver_id)).all()
    token_ids = [row.token_id for row in found]
    lookups = [row.lookup for row in found if row.lookup]
    theirs = sa.or_(_T.driver_id == driver_id, _T.token_id.in_(token_ids), _T.token_key.in_(lookups))
    if book.connection.execute(sa.select(_T.id).where(theirs, _T.stopped_at.is_(None)).limit(1)).first() is not None:
        return DriverCharging()
    vehicle_ids = _own_vehicles(book.connection, driver_id)
    _forget_values(book, theirs, lookups)
    _forget_tokens(book, driver_id, at)
    _forget_vehicles(book, driver_id, vehicle_ids)
    personal.forget_people(book, driver_id, token_ids, vehicle_ids)
    nobody = {"name": "", "email_sealed": None, "user_id": None, "cost_centre": None, "language": None}
    anonymised_at = sa.func.coalesce(_D.anonymised_at, sa.bindparam("at", at, type_=_D.anonymised_at.type))
    book.connection.execute(
        sa.update(tables.drivers)
        .where(_D.driver_id == driver_id)
        .values(**nobody, active=False, anonymised_at=anonymised_at)
    )
    leave_remains(book)
    return None


def _known(connection: sa.Connection, site_id: str, driver_id: str) -> bool:
    """Return whether there is the driver at this site, or charged here: a removed site keeps its records only."""
    registered = sa.select(_D.id).where(_D.driver_id == driver_id, _D.site_id.in_((site_id, HOST)))
    charged = sa.select(_R.id).where(_R.driver_id == driver_id, _R.site_id == site_id).limit(1)
    return any(connection.execute(query).first() is not None for query in (registered, charged))


def _own_vehicles(connection: sa.Connection, driver_id: str) -> list[str]:
    """Return the vehicles that are a driver's by default and that nobody else charged or has a token for."""
    mine = connection.execute(sa.select(_V.vehicle_id).where(_V.driver_id == driver_id)).scalars().all()
    shared: set[str] = set()
    for column, driver in ((_R.vehicle_id, _R.driver_id), (_T.vehicle_id, _T.driver_id), (_K.vehicle_id, _K.driver_id)):
        others = sa.select(column).where(column.in_(mine), driver.is_not(None), driver != driver_id)
        shared.update(connection.execute(others.distinct()).scalars())
    return [vehicle_id for vehicle_id in mine if vehicle_id not in shared]


def _forget_values(book: Book, theirs: sa.ColumnElement[bool], lookups: Sequence[str]) -> None:
    """Delete the values of tokens where they were presented, and what they can be found by; a meter may have signed one."""
    signed = signed_values.c.transaction_row.in_(sa.select(_T.id).where(theirs))
    book.connection.execute(sa.update(signed_values).where(signed).values(sealed=None))
    nobody = sa.literal("anonymised ") + sa.cast(_T.id, sa.String(20))
    gone = {"token_sealed": None, "stop_token_sealed": None, "token_key": nobody}
    book.connection.execute(sa.update(transactions).where(theirs).values(**gone))
    vault = vault_of(book.connection)
    sealed = sa.select(_O.id, _O.token_sealed).where(_O.token_sealed.is_not(None))
    rows = [row.id for row in book.connection.execute(sealed) if vault.lookup(vault.unseal(row[1])) in lookups]
    for some in personal.portions(rows):
        book.connection.execute(sa.update(orphan_stops).where(_O.id.in_(some)).values(token_sealed=None))


def _forget_tokens(book: Book, driver_id: str, at: datetime) -> None:
    """Leave of a driver's tokens no more than that there were some."""
    deleted_at = sa.func.coalesce(_K.deleted_at, sa.bindparam("at", at, type_=_K.deleted_at.type))
    gone = {"label": None, "sealed": None, "lookup": "", "group_name": None}
    tokens = sa.update(id_tokens).where(_K.driver_id == driver_id)
    book.connection.execute(tokens.values(**gone, deleted_at=deleted_at))


def _forget_vehicles(book: Book, driver_id: str, vehicle_ids: Sequence[str]) -> None:
    book.connection.execute(sa.delete(tables.vehicles).where(_V.vehicle_id.in_(vehicle_ids)))
    book.connection.execute(sa.update(id_tokens).where(_K.vehicle_id.in_(vehicle_ids)).values(vehicle_id=None))
    book.connection.execute(sa.update(tables.vehicles).where(_V.driver_id == driver_id).values(driver_id=None))
