"""Frozen values to JSON and back, exactly, by their type hints: for what is recorded and what is remembered.

A dataclass becomes an object, a tuple a list, a set a sorted list, a mapping an object or, where its keys are no text,
a list of pairs, an enum its value, a time or a day its ISO 8601 form, a decimal number its digits as text, bytes their
Base64, and a float that JSON cannot say `{"float": "inf"}`.
Objects of shared types are written once as a part and referred to by its number.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, time
from decimal import Decimal
from enum import Enum
import json
from types import UnionType
from typing import Union, cast, get_args, get_origin, get_type_hints

from .config import NOT_RECORDED
from .model import Json
from .recorded_scalars import READ, Decode, RecordedJsonError, encode_bytes, encode_decimal, encode_float, shown

__all__ = ["Decoder", "Encoder", "RecordedJsonError", "Replacement"]

type Replacement = Callable[[object], object]
type _Encode = Callable[[object], Json]

_PLAIN: Mapping[object, type] = {bool: bool, int: int, str: str}


class Encoder:
    """Writes values; `parts` grows by each shared object that was not written before.

    `replaced` gives for a dataclass's field what is written in place of its value. With `sparse`, fields that have
    their default are left out: what is written stays the same when a later version adds a field.
    """

    def __init__(
        self,
        shared: frozenset[type] = frozenset(),
        replaced: Mapping[tuple[type, str], Replacement] | None = None,
        *,
        sparse: bool = False,
    ) -> None:
        """Begin without parts."""
        self._sparse = sparse
        self.parts: list[Json] = []
        self._shared = shared
        self._replaced = replaced or {}
        self._encoders: dict[object, _Encode] = {}
        self._numbers: dict[str, int] = {}
        self._seen: dict[int, tuple[object, int]] = {}  # by identity; the object is held so that its id stays its own

    def encode(self, value: object) -> Json:
        """Return a dataclass instance as JSON; TypeError for hints that cannot be written."""
        return self._encoder(type(value))(value)

    def _encoder(self, hint: object) -> _Encode:
        found = self._encoders.get(hint)
        if found is None:
            found = self._encoders[hint] = self._make(hint)
        return found

    def _make(self, hint: object) -> _Encode:
        origin = get_origin(hint)
        if origin in {Union, UnionType}:
            return self._union(get_args(hint))
        if origin is tuple:
            return self._tuple(get_args(hint))
        if origin is frozenset:
            each = self._encoder(get_args(hint)[0])
            return lambda value: [each(item) for item in sorted(cast(frozenset[str], value))]
        if origin is Mapping:
            return self._mapping(get_args(hint))
        if isinstance(hint, type):
            return self._of_type(hint)
        raise TypeError(f"{hint} cannot be recorded")

    def _of_type(self, hint: type) -> _Encode:
        if is_dataclass(hint):
            encode = self._dataclass(hint)
            return self._sharing(encode) if hint in self._shared else encode
        if issubclass(hint, Enum):
            return lambda value: cast(Enum, value).value
        if issubclass(hint, date | time):
            return lambda value: cast(date, value).isoformat()
        if hint is Decimal:
            return lambda value: encode_decimal(cast(Decimal, value))
        if hint is bytes:
            return lambda value: encode_bytes(cast(bytes, value))
        if hint is float:
            return lambda value: encode_float(cast(float, value))
        if hint in _PLAIN or hint is type(None):
            return lambda value: cast(Json, value)
        raise TypeError(f"{hint} cannot be recorded")

    def _union(self, options: Sequence[object]) -> _Encode:
        kinds = [option for option in options if option is not type(None)]
        if len(kinds) == 1:
            only = self._encoder(kinds[0])
            return lambda value: None if value is None else only(value)
        # Beside None these are scalars only, which say themselves what they are.
        return lambda value: None if value is None else self._encoder(type(value))(value)

    def _tuple(self, items: Sequence[object]) -> _Encode:
        if len(items) == 2 and items[1] is Ellipsis:
            each = self._encoder(items[0])
            return lambda value: [each(item) for item in cast(tuple[object, ...], value)]
        encoders = [self._encoder(item) for item in items]
        return lambda value: [
            encode(item) for encode, item in zip(encoders, cast(tuple[object, ...], value), strict=True)
        ]

    def _mapping(self, items: Sequence[object]) -> _Encode:
        key, each = self._encoder(items[0]), self._encoder(items[1])
        if items[0] is str:
            return lambda value: {name: each(item) for name, item in cast(Mapping[str, object], value).items()}
        return lambda value: [[key(one), each(item)] for one, item in cast(Mapping[object, object], value).items()]

    def _dataclass(self, kind: type) -> _Encode:
        hints = get_type_hints(kind)
        members = [
            (field.name, self._encoder(hints[field.name]), self._replaced.get((kind, field.name)))
            for field in fields(kind)
            if not field.metadata.get(NOT_RECORDED)
        ]
        if self._sparse:
            return _sparse(members, {field.name: _default(field) for field in fields(kind)})

        def encode(value: object) -> Json:
            return {
                name: one(getattr(value, name) if replaced is None else replaced(getattr(value, name)))
                for name, one, replaced in members
            }

        return encode

    def _sharing(self, encode: _Encode) -> _Encode:
        def refer(value: object) -> Json:
            seen = self._seen.get(id(value))
            if seen is not None:
                return seen[1]
            part = encode(value)
            text = json.dumps(part)
            number = self._numbers.get(text)
            if number is None:
                number = self._numbers[text] = len(self.parts)
                self.parts.append(part)
            self._seen[id(value)] = (value, number)
            return number

        return refer


class Decoder:
    """Reads what an `Encoder` with the same shared types wrote; put its parts into `parts` first."""

    def __init__(self, shared: frozenset[type] = frozenset()) -> None:
        """Begin without parts."""
        self.parts: list[Json] = []
        self._shared = shared
        self._decoders: dict[object, Decode] = {}
        self._decoded: dict[tuple[type, int], object] = {}

    def decode[T](self, kind: type[T], value: Json, path: str) -> T:
        """Return an instance of the dataclass; RecordedJsonError, with the field after `path`, for other JSON.

        Fields that are missing take their default; fields that are not known are refused.
        """
        return cast(T, self._decoder(kind)(value, path))

    def _decoder(self, hint: object) -> Decode:
        found = self._decoders.get(hint)
        if found is None:
            found = self._decoders[hint] = self._make(hint)
        return found

    def _make(self, hint: object) -> Decode:
        origin = get_origin(hint)
        if origin in {Union, UnionType}:
            return self._union(get_args(hint))
        if origin is tuple:
            return self._tuple(get_args(hint))
        if origin is frozenset:
            each = self._tuple((*get_args(hint), Ellipsis))
            return lambda value, path: frozenset(cast(tuple[object, ...], each(value, path)))
        if origin is Mapping:
            return self._mapping(get_args(hint))
        if isinstance(hint, type):
            return self._of_type(hint)
        raise TypeError(f"{hint} cannot be recorded")

    def _of_type(self, hint: type) -> Decode:
        if is_dataclass(hint):
            decode = self._dataclass(hint)
            return self._sharing(hint, decode) if hint in self._shared else decode
        if issubclass(hint, Enum):
            return _decode_enum(hint)
        if hint in READ:
            return READ[hint]
        if hint in _PLAIN:
            return _decode_plain(hint)
        raise TypeError(f"{hint} cannot be recorded")

    def _union(self, options: Sequence[object]) -> Decode:
        decoders = [self._decoder(option) for option in options if option is not type(None)]
        optional = type(None) in options
        if len(decoders) == 1:
            only = decoders[0]
            return lambda value, path: None if value is None and optional else only(value, path)

        def decode(value: Json, path: str) -> object:
            if value is None and optional:
                return None
            for one in decoders[:-1]:
                try:
                    return one(value, path)
                except RecordedJsonError:
                    continue
            return decoders[-1](value, path)

        return decode

    def _tuple(self, items: Sequence[object]) -> Decode:
        if len(items) == 2 and items[1] is Ellipsis:
            each = self._decoder(items[0])
            return lambda value, path: tuple(
                each(item, f"{path}[{index}]") for index, item in enumerate(_list(value, path))
            )
        decoders = [self._decoder(item) for item in items]

        def decode(value: Json, path: str) -> object:
            found = _list(value, path)
            if len(found) != len(decoders):
                raise RecordedJsonError(f"{path}: has {len(found)} items, not {len(decoders)}")
            return tuple(
                one(item, f"{path}[{index}]") for index, (one, item) in enumerate(zip(decoders, found, strict=True))
            )

        return decode

    def _mapping(self, items: Sequence[object]) -> Decode:
        each = self._decoder(items[1])
        if items[0] is str:
            return lambda value, path: {
                name: each(item, f"{path}.{name}") for name, item in _object(value, path).items()
            }
        pair = self._tuple(items)

        def decode(value: Json, path: str) -> object:
            pairs = (pair(one, f"{path}[{index}]") for index, one in enumerate(_list(value, path)))
            return dict(cast("Sequence[tuple[object, object]]", [*pairs]))

        return decode

    def _dataclass(self, kind: type) -> Decode:
        hints = get_type_hints(kind)
        members = {
            field.name: self._decoder(hints[field.name])
            for field in fields(kind)
            if not field.metadata.get(NOT_RECORDED)
        }
        needed = {field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING}

        def decode(value: Json, path: str) -> object:
            found = _object(value, path)
            for name in found:
                if name not in members:
                    raise RecordedJsonError(f"{path}.{name}: this version knows no such field")
            for name in needed:
                if name not in found:
                    raise RecordedJsonError(f"{path}.{name}: is missing")
            values = {name: members[name](item, f"{path}.{name}") for name, item in found.items()}
            try:
                return kind(**values)
            except ValueError as error:
                raise RecordedJsonError(f"{path}: {error}") from error

        return decode

    def _sharing(self, kind: type, decode: Decode) -> Decode:
        def resolve(value: Json, path: str) -> object:
            if isinstance(value, bool) or not isinstance(value, int):
                return decode(value, path)
            if not 0 <= value < len(self.parts):
                raise RecordedJsonError(f"{path}: there is no part {value}")
            found = self._decoded.get((kind, value))
            if found is None:
                found = self._decoded[(kind, value)] = decode(self.parts[value], path)
            return found

        return resolve


def _default(field: Field[object]) -> object:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default


def _sparse(members: Sequence[tuple[str, _Encode, Replacement | None]], defaults: Mapping[str, object]) -> _Encode:
    def encode(value: object) -> Json:
        found = ((name, one, replaced, getattr(value, name)) for name, one, replaced in members)
        return {
            name: one(item if replaced is None else replaced(item))
            for name, one, replaced, item in found
            if not _same(item, defaults[name])
        }

    return encode


def _same(value: object, default: object) -> bool:
    """Return whether a value is its default in every digit."""
    return value is default or (value == default and repr(value) == repr(default))


def _decode_plain(kind: type) -> Decode:
    def decode(value: Json, path: str) -> object:
        if type(value) is not kind:
            raise RecordedJsonError(f"{path}: {shown(value)} is no {kind.__name__}")
        return value

    return decode


def _decode_enum(kind: type[Enum]) -> Decode:
    members = {member.value: member for member in kind}

    def decode(value: Json, path: str) -> object:
        if not isinstance(value, str | int) or value not in members:
            raise RecordedJsonError(f"{path}: this version knows no {kind.__name__} {shown(value)}")
        return members[value]

    return decode


def _list(value: Json, path: str) -> list[Json]:
    if not isinstance(value, list):
        raise RecordedJsonError(f"{path}: {shown(value)} is no list")
    return value


def _object(value: Json, path: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise RecordedJsonError(f"{path}: {shown(value)} is no object")
    return value
