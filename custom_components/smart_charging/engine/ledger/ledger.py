"""The room's front door: one ledger for the host, one view of it for each site."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from datetime import datetime
from pathlib import Path
import sqlite3

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ..energy_origin import EnergyOrigin
from ..model import (
    EvseKey,
    Json,
    MeterValue,
    Session,
    StopOutcome,
    StoreError,
    Transaction,
    TransactionStart,
    TransactionStop,
)
from ..session_record import SessionRecord, SignedReading
from . import integrity, objects, origins as origins_kept, proof_log, queries, session_records, sessions, transactions
from .book import Book
from .copying import copy_ledger
from .origins import SlotsSince
from .retention import Removed, Retention, prune
from .site_drivers import SiteDrivers
from .site_grid_proof import SiteGridProof
from .site_records import SiteRecords
from .site_statements import SiteStatements
from .site_tariffs import SiteTariffs
from .site_tokens import SiteTokens
from .storage import key_path_of, open_storage
from .vault import Vault, vault_of
from .writer import Writer

_READERS = 2


class Ledger:
    """One database, one writing thread, and threads that read beside it; for one process only."""

    def __init__(self, engine: sa.Engine) -> None:
        """Take an engine whose schema is up to date; `open` makes one."""
        self._engine = engine
        self._writer = Writer(engine)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="ledger-reader")
        self._closed = False
        self.token_listeners: list[Callable[[], None]] = []
        self.driver_listeners: list[Callable[[], None]] = []

    @classmethod
    async def open(cls, url_or_path: Path | str, key_path: Path | None = None) -> Ledger:
        """Open a ledger, made or brought up to date where needed, with its key, see `open_storage`.

        Raises LedgerTooNew if a later version wrote it, LedgerKeyError without the right key, LedgerDamaged for a
        file that is damaged, LedgerError if it can't be used.
        """
        return cls(await asyncio.to_thread(open_storage, url_or_path, key_path))

    @property
    def vault(self) -> Vault:
        """Return what id tokens are encrypted with."""
        return vault_of(self._engine)

    async def close(self) -> None:
        """Write what was asked for, then let go of the database."""
        self._closed = True
        await self._writer.close()
        await asyncio.to_thread(self._readers.shutdown)
        await asyncio.to_thread(self._engine.dispose)

    def site(self, site_id: str) -> SiteLedger:
        """Return one site's part of the ledger."""
        return SiteLedger(self, site_id)

    def tokens_changed(self) -> None:
        """Tell the sites, which share tokens, that one may have changed."""
        for listener in list(self.token_listeners):
            listener()

    def drivers_changed(self) -> None:
        """Tell the sites, which share drivers, groups and vehicles, that one may have changed."""
        for listener in list(self.driver_listeners):
            listener()

    async def copy_to(self, path: Path) -> None:
        """Copy the ledger, as it is at one moment, into a new file with its key beside it, while work goes on.

        A copy that is there already is replaced. Raises StoreError where it fails, and on a ledger that is no file.
        """
        await self._on_file(lambda engine: copy_ledger(engine, key_path_of(engine), path))

    async def check_integrity(self) -> tuple[str, ...]:
        """Read the whole file and return what is wrong with it, none for a sound one; takes minutes for a large one.

        Raises StoreError where it can't be read, and on a ledger that is no file.
        """
        return await self._on_file(integrity.findings)

    async def prune_grid_proof(self, before: datetime) -> int:
        """Take what is older than this away from every site's log of grid signals; returns the number of rows."""
        return await self.write(lambda book: proof_log.prune(book, before))

    def write[T](self, work: Callable[[Book], T]) -> Awaitable[T]:
        """Return the result of writing work once it is durable; StoreError if it could not be kept."""
        return self._writer.write(work)

    async def read[T](self, query: Callable[[sa.Connection], T]) -> T:
        """Return what a query finds, every finished write included; StoreError if it can't be read."""
        if self._closed:
            raise StoreError("The ledger is closed")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._query, query)

    async def _on_file[T](self, work: Callable[[sa.Engine], T]) -> T:
        """Do what only a ledger in a file can, in a thread of its own; StoreError."""
        if self._closed:
            raise StoreError("The ledger is closed")
        if self._engine.dialect.name != "sqlite":
            raise StoreError("The ledger is no file: its server has its own means for that")
        try:
            return await asyncio.to_thread(work, self._engine)
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise StoreError(f"The ledger can't be read: {error}") from error

    def _query[T](self, query: Callable[[sa.Connection], T]) -> T:
        try:
            with self._engine.connect() as connection:
                return query(connection)
        except SQLAlchemyError as error:
            raise StoreError(f"The ledger can't be read: {error}") from error


class SiteLedger:
    """One site's transactions, sessions, settings and memory.

    Each call that writes returns after a durable commit, and raises StoreError if nothing was kept.
    """

    def __init__(self, ledger: Ledger, site_id: str) -> None:
        """See `Ledger.site`."""
        self._ledger = ledger
        self._site_id = site_id
        self.tokens = SiteTokens(ledger, site_id)
        self.grid_proof = SiteGridProof(ledger, site_id)
        self.drivers = SiteDrivers(ledger, site_id)
        self.tariffs = SiteTariffs(ledger, site_id)
        self.records = SiteRecords(ledger, site_id)
        self.statements = SiteStatements(ledger, site_id)

    async def start_transaction(self, start: TransactionStart) -> Transaction:
        """Keep a new transaction, or return the one kept for the same announcement.

        The same is: EVSE, token in any case, time and meterStart.
        """
        return await self._ledger.write(lambda book: transactions.start(book, self._site_id, start))

    async def identify_transaction(self, station_id: str, transaction_id: str, id_token: str) -> Transaction | None:
        """Keep the token of a transaction that began without one; None if the station has no such transaction."""
        return await self._ledger.write(
            lambda book: transactions.identify(book, self._site_id, station_id, transaction_id, id_token)
        )

    def record_meter_values(
        self,
        station_id: str,
        evse_id: int,
        transaction_id: str | None,
        values: Sequence[MeterValue],
        received_at: datetime,
    ) -> Awaitable[Transaction | None]:
        """Keep readings; return their transaction with its energy so far, None if they have none.

        They belong to the station's transaction of that id, else to the one that ran at the EVSE at
        the time of the reading. Those that come after a transaction's end do not change its energy.
        """
        key = EvseKey(station_id, evse_id)
        return self._ledger.write(
            lambda book: transactions.record(book, self._site_id, key, transaction_id, values, received_at)
        )

    async def stop_transaction(self, stop: TransactionStop) -> tuple[StopOutcome, Transaction | None]:
        """Keep the end of a transaction.

        REPEATED changes nothing. UNKNOWN is kept apart and touches no transaction. One that was
        closed as lost gets its real end.
        """
        return await self._ledger.write(lambda book: transactions.stop(book, self._site_id, stop))

    async def open_transactions(self, station_id: str) -> tuple[Transaction, ...]:
        """Return the station's transactions without an end, oldest first."""
        return await self._ledger.read(
            lambda connection: queries.open_transactions(connection, self._site_id, station_id)
        )

    async def close_lost_transaction(self, transaction_id: str, station_id: str, at: datetime) -> Transaction | None:
        """End an open transaction whose stop will never come, with stop reason "Lost".

        One that ended already is returned unchanged; None if the station has no such transaction.
        """
        return await self._ledger.write(
            lambda book: transactions.close_lost(book, self._site_id, station_id, transaction_id, at)
        )

    async def plug_in(self, key: EvseKey, at: datetime) -> Session:
        """Begin a session, or return the one that goes on."""
        return await self._ledger.write(lambda book: sessions.plug_in(book, self._site_id, key, at))

    async def plug_out(self, key: EvseKey, at: datetime) -> Session | None:
        """End the session that goes on and return it; None without one."""
        return await self._ledger.write(lambda book: sessions.plug_out(book, self._site_id, key, at))

    async def take_into_session(self, key: EvseKey, transaction_id: str) -> Session | None:
        """Move a running transaction that came from a queue into the session that goes on, and return that.

        None where no session goes on, or the transaction does not run at this EVSE.
        """
        return await self._ledger.write(lambda book: sessions.take_in(book, self._site_id, key, transaction_id))

    async def save_origins(
        self,
        origins: Mapping[int, EnergyOrigin],
        slots: SlotsSince | None = None,
        prices: Mapping[datetime, float] | None = None,
    ) -> None:
        """Keep where the energy of sessions came from, by session ids; what was kept before is replaced.

        `slots` are the same by the quarter hour: by session, since when it was followed, and their start. Those of a
        session that was followed since different moments are added up. `prices` are those of a kWh from the grid by
        the begin of the quarter hour; the first one of each stays.
        """
        kept, kept_slots, kept_prices = dict(origins), dict(slots or {}), dict(prices or {})
        await self._ledger.write(lambda book: origins_kept.keep(book, self._site_id, kept, kept_slots, kept_prices))

    async def session_record(self, session_id: int) -> SessionRecord | None:
        """Return all that is kept of one session, what stays are made of; None where the site has no such session."""
        await self._ledger.write(lambda book: book.file_readings())
        return await self._ledger.read(
            lambda connection: session_records.session_record(connection, self._site_id, session_id)
        )

    async def signed_values(self, session_id: int) -> Mapping[str, tuple[SignedReading, ...]]:
        """Return the readings with the meter's signature of a session, as they came, by its transactions' ids."""
        return await self._ledger.read(
            lambda connection: session_records.signed_values(connection, self._site_id, session_id)
        )

    async def open_session(self, key: EvseKey) -> Session | None:
        """Return the session that goes on, None without one."""
        return await self._ledger.read(lambda connection: queries.open_session(connection, self._site_id, key))

    async def sessions(
        self,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        key: EvseKey | None = None,
        limit: int = 1000,
    ) -> tuple[Session, ...]:
        """Return the sessions that touch the time from `start` to before `end`, newest first."""
        return await self._ledger.read(
            lambda connection: queries.sessions(connection, self._site_id, start=start, end=end, key=key, limit=limit)
        )

    async def lifetime_energy_wh(self, key: EvseKey, *, without: str | None = None) -> float:
        """Return the energy of all transactions of an EVSE in Wh, which never falls.

        Without the running transaction of this id, which does not change while that runs.
        """
        return await self._ledger.read(
            lambda connection: queries.lifetime_energy_wh(connection, self._site_id, key, without)
        )

    async def meter_values(
        self,
        key: EvseKey,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        transaction_id: str | None = None,
        limit: int = 100_000,
    ) -> tuple[MeterValue, ...]:
        """Return the EVSE's readings as received, oldest first; those of one transaction if named."""
        await self._ledger.write(lambda book: book.file_readings())
        return await self._ledger.read(
            lambda connection: queries.meter_values(
                connection, self._site_id, key, start=start, end=end, transaction_id=transaction_id, limit=limit
            )
        )

    async def load_settings(self, station_id: str) -> dict[int, dict[str, Json]]:
        """Return the settings of a station's EVSEs by their number, those of which any were saved."""
        return await self._ledger.read(lambda connection: queries.settings(connection, self._site_id, station_id))

    async def save_settings(self, key: EvseKey, settings: Mapping[str, Json]) -> None:
        """Replace an EVSE's settings."""
        kept = deepcopy(dict(settings))
        await self._ledger.write(lambda book: objects.save_settings(book, self._site_id, key, kept))

    async def load(self, station_id: str) -> dict[str, Json]:
        """Return what was learnt about a station, empty if nothing."""
        return await self._ledger.read(lambda connection: queries.memory(connection, self._site_id, station_id))

    async def save(self, station_id: str, learnt: Mapping[str, Json]) -> None:
        """Replace what was learnt about a station."""
        kept = deepcopy(dict(learnt))
        await self._ledger.write(lambda book: objects.save_memory(book, self._site_id, station_id, kept))

    async def load_memory(self) -> dict[str, Json]:
        """Return what the site remembers beside its stations, by name; empty if nothing."""
        return await self._ledger.read(lambda connection: queries.site_memory(connection, self._site_id))

    async def save_memory(self, name: str, value: Json) -> None:
        """Replace what the site remembers under a name of at most 64 characters."""
        kept = deepcopy(value)
        await self._ledger.write(lambda book: objects.save_site_memory(book, self._site_id, name, kept))

    async def prune(self, retention: Retention) -> Removed:
        """Take away what is older than it has to be kept, a part of it at once; see `retention.py` for what stays."""
        return await self._ledger.write(lambda book: prune(book, self._site_id, retention))

    async def remove_site(self) -> None:
        """Delete all that the ledger holds of this site but what has to be kept for its time.

        That is its log of grid signals, its charge records and its statements.
        """
        await self._ledger.write(lambda book: objects.remove_site(book, self._site_id))
