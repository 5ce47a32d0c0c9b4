"""Sensors of what the panels are expected to bring: what is left of today, and tomorrow."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription
from homeassistant.const import UnitOfEnergy
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .coordinator import SmartChargingConfigEntry
from .entity import SiteEntity
from .sensor_site import SiteSensors


@dataclass(frozen=True, kw_only=True)
class ForecastSensorDescription(SensorEntityDescription):
    """Describe a sensor of the energy between two moments, given the present one in local time."""

    span_fn: Callable[[datetime], tuple[datetime, datetime]]


def _midnight(now: datetime, days: int) -> datetime:
    """Return the beginning of a day this many days ahead, which summer time may have moved."""
    return dt_util.start_of_local_day(now.date() + timedelta(days=days))


FORECAST_DESCRIPTIONS: Final = tuple(
    ForecastSensorDescription(
        key=key,
        translation_key=key,
        device_class=SensorDeviceClass.ENERGY,
        native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=1,
        span_fn=span,
    )
    for key, span in (
        ("pv_forecast_today", lambda now: (now, _midnight(now, 1))),
        ("pv_forecast_tomorrow", lambda now: (_midnight(now, 1), _midnight(now, 2))),
    )
)


@callback
def async_follow_forecasts(
    hass: HomeAssistant, entry: SmartChargingConfigEntry, add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Have the sensors while somebody can speak of panels, and have them out of the registry when nobody can."""
    forecasts = entry.runtime_data.forecasts

    def exists(_description: ForecastSensorDescription) -> bool:
        return forecasts.expects_pv

    def make(description: ForecastSensorDescription) -> ForecastSensor:
        return ForecastSensor(entry, description)

    sensors = SiteSensors(hass, entry, add_entities, FORECAST_DESCRIPTIONS, make, exists)
    sensors.async_update()
    entry.async_on_unload(forecasts.subscribe(sensors.async_update))


class ForecastSensor(SiteEntity, SensorEntity):
    """Energy that is expected; it changes with the forecast, each quarter of an hour, not with the site's view."""

    entity_description: ForecastSensorDescription

    def __init__(self, entry: SmartChargingConfigEntry, description: ForecastSensorDescription) -> None:
        """Take the forecasts of this site."""
        super().__init__(entry.runtime_data.coordinator, description)
        self._forecasts = entry.runtime_data.forecasts

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the forecasts."""
        await super().async_added_to_hass()
        self.async_on_remove(self._forecasts.subscribe(self.async_write_ha_state))

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Leave the state as it is: nothing of it is in the view."""

    @property
    @override
    def available(self) -> bool:
        """Return True while there is a forecast that reaches into the day in question."""
        return super().available and self.native_value is not None

    @property
    @override
    def native_value(self) -> float | None:
        """Return the energy in kWh."""
        start, end = self.entity_description.span_fn(dt_util.now())
        forecast = self._forecasts.pv
        return None if forecast is None or forecast.end <= start else round(forecast.energy_wh(start, end) / 1000, 2)
