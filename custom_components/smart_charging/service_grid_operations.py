"""Administrators' actions for what OCPP 2.1 adds: priority, live limits, set-points, settings that support the grid."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from homeassistant.core import ServiceCall, ServiceResponse, SupportsResponse
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util
import probatio

from .engine.csms.operations import supported
from .engine.csms.transaction_services import DynamicLimits
from .engine.model import EvseKey
from .errors import check_finite
from .service_stations import EVSE, NUMBER, STATION, TEXT, StationAction, StationTarget
from .service_targets import real_number

ATTR_ACTIVATE: Final = "activate"
ATTR_CONTROL_ID: Final = "control_id"
ATTR_CONTROL_TYPE: Final = "control_type"
ATTR_DEFAULT: Final = "default"
ATTR_MINUTES: Final = "minutes"
ATTR_POWER: Final = "power"
ATTR_PROFILE_ID: Final = "profile_id"
ATTR_SETTING: Final = "setting"
ATTR_TRANSACTION: Final = "transaction_id"

_LIMITS: Final = ("limit", "limit_l2", "limit_l3", "discharge_limit", "setpoint")
MAX_SETPOINT_MINUTES: Final = 240  # nobody forgets for longer that a car is emptied
_VALUE: Final = probatio.All(real_number, probatio.Range(min=-1_000_000, max=1_000_000))


async def _use_priority_charging(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Let a transaction charge with priority, or no longer."""
    dynamic = supported(target.operations.dynamic)
    await dynamic.use_priority(call.data[ATTR_TRANSACTION], activate=call.data[ATTR_ACTIVATE])
    return None


async def _update_dynamic_schedule(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Move the live values of a dynamic charging profile."""
    limits = DynamicLimits(**{name: call.data.get(name) for name in _LIMITS})
    await supported(target.operations.dynamic).update_schedule(call.data[ATTR_PROFILE_ID], limits)
    return None


async def _set_v2x_setpoint(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Have a car take this power for a time, or give it where it is negative."""
    power_w, minutes = call.data[ATTR_POWER], call.data[ATTR_MINUTES]
    check_finite(power_w)
    key = EvseKey(target.station.config.station_id, target.evse_id)
    await target.site.set_setpoint(key, power_w, minutes * 60)
    return {"until": (dt_util.utcnow() + timedelta(minutes=minutes)).isoformat()}


async def _withdraw_v2x_setpoint(target: StationTarget, _call: ServiceCall) -> ServiceResponse:
    """Let a car charge by its limit alone again."""
    return {"withdrawn": target.station.withdraw_setpoint(target.evse_id)}


async def _get_der_controls(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Return the settings that support the grid."""
    data = call.data
    found = await supported(target.operations.der).read(
        control_type=data.get(ATTR_CONTROL_TYPE),
        control_id=data.get(ATTR_CONTROL_ID),
        default=data.get(ATTR_DEFAULT),
    )
    return {"controls": [*found]}


async def _set_der_control(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Set one of them."""
    data = call.data
    superseded = await supported(target.operations.der).set(
        data[ATTR_CONTROL_ID], data[ATTR_CONTROL_TYPE], data[ATTR_SETTING], default=data[ATTR_DEFAULT]
    )
    return {"superseded": [*superseded]}


async def _clear_der_controls(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Remove one of them, those of a type, or all."""
    data = call.data
    await supported(target.operations.der).clear(
        default=data[ATTR_DEFAULT], control_type=data.get(ATTR_CONTROL_TYPE), control_id=data.get(ATTR_CONTROL_ID)
    )
    return None


ACTIONS: Final[Mapping[str, StationAction]] = {
    "use_priority_charging": StationAction(
        _use_priority_charging,
        probatio.Schema(
            {
                **STATION,
                probatio.Required(ATTR_TRANSACTION): TEXT,
                probatio.Optional(ATTR_ACTIVATE, default=True): cv.boolean,
            }
        ),
        SupportsResponse.NONE,
    ),
    "update_dynamic_schedule": StationAction(
        _update_dynamic_schedule,
        probatio.Schema(
            {
                **STATION,
                probatio.Required(ATTR_PROFILE_ID): NUMBER,
                **{probatio.Optional(name): _VALUE for name in _LIMITS},
            }
        ),
        SupportsResponse.NONE,
    ),
    "set_v2x_setpoint": StationAction(
        _set_v2x_setpoint,
        probatio.Schema(
            {
                **EVSE,
                probatio.Required(ATTR_POWER): _VALUE,
                probatio.Required(ATTR_MINUTES): probatio.All(
                    real_number, probatio.Range(min=1, max=MAX_SETPOINT_MINUTES)
                ),
            }
        ),
        SupportsResponse.OPTIONAL,
    ),
    "withdraw_v2x_setpoint": StationAction(
        _withdraw_v2x_setpoint, probatio.Schema({**EVSE}), SupportsResponse.OPTIONAL
    ),
    "get_der_controls": StationAction(
        _get_der_controls,
        probatio.Schema(
            {
                **STATION,
                probatio.Optional(ATTR_CONTROL_TYPE): TEXT,
                probatio.Optional(ATTR_CONTROL_ID): TEXT,
                probatio.Optional(ATTR_DEFAULT): cv.boolean,
            }
        ),
    ),
    "set_der_control": StationAction(
        _set_der_control,
        probatio.Schema(
            {
                **STATION,
                probatio.Required(ATTR_CONTROL_ID): TEXT,
                probatio.Required(ATTR_CONTROL_TYPE): TEXT,
                probatio.Required(ATTR_SETTING): probatio.Schema({str: object}),
                probatio.Optional(ATTR_DEFAULT, default=False): cv.boolean,
            }
        ),
        SupportsResponse.OPTIONAL,
    ),
    "clear_der_controls": StationAction(
        _clear_der_controls,
        probatio.Schema(
            {
                **STATION,
                probatio.Optional(ATTR_CONTROL_TYPE): TEXT,
                probatio.Optional(ATTR_CONTROL_ID): TEXT,
                probatio.Optional(ATTR_DEFAULT, default=False): cv.boolean,
            }
        ),
        SupportsResponse.NONE,
    ),
}
