"""Administrators' actions that reach a charging station as it is: any message, its settings, availability, triggers."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.util.json import JsonValueType
import probatio

from .engine.csms.inventory import Variable
from .service_evse_operations import ACTIONS as EVSE_ACTIONS
from .service_firmware import ACTIONS as FIRMWARE_ACTIONS
from .service_grid_operations import ACTIONS as GRID_ACTIONS
from .service_local_list import ACTIONS as LOCAL_LIST_ACTIONS
from .service_maintenance import ACTIONS as MAINTENANCE_ACTIONS
from .service_messages import ACTIONS as MESSAGE_ACTIONS
from .service_monitoring import ACTIONS as MONITORING_ACTIONS
from .service_profiles import ACTIONS as PROFILE_ACTIONS
from .service_stations import MAX_ITEMS, STATION, TEXT, TEXTS, StationAction, StationTarget, async_register_actions
from .service_tariffs import ACTIONS as TARIFF_ACTIONS

ATTR_ACTION: Final = "action"
ATTR_NAMES: Final = "names"
ATTR_PAYLOAD: Final = "payload"
ATTR_REFRESH: Final = "refresh"
ATTR_SETTABLE: Final = "settable"
ATTR_VARIABLES: Final = "variables"

_MAX_VALUE: Final = 2500  # OCPP 2.0.1 part 2 section 1.50: of a value that is set
_VALUE: Final = probatio.All(cv.string, probatio.Length(max=_MAX_VALUE))
_VALUES: Final = probatio.All({TEXT: _VALUE}, probatio.Length(min=1, max=MAX_ITEMS))


@callback
def async_setup_operations(hass: HomeAssistant) -> None:
    """Register all actions for one station."""
    for actions in (
        ACTIONS,
        EVSE_ACTIONS,
        FIRMWARE_ACTIONS,
        GRID_ACTIONS,
        LOCAL_LIST_ACTIONS,
        MAINTENANCE_ACTIONS,
        MESSAGE_ACTIONS,
        MONITORING_ACTIONS,
        PROFILE_ACTIONS,
        TARIFF_ACTIONS,
    ):
        async_register_actions(hass, actions)


async def _ocpp_call(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Send any message and return the reply, or the station's error."""
    answer = await target.station.call(call.data[ATTR_ACTION], call.data[ATTR_PAYLOAD])
    if answer.payload is None:
        error: JsonValueType = {"code": answer.error_code, "description": answer.error_description}
        return {"payload": None, "error": error}
    return {"payload": answer.payload, "error": None}


async def _get_variables(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Return the values of settings, and the names that the station does not know."""
    names = call.data[ATTR_NAMES]
    values = await target.operations.variables.read(names)
    known = {name.lower() for name in values}
    unknown: list[JsonValueType] = [name for name in names if name.lower() not in known]
    return {"variables": {**values}, "unknown": unknown}


async def _set_variables(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Write settings and return what became of each."""
    outcomes = await target.operations.variables.write(call.data[ATTR_VARIABLES])
    return {"variables": {name: outcome.value for name, outcome in outcomes.items()}}


async def _get_device_model(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Return all settings of the station, or those that can be set."""
    variables = target.operations.variables
    settable = call.data[ATTR_SETTABLE]
    model = await (variables.settable() if settable else variables.model(refresh=call.data[ATTR_REFRESH]))
    return {"variables": [_shown(variable) for variable in model]}


def _shown(variable: Variable) -> JsonValueType:
    """Return what is known of a setting; what the station does not tell is left out."""
    told = {key: list(value) if key == "choices" else value for key, value in asdict(variable).items()}
    return {key: value for key, value in told.items() if key == "value" or value not in (None, [])}


ACTIONS: Final[Mapping[str, StationAction]] = {
    "ocpp_call": StationAction(
        _ocpp_call,
        probatio.Schema(
            {
                **STATION,
                probatio.Required(ATTR_ACTION): TEXT,
                probatio.Optional(ATTR_PAYLOAD, default=dict): probatio.Schema({str: object}),
            }
        ),
    ),
    "get_variables": StationAction(
        _get_variables,
        probatio.Schema({**STATION, probatio.Required(ATTR_NAMES): probatio.All(TEXTS, probatio.Length(min=1))}),
    ),
    "set_variables": StationAction(
        _set_variables,
        probatio.Schema({**STATION, probatio.Required(ATTR_VARIABLES): _VALUES}),
        SupportsResponse.OPTIONAL,
    ),
    "get_device_model": StationAction(
        _get_device_model,
        probatio.Schema(
            {
                **STATION,
                probatio.Optional(ATTR_REFRESH, default=False): cv.boolean,
                probatio.Optional(ATTR_SETTABLE, default=False): cv.boolean,
            }
        ),
    ),
}
