"""Tariffs that a station works out costs by, in OCPP 2.1 (I07 to I12)."""

from collections.abc import Mapping, Sequence

from ..model import Json
from .commands import Caller, accepted_status, ask


class Tariffs:
    """The tariffs of one station; one is in the shape of TariffType."""

    def __init__(self, caller: Caller) -> None:
        """Ask through this caller."""
        self._caller = caller

    async def set_default(self, evse_id: int, tariff: Mapping[str, Json]) -> None:
        """Set the tariff of those who have none of their own, 0 for all EVSEs (I07); raises CommandError."""
        await ask(self._caller, "SetDefaultTariff", {"evseId": evse_id, "tariff": dict(tariff)})

    async def installed(self, evse_id: int) -> tuple[dict[str, Json], ...]:
        """Return which tariffs are assigned to an EVSE, 0 for all (I09); raises CommandError."""
        answer = await self._caller.call("GetTariffs", {"evseId": evse_id})
        if accepted_status("GetTariffs", answer, ("Accepted", "NoTariff")) == "NoTariff":
            return ()
        return _objects(answer.get("tariffAssignments"))

    async def clear(self, tariff_ids: Sequence[str] = (), evse_id: int | None = None) -> tuple[dict[str, Json], ...]:
        """Remove tariffs, all without any named, and return what became of each (I10); raises CommandError."""
        payload: dict[str, Json] = {}
        if tariff_ids:
            payload["tariffIds"] = list(tariff_ids)
        if evse_id is not None:
            payload["evseId"] = evse_id
        answer = await self._caller.call("ClearTariffs", payload)
        return _objects(answer.get("clearTariffsResult"))

    async def change(self, transaction_id: str, tariff: Mapping[str, Json]) -> None:
        """Give a running transaction another tariff (I11); raises CommandError."""
        payload: dict[str, Json] = {"transactionId": transaction_id, "tariff": dict(tariff)}
        await ask(self._caller, "ChangeTransactionTariff", payload)


def _objects(raw: Json) -> tuple[dict[str, Json], ...]:
    return tuple(one for one in raw if isinstance(one, dict)) if isinstance(raw, list) else ()
