"""What a tariff must be like beyond its types: what contradicts itself or would never do anything is refused."""

from decimal import Decimal
import re

from ..tariff import ComponentType, PriceComponent, Restrictions, Tariff
from .json_reading import TariffError, TariffFault

_CURRENCY = re.compile(r"[A-Z]{3}")


def check_tariff(tariff: Tariff) -> None:
    """Raise TariffError, with the path of the JSON form, for a tariff that makes no sense."""
    if not _CURRENCY.fullmatch(tariff.currency):
        raise TariffError("currency", TariffFault.UNKNOWN_VALUE)
    if not tariff.elements:
        raise TariffError("elements", TariffFault.EMPTY)
    if tariff.min_price is not None and tariff.max_price is not None and tariff.max_price < tariff.min_price:
        raise TariffError("max_price", TariffFault.CONTRADICTION)
    for number, element in enumerate(tariff.elements):
        path = f"elements[{number}]"
        if not element.components:
            raise TariffError(f"{path}.price_components", TariffFault.EMPTY)
        seen: set[tuple[object, object]] = set()
        for place, component in enumerate(element.components):
            _check_component(component, f"{path}.price_components[{place}]")
            kind = component.type, component.source
            if kind in seen:
                raise TariffError(f"{path}.price_components[{place}].type", TariffFault.CONTRADICTION)
            seen.add(kind)
        _check_restrictions(element.restrictions, f"{path}.restrictions")


def _check_component(component: PriceComponent, path: str) -> None:
    energy, parking = component.type is ComponentType.ENERGY, component.type is ComponentType.PARKING_TIME
    beside = f"{path}.smart_charging"
    for wrong, name in (
        (component.source is not None and not energy, "source"),
        (component.market is not None and not energy, "market"),
        (component.grace_s != 0 and not parking, "grace_s"),
        (component.cap is not None and not parking, "cap"),
    ):
        if wrong:
            raise TariffError(f"{beside}.{name}", TariffFault.NOT_FOR_THIS_TYPE)
    market = component.market
    if market is not None and market.floor is not None and market.cap is not None and market.cap < market.floor:
        raise TariffError(f"{beside}.market.cap", TariffFault.CONTRADICTION)


def _check_restrictions(restrictions: Restrictions, path: str) -> None:
    pairs: tuple[tuple[str, Decimal | int | None, Decimal | int | None], ...] = (
        ("max_kwh", restrictions.min_kwh, restrictions.max_kwh),
        ("max_current", restrictions.min_current, restrictions.max_current),
        ("max_power", restrictions.min_power, restrictions.max_power),
        ("max_duration", restrictions.min_duration, restrictions.max_duration),
    )
    for name, low, high in pairs:
        if high is not None and high <= (low or 0):
            raise TariffError(f"{path}.{name}", TariffFault.CONTRADICTION)
    for name, at in (("start_time", restrictions.start_time), ("end_time", restrictions.end_time)):
        if at is not None and (at.second or at.microsecond):
            raise TariffError(f"{path}.{name}", TariffFault.TOO_PRECISE)
    start, end = restrictions.start_date, restrictions.end_date
    if start is not None and end is not None and end <= start:
        raise TariffError(f"{path}.end_date", TariffFault.CONTRADICTION)
