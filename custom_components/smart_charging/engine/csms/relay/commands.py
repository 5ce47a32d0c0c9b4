"""Commands of a second central system: carried out by policy, turned into limits, or refused as a station would."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import logging
from typing import Final, Protocol

import orjson

from ...clock import Clock
from ...model import Json
from ...relay_config import RelayPolicy
from .. import payloads
from ..commands import CommandError, CommandErrorCode
from ..rpc import OCPP16, Call, ErrorCode, encode_error, encode_result
from ..schemas import Schemas
from .backlog import Backlog
from .limits import LimitCleared, LimitSet, RelayEvent, TheirLimits, parse_profile
from .policy import LIMITS, allowed, refusal, without_secrets

_LOGGER = logging.getLogger(__name__)
_MAX_REQUESTS: Final = 64
_PROFILE_FIELDS: Final = ("chargingProfile", "csChargingProfiles")


class RelayedStation(Protocol):
    """The station's own side; `station_relay` fulfils it."""

    async def call(self, action: str, payload: Mapping[str, Json], *, timeout_s: float = ...) -> dict[str, Json]:
        """Ask the station; raises CommandError."""


class _Refusal(Exception):
    """A command is answered with a CALLERROR."""

    def __init__(self, code: ErrorCode, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


@dataclass(slots=True)
class CommandCounts:
    """How many commands came and what became of them."""

    carried_out: int = 0
    refused: int = 0


class TheirCommands:
    """Answers the commands for one station."""

    def __init__(
        self,
        station_id: str,
        station: RelayedStation,
        schemas: Schemas,
        backlog: Backlog,
        policy: RelayPolicy,
        clock: Clock,
        on_event: Callable[[RelayEvent], None],
    ) -> None:
        """Begin without limits; `restore` takes in those kept before."""
        self._station_id = station_id
        self._station = station
        self._schemas = schemas
        self._backlog = backlog
        self._policy = policy
        self._clock = clock
        self._on_event = on_event
        self._limits = TheirLimits()
        self._requests: dict[int, None] = {}
        self.counts = CommandCounts()

    @property
    def requests(self) -> frozenset[int]:
        """Return the requestIds of their latest commands, by which a station's reports are theirs."""
        return frozenset(self._requests)

    def restore(self) -> None:
        """Tell the limits that were kept over a restart."""
        for profile_id, request in tuple(self._backlog.profiles.items()):
            limit = parse_profile(self._station_id, request, self._clock.now(), self._ours_of(request))
            if limit is None or self._limits.set(limit) is None:
                self._backlog.keep_profile(profile_id, None)
            else:
                self._on_event(LimitSet(limit))

    async def answer(self, call: Call) -> bytes:
        """Return the frame that answers a command; never raises for what they sent or the station did."""
        try:
            return encode_result(call.message_id, await self._answered(call.action, call.payload))
        except _Refusal as refused:
            self.counts.refused += 1
            return encode_error(self._schemas.protocol, call.message_id, refused.code, refused.description)
        except ValueError, orjson.JSONEncodeError:  # nested more deeply than can be written
            self.counts.refused += 1
            return encode_error(self._schemas.protocol, call.message_id, ErrorCode.INTERNAL_ERROR, "")

    async def _answered(self, action: str, payload: Mapping[str, Json]) -> dict[str, Json]:
        if action not in self._schemas:
            raise _Refusal(ErrorCode.NOT_IMPLEMENTED, "unknown action")
        # Draft 4's multipleOf is at odds with binary fractions: 16.3 is no multiple of 0.1.
        violations = [each for each in self._schemas.request_violations(action, payload) if "multipleOf" not in each]
        if violations:
            raise _Refusal(ErrorCode.FORMAT_VIOLATION, "; ".join(violations))
        if action in LIMITS and self._policy is not RelayPolicy.READ_ONLY:
            return self._set_limit(payload) if action == "SetChargingProfile" else self._clear_limits(payload)
        if action in LIMITS or not allowed(self._policy, action, payload):
            return self._refused(action)
        request = self._for_station(action, payload)
        return self._refused(action) if request is None else await self._carry_out(action, request)

    def _refused(self, action: str) -> dict[str, Json]:
        answer = refusal(self._schemas, action)
        if answer is None:
            raise _Refusal(ErrorCode.NOT_SUPPORTED, "not allowed here")
        self.counts.refused += 1
        return answer

    def _for_station(self, action: str, payload: Mapping[str, Json]) -> dict[str, Json] | None:
        """Return a command with our transaction id and without a limit; None about a transaction unknown to us."""
        request = dict(payload)
        if action == "RemoteStopTransaction":
            ours = self._ours_of(payload)
            if ours is None:
                return None
            request["transactionId"] = int(ours)
        for name in _PROFILE_FIELDS:
            if isinstance(profile := request.pop(name, None), dict):
                evse = {"connectorId": payload.get("connectorId"), "evseId": payload.get("evseId")}
                self._set_limit({**evse, name: profile})
        return request

    def _ours_of(self, payload: Mapping[str, Json]) -> str | None:
        profile = payload.get("csChargingProfiles")
        named = payload if "transactionId" in payload else profile if isinstance(profile, dict) else {}
        if self._schemas.protocol != OCPP16:
            profile = payload.get("chargingProfile")
            return payloads.text(profile, "transactionId") if isinstance(profile, dict) else None
        number = payloads.integer(named, "transactionId")
        return None if number is None else self._backlog.ours(number)

    async def _carry_out(self, action: str, request: dict[str, Json]) -> dict[str, Json]:
        if (request_id := payloads.integer(request, "requestId")) is not None:
            self._requests[request_id] = None
            while len(self._requests) > _MAX_REQUESTS:
                del self._requests[next(iter(self._requests))]
        try:
            answer = await self._station.call(action, request)
        except CommandError as error:
            unsupported = error.code is CommandErrorCode.NOT_SUPPORTED
            code = ErrorCode.NOT_SUPPORTED if unsupported else ErrorCode.GENERIC_ERROR
            raise _Refusal(code, error.code.value) from error
        self.counts.carried_out += 1
        return without_secrets(action, answer)

    def _set_limit(self, payload: Mapping[str, Json]) -> dict[str, Json]:
        limit = parse_profile(self._station_id, payload, self._clock.now(), self._ours_of(payload))
        if limit is None:
            return self._refused("SetChargingProfile")
        self._backlog.keep_profile(limit.profile_id, payload)
        replaced = self._limits.set(limit)
        if replaced is None:
            self._backlog.keep_profile(limit.profile_id, None)
            return self._refused("SetChargingProfile")
        for profile_id in replaced:
            self._forget(profile_id)
        self._on_event(LimitSet(limit))
        self.counts.carried_out += 1
        return {"status": "Accepted"}

    def _clear_limits(self, payload: Mapping[str, Json]) -> dict[str, Json]:
        cleared = self._limits.clear(payload)
        for profile_id in cleared:
            self._forget(profile_id)
        return {"status": "Accepted" if cleared else "Unknown"}

    def _forget(self, profile_id: int) -> None:
        self._backlog.keep_profile(profile_id, None)
        self._on_event(LimitCleared(self._station_id, profile_id))
