"""Tables of the sensors there are: what each is called, its unit, and where its value comes from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from homeassistant.components.sensor import SensorDeviceClass, SensorEntityDescription, SensorStateClass
from homeassistant.const import (
    EntityCategory,
    UnitOfElectricCurrent,
    UnitOfElectricPotential,
    UnitOfEnergy,
    UnitOfPower,
    UnitOfTime,
)

from .engine.csms.state import StationState, StepStatus
from .engine.model import EvseMeasurement, EvseStatus, MeterQuality, Phases, ReasonCode
from .engine.view import EvseView, LimitSource, SiteView

type SensorValue = str | int | float | None
type Details = Mapping[str, str | float]


@dataclass(frozen=True, kw_only=True)
class SiteSensorDescription(SensorEntityDescription):
    """Describe a sensor of the site: what the site needs to have it, and its value.

    A measured one is unavailable without a fresh value.
    """

    value_fn: Callable[[SiteView], SensorValue]
    needs_grid_meter: bool = False
    needs_pv: bool = False
    needs_phases: int = 1


@dataclass(frozen=True, kw_only=True)
class StationSensorDescription(SensorEntityDescription):
    """Describe a sensor of a charging station as a whole."""

    value_fn: Callable[[StationState], SensorValue]
    details_fn: Callable[[StationState], Details] | None = None


@dataclass(frozen=True, kw_only=True)
class EvseSensorDescription(SensorEntityDescription):
    """Describe a sensor of an EVSE; one that is `reported` needs its station connected."""

    value_fn: Callable[[EvseView, datetime], SensorValue]
    details_fn: Callable[[EvseView], Details] | None = None
    last_reset_fn: Callable[[EvseView], datetime | None] | None = None
    reported: bool = False


@dataclass(frozen=True, kw_only=True)
class MeasurementSensorDescription(SensorEntityDescription):
    """Describe a sensor of a quantity that a station measures at an EVSE."""

    value_fn: Callable[[EvseMeasurement], float | None]


def _rounded(value: float | None, digits: int | None = None) -> float | None:
    """Round a value so that noise below what anybody reads makes no new state."""
    return None if value is None else round(value, digits)


def _phase(values: Phases | None, index: int, digits: int | None = None) -> float | None:
    """Return one phase's rounded value."""
    return None if values is None else round(values[index], digits)


def _headroom(index: int) -> Callable[[SiteView], float | None]:
    """Return how to read what is left of the site's limit on one phase."""
    return lambda view: _phase(view.headroom_a, index, 1)


def _current(index: int) -> Callable[[EvseMeasurement], float | None]:
    """Return how to read one phase's current."""
    return lambda measurement: _phase(measurement.current_a, index, 1)


def _voltage(index: int) -> Callable[[EvseMeasurement], float | None]:
    """Return how to read one phase's voltage."""
    return lambda measurement: _phase(measurement.voltage_v, index)


SITE_DESCRIPTIONS: Final = (
    SiteSensorDescription(
        key="grid_power",
        translation_key="grid_power",
        device_class=SensorDeviceClass.POWER,
        native_unit_of_measurement=UnitOfPower.WATT,
        state_class=SensorStateClass.MEASUREMENT,
        needs_grid_meter=True,
        value_fn=lambda view: _rounded(view.grid_power_w),
    ),
    SiteSensorDescription(
        key="pv_power",
        translation_key="pv_power",
        device_class=SensorDeviceClass.POWER,
        native_unit_of_measurement=UnitOfPower.WATT,
        state_class=SensorStateClass.MEASUREMENT,
        needs_pv=True,
        value_fn=lambda view: _rounded(view.pv_power_w),
    ),
    SiteSensorDescription(
        key="surplus",
        translation_key="surplus",
        device_class=SensorDeviceClass.POWER,
        native_unit_of_measurement=UnitOfPower.WATT,
        state_class=SensorStateClass.MEASUREMENT,
        needs_grid_meter=True,
        value_fn=lambda view: _rounded(view.surplus_w),
    ),
    SiteSensorDescription(
        key="active_limit",
        translation_key="active_limit",
        device_class=SensorDeviceClass.CURRENT,
        native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        value_fn=lambda view: _rounded(view.limit_a, 1),
    ),
    SiteSensorDescription(
        key="limit_source",
        translation_key="limit_source",
        device_class=SensorDeviceClass.ENUM,
        options=[source.value for source in LimitSource],
        value_fn=lambda view: view.limit_source.value,
    ),
    SiteSensorDescription(
        key="grid_meter_quality",
        translation_key="grid_meter_quality",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=[quality.value for quality in MeterQuality],
        value_fn=lambda view: view.grid_quality.value,
    ),
)

HEADROOM_DESCRIPTIONS: Final = tuple(
    SiteSensorDescription(
        key=f"headroom_l{index + 1}",
        translation_key=f"headroom_l{index + 1}",
        device_class=SensorDeviceClass.CURRENT,
        native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        needs_phases=index + 1,
        value_fn=_headroom(index),
    )
    for index in range(3)
)


def _setup_outcome(station: StationState) -> str | None:
    """Return the worst outcome of a station's set-up steps, None before it ever booted."""
    outcomes = {step.status for step in station.setup}
    for status in (StepStatus.FAILED, StepStatus.PENDING):
        if status in outcomes:
            return status.value
    return StepStatus.DONE.value if outcomes else None


STATION_DESCRIPTIONS: Final = (
    StationSensorDescription(
        key="firmware_version",
        translation_key="firmware_version",
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda station: station.firmware_version,
    ),
    StationSensorDescription(
        key="setup",
        translation_key="setup",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=[StepStatus.DONE.value, StepStatus.PENDING.value, StepStatus.FAILED.value],
        value_fn=_setup_outcome,
        details_fn=lambda station: {step.name: step.status.value for step in station.setup},
    ),
)


def _session_minutes(evse: EvseView, now: datetime) -> int | None:
    """Return how long the newest session has lasted: whole minutes, as each new state is a row in the recorder."""
    if evse.session is None:
        return None
    ended = evse.session.plugged_out_at or now
    return max(0, int((ended - evse.session.plugged_in_at).total_seconds() // 60))


def _reason_params(evse: EvseView) -> Details:
    """Return the figures of the reason's sentence, rounded as people would say them."""
    params = evse.setpoint.reason.params
    return {name: round(value, 1) if isinstance(value, float) else value for name, value in params.items()}


EVSE_DESCRIPTIONS: Final = (
    EvseSensorDescription(
        key="status",
        translation_key="status",
        device_class=SensorDeviceClass.ENUM,
        options=[status.value for status in EvseStatus],
        reported=True,
        value_fn=lambda evse, _: evse.state.status,
    ),
    EvseSensorDescription(
        key="reason",
        translation_key="reason",
        device_class=SensorDeviceClass.ENUM,
        options=[code.value for code in ReasonCode],
        value_fn=lambda evse, _: evse.setpoint.reason.code,
        details_fn=_reason_params,
    ),
    EvseSensorDescription(
        key="current_limit",
        translation_key="current_limit",
        device_class=SensorDeviceClass.CURRENT,
        native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        value_fn=lambda evse, _: _rounded(evse.setpoint.current_a, 1),
    ),
    EvseSensorDescription(
        key="session_energy",
        translation_key="session_energy",
        device_class=SensorDeviceClass.ENERGY,
        native_unit_of_measurement=UnitOfEnergy.WATT_HOUR,
        suggested_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=2,
        state_class=SensorStateClass.TOTAL,
        value_fn=lambda evse, _: _rounded(evse.session_energy_wh),
        last_reset_fn=lambda evse: evse.session_started_at,
    ),
    EvseSensorDescription(
        key="session_duration",
        translation_key="session_duration",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.MINUTES,
        value_fn=_session_minutes,
    ),
    EvseSensorDescription(
        key="lifetime_energy",
        translation_key="lifetime_energy",
        device_class=SensorDeviceClass.ENERGY,
        native_unit_of_measurement=UnitOfEnergy.WATT_HOUR,
        suggested_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=2,
        state_class=SensorStateClass.TOTAL_INCREASING,
        value_fn=lambda evse, _: _rounded(evse.lifetime_energy_wh),
    ),
)

MEASUREMENT_DESCRIPTIONS: Final = (
    MeasurementSensorDescription(
        key="power",
        device_class=SensorDeviceClass.POWER,
        native_unit_of_measurement=UnitOfPower.WATT,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda measurement: _rounded(measurement.power_w),
    ),
    *(
        MeasurementSensorDescription(
            key=f"current_l{index + 1}",
            translation_key=f"current_l{index + 1}",
            device_class=SensorDeviceClass.CURRENT,
            entity_registry_enabled_default=False,
            native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
            state_class=SensorStateClass.MEASUREMENT,
            suggested_display_precision=1,
            value_fn=_current(index),
        )
        for index in range(3)
    ),
    *(
        MeasurementSensorDescription(
            key=f"voltage_l{index + 1}",
            translation_key=f"voltage_l{index + 1}",
            device_class=SensorDeviceClass.VOLTAGE,
            entity_category=EntityCategory.DIAGNOSTIC,
            entity_registry_enabled_default=False,
            native_unit_of_measurement=UnitOfElectricPotential.VOLT,
            state_class=SensorStateClass.MEASUREMENT,
            value_fn=_voltage(index),
        )
        for index in range(3)
    ),
)
