"""Sensors of what the grid operator demands: how much, who asks for it, why it holds, and until when."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription, SensorStateClass
from homeassistant.const import MAX_LENGTH_STATE_STATE, UnitOfPower
from homeassistant.core import callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SmartChargingConfigEntry
from .engine.grid.source_state import ClaimReason
from .engine.grid_view import GridView
from .entity import SiteEntity
from .grid_names import source_name
from .sensor_descriptions import SensorValue, rounded


class LimitReason(StrEnum):
    """Why a limit holds, in the words of the claim where something is asked."""

    STATED = ClaimReason.STATED.value
    FAILSAFE = ClaimReason.FAILSAFE.value
    HELD = ClaimReason.HELD.value
    RETURNING = "returning"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class GridSensorDescription(SensorEntityDescription):
    """Describe a sensor of what the grid operator demands; its value is None where nothing is known."""

    value_fn: Callable[[GridView], SensorValue]


def _reason(grid: GridView) -> str:
    """Return why the tightest limit holds."""
    if grid.returning:
        return LimitReason.RETURNING
    return LimitReason.NONE if grid.why is None else LimitReason(grid.why.value)


def _feed_in_limit(grid: GridView) -> float | None:
    """Return what may be fed in; a part of a PV power that nobody told is not known."""
    return None if grid.export is None or grid.export.of_unknown else rounded(grid.export.limit_w)


SOURCE: Final = GridSensorDescription(
    key="grid_limit_source", translation_key="grid_limit_source", value_fn=lambda grid: grid.source_id
)

GRID_DESCRIPTIONS: Final = (
    GridSensorDescription(
        key="grid_limit",
        translation_key="grid_limit",
        device_class=SensorDeviceClass.POWER,
        native_unit_of_measurement=UnitOfPower.WATT,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda grid: rounded(grid.limit_w),
    ),
    GridSensorDescription(
        key="grid_limit_reason",
        translation_key="grid_limit_reason",
        device_class=SensorDeviceClass.ENUM,
        options=[reason.value for reason in LimitReason],
        value_fn=_reason,
    ),
    GridSensorDescription(
        key="grid_limit_until",
        translation_key="grid_limit_until",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda grid: grid.until,
    ),
    GridSensorDescription(
        key="feed_in_limit",
        translation_key="feed_in_limit",
        device_class=SensorDeviceClass.POWER,
        native_unit_of_measurement=UnitOfPower.WATT,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=_feed_in_limit,
    ),
    GridSensorDescription(
        key="grid_price_level",
        translation_key="grid_price_level",
        entity_registry_enabled_default=False,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        value_fn=lambda grid: None if grid.price_level is None else grid.price_level.level,
    ),
)


@callback
def async_add_grid_sensors(entry: SmartChargingConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback) -> None:
    """Add the sensors; actions and chargers may ask for limits at every site."""
    coordinator = entry.runtime_data.coordinator
    async_add_entities(
        [
            *(GridSensor(coordinator, description) for description in GRID_DESCRIPTIONS),
            GridSourceSensor(coordinator, SOURCE),
        ]
    )


class GridSensor(SiteEntity, SensorEntity):
    """A sensor of what the grid operator demands."""

    entity_description: GridSensorDescription

    @property
    @override
    def native_value(self) -> SensorValue:
        """Return the value of the newest view."""
        return self.entity_description.value_fn(self.coordinator.data.grid)


class GridSourceSensor(GridSensor):
    """Who asks for the tightest limit, or asked until power began to return."""

    @property
    @override
    def native_value(self) -> str | None:
        """Return the source's name, as far as a state can hold it."""
        source_id = self.coordinator.data.grid.source_id
        name = None if source_id is None else source_name(self.coordinator.config_entry, source_id)
        return None if name is None else name[:MAX_LENGTH_STATE_STATE]
