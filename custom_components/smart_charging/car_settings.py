"""The car that mostly charges at a charger as the user described it, in the engine's words."""

from collections.abc import Mapping
from typing import Any

from .const import CONF_CAPACITY_KWH, CONF_CONSUMPTION_KWH, CONF_EFFICIENCY, CONF_WEAR
from .engine.config import CarConfig


def car_config(data: Mapping[str, Any] | None) -> CarConfig:
    """Return what is known of the car of this part of a charger's data."""
    if data is None:
        return CarConfig()
    capacity_kwh, consumption_kwh = data.get(CONF_CAPACITY_KWH), data.get(CONF_CONSUMPTION_KWH)
    plain = CarConfig()
    return CarConfig(
        capacity_wh=None if capacity_kwh is None else float(capacity_kwh) * 1000,
        efficiency=float(data[CONF_EFFICIENCY]) / 100,
        consumption_wh_per_km=None if consumption_kwh is None else float(consumption_kwh) * 10,
        wear=float(data.get(CONF_WEAR, plain.wear)),
    )
