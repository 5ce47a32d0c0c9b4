"""How numbers, times and bytes are written in JSON and read again, exactly; see `recorded_json.py`."""

import base64
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
import json
import math

from .model import Json

type Decode = Callable[[Json, str], object]


class RecordedJsonError(ValueError):
    """A JSON value is not what its type says; the message names the field."""


def encode_bytes(value: bytes) -> Json:
    """Return bytes as Base64 (RFC 4648 section 4)."""
    return base64.b64encode(value).decode()


def encode_decimal(value: Decimal) -> Json:
    """Return a number's digits; ValueError for one that is not finite."""
    if not value.is_finite():
        raise ValueError("a decimal number has to be finite")
    return str(value)


def encode_float(value: float) -> Json:
    """Return a float, also one that JSON cannot say."""
    return value if math.isfinite(value) else {"float": str(value)}


def _decode_float(value: Json, path: str) -> float:
    if isinstance(value, dict) and value.keys() == {"float"} and value["float"] in {"nan", "inf", "-inf"}:
        return float(value["float"])
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RecordedJsonError(f"{path}: {shown(value)} is no number")
    return value


def _decode_datetime(value: Json, path: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise RecordedJsonError(f"{path}: {shown(value)} is no time") from None
    if moment.tzinfo is None:
        raise RecordedJsonError(f"{path}: {shown(value)} has no zone")
    return moment


def _decode_date(value: Json, path: str) -> date:
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise RecordedJsonError(f"{path}: {shown(value)} is no day") from None


def _decode_time(value: Json, path: str) -> time:
    try:
        return time.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise RecordedJsonError(f"{path}: {shown(value)} is no time of day") from None


def _decode_decimal(value: Json, path: str) -> Decimal:
    try:
        number = Decimal(value if isinstance(value, str) else "")
    except InvalidOperation:
        raise RecordedJsonError(f"{path}: {shown(value)} is no decimal number") from None
    if not number.is_finite():
        raise RecordedJsonError(f"{path}: {shown(value)} is not finite")
    return number


def _decode_bytes(value: Json, path: str) -> bytes:
    try:
        return base64.b64decode(value if isinstance(value, str) else "?", validate=True)
    except ValueError:
        raise RecordedJsonError(f"{path}: {shown(value)} is no Base64") from None


READ: Mapping[object, Decode] = {
    bytes: _decode_bytes,
    date: _decode_date,
    datetime: _decode_datetime,
    Decimal: _decode_decimal,
    float: _decode_float,
    time: _decode_time,
}


def shown(value: Json) -> str:
    """Return the begin of a value for a message."""
    return json.dumps(value)[:40]
