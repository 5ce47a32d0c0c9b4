"""What a tariff must be like beyond its types: what contradicts itself or would never do anything is refused."""

from collections.abc import Iterable
from decimal import Decimal
import re

from ..tariff import ComponentType, PriceComponent, Restrictions, Tariff
from .json_reading import MAX_NUMBER, MAX_SECONDS, TariffError, TariffFault, as_number

_CURRENCY = re.compile(r"[A-Z]{3}")


def check_tariff(tariff: Tariff) -> None:
    """Raise TariffError, with the path of the JSON form, for a tariff that makes no sense."""
    if not _CURRENCY.fullmatch(tariff.currency):
        raise TariffError("currency", TariffFault.UNKNOWN_VALUE)
    if not tariff.elements:
        raise TariffError("elements", TariffFault.EMPTY)
    as_number(tariff.vat, "smart_charging.vat", most=Decimal(100))
    _check_numbers("", (("min_price", tariff.min_price), ("max_price", tariff.max_price)))
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
    beside, market = f"{path}.smart_charging", component.market
    as_number(component.price, f"{path}.price", -MAX_NUMBER)
    if component.vat is not None:
        as_number(component.vat, f"{path}.vat", most=Decimal(100))
    _check_numbers(beside, (("cap", component.cap), ("grace_s", component.grace_s)))
    if market is not None:
        factor = ("factor", market.factor)
        others = (("surcharge", market.surcharge), ("floor", market.floor), ("cap", market.cap))
        _check_numbers(f"{beside}.market", (factor,))
        _check_numbers(f"{beside}.market", (("fallback", market.fallback), *others), -MAX_NUMBER)
    for wrong, name in (
        (component.source is not None and not energy, "source"),
        (component.market is not None and not energy, "market"),
        (component.grace_s != 0 and not parking, "grace_s"),
        (component.cap is not None and not parking, "cap"),
    ):
        if wrong:
            raise TariffError(f"{beside}.{name}", TariffFault.NOT_FOR_THIS_TYPE)
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
        _check_numbers(path, ((name.replace("max_", "min_"), low), (name, high)))
        if high is not None and high <= (low or 0):
            raise TariffError(f"{path}.{name}", TariffFault.CONTRADICTION)
    for name, at in (("start_time", restrictions.start_time), ("end_time", restrictions.end_time)):
        if at is not None and (at.second or at.microsecond):
            raise TariffError(f"{path}.{name}", TariffFault.TOO_PRECISE)
    start, end = restrictions.start_date, restrictions.end_date
    if start is not None and end is not None and end <= start:
        raise TariffError(f"{path}.end_date", TariffFault.CONTRADICTION)


def _check_numbers(path: str, numbers: Iterable[tuple[str, Decimal | int | None]], least: Decimal = Decimal(0)) -> None:
    for name, number in numbers:
        if number is not None:
            most = Decimal(MAX_SECONDS) if isinstance(number, int) else MAX_NUMBER
            as_number(number, f"{path}.{name}" if path else name, least, most)
