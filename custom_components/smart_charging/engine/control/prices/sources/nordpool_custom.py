"""The custom Nord Pool integration: a sensor with the prices of today and tomorrow in its own unit."""

from ..formula import PriceUnit, price_unit
from ..series import PricePoint
from .reading import Attributes, AttributeSource, has_entries, spans, together


def _recognises(attributes: Attributes) -> bool:
    return any(has_entries(attributes, name, "start", "end", "value") for name in ("raw_today", "raw_tomorrow"))


def _points(attributes: Attributes) -> list[PricePoint]:
    """Return today's and tomorrow's; before tomorrow's come its entries are none or without a value."""
    return spans(together(attributes, "raw_today", "raw_tomorrow"), "start", "end", "value")


def _unit(attributes: Attributes) -> PriceUnit | None:
    """Return the unit: attributes tell it in parts, which name the currency also where the sensor's says Öre."""
    unit = price_unit(f"{attributes.get('currency')}/{attributes.get('unit')}")
    if unit is None:
        text = attributes.get("unit_of_measurement")
        return price_unit(text) if isinstance(text, str) else None
    return PriceUnit(unit.factor / 100, unit.currency) if attributes.get("price_in_cents") is True else unit


SOURCE = AttributeSource("nordpool_custom", _recognises, _points, _unit)
