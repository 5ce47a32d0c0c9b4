"""What a station keeps about a customer, told or cleared on request, in OCPP 2 (N09, N10)."""

from dataclasses import dataclass

from ..model import Json
from .commands import Caller, CommandError, CommandErrorCode, ask
from .local_list import LocalList, LocalListEntry
from .v2_reports import Reports


@dataclass(frozen=True, slots=True)
class Customer:
    """Whose data is meant, by exactly one of the two: a tag, or the station's own name for a customer."""

    id_token: str | None = None
    identifier: str | None = None
    token_kind: str = "ISO14443"

    def to_json(self) -> dict[str, Json]:
        """Return the fields of a message; raises CommandError where not exactly one is given (N09.FR.09)."""
        if (self.id_token is None) == (self.identifier is None):
            raise CommandError(CommandErrorCode.INVALID, "name a customer by a tag or by an identifier")
        if self.id_token is not None:
            return {"idToken": {"idToken": self.id_token, "type": self.token_kind}}
        return {"customerIdentifier": self.identifier}


class CustomerInformation:
    """The customer data of one station."""

    def __init__(self, caller: Caller, reports: Reports, local_list: LocalList) -> None:
        """Ask through this caller; `reports` gathers what comes in pages."""
        self._caller = caller
        self._reports = reports
        self._local_list = local_list

    async def read(self, customer: Customer, *, clear: bool = False) -> str:
        """Return what the station keeps, in its own form, and have it cleared on request; raises CommandError.

        A tag that is cleared is taken off the local authorisation list too.
        """
        return await self._ask(customer, report=True, clear=clear)

    async def clear(self, customer: Customer) -> None:
        """Have cleared what the station keeps without being told what it was (N10), as `read`; raises CommandError."""
        await self._ask(customer, report=False, clear=True)

    async def _ask(self, customer: Customer, *, report: bool, clear: bool) -> str:
        accepted = False

        async def request(request_id: int) -> bool:
            nonlocal accepted
            payload: dict[str, Json] = {"requestId": request_id, "report": report, "clear": clear}
            await ask(self._caller, "CustomerInformation", {**payload, **customer.to_json()})
            accepted = True
            return True

        try:
            parts = await self._reports.gather(request)
        except CommandError:
            if report or not accepted:
                raise
            parts = []  # the page without data that confirms a mere clearing (N10.FR.06), which not all send
        told = "".join(part for part in parts if isinstance(part, str))
        if clear and customer.id_token is not None:
            await self._take_off_list(LocalListEntry(customer.id_token, None, kind=customer.token_kind))
        return told

    async def _take_off_list(self, entry: LocalListEntry) -> None:
        """Take a tag off the station's list, where it has one, so that we know its version (N10.FR.02)."""
        try:
            version = await self._local_list.version()
        except CommandError as error:
            if error.code in {CommandErrorCode.NOT_CONNECTED, CommandErrorCode.TIMEOUT}:
                raise
            return  # it keeps none
        if version:
            await self._local_list.change([entry], version + 1)
