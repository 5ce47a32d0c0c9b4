"""The versions of tariffs: added, found by the time that they are valid from, and never changed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
import json
import secrets
from typing import Final

import sqlalchemy as sa

from ..model import Json
from ..tariff import TariffInUse, TariffUnknown
from .billing_tables import charge_records, tariffs
from .book import Book
from .encoding import dump_json
from .objects import HOST
from .record_json import read_object

MAX_CONTENT: Final = 256 * 1024
_MAX_NAME: Final = 100
_MAX_ID: Final = 16
_T = tariffs.c
_R = charge_records.c


@dataclass(frozen=True, slots=True)
class TariffVersion:
    """A version of a tariff as it was kept; `site_id` is None for one of every site.

    `content` is what the caller gave, the ledger does not look into it. One that was withdrawn is used no more.
    """

    tariff_id: str
    version: int
    name: str
    valid_from: datetime
    content: Mapping[str, Json]
    site_id: str | None
    created_at: datetime
    withdrawn_at: datetime | None = None


def new_id(connection: sa.Connection) -> str:
    """Return an id that no tariff has."""
    while True:
        drawn = secrets.token_hex(4)
        if connection.execute(sa.select(_T.id).where(_T.tariff_id == drawn).limit(1)).first() is None:
            return drawn


def checked(tariff_id: str | None, name: str, content: Mapping[str, Json]) -> str:
    """Return the text of a tariff's content; ValueError for what can't be kept."""
    if tariff_id is not None and not 0 < len(tariff_id) <= _MAX_ID:
        raise ValueError(f"the id of a tariff has at most {_MAX_ID} characters")
    if not name.strip() or len(name) > _MAX_NAME or not name.isprintable():
        raise ValueError(f"a tariff has a name of at most {_MAX_NAME} characters")
    text = dump_json({**content})
    if len(text) > MAX_CONTENT:
        raise ValueError(f"a tariff has at most {MAX_CONTENT} characters")
    if json.loads(text) != {**content}:
        raise ValueError("a tariff is JSON")
    return text


def add(
    book: Book,
    site_id: str,
    tariff_id: str | None,
    *,
    name: str,
    valid_from: datetime,
    content: str,
    at: datetime,
    everywhere: bool,
) -> TariffVersion | None:
    """Keep the next version of a tariff, or the first of a new one; None where the id is another site's tariff."""
    connection = book.connection
    owner = HOST if everywhere else site_id
    last = None
    if tariff_id is not None:
        newest = sa.select(_T.version, _T.site_id).where(_T.tariff_id == tariff_id).order_by(_T.version.desc()).limit(1)
        last = connection.execute(newest).first()
    if last is not None and last.site_id not in {site_id, HOST}:
        return None
    kept_id, number = tariff_id or new_id(connection), 1 if last is None else last.version + 1
    book.insert(
        tariffs,
        site_id=owner if last is None else last.site_id,
        tariff_id=kept_id,
        version=number,
        name=name,
        valid_from=valid_from,
        content=content,
        created_at=at,
    )
    return version(connection, site_id, kept_id, number)


def withdraw(
    book: Book, site_id: str, tariff_id: str, number: int, at: datetime
) -> TariffVersion | TariffUnknown | TariffInUse:
    """Use a version no more and return it, or why not."""
    known = version(book.connection, site_id, tariff_id, number)
    if known is None or known.withdrawn_at is not None:
        return TariffUnknown()
    used = sa.select(_R.id).where(_R.tariff_id == tariff_id, _R.tariff_version == number).limit(1)
    if book.connection.execute(used).first() is not None:
        return TariffInUse()
    mine = sa.and_(_T.tariff_id == tariff_id, _T.version == number)
    book.connection.execute(sa.update(tariffs).where(mine).values(withdrawn_at=at))
    return replace(known, withdrawn_at=at)


def version(connection: sa.Connection, site_id: str, tariff_id: str, number: int) -> TariffVersion | None:
    """Return a version of a tariff, a withdrawn one too."""
    found = _read(connection, _of(site_id).where(_T.tariff_id == tariff_id, _T.version == number))
    return found[0] if found else None


def valid_at(connection: sa.Connection, site_id: str, tariff_id: str, at: datetime) -> TariffVersion | None:
    """Return the version of a tariff for what begins at this time, None before the first one."""
    begun = _of(site_id).where(_T.tariff_id == tariff_id, _T.withdrawn_at.is_(None))
    begun = begun.where(_T.valid_from <= sa.bindparam("at", at, type_=_T.valid_from.type))
    found = _read(connection, begun.order_by(_T.valid_from.desc(), _T.version.desc()).limit(1))
    return found[0] if found else None


def all_versions(connection: sa.Connection, site_id: str) -> tuple[TariffVersion, ...]:
    """Return all versions of all tariffs that count at a site but those withdrawn, oldest first."""
    return _read(connection, _of(site_id).where(_T.withdrawn_at.is_(None)).order_by(_T.id))


def _of(site_id: str) -> sa.Select[tuple[object, ...]]:
    return sa.select(*tariffs.c).where(_T.site_id.in_((site_id, HOST)))


def _read(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> tuple[TariffVersion, ...]:
    return tuple(
        TariffVersion(
            tariff_id=row["tariff_id"],
            version=row["version"],
            name=row["name"],
            valid_from=row["valid_from"],
            content=read_object(row["content"], "A tariff"),
            site_id=row["site_id"] or None,
            created_at=row["created_at"],
            withdrawn_at=row["withdrawn_at"],
        )
        for row in connection.execute(query).mappings()
    )
