"""Administrators' actions for running transactions and the tariffs that a station works with, in OCPP 2."""

from collections.abc import Mapping
from typing import Final

from homeassistant.core import ServiceCall, ServiceResponse, SupportsResponse
import probatio

from .engine.csms.operations import supported
from .service_stations import EVSE, STATION, TEXT, TEXTS, StationAction, StationTarget

ATTR_COST: Final = "cost"
ATTR_TARIFF: Final = "tariff"
ATTR_TARIFF_IDS: Final = "tariff_ids"
ATTR_TRANSACTION: Final = "transaction_id"

MAX_COST: Final = 1_000_000
_OBJECT: Final = probatio.Schema({str: object})


async def _get_transaction_status(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Return whether a transaction goes on and whether messages wait at the station."""
    progress = await supported(target.operations.transactions).status(call.data.get(ATTR_TRANSACTION))
    return {"ongoing": progress.ongoing, "messages_in_queue": progress.messages_in_queue}


async def _show_cost(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Let the station show what a transaction costs so far."""
    await supported(target.operations.transactions).show_cost(call.data[ATTR_TRANSACTION], call.data[ATTR_COST])
    return None


async def _set_tariff(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Set the tariff of an EVSE, of all, or of a running transaction."""
    tariffs, transaction_id = supported(target.operations.tariffs), call.data.get(ATTR_TRANSACTION)
    if transaction_id is None:
        await tariffs.set_default(target.evse_or_station, call.data[ATTR_TARIFF])
    else:
        await tariffs.change(transaction_id, call.data[ATTR_TARIFF])
    return None


async def _get_tariffs(target: StationTarget, _call: ServiceCall) -> ServiceResponse:
    """Return which tariffs are assigned; tags they belong to are left out."""
    found = await supported(target.operations.tariffs).installed(target.evse_or_station)
    return {"tariffs": [{key: value for key, value in one.items() if key != "idTokens"} for one in found]}


async def _clear_tariffs(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Remove tariffs, all without any named."""
    evse_id = target.evse_id if target.chosen else None
    return {"tariffs": [*await supported(target.operations.tariffs).clear(call.data[ATTR_TARIFF_IDS], evse_id)]}


ACTIONS: Final[Mapping[str, StationAction]] = {
    "get_transaction_status": StationAction(
        _get_transaction_status, probatio.Schema({**STATION, probatio.Optional(ATTR_TRANSACTION): TEXT})
    ),
    "show_cost": StationAction(
        _show_cost,
        probatio.Schema(
            {
                **STATION,
                probatio.Required(ATTR_TRANSACTION): TEXT,
                probatio.Required(ATTR_COST): probatio.All(probatio.Coerce(float), probatio.Range(min=0, max=MAX_COST)),
            }
        ),
        SupportsResponse.NONE,
    ),
    "set_tariff": StationAction(
        _set_tariff,
        probatio.Schema({**EVSE, probatio.Required(ATTR_TARIFF): _OBJECT, probatio.Optional(ATTR_TRANSACTION): TEXT}),
        SupportsResponse.NONE,
    ),
    "get_tariffs": StationAction(_get_tariffs, probatio.Schema({**EVSE})),
    "clear_tariffs": StationAction(
        _clear_tariffs,
        probatio.Schema({**EVSE, probatio.Optional(ATTR_TARIFF_IDS, default=list): TEXTS}),
        SupportsResponse.OPTIONAL,
    ),
}
