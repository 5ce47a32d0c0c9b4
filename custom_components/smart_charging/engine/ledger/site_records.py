"""One site's charge records: what waits to be priced, what was priced, and what it sums to."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from ..billing_material import BilledDay
from ..charge_record import ChargeRecord, StatementOf
from . import charge_records, record_queries, to_price
from .record_queries import AllowanceUse, RecordSums
from .to_price import PendingSession

if TYPE_CHECKING:
    from .ledger import Ledger


class SiteRecords:
    """The records of one site; queries find the newest version of each.

    Each call that writes returns after a durable commit; each call raises StoreError if it failed.
    """

    def __init__(self, ledger: Ledger, site_id: str) -> None:
        """See `SiteLedger.records`."""
        self._ledger = ledger
        self._site_id = site_id

    async def pending(self, limit: int = 100) -> tuple[PendingSession, ...]:
        """Return the sessions whose records have to be made, for the first time or anew, longest waiting first."""
        return await self._ledger.read(lambda connection: to_price.waiting(connection, self._site_id, limit))

    async def keep(
        self, session_id: int, records: Sequence[ChargeRecord], done: PendingSession | None = None
    ) -> tuple[ChargeRecord, ...]:
        """Keep all records of a session, and let it wait no more; returns them as they are kept.

        An equal record makes no new version, another one the next, whatever version it says. What was a record of the
        session and is not among these becomes an empty version. A session that changed after `done` was read goes on
        waiting. StoreError, and nothing is kept, for records of another site or session.
        """
        told = tuple(records)
        return await self._ledger.write(lambda book: charge_records.keep(book, self._site_id, session_id, told, done))

    async def skip(self, done: PendingSession) -> bool:
        """Let a session wait no more without a look at its records, as while it goes on; False if it changed since."""
        return await self._ledger.write(lambda book: to_price.take_out(book.connection, self._site_id, done))

    async def price_anew(self, session_id: int) -> None:
        """Let a session wait to be priced anew."""
        await self._ledger.write(lambda book: book.price_anew(self._site_id, session_id))

    async def all(
        self,
        of: StatementOf = StatementOf.SITE,
        subject_id: str = "",
        *,
        start: date | None = None,
        end: date | None = None,
        limit: int = 1000,
    ) -> tuple[ChargeRecord, ...]:
        """Return the records of somebody or something with any of the days from `start` to `end`, newest first."""
        return await self._ledger.read(
            lambda connection: record_queries.records(
                connection, self._site_id, of, subject_id, start=start, end=end, limit=limit
            )
        )

    async def latest(self, driver_id: str) -> ChargeRecord | None:
        """Return a driver's last record."""
        found = await self.all(StatementOf.DRIVER, driver_id, limit=1)
        return found[0] if found else None

    async def of_session(self, session_id: int) -> tuple[ChargeRecord, ...]:
        """Return the records of a session, in the order of their begin."""
        return await self._ledger.read(
            lambda connection: record_queries.of_session(connection, self._site_id, session_id)
        )

    async def versions(self, record_id: str) -> tuple[ChargeRecord, ...]:
        """Return all versions of a record, oldest first."""
        return await self._ledger.read(lambda connection: record_queries.versions(connection, self._site_id, record_id))

    async def billed(self, record_id: str) -> tuple[tuple[BilledDay, str], ...]:
        """Return which days of a record stood in which statement, and what was taken back in which."""
        return await self._ledger.read(lambda connection: record_queries.billed(connection, self._site_id, record_id))

    async def month_sums(self, month: date, of: StatementOf = StatementOf.SITE, subject_id: str = "") -> RecordSums:
        """Return what the days of the month of a day came to; a stay over two months counts in both with its part."""
        return await self._ledger.read(
            lambda connection: record_queries.month_sums(connection, self._site_id, of, subject_id, month)
        )

    async def allowance_used(
        self,
        month: date,
        of: StatementOf,
        subject_id: str,
        *,
        before: datetime | None = None,
        without: str | None = None,
    ) -> AllowanceUse:
        """Return what of an allowance records gave in the month of a day, at every site of the ledger.

        With `before`, only those that began earlier count, and never the one of the id `without`.
        """
        return await self._ledger.read(
            lambda connection: record_queries.allowance_used(
                connection, of, subject_id, month, before=before, without=without
            )
        )
