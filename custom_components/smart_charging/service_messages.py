"""Administrators' actions for what a station of OCPP 2 shows and what it keeps of its customers."""

from collections.abc import Mapping
from typing import Final

from homeassistant.core import ServiceCall, ServiceResponse, SupportsResponse
from homeassistant.helpers import config_validation as cv
from homeassistant.util.json import JsonValueType
import probatio

from .engine.csms.customer_information import Customer
from .engine.csms.display_messages import DisplayMessage, DisplayPriority, DisplayState
from .engine.csms.operations import supported
from .service_stations import NUMBER, NUMBERS, STATION, TEXT, StationAction, StationTarget, named
from .service_times import utc

ATTR_CLEAR: Final = "clear"
ATTR_CUSTOMER: Final = "customer"
ATTR_END: Final = "end"
ATTR_LANGUAGE: Final = "language"
ATTR_MESSAGE_ID: Final = "message_id"
ATTR_PRIORITY: Final = "priority"
ATTR_REPORT: Final = "report"
ATTR_START: Final = "start"
ATTR_STATE: Final = "state"
ATTR_TAG: Final = "tag"
ATTR_TEXT: Final = "text"
ATTR_TRANSACTION: Final = "transaction_id"


async def _set_display_message(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Show a message and return its number."""
    data = call.data
    message = DisplayMessage(
        data[ATTR_TEXT],
        data.get(ATTR_MESSAGE_ID),
        data[ATTR_PRIORITY],
        data.get(ATTR_STATE),
        utc(data.get(ATTR_START)),
        utc(data.get(ATTR_END)),
        data.get(ATTR_TRANSACTION),
        data.get(ATTR_LANGUAGE),
    )
    return {ATTR_MESSAGE_ID: await supported(target.operations.display).show(message)}


async def _get_display_messages(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Return the messages that the station holds."""
    data = call.data
    messages = await supported(target.operations.display).shown(
        data.get(ATTR_MESSAGE_ID, ()), data.get(ATTR_PRIORITY), data.get(ATTR_STATE)
    )
    return {"messages": [_shown(message) for message in messages]}


def _shown(message: DisplayMessage) -> JsonValueType:
    return {
        ATTR_MESSAGE_ID: message.message_id,
        ATTR_TEXT: message.text,
        ATTR_PRIORITY: message.priority.name.lower(),
        ATTR_STATE: None if message.state is None else message.state.name.lower(),
        ATTR_START: None if message.start is None else message.start.isoformat(),
        ATTR_END: None if message.end is None else message.end.isoformat(),
        ATTR_TRANSACTION: message.transaction_id,
        ATTR_LANGUAGE: message.language,
    }


async def _clear_display_message(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Take a message away."""
    await supported(target.operations.display).clear(call.data[ATTR_MESSAGE_ID])
    return None


async def _get_customer_information(target: StationTarget, call: ServiceCall) -> ServiceResponse:
    """Return what the station keeps of a customer, or only have it cleared."""
    customer = Customer(call.data.get(ATTR_TAG), call.data.get(ATTR_CUSTOMER))
    kept = supported(target.operations.customers)
    if call.data[ATTR_CLEAR] and not call.data[ATTR_REPORT]:
        await kept.clear(customer)
        return {"information": ""}
    return {"information": await kept.read(customer, clear=call.data[ATTR_CLEAR])}


ACTIONS: Final[Mapping[str, StationAction]] = {
    "set_display_message": StationAction(
        _set_display_message,
        probatio.Schema(
            {
                **STATION,
                probatio.Required(ATTR_TEXT): TEXT,
                probatio.Optional(ATTR_MESSAGE_ID): NUMBER,
                probatio.Optional(ATTR_PRIORITY, default=DisplayPriority.NORMAL_CYCLE.name): named(DisplayPriority),
                probatio.Optional(ATTR_STATE): named(DisplayState),
                probatio.Optional(ATTR_START): cv.datetime,
                probatio.Optional(ATTR_END): cv.datetime,
                probatio.Optional(ATTR_TRANSACTION): TEXT,
                probatio.Optional(ATTR_LANGUAGE): TEXT,
            }
        ),
        SupportsResponse.OPTIONAL,
    ),
    "get_display_messages": StationAction(
        _get_display_messages,
        probatio.Schema(
            {
                **STATION,
                probatio.Optional(ATTR_MESSAGE_ID): NUMBERS,
                probatio.Optional(ATTR_PRIORITY): named(DisplayPriority),
                probatio.Optional(ATTR_STATE): named(DisplayState),
            }
        ),
    ),
    "clear_display_message": StationAction(
        _clear_display_message,
        probatio.Schema({**STATION, probatio.Required(ATTR_MESSAGE_ID): NUMBER}),
        SupportsResponse.NONE,
    ),
    "get_customer_information": StationAction(
        _get_customer_information,
        probatio.Schema(
            {
                **STATION,
                probatio.Optional(ATTR_TAG): TEXT,
                probatio.Optional(ATTR_CUSTOMER): TEXT,
                probatio.Optional(ATTR_CLEAR, default=False): cv.boolean,
                probatio.Optional(ATTR_REPORT, default=True): cv.boolean,
            }
        ),
    ),
}
