"""Writing where the energy of sessions came from, in all and by the quarter hour, and what a kWh cost then."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from ..energy_origin import EnergyOrigin, OriginSlot
from . import tables
from .book import Book

_S = tables.sessions.c
_O = tables.origin_slots.c
_P = tables.market_prices.c

type SlotsSince = Mapping[
    tuple[int, datetime, datetime], OriginSlot
]  # by session, since when one looked, and its start


def keep(
    book: Book,
    site_id: str,
    origins: Mapping[int, EnergyOrigin],
    slots: SlotsSince,
    prices: Mapping[datetime, float],
) -> None:
    """Replace where the energy of sessions came from, by their numbers; one that is gone is passed over.

    Of a price that is known already the first one stays.
    """
    if origins:
        _keep_totals(book, site_id, origins)
    if slots:
        _keep_slots(book, site_id, slots)
    if prices:
        _keep_prices(book, site_id, prices)


def _keep_totals(book: Book, site_id: str, origins: Mapping[int, EnergyOrigin]) -> None:
    mine = sa.and_(_S.id == sa.bindparam("row"), _S.site_id == sa.bindparam("site"))
    rows = [{"row": row, "site": site_id, **asdict(origin)} for row, origin in origins.items()]
    book.connection.execute(sa.update(tables.sessions).where(mine), rows)


def _keep_slots(book: Book, site_id: str, slots: SlotsSince) -> None:
    sessions = {row for row, _, _ in slots}
    found = book.connection.execute(sa.select(_S.id).where(_S.id.in_(sessions), _S.site_id == site_id))
    kept = set(found.scalars())
    rows = [
        {"session_row": row, "since": since, "site_id": site_id, **asdict(slot)}
        for (row, since, _), slot in slots.items()
        if row in kept
    ]
    if not rows:
        return
    same = sa.and_(
        _O.session_row == sa.bindparam("row"),
        _O.start == sa.bindparam("at", type_=_O.start.type),
        _O.since == sa.bindparam("looked", type_=_O.since.type),
    )
    keys = [{"row": row["session_row"], "at": row["start"], "looked": row["since"]} for row in rows]
    book.connection.execute(sa.delete(tables.origin_slots).where(same), keys)
    book.connection.execute(sa.insert(tables.origin_slots), rows)


def _keep_prices(book: Book, site_id: str, prices: Mapping[datetime, float]) -> None:
    known = sa.select(_P.start).where(_P.site_id == site_id, _P.start.in_(prices))
    found = set(book.connection.execute(known).scalars())
    rows = [{"site_id": site_id, "start": at, "price": price} for at, price in prices.items() if at not in found]
    if rows:
        book.connection.execute(sa.insert(tables.market_prices), rows)
