"""Which prices of a tariff hold at a moment of a stay: its elements in order, each with its restrictions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from fractions import Fraction

from ..tariff import ComponentType, DayOfWeek, MarketPrice, PriceComponent, Restrictions, Tariff
from ..usage import EnergySource
from .local_clock import SECOND, ClockSpan

SOURCES = (EnergySource.SOLAR, EnergySource.BATTERY, EnergySource.UNKNOWN, EnergySource.GRID)
WEEKDAYS = tuple(DayOfWeek)  # as date.weekday() counts
_MIDNIGHT = time()


@dataclass(frozen=True, slots=True)
class Rate:
    """A component of a tariff: the `number`-th of all, with exact numbers. `per_unit` is None where the market tells."""

    number: int
    component: PriceComponent
    per_unit: Fraction | None
    vat: Decimal

    def price(self, market_price: Decimal | None) -> Fraction:
        """Return what a unit costs, given what the market asks for a kWh."""
        if self.per_unit is not None:
            return self.per_unit
        market = self.component.market
        return Fraction(self.component.price) if market is None else at_market(market, market_price)


@dataclass(frozen=True, slots=True)
class Rates:
    """What each kind of use costs at a moment; None, or no source, for what costs nothing."""

    energy: Mapping[EnergySource, Rate]
    time: Rate | None = None
    parking: Rate | None = None
    flat: Rate | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """How far a stay is at a moment: Wh delivered, microseconds since it began, the car's power in W where known."""

    energy_wh: Fraction = Fraction(0)
    elapsed: Fraction | int = 0
    power_w: Fraction | None = None


@dataclass(frozen=True, slots=True)
class _Range:
    """From a lower bound to before an upper one."""

    low: Fraction | None
    high: Fraction | None

    def holds(self, value: Fraction | int | None) -> bool:
        """Return whether a value is within; a value that is not known is within nothing but no bounds at all."""
        if self.low is None and self.high is None:
            return True
        if value is None:
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value < self.high)

    @property
    def bounds(self) -> tuple[Fraction, ...]:
        return tuple(bound for bound in (self.low, self.high) if bound is not None)


@dataclass(frozen=True, slots=True)
class _Element:
    rates: tuple[Rate, ...]
    restrictions: Restrictions
    energy: _Range
    power: _Range
    current: _Range  # as power in W
    elapsed: _Range
    by_use: bool

    def holds(self, use: Use) -> bool:
        """Return whether it holds as far as the use matters."""
        return (
            self.energy.holds(use.energy_wh)
            and self.elapsed.holds(use.elapsed)
            and self.power.holds(use.power_w)
            and self.current.holds(use.power_w)
        )


class Rules:
    """A tariff, ready to be asked. Currents are taken to flow at `voltage_v`, as a stay knows the car's power only."""

    def __init__(self, tariff: Tariff | None, voltage_v: Decimal) -> None:
        """Number the components and find where prices can change."""
        self._elements = _elements(tariff, Fraction(voltage_v))
        self.times = frozenset(
            at
            for element in self._elements
            for at in (element.restrictions.start_time, element.restrictions.end_time)
            if at is not None
        )
        self.energy_marks = _marks(element.energy for element in self._elements)
        self.elapsed_marks = tuple(int(mark) for mark in _marks(element.elapsed for element in self._elements))
        self.graces = tuple(
            sorted({rate.component.grace_s * SECOND for element in self._elements for rate in element.rates} - {0})
        )
        self._found: dict[tuple[int, ...], Rates] = {}

    def at_clock(self, span: ClockSpan) -> tuple[int, ...]:
        """Return the numbers of the elements that hold as far as the clock and the calendar matter."""
        return tuple(
            number
            for number, element in enumerate(self._elements)
            if clock_holds(element.restrictions, span.day, span.clock)
        )

    def rates(self, at_clock: tuple[int, ...], use: Use) -> Rates:
        """Return what holds of these elements at this use: of each kind and source the first that has a price."""
        elements = self._elements
        holding = tuple(number for number in at_clock if not elements[number].by_use or elements[number].holds(use))
        found = self._found.get(holding)
        if found is None:
            found = self._found[holding] = _first_of_each([elements[number].rates for number in holding])
        return found


def clock_holds(restrictions: Restrictions, day: date, clock: time) -> bool:
    """Return whether the restrictions of clock and calendar hold; each asks for itself what it is now.

    A time of the day that goes over midnight holds on both sides of it; the weekday is that of the moment.
    """
    if restrictions.start_date is not None and day < restrictions.start_date:
        return False
    if restrictions.end_date is not None and day >= restrictions.end_date:
        return False
    if restrictions.day_of_week and WEEKDAYS[day.weekday()] not in restrictions.day_of_week:
        return False
    start, end = restrictions.start_time or _MIDNIGHT, restrictions.end_time or _MIDNIGHT
    return start <= clock < end if start < end else clock >= start or clock < end


def at_market(market: MarketPrice, asked: Decimal | None) -> Fraction:
    """Return what a kWh costs where the market asks so much for it; the cap counts more than the floor."""
    if asked is None:
        return Fraction(market.fallback)
    price = Fraction(asked) * Fraction(market.factor) + Fraction(market.surcharge)
    if market.floor is not None:
        price = max(price, Fraction(market.floor))
    return price if market.cap is None else min(price, Fraction(market.cap))


def _elements(tariff: Tariff | None, voltage: Fraction) -> tuple[_Element, ...]:
    found: list[_Element] = []
    if tariff is None:
        return ()
    number = 0
    for element in tariff.elements:
        rates: list[Rate] = []
        for component in element.components:
            vat = tariff.vat if component.vat is None else component.vat
            moves = component.type is ComponentType.ENERGY and component.market is not None
            rates.append(Rate(number, component, None if moves else Fraction(component.price), vat))
            number += 1
        found.append(_element(tuple(rates), element.restrictions, voltage))
    return tuple(found)


def _element(rates: tuple[Rate, ...], restrictions: Restrictions, voltage: Fraction) -> _Element:
    ranges = (
        _range(restrictions.min_kwh, restrictions.max_kwh, Fraction(1000)),
        _range(restrictions.min_power, restrictions.max_power, Fraction(1000)),
        _range(restrictions.min_current, restrictions.max_current, voltage),
        _range(restrictions.min_duration, restrictions.max_duration, Fraction(SECOND)),
    )
    return _Element(rates, restrictions, *ranges, by_use=any(one.bounds for one in ranges))


def _range(low: Decimal | int | None, high: Decimal | int | None, factor: Fraction) -> _Range:
    return _Range(
        None if low is None else Fraction(low) * factor,
        None if high is None else Fraction(high) * factor,
    )


def _marks(ranges: Iterable[_Range]) -> tuple[Fraction, ...]:
    return tuple(sorted({bound for one in ranges for bound in one.bounds if bound > 0}))


def _first_of_each(elements: list[tuple[Rate, ...]]) -> Rates:
    ordered = [rate for rates in elements for rate in rates]

    def first(kind: ComponentType) -> Rate | None:
        return next((rate for rate in ordered if rate.component.type is kind), None)

    energy = {source: _for_source(source, elements) for source in SOURCES}
    return Rates(
        {source: rate for source, rate in energy.items() if rate is not None},
        first(ComponentType.TIME),
        first(ComponentType.PARKING_TIME),
        first(ComponentType.FLAT),
    )


def _for_source(source: EnergySource, elements: list[tuple[Rate, ...]]) -> Rate | None:
    """Return the first element's price for a source: its own there, or else the one for all. Unknown is as the grid."""
    asked = EnergySource.GRID if source is EnergySource.UNKNOWN else source
    for rates in elements:
        energy = [rate for rate in rates if rate.component.type is ComponentType.ENERGY]
        for wanted in (asked, None):
            found = next((rate for rate in energy if rate.component.source is wanted), None)
            if found is not None:
                return found
    return None
