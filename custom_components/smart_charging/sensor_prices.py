"""Sensors of prices: what a kWh costs and earns now; fit for the Energy dashboard."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription
from homeassistant.const import UnitOfEnergy
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .coordinator import SiteCoordinator, SmartChargingConfigEntry
from .engine.control.prices.series import PriceSeries
from .entity import SiteEntity
from .price_settings import FeedInSource, PriceSettings
from .sensor_site import SiteSensors


@dataclass(frozen=True, kw_only=True)
class PriceSensorDescription(SensorEntityDescription):
    """Describe a price: which settings have it, and how it is found at a moment."""

    exists_fn: Callable[[PriceSettings], bool]
    value_fn: Callable[[PriceSeries, datetime], float | None]


PRICE_DESCRIPTIONS: Final = (
    PriceSensorDescription(
        key="price",
        translation_key="price",
        device_class=SensorDeviceClass.MONETARY,
        suggested_display_precision=4,
        exists_fn=lambda settings: True,
        value_fn=PriceSeries.import_at,
    ),
    PriceSensorDescription(
        key="feed_in_price",
        translation_key="feed_in_price",
        device_class=SensorDeviceClass.MONETARY,
        suggested_display_precision=4,
        exists_fn=lambda settings: settings.feed_in is not FeedInSource.NONE,
        value_fn=PriceSeries.feed_in_at,
    ),
)


@callback
def async_follow_prices(
    hass: HomeAssistant, entry: SmartChargingConfigEntry, add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add and remove sensors of prices now and whenever something else is chosen."""
    prices = entry.runtime_data.prices

    def exists(description: PriceSensorDescription) -> bool:
        return prices.settings is not None and description.exists_fn(prices.settings)

    def make(description: PriceSensorDescription) -> PriceSensor:
        return PriceSensor(entry.runtime_data.coordinator, description)

    sensors = SiteSensors(hass, entry, add_entities, PRICE_DESCRIPTIONS, make, exists)
    sensors.async_update()
    entry.async_on_unload(prices.subscribe(sensors.async_update))


class PriceSensor(SiteEntity, SensorEntity):
    """A price that holds now, unavailable where it isn't known."""

    entity_description: PriceSensorDescription

    def __init__(self, coordinator: SiteCoordinator, description: PriceSensorDescription) -> None:
        """Take the site's prices."""
        super().__init__(coordinator, description)
        self._prices = coordinator.config_entry.runtime_data.prices

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the prices."""
        await super().async_added_to_hass()
        self.async_on_remove(self._prices.subscribe(self.async_write_ha_state))

    @property
    @override
    def available(self) -> bool:
        """Return False while no price is known for now."""
        return super().available and self.native_value is not None

    @property
    @override
    def native_value(self) -> float | None:
        """Return the price of a kWh, to a hundred-thousandth."""
        series = self._prices.series
        value = None if series is None else self.entity_description.value_fn(series, dt_util.utcnow())
        return None if value is None else round(value, 5)

    @property
    @override
    def native_unit_of_measurement(self) -> str:
        """Return the unit that the Energy dashboard wants."""
        return f"{self._prices.currency}/{UnitOfEnergy.KILO_WATT_HOUR}"
