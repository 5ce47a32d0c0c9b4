"""Reading and writing the registry of id tokens."""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum, auto
import hmac
import secrets
from typing import Any, TypedDict

import sqlalchemy as sa

from ..id_token import IdToken, OpenUse, TokenDetails, TokenSecret, TokenType
from . import tables
from .billing_tables import drivers, vehicles
from .book import Book
from .objects import HOST, save_site_memory
from .postgresql import Lock, let_others_wait
from .vault import Vault, vault_of

MAX_UNASSIGNED = 32  # what strangers hold to a reader must not fill the disk
_TAIL = 4

_K = tables.id_tokens.c
_T = tables.transactions.c
_E = tables.evses.c

_IN_USE = sa.and_(
    _K.lookup == sa.bindparam("wanted"),
    _K.site_id.in_((sa.bindparam("site"), HOST)),
    _K.deleted_at.is_(None),
)
_V = vehicles.c
_OWNER = (
    sa.select(_K.token_id, sa.func.coalesce(_K.driver_id, _V.driver_id).label("driver_id"), _K.vehicle_id)
    .select_from(tables.id_tokens.outerjoin(vehicles, _V.vehicle_id == _K.vehicle_id))
    .where(_IN_USE)
)
_FIND = sa.select(tables.id_tokens).where(_IN_USE)
_HERE = sa.and_(_E.site_id == sa.bindparam("site"), _E.station_id == sa.bindparam("station"))
_USES = (
    sa.select(_E.evse_id, _T.token_key, _K.group_name, _HERE.label("here"))
    .select_from(tables.transactions.join(tables.evses, _T.evse_row == _E.id))
    .outerjoin(tables.id_tokens, _K.token_id == _T.token_id)
    .where(_T.stopped_at.is_(None), sa.or_(_HERE, _T.token_key == sa.bindparam("wanted")))
)


class Clash(Enum):
    """What of a token is another one's already."""

    VALUE = auto()
    LABEL = auto()


class Missing(Enum):
    """Whom of those that a token names there is not."""

    DRIVER = auto()
    VEHICLE = auto()


type Edit = Callable[[TokenDetails], TokenDetails]


def add(
    book: Book, site_id: str, value: str, details: TokenDetails, at: datetime, *, everywhere: bool
) -> str | Clash | Missing:
    """Keep a new token and return its id, or what of it is another one's, or names nobody."""
    let_others_wait(book.connection, Lock.TOKENS)
    vault = vault_of(book.connection)
    lookup = vault.lookup(value)
    known = sa.select(_K.id).where(_K.lookup == lookup, _K.deleted_at.is_(None))
    if not everywhere:
        known = known.where(_of(site_id))
    if book.connection.execute(known).first() is not None:
        return Clash.VALUE
    owner = HOST if everywhere else site_id
    if _label_taken(book.connection, owner, details.label):
        return Clash.LABEL
    if (missing := _missing(book.connection, site_id, details)) is not None:
        return missing
    token_id = _new_id(book)
    book.insert(
        tables.id_tokens,
        site_id=owner,
        token_id=token_id,
        lookup=lookup,
        sealed=vault.seal(value),
        created_at=at,
        **_columns(details),
    )
    return token_id


def remember(book: Book, site_id: str, value: str, at: datetime) -> str | None:
    """Keep a token that is nobody's yet; None where it is known or too many wait to be assigned."""
    waiting = sa.select(sa.func.count()).where(_K.site_id == site_id, _K.label.is_(None), _K.deleted_at.is_(None))
    if book.connection.execute(waiting).scalar_one() >= MAX_UNASSIGNED:
        return None
    added = add(book, site_id, value, TokenDetails(), at, everywhere=False)
    return added if isinstance(added, str) else None


def change(book: Book, site_id: str, token_id: str, edit: Edit) -> IdToken | Clash | Missing | None:
    """Change what was decided about a token and return it, or what is another one's or nobody's; None where there is none."""
    let_others_wait(book.connection, Lock.TOKENS)
    known = token(book.connection, site_id, token_id)
    if known is None or known.deleted_at is not None:
        return None
    details = edit(known.details)
    # What was registered twice before that was refused can still be blocked and changed.
    renamed = details.label is not None and details.label.casefold() != (known.details.label or "").casefold()
    if renamed and _label_taken(book.connection, known.site_id or HOST, details.label):
        return Clash.LABEL
    if (missing := _missing(book.connection, site_id, details)) is not None:
        return missing
    return _update(book, site_id, token_id, _columns(details))


def delete(book: Book, site_id: str, token_id: str, at: datetime) -> IdToken | None:
    """Take a token out of use; its row stays for the records. None where there is none."""
    known = token(book.connection, site_id, token_id)
    if known is None or known.deleted_at is not None:
        return None
    return _update(book, site_id, token_id, {"deleted_at": at})


def used(book: Book, token_id: str, at: datetime) -> None:
    """Note when a token was last accepted."""
    book.connection.execute(sa.update(tables.id_tokens).where(_K.token_id == token_id).values(last_used_at=at))


def list_version(book: Book, site_id: str, name: str, content: str) -> int:
    """Return the version of a list of tokens, one higher than last time if its content changed since.

    Of the content only a keyed hash is kept.
    """
    digest = vault_of(book.connection).lookup(f"list {content}")
    table = tables.site_memory.c
    mine = sa.select(table.value).where(table.site_id == site_id, table.name == name)
    known = book.connection.execute(mine).scalar() or {"version": 0, "digest": ""}
    if known["digest"] == digest:
        return int(known["version"])
    version = int(known["version"]) + 1
    save_site_memory(book, site_id, name, {"version": version, "digest": digest})
    return version


class Owner(TypedDict):
    """What a transaction keeps of the token that it begins with: its id, and whose it is at that time."""

    token_id: str | None
    driver_id: str | None
    vehicle_id: str | None


def owner(connection: sa.Connection, site_id: str, lookup: str) -> Owner:
    """Return the token in use that is found by this with whose it is; of a vehicle's, that is who drives it by default."""
    row = connection.execute(_OWNER, {"wanted": lookup, "site": site_id}).first()
    if row is None:
        return Owner(token_id=None, driver_id=None, vehicle_id=None)
    return Owner(token_id=row.token_id, driver_id=row.driver_id, vehicle_id=row.vehicle_id)


def find(connection: sa.Connection, site_id: str, value: str) -> IdToken | None:
    """Return the token in use that has this value."""
    vault = vault_of(connection)
    row = connection.execute(_FIND, {"wanted": vault.lookup(value), "site": site_id}).mappings().first()
    return None if row is None else _to_token(row, vault)


def token(connection: sa.Connection, site_id: str, token_id: str) -> IdToken | None:
    """Return a token by its id, a deleted one too."""
    mine = sa.select(tables.id_tokens).where(_K.token_id == token_id, _of(site_id))
    row = connection.execute(mine).mappings().first()
    return None if row is None else _to_token(row, vault_of(connection))


def registered(connection: sa.Connection, site_id: str, *, deleted: bool) -> tuple[IdToken, ...]:
    """Return a site's tokens, oldest first."""
    vault = vault_of(connection)
    return tuple(_to_token(row, vault) for row in _rows(connection, site_id, deleted=deleted))


def with_values(connection: sa.Connection, site_id: str) -> tuple[TokenSecret, ...]:
    """Return a site's tokens in use with their values, oldest first."""
    vault, found = vault_of(connection), []
    for row in _rows(connection, site_id, deleted=False):
        group = row["group_name"]
        parent = None if group is None else vault.group_value(group)
        found.append(TokenSecret(_to_token(row, vault), vault.unseal(row["sealed"]), parent))
    return tuple(found)


def uses(connection: sa.Connection, site_id: str, station_id: str, value: str) -> tuple[OpenUse, ...]:
    """Return the running transactions of this value at any site, and all that run at this station."""
    lookup = vault_of(connection).lookup(value)
    return tuple(
        OpenUse(row.evse_id, bool(row.here), hmac.compare_digest(row.token_key, lookup), row.group_name)
        for row in connection.execute(_USES, {"wanted": lookup, "site": site_id, "station": station_id})
    )


def give_up_values(connection: sa.Connection) -> None:
    """Forget every encrypted value, for its key is lost; tokens and records keep their ids and labels."""
    for table in (tables.transactions, tables.orphan_stops):
        connection.execute(sa.update(table).values(token_sealed=None))
    connection.execute(sa.update(tables.transactions).values(stop_token_sealed=None))
    for table in (tables.id_tokens, tables.signed_values):
        connection.execute(sa.update(table).values(sealed=None))
    connection.execute(sa.update(drivers).values(email_sealed=None))


def _missing(connection: sa.Connection, site_id: str, details: TokenDetails) -> Missing | None:
    """Return whom of those that a token names there is not, or not any more."""
    named = drivers.c
    live = sa.select(named.id).where(named.driver_id == details.driver_id, named.anonymised_at.is_(None))
    known = sa.select(_V.id).where(_V.vehicle_id == details.vehicle_id)
    if details.driver_id is not None and not connection.execute(live.where(named.site_id.in_((site_id, HOST)))).first():
        return Missing.DRIVER
    if details.vehicle_id is not None and not connection.execute(known.where(_V.site_id.in_((site_id, HOST)))).first():
        return Missing.VEHICLE
    return None


def _label_taken(connection: sa.Connection, owner: str, label: str | None) -> bool:
    """Return whether a token in use that counts where this one will has the label, in whatever case."""
    if label is None:
        return False
    labels = sa.select(_K.label).where(_K.label.is_not(None), _K.deleted_at.is_(None))
    if owner != HOST:
        labels = labels.where(_of(owner))
    # SQLite folds the case of ASCII alone.
    return any(known.casefold() == label.casefold() for known in connection.execute(labels).scalars())


def _rows(connection: sa.Connection, site_id: str, *, deleted: bool) -> sa.MappingResult:
    query = sa.select(tables.id_tokens).where(_of(site_id)).order_by(_K.id)
    return connection.execute(query if deleted else query.where(_K.deleted_at.is_(None))).mappings()


def _of(site_id: str) -> sa.ColumnElement[bool]:
    """Return the condition that picks the tokens that count at a site."""
    return _K.site_id.in_((site_id, HOST))


def _update(book: Book, site_id: str, token_id: str, columns: Mapping[str, Any]) -> IdToken | None:
    book.connection.execute(sa.update(tables.id_tokens).where(_K.token_id == token_id).values(**columns))
    return token(book.connection, site_id, token_id)


def _new_id(book: Book) -> str:
    while True:
        drawn = secrets.token_hex(4)
        if book.connection.execute(sa.select(_K.id).where(_K.token_id == drawn)).first() is None:
            return drawn


def _columns(details: TokenDetails) -> dict[str, Any]:
    return {
        "label": details.label,
        "type": details.type.value,
        "group_name": details.group,
        "master_pass": details.master_pass,
        "blocked": details.blocked,
        "valid_from": details.valid_from,
        "valid_until": details.valid_until,
        "driver_id": details.driver_id,
        "vehicle_id": details.vehicle_id,
    }


def _to_token(row: sa.RowMapping, vault: Vault) -> IdToken:
    value = vault.unseal(row["sealed"])
    return IdToken(
        token_id=row["token_id"],
        details=TokenDetails(
            label=row["label"],
            type=TokenType(row["type"]),
            valid_from=row["valid_from"],
            valid_until=row["valid_until"],
            group=row["group_name"],
            master_pass=row["master_pass"],
            blocked=row["blocked"],
            driver_id=row["driver_id"],
            vehicle_id=row["vehicle_id"],
        ),
        site_id=row["site_id"] or None,
        created_at=row["created_at"],
        last_used_at=row["last_used_at"],
        deleted_at=row["deleted_at"],
        # Of a short value the end would be nearly all.
        tail=value[-_TAIL:] if len(value) >= 2 * _TAIL else "",
    )
