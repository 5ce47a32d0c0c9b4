"""What is added to or taken off what a stay used: caps, the least and the most it costs, what is free, shares."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction

from ..charge_record import LineKind
from ..tariff import Tariff
from .counting import Item
from .local_clock import month_of

type Place = Callable[[Fraction], Fraction]  # puts an amount to where money is rounded, or leaves it

_NONE = Fraction(0)


def over_caps(items: Iterable[Item], caps: Mapping[int, Decimal], place: Place) -> list[Item]:
    """Return what takes off what standing there costs more than a component's cap, on the days when it does."""
    capped: dict[int, list[Item]] = {}
    for item in items:
        if item.capped is not None:
            capped.setdefault(item.capped, []).append(item)
    return [
        Item(LineKind.ADJUSTMENT, day, ones[0].vat, money=-over)
        for number, ones in sorted(capped.items())
        for day, over in _over_by_day(ones, place(Fraction(caps[number])))
    ]


def within_bounds(items: list[Item], tariff: Tariff, last_day: date, place: Place) -> list[Item]:
    """Return what brings a stay to its `min_price` or `max_price`.

    The most holds on each day for the stay up to it. The least holds at the end, and not for a stay with free energy.
    """
    total = sum((item.money for item in items), _NONE)
    most = None if tariff.max_price is None else place(Fraction(tariff.max_price))
    least = None if tariff.min_price is None else place(Fraction(tariff.min_price))
    if most is not None and least is not None:
        least = min(least, most)
    if least is not None and total < least and not any(item.kind is LineKind.ALLOWANCE for item in items):
        return _spread(least - total, LineKind.ADJUSTMENT, last_day, _rates(items, items, tariff), place)
    if most is None:
        return []
    return [
        part
        for day, over in _over_by_day(items, most)
        for part in _spread(
            -over,
            LineKind.ADJUSTMENT,
            day,
            _rates([item for item in items if item.day == day], items, tariff),
            place,
        )
    ]


def free_amounts(items: list[Item], left: Mapping[date, Decimal], tariff: Tariff, place: Place) -> list[Item]:
    """Return what of an amount of money that is free in each month is used, up to what the month's items cost."""
    found: list[Item] = []
    for month, amount in sorted(left.items()):
        ones = [item for item in items if month_of(item.day) == month]
        used = min(place(Fraction(amount)), sum((item.money for item in ones), _NONE))
        if used > 0:
            day = max(item.day for item in ones)
            found += _spread(-used, LineKind.ALLOWANCE, day, _rates(ones, ones, tariff), place)
    return found


def employer_part(items: Iterable[Item], share: Decimal, place: Place) -> list[Item]:
    """Return what the employer bears, of each day and tax rate."""
    sums: dict[tuple[date, Decimal], Fraction] = {}
    for item in items:
        sums[item.day, item.vat] = sums.get((item.day, item.vat), _NONE) + item.money
    parts = [(day, vat, place(money * Fraction(share))) for (day, vat), money in sorted(sums.items())]
    return [Item(LineKind.EMPLOYER, day, vat, money=-part) for day, vat, part in parts if part]


def _over_by_day(items: Iterable[Item], most: Fraction) -> list[tuple[date, Fraction]]:
    """Return for each day by how much more the sum up to it is above the most than it was before."""
    days: dict[date, Fraction] = {}
    for item in items:
        days[item.day] = days.get(item.day, _NONE) + item.money
    total, before, found = _NONE, _NONE, []
    for day in sorted(days):
        total += days[day]
        over = max(total - most, _NONE)
        if over != before:
            found.append((day, over - before))
        before = over
    return found


def _rates(items: list[Item], of_stay: list[Item], tariff: Tariff) -> dict[Decimal, Fraction]:
    """Return what an amount is split over: the tax rates of what costs something, or else the tariff's first."""
    for ones in (items, of_stay):
        sums: dict[Decimal, Fraction] = {}
        for item in ones:
            sums[item.vat] = sums.get(item.vat, _NONE) + item.money
        positive = {vat: money for vat, money in sorted(sums.items()) if money > 0}
        if positive:
            return positive
    components = [component for element in tariff.elements for component in element.components]
    first = components[0].vat if components else None
    return {tariff.vat if first is None else first: Fraction(1)}


def _spread(money: Fraction, kind: LineKind, day: date, rates: Mapping[Decimal, Fraction], place: Place) -> list[Item]:
    """Split an amount over tax rates so that the parts are placed and sum to it."""
    whole, total, before, parts = sum(rates.values(), _NONE), _NONE, _NONE, []
    for vat, weight in rates.items():
        total += money * weight / whole
        parts.append(Item(kind, day, vat, money=place(total) - before))
        before = place(total)
    return [part for part in parts if part.money]
