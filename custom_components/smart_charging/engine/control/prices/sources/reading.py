"""What all readers of sources share: their forms, and reading a time, a number or a list from what Home Assistant gives."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain

from ..formula import PriceUnit, price_unit
from ..series import HOUR, PricePoint, ends

MOST_PRICES = 5000  # two weeks of five minutes, and some

type Attributes = Mapping[str, object]


class UnreadablePrices(ValueError):
    """What a source gave is not what it is known to give; `detail` names what is wrong."""

    def __init__(self, detail: str) -> None:
        """Name what is wrong."""
        super().__init__(detail)
        self.detail = detail


def _told_unit(attributes: Attributes) -> PriceUnit | None:
    """Return the unit that an entity tells for its state, in which most tell their lists too."""
    text = attributes.get("unit_of_measurement")
    return price_unit(text) if isinstance(text, str) else None


@dataclass(frozen=True, slots=True)
class AttributeSource:
    """A kind of entity whose attributes hold prices, or grams of CO2 in their place.

    `recognises` looks at the attributes' names and shapes alone; `points` reads the prices as they are told, in the
    unit that `unit` returns. Both raise UnreadablePrices.
    """

    key: str
    recognises: Callable[[Attributes], bool]
    points: Callable[[Attributes], list[PricePoint]]
    unit: Callable[[Attributes], PriceUnit | None] = field(default=_told_unit)


@dataclass(frozen=True, slots=True)
class PriceQuestion:
    """What an action is asked: the prices of a day, of an entry and a part of it (an area, a home), all in or not."""

    day: date
    entry_id: str = ""
    part: str = ""
    all_in: bool = False


@dataclass(frozen=True, slots=True)
class ActionSource:
    """An action whose response holds prices.

    `domain` is the integration's, whose entries are offered where `needs_entry`. `data` makes the action's data,
    `points` reads its response for a part; UnreadablePrices where it can't. `knows_all_in` is whether it can be asked for
    prices with all that a household pays, too.
    """

    key: str
    domain: str
    action: str
    unit: PriceUnit
    data: Callable[[PriceQuestion], dict[str, object]]
    points: Callable[[Attributes, str], list[PricePoint]]
    needs_entry: bool = True
    knows_all_in: bool = False


def listed(value: object, what: str) -> list[Attributes]:
    """Return a list of objects; nothing for None."""
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise UnreadablePrices(f"{what} is no list")
    if len(value) > MOST_PRICES:
        raise UnreadablePrices(f"{what} has more than {MOST_PRICES} entries")
    if not all(isinstance(item, Mapping) for item in value):
        raise UnreadablePrices(f"{what} has entries that are no objects")
    return [*value]


def has_entries(attributes: Attributes, name: str, *keys: str) -> bool:
    """Return whether an attribute is a list whose first entry has these keys."""
    value = attributes.get(name)
    if not isinstance(value, list | tuple) or not value:
        return False
    return isinstance(value[0], Mapping) and all(key in value[0] for key in keys)


def moment(value: object) -> datetime:
    """Return a time with its zone, from itself or from ISO 8601."""
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise UnreadablePrices(f"{str(value)[:40]} is no time") from None
    if at.utcoffset() is None:
        raise UnreadablePrices(f"{at} has no time zone")
    return at


def number(value: object) -> float | None:
    """Return a price or a mass, None where it is not known yet."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise UnreadablePrices(f"{str(value)[:40]} is no number")
    try:
        return float(value)
    except ValueError:
        raise UnreadablePrices(f"{value[:40] if isinstance(value, str) else value} is no number") from None


def spans(entries: Iterable[Attributes], start: str, end: str, price: str) -> list[PricePoint]:
    """Return entries that tell their beginning and end; those whose price is not known yet are left out."""
    return [*_made((moment(each.get(start)), moment(each.get(end)), number(each.get(price))) for each in entries)]


def starts(entries: Iterable[Attributes], start: str, price: str) -> list[PricePoint]:
    """Return entries that tell their beginning alone; those whose price is not known yet are left out."""
    told = [(moment(each.get(start)), number(each.get(price))) for each in entries]
    until = ends([begin for begin, _ in told], HOUR)
    return [*_made((begin, end, value) for (begin, value), end in zip(told, until, strict=True))]


def together(attributes: Attributes, *names: str) -> list[Attributes]:
    """Return the entries of several lists as one, as of today and tomorrow."""
    return [*chain.from_iterable(listed(attributes.get(name), name) for name in names)]


def _made(told: Iterable[tuple[datetime, datetime, float | None]]) -> Iterator[PricePoint]:
    for start, end, price in told:
        if price is not None:
            try:
                yield PricePoint(start, end, price)
            except ValueError as err:
                raise UnreadablePrices(f"{start}: {err}") from err
