"""The tariffs that most sites have, as one value for an editor, and the elements that they are made of."""

from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal

from ..tariff import (
    ComponentType,
    DayOfWeek,
    MarketPrice,
    PriceComponent,
    Restrictions,
    RoundingPlace,
    Tariff,
    TariffElement,
)
from ..usage import EnergySource
from .json_reading import TariffError, TariffFault
from .tariff_check import check_tariff

MAX_WINDOWS = 24


@dataclass(frozen=True, slots=True)
class PriceWindow:
    """Another price of a kWh from `start` to `end` by the site's clock, on some weekdays or, with none, on all."""

    start: time
    end: time
    price: Decimal
    days: frozenset[DayOfWeek] = frozenset()


@dataclass(frozen=True, slots=True)
class BlockingFee:
    """What standing there without charging costs per hour, after `grace_s` seconds, and at most `cap` for a stay.

    From `free_from` to `free_until` by the site's clock it costs nothing.
    """

    per_hour: Decimal
    grace_s: int = 0
    cap: Decimal | None = None
    free_from: time | None = None
    free_until: time | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleTariff:
    """A tariff of the common cases. A kWh costs `price`, or what `market` makes of the market's price.

    `windows` have precedence over it, the first of them first, and `solar_price` over all for energy of the sun.
    """

    currency: str
    price: Decimal | None = None
    market: MarketPrice | None = None
    solar_price: Decimal | None = None
    windows: tuple[PriceWindow, ...] = ()
    session_fee: Decimal | None = None
    blocking: BlockingFee | None = None
    vat_included: bool = True
    vat: Decimal = Decimal(0)
    rounding: RoundingPlace = RoundingPlace.LINE


def elements_of(simple: SimpleTariff) -> tuple[TariffElement, ...]:
    """Return the elements that a simple tariff is made of; TariffError for one that contradicts itself."""
    if (simple.price is None) == (simple.market is None):
        raise TariffError("price", TariffFault.CONTRADICTION if simple.market else TariffFault.MISSING)
    if len(simple.windows) > MAX_WINDOWS:
        raise TariffError("windows", TariffFault.TOO_MANY)
    found: list[TariffElement] = []
    if simple.solar_price is not None:
        found.append(TariffElement((_energy(simple.solar_price, EnergySource.SOLAR),)))
    for window in simple.windows:
        restrictions = Restrictions(start_time=window.start, end_time=window.end, day_of_week=window.days)
        found.append(TariffElement((_energy(window.price),), restrictions))
    blocking = simple.blocking
    if blocking is not None:
        found += _free_hours(blocking)
    fallback = simple.market.fallback if simple.market is not None else simple.price or Decimal(0)
    base = [PriceComponent(ComponentType.ENERGY, fallback, market=simple.market)]
    if simple.session_fee is not None:
        base.append(PriceComponent(ComponentType.FLAT, simple.session_fee))
    if blocking is not None:
        base.append(
            PriceComponent(ComponentType.PARKING_TIME, blocking.per_hour, grace_s=blocking.grace_s, cap=blocking.cap)
        )
    return (*found, TariffElement(tuple(base)))


def tariff_of(
    simple: SimpleTariff, *, tariff_id: str, version: int, name: str, valid_from: datetime, text: str | None = None
) -> Tariff:
    """Return the tariff that a simple one stands for; TariffError for one that makes no sense."""
    found = Tariff(
        tariff_id=tariff_id,
        version=version,
        name=name,
        currency=simple.currency,
        elements=elements_of(simple),
        valid_from=valid_from,
        vat_included=simple.vat_included,
        vat=simple.vat,
        rounding=simple.rounding,
        text=text,
    )
    check_tariff(found)
    return found


def simple_of(tariff: Tariff) -> SimpleTariff | None:
    """Return what an editor shows of a tariff; None for one that is more than a simple tariff can say."""
    if not tariff.elements or tariff.min_price is not None or tariff.max_price is not None:
        return None
    *before, base = tariff.elements
    solar = _only(before[0]) if before else None
    if solar is not None and solar.source is EnergySource.SOLAR and solar.type is ComponentType.ENERGY:
        before = before[1:]
    else:
        solar = None
    free = before.pop() if before and _is(before[-1], ComponentType.PARKING_TIME) else None
    energy, fee, parking = (
        next((one for one in base.components if one.type is kind), None)
        for kind in (ComponentType.ENERGY, ComponentType.FLAT, ComponentType.PARKING_TIME)
    )
    windows = tuple(_window(one) for one in before)
    if energy is None or (free is not None and parking is None):
        return None
    found = SimpleTariff(
        currency=tariff.currency,
        price=energy.price if energy.market is None else None,
        market=energy.market,
        solar_price=None if solar is None else solar.price,
        windows=tuple(window for window in windows if window is not None),
        session_fee=None if fee is None else fee.price,
        blocking=None if parking is None else _blocking(parking, free),
        vat_included=tariff.vat_included,
        vat=tariff.vat,
        rounding=tariff.rounding,
    )
    # Whatever a simple tariff has no place for is not in the elements that it makes.
    return found if len(found.windows) <= MAX_WINDOWS and elements_of(found) == tariff.elements else None


def _energy(price: Decimal, source: EnergySource | None = None) -> PriceComponent:
    return PriceComponent(ComponentType.ENERGY, price, source=source)


def _free_hours(blocking: BlockingFee) -> list[TariffElement]:
    if (blocking.free_from is None) != (blocking.free_until is None):
        raise TariffError("blocking", TariffFault.CONTRADICTION)
    if blocking.free_from is None:
        return []
    free = PriceComponent(ComponentType.PARKING_TIME, Decimal(0))
    restrictions = Restrictions(start_time=blocking.free_from, end_time=blocking.free_until)
    return [TariffElement((free,), restrictions)]


def _blocking(parking: PriceComponent, free: TariffElement | None) -> BlockingFee:
    return BlockingFee(
        parking.price,
        parking.grace_s,
        parking.cap,
        None if free is None else free.restrictions.start_time,
        None if free is None else free.restrictions.end_time,
    )


def _window(element: TariffElement) -> PriceWindow | None:
    component, asked = _only(element), element.restrictions
    if component is None or asked.start_time is None or asked.end_time is None:
        return None
    return PriceWindow(asked.start_time, asked.end_time, component.price, asked.day_of_week)


def _only(element: TariffElement) -> PriceComponent | None:
    return element.components[0] if len(element.components) == 1 else None


def _is(element: TariffElement, kind: ComponentType) -> bool:
    component = _only(element)
    return component is not None and component.type is kind
