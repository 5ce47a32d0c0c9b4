"""Readers of price sources, one file for each: from an entity's attributes or an action's response to a series.

Each is here because what its source really gives is recorded in the tests.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ..formula import PriceUnit
from ..series import PricePoint, PriceSeries, from_points
from . import (
    amber,
    easyenergy,
    energi_data_service,
    energyzero,
    entsoe,
    epex_spot,
    nordpool,
    nordpool_custom,
    octopus,
    tibber,
)
from .mapped import AttributeMap
from .reading import ActionSource, Attributes, AttributeSource, PriceQuestion, UnreadablePrices

__all__ = [
    "ACTION_SOURCES",
    "ATTRIBUTE_SOURCES",
    "ActionSource",
    "AttributeMap",
    "AttributeSource",
    "Attributes",
    "PriceQuestion",
    "ToldPrices",
    "UnreadablePrices",
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
ACTION_SOURCES: Final = (nordpool.SOURCE, tibber.SOURCE, energyzero.SOURCE, easyenergy.SOURCE)


@dataclass(frozen=True, slots=True)
class ToldPrices:
    """What a source told, in money per kWh: the series, the currency where it says one, and which source it is."""

    series: PriceSeries
    currency: str | None
    source: str


def prices_of_attributes(attributes: Attributes, mapping: AttributeMap | None = None) -> ToldPrices:
    """Return the prices that an entity's attributes hold, by the user's mapping or by the first source that knows them.

    UnreadablePrices where no source does, the unit isn't understood, or there are no prices.
    """
    if mapping is not None:
        return _told("mapped", mapping.points(attributes), mapping.unit)
    source = next((known for known in ATTRIBUTE_SOURCES if known.recognises(attributes)), None)
    if source is None:
        raise UnreadablePrices("no list of prices is known in its attributes")
    unit = source.unit(attributes)
    if unit is None:
        raise UnreadablePrices(f"{str(attributes.get('unit_of_measurement'))[:40]} is no unit of prices")
    return _told(source.key, source.points(attributes), unit)


def prices_of_answer(source: ActionSource, response: Attributes, part: str) -> ToldPrices:
    """Return the prices that an action answered with; UnreadablePrices where there are none."""
    return _told(source.key, source.points(response, part), source.unit)


def _told(key: str, points: Iterable[PricePoint], unit: PriceUnit) -> ToldPrices:
    try:
        series = from_points(points)
    except ValueError as err:
        raise UnreadablePrices(str(err)) from err
    if series is None:
        raise UnreadablePrices("the list of prices is empty")
    return ToldPrices(series.mapped(unit.per_kwh), unit.currency, key)
