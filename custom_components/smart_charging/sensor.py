"""Sensors: what each charging station does and why, and how the site stands."""

from datetime import datetime
from typing import Final, override

from homeassistant.components.sensor import SensorEntity
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import CONF_PHASES, SUBENTRY_PV
from .coordinator import SmartChargingConfigEntry
from .engine.model import EvseKey, MeterQuality
from .entity import ChargerEntity, EvseEntity, SiteEntity
from .sensor_descriptions import (
    EVSE_DESCRIPTIONS,
    HEADROOM_DESCRIPTIONS,
    MEASUREMENT_DESCRIPTIONS,
    SITE_DESCRIPTIONS,
    STATION_DESCRIPTIONS,
    Details,
    EvseSensorDescription,
    MeasurementSensorDescription,
    SensorValue,
    SiteSensorDescription,
    StationSensorDescription,
)

PARALLEL_UPDATES = 0

# One attribute for all figures of a value: their names can then never clash with Home Assistant's own.
ATTR_DETAILS: Final = "details"


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartChargingConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the site's sensors, and those of chargers and EVSEs as they come."""
    coordinator = entry.runtime_data.coordinator
    headroom = HEADROOM_DESCRIPTIONS[: int(entry.data[CONF_PHASES])]
    async_add_entities(
        SiteSensor(coordinator, description)
        for description in (*SITE_DESCRIPTIONS, *headroom)
        if not description.needs_pv
    )
    pv_added = False

    @callback
    def add_pv() -> None:
        """Add what only a site with PV has, once there is any."""
        nonlocal pv_added
        if pv_added or not tuple(entry.get_subentries_of_type(SUBENTRY_PV)):
            return
        pv_added = True
        async_add_entities(SiteSensor(coordinator, each) for each in SITE_DESCRIPTIONS if each.needs_pv)

    @callback
    def add_charger(subentry: ConfigSubentry) -> None:
        """Add the sensors of a charging station."""
        async_add_entities(
            (StationSensor(hass, coordinator, description, subentry) for description in STATION_DESCRIPTIONS),
            config_subentry_id=subentry.subentry_id,
        )

    @callback
    def add_evse(subentry: ConfigSubentry, key: EvseKey) -> None:
        """Add the sensors of an EVSE."""
        sensors: list[SensorEntity] = [
            EvseSensor(hass, coordinator, description, subentry, key) for description in EVSE_DESCRIPTIONS
        ]
        sensors += [
            MeasurementSensor(hass, coordinator, description, subentry, key) for description in MEASUREMENT_DESCRIPTIONS
        ]
        async_add_entities(sensors, config_subentry_id=subentry.subentry_id)

    add_pv()
    entry.async_on_unload(coordinator.async_add_listener(add_pv))
    entry.async_on_unload(coordinator.async_add_charger_listener(add_charger))
    entry.async_on_unload(coordinator.async_add_evse_listener(add_evse))


class SiteSensor(SiteEntity, SensorEntity):
    """A sensor of the site."""

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
        return super().available

    @property
    @override
    def native_value(self) -> SensorValue:
        """Return the value of the newest view."""
        return self.entity_description.value_fn(self.coordinator.data)


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


class EvseSensor(EvseEntity, SensorEntity):
    """A sensor of what an EVSE is asked to do, or of what its sessions delivered."""

    _unrecorded_attributes = frozenset({ATTR_DETAILS})
    entity_description: EvseSensorDescription

    @property
    @override
    def available(self) -> bool:
        """Return False for what only a connected station can tell."""
        return super().available and (self.connected or not self.entity_description.reported)

    @property
    @override
    def native_value(self) -> SensorValue:
        """Return the value of the newest view."""
        return self.entity_description.value_fn(self.evse, self.coordinator.data.at)

    @property
    @override
    def last_reset(self) -> datetime | None:
        """Return when a total began anew."""
        reset = self.entity_description.last_reset_fn
        return None if reset is None else reset(self.evse)

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Details] | None:
        """Return the figures that belong to the value."""
        describe = self.entity_description.details_fn
        return None if describe is None else {ATTR_DETAILS: describe(self.evse)}


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
