"""The section of a charger's form for the car that mostly charges there."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.data_entry_flow import section
import probatio

from ..const import CONF_CAPACITY_KWH, CONF_CAR, CONF_CONSUMPTION_KWH, CONF_EFFICIENCY, CONF_WEAR
from ..engine.config import CarConfig
from .fields import filled, number, percent

_SCHEMA: Final = probatio.Schema(
    {
        probatio.Optional(CONF_CAPACITY_KWH): number(1, 1000, "kWh", step=0.1),
        probatio.Optional(CONF_CONSUMPTION_KWH): number(1, 300, "kWh/100 km", step=0.1),
        probatio.Required(CONF_EFFICIENCY, default=CarConfig().efficiency * 100): percent(50, 100),
        probatio.Required(CONF_WEAR, default=CarConfig().wear): number(0, 1000, step=0.001),
    }
)
CAR_FIELDS: Final[dict[probatio.Marker, Any]] = {
    probatio.Required(CONF_CAR): section(_SCHEMA, {"collapsed": True}),
}


def car_data(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a charger's data is of the car: nothing where nobody told of one, as while a charger is found."""
    data = filled(user_input.get(CONF_CAR, {}))
    return {CONF_CAR: data} if {CONF_CAPACITY_KWH, CONF_CONSUMPTION_KWH} & data.keys() else {}


def car_suggestions(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the section's values for a charger that exists."""
    return {**_SCHEMA({}), **data.get(CONF_CAR, {})}
