"""One site's proof log of grid signals: what was demanded, what was done, and what was measured, in a hash chain."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
import logging
from typing import TYPE_CHECKING, Final

from ..clock import Clock
from ..grid_record import FollowUp, GridRecord, ProvenRecord
from ..model import StoreError
from . import proof_export, proof_log
from .proof_check import ChainCheck, ChainVerdict
from .proof_content import follow_up_row, record_row

if TYPE_CHECKING:
    from .ledger import Ledger

KEPT: Final = timedelta(days=731)  # 24 months, however long they are
CHECK_EVERY_S: Final = 86_400.0
_UNFINISHED_AT_MOST: Final = 1000

_LOGGER = logging.getLogger(__name__)


class SiteGridProof:
    """The log of one site: rows are added at its end and never changed; those older than 24 months are taken away.

    Each call that writes returns after a durable commit; each call raises StoreError if it failed. It stays when its
    site is removed, and can be read by the site's id until its rows are too old.
    """

    def __init__(self, ledger: Ledger, site_id: str) -> None:
        """See `SiteLedger.grid_proof`."""
        self._ledger = ledger
        self._site_id = site_id
        self._verdict: ChainVerdict | None = None
        self._listeners: list[Callable[[], None]] = []

    @property
    def verdict(self) -> ChainVerdict | None:
        """Return what the latest check found, None before the first one is done."""
        return self._verdict

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call the listener after each check; returns how to stop."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def append(self, record: GridRecord) -> int:
        """Keep a record, as it is now, and return its number; numbers have no gaps."""
        row = record_row(self._site_id, record)
        return await self._ledger.write(lambda book: proof_log.append(book, row))

    async def append_follow_up(self, follow_up: FollowUp) -> int:
        """Keep a measurement and return its number; a second one of the same moment is not kept.

        Raises StoreError also where it refers to no record of this site.
        """
        row = follow_up_row(self._site_id, follow_up)
        return await self._ledger.write(lambda book: proof_log.append_follow_up(book, row, follow_up.after_s))

    async def records(
        self, *, start: datetime | None = None, end: datetime | None = None, limit: int = 100
    ) -> tuple[ProvenRecord, ...]:
        """Return the records from `start` to before `end` with their measurements, newest first."""
        return await self._ledger.read(
            lambda connection: proof_log.latest(connection, self._site_id, start, end, limit)
        )

    async def unfinished(self) -> tuple[ProvenRecord, ...]:
        """Return the records that lack measurements, oldest first, as after a restart."""
        return await self._ledger.read(
            lambda connection: proof_log.unfinished(connection, self._site_id, _UNFINISHED_AT_MOST)
        )

    async def verify(self, now: datetime) -> ChainVerdict:
        """Check the whole chain, page by page beside all other work, and keep what was found as `verdict`."""
        check = ChainCheck(now)
        verdict = None
        while verdict is None:
            verdict = await self._ledger.read(
                lambda connection: check.take(proof_log.checked_page(connection, self._site_id, check.after))
            )
        self._keep(verdict)
        return verdict

    async def run(self, clock: Clock) -> None:
        """Check the chain now and each day, and take away what is too old, until cancelled."""
        while True:
            try:
                await self.verify(clock.now())
                await self._ledger.prune_grid_proof(clock.now() - KEPT)
            except StoreError as error:
                _LOGGER.warning("The log of grid signals could not be checked: %s", error)
            await clock.sleep(CHECK_EVERY_S)

    async def export_csv(self, start: datetime | None = None, end: datetime | None = None) -> AsyncIterator[bytes]:
        """Give the records from `start` to before `end` as CSV in UTF-8, see `proof_export`."""
        async for part in proof_export.csv_lines(self._ledger, self._site_id, start, end):
            yield part

    async def export_json(
        self,
        now: datetime,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        verdict: ChainVerdict | None = None,
    ) -> AsyncIterator[bytes]:
        """Give the rows from `start` to before `end` as JSON in UTF-8, see `proof_export`.

        The chain is checked first, unless it was just now and this is the verdict.
        """
        verdict = verdict or await self.verify(now)
        async for part in proof_export.json_parts(self._ledger, self._site_id, verdict, start, end):
            yield part

    def _keep(self, verdict: ChainVerdict) -> None:
        known = None if self._verdict is None else self._verdict.broken
        if verdict.broken is not None and verdict.broken != known:
            _LOGGER.error(
                "The log of grid signals was tampered with or damaged: row %s is %s",
                verdict.broken.sequence,
                verdict.broken.reason,
            )
        self._verdict = verdict
        for listener in list(self._listeners):
            listener()
