"""OCPP-J frames in and out, as pure functions: what a station sent becomes a value or a reason why it can't."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
import re
from typing import Final

import orjson

from ..model import Json
from .repair import repaired

OCPP16: Final = "ocpp1.6"
OCPP201: Final = "ocpp2.0.1"
OCPP21: Final = "ocpp2.1"
MAX_MESSAGE_ID_LENGTH: Final = 256
RULED_MESSAGE_ID_LENGTH: Final = 36  # OCPP-J section 4.1.4; longer ones do no harm
MAX_DESCRIPTION_LENGTH: Final = 255  # OCPP-J section 4.2.3
NO_MESSAGE_ID: Final = "-1"  # OCPP-J 2.0.1 section 4.2.3: where no id could be read

_CALL, _CALL_RESULT, _CALL_ERROR = 2, 3, 4
_CALL_RESULT_ERROR, _SEND = 5, 6  # OCPP-J 2.1 sections 4.2.4 and 4.2.5
_KINDS: Final = frozenset({_CALL, _CALL_RESULT, _CALL_ERROR})
_KINDS_21: Final = _KINDS | {_CALL_RESULT_ERROR, _SEND}
# The kind and, where it can be told without doubt, the id of a frame that is no JSON.
_HEAD = re.compile(
    rb"[\s\x00\xef\xbb\xbf]*+\[\s*+(?P<kind>\d{1,9})\s*+,"
    rb"(?:\s*+(?:\"(?P<text>[^\"\\\x00-\x1f\x7f-\xff]{1,256})\"|(?P<number>-?\d{1,18}))\s*+,)?"
)

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
    RPC_FRAMEWORK_ERROR = "RpcFrameworkError"  # since 2.0.1, as the next
    MESSAGE_TYPE_NOT_SUPPORTED = "MessageTypeNotSupported"


# OCPP-J 1.6 errata sheet, sections 5.1 and 5.2: two misspellings that stay. Below, what 1.6 has no word for.
_SPELLED_16: Final = {
    ErrorCode.FORMAT_VIOLATION: "FormationViolation",
    ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation",
    ErrorCode.RPC_FRAMEWORK_ERROR: "FormationViolation",
    ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED: "NotSupported",
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
    """A request; `digest` tells a repetition from another message under the same id.

    With `confirmed` False it came as a SEND (OCPP 2.1), which is never answered, whatever happens.
    """

    message_id: MessageId
    action: str
    payload: dict[str, Json]
    digest: int
    deviations: tuple[str, ...] = ()
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class CallResult:
    """The answer to one of our requests; without a payload where that is no object. `size` is the frame's, in bytes."""

    message_id: MessageId
    payload: dict[str, Json] | None
    size: int


@dataclass(frozen=True, slots=True)
class CallRefusal:
    """The CALLERROR to one of our requests."""

    message_id: MessageId
    code: str
    description: str


@dataclass(frozen=True, slots=True)
class ResultRefusal:
    """The CALLRESULTERROR to one of our answers (OCPP 2.1): the station could not use it."""

    message_id: MessageId
    code: str
    description: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What is no usable frame.

    `message_id` is None where none can be read, `code` None where the frame claims to be of a kind
    that is never answered.
    """

    deviation: str
    message_id: MessageId | None = None
    code: ErrorCode | None = None


type Frame = Call | CallResult | CallRefusal | ResultRefusal | Unreadable


def decode(data: bytes, protocol: str = OCPP16) -> Frame:
    """Read a frame of this protocol version; never raises, whatever the bytes are."""
    deviations: tuple[str, ...] = ()
    try:
        frame = orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            mended, deviations = repaired(data)
            frame = orjson.loads(mended)
        except orjson.JSONDecodeError:
            return _not_json(data, protocol)
    if not isinstance(frame, list):
        return Unreadable("frame is not an OCPP-J array", None, ErrorCode.RPC_FRAMEWORK_ERROR)
    kind = frame[0] if frame and type(frame[0]) is int else None
    message_id = _message_id(frame[1]) if len(frame) > 1 else None
    if message_id is None or kind not in _kinds(protocol):
        return _unusable(frame, kind, message_id, protocol)
    deviations = (*deviations, *_oddities(message_id))
    if kind in {_CALL, _SEND}:
        digest = hash(data) if kind == _CALL else 0
        return _call(frame, message_id, digest, deviations)
    if kind == _CALL_RESULT:
        payload = frame[2] if len(frame) > 2 else None
        return CallResult(message_id, payload if isinstance(payload, dict) else None, len(data))
    texts = [part if isinstance(part, str) else "" for part in frame[2:4]]
    code, description = [*texts, "", ""][:2]
    refusal = CallRefusal if kind == _CALL_ERROR else ResultRefusal
    return refusal(message_id, code or ErrorCode.GENERIC_ERROR, description[:MAX_DESCRIPTION_LENGTH])


def _kinds(protocol: str) -> frozenset[int]:
    return _KINDS_21 if protocol == OCPP21 else _KINDS


def _not_json(data: bytes, protocol: str) -> Unreadable:
    deviation = "frame is not JSON"
    head = _HEAD.match(data)
    if head is None:
        return Unreadable(deviation, None, ErrorCode.RPC_FRAMEWORK_ERROR)
    kind = int(head["kind"])
    if kind != _CALL:
        code = None if kind in _kinds(protocol) else ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED
        return Unreadable(deviation, None, code)
    if (text := head["text"]) is not None:
        return Unreadable(deviation, text.decode("ascii"), ErrorCode.FORMAT_VIOLATION)
    if (number := head["number"]) is not None:
        return Unreadable(deviation, int(number), ErrorCode.FORMAT_VIOLATION)
    return Unreadable(deviation, None, ErrorCode.RPC_FRAMEWORK_ERROR)


def _unusable(frame: list[Json], kind: int | None, message_id: MessageId | None, protocol: str) -> Unreadable:
    """Say what is wrong with an array that has no usable id or is of no kind that this version has."""
    if kind in _kinds(protocol):
        code = ErrorCode.RPC_FRAMEWORK_ERROR if kind == _CALL else None
        return Unreadable("message id is not usable", None, code)
    if len(frame) < 2:
        return Unreadable("frame is not an OCPP-J array", None, ErrorCode.RPC_FRAMEWORK_ERROR)
    return Unreadable("message type is unknown", message_id, ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED)


def _message_id(value: Json) -> MessageId | None:
    if isinstance(value, str) and len(value) <= MAX_MESSAGE_ID_LENGTH:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return None


def _oddities(message_id: MessageId) -> tuple[str, ...]:
    if isinstance(message_id, int):
        return ("message id is a number",)
    if len(message_id) > RULED_MESSAGE_ID_LENGTH:
        return ("message id is long",)
    return () if message_id else ("message id is empty",)


def _call(frame: list[Json], message_id: MessageId, digest: int, deviations: tuple[str, ...]) -> Call | Unreadable:
    confirmed = frame[0] == _CALL
    malformed = ErrorCode.RPC_FRAMEWORK_ERROR if confirmed else None
    if len(frame) != 4:
        return Unreadable("call has not four parts", message_id, malformed)
    action, payload = frame[2:]
    if not isinstance(action, str):
        return Unreadable("action is not a string", message_id, malformed)
    if not isinstance(payload, dict):
        return Unreadable("payload is not an object", message_id, ErrorCode.FORMAT_VIOLATION if confirmed else None)
    return Call(message_id, action, payload, digest, deviations, confirmed)


def refusal_of(frame: Unreadable, protocol: str) -> bytes | None:
    """Return the CALLERROR that an unreadable frame gets in this version, None for silence.

    OCPP 1.6 can't address an error without an id, and says that unknown message types are to be
    ignored (OCPP-J 1.6 section 4.1.3); later versions have an id and a code for these.
    """
    if frame.code is None:
        return None
    if protocol == OCPP16 and (frame.message_id is None or frame.code is ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED):
        return None
    message_id = NO_MESSAGE_ID if frame.message_id is None else frame.message_id
    return encode_error(protocol, message_id, frame.code, frame.deviation)


def encode_call(message_id: str, action: str, payload: Mapping[str, Json]) -> bytes:
    """Write a request; ValueError for what JSON can't carry."""
    return _dumps([_CALL, message_id, action, dict(payload)])


def encode_result(message_id: MessageId, payload: Mapping[str, Json]) -> bytes:
    """Write an answer; ValueError for what JSON can't carry."""
    return _dumps([_CALL_RESULT, message_id, dict(payload)])


def encode_result_error(message_id: str, code: ErrorCode, description: str) -> bytes:
    """Write a CALLRESULTERROR (OCPP 2.1): an answer of the station to one of our requests is of no use."""
    return _dumps([_CALL_RESULT_ERROR, message_id, code.value, description, {}])


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
