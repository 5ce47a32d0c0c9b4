"""JSON as a type, and careful reading of what the central system sent."""

from collections.abc import Mapping
from datetime import UTC, datetime

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None
type Payload = dict[str, Json]


class FormatError(Exception):
    """A field is missing or not of the type that OCPP 1.6 gives it."""


def text(payload: Mapping[str, Json], key: str) -> str:
    """Return a mandatory string; FormatError otherwise."""
    value = payload.get(key)
    if not isinstance(value, str):
        raise FormatError(f"{key} must be a string")
    return value


def integer(payload: Mapping[str, Json], key: str) -> int:
    """Return a mandatory integer; FormatError otherwise."""
    value = payload.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise FormatError(f"{key} must be an integer")
    return value


def number(payload: Mapping[str, Json], key: str) -> float:
    """Return a mandatory number; FormatError otherwise."""
    value = payload.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise FormatError(f"{key} must be a number")
    return float(value)


def mapping(payload: Mapping[str, Json], key: str) -> Payload:
    """Return a mandatory object; FormatError otherwise."""
    value = payload.get(key)
    if not isinstance(value, dict):
        raise FormatError(f"{key} must be an object")
    return value


def optional_text(payload: Mapping[str, Json], key: str) -> str | None:
    """Return a string or None when absent; FormatError for another type."""
    return text(payload, key) if key in payload else None


def optional_integer(payload: Mapping[str, Json], key: str) -> int | None:
    """Return an integer or None when absent; FormatError for another type."""
    return integer(payload, key) if key in payload else None


def moment(value: str) -> datetime:
    """Read an ISO 8601 time; one without a zone is UTC; FormatError when unreadable."""
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError as error:
        raise FormatError(f"unreadable time {value!r}") from error
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def optional_moment(payload: Mapping[str, Json], key: str) -> datetime | None:
    """Return a time or None when absent; FormatError when unreadable."""
    value = optional_text(payload, key)
    return None if value is None else moment(value)
