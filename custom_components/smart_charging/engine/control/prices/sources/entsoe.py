"""The custom ENTSO-E integration: the sensor of the average price lists those of today and tomorrow."""

from ..series import PricePoint
from .reading import Attributes, AttributeSource, has_entries, starts, together


def _recognises(attributes: Attributes) -> bool:
    return has_entries(attributes, "prices_today", "time", "price")


def _points(attributes: Attributes) -> list[PricePoint]:
    """Return tomorrow's, then today's: tomorrow's have been seen to hold a past day, where today's are right."""
    return starts(together(attributes, "prices_tomorrow", "prices_today"), "time", "price")


SOURCE = AttributeSource("entsoe", _recognises, _points)
