"""Sensors of what is planned for an EVSE: when it charges next, and what that will cost."""

from datetime import datetime
from typing import Final

from homeassistant.components.sensor import SensorDeviceClass

from .engine.control.forecast.series import slot_start
from .engine.view import EvseView
from .sensor_descriptions import EvseSensorDescription, rounded
from .sensor_evse import MoneySensorDescription


def next_start(evse: EvseView) -> datetime | None:
    """Return the beginning of the quarter of an hour in which the car is to draw next, the running one if it draws now.

    A state that moved with the clock would be a row in the recorder each time.
    """
    starts_at = None if evse.planned is None else evse.planned.starts_at
    return None if starts_at is None else slot_start(starts_at)


NEXT_START: Final = EvseSensorDescription(
    key="next_start",
    translation_key="next_start",
    device_class=SensorDeviceClass.TIMESTAMP,
    value_fn=lambda evse, _: next_start(evse),
)


def _cost(evse: EvseView) -> float | None:
    return None if evse.planned is None else rounded(evse.planned.cost, 2)


PLANNED_COST: Final = MoneySensorDescription(
    key="planned_cost",
    translation_key="planned_cost",
    device_class=SensorDeviceClass.MONETARY,
    suggested_display_precision=2,
    value_fn=lambda evse, _: _cost(evse),
)
