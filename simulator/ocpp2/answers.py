"""Small answers that many commands give."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator.ocpp.json import FormatError, Json, Payload, integer, mapping, optional_integer
from simulator.ocpp.link import Answer

if TYPE_CHECKING:
    from .evse import Connector2, Evse
    from .station import SimulatedStation2

type Command = Callable[[SimulatedStation2, Payload], Answer]
type After = Callable[[], None]


def status(value: str, after: After | None = None, *, reason: str | None = None) -> Answer:
    """Return an answer with a status and, of a refusal, its reason code."""
    info: Payload = {} if reason is None else {"statusInfo": {"reasonCode": reason}}
    return Answer({"status": value, **info}, after)


def refused(reason: str) -> Answer:
    """Return a Rejected with its reason code."""
    return status("Rejected", reason=reason)


def objects(payload: Payload, key: str) -> list[Payload]:
    """Return a mandatory list of objects that is not empty; FormatError otherwise."""
    value = payload.get(key)
    if not isinstance(value, list) or not value:
        raise FormatError(f"{key} must be a list")
    found: list[Payload] = []
    for each in value:
        if not isinstance(each, dict):
            raise FormatError(f"{key} holds objects")
        found.append(each)
    return found


def optional_list(payload: Payload, key: str) -> list[Json] | None:
    """Return a list or None when absent; FormatError for another type."""
    value = payload.get(key)
    if key in payload and not isinstance(value, list):
        raise FormatError(f"{key} must be a list")
    return value if isinstance(value, list) else None


def place(station: SimulatedStation2, payload: Payload) -> tuple[list[Evse], list[Connector2]] | None:
    """Return the EVSEs and connectors that an `evse` field names, all without one, or None where there is no such."""
    if "evse" not in payload:
        evses = list(station.evses.values())
        return evses, [connector for evse in evses for connector in evse.connectors.values()]
    named = mapping(payload, "evse")
    evse = station.evses.get(integer(named, "id"))
    connector_id = optional_integer(named, "connectorId")
    if evse is None or connector_id not in {None, *evse.connectors}:
        return None
    chosen = list(evse.connectors.values()) if connector_id is None else [evse.connectors[connector_id]]
    return [evse], chosen
