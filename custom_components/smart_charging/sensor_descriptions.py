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
from .engine.limit import LimitSource
from .engine.model import EvseMeasurement, EvseStatus, MeterQuality, Phases, ReasonCode
from .engine.view import EvseView, SiteView

# One attribute for all figures of a value: their names can then never clash with Home Assistant's own.
ATTR_DETAILS: Final = "details"

type SensorValue = str | int | float | datetime | None
type Details = Mapping[str, str | float | list[str] | Mapping[str, float | None]]


@dataclass(frozen=True, kw_only=True)
class SiteSensorDescription(SensorEntityDescription):
    """Describe a sensor of the site: what the site needs to have it, and its value.

    A measured one is unavailable without a fresh value.
    """

    value_fn: Callable[[SiteView], SensorValue]
    details_fn: Callable[[SiteView], Details | None] | None = None
    needs_grid_meter: bool = False
    needs_pv: bool = False
    needs_curtailing: bool = False
    needs_peak: bool = False
    needs_phases: int = 1


@dataclass(frozen=True, kw_only=True)
class StationSensorDescription(SensorEntityDescription):
    """Describe a sensor of a charging station as a whole."""

    value_fn: Callable[[StationState], SensorValue]
    details_fn: Callable[[StationState], Details] | None = None


@dataclass(frozen=True, kw_only=True)
class EvseSensorDescription(SensorEntityDescription):
    """Describe a sensor of an EVSE; one that is `reported` needs its station connected.

    Details may need the site, which knows the circuits' names.
    """

    value_fn: Callable[[EvseView, datetime], SensorValue]
    details_fn: Callable[[EvseView, SiteView], Details] | None = None
    last_reset_fn: Callable[[EvseView], datetime | None] | None = None
    reported: bool = False


@dataclass(frozen=True, kw_only=True)
class MeasurementSensorDescription(SensorEntityDescription):
    """Describe a sensor of a quantity that a station measures at an EVSE."""

    value_fn: Callable[[EvseMeasurement], float | None]


def rounded(value: float | None, digits: int | None = None) -> float | None:
    """Round a value so that noise below what anybody reads makes no new state."""
    return None if value is None else round(value, digits)


def phase(values: Phases | None, index: int, digits: int | None = None) -> float | None:
    """Return one phase's rounded value."""
    return None if values is None else round(values[index], digits)


def _current(index: int) -> Callable[[EvseMeasurement], float | None]:
    """Return how to read one phase's current."""
    return lambda measurement: phase(measurement.current_a, index, 1)


def _voltage(index: int) -> Callable[[EvseMeasurement], float | None]:
    """Return how to read one phase's voltage."""
    return lambda measurement: phase(measurement.voltage_v, index)


LIMIT_SOURCES: Final = [source.value for source in LimitSource]

SITE_DESCRIPTIONS: Final = (
    SiteSensorDescription(
        key="grid_power",
        translation_key="grid_power",
        device_class=SensorDeviceClass.POWER,
        native_unit_of_measurement=UnitOfPower.WATT,
        state_class=SensorStateClass.MEASUREMENT,
        needs_grid_meter=True,
        value_fn=lambda view: rounded(view.grid_power_w),
    ),
    SiteSensorDescription(
        key="pv_power",
        translation_key="pv_power",
        device_class=SensorDeviceClass.POWER,
        native_unit_of_measurement=UnitOfPower.WATT,
        state_class=SensorStateClass.MEASUREMENT,
        needs_pv=True,
        value_fn=lambda view: rounded(view.pv_power_w),
    ),
    SiteSensorDescription(
        key="surplus",
        translation_key="surplus",
        device_class=SensorDeviceClass.POWER,
        native_unit_of_measurement=UnitOfPower.WATT,
        state_class=SensorStateClass.MEASUREMENT,
        needs_grid_meter=True,
        value_fn=lambda view: rounded(view.surplus_w),
    ),
    SiteSensorDescription(
        key="active_limit",
        translation_key="active_limit",
        device_class=SensorDeviceClass.CURRENT,
        native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        value_fn=lambda view: rounded(view.limit_a, 1),
    ),
    SiteSensorDescription(
        key="limit_source",
        translation_key="limit_source",
        device_class=SensorDeviceClass.ENUM,
        options=LIMIT_SOURCES,
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


def _setup_outcome(station: StationState) -> str | None:
    """Return the worst outcome of a station's set-up steps, None before it ever booted."""
    outcomes = {step.status for step in station.setup}
    for status in (StepStatus.FAILED, StepStatus.PENDING):
        if status in outcomes:
            return status.value
    return StepStatus.DONE.value if outcomes else None


def _setup_details(station: StationState) -> Details:
    """Return each step's outcome, and what is done differently for this kind of station, if anything is."""
    steps = {step.name: step.status.value for step in station.setup}
    return {**steps, "quirks": [*station.quirks]} if station.quirks else steps


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
        details_fn=_setup_details,
    ),
)


def _session_minutes(evse: EvseView, now: datetime) -> int | None:
    """Return how long the newest session has lasted: whole minutes, as each new state is a row in the recorder."""
    if evse.session is None:
        return None
    ended = evse.session.plugged_out_at or now
    return max(0, int((ended - evse.session.plugged_in_at).total_seconds() // 60))


def _boost_until(evse: EvseView, now: datetime) -> datetime | None:
    """Return the end of a boost that goes on."""
    until = evse.settings.boost_until
    return None if until is None or until <= now else until


def reason_params(evse: EvseView) -> dict[str, str | float]:
    """Return the figures of the reason's sentence, rounded as people would say them."""
    params = evse.setpoint.reason.params
    return {name: round(value, 1) if isinstance(value, float) else value for name, value in params.items()}


def phase_names(evse: EvseView) -> list[str]:
    """Return the grid phases that an EVSE's car uses."""
    return [f"L{index + 1}" for index in evse.phases_in_use or ()]


def limiting_circuit(evse: EvseView, site: SiteView) -> str | None:
    """Return the name of the circuit that keeps an EVSE from more, None where none does or it is the whole site's."""
    circuit = site.circuits.get(evse.limit_circuit or "")
    return None if circuit is None else circuit.name


def _limit_details(evse: EvseView, site: SiteView) -> Details:
    """Return the circuit that a limit is of, where it is one's."""
    name = limiting_circuit(evse, site)
    return {} if name is None else {"circuit": name}


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
        details_fn=lambda evse, _: reason_params(evse),
    ),
    EvseSensorDescription(
        key="current_limit",
        translation_key="current_limit",
        device_class=SensorDeviceClass.CURRENT,
        native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        value_fn=lambda evse, _: rounded(evse.setpoint.current_a, 1),
    ),
    EvseSensorDescription(
        key="limit_source",
        translation_key="limit_source",
        device_class=SensorDeviceClass.ENUM,
        options=LIMIT_SOURCES,
        value_fn=lambda evse, _: evse.limit_source.value,
        details_fn=_limit_details,
    ),
    EvseSensorDescription(
        key="phases_in_use",
        translation_key="phases_in_use",
        value_fn=lambda evse, _: None if evse.phases_in_use is None else len(evse.phases_in_use),
        details_fn=lambda evse, _: {"phases": phase_names(evse)},
    ),
    EvseSensorDescription(
        key="boost_until",
        translation_key="boost_until",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=_boost_until,
    ),
    EvseSensorDescription(
        key="session_energy",
        translation_key="session_energy",
        device_class=SensorDeviceClass.ENERGY,
        native_unit_of_measurement=UnitOfEnergy.WATT_HOUR,
        suggested_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=2,
        state_class=SensorStateClass.TOTAL,
        value_fn=lambda evse, _: rounded(evse.session_energy_wh),
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
        value_fn=lambda evse, _: rounded(evse.lifetime_energy_wh),
    ),
)

SESSION_GIVEN: Final = EvseSensorDescription(
    key="session_given",
    translation_key="session_given",
    device_class=SensorDeviceClass.ENERGY,
    native_unit_of_measurement=UnitOfEnergy.WATT_HOUR,
    suggested_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
    suggested_display_precision=2,
    state_class=SensorStateClass.TOTAL,
    value_fn=lambda evse, _: rounded(evse.session_given_wh),
    last_reset_fn=lambda evse: evse.session_started_at,
)

MEASUREMENT_DESCRIPTIONS: Final = (
    MeasurementSensorDescription(
        key="power",
        device_class=SensorDeviceClass.POWER,
        native_unit_of_measurement=UnitOfPower.WATT,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda measurement: rounded(measurement.power_w),
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
