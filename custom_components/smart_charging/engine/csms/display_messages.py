"""Messages on a station's display, in OCPP 2 (O01 to O05)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
import secrets

from ..model import Json
from . import payloads
from .commands import Caller, CommandError, CommandErrorCode, accepted_status, ask
from .timestamps import format_time, parse_time
from .v2_reports import Reports

_LARGEST_ID = 2**31 - 1


class DisplayPriority(StrEnum):
    """How a message stands among others; the words are OCPP's."""

    ALWAYS_FRONT = "AlwaysFront"
    IN_FRONT = "InFront"
    NORMAL_CYCLE = "NormalCycle"


class DisplayState(StrEnum):
    """While what a message is shown, where that is not always; the words are OCPP's."""

    CHARGING = "Charging"
    FAULTED = "Faulted"
    IDLE = "Idle"
    UNAVAILABLE = "Unavailable"


@dataclass(frozen=True, slots=True)
class DisplayMessage:
    """A text on the display; one with the number of another replaces it. `language` is a tag of RFC 5646."""

    text: str
    message_id: int | None = None
    priority: DisplayPriority = DisplayPriority.NORMAL_CYCLE
    state: DisplayState | None = None
    start: datetime | None = None
    end: datetime | None = None
    transaction_id: str | None = None
    language: str | None = None
    format: str = "UTF8"


class DisplayMessages:
    """The display of one station."""

    def __init__(self, caller: Caller, reports: Reports) -> None:
        """Ask through this caller; `reports` gathers what comes in pages."""
        self._caller = caller
        self._reports = reports

    async def show(self, message: DisplayMessage) -> int:
        """Show a message and return its number; raises CommandError."""
        number = secrets.randbelow(_LARGEST_ID) + 1 if message.message_id is None else message.message_id
        await ask(self._caller, "SetDisplayMessage", {"message": _to_json(message, number)})
        return number

    async def shown(
        self,
        ids: Sequence[int] = (),
        priority: DisplayPriority | None = None,
        state: DisplayState | None = None,
    ) -> tuple[DisplayMessage, ...]:
        """Return the messages that the station holds, all without any chosen; raises CommandError."""

        async def request(request_id: int) -> bool:
            payload: dict[str, Json] = {"requestId": request_id}
            if ids:
                payload["id"] = list(ids)
            if priority is not None:
                payload["priority"] = priority.value
            if state is not None:
                payload["state"] = state.value
            return await ask(self._caller, "GetDisplayMessages", payload, ("Accepted", "Unknown")) == "Accepted"

        pages = await self._reports.gather(request)
        read = (_from_json(one) for one in pages if isinstance(one, dict))
        return tuple(message for message in read if message is not None)

    async def clear(self, message_id: int) -> None:
        """Take a message away; raises CommandError, REJECTED where there is none."""
        answer = await self._caller.call("ClearDisplayMessage", {"id": message_id})
        accepted_status("ClearDisplayMessage", answer)


def _to_json(message: DisplayMessage, number: int) -> dict[str, Json]:
    content: dict[str, Json] = {"format": message.format, "content": message.text}
    if message.language is not None:
        content["language"] = message.language
    made: dict[str, Json] = {"id": number, "priority": message.priority.value, "message": content}
    if message.state is not None:
        made["state"] = message.state.value
    if message.start is not None:
        made["startDateTime"] = format_time(message.start)
    if message.end is not None:
        if message.start is not None and message.end <= message.start:
            raise CommandError(CommandErrorCode.INVALID, "the message would end before it begins")
        made["endDateTime"] = format_time(message.end)
    if message.transaction_id is not None:
        made["transactionId"] = message.transaction_id
    return made


def _from_json(raw: dict[str, Json]) -> DisplayMessage | None:
    """Read a MessageInfoType; None for what can't be read."""
    content, number = raw.get("message"), payloads.integer(raw, "id")
    text = content.get("content") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(text, str) or number is None:
        return None
    start, end = parse_time(raw.get("startDateTime")), parse_time(raw.get("endDateTime"))
    priority, state = payloads.text(raw, "priority"), payloads.text(raw, "state")
    return DisplayMessage(
        text,
        number,
        next((one for one in DisplayPriority if one == priority), DisplayPriority.NORMAL_CYCLE),
        next((one for one in DisplayState if one == state), None),
        None if start is None else start.at,
        None if end is None else end.at,
        payloads.text(raw, "transactionId"),
        payloads.text(content, "language"),
        payloads.text(content, "format") or "UTF8",
    )
