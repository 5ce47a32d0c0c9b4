"""What may be asked of a station in any version of OCPP, and its refusals as one kind of error."""

from collections.abc import Awaitable, Mapping, Sequence
from enum import StrEnum
import json
from typing import Protocol

from ..model import Json
from .capabilities import Configuration
from .inventory import Variable

_FRAME_BYTES = 80  # message type, id, action and brackets around a payload
UNSUPPORTED = frozenset({"NotSupported", "NotImplemented", "UnknownVendorId", "UnknownMessageId"})


class CommandErrorCode(StrEnum):
    """Why a command did not do what was asked."""

    NOT_CONNECTED = "not_connected"
    TIMEOUT = "timeout"
    REJECTED = "rejected"
    NOT_SUPPORTED = "not_supported"
    FAILED = "failed"
    NO_TRANSACTION = "no_transaction"
    INVALID = "invalid"  # nothing was sent: it does not fit the station's version
    PROTECTED = "protected"  # nothing was sent: there is another place for it
    TOO_OFTEN = "too_often"


class CommandError(Exception):
    """A command that was not carried out."""

    def __init__(self, code: CommandErrorCode, detail: str = "") -> None:
        """Keep the kind of failure and what the station said."""
        super().__init__(f"{code.value}: {detail}" if detail else code.value)
        self.code = code
        self.detail = detail


class WriteOutcome(StrEnum):
    """What a station made of a value."""

    ACCEPTED = "accepted"
    REBOOT_REQUIRED = "reboot_required"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class Caller(Protocol):
    """Whatever can ask the station; fulfilled by `core.StationCore`."""

    async def call(self, action: str, payload: Mapping[str, Json], *, timeout_s: float = ...) -> dict[str, Json]:
        """Ask the station; raises CommandError."""


class Commands(Protocol):
    """The commands of one version; each raises CommandError where the station does not do as asked."""

    async def start_transaction(self, evse_id: int, id_token: str, profile: Mapping[str, Json] | None = None) -> None:
        """Ask for a transaction, led from its beginning by a TxProfile in the shape that `profiles` builds."""

    async def stop_transaction(self, transaction_id: str) -> None:
        """Ask for the end of a transaction."""

    async def change_availability(self, evse_id: int, *, operative: bool, connector_id: int | None = None) -> None:
        """Enable or disable an EVSE or one connector of it, 0 for the station, perhaps only at a transaction's end."""

    async def reset(self, *, hard: bool, evse_id: int | None = None) -> None:
        """Restart the station, or one EVSE of it, at once if `hard`."""

    async def unlock(self, evse_id: int, connector_id: int = 1) -> None:
        """Release the cable of one of the EVSE's connectors."""

    async def trigger(self, message: str, evse_id: int | None = None, connector_id: int | None = None) -> None:
        """Make the station send a message of this name, for one EVSE, one connector of it, or all."""

    async def get_configuration(self, keys: Sequence[str] = ()) -> Configuration:
        """Read settings by name, all that are known without any named."""

    async def change_configuration(self, key: str, value: str) -> bool:
        """Set a setting by name; False if it takes effect after a reboot."""

    async def write_settings(self, values: Mapping[str, str]) -> dict[str, WriteOutcome]:
        """Set settings by name, in as few messages as the version and the station take; return what became of each."""

    async def read_settable(self) -> tuple[Variable, ...]:
        """Read the settings that can be set."""

    async def set_password(self, password: str) -> None:
        """Tell the station the password of its next login; FAILED for one that this version can't carry."""

    async def clear_cache(self) -> None:
        """Empty the station's authorisation cache."""

    async def data_transfer(self, vendor_id: str, message_id: str | None, data: str | None) -> str | None:
        """Send a vendor's own message and return its data."""

    async def set_charging_profile(self, evse_id: int, profile: Mapping[str, Json]) -> None:
        """Install a charging profile, in the shape that `profiles` builds; 0 is the whole station."""

    async def clear_charging_profile(self, profile_id: int | None = None) -> bool:
        """Remove one charging profile, or all; False if there was none."""

    async def installed_profiles(self) -> frozenset[int] | None:
        """Return the ids of the charging profiles that central systems installed, None where nobody can ask."""

    async def get_composite_schedule(self, evse_id: int, duration_s: int, unit: str | None = None) -> dict[str, Json]:
        """Ask what limits the station will apply; the answer is in the shape that `composite` reads."""


def wire_size(payload: Mapping[str, Json]) -> int:
    """Return about how many bytes a message with this payload has, which some stations bound (`BytesPerMessage`)."""
    return len(json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()) + _FRAME_BYTES


async def ask(caller: Caller, action: str, payload: Mapping[str, Json], accepted: Sequence[str] = ("Accepted",)) -> str:
    """Ask, and return the status if it is one of those that mean yes; CommandError otherwise."""
    return accepted_status(action, await caller.call(action, payload), accepted)


def accepted_status(action: str, answer: Mapping[str, Json], accepted: Sequence[str] = ("Accepted",)) -> str:
    """Return an answer's status if it is one of those that mean yes; CommandError otherwise."""
    status = answer.get("status")
    if isinstance(status, str) and status in accepted:
        return status
    code = CommandErrorCode.NOT_SUPPORTED if status in UNSUPPORTED else CommandErrorCode.REJECTED
    raise CommandError(code, f"{action}: {status if isinstance(status, str) else 'no status'}{_why(answer)}")


async def outcome_of(write: Awaitable[bool]) -> WriteOutcome:
    """Return what becomes of a setting that is being set, True in force, False after a reboot; raises CommandError."""
    try:
        return WriteOutcome.ACCEPTED if await write else WriteOutcome.REBOOT_REQUIRED
    except CommandError as error:
        match error.code:
            case CommandErrorCode.REJECTED:
                return WriteOutcome.REJECTED
            case CommandErrorCode.NOT_SUPPORTED:
                return WriteOutcome.UNKNOWN
        raise


def _why(answer: Mapping[str, Json]) -> str:
    """Return the reason that stations of OCPP 2 may give with a status, as a text to append."""
    info = answer.get("statusInfo")
    texts = [info.get(name) for name in ("reasonCode", "additionalInfo")] if isinstance(info, dict) else []
    told = ", ".join(text[:100] for text in texts if isinstance(text, str) and text)
    return f" ({told})" if told else ""


async def transfer_data(caller: Caller, vendor_id: str, message_id: str | None, data: str | None) -> str | None:
    """Send a DataTransfer, the same in all versions, and return the data of its answer where that is a text."""
    payload: dict[str, Json] = {"vendorId": vendor_id}
    if message_id is not None:
        payload["messageId"] = message_id
    if data is not None:
        payload["data"] = data
    answer = await caller.call("DataTransfer", payload)
    accepted_status("DataTransfer", answer)
    told = answer.get("data")
    return told if isinstance(told, str) else None
