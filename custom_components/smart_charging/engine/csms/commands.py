"""Outbound OCPP 1.6 commands: what is asked of a station, and its refusals as one kind of error."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from ..model import Json
from .capabilities import Configuration


class CommandErrorCode(StrEnum):
    """Why a command did not do what was asked."""

    NOT_CONNECTED = "not_connected"
    TIMEOUT = "timeout"
    REJECTED = "rejected"
    NOT_SUPPORTED = "not_supported"
    FAILED = "failed"
    NO_TRANSACTION = "no_transaction"


class CommandError(Exception):
    """A command that was not carried out."""

    def __init__(self, code: CommandErrorCode, detail: str = "") -> None:
        """Keep the kind of failure and what the station said."""
        super().__init__(f"{code.value}: {detail}" if detail else code.value)
        self.code = code
        self.detail = detail


class Caller(Protocol):
    """Whatever can ask the station; fulfilled by `core.StationCore`."""

    async def call(self, action: str, payload: Mapping[str, Json], *, timeout_s: float = ...) -> dict[str, Json]:
        """Ask the station; raises CommandError."""


async def _ask(
    caller: Caller, action: str, payload: Mapping[str, Json], accepted: Sequence[str] = ("Accepted",)
) -> str:
    """Ask, and return the status if it is one of those that mean yes; CommandError otherwise."""
    answer = await caller.call(action, payload)
    status = answer.get("status")
    if isinstance(status, str) and status in accepted:
        return status
    unsupported = status in {"NotSupported", "NotImplemented", "UnknownVendorId", "UnknownMessageId"}
    code = CommandErrorCode.NOT_SUPPORTED if unsupported else CommandErrorCode.REJECTED
    raise CommandError(code, f"{action}: {status if isinstance(status, str) else 'no status'}")


async def remote_start(caller: Caller, evse_id: int, id_token: str) -> None:
    """Ask for a transaction (section 5.11)."""
    await _ask(caller, "RemoteStartTransaction", {"connectorId": evse_id, "idTag": id_token})


async def remote_stop(caller: Caller, transaction_id: str) -> None:
    """Ask for the end of a transaction (section 5.12)."""
    await _ask(caller, "RemoteStopTransaction", {"transactionId": int(transaction_id)})


async def change_availability(caller: Caller, evse_id: int, *, operative: bool) -> None:
    """Enable or disable a connector, 0 for all, perhaps only at its transaction's end (section 5.2)."""
    kind = "Operative" if operative else "Inoperative"
    payload: dict[str, Json] = {"connectorId": evse_id, "type": kind}
    await _ask(caller, "ChangeAvailability", payload, ("Accepted", "Scheduled"))


async def reset(caller: Caller, *, hard: bool) -> None:
    """Restart the station (section 5.14)."""
    await _ask(caller, "Reset", {"type": "Hard" if hard else "Soft"})


async def unlock(caller: Caller, evse_id: int) -> None:
    """Release the cable (section 5.18)."""
    await _ask(caller, "UnlockConnector", {"connectorId": evse_id}, ("Unlocked",))


async def trigger(caller: Caller, message: str, evse_id: int | None = None) -> None:
    """Make the station send a message (section 5.17)."""
    payload: dict[str, Json] = {"requestedMessage": message}
    if evse_id is not None:
        payload["connectorId"] = evse_id
    await _ask(caller, "TriggerMessage", payload)


async def get_configuration(caller: Caller, keys: Sequence[str] = ()) -> Configuration:
    """Read configuration keys, all without any named (section 5.8)."""
    return Configuration.parse(await caller.call("GetConfiguration", {"key": list(keys)} if keys else {}))


async def change_configuration(caller: Caller, key: str, value: str) -> bool:
    """Set a configuration key (section 5.3); False if it takes effect after a reboot."""
    payload: dict[str, Json] = {"key": key, "value": value}
    return await _ask(caller, "ChangeConfiguration", payload, ("Accepted", "RebootRequired")) == "Accepted"


async def clear_cache(caller: Caller) -> None:
    """Empty the station's authorisation cache (section 5.4)."""
    await _ask(caller, "ClearCache", {})


async def data_transfer(caller: Caller, vendor_id: str, message_id: str | None, data: str | None) -> str | None:
    """Send a vendor's own message and return its data (section 5.6)."""
    payload: dict[str, Json] = {"vendorId": vendor_id}
    if message_id is not None:
        payload["messageId"] = message_id
    if data is not None:
        payload["data"] = data
    answer = await caller.call("DataTransfer", payload)
    if answer.get("status") != "Accepted":
        raise CommandError(CommandErrorCode.REJECTED, f"DataTransfer: {answer.get('status')}")
    text = answer.get("data")
    return text if isinstance(text, str) else None


async def set_charging_profile(caller: Caller, connector_id: int, profile: dict[str, Json]) -> None:
    """Install a charging profile (section 5.16)."""
    await _ask(caller, "SetChargingProfile", {"connectorId": connector_id, "csChargingProfiles": profile})


async def clear_charging_profile(caller: Caller, profile_id: int | None = None) -> bool:
    """Remove one charging profile, or all (section 5.5); False if there was none."""
    payload: dict[str, Json] = {} if profile_id is None else {"id": profile_id}
    return await _ask(caller, "ClearChargingProfile", payload, ("Accepted", "Unknown")) == "Accepted"


async def get_composite_schedule(
    caller: Caller, evse_id: int, duration_s: int, unit: str | None = None
) -> dict[str, Json]:
    """Ask what limits the station will apply (section 5.7)."""
    payload: dict[str, Json] = {"connectorId": evse_id, "duration": duration_s}
    if unit is not None:
        payload["chargingRateUnit"] = unit
    answer = await caller.call("GetCompositeSchedule", payload)
    if answer.get("status") != "Accepted":
        raise CommandError(CommandErrorCode.REJECTED, f"GetCompositeSchedule: {answer.get('status')}")
    return answer
