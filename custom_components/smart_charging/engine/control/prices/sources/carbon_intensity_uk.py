"""The custom Carbon Intensity UK integration: a sensor with the CO2 of the hours to come, which is itself a word."""

from ..formula import PriceUnit, carbon_unit
from ..series import PricePoint
from .reading import Attributes, AttributeSource, has_entries, listed, spans


def _recognises(attributes: Attributes) -> bool:
    return has_entries(attributes, "forecast", "from", "to", "intensity", "index")


def _points(attributes: Attributes) -> list[PricePoint]:
    return spans(listed(attributes.get("forecast"), "forecast"), "from", "to", "intensity")


def _unit(attributes: Attributes) -> PriceUnit | None:
    """Return the unit, which an attribute of its own tells: the sensor has none."""
    return carbon_unit(str(attributes.get("unit")))


SOURCE = AttributeSource("carbon_intensity_uk", _recognises, _points, _unit)
