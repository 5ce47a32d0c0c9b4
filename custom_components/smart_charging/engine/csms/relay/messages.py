"""Which of a station's messages a second central system gets, and how they read there."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ...model import Json
from .. import payloads
from ..rpc import OCPP16


class MessageKind(StrEnum):
    """How a message is treated."""

    TRANSACTION = "transaction"  # kept until they have it
    TELEMETRY = "telemetry"  # kept as long as there is room
    LIVE = "live"  # of use at once or not at all
    BOOT = "boot"
    PRIVATE = "private"  # between the station and us


_TELEMETRY: Final = frozenset(
    {
        "ClearedChargingLimit",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "LogStatusNotification",
        "MeterValues",
        "NotifyChargingLimit",
        "NotifyEvent",
        "ReservationStatusUpdate",
        "SecurityEventNotification",
        "SignedFirmwareStatusNotification",
        "StatusNotification",
    }
)
# These answer a request, so only who asked is told; all name it by `requestId`.
_REPORTS: Final = frozenset(
    {
        "NotifyCustomerInformation",
        "NotifyDisplayMessages",
        "NotifyMonitoringReport",
        "NotifyReport",
        "ReportChargingProfiles",
    }
)
# Their requestIds are asked for by us as well: a message with one is theirs only if they made the request.
_BY_REQUEST: Final = _REPORTS | {
    "FirmwareStatusNotification",
    "LogStatusNotification",
    "SignedFirmwareStatusNotification",
}


def kind_of(action: str, payload: Mapping[str, Json], their_requests: frozenset[int]) -> MessageKind:
    """Return how to treat a message; `their_requests` are the requestIds of commands they gave."""
    if action in _BY_REQUEST and (request := payloads.integer(payload, "requestId")) is not None:
        return MessageKind.TELEMETRY if request in their_requests else MessageKind.PRIVATE
    if action in {"StartTransaction", "StopTransaction"}:
        return MessageKind.TRANSACTION
    if action == "TransactionEvent":
        # 2.0.1 part 2, E04.FR.07: what lies between start and end may be left out.
        return MessageKind.TELEMETRY if payload.get("eventType") == "Updated" else MessageKind.TRANSACTION
    if action in _TELEMETRY:
        return MessageKind.TELEMETRY
    if action == "Authorize":
        return MessageKind.LIVE
    return MessageKind.BOOT if action == "BootNotification" else MessageKind.PRIVATE


def transaction_of(protocol: str, action: str, payload: Mapping[str, Json], answer: Mapping[str, Json]) -> str | None:
    """Return our id of the transaction that a 1.6 message is about; ids of later versions are the station's own."""
    if protocol != OCPP16:
        return None
    return payloads.transaction_id(answer if action == "StartTransaction" else payload)


def station_transaction(payload: Mapping[str, Json]) -> str | None:
    """Return the station's own id of the transaction that a 2.x TransactionEvent is about."""
    info = payload.get("transactionInfo")
    return payloads.text(info, "transactionId") if isinstance(info, dict) else None


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A message about a transaction of which they never heard."""


def for_them(
    protocol: str, action: str, payload: Mapping[str, Json], theirs: int | None
) -> Mapping[str, Json] | Unmapped:
    """Return a payload with their transaction id in the place of ours (1.6 sections 4.7, 4.10)."""
    if protocol != OCPP16 or "transactionId" not in payload:
        return payload
    if theirs is not None:
        return {**payload, "transactionId": theirs}
    if action == "StopTransaction":
        return Unmapped()
    return {name: value for name, value in payload.items() if name != "transactionId"}
