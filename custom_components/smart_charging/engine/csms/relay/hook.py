"""What is put between a station's own handler, the authoriser, and the relay."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from ...model import AuthorizationStatus, Json
from .. import payloads
from ..inbox import AnswerRefusalHandler, MessageHandler
from ..store import AuthorizationResult, Authorizer
from ..timestamps import parse_time


class TakesCopies(Protocol):
    """What is handed copies; a `RelaySession`, or what stands for the one in force."""

    async def take(self, action: str, payload: Mapping[str, Json], answer: Mapping[str, Json]) -> None:
        """Take a message and its answer; never raises, and never waits for the second central system."""


class AnswersWhoMayCharge(Protocol):
    """What is asked who may charge; a `RelaySession`, or what stands for the one in force."""

    async def authorise(self, id_token: str) -> Mapping[str, Json] | None:
        """Return an IdTagInfo or IdTokenInfo, None where they don't say in time or it is not theirs to say."""


class RelayTap:
    """Hands a copy of each message that was answered to the relay; fulfils `MessageHandler`."""

    def __init__(self, handler: MessageHandler, relay: TakesCopies) -> None:
        """Stand before the handler that answers."""
        self._handler = handler
        self._relay = relay

    async def handle_call(self, action: str, payload: dict[str, Json], deviations: tuple[str, ...]) -> dict[str, Json]:
        """Answer as the handler does; what it can't answer the station sends again, so it isn't copied."""
        answer = await self._handler.handle_call(action, payload, deviations)
        await self._relay.take(action, payload, answer)
        return answer

    def note_deviation(self, kind: str) -> None:
        """Count an oddity."""
        self._handler.note_deviation(kind)

    def answer_refused(self, action: str, code: str, description: str) -> None:
        """Tell the handler, where it wants to know."""
        if isinstance(self._handler, AnswerRefusalHandler):
            self._handler.answer_refused(action, code, description)


class RelayAuthorizer:
    """Lets the second central system say who may charge, where that is theirs to say; fulfils `Authorizer`."""

    def __init__(self, own: Authorizer, relays: Mapping[str, AnswersWhoMayCharge]) -> None:
        """Ask the relay of a station first, and `own` for all others and where no answer comes."""
        self._own = own
        self._relays = relays

    async def authorize(
        self, station_id: str, id_token: str, now: datetime, evse_id: int | None = None, *, in_person: bool = True
    ) -> AuthorizationResult:
        """Return whether this token may charge at this station now."""
        relay = self._relays.get(station_id)
        info = None if relay is None else await relay.authorise(id_token)
        result = None if info is None else _result(info)
        if result is not None:
            return result
        return await self._own.authorize(station_id, id_token, now, evse_id, in_person=in_person)


def _result(info: Mapping[str, Json]) -> AuthorizationResult | None:
    """Read an IdTagInfo or IdTokenInfo; None where its status can't be read, INVALID for one of 2.x we have not."""
    status = payloads.text(info, "status")
    if status is None:
        return None
    known = {each.value.lower(): each for each in AuthorizationStatus}
    group = info.get("groupIdToken")
    parent = payloads.text(info, "parentIdTag") or (
        payloads.text(group, "idToken") if isinstance(group, dict) else None
    )
    expires = parse_time(info.get("expiryDate", info.get("cacheExpiryDateTime")))
    return AuthorizationResult(
        known.get(status.lower(), AuthorizationStatus.INVALID), parent, None if expires is None else expires.at
    )
