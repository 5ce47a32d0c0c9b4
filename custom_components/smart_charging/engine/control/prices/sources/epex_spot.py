"""The custom EPEX Spot integration: each price sensor lists its prices; older versions name the unit in the key."""

from ..formula import PriceUnit, price_unit
from ..series import PricePoint
from .reading import Attributes, AttributeSource, has_entries, listed, spans

# The key of the price in an entry, and its unit where the key tells it.
_KEYS = {
    "price_per_kwh": None,
    "price_eur_per_mwh": PriceUnit(1e-3, "EUR"),
    "price_ct_per_kwh": PriceUnit(1e-2),
}


def _key(attributes: Attributes) -> str | None:
    """Return which price an entry has."""
    fitting = (key for key in _KEYS if has_entries(attributes, "data", "start_time", "end_time", key))
    return next(fitting, None)


def _recognises(attributes: Attributes) -> bool:
    return _key(attributes) is not None


def _points(attributes: Attributes) -> list[PricePoint]:
    return spans(listed(attributes.get("data"), "data"), "start_time", "end_time", _key(attributes) or "")


def _unit(attributes: Attributes) -> PriceUnit | None:
    unit = _KEYS[_key(attributes) or "price_per_kwh"]
    text = attributes.get("unit_of_measurement")
    return price_unit(text) if unit is None and isinstance(text, str) else unit


SOURCE = AttributeSource("epex_spot", _recognises, _points, _unit)
