"""What a frame is due, told from its bytes by the standard library alone, and whether it got that."""

from collections.abc import Sequence
from dataclasses import dataclass, field
import json
import math
import re

from .messages import Json

# Without InternalError, which no frame may bring about.
_ERROR_CODES = {
    "NotImplemented",
    "NotSupported",
    "ProtocolError",
    "SecurityError",
    "PropertyConstraintViolation",
    "TypeConstraintViolation",
    "GenericError",
}
_CODES_16 = _ERROR_CODES | {"FormationViolation", "OccurenceConstraintViolation"}
_CODES_2 = _ERROR_CODES | {
    "FormatViolation",
    "OccurrenceConstraintViolation",
    "RpcFrameworkError",
    "MessageTypeNotSupported",
}
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNCLEAR = object()  # how a reader takes it is its own affair


@dataclass(slots=True)
class Verdict:
    """Counts over many frames; `bad` keeps the first few that failed."""

    frames: int = 0
    unanswered: int = 0
    wrong: int = 0
    dropped_connections: int = 0
    bad: list[bytes] = field(default_factory=list)

    def add(self, other: Verdict) -> None:
        """Take over the counts of another."""
        self.frames += other.frames
        self.unanswered += other.unanswered
        self.wrong += other.wrong
        self.dropped_connections += other.dropped_connections
        self.bad = (self.bad + other.bad)[:5]

    @property
    def clean(self) -> bool:
        """Return whether nothing failed."""
        return not (self.unanswered or self.wrong or self.dropped_connections)

    def judge(self, protocol: str, frame: bytes, answers: Sequence[bytes]) -> None:
        """Count a frame and what came back before the next one was sent."""
        self.frames += 1
        due, message_id = _due(protocol, frame)
        if due and not answers:
            self.unanswered += 1
        elif (
            len(answers) > 1
            or (answers and due is False)
            or not all(_sound(protocol, answer, message_id) for answer in answers)
        ):
            self.wrong += 1
        else:
            return
        if len(self.bad) < 5:
            self.bad.append(frame[:300])


def _due(protocol: str, data: bytes) -> tuple[bool | None, object]:
    """Return whether an answer is due (None: it may be), and under which id."""
    try:
        frame: Json = json.loads(data.decode(), parse_constant=_no_constant, parse_int=_whole, parse_float=_finite)
    except ValueError, RecursionError:
        return None, _UNCLEAR
    newer = protocol != "ocpp1.6"
    if _SURROGATE.search(json.dumps(frame, ensure_ascii=False)):
        return None, _UNCLEAR
    if not isinstance(frame, list) or not frame:
        return newer, "-1"
    kind = frame[0] if type(frame[0]) is int else None
    if kind in ({3, 4, 5, 6} if protocol == "ocpp2.1" else {3, 4}):
        return False, None
    if len(frame) < 2 or not _usable(frame[1]):
        return newer, "-1"
    return (True if kind == 2 else newer), frame[1]


def _no_constant(name: str) -> Json:
    raise ValueError(name)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(digits)
    return value


def _whole(digits: str) -> int:
    value = int(digits)  # raises ValueError above 4300 digits
    if not -(2**63) <= value < 2**64:
        raise ValueError(digits)
    return value


def _usable(message_id: Json) -> bool:
    if isinstance(message_id, str):
        return len(message_id) <= 256
    return isinstance(message_id, int) and not isinstance(message_id, bool)


def _sound(protocol: str, answer: bytes, message_id: object) -> bool:
    frame = json.loads(answer.decode(), parse_constant=_no_constant)
    if message_id is not _UNCLEAR and (frame[1] != message_id or type(frame[1]) is not type(message_id)):
        return False
    if frame[0] == 3:
        return len(frame) == 3 and isinstance(frame[2], dict)
    codes = _CODES_16 if protocol == "ocpp1.6" else _CODES_2
    return frame[0] == 4 and len(frame) == 5 and frame[2] in codes and isinstance(frame[3], str) and frame[4] == {}
