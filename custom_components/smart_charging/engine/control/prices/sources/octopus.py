"""The custom Octopus Energy integration: an event entity each for the rates of this day and of the next; GBP per kWh."""

from ..formula import PriceUnit
from ..series import PricePoint
from .reading import Attributes, AttributeSource, has_entries, listed, spans


def _recognises(attributes: Attributes) -> bool:
    return has_entries(attributes, "rates", "start", "end", "value_inc_vat")


def _points(attributes: Attributes) -> list[PricePoint]:
    return spans(listed(attributes.get("rates"), "rates"), "start", "end", "value_inc_vat")


def _unit(_attributes: Attributes) -> PriceUnit:
    return PriceUnit(1.0, "GBP")


SOURCE = AttributeSource("octopus", _recognises, _points, _unit)
