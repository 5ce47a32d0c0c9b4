"""Tariffs in the shape of OCPI 2.2.1 (part "Tariffs module"), with what a home adds to it: prices by source and by market."""

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum

from .usage import EnergySource


class ComponentType(StrEnum):
    """What a price component is a price of (OCPI 2.2.1 TariffDimensionType)."""

    ENERGY = "ENERGY"  # per kWh
    TIME = "TIME"  # per hour of charging
    PARKING_TIME = "PARKING_TIME"  # per hour of standing there without charging
    FLAT = "FLAT"  # once


class DayOfWeek(StrEnum):
    """A weekday (OCPI 2.2.1)."""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


class RoundingPlace(StrEnum):
    """Where money is rounded to the currency's smallest unit."""

    LINE = "line"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class MarketPrice:
    """A price that follows the market: its price times `factor`, plus `surcharge`, kept between `floor` and `cap`.

    All per kWh in the tariff's currency, before or after tax as the tariff says. `fallback` is the price where nobody
    told what the market asked. The cap counts more than the floor.
    """

    fallback: Decimal
    factor: Decimal = Decimal(1)
    surcharge: Decimal = Decimal(0)
    floor: Decimal | None = None
    cap: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PriceComponent:
    """One price: per kWh, per hour or once (OCPI 2.2.1 PriceComponent), `vat` in percent.

    `step_size` is in Wh or seconds: the energy of a stay is rounded up to it once, and the time once, 0 for not at all.
    Beside OCPI: `source` limits an energy price to energy of one source, others look for theirs in the elements after;
    `market` takes the place of `price`; standing there is free for `grace_s` after each charging and the begin, and
    costs at most `cap` for a stay.
    """

    type: ComponentType
    price: Decimal
    vat: Decimal | None = None
    step_size: int = 1
    source: EnergySource | None = None
    market: MarketPrice | None = None
    grace_s: int = 0
    cap: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Restrictions:
    """When an element holds (OCPI 2.2.1 TariffRestrictions); all that is given must be so.

    Times and dates are the site's clock's; an `end_time` that is not later than `start_time` is on the next day, and
    `day_of_week` is that of each moment. kWh, power in kW and current in A of the car (the sum of its phases), and
    seconds since the begin count up to but not including the upper bound.
    """

    start_time: time | None = None
    end_time: time | None = None
    start_date: date | None = None
    end_date: date | None = None
    min_kwh: Decimal | None = None
    max_kwh: Decimal | None = None
    min_current: Decimal | None = None
    max_current: Decimal | None = None
    min_power: Decimal | None = None
    max_power: Decimal | None = None
    min_duration: int | None = None
    max_duration: int | None = None
    day_of_week: frozenset[DayOfWeek] = frozenset()


@dataclass(frozen=True, slots=True)
class TariffElement:
    """Prices that hold together under the same restrictions."""

    components: tuple[PriceComponent, ...]
    restrictions: Restrictions = Restrictions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """A version of a tariff, valid for what begins from `valid_from` on, until the next version.

    Of each kind of price the first element that holds counts. `min_price` and `max_price` bound a stay. `vat` in percent
    holds for components without their own. With `vat_included` all prices are what is paid in the end.
    """

    tariff_id: str
    version: int
    name: str
    currency: str  # ISO 4217
    elements: tuple[TariffElement, ...]
    valid_from: datetime
    vat_included: bool = True
    vat: Decimal = Decimal(0)
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    rounding: RoundingPlace = RoundingPlace.LINE
    text: str | None = None


class TariffUnknown(Exception):
    """There is no such tariff, or no such version of it."""


class TariffInUse(Exception):
    """Charge records were made by this version; it has to stay as it is."""
