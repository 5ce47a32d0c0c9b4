"""Statements as JSON: to keep them, to hash them, to hand them out.

Keys are the names of the fields. Decimals are strings, times are in UTC by ISO 8601, an image is Base64. A field that
has its default is left out, so that what a later version of the software adds changes no hash of before.
"""

import base64
import binascii
from collections.abc import Callable, Hashable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cache
import hashlib
import json
from types import NoneType, UnionType
from typing import Final, cast, get_args, get_origin, get_type_hints

from ..charge_record import Statement
from ..model import Json

FORMAT: Final = "smart_charging.statement"
FORMAT_VERSION: Final = 1

type _Decoder = Callable[[object], object]

_CANONICAL = json.JSONEncoder(separators=(",", ":"), sort_keys=True, ensure_ascii=True, allow_nan=False)
_NO_DEFAULT: Final = object()


def statement_to_json(statement: Statement) -> dict[str, Json]:
    """Return all of a statement. ValueError for a time without zone and a number that is none."""
    head: dict[str, Json] = {"format": FORMAT, "format_version": FORMAT_VERSION}
    return head | _object(statement)


def statement_from_json(data: Json) -> Statement:
    """Return the statement that `statement_to_json` wrote; ValueError for anything else."""
    if not isinstance(data, dict) or data.get("format") != FORMAT or data.get("format_version") != FORMAT_VERSION:
        raise ValueError("this is no statement, or one of a later version")
    content = {name: value for name, value in data.items() if name not in {"format", "format_version"}}
    return cast(Statement, _decoder(Statement)(content))


def canonical_json(statement: Statement) -> str:
    """Return a statement's JSON in the one form that is kept: sorted keys, no spaces, ASCII."""
    return _CANONICAL.encode(statement_to_json(statement))


def statement_hash(statement: Statement) -> str:
    """Return the SHA-256 of all of a statement but its own hash, that of the statement before included."""
    content = statement_to_json(statement)
    content.pop("hash", None)
    return hashlib.sha256(_CANONICAL.encode(content).encode()).hexdigest()


def verify(statement: Statement) -> bool:
    """Return whether a statement says what it said when its hash was made."""
    return statement.hash == statement_hash(statement)


def _object(value: object) -> dict[str, Json]:
    told: dict[str, Json] = {}
    for name, default in _fields(cast(Hashable, type(value))):
        content = getattr(value, name)
        # As 0 and 0.00 are equal, and no default may stand for both.
        if content == default and str(content) == str(default):
            continue
        told[name] = _plain(content)
    return told


@cache
def _fields(kind: Hashable) -> tuple[tuple[str, object], ...]:
    assert isinstance(kind, type) and is_dataclass(kind)
    return tuple((one.name, _default(one)) for one in fields(kind))


def _default(one: Field[object]) -> object:
    if one.default is not MISSING:
        return one.default
    return _NO_DEFAULT if one.default_factory is MISSING else one.default_factory()


def _plain(value: object) -> Json:
    """Return a value as JSON; TypeError for what no statement holds."""
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if is_dataclass(value):
        return _object(value)
    return _written(value)


def _written(value: object) -> str:
    """Return a value as a text that it can be read from again."""
    match value:
        case Decimal() if value.is_finite():
            return str(value)
        case datetime() if value.tzinfo is not None:
            return value.astimezone(UTC).isoformat()
        case Decimal() | datetime():
            raise ValueError("a statement has finite numbers and times with a zone")
        case date():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode()
    raise TypeError(f"a statement holds no {type(value).__name__}")


@cache
def _decoder(kind: Hashable) -> _Decoder:
    """Return what reads values of a type, as the fields of a statement have it."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return _optional(_decoder(next(one for one in arguments if one is not NoneType)))
    if origin is tuple:
        return _several(_decoder(arguments[0]))
    if origin is Mapping:
        return _mapping
    assert isinstance(kind, type)
    if is_dataclass(kind):
        return _dataclass(kind)
    if issubclass(kind, StrEnum):
        return _told_as(str, kind)
    return _PLAIN[kind]


def _told_as[T](told: type[T], read: Callable[[T], object]) -> _Decoder:
    def decode(value: object) -> object:
        if type(value) is not told:
            raise ValueError(f"a statement has something else where a {told.__name__} belongs")
        return read(value)

    return decode


def _optional(decoder: _Decoder) -> _Decoder:
    return lambda value: None if value is None else decoder(value)


def _several(decoder: _Decoder) -> _Decoder:
    return _told_as(list, lambda values: tuple(decoder(value) for value in values))


def _texts(values: dict[str, object]) -> dict[str, object]:
    return {name: _PLAIN[str](value) for name, value in values.items()}


def _dataclass(kind: type) -> _Decoder:
    hints = get_type_hints(kind)
    decoders = {name: _decoder(hints[name]) for name, _ in _fields(kind)}
    needed = {name for name, default in _fields(kind) if default is _NO_DEFAULT}

    def read(values: dict[str, object]) -> object:
        if not needed <= values.keys() <= decoders.keys():
            raise ValueError(f"a {kind.__name__} of a statement lacks a field or has one too many")
        return kind(**{name: decoders[name](value) for name, value in values.items()})

    return _told_as(dict, read)


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError("a statement has a text where a number belongs") from None
    if not value.is_finite():
        raise ValueError("a number of a statement is finite")
    return value


def _time(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError("a time of a statement has a zone")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time of a statement is of this calendar") from None


def _image(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("an image of a statement is Base64") from None


_mapping = _told_as(dict, _texts)
_PLAIN: Final[Mapping[object, _Decoder]] = {
    str: _told_as(str, lambda value: value),
    int: _told_as(int, lambda value: value),
    bool: _told_as(bool, lambda value: value),
    Decimal: _told_as(str, _decimal),
    datetime: _told_as(str, _time),
    date: _told_as(str, date.fromisoformat),
    bytes: _told_as(str, _image),
}
