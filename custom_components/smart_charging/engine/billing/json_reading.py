"""Reads JSON objects that somebody else wrote, strictly: each refusal says where and why, as data."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
import re

MAX_NUMBER = Decimal(1_000_000)
MAX_DECIMALS = 6
MAX_SECONDS = 366 * 24 * 3600
_WRITTEN_DECIMALS = 40  # with zeros at the end
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class TariffFault(StrEnum):
    """Why a tariff is refused."""

    NOT_JSON = "not_json"
    TOO_LARGE = "too_large"  # the text
    MISSING = "missing"
    UNKNOWN_FIELD = "unknown_field"
    NOT_AN_OBJECT = "not_an_object"
    NOT_A_LIST = "not_a_list"
    NOT_A_TEXT = "not_a_text"
    NOT_A_NUMBER = "not_a_number"
    NOT_A_WHOLE_NUMBER = "not_a_whole_number"
    NOT_A_BOOLEAN = "not_a_boolean"
    NOT_A_TIME = "not_a_time"
    NOT_A_DATE = "not_a_date"
    NOT_A_DATE_TIME = "not_a_date_time"
    UNKNOWN_VALUE = "unknown_value"
    EMPTY = "empty"
    TOO_MANY = "too_many"
    TOO_LONG = "too_long"
    TOO_SMALL = "too_small"
    TOO_BIG = "too_big"
    TOO_PRECISE = "too_precise"
    NOT_FOR_THIS_TYPE = "not_for_this_type"
    CONTRADICTION = "contradiction"


class TariffError(ValueError):
    """Something in a tariff can't be; `path` as in "elements[0].price_components[1].price", "" for the whole."""

    def __init__(self, path: str, code: TariffFault) -> None:
        """Say where and why."""
        super().__init__(f"{path or 'tariff'}: {code.value}")
        self.path = path
        self.code = code


class JsonObject:
    """An object of whose fields each is asked for once; the rest is refused by `close`. None is as not there."""

    def __init__(self, value: object, path: str) -> None:
        """Refuse what is no object."""
        if not isinstance(value, Mapping):
            raise TariffError(path, TariffFault.NOT_AN_OBJECT)
        self._fields: dict[object, object] = {key: field for key, field in value.items() if field is not None}
        self.where = path

    def path(self, name: str) -> str:
        """Return where a field is."""
        return f"{self.where}.{name}" if self.where else name

    def close(self) -> None:
        """Refuse fields that nobody asked for."""
        for name in self._fields:
            raise TariffError(self.path(str(name)[:50]), TariffFault.UNKNOWN_FIELD)

    def has(self, name: str) -> bool:
        """Return whether a field is there and was not asked for yet."""
        return name in self._fields

    def drop(self, names: Iterable[str]) -> tuple[str, ...]:
        """Leave fields out; returns where those were that are there."""
        return tuple(self.path(name) for name in names if self._fields.pop(name, None) is not None)

    def child(self, name: str) -> JsonObject:
        """Return an object; one without fields where there is none."""
        return JsonObject(self._fields.pop(name, {}), self.path(name))

    def children(self, name: str, most: int) -> list[JsonObject]:
        """Return a list of at least one object."""
        return [JsonObject(one, f"{self.path(name)}[{number}]") for number, one in enumerate(self._list(name, most))]

    def text(self, name: str, longest: int) -> str | None:
        """Return a text that is not empty."""
        return self._take(name, lambda value, path: _text(value, path, longest))

    def one_of[E: StrEnum](self, name: str, kind: type[E]) -> E | None:
        """Return a value of an enum."""
        return self._take(name, lambda value, path: _one_of(value, path, kind))

    def set_of[E: StrEnum](self, name: str, kind: type[E]) -> frozenset[E]:
        """Return different values of an enum; none where there is no such field."""
        if not self.has(name):
            return frozenset()
        found = self._list(name, len(kind), empty=True)
        return frozenset(_one_of(one, f"{self.path(name)}[{number}]", kind) for number, one in enumerate(found))

    def number(self, name: str, *, least: Decimal = Decimal(0), most: Decimal = MAX_NUMBER) -> Decimal | None:
        """Return a number of few decimals within bounds."""
        return self._take(name, lambda value, path: as_number(value, path, least, most))

    def whole(self, name: str, *, least: int = 0, most: int) -> int | None:
        """Return a whole number within bounds."""
        return self._take(name, lambda value, path: _whole(value, path, least, most))

    def boolean(self, name: str) -> bool | None:
        """Return true or false."""
        return self._take(name, _boolean)

    def time(self, name: str) -> time | None:
        """Return a time of the day, hours and minutes."""
        return self._take(name, _time)

    def date(self, name: str) -> date | None:
        """Return a day."""
        return self._take(name, _date)

    def date_time(self, name: str) -> datetime | None:
        """Return a moment; without a zone it is UTC, as in OCPI."""
        return self._take(name, _date_time)

    def needed[T](self, name: str, value: T | None) -> T:
        """Refuse what is not there."""
        if value is None:
            raise TariffError(self.path(name), TariffFault.MISSING)
        return value

    def _take[T](self, name: str, read: Callable[[object, str], T]) -> T | None:
        return read(self._fields.pop(name), self.path(name)) if name in self._fields else None

    def _list(self, name: str, most: int, *, empty: bool = False) -> list[object]:
        value = self.needed(name, self._fields.pop(name, None))
        if not isinstance(value, list):
            raise TariffError(self.path(name), TariffFault.NOT_A_LIST)
        if not value and not empty:
            raise TariffError(self.path(name), TariffFault.EMPTY)
        if len(value) > most:
            raise TariffError(self.path(name), TariffFault.TOO_MANY)
        return value


def _text(value: object, path: str, longest: int) -> str:
    if not isinstance(value, str):
        raise TariffError(path, TariffFault.NOT_A_TEXT)
    if not value.strip():
        raise TariffError(path, TariffFault.EMPTY)
    if len(value) > longest:
        raise TariffError(path, TariffFault.TOO_LONG)
    return value


def _one_of[E: StrEnum](value: object, path: str, kind: type[E]) -> E:
    text = _text(value, path, 100)
    if text not in list(kind):
        raise TariffError(path, TariffFault.UNKNOWN_VALUE)
    return kind(text)


def as_number(value: object, path: str, least: Decimal = Decimal(0), most: Decimal = MAX_NUMBER) -> Decimal:
    """Return a finite number of few decimals within bounds; TariffError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TariffError(path, TariffFault.NOT_A_NUMBER)
    # repr is the shortest text that is the same float: 0.1 is meant as 0.1.
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise TariffError(path, TariffFault.NOT_A_NUMBER)
    if not least <= number <= most:
        raise TariffError(path, TariffFault.TOO_SMALL if number < least else TariffFault.TOO_BIG)
    if not number:
        return Decimal(0)
    if -int(number.as_tuple().exponent) > _WRITTEN_DECIMALS or Fraction(number) * 10**MAX_DECIMALS % 1:
        raise TariffError(path, TariffFault.TOO_PRECISE)
    return number


def _whole(value: object, path: str, least: int, most: int) -> int:
    number = as_number(value, path, Decimal(least), Decimal(most))
    if number != number.to_integral_value():
        raise TariffError(path, TariffFault.NOT_A_WHOLE_NUMBER)
    return int(number)


def _boolean(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise TariffError(path, TariffFault.NOT_A_BOOLEAN)
    return value


def _time(value: object, path: str) -> time:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise TariffError(path, TariffFault.NOT_A_TIME)
    return time.fromisoformat(value)


def _date(value: object, path: str) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise TariffError(path, TariffFault.NOT_A_DATE)
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise TariffError(path, TariffFault.NOT_A_DATE) from None


def _date_time(value: object, path: str) -> datetime:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) and "T" in value else None
        moment = None if found is None else found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except ValueError, OverflowError:
        moment = None
    if moment is None:
        raise TariffError(path, TariffFault.NOT_A_DATE_TIME)
    return moment
