"""The custom Energi Data Service integration: a sensor with the prices of today and tomorrow, each by its hour."""

from ..formula import PriceUnit, price_unit
from ..series import PricePoint
from .reading import Attributes, AttributeSource, has_entries, starts, together


def _recognises(attributes: Attributes) -> bool:
    return has_entries(attributes, "raw_today", "hour", "price")


def _points(attributes: Attributes) -> list[PricePoint]:
    return starts(together(attributes, "raw_today", "raw_tomorrow"), "hour", "price")


def _unit(attributes: Attributes) -> PriceUnit | None:
    """Return the sensor's unit, which tells hundredths too; where there is none, what attributes tell in parts."""
    text = attributes.get("unit_of_measurement") or f"{attributes.get('currency')}/{attributes.get('unit')}"
    return price_unit(str(text))


SOURCE = AttributeSource("energi_data_service", _recognises, _points, _unit)
