"""Home Assistant's own Amber Electric: a sensor lists what is forecast, from the next interval on; AUD per kWh.

Near intervals last five minutes, later ones half an hour; each begins a second after the one before it ended.
"""

from dataclasses import replace
from datetime import timedelta

from ..formula import PriceUnit
from ..series import PricePoint, quarter_hours
from .reading import Attributes, AttributeSource, UnreadablePrices, has_entries, listed, spans


def _recognises(attributes: Attributes) -> bool:
    return has_entries(attributes, "forecasts", "start_time", "end_time", "per_kwh", "nem_date")


def _points(attributes: Attributes) -> list[PricePoint]:
    told = spans(listed(attributes.get("forecasts"), "forecasts"), "start_time", "end_time", "per_kwh")
    whole = (replace(point, start=point.start - timedelta(seconds=point.start.second)) for point in told)
    try:
        return quarter_hours(whole)
    except ValueError as err:
        raise UnreadablePrices(str(err)) from err


def _unit(_attributes: Attributes) -> PriceUnit:
    return PriceUnit(1.0, "AUD")


SOURCE = AttributeSource("amber", _recognises, _points, _unit)
