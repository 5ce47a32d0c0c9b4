"""What is put between a station's own handler, the authoriser, and the relay."""

from collections.abc import Mapping
from datetime import datetime

from ...model import AuthorizationStatus, Json
from .. import payloads
from ..inbox import MessageHandler
from ..store import AuthorizationResult, Authorizer
from ..timestamps import parse_time
from .session import RelaySession


class RelayTap:
    """Hands a copy of each message that was answered to the relay; fulfils `MessageHandler`."""

    def __init__(self, handler: MessageHandler, relay: RelaySession) -> None:
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


class RelayAuthorizer:
    """Lets the second central system say who may charge, where that is theirs to say; fulfils `Authorizer`."""

    def __init__(self, own: Authorizer, relays: Mapping[str, RelaySession]) -> None:
        """Ask the relay of a station first, and `own` for all others and where no answer comes."""
        self._own = own
        self._relays = relays

    async def authorize(self, station_id: str, id_token: str, now: datetime) -> AuthorizationResult:
        """Return whether this token may charge at this station now."""
        relay = self._relays.get(station_id)
        info = None if relay is None else await relay.authorise(id_token)
        result = None if info is None else _result(info)
        return await self._own.authorize(station_id, id_token, now) if result is None else result


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
