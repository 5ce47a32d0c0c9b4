"""The room's state as plain JSON and back, by the types of its fields, so that signals and timers outlive a restart.

Fields that a later version wrote are passed over; what can't be understood is an error, never a guess. Keys of mappings
are text, or an EVSE as `station/evse`.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import Enum
import math
from types import UnionType
from typing import cast, get_args, get_origin, get_type_hints

from ..model import EvseKey, Json
from .grid_room import GridState

VERSION = 1

type _Decode = Callable[[Json, str], object]


class GridMemoryError(ValueError):
    """What was kept is not understood; the message names the place. `without_memory` is the state to go on with."""


def to_json(state: GridState) -> dict[str, Json]:
    """Return the state as JSON."""
    encoded = _encode(state)
    assert isinstance(encoded, dict)
    return {"version": VERSION, **encoded}


def from_json(value: Json) -> GridState:
    """Return the state that was kept; GridMemoryError where it is not understood."""
    kept = _object(value, "grid")
    if kept.get("version") != VERSION:
        raise GridMemoryError(f"grid.version: {kept.get('version')!r} is not {VERSION}")
    return cast(GridState, _decoder(GridState)(kept, "grid"))


def _encode(value: object) -> Json:
    match value:
        case Enum():
            return cast(str | int, value.value)
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return value.isoformat()
        case EvseKey():
            return str(value)
        case Mapping():
            return {str(key): _encode(one) for key, one in value.items()}
        case frozenset() | tuple():
            return [_encode(one) for one in (sorted(value) if isinstance(value, frozenset) else value)]
    if is_dataclass(value):
        return {one.name: _encode(getattr(value, one.name)) for one in fields(value)}
    raise TypeError(f"{type(value).__name__} can't be kept")


def _decoder(hint: object) -> _Decode:
    origin, parts = get_origin(hint), get_args(hint)
    if origin is UnionType:
        (inner,) = (one for one in parts if one is not type(None))
        decode = _decoder(inner)
        return lambda value, path: None if value is None else decode(value, path)
    if origin in {tuple, frozenset}:
        make = cast(Callable[[list[object]], object], origin)
        item = _decoder(parts[0])
        return lambda value, path: make([item(one, f"{path}[{at}]") for at, one in enumerate(_list(value, path))])
    if origin is Mapping:
        return _mapping(_decoder(parts[0]), _decoder(parts[1]))
    if hint in _PLAIN:
        return _PLAIN[hint]
    kind = cast(type, hint)
    if issubclass(kind, Enum):
        return _enum(kind)
    return _dataclass(kind)


def _mapping(key: _Decode, item: _Decode) -> _Decode:
    def decode(value: Json, path: str) -> object:
        found = _object(value, path)
        return {key(name, path): item(one, f"{path}.{name}") for name, one in found.items()}

    return decode


def _dataclass(kind: type) -> _Decode:
    def decode(value: Json, path: str) -> object:
        found, hints = _object(value, path), get_type_hints(kind)
        values = {}
        for one in fields(kind):
            if one.name in found:
                values[one.name] = _decoder(hints[one.name])(found[one.name], f"{path}.{one.name}")
            elif one.default is MISSING and one.default_factory is MISSING:
                raise GridMemoryError(f"{path}.{one.name}: is missing")
        try:
            return kind(**values)
        except ValueError as error:
            raise GridMemoryError(f"{path}: {error}") from error

    return decode


def _enum(kind: type[Enum]) -> _Decode:
    def decode(value: Json, path: str) -> object:
        try:
            return kind(value)
        except ValueError:
            raise GridMemoryError(f"{path}: {value!r} is no {kind.__name__}") from None

    return decode


def _decode_datetime(value: Json, path: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise GridMemoryError(f"{path}: {value!r} is no time") from None
    if moment.tzinfo is None:
        raise GridMemoryError(f"{path}: {value!r} has no zone")
    return moment


def _decode_evse(value: Json, path: str) -> EvseKey:
    station, _, evse = value.rpartition("/") if isinstance(value, str) else ("", "", "")
    if not (station and evse.isascii() and evse.isdigit()):
        raise GridMemoryError(f"{path}: {value!r} is no EVSE")
    return EvseKey(station, int(evse))


def _decode_float(value: Json, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise GridMemoryError(f"{path}: {value!r} is no number")
    return float(value)


def _decode_exactly(kind: type) -> _Decode:
    def decode(value: Json, path: str) -> object:
        if type(value) is not kind:
            raise GridMemoryError(f"{path}: {value!r} is no {kind.__name__}")
        return value

    return decode


_PLAIN: Mapping[object, _Decode] = {
    bool: _decode_exactly(bool),
    int: _decode_exactly(int),
    str: _decode_exactly(str),
    float: _decode_float,
    datetime: _decode_datetime,
    EvseKey: _decode_evse,
}


def _list(value: Json, path: str) -> list[Json]:
    if not isinstance(value, list):
        raise GridMemoryError(f"{path}: {value!r} is no list")
    return value


def _object(value: Json, path: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise GridMemoryError(f"{path}: {value!r} is no object")
    return value
