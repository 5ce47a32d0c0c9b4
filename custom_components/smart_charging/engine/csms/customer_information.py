"""What a station keeps about a customer, told or cleared on request, in OCPP 2 (N09, N10)."""

from dataclasses import dataclass

from ..model import Json
from .commands import Caller, CommandError, CommandErrorCode, ask
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

    def __init__(self, caller: Caller, reports: Reports) -> None:
        """Ask through this caller; `reports` gathers what comes in pages."""
        self._caller = caller
        self._reports = reports

    async def read(self, customer: Customer, *, clear: bool = False) -> str:
        """Return what the station keeps, in its own form, and have it cleared on request; raises CommandError."""

        async def request(request_id: int) -> bool:
            payload: dict[str, Json] = {"requestId": request_id, "report": True, "clear": clear}
            await ask(self._caller, "CustomerInformation", {**payload, **customer.to_json()})
            return True

        return "".join(part for part in await self._reports.gather(request) if isinstance(part, str))
