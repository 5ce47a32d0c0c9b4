"""Reads single fields of messages as stations write them; None for what can't be read."""

from collections.abc import Mapping

from ..model import EvseStatus, Json
from .meter_values import parse_number
from .rpc import ErrorCode, RpcError

MAX_CONNECTORS = 64
MAX_TEXT = 255  # longer texts come from nobody with good intentions

# OCPP 1.6 section 7.7, and what stations of earlier versions still say.
_STATUS = {
    "available": EvseStatus.AVAILABLE,
    "preparing": EvseStatus.PREPARING,
    "charging": EvseStatus.CHARGING,
    "occupied": EvseStatus.CHARGING,
    "suspendedevse": EvseStatus.SUSPENDED_EVSE,
    "suspendedev": EvseStatus.SUSPENDED_EV,
    "finishing": EvseStatus.FINISHING,
    "reserved": EvseStatus.RESERVED,
    "unavailable": EvseStatus.UNAVAILABLE,
    "faulted": EvseStatus.FAULTED,
}


def text(payload: Mapping[str, Json], name: str) -> str | None:
    """Return a text without surrounding space, None where it is missing or empty."""
    raw = payload.get(name)
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        raw = str(raw)
    return (raw.strip()[:MAX_TEXT] or None) if isinstance(raw, str) else None


def integer(payload: Mapping[str, Json], name: str) -> int | None:
    """Return a whole number, also one that was sent as text or with decimals."""
    number = parse_number(payload.get(name))
    return None if number is None else round(number)


def connector_id(payload: Mapping[str, Json]) -> int:
    """Return a connector's number, 0 for the station as a whole.

    Raises:
        RpcError: no station has such a connector.
    """
    number = integer(payload, "connectorId") or 0
    if not 0 <= number <= MAX_CONNECTORS:
        raise RpcError(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "no such connector")
    return number


def transaction_id(payload: Mapping[str, Json]) -> str | None:
    """Return a transaction id; 0 and negative ones are what stations say when they know of none."""
    number = integer(payload, "transactionId")
    return str(number) if number is not None and number > 0 else None


def status(payload: Mapping[str, Json]) -> EvseStatus | None:
    """Return a connector's status whatever its case, None for an unknown one."""
    raw = payload.get("status")
    return _STATUS.get(raw.strip().lower().replace("_", "")) if isinstance(raw, str) else None
