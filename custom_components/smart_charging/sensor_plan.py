"""Sensors of what is planned for an EVSE: when it charges next, and what that will cost."""

from datetime import datetime
from typing import Final, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant

from .coordinator import SiteCoordinator
from .engine.control.forecast.series import slot_start
from .engine.model import EvseKey
from .engine.view import EvseView
from .entity import EvseEntity
from .sensor_descriptions import EvseSensorDescription, rounded


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


PLANNED_COST: Final = EvseSensorDescription(
    key="planned_cost",
    translation_key="planned_cost",
    device_class=SensorDeviceClass.MONETARY,
    suggested_display_precision=2,
    value_fn=lambda evse, _: _cost(evse),
)


class PlannedCostSensor(EvseEntity, SensorEntity):
    """What the planned charging will cost, in the currency of the site's prices."""

    entity_description: EvseSensorDescription

    def __init__(
        self, hass: HomeAssistant, coordinator: SiteCoordinator, subentry: ConfigSubentry, key: EvseKey
    ) -> None:
        """Take the site's prices for their currency."""
        super().__init__(hass, coordinator, PLANNED_COST, subentry, key)
        self._prices = coordinator.config_entry.runtime_data.prices

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the prices, which may come in another currency."""
        await super().async_added_to_hass()
        self.async_on_remove(self._prices.subscribe(self.async_write_ha_state))

    @property
    @override
    def native_value(self) -> float | None:
        """Return the cost, None while nothing is planned."""
        return _cost(self.evse)

    @property
    @override
    def native_unit_of_measurement(self) -> str:
        """Return the currency."""
        return self._prices.currency
