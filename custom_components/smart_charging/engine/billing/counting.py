"""What a stay used, counted by what its lines are told apart by: exact quantities and amounts of money."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
import math

from ..charge_record import LineKind
from ..usage import EnergySource
from .local_clock import HOUR, month_of
from .rules import Rate
from .slices import Slice

_ORDER = tuple(LineKind)
_NONE = Fraction(0)


@dataclass(frozen=True, slots=True)
class Item:
    """An exact line: `money` is before or after tax, as the tariff's prices are.

    `capped` is the number of the component whose cap it counts for.
    """

    kind: LineKind
    day: date
    vat: Decimal
    source: EnergySource | None = None
    unit_price: Decimal | None = None
    capped: int | None = None
    quantity: Fraction = _NONE
    money: Fraction = _NONE

    @property
    def place(self) -> tuple[date, int, str, Decimal, Decimal, int]:
        """Return what items are sorted by: the day first, so that the lines up to a month's end are the first ones."""
        return (
            self.day,
            _ORDER.index(self.kind),
            self.source or "",
            self.unit_price if self.unit_price is not None else Decimal(0),
            self.vat,
            -1 if self.capped is None else self.capped,
        )


@dataclass(frozen=True, slots=True)
class _Part:
    """A quantity of one price."""

    rate: Rate
    quantity: Fraction
    price: Fraction


@dataclass(slots=True)
class _Sum:
    """What was used of one price on one day."""

    rate: Rate
    quantity: Fraction = _NONE
    money: Fraction = _NONE  # of a price that moves


class UseCount:
    """Counts slices in order. `free_kwh` is what energy of each month, by its first day, is free of charge."""

    def __init__(self, free_kwh: Mapping[date, Decimal]) -> None:
        """Begin with nothing."""
        self._free = {month: Fraction(kwh) for month, kwh in free_kwh.items()}
        self._sums: dict[tuple[LineKind, date, int], _Sum] = {}
        self._last: dict[LineKind, tuple[date, _Part]] = {}  # what a step adds is added there
        self._flat = False

    def add(self, one: Slice) -> None:
        """Count a slice."""
        if not self._flat and one.rates.flat is not None:
            self._flat = True
            rate = one.rates.flat
            self._count(LineKind.FLAT, one.day, _Part(rate, Fraction(1), rate.price(None)))
        self._energy(one.day, _energy_parts(one))
        if one.length:
            self._time(one)

    def items(self) -> list[Item]:
        """Return what was counted, with what the steps add; to be called once, at the end."""
        self._round_up(LineKind.ENERGY, Fraction(1, 1000))
        # OCPI 2.2.1, CDRs: once for charging and standing combined, and where both are paid for, of the standing.
        self._round_up(LineKind.PARKING if LineKind.PARKING in self._last else LineKind.TIME, Fraction(1, 3600))
        found: dict[Item, Item] = {}
        for (kind, day, _number), sums in self._sums.items():
            key = _key(kind, day, sums.rate)
            so_far = found.get(key, key)
            money = sums.money if sums.rate.per_unit is None else sums.quantity * sums.rate.per_unit
            found[key] = replace(so_far, quantity=so_far.quantity + sums.quantity, money=so_far.money + money)
        return sorted(found.values(), key=lambda item: item.place)

    def _time(self, one: Slice) -> None:
        kind = LineKind.TIME if one.charging else LineKind.PARKING
        rate = one.rates.time if one.charging else one.rates.parking
        if rate is None or (not one.charging and one.standing < rate.component.grace_s * 1_000_000):
            return
        part = _Part(rate, Fraction(one.length, HOUR), rate.price(None))
        self._last[kind] = one.day, part
        self._count(kind, one.day, part)

    def _energy(self, day: date, parts: list[_Part]) -> None:
        for part in parts:
            self._last[LineKind.ENERGY] = day, part
            self._count(LineKind.ENERGY, day, part)
        self._take_free(day, parts)

    def _take_free(self, day: date, parts: list[_Part]) -> None:
        """Take off what is free: the first energy of the month that costs anything, of all sources alike."""
        left = self._free.get(month_of(day), _NONE)
        costing = [part for part in parts if part.price > 0]
        if left <= 0 or not costing:
            return
        energy = sum((part.quantity for part in costing), _NONE)
        share = min(left / energy, Fraction(1))
        self._free[month_of(day)] = left - energy * share
        for part in costing:
            self._count(LineKind.ALLOWANCE, day, replace(part, quantity=-part.quantity * share))

    def _count(self, kind: LineKind, day: date, part: _Part) -> None:
        key = kind, day, part.rate.number
        sums = self._sums.get(key)
        if sums is None:
            sums = self._sums[key] = _Sum(part.rate)
        sums.quantity += part.quantity
        if part.rate.per_unit is None:
            sums.money += part.quantity * part.price

    def _round_up(self, kind: LineKind, unit: Fraction) -> None:
        """Add what the step of the last price is more than what was used in all (OCPI 2.2.1, CDRs, "step_size")."""
        day, last = self._last.get(kind, (None, None))
        if day is None or last is None or last.rate.component.step_size < 1:
            return
        step = unit * last.rate.component.step_size
        total = sum((sums.quantity for (of, _day, _number), sums in self._sums.items() if of is kind), _NONE)
        missing = math.ceil(total / step) * step - total
        if not missing:
            return
        part = replace(last, quantity=missing)
        self._count(kind, day, part)
        if kind is LineKind.ENERGY:
            self._take_free(day, [part])


def _key(kind: LineKind, day: date, rate: Rate) -> Item:
    component = rate.component
    capped = rate.number if kind is LineKind.PARKING and component.cap is not None else None
    return Item(kind, day, rate.vat, component.source, None if rate.per_unit is None else component.price, capped)


def _energy_parts(one: Slice) -> list[_Part]:
    return [
        _Part(rate, energy / 1000, rate.price(one.market_price))
        for source, energy in _by_source(one)
        if energy and (rate := one.rates.energy.get(source)) is not None
    ]


def _by_source(one: Slice) -> Iterator[tuple[EnergySource, Fraction]]:
    """Yield the energy by source; the grid is last, so that a step is added to its price rather than to the sun's."""
    yield EnergySource.SOLAR, one.energies.solar
    yield EnergySource.BATTERY, one.energies.battery
    yield EnergySource.UNKNOWN, one.energies.unknown
    yield EnergySource.GRID, one.energies.grid
