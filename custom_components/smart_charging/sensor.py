"""Sensors: what each charging station does and why, and how the site stands."""

from functools import partial
from typing import override

from homeassistant.components.sensor import SensorEntity
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import CONF_PHASES, SUBENTRY_GRID_METER, SUBENTRY_PV
from .coordinator import SmartChargingConfigEntry
from .engine.model import EvseKey, MeterQuality
from .entity import ChargerEntity, EvseEntity, SiteEntity
from .giving_back import async_follow_two_way
from .sensor_descriptions import (
    ATTR_DETAILS,
    EVSE_DESCRIPTIONS,
    MEASUREMENT_DESCRIPTIONS,
    SESSION_GIVEN,
    SITE_DESCRIPTIONS,
    STATION_DESCRIPTIONS,
    Details,
    MeasurementSensorDescription,
    SensorValue,
    SiteSensorDescription,
    StationSensorDescription,
)
from .sensor_evse import EvseSensor, MoneySensor
from .sensor_forecast import async_follow_forecasts
from .sensor_grid import async_add_grid_sensors
from .sensor_limits import PEAK_DESCRIPTIONS, SITE_PHASE_DESCRIPTIONS
from .sensor_local_list import LOCAL_LIST, LocalListSensor
from .sensor_origin import MONEY_DESCRIPTIONS, ORIGIN_DESCRIPTIONS
from .sensor_parts import async_add_part_sensors
from .sensor_plan import NEXT_START, PLANNED_COST
from .sensor_prices import async_follow_prices
from .sensor_pv import PV_CEILING
from .sensor_relay import RELAY, RelaySensor
from .sensor_site import SiteSensors
from .sensor_uk import async_follow_uk_sensor

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartChargingConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the site's sensors, and those of chargers and EVSEs as they come."""
    coordinator = entry.runtime_data.coordinator
    site_sensors = SiteSensors(
        hass,
        entry,
        async_add_entities,
        (*SITE_DESCRIPTIONS, PV_CEILING, *SITE_PHASE_DESCRIPTIONS, *PEAK_DESCRIPTIONS),
        partial(SiteSensor, coordinator),
        partial(_exists, entry),
    )

    @callback
    def add_charger(subentry: ConfigSubentry) -> None:
        """Add the sensors of a charging station."""
        async_add_entities(
            (StationSensor(hass, coordinator, description, subentry) for description in STATION_DESCRIPTIONS),
            config_subentry_id=subentry.subentry_id,
        )
        others = [
            RelaySensor(hass, coordinator, RELAY, subentry),
            LocalListSensor(hass, coordinator, LOCAL_LIST, subentry),
        ]
        async_add_entities(others, config_subentry_id=subentry.subentry_id)

    @callback
    def add_evse(subentry: ConfigSubentry, key: EvseKey) -> None:
        """Add the sensors of an EVSE."""
        sensors: list[SensorEntity] = [
            EvseSensor(hass, coordinator, description, subentry, key)
            for description in (*EVSE_DESCRIPTIONS, *ORIGIN_DESCRIPTIONS, NEXT_START)
        ]
        sensors += [
            MoneySensor(hass, coordinator, description, subentry, key)
            for description in (PLANNED_COST, *MONEY_DESCRIPTIONS)
        ]
        sensors += [
            MeasurementSensor(hass, coordinator, description, subentry, key) for description in MEASUREMENT_DESCRIPTIONS
        ]
        async_add_entities(sensors, config_subentry_id=subentry.subentry_id)

    @callback
    def add_two_way(subentry: ConfigSubentry, key: EvseKey) -> None:
        """Add the sensor of an EVSE at which cars can give energy back."""
        async_add_entities(
            [EvseSensor(hass, coordinator, SESSION_GIVEN, subentry, key)], config_subentry_id=subentry.subentry_id
        )

    site_sensors.async_update()
    async_add_grid_sensors(entry, async_add_entities)
    async_follow_prices(hass, entry, async_add_entities)
    entry.async_on_unload(coordinator.async_add_listener(site_sensors.async_update))
    entry.async_on_unload(coordinator.async_add_charger_listener(add_charger))
    entry.async_on_unload(coordinator.async_add_evse_listener(add_evse))
    async_follow_two_way(entry, add_two_way)
    async_add_part_sensors(entry, async_add_entities)
    async_follow_forecasts(hass, entry, async_add_entities)
    async_follow_uk_sensor(hass, entry, async_add_entities)


def _exists(entry: SmartChargingConfigEntry, description: SiteSensorDescription) -> bool:
    """Return whether the site has what this sensor tells of: a grid meter, PV, a peak tariff, its phases."""
    kinds, config = {subentry.subentry_type for subentry in entry.subentries.values()}, entry.runtime_data.site.config
    return (
        description.needs_phases <= int(entry.data[CONF_PHASES])
        and (SUBENTRY_PV in kinds or not description.needs_pv)
        and (SUBENTRY_GRID_METER in kinds or not description.needs_grid_meter)
        and (config.peak is not None or not description.needs_peak)
        and (any(system.can_curtail for system in config.pv) or not description.needs_curtailing)
    )


class SiteSensor(SiteEntity, SensorEntity):
    """A sensor of the site."""

    _unrecorded_attributes = frozenset({ATTR_DETAILS})
    entity_description: SiteSensorDescription

    @property
    @override
    def available(self) -> bool:
        """Return False for a measured value that is missing or no longer fresh."""
        view, description = self.coordinator.data, self.entity_description
        if description.needs_grid_meter and view.grid_quality is not MeterQuality.FRESH:
            return False
        if description.needs_pv and view.pv_power_w is None:
            return False
        if description.needs_peak and view.peak is None:
            return False
        return super().available

    @property
    @override
    def native_value(self) -> SensorValue:
        """Return the value of the newest view."""
        return self.entity_description.value_fn(self.coordinator.data)

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Details] | None:
        """Return what the value stands for in detail, where there is more to tell."""
        describe = self.entity_description.details_fn
        details = None if describe is None else describe(self.coordinator.data)
        return None if details is None else {ATTR_DETAILS: details}


class StationSensor(ChargerEntity, SensorEntity):
    """A sensor of a charging station; it keeps what the station last told while that is away."""

    _unrecorded_attributes = frozenset({ATTR_DETAILS})
    entity_description: StationSensorDescription

    @property
    @override
    def native_value(self) -> SensorValue:
        """Return the value of the newest view."""
        return self.entity_description.value_fn(self.charger.station)

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Details] | None:
        """Return what the value stands for in detail."""
        describe = self.entity_description.details_fn
        return None if describe is None else {ATTR_DETAILS: describe(self.charger.station)}


class MeasurementSensor(EvseEntity, SensorEntity):
    """A sensor of a measured quantity, unavailable once it is too old to tell what flows."""

    entity_description: MeasurementSensorDescription

    @property
    @override
    def available(self) -> bool:
        """Return True while the station is connected and its readings are fresh."""
        return super().available and self.measurement is not None

    @property
    @override
    def native_value(self) -> float | None:
        """Return the newest reading."""
        measurement = self.measurement
        return None if measurement is None else self.entity_description.value_fn(measurement)
