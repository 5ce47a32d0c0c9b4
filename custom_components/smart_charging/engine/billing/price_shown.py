"""What a driver is shown before a start: what a kWh costs now and which fees apply, as data without words."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from zoneinfo import ZoneInfo

from ..tariff import Restrictions, Tariff
from ..usage import EnergySource
from .local_clock import LocalClock, moment
from .pricing import NOMINAL_VOLTAGE_V
from .rounding import as_decimal, plain
from .rules import Rate, Rates, Rules, Use

_DIGITS = 6
_AHEAD = timedelta(days=8)  # each weekday comes by


class Varying(StrEnum):
    """What else than the clock can change a price during a stay."""

    ENERGY = "energy"  # how much was delivered
    DURATION = "duration"
    POWER = "power"


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """What a unit costs: `gross` is what is paid in the end, `price` as the tariff has it. `vat` in percent."""

    price: Decimal
    gross: Decimal
    vat: Decimal


@dataclass(frozen=True, slots=True)
class EnergyPrice(UnitPrice):
    """What a kWh costs of a source, or of all where it is None; by the market, it may be another when it is used."""

    source: EnergySource | None = None
    by_market: bool = False


@dataclass(frozen=True, slots=True)
class ParkingPrice(UnitPrice):
    """What an hour of standing there costs after `grace_s` seconds; `gross_cap` is the most for a stay."""

    grace_s: int = 0
    gross_cap: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPrice:
    """The price of a stay that begins now. What is None, and a source without a price, costs nothing.

    `until` is when the clock changes it, None where that is not within 8 days. `min_price` and `max_price` are as the
    tariff has them, before or after tax.
    """

    currency: str
    vat_included: bool
    energy: tuple[EnergyPrice, ...]
    time: UnitPrice | None
    parking: ParkingPrice | None
    flat: UnitPrice | None
    min_price: Decimal | None
    max_price: Decimal | None
    until: datetime | None
    varies: frozenset[Varying]

    @property
    def per_kwh(self) -> Decimal:
        """Return what a kWh from the grid costs in the end: the one number to show where there is room for one."""
        found = [one.gross for one in self.energy if one.source in {None, EnergySource.GRID}]
        return found[0] if found else Decimal(0)


def price_shown(
    tariff: Tariff,
    now: datetime,
    *,
    time_zone: str,
    market_price: Decimal | None = None,
    power_w: Decimal | None = None,
    voltage_v: Decimal = NOMINAL_VOLTAGE_V,
) -> ShownPrice:
    """Return the price for a start now; prices by power hold where `power_w` is told and fits."""
    rules = Rules(tariff, voltage_v)
    clock = LocalClock(now, now + _AHEAD, ZoneInfo(time_zone), rules.times)
    use = Use(power_w=None if power_w is None else Fraction(power_w))
    each = [(span.start, rules.rates(rules.at_clock(span), use)) for span in clock.spans]
    rates = each[0][1]
    included = tariff.vat_included
    return ShownPrice(
        currency=tariff.currency,
        vat_included=included,
        energy=_energy(rates, market_price, included=included),
        time=None if rates.time is None else UnitPrice(*_unit(rates.time, included=included)),
        parking=None if rates.parking is None else _parking(rates.parking, included=included),
        flat=None if rates.flat is None else UnitPrice(*_unit(rates.flat, included=included)),
        min_price=tariff.min_price,
        max_price=tariff.max_price,
        until=next((moment(start) for start, later in each if later != rates), None),
        varies=frozenset(kind for element in tariff.elements for kind in _varying(element.restrictions)),
    )


def _energy(rates: Rates, market_price: Decimal | None, *, included: bool) -> tuple[EnergyPrice, ...]:
    """Return the prices by source; one for all where there is only one."""
    sources = (EnergySource.SOLAR, EnergySource.BATTERY, EnergySource.GRID)
    found = {source: rates.energy[source] for source in sources if source in rates.energy}
    if len(found) == len(sources) and len({rate.number for rate in found.values()}) == 1:
        return (_energy_price(None, found[EnergySource.GRID], market_price, included=included),)
    return tuple(_energy_price(source, rate, market_price, included=included) for source, rate in found.items())


def _energy_price(
    source: EnergySource | None, rate: Rate, market_price: Decimal | None, *, included: bool
) -> EnergyPrice:
    return EnergyPrice(*_unit(rate, market_price, included=included), source, rate.per_unit is None)


def _parking(rate: Rate, *, included: bool) -> ParkingPrice:
    component = rate.component
    cap = None if component.cap is None else _gross(Fraction(component.cap), rate.vat, included=included)
    return ParkingPrice(*_unit(rate, included=included), component.grace_s, cap)


def _unit(rate: Rate, market_price: Decimal | None = None, *, included: bool) -> tuple[Decimal, Decimal, Decimal]:
    price = rate.price(market_price)
    return plain(as_decimal(price, _DIGITS)), _gross(price, rate.vat, included=included), rate.vat


def _gross(price: Fraction, vat: Decimal, *, included: bool) -> Decimal:
    return plain(as_decimal(price if included else price * (100 + Fraction(vat)) / 100, _DIGITS))


def _varying(asked: Restrictions) -> list[Varying]:
    powers = (asked.min_power, asked.max_power, asked.min_current, asked.max_current)
    return [
        kind
        for kind, bounds in (
            (Varying.ENERGY, (asked.min_kwh, asked.max_kwh)),
            (Varying.DURATION, (asked.min_duration, asked.max_duration)),
            (Varying.POWER, powers),
        )
        if any(bound is not None for bound in bounds)
    ]
