"""Sensors of the site's circuits and batteries, added as these come."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription, SensorStateClass
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import UnitOfPower
from homeassistant.core import callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import CONF_PHASES
from .coordinator import SmartChargingConfigEntry
from .engine.control.battery import BatteryAction, BatteryCommand
from .entity import BatteryEntity, CircuitEntity
from .sensor_descriptions import ATTR_DETAILS, Details, SensorValue, rounded
from .sensor_limits import CIRCUIT_DESCRIPTIONS, CircuitSensorDescription


@dataclass(frozen=True, kw_only=True)
class BatterySensorDescription(SensorEntityDescription):
    """Describe a sensor of what a battery is told."""

    value_fn: Callable[[BatteryCommand], SensorValue]
    details_fn: Callable[[BatteryCommand], Details] | None = None


def _signed_power(command: BatteryCommand) -> float | None:
    """Return the power that a battery is told, discharge positive; 0 where its own control decides."""
    if command.action is BatteryAction.DISCHARGE:
        return rounded(command.power_w)
    return rounded(-command.power_w) if command.action is BatteryAction.CHARGE else 0


BATTERY_DESCRIPTIONS: Final = (
    BatterySensorDescription(
        key="battery_command",
        translation_key="battery_command",
        device_class=SensorDeviceClass.ENUM,
        options=[action.value for action in BatteryAction],
        value_fn=lambda command: command.action.value,
        details_fn=lambda command: {"reason": command.reason.value},
    ),
    BatterySensorDescription(
        key="battery_commanded_power",
        translation_key="battery_commanded_power",
        device_class=SensorDeviceClass.POWER,
        native_unit_of_measurement=UnitOfPower.WATT,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=_signed_power,
    ),
)


@callback
def async_add_part_sensors(entry: SmartChargingConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback) -> None:
    """Add the sensors of circuits and batteries, those there are and those to come."""
    coordinator = entry.runtime_data.coordinator

    @callback
    def add_circuit(subentry: ConfigSubentry) -> None:
        """Add the sensors of a circuit, for the phases that the site has."""
        phases = int(entry.data[CONF_PHASES])
        async_add_entities(
            (
                CircuitSensor(coordinator, description, subentry)
                for description in CIRCUIT_DESCRIPTIONS
                if description.needs_phases <= phases
            ),
            config_subentry_id=subentry.subentry_id,
        )

    @callback
    def add_battery(subentry: ConfigSubentry) -> None:
        """Add the sensors of a battery."""
        async_add_entities(
            (BatterySensor(coordinator, description, subentry) for description in BATTERY_DESCRIPTIONS),
            config_subentry_id=subentry.subentry_id,
        )

    entry.async_on_unload(coordinator.async_add_circuit_listener(add_circuit))
    entry.async_on_unload(coordinator.async_add_battery_listener(add_battery))


class CircuitSensor(CircuitEntity, SensorEntity):
    """A sensor of a circuit."""

    entity_description: CircuitSensorDescription

    @property
    @override
    def native_value(self) -> SensorValue:
        """Return the value of the newest view."""
        return self.entity_description.value_fn(self.circuit)


class BatterySensor(BatteryEntity, SensorEntity):
    """A sensor of what a battery is told, unknown before the first decision."""

    _unrecorded_attributes = frozenset({ATTR_DETAILS})
    entity_description: BatterySensorDescription

    @property
    @override
    def native_value(self) -> SensorValue:
        """Return the value of the newest view."""
        command = self.battery.command
        return None if command is None else self.entity_description.value_fn(command)

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Details] | None:
        """Return why."""
        describe, command = self.entity_description.details_fn, self.battery.command
        return None if describe is None or command is None else {ATTR_DETAILS: describe(command)}
