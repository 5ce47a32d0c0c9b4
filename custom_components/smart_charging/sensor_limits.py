"""Tables of the sensors that show how far fuses and tariffs are used: of the site, of a circuit, of a peak interval."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from homeassistant.components.sensor import SensorDeviceClass, SensorEntityDescription, SensorStateClass
from homeassistant.const import EntityCategory, UnitOfElectricCurrent, UnitOfPower

from .engine.model import MeterQuality
from .engine.view import CircuitView, PeakView, SiteView
from .sensor_descriptions import LIMIT_SOURCES, SensorValue, SiteSensorDescription, phase, rounded


@dataclass(frozen=True, kw_only=True)
class CircuitSensorDescription(SensorEntityDescription):
    """Describe a sensor of a circuit, and how many phases the site needs for it."""

    value_fn: Callable[[CircuitView], SensorValue]
    needs_phases: int = 1


def _headroom(index: int) -> Callable[[SiteView | CircuitView], float | None]:
    """Return how to read what is left of a limit on one phase."""
    return lambda view: phase(view.headroom_a, index, 1)


def _load(index: int) -> Callable[[SiteView | CircuitView], float | None]:
    """Return how to read what is carried on one phase."""
    return lambda view: phase(view.load_a, index, 1)


def _site_bound(index: int) -> Callable[[SiteView], str]:
    """Return how to read what bounds the site on one phase."""
    return lambda view: view.limit_sources[index].value


def _circuit_bound(index: int) -> Callable[[CircuitView], str]:
    """Return how to read what bounds a circuit on one phase."""
    return lambda view: view.sources[index].value


def _peak_power(value_fn: Callable[[PeakView], float | None]) -> Callable[[SiteView], float | None]:
    """Return how to read a power of the peak tariff's interval."""
    return lambda view: None if view.peak is None else rounded(value_fn(view.peak))


SITE_PHASE_DESCRIPTIONS: Final = (
    *(
        SiteSensorDescription(
            key=f"{key}_l{index + 1}",
            translation_key=f"{key}_l{index + 1}",
            device_class=SensorDeviceClass.CURRENT,
            native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
            state_class=SensorStateClass.MEASUREMENT,
            suggested_display_precision=1,
            needs_phases=index + 1,
            value_fn=value_fn(index),
        )
        for key, value_fn in (("headroom", _headroom), ("load", _load))
        for index in range(3)
    ),
    *(
        SiteSensorDescription(
            key=f"binding_limit_l{index + 1}",
            translation_key=f"binding_limit_l{index + 1}",
            device_class=SensorDeviceClass.ENUM,
            options=LIMIT_SOURCES,
            needs_phases=index + 1,
            value_fn=_site_bound(index),
        )
        for index in range(3)
    ),
)

PEAK_DESCRIPTIONS: Final = tuple(
    SiteSensorDescription(
        key=key,
        translation_key=key,
        device_class=SensorDeviceClass.POWER,
        native_unit_of_measurement=UnitOfPower.WATT,
        state_class=SensorStateClass.MEASUREMENT,
        needs_peak=True,
        value_fn=_peak_power(value_fn),
    )
    for key, value_fn in (
        ("peak_mean", lambda peak: peak.mean_w),
        ("peak_target", lambda peak: peak.target_w),
        ("peak_allowed", lambda peak: peak.allowed_w),
        ("month_peak", lambda peak: peak.month_peak_w),
    )
)

CIRCUIT_DESCRIPTIONS: Final = (
    *(
        CircuitSensorDescription(
            key=f"{key}_l{index + 1}",
            translation_key=f"{key}_l{index + 1}",
            device_class=SensorDeviceClass.CURRENT,
            native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
            state_class=SensorStateClass.MEASUREMENT,
            suggested_display_precision=1,
            needs_phases=index + 1,
            value_fn=value_fn(index),
        )
        for key, value_fn in (("headroom", _headroom), ("load", _load))
        for index in range(3)
    ),
    *(
        CircuitSensorDescription(
            key=f"binding_limit_l{index + 1}",
            translation_key=f"binding_limit_l{index + 1}",
            device_class=SensorDeviceClass.ENUM,
            options=LIMIT_SOURCES,
            needs_phases=index + 1,
            value_fn=_circuit_bound(index),
        )
        for index in range(3)
    ),
    CircuitSensorDescription(
        key="meter_quality",
        translation_key="meter_quality",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=[quality.value for quality in MeterQuality],
        value_fn=lambda view: view.quality.value,
    ),
)
