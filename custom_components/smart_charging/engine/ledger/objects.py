"""Writing small JSON objects, and removing a site with all it has."""

import sqlalchemy as sa

from ..model import EvseKey, Json
from . import billing_tables, tables
from .book import Book

HOST = ""  # stands for the host, or for every site, where a row belongs to no single one

# Children before those they point to.
_TABLES = (
    tables.reading_journal,
    tables.meter_values,
    tables.signed_values,
    tables.origin_slots,
    tables.market_prices,
    tables.transactions,
    tables.sessions,
    tables.evses,
    tables.orphan_stops,
    tables.station_memory,
    tables.site_memory,
    tables.id_tokens,
    billing_tables.drivers,
    billing_tables.driver_groups,
    billing_tables.vehicles,
    billing_tables.stays_to_price,
)


def save_settings(book: Book, site_id: str, key: EvseKey, settings: dict[str, Json]) -> None:
    """Replace an EVSE's settings."""
    evse = book.evse(site_id, key)
    table = tables.evses
    book.connection.execute(sa.update(table).where(table.c.id == evse.row).values(settings=settings))


def save_memory(book: Book, site_id: str, station_id: str, learnt: dict[str, Json]) -> None:
    """Replace what was learnt about a station."""
    table = tables.station_memory
    mine = sa.and_(table.c.site_id == site_id, table.c.station_id == station_id)
    book.connection.execute(sa.delete(table).where(mine))
    book.connection.execute(sa.insert(table).values(site_id=site_id, station_id=station_id, learnt=learnt))


def save_site_memory(book: Book, site_id: str, name: str, value: Json) -> None:
    """Replace what a site remembers under a name."""
    table = tables.site_memory
    mine = sa.and_(table.c.site_id == site_id, table.c.name == name)
    book.connection.execute(sa.delete(table).where(mine))
    book.connection.execute(sa.insert(table).values(site_id=site_id, name=name, value=value))


def remove_site(book: Book, site_id: str) -> None:
    """Delete every row of a site but its proof log, charge records and statements, which have to be kept for their time.

    Tariffs by which records were made stay with these.
    """
    book.flush()
    for table in _TABLES:
        book.connection.execute(sa.delete(table).where(table.c.site_id == site_id))
    tariffs, records = billing_tables.tariffs, billing_tables.charge_records.c
    used = sa.exists().where(records.tariff_id == tariffs.c.tariff_id, records.tariff_version == tariffs.c.version)
    book.connection.execute(sa.delete(tariffs).where(tariffs.c.site_id == site_id, ~used))
    book.forget()
