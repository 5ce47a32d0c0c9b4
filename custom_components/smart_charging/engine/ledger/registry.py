"""Reading and writing drivers, their groups and vehicles: three tables that are kept in the same way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
import json
import secrets
from typing import Any, Final

import sqlalchemy as sa

from ..driver import (
    Allowance,
    Driver,
    DriverUnknown,
    Group,
    GroupUnknown,
    NameExists,
    NotStorable,
    RegistryError,
    StillInUse,
    UserTaken,
    Vehicle,
    VehicleUnknown,
)
from ..recorded_json import Decoder, Encoder
from . import billing_tables as tables
from .book import Book
from .objects import HOST
from .proof_chain import canonical
from .tables import id_tokens
from .vault import Vault, vault_of

_MAX_EMAIL: Final = 254  # RFC 5321 section 4.5.3.1.3, without its brackets
_D = tables.drivers.c
_G = tables.driver_groups.c
_V = tables.vehicles.c
_K = id_tokens.c

_ENCODER = Encoder(sparse=True)
_DECODER = Decoder()

type Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind[T]:
    """How one of the three is kept: its table, the columns of a value, and the value of a row.

    `check` says what of a value can't be, given what else there is.
    """

    table: sa.Table
    id_name: str
    unknown: type[RegistryError]
    columns: Callable[[T, Vault], dict[str, Any]]
    value: Callable[[sa.RowMapping, Vault], T]
    check: Callable[[sa.Connection, str, T], RegistryError | None]

    @property
    def key(self) -> sa.ColumnElement[str]:
        """Return the column of the id."""
        column: sa.ColumnElement[str] = self.table.c[self.id_name]
        return column


def add[T](book: Book, kind: Kind[T], site_id: str, value: T, *, everywhere: bool) -> T | RegistryError:
    """Keep a new one, with an id of its own if it brings none, and return it, or why not."""
    connection, vault = book.connection, vault_of(book.connection)
    row = {**kind.columns(value, vault), "site_id": HOST if everywhere else site_id}
    row[kind.id_name] = row[kind.id_name] or _new_id(connection, kind)
    wrong = _unfit(kind.table, row) or kind.check(connection, site_id, value)
    if wrong is None and _taken(connection, kind, site_id, row, None):
        wrong = NameExists()
    if wrong is not None:
        return wrong
    book.insert(kind.table, **row)
    return get(connection, kind, site_id, row[kind.id_name])


def change[T](book: Book, kind: Kind[T], site_id: str, item_id: str, edit: Callable[[T], T]) -> T | RegistryError:
    """Replace one by what `edit` makes of it and return that, or why not; its id stays."""
    connection, vault = book.connection, vault_of(book.connection)
    known = get(connection, kind, site_id, item_id)
    if isinstance(known, RegistryError):
        return known
    value = edit(known)
    row = {**kind.columns(value, vault), kind.id_name: item_id}
    if isinstance(value, Group):
        row["site_id"] = HOST if value.every_site else site_id
    wrong = _unfit(kind.table, row) or kind.check(connection, site_id, value)
    if wrong is None and _taken(connection, kind, site_id, row, item_id):
        wrong = NameExists()
    if wrong is not None:
        return wrong
    connection.execute(sa.update(kind.table).where(kind.key == item_id).values(**row))
    return get(connection, kind, site_id, item_id)


def delete_group(book: Book, site_id: str, group_id: str) -> Group | RegistryError:
    """Delete a group that nobody is in, and return what it was, or why not."""
    known = get(book.connection, GROUPS, site_id, group_id)
    if isinstance(known, RegistryError):
        return known
    if book.connection.execute(sa.select(_D.id).where(_D.group_id == group_id).limit(1)).first() is not None:
        return StillInUse()
    book.connection.execute(sa.delete(tables.driver_groups).where(_G.group_id == group_id))
    return known


def delete_vehicle(book: Book, site_id: str, vehicle_id: str) -> Vehicle | RegistryError:
    """Delete a vehicle and return what it was, or why not; tokens name it no more, records keep its name."""
    known = get(book.connection, VEHICLES, site_id, vehicle_id)
    if isinstance(known, RegistryError):
        return known
    book.connection.execute(sa.update(id_tokens).where(_K.vehicle_id == vehicle_id).values(vehicle_id=None))
    book.connection.execute(sa.delete(tables.vehicles).where(_V.vehicle_id == vehicle_id))
    return known


def get[T](connection: sa.Connection, kind: Kind[T], site_id: str, item_id: str) -> T | RegistryError:
    """Return one that counts at a site by its id."""
    mine = sa.select(kind.table).where(kind.key == item_id, _of(kind.table, site_id))
    row = connection.execute(mine).mappings().first()
    return kind.unknown() if row is None else kind.value(row, vault_of(connection))


def all_of[T](connection: sa.Connection, kind: Kind[T], site_id: str) -> tuple[T, ...]:
    """Return all that count at a site, oldest first."""
    vault = vault_of(connection)
    mine = sa.select(kind.table).where(_of(kind.table, site_id)).order_by(kind.table.c.id)
    return tuple(kind.value(row, vault) for row in connection.execute(mine).mappings())


def of_user(connection: sa.Connection, site_id: str, user_id: str) -> Driver | None:
    """Return the driver that is this Home Assistant user."""
    mine = sa.select(tables.drivers).where(_D.user_id == user_id, _of(tables.drivers, site_id))
    row = connection.execute(mine).mappings().first()
    return None if row is None else _to_driver(row, vault_of(connection))


def exists(connection: sa.Connection, site_id: str, driver_id: str | None, vehicle_id: str | None) -> bool:
    """Return whether those that are named count at a site, and the driver was not anonymised."""
    if driver_id is not None:
        live = sa.select(_D.id).where(_D.driver_id == driver_id, _D.anonymised_at.is_(None))
        if connection.execute(live.where(_of(tables.drivers, site_id))).first() is None:
            return False
    known = sa.select(_V.id).where(_V.vehicle_id == vehicle_id, _of(tables.vehicles, site_id))
    return vehicle_id is None or connection.execute(known).first() is not None


def anonymised(connection: sa.Connection, driver_ids: set[str]) -> set[str]:
    """Return those of some drivers whose names must not be kept again."""
    gone = sa.select(_D.driver_id).where(_D.driver_id.in_(driver_ids), _D.anonymised_at.is_not(None))
    return set(connection.execute(gone).scalars())


def _of(table: sa.Table, site_id: str) -> sa.ColumnElement[bool]:
    return table.c.site_id.in_((site_id, HOST))


def _taken(connection: sa.Connection, kind: Kind[Any], site_id: str, row: Row, item_id: str | None) -> bool:
    """Return whether another one has the id, or counts where this one will and has the name, in whatever case."""
    if item_id is None and connection.execute(sa.select(kind.key).where(kind.key == row[kind.id_name])).first():
        return True
    names = sa.select(kind.table.c.name).where(kind.key != row[kind.id_name])
    if row.get("site_id", site_id) != HOST:
        names = names.where(_of(kind.table, site_id))
    # SQLite folds the case of ASCII alone.
    name = str(row["name"]).casefold()
    return any(known.casefold() == name for known in connection.execute(names).scalars())


def _unfit(table: sa.Table, row: Row) -> NotStorable | None:
    """Return what of a row's texts no column takes."""
    for name, value in row.items():
        column = table.c[name].type
        if not isinstance(value, str) or not isinstance(column, sa.String):
            continue
        if column.length is not None and len(value) > column.length:
            return NotStorable(f"{name} has at most {column.length} characters")
        if not _is_text(value):
            return NotStorable(f"{name} holds a character that can't be kept")
    return None if str(row["name"]).strip() else NotStorable("name is empty")


def _is_text(value: str) -> bool:
    """Return whether every database takes a text: none takes half a character, and PostgreSQL no NUL."""
    return "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _new_id(connection: sa.Connection, kind: Kind[Any]) -> str:
    while True:
        drawn = secrets.token_hex(4)
        if connection.execute(sa.select(kind.key).where(kind.key == drawn)).first() is None:
            return drawn


def _driver_columns(driver: Driver, vault: Vault) -> dict[str, Any]:
    return {
        "driver_id": driver.driver_id,
        "name": driver.name,
        "group_id": driver.group_id,
        "email_sealed": None if driver.email is None else vault.seal(driver.email),
        "cost_centre": driver.cost_centre,
        "language": driver.language,
        "active": driver.active,
        "user_id": driver.user_id,
        "tariff_id": driver.tariff_id,
        "allowance": None if driver.allowance is None else canonical(_ENCODER.encode(driver.allowance)),
        "employer_share": None if driver.employer_share is None else str(driver.employer_share),
        "created_at": driver.created_at,
    }


def _to_driver(row: sa.RowMapping, vault: Vault) -> Driver:
    allowance, share, sealed = row["allowance"], row["employer_share"], row["email_sealed"]
    return Driver(
        driver_id=row["driver_id"],
        name=row["name"],
        group_id=row["group_id"],
        email=None if sealed is None else vault.unseal(sealed),
        cost_centre=row["cost_centre"],
        language=row["language"],
        active=row["active"],
        user_id=row["user_id"],
        tariff_id=row["tariff_id"],
        allowance=None if allowance is None else _DECODER.decode(Allowance, json.loads(allowance), "allowance"),
        employer_share=None if share is None else Decimal(share),
        created_at=row["created_at"],
        anonymised_at=row["anonymised_at"],
    )


def _check_driver(connection: sa.Connection, site_id: str, driver: Driver) -> RegistryError | None:
    if driver.anonymised_at is not None:
        return DriverUnknown()
    if driver.email is not None and not (len(driver.email) <= _MAX_EMAIL and _is_text(driver.email)):
        return NotStorable(f"email has at most {_MAX_EMAIL} characters")
    if driver.employer_share is not None and not 0 <= driver.employer_share <= 1:
        return NotStorable("employer_share is a part of the whole, from 0 to 1")
    group = sa.select(_G.id).where(_G.group_id == driver.group_id, _of(tables.driver_groups, site_id))
    if driver.group_id is not None and connection.execute(group).first() is None:
        return GroupUnknown()
    linked = sa.select(_D.id).where(_D.user_id == driver.user_id, _D.driver_id != driver.driver_id)
    if driver.user_id is not None and connection.execute(linked).first() is not None:
        return UserTaken()
    return None


def _group_columns(group: Group, _vault: Vault) -> dict[str, Any]:
    terms = canonical(_ENCODER.encode(group))
    return {"group_id": group.group_id, "name": group.name, "terms": terms}


def _to_group(row: sa.RowMapping, _vault: Vault) -> Group:
    told = {**json.loads(row["terms"]), "group_id": row["group_id"], "every_site": row["site_id"] == HOST}
    return _DECODER.decode(Group, told, "group")


def _check_nothing(_connection: sa.Connection, _site_id: str, _value: object) -> RegistryError | None:
    return None


def _vehicle_columns(vehicle: Vehicle, _vault: Vault) -> dict[str, Any]:
    return {
        "vehicle_id": vehicle.vehicle_id,
        "name": vehicle.name,
        "battery_kwh": None if vehicle.battery_kwh is None else str(vehicle.battery_kwh),
        "phases": vehicle.phases,
        "driver_id": vehicle.driver_id,
        "plate": vehicle.plate,
    }


def _to_vehicle(row: sa.RowMapping, _vault: Vault) -> Vehicle:
    battery = row["battery_kwh"]
    return Vehicle(
        vehicle_id=row["vehicle_id"],
        name=row["name"],
        battery_kwh=None if battery is None else Decimal(battery),
        phases=row["phases"],
        driver_id=row["driver_id"],
        plate=row["plate"],
    )


def _check_vehicle(connection: sa.Connection, site_id: str, vehicle: Vehicle) -> RegistryError | None:
    if vehicle.battery_kwh is not None and not (vehicle.battery_kwh.is_finite() and vehicle.battery_kwh > 0):
        return NotStorable("battery_kwh is more than 0")
    if vehicle.phases not in {None, 1, 2, 3}:
        return NotStorable("phases are 1, 2 or 3")
    return None if exists(connection, site_id, vehicle.driver_id, None) else DriverUnknown()


DRIVERS: Final = Kind(tables.drivers, "driver_id", DriverUnknown, _driver_columns, _to_driver, _check_driver)
GROUPS: Final = Kind(tables.driver_groups, "group_id", GroupUnknown, _group_columns, _to_group, _check_nothing)
VEHICLES: Final = Kind(tables.vehicles, "vehicle_id", VehicleUnknown, _vehicle_columns, _to_vehicle, _check_vehicle)
