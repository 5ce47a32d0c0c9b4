"""Administrators' actions for EVSEs and connectors: availability, cables, triggers, reservations."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from homeassistant.core import ServiceCall, ServiceResponse, SupportsResponse
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util
import probatio

from .engine.csms.reservations import ReservationRequest
from .service_stations import ATTR_CONNECTOR, CONNECTOR, EVSE, NUMBER, STATION, TEXT, StationAction, StationTarget

ATTR_AT_ONCE: Final = "at_once"
ATTR_AVAILABLE: Final = "available"
ATTR_CONNECTOR_TYPE: Final = "connector_type"
ATTR_GROUP: Final = "group"
ATTR_MESSAGE: Final = "message"
ATTR_MINUTES: Final = "minutes"
ATTR_RESERVATION_ID: Final = "reservation_id"
ATTR_TAG: Final = "tag"
ATTR_TAG_TYPE: Final = "tag_type"

MAX_MINUTES: Final = 7 * 24 * 60


async def _set_availability(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Enable or disable a station, an EVSE or a connector."""
    connector = call.data.get(ATTR_CONNECTOR)
    evse_id = target.evse_or_station if connector is None else target.evse_id
    await target.station.change_availability(evse_id, call.data[ATTR_AVAILABLE], connector)
    return None


async def _restart(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Restart a station, or one EVSE of it."""
    await target.station.reset(call.data[ATTR_AT_ONCE], target.evse_or_station or None)
    return None


async def _unlock_connector(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Release the cable of a connector."""
    await target.station.unlock(target.evse_id, call.data.get(ATTR_CONNECTOR, 1))
    return None


async def _trigger_message(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Make a station send a message."""
    connector = call.data.get(ATTR_CONNECTOR)
    evse_id = target.evse_id if target.chosen or connector is not None else None
    await target.station.trigger(call.data[ATTR_MESSAGE], evse_id, connector)
    return None


async def _reserve(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Keep an EVSE, or any of the station, free for a tag."""
    until = dt_util.utcnow() + timedelta(minutes=call.data[ATTR_MINUTES])
    # Stations compare it with what they are told of a presented tag, which names its group by a token as well.
    group = call.data.get(ATTR_GROUP) and target.tokens.group_value(call.data[ATTR_GROUP])
    request = ReservationRequest(
        target.evse_or_station,
        call.data[ATTR_TAG],
        until,
        group,
        call.data[ATTR_TAG_TYPE],
        call.data.get(ATTR_CONNECTOR_TYPE),
    )
    number = await target.operations.reservations.reserve(request)
    return {ATTR_RESERVATION_ID: number, "until": until.isoformat()}


async def _cancel_reservation(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Take a reservation back."""
    await target.operations.reservations.cancel(call.data[ATTR_RESERVATION_ID])
    return None


ACTIONS: Final[Mapping[str, StationAction]] = {
    "set_availability": StationAction(
        _set_availability,
        probatio.Schema({**CONNECTOR, probatio.Required(ATTR_AVAILABLE): cv.boolean}),
        SupportsResponse.NONE,
    ),
    "restart": StationAction(
        _restart,
        probatio.Schema({**EVSE, probatio.Optional(ATTR_AT_ONCE, default=False): cv.boolean}),
        SupportsResponse.NONE,
    ),
    "unlock_connector": StationAction(_unlock_connector, probatio.Schema({**CONNECTOR}), SupportsResponse.NONE),
    "trigger_message": StationAction(
        _trigger_message,
        probatio.Schema({**CONNECTOR, probatio.Required(ATTR_MESSAGE): TEXT}),
        SupportsResponse.NONE,
    ),
    "reserve": StationAction(
        _reserve,
        probatio.Schema(
            {
                **EVSE,
                probatio.Required(ATTR_TAG): TEXT,
                probatio.Optional(ATTR_TAG_TYPE, default="Central"): TEXT,
                probatio.Optional(ATTR_GROUP): TEXT,
                probatio.Optional(ATTR_CONNECTOR_TYPE): TEXT,
                probatio.Required(ATTR_MINUTES): probatio.All(
                    probatio.Coerce(float), probatio.Range(min=1, max=MAX_MINUTES)
                ),
            }
        ),
        SupportsResponse.OPTIONAL,
    ),
    "cancel_reservation": StationAction(
        _cancel_reservation,
        probatio.Schema({**STATION, probatio.Required(ATTR_RESERVATION_ID): NUMBER}),
        SupportsResponse.NONE,
    ),
}
