"""Frames that begin sound and are then damaged: in their parts, in their payload, in their bytes."""

from collections.abc import Callable
from copy import deepcopy
import json
from random import Random

from .messages import Json, Messages

_SOUND_SHARE = 0.1
_RAW_SHARE = 0.05
_MAX_DEPTH = 5000

# What stands where something else was expected.
_STRANGE: tuple[Json, ...] = (
    None,
    True,
    False,
    0,
    -1,
    2,
    10**18,
    2**63,
    2**64,
    10**400,
    0.5,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    "",
    " ",
    "-1",
    "NaN",
    "\x00",
    "\ud800",
    "\udfff\ud800",
    "a" * 36,
    "a" * 37,
    "a" * 256,
    "a" * 257,
    "a" * 10_000,
    "__proto__",
    "{{ 7*7 }}",
    "<script>",
    "../../etc/passwd",
    "%s%n",
    "\u202e漢字\U0001f50c",
    "2026-06-01T10:00:00",
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:60Z",
    [],
    {},
    [[]],
    [{}],
    {"": ""},
    {"customData": {}},
    [None] * 100,
)
_SPLINTERS = (
    b"",
    b",",
    b":",
    b'"',
    b"[",
    b"]",
    b"{",
    b"}",
    b"\\",
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\n",
    b"NaN",
    b"-",
    b"1e999",
    b"9" * 5000,
    b"\\ud800",
    b"//",
    b"null",
    b"tru",
    b"\xed\xa0\x80",
    b'\\"',
)


def _strange(random: Random) -> Json:
    return deepcopy(random.choice(_STRANGE))


class Frames:
    """An endless row of frames of one version; the same for the same seed."""

    def __init__(self, protocol: str, seed: int, messages: Messages) -> None:
        """Begin a row."""
        self._protocol = protocol
        self._random = Random(f"{protocol} {seed}")
        self._messages = messages
        self._number = 0

    def next(self) -> bytes:
        """Return the next frame."""
        random = self._random
        if random.random() < _RAW_SHARE:
            return self._raw()
        frame = self._sound()
        harm = random.random()
        if harm < _SOUND_SHARE:
            return self._written(frame)
        if harm < 0.35:
            self._damage_parts(frame)
        elif harm < 0.7:
            for _ in range(random.randrange(1, 4)):
                _damage_payload(frame, random)
        data = self._written(frame)
        if harm > 0.6:
            for _ in range(random.randrange(1, 4)):
                data = self._damage_bytes(data)
        return data

    def _sound(self) -> list[Json]:
        random = self._random
        self._number += 1
        # A few ids come again, with the same or with other content.
        message_id: Json = f"f{self._number}" if random.random() < 0.95 else f"again{random.randrange(4)}"
        kind = random.choices((2, 3, 4, 5, 6), (80, 6, 6, 4, 4))[0]
        if kind == 3:
            return [3, message_id, {}]
        if kind in {4, 5}:
            return [kind, message_id, "InternalError", "", {}]
        action = random.choice(self._messages.actions)
        return [kind, message_id, action, self._messages.request(action, random)]

    def _written(self, frame: Json) -> bytes:
        indent = 2 if self._random.random() < 0.05 else None
        text = json.dumps(frame, indent=indent, ensure_ascii=self._random.random() < 0.5)
        return text.encode("utf-8", "surrogatepass")

    def _raw(self) -> bytes:
        random = self._random
        made: tuple[Callable[[], bytes], ...] = (
            lambda: random.randbytes(random.randrange(200)),
            lambda: b"[2," + random.randbytes(random.randrange(50)),
            lambda: b'[2,"r","Heartbeat",' + b"[" * random.randrange(_MAX_DEPTH),
            lambda: b"".join(random.choices(_SPLINTERS, k=random.randrange(20))),
        )
        return random.choice(made)()

    def _damage_parts(self, frame: list[Json]) -> None:
        random = self._random
        place = random.randrange(len(frame))
        match random.randrange(4):
            case 0:
                del frame[place]
            case 1:
                frame.insert(place, _strange(random))
            case 2:
                random.shuffle(frame)
            case _:
                frame[place] = _strange(random)

    def _damage_bytes(self, data: bytes) -> bytes:
        random = self._random
        begin = random.randrange(len(data) + 1)
        match random.randrange(4):
            case 0:
                return data[:begin]
            case 1:
                return data[:begin] + random.choice(_SPLINTERS) + data[begin:]
            case 2:
                return data[:begin] + data[begin + random.randrange(1, 20) :]
            case _:
                return data[:begin] + random.randbytes(1) + data[begin + 1 :]


def _damage_payload(frame: list[Json], random: Random) -> None:
    """Go down from the payload by a few steps, and exchange, drop or add something there."""
    at: Json = frame[-1]
    while at:
        if isinstance(at, dict):
            name = random.choice(list(at))
            inner = at[name]
        elif isinstance(at, list):
            place = random.randrange(len(at))
            inner = at[place]
        else:
            return
        if isinstance(inner, (dict, list)) and inner and random.random() < 0.7:
            at = inner
        elif isinstance(at, dict):
            _damage_object(at, name, random)
            return
        else:
            _damage_list(at, place, random)
            return


def _damage_object(at: dict[str, Json], name: str, random: Random) -> None:
    match random.randrange(4):
        case 0:
            del at[name]
        case 1:
            at[random.choice(("vendorThing", "", "__proto__", "x" * 300))] = _strange(random)
        case _:
            at[name] = _strange(random)


def _damage_list(at: list[Json], place: int, random: Random) -> None:
    match random.randrange(4):
        case 0:
            del at[place]
        case 1:
            at.extend(at[:50])
        case _:
            at[place] = _strange(random)
