"""Tariffs as JSON objects of OCPI 2.2.1 (Tariffs module), read strictly and written so that reading gives the same.

What OCPI has no field for is in an object named `smart_charging` beside its fields, in the tariff and its components.
OCPI's prices are before tax; where a tariff's are after it, the price that counts is in there, and OCPI's is that
without the tax, to 4 decimals.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
import json

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
from .json_reading import MAX_NUMBER, MAX_SECONDS, JsonObject, TariffError, TariffFault
from .tariff_check import check_tariff
from .tariff_writing import without_tax, write_tariff

__all__ = ["TariffError", "TariffFault", "not_kept", "parse_tariff", "read_tariff", "write_tariff"]

MAX_TEXT = 256 * 1024  # bytes of JSON
MAX_ELEMENTS = 100
MAX_COMPONENTS = 20
_TOLERANCE = Decimal("0.0001")
# Known to OCPI, of no meaning for what a stay here costs.
_NOT_KEPT = ("country_code", "party_id", "type", "tariff_alt_url", "end_date_time", "energy_mix", "last_updated")


class _Reservation(StrEnum):
    RESERVATION = "RESERVATION"
    RESERVATION_EXPIRES = "RESERVATION_EXPIRES"


def read_tariff(text: str, *, version: int, valid_from: datetime) -> Tariff:
    """Read a tariff from JSON text of at most 256 kB; see `parse_tariff`."""
    if len(text.encode(errors="replace")) > MAX_TEXT:
        raise TariffError("", TariffFault.TOO_LARGE)
    try:
        data = json.loads(text, parse_float=Decimal)
    except ValueError, RecursionError:
        raise TariffError("", TariffFault.NOT_JSON) from None
    return parse_tariff(data, version=version, valid_from=valid_from)


def parse_tariff(data: object, *, version: int, valid_from: datetime) -> Tariff:
    """Make a tariff of a parsed JSON object, TariffError for what it can't be.

    `valid_from` holds where `start_date_time` is not told. Elements for reservations are left out: no stay has one.
    """
    top = JsonObject(data, "")
    top.drop(_NOT_KEPT)
    tariff_id = top.needed("id", top.text("id", 36))
    beside = top.child("smart_charging")
    included = beside.boolean("vat_included") or False
    tariff = Tariff(
        tariff_id=tariff_id,
        version=version,
        name=beside.text("name", 100) or tariff_id,
        currency=top.needed("currency", top.text("currency", 3)),
        elements=(),
        valid_from=top.date_time("start_date_time") or valid_from,
        vat_included=included,
        vat=beside.number("vat", most=Decimal(100)) or Decimal(0),
        min_price=_limit(top, "min_price", included=included),
        max_price=_limit(top, "max_price", included=included),
        rounding=beside.one_of("rounding", RoundingPlace) or RoundingPlace.LINE,
        text=_alternative_text(top),
    )
    elements = [_element(one, tariff) for one in top.children("elements", MAX_ELEMENTS)]
    beside.close()
    top.close()
    tariff = replace(tariff, elements=tuple(one for one in elements if one is not None))
    check_tariff(tariff)
    return tariff


def not_kept(data: object) -> tuple[str, ...]:
    """Return the paths of what is told in an object and read, but means nothing here, for telling who brings it."""
    top = JsonObject(data, "")
    found = top.drop(_NOT_KEPT)
    elements = top.children("elements", MAX_ELEMENTS) if top.has("elements") else []
    return found + tuple(one.where for one in elements if one.child("restrictions").has("reservation"))


def _element(element: JsonObject, tariff: Tariff) -> TariffElement | None:
    asked = element.child("restrictions")
    reservation = asked.one_of("reservation", _Reservation)
    restrictions = _restrictions(asked)
    components = tuple(_component(one, tariff) for one in element.children("price_components", MAX_COMPONENTS))
    element.close()
    return TariffElement(components, restrictions) if reservation is None else None


def _restrictions(asked: JsonObject) -> Restrictions:
    found = Restrictions(
        start_time=asked.time("start_time"),
        end_time=asked.time("end_time"),
        start_date=asked.date("start_date"),
        end_date=asked.date("end_date"),
        min_kwh=asked.number("min_kwh"),
        max_kwh=asked.number("max_kwh"),
        min_current=asked.number("min_current"),
        max_current=asked.number("max_current"),
        min_power=asked.number("min_power"),
        max_power=asked.number("max_power"),
        min_duration=asked.whole("min_duration", most=MAX_SECONDS),
        max_duration=asked.whole("max_duration", most=MAX_SECONDS),
        day_of_week=asked.set_of("day_of_week", DayOfWeek),
    )
    asked.close()
    return found


def _component(component: JsonObject, tariff: Tariff) -> PriceComponent:
    beside = component.child("smart_charging")
    price = component.needed("price", component.number("price", least=-MAX_NUMBER))
    vat = component.number("vat", most=Decimal(100))
    if tariff.vat_included:
        told, name = price, "price_incl_vat"
        price = beside.needed(name, beside.number(name, least=-MAX_NUMBER))
        # Whoever changed only one of the two would else never notice which of them counts.
        if abs(told - without_tax(price, tariff.vat if vat is None else vat)) > _TOLERANCE:
            raise TariffError(component.path("price"), TariffFault.CONTRADICTION)
    found = PriceComponent(
        type=component.needed("type", component.one_of("type", ComponentType)),
        price=price,
        vat=vat,
        step_size=component.needed("step_size", component.whole("step_size", most=10_000_000)),
        source=beside.one_of("source", EnergySource),
        market=_market(beside.child("market")) if beside.has("market") else None,
        grace_s=beside.whole("grace_s", most=MAX_SECONDS) or 0,
        cap=beside.number("cap"),
    )
    if found.source is EnergySource.UNKNOWN:
        raise TariffError(beside.path("source"), TariffFault.UNKNOWN_VALUE)
    beside.close()
    component.close()
    return found


def _market(market: JsonObject) -> MarketPrice:
    factor = market.number("factor", most=Decimal(100))
    found = MarketPrice(
        fallback=market.needed("fallback", market.number("fallback", least=-MAX_NUMBER)),
        factor=Decimal(1) if factor is None else factor,
        surcharge=market.number("surcharge", least=-MAX_NUMBER) or Decimal(0),
        floor=market.number("floor", least=-MAX_NUMBER),
        cap=market.number("cap", least=-MAX_NUMBER),
    )
    market.close()
    return found


def _limit(top: JsonObject, name: str, *, included: bool) -> Decimal | None:
    """Return a least or most price: of OCPI's two the one that is as the tariff's prices are."""
    if not top.has(name):
        return None
    price = top.child(name)
    before = price.needed("excl_vat", price.number("excl_vat"))
    after = price.number("incl_vat")
    price.close()
    return price.needed("incl_vat", after) if included else before


def _alternative_text(top: JsonObject) -> str | None:
    """Return the first of the texts in several languages (OCPI DisplayText)."""
    if not top.has("tariff_alt_text"):
        return None
    found: list[str] = []
    for one in top.children("tariff_alt_text", 20):
        one.needed("language", one.text("language", 2))
        found.append(one.needed("text", one.text("text", 512)))
        one.close()
    return found[0]
