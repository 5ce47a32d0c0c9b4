"""Predbat's sensor of carbon intensity in Great Britain: half hours of up to four days."""

from ..formula import PriceUnit, carbon_unit
from ..series import PricePoint
from .reading import Attributes, AttributeSource, has_entries, listed, spans


def _recognises(attributes: Attributes) -> bool:
    return has_entries(attributes, "forecast", "from", "to", "intensity")


def _points(attributes: Attributes) -> list[PricePoint]:
    return spans(listed(attributes.get("forecast"), "forecast"), "from", "to", "intensity")


def _unit(attributes: Attributes) -> PriceUnit | None:
    return carbon_unit(str(attributes.get("unit_of_measurement")))


SOURCE = AttributeSource("predbat", _recognises, _points, _unit)
