"""One site's statements: issued without gaps, frozen, read and checked."""

from typing import TYPE_CHECKING

from ..billing_material import MakeStatement, MaterialRecord, StatementSelection
from ..charge_record import Statement, StatementOf
from . import statement_queries, statements
from .statement_check import StatementCheck, StatementVerdict
from .statement_queries import StatementHead

if TYPE_CHECKING:
    from .ledger import Ledger


class SiteStatements:
    """The statements of one site; none is ever changed.

    Each call that writes returns after a durable commit; each call raises StoreError if it failed.
    """

    def __init__(self, ledger: Ledger, site_id: str) -> None:
        """See `SiteLedger.statements`."""
        self._ledger = ledger
        self._site_id = site_id

    async def issue(self, selection: StatementSelection, series: str, make: MakeStatement) -> Statement | None:
        """Keep the statement that `make` makes of all that is not settled, with the next number of a series.

        Reading, making and keeping is one piece of writing: nobody else can settle the same meanwhile, and what fails
        leaves no gap. `make` runs in the ledger's thread, maybe more than once, and makes a function's result of its
        argument: no waiting, no other state. The statement's own hashes are set here. None where it makes none.
        StoreError, with the ValueError as its cause, for a draft that does not fit what it was made from.
        """
        return await self._ledger.write(lambda book: statements.issue(book, self._site_id, selection, series, make))

    async def unsettled(self, selection: StatementSelection) -> tuple[MaterialRecord, ...]:
        """Return what the next statement would be made from, as for a preview."""
        return await self._ledger.read(lambda connection: statements.unsettled(connection, self._site_id, selection))

    async def all(
        self, *, of: StatementOf | None = None, subject_id: str | None = None, limit: int = 1000
    ) -> tuple[StatementHead, ...]:
        """Return what is known of statements without reading them, newest first."""
        return await self._ledger.read(
            lambda connection: statement_queries.heads(
                connection, self._site_id, of=of, subject_id=subject_id, limit=limit
            )
        )

    async def statement(self, number: str) -> Statement | None:
        """Return a statement as it was frozen; None where there is none, or it was too old to be kept whole.

        The names of those who were anonymised since are empty.
        """
        return await self._ledger.read(
            lambda connection: statement_queries.statement(connection, self._site_id, number)
        )

    async def verify(self) -> StatementVerdict:
        """Check all statements with their records, page by page beside all other work."""
        check = StatementCheck(self._site_id)
        verdict = None
        while verdict is None:
            verdict = await self._ledger.read(check.read)
        return verdict
