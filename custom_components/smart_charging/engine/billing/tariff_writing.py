"""Writes tariffs as JSON objects of OCPI 2.2.1; what OCPI has no field for goes into `smart_charging`."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from ..model import Json
from ..tariff import DayOfWeek, MarketPrice, PriceComponent, Restrictions, RoundingPlace, Tariff
from .rounding import as_decimal

_OCPI_DECIMALS = 4  # OCPI 2.2.1, types, "number"


def without_tax(price: Decimal, vat: Decimal) -> Decimal:
    """Return a price without the tax in it, to 4 decimals."""
    return as_decimal(Fraction(price) * 100 / (100 + Fraction(vat)), _OCPI_DECIMALS)


def write_tariff(tariff: Tariff, *, country_code: str, party_id: str, last_updated: datetime, language: str) -> Json:
    """Return a tariff as OCPI 2.2.1 has it; `parse_tariff` makes the same of it, but for its version."""
    written: dict[str, Json] = {
        "country_code": country_code,
        "party_id": party_id,
        "id": tariff.tariff_id,
        "currency": tariff.currency,
        "elements": [
            _some(
                price_components=[_component(component, tariff) for component in element.components],
                restrictions=_restrictions(element.restrictions) or None,
            )
            for element in tariff.elements
        ],
        "start_date_time": _moment(tariff.valid_from),
        "last_updated": _moment(last_updated),
        "smart_charging": _some(
            name=tariff.name,
            vat_included=tariff.vat_included,
            vat=_number(tariff.vat),
            rounding=None if tariff.rounding is RoundingPlace.LINE else tariff.rounding.value,
        ),
    }
    for name, limit in (("min_price", tariff.min_price), ("max_price", tariff.max_price)):
        if limit is not None:
            written[name] = _limit(limit, tariff)
    if tariff.text is not None:
        written["tariff_alt_text"] = [{"language": language, "text": tariff.text}]
    return written


def _component(component: PriceComponent, tariff: Tariff) -> Json:
    vat = tariff.vat if component.vat is None else component.vat
    price = without_tax(component.price, vat) if tariff.vat_included else component.price
    return _some(
        type=component.type.value,
        price=_number(price),
        vat=_number(component.vat),
        step_size=component.step_size,
        smart_charging=_some(
            price_incl_vat=_number(component.price) if tariff.vat_included else None,
            source=component.source,
            market=None if component.market is None else _market(component.market),
            grace_s=component.grace_s or None,
            cap=_number(component.cap),
        )
        or None,
    )


def _market(market: MarketPrice) -> Json:
    return _some(
        fallback=_number(market.fallback),
        factor=_number(market.factor),
        surcharge=_number(market.surcharge),
        floor=_number(market.floor),
        cap=_number(market.cap),
    )


def _restrictions(asked: Restrictions) -> dict[str, Json]:
    return _some(
        start_time=None if asked.start_time is None else f"{asked.start_time:%H:%M}",
        end_time=None if asked.end_time is None else f"{asked.end_time:%H:%M}",
        start_date=None if asked.start_date is None else asked.start_date.isoformat(),
        end_date=None if asked.end_date is None else asked.end_date.isoformat(),
        min_kwh=_number(asked.min_kwh),
        max_kwh=_number(asked.max_kwh),
        min_current=_number(asked.min_current),
        max_current=_number(asked.max_current),
        min_power=_number(asked.min_power),
        max_power=_number(asked.max_power),
        min_duration=asked.min_duration,
        max_duration=asked.max_duration,
        day_of_week=[day.value for day in DayOfWeek if day in asked.day_of_week] or None,
    )


def _limit(limit: Decimal, tariff: Tariff) -> Json:
    """Write a least or most price: the one that counts, and before tax, which OCPI asks for, by the tariff's own rate."""
    if tariff.vat_included:
        return {"excl_vat": _number(without_tax(limit, tariff.vat)), "incl_vat": _number(limit)}
    return {"excl_vat": _number(limit)}


def _number(number: Decimal | None) -> Json:
    """Return a number of at most 12 digits, which a float holds exactly as it is written."""
    if number is None:
        return None
    return int(number) if number == number.to_integral_value() else float(number)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _some(**fields: Json) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if value is not None}
