"""What the writer keeps in mind: EVSEs with their open transactions, and rows not yet flushed.

Lives in the writer's thread only. It is a copy of what the database says, so that a reading costs
no query; after a failed commit it is forgotten and read again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..energy_count import EnergyCount, advance, outlet_register_wh
from ..model import EvseKey, MeterValue, Transaction
from ..quick_replace import replacer
from . import bulk, journal, tables, to_price
from .encoding import decode_count, encode_count, encode_values
from .queries import SELECT_TRANSACTION, to_transaction
from .vault import Vault, vault_of

_transaction_replaced = replacer(Transaction)
_M = tables.meter_values.c
_T = tables.transactions.c
_READING = ("site_id", "evse_row", "transaction_row", "time", "received_at", "readings")
_COUNT = ("row", "counted_wh", "count")
_KEEP_READINGS = sa.insert(tables.meter_values)
_KEEP_COUNT = (
    sa.update(tables.transactions)
    .where(_T.id == sa.bindparam("row"))
    .values(energy_wh=sa.bindparam("counted_wh"), energy_count=sa.bindparam("count"))
)
_FIND = SELECT_TRANSACTION.where(
    _T.transaction_id == sa.bindparam("wanted_id"),
    _T.station_id == sa.bindparam("wanted_station"),
    _T.site_id == sa.bindparam("wanted_site"),
)
_READ_AT = sa.select(_M.transaction_row, _M.readings).where(
    _M.evse_row == sa.bindparam("row"), _M.time == sa.bindparam("time", type_=_M.time.type)
)
_ENDED_AROUND = (
    SELECT_TRANSACTION.where(_T.evse_row == sa.bindparam("row"), _T.started_at <= sa.bindparam("time"))
    .where(_T.stopped_at >= sa.bindparam("time"))
    .order_by(_T.started_at.desc())
    .limit(1)
)


@dataclass(slots=True)
class Entry:
    """A transaction as the writer handles it."""

    row: int
    evse: EvseEntry
    session_row: int
    transaction: Transaction
    count: EnergyCount
    lost: bool = False

    @property
    def ended(self) -> bool:
        """Return whether readings come too late to be counted."""
        return self.transaction.stopped_at is not None


@dataclass(slots=True)
class EvseEntry:
    """An EVSE with its open transactions; `last_stop` is the latest end of the others.

    `read_until` is the latest reading that was there when it was brought to mind: what is not later may be told again
    by a station that was not answered because the process before this one was killed.
    """

    row: int
    site_id: str
    key: EvseKey
    open: list[Entry] = field(default_factory=list)
    last_stop: datetime | None = None
    read_until: datetime | None = None


class Book:
    """The state of one writer between and within its batches; `connection` is that of the present batch."""

    connection: sa.Connection

    def __init__(self) -> None:
        """Begin with nothing in mind."""
        self._evses: dict[tuple[str, EvseKey], EvseEntry] = {}
        self._open: dict[tuple[str, str, str], Entry] = {}
        self._readings: list[journal.Reading] = []
        self.unfiled = 0  # readings that came into the journal
        self._counted: dict[int, Entry] = {}
        self._to_price: set[tuple[str, int]] = set()
        self.remains = False  # what was deleted has to leave the file too

    def open(self, connection: sa.Connection) -> None:
        """Begin a batch in this database transaction."""
        self.connection = connection

    def forget(self) -> None:
        """Drop all that is in mind, for it may not be what the database says."""
        self._evses.clear()
        self._open.clear()
        self._readings.clear()
        self._counted.clear()
        self._to_price.clear()

    def flush(self) -> None:
        """Write the rows that wait."""
        if self._to_price:
            to_price.put(self.connection, self._to_price)
            self._to_price.clear()
        if self._readings:
            if bulk.is_sqlite(self.connection):
                journal.keep_readings(self.connection, self._readings)
                self.unfiled += len(self._readings)
            else:
                self.connection.execute(
                    _KEEP_READINGS, [dict(zip(_READING, row, strict=True)) for row in self._readings]
                )
            self._readings.clear()
        if self._counted:
            counts = [(entry.row, entry.count.energy_wh, encode_count(entry.count)) for entry in self._counted.values()]
            if bulk.is_sqlite(self.connection):
                bulk.keep_counts(self.connection, counts)
            else:
                self.connection.execute(_KEEP_COUNT, [dict(zip(_COUNT, row, strict=True)) for row in counts])
            self._counted.clear()

    def file_readings(self) -> None:
        """Bring the table of readings up to date."""
        self.flush()
        journal.file_readings(self.connection)

    def price_anew(self, site_id: str, session_row: int) -> None:
        """Have the records of a session made again, for something about it changed."""
        self._to_price.add((site_id, session_row))

    def insert(self, table: sa.Table, **values: Any) -> int:
        """Insert one row and return its number."""
        return int(self.connection.execute(sa.insert(table).values(**values).returning(table.c.id)).scalar_one())

    def evse(self, site_id: str, key: EvseKey) -> EvseEntry:
        """Return an EVSE, known from now on if it was not."""
        entry = self._evses.get((site_id, key))
        if entry is None:
            entry = self._load_evse(site_id, key)
            self._evses[site_id, key] = entry
        return entry

    def find(self, site_id: str, station_id: str, transaction_id: str) -> Entry | None:
        """Return this station's transaction of that id, open or ended."""
        identity = (site_id, station_id, transaction_id)
        if (entry := self._open.get(identity)) is not None:
            return entry
        wanted = {"wanted_id": transaction_id, "wanted_station": station_id, "wanted_site": site_id}
        row = self.connection.execute(_FIND, wanted).mappings().first()
        if row is None:
            return None
        evse = self.evse(site_id, EvseKey(station_id, row["evse_id"]))
        # Reading the EVSE has brought its open transactions to mind.
        return self._open.get(identity) or _to_entry(row, evse, vault_of(self.connection))

    def covering(self, evse: EvseEntry, time: datetime) -> Entry | None:
        """Return the transaction that ran at this time at this EVSE, the one begun last."""
        running = max(
            (entry for entry in evse.open if entry.transaction.started_at <= time),
            key=lambda entry: entry.transaction.started_at,
            default=None,
        )
        if evse.last_stop is None or time > evse.last_stop:
            return running
        row = self.connection.execute(_ENDED_AROUND, {"row": evse.row, "time": time}).mappings().first()
        if row is None or (running is not None and running.transaction.started_at > row["started_at"]):
            return running
        return _to_entry(row, evse, vault_of(self.connection))

    def add(self, entry: Entry) -> None:
        """Keep an open transaction in mind."""
        entry.evse.open.append(entry)
        self._open[self._identity(entry)] = entry

    def end(self, entry: Entry, stopped_at: datetime) -> None:
        """Keep in mind that a transaction ended."""
        self._open.pop(self._identity(entry), None)
        self._counted.pop(entry.row, None)
        evse = entry.evse
        evse.open = [other for other in evse.open if other is not entry]
        evse.last_stop = stopped_at if evse.last_stop is None else max(evse.last_stop, stopped_at)

    def keep_reading(self, evse: EvseEntry, entry: Entry | None, value: MeterValue, received_at: datetime) -> None:
        """Keep what was measured at one moment, and count it if its transaction runs; a repetition is passed over."""
        row, values = None if entry is None else entry.row, encode_values(value.values)
        if evse.read_until is not None and value.time <= evse.read_until:
            same = {"row": evse.row, "time": value.time}
            if any(tuple(kept) == (row, values) for kept in self.connection.execute(_READ_AT, same)):
                return
        self._readings.append((evse.site_id, evse.row, row, value.time, received_at, values))
        if entry is None:
            return
        if entry.ended:
            self.price_anew(evse.site_id, entry.session_row)
        else:
            self.count(entry, (value,))

    def count(self, entry: Entry, values: Sequence[MeterValue]) -> None:
        """Count the energy of readings into their transaction."""
        for value in values:
            register_wh = outlet_register_wh(value.values)
            if register_wh is not None:
                entry.count = advance(entry.count, register_wh, value.time)
                self._counted[entry.row] = entry
        if entry.count.energy_wh != entry.transaction.energy_wh:
            entry.transaction = _transaction_replaced(entry.transaction, {"energy_wh": entry.count.energy_wh})

    @staticmethod
    def _identity(entry: Entry) -> tuple[str, str, str]:
        return entry.evse.site_id, entry.evse.key.station_id, entry.transaction.transaction_id

    def _load_evse(self, site_id: str, key: EvseKey) -> EvseEntry:
        table = tables.evses.c
        known = self.connection.execute(
            sa.select(table.id).where(
                table.site_id == site_id, table.station_id == key.station_id, table.evse_id == key.evse_id
            )
        ).scalar()
        if known is None:
            new = self.insert(
                tables.evses,
                site_id=site_id,
                station_id=key.station_id,
                evse_id=key.evse_id,
                settings={},
                ended_energy_wh=0.0,
            )
            return EvseEntry(new, site_id, key)
        last_stop = self.connection.execute(sa.select(sa.func.max(_T.stopped_at)).where(_T.evse_row == known)).scalar()
        read_until = self.connection.execute(sa.select(sa.func.max(_M.time)).where(_M.evse_row == known)).scalar()
        entry = EvseEntry(known, site_id, key, last_stop=last_stop, read_until=read_until)
        running = SELECT_TRANSACTION.where(_T.evse_row == known, _T.stopped_at.is_(None)).order_by(_T.started_at)
        for row in self.connection.execute(running).mappings():
            self.add(_to_entry(row, entry, vault_of(self.connection)))
        return entry


def _to_entry(row: sa.RowMapping, evse: EvseEntry, vault: Vault) -> Entry:
    count = decode_count(row["energy_wh"], row["energy_count"])
    return Entry(row["id"], evse, row["session_row"], to_transaction(row, vault), count, row["lost"])
