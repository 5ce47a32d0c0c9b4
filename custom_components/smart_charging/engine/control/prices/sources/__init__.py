"""Readers of sources of prices and of CO2, one file for each: from an entity's attributes or an action's response to a series.

Each is here because what its source really gives is recorded in the tests.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ..formula import PriceUnit
from ..series import PricePoint, PriceSeries, from_points
from . import (
    amber,
    carbon_intensity_uk,
    easyenergy,
    energi_data_service,
    energyzero,
    entsoe,
    epex_spot,
    nordpool,
    nordpool_custom,
    octopus,
    predbat,
    tibber,
)
from .mapped import AttributeMap
from .reading import ActionSource, Attributes, AttributeSource, PriceQuestion, UnreadablePrices

__all__ = [
    "ACTION_SOURCES",
    "ATTRIBUTE_SOURCES",
    "CARBON_SOURCES",
    "ActionSource",
    "AttributeMap",
    "AttributeSource",
    "Attributes",
    "PriceQuestion",
    "ToldPrices",
    "UnreadablePrices",
    "carbon_of_attributes",
    "lists_carbon",
    "prices_of_answer",
    "prices_of_attributes",
]

ATTRIBUTE_SOURCES: Final = (
    nordpool_custom.SOURCE,
    energi_data_service.SOURCE,
    entsoe.SOURCE,
    epex_spot.SOURCE,
    octopus.SOURCE,
    amber.SOURCE,
)
CARBON_SOURCES: Final = (carbon_intensity_uk.SOURCE, predbat.SOURCE)  # of two that fit the first
ACTION_SOURCES: Final = (nordpool.SOURCE, tibber.SOURCE, energyzero.SOURCE, easyenergy.SOURCE)


@dataclass(frozen=True, slots=True)
class ToldPrices:
    """What a source told per kWh, money or grams of CO2: the series, the currency where it says one, and which it is."""

    series: PriceSeries
    currency: str | None
    source: str


def prices_of_attributes(attributes: Attributes, mapping: AttributeMap | None = None) -> ToldPrices:
    """Return the prices that an entity's attributes hold, by the user's mapping or by the first source that knows them.

    UnreadablePrices where no source does, the unit isn't understood, or there are no prices.
    """
    return _of_attributes(ATTRIBUTE_SOURCES, attributes, mapping, "prices")


def carbon_of_attributes(attributes: Attributes, mapping: AttributeMap | None = None) -> ToldPrices:
    """Return the grams of CO2 of a kWh that attributes forecast, in the place of prices and read like them.

    UnreadablePrices as for prices, and where there is less than no CO2.
    """
    told = _of_attributes(CARBON_SOURCES, attributes, mapping, "CO2")
    if any(grams is not None and grams < 0 for grams in told.series.import_price):
        raise UnreadablePrices("a mass of CO2 is below 0")
    return told


def lists_carbon(attributes: Attributes) -> bool:
    """Return whether a known source lists its CO2 like this, so that nobody has to say where."""
    return any(known.recognises(attributes) for known in CARBON_SOURCES)


def prices_of_answer(source: ActionSource, response: Attributes, part: str) -> ToldPrices:
    """Return the prices that an action answered with; UnreadablePrices where there are none."""
    return _told(source.key, source.points(response, part), source.unit, "prices")


def _of_attributes(
    sources: Iterable[AttributeSource], attributes: Attributes, mapping: AttributeMap | None, what: str
) -> ToldPrices:
    if mapping is not None:
        return _told("mapped", mapping.points(attributes), mapping.unit, what)
    source = next((known for known in sources if known.recognises(attributes)), None)
    if source is None:
        raise UnreadablePrices(f"no list of {what} is known in its attributes")
    unit = source.unit(attributes)
    if unit is None:
        raise UnreadablePrices(f"{str(attributes.get('unit_of_measurement'))[:40]} is no unit of {what}")
    return _told(source.key, source.points(attributes), unit, what)


def _told(key: str, points: Iterable[PricePoint], unit: PriceUnit, what: str) -> ToldPrices:
    try:
        series = from_points(points)
    except ValueError as err:
        raise UnreadablePrices(str(err)) from err
    if series is None:
        raise UnreadablePrices(f"the list of {what} is empty")
    return ToldPrices(series.mapped(unit.per_kwh), unit.currency, key)
