"""OCPP-J frames in and out, as pure functions: what a station sent becomes a value or a reason why it can't."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
import hashlib
import re
from typing import Final

import orjson

from ..model import Json
from .repair import repaired

OCPP16: Final = "ocpp1.6"
OCPP201: Final = "ocpp2.0.1"
OCPP21: Final = "ocpp2.1"
MAX_MESSAGE_ID_LENGTH: Final = 256  # OCPP-J 1.6 section 4.1.4 says 36; longer ones do no harm
MAX_DESCRIPTION_LENGTH: Final = 255  # OCPP-J 1.6 section 4.2.3

_CALL, _CALL_RESULT, _CALL_ERROR = 2, 3, 4
_CALL_HEAD = re.compile(rb'\s*\[\s*2\s*,\s*"([^"\\\x00-\x1f\x7f-\xff]{1,256})"\s*,')

type MessageId = str | int


class ErrorCode(StrEnum):
    """Error codes of a CALLERROR; versions differ in spelling, see `encode_error`."""

    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    INTERNAL_ERROR = "InternalError"
    PROTOCOL_ERROR = "ProtocolError"
    SECURITY_ERROR = "SecurityError"
    FORMAT_VIOLATION = "FormatViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    OCCURRENCE_CONSTRAINT_VIOLATION = "OccurrenceConstraintViolation"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"
    GENERIC_ERROR = "GenericError"


# OCPP-J 1.6 errata sheet, sections 5.1 and 5.2: two misspellings that stay.
_SPELLED_16: Final = {
    ErrorCode.FORMAT_VIOLATION: "FormationViolation",
    ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation",
}


class RpcError(Exception):
    """A message can't be answered; the station gets a CALLERROR with this code and description."""

    def __init__(self, code: ErrorCode, description: str = "") -> None:
        """Keep what the station is to be told; the description is sent in clear."""
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


@dataclass(frozen=True, slots=True)
class Call:
    """A request; `digest` tells a repetition from another message under the same id."""

    message_id: MessageId
    action: str
    payload: dict[str, Json]
    digest: bytes
    deviations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallResult:
    """The answer to one of our requests."""

    message_id: MessageId
    payload: dict[str, Json]


@dataclass(frozen=True, slots=True)
class CallRefusal:
    """The CALLERROR to one of our requests."""

    message_id: MessageId
    code: str
    description: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What is no usable frame; `message_id` is None where no answer is due or none can be addressed."""

    deviation: str
    message_id: MessageId | None = None


type Frame = Call | CallResult | CallRefusal | Unreadable


def decode(data: bytes) -> Frame:
    """Read a frame; never raises, whatever the bytes are."""
    deviations: tuple[str, ...] = ()
    try:
        frame = orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            mended, deviations = repaired(data)
            frame = orjson.loads(mended)
        except orjson.JSONDecodeError:
            head = _CALL_HEAD.match(data)
            return Unreadable("frame is not JSON", head.group(1).decode("ascii") if head else None)
    if not isinstance(frame, list) or len(frame) < 2:
        return Unreadable("frame is not an OCPP-J array")
    message_id = _message_id(frame[1])
    if message_id is None:
        return Unreadable("message id is not usable")
    if isinstance(message_id, int):
        deviations = (*deviations, "message id is a number")
    kind = frame[0] if type(frame[0]) is int else None
    if kind == _CALL:
        return _call(frame, message_id, hashlib.blake2b(data, digest_size=16).digest(), deviations)
    if kind == _CALL_RESULT:
        payload = frame[2] if len(frame) > 2 else None
        if isinstance(payload, dict):
            return CallResult(message_id, payload)
        return CallRefusal(message_id, ErrorCode.FORMAT_VIOLATION, "the answer's payload is not an object")
    if kind == _CALL_ERROR:
        texts = [part if isinstance(part, str) else "" for part in frame[2:4]]
        code, description = [*texts, "", ""][:2]
        return CallRefusal(message_id, code or ErrorCode.GENERIC_ERROR, description[:MAX_DESCRIPTION_LENGTH])
    return Unreadable("message type is unknown")


def _message_id(value: Json) -> MessageId | None:
    if isinstance(value, str) and 0 < len(value) <= MAX_MESSAGE_ID_LENGTH:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return None


def _call(frame: list[Json], message_id: MessageId, digest: bytes, deviations: tuple[str, ...]) -> Call | Unreadable:
    if len(frame) != 4:
        return Unreadable("call has not four parts", message_id)
    action, payload = frame[2:]
    if not isinstance(action, str):
        return Unreadable("action is not a string", message_id)
    if not isinstance(payload, dict):
        return Unreadable("payload is not an object", message_id)
    return Call(message_id, action, payload, digest, deviations)


def encode_call(message_id: str, action: str, payload: Mapping[str, Json]) -> bytes:
    """Write a request; ValueError for what JSON can't carry."""
    return _dumps([_CALL, message_id, action, dict(payload)])


def encode_result(message_id: MessageId, payload: Mapping[str, Json]) -> bytes:
    """Write an answer; ValueError for what JSON can't carry."""
    return _dumps([_CALL_RESULT, message_id, dict(payload)])


def encode_error(protocol: str, message_id: MessageId, code: ErrorCode, description: str) -> bytes:
    """Write a CALLERROR in the spelling of the protocol version."""
    spelled = _SPELLED_16.get(code, code.value) if protocol == OCPP16 else code.value
    text = description.encode("utf-8", "replace").decode()[:MAX_DESCRIPTION_LENGTH]
    return _dumps([_CALL_ERROR, message_id, spelled, text, {}])


def _dumps(frame: list[Json]) -> bytes:
    try:
        return orjson.dumps(frame)
    except orjson.JSONEncodeError as error:
        raise ValueError(str(error)) from error
