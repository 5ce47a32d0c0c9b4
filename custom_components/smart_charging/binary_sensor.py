"""Binary sensors: whether a station is connected, a car is plugged in, all is well, and the grid operator limits."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, override

from homeassistant.components.binary_sensor import BinarySensorEntity, BinarySensorEntityDescription
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .binary_sensor_grid import GRID_LIMIT, GridLimitSensor
from .coordinator import SmartChargingConfigEntry
from .engine.csms.state import Obedience, StationState
from .engine.deadline_watch import MISSED_WH
from .engine.model import EvseKey, EvseStatus
from .engine.view import EvseView
from .entity import ChargerEntity, EvseEntity

PARALLEL_UPDATES = 0

NO_ERROR: Final = "NoError"  # OCPP 1.6 section 7.6 ChargePointErrorCode

type Detail = str | bool | float | None


@dataclass(frozen=True, kw_only=True)
class EvseBinarySensorDescription(BinarySensorEntityDescription):
    """Describe a binary sensor of an EVSE."""

    is_on_fn: Callable[[StationState, EvseView], bool | None]
    details_fn: Callable[[StationState, EvseView], dict[str, Detail]] | None = None


def _has_problem(station: StationState, evse: EvseView) -> bool:
    """Return True for a fault, and for a station that does not do what keeps the site safe."""
    faulted = EvseStatus.FAULTED in {station.status, evse.state.status}
    disobeys = evse.state.obedience in {Obedience.IGNORES, Obedience.REJECTS}
    return faulted or disobeys or station.capabilities.holds_lease is False


def _problem_details(station: StationState, evse: EvseView) -> dict[str, Detail]:
    """Return what is known about the problem, in the station's own words where they are such."""
    state = evse.state
    return {
        "error_code": None if state.error_code == NO_ERROR else state.error_code,
        "vendor_error_code": state.vendor_error_code,
        "info": state.info,
        "obedience": state.obedience.value,
        "holds_lease": station.capabilities.holds_lease,
    }


CONNECTIVITY: Final = BinarySensorEntityDescription(
    key="connectivity",
    device_class=BinarySensorDeviceClass.CONNECTIVITY,
    entity_category=EntityCategory.DIAGNOSTIC,
)

EVSE_DESCRIPTIONS: Final = (
    EvseBinarySensorDescription(
        key="plug",
        device_class=BinarySensorDeviceClass.PLUG,
        is_on_fn=lambda _, evse: None if evse.state.status is None else evse.state.status.plugged,
    ),
    EvseBinarySensorDescription(
        key="problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        entity_category=EntityCategory.DIAGNOSTIC,
        is_on_fn=_has_problem,
        details_fn=_problem_details,
    ),
)


DEADLINE_RISK: Final = BinarySensorEntityDescription(
    key="deadline_risk", translation_key="deadline_risk", device_class=BinarySensorDeviceClass.PROBLEM
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartChargingConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the binary sensor of the site, and those of chargers and EVSEs as they come."""
    coordinator = entry.runtime_data.coordinator
    async_add_entities([GridLimitSensor(coordinator, GRID_LIMIT)])

    @callback
    def add_charger(subentry: ConfigSubentry) -> None:
        """Add the binary sensors of a charging station."""
        async_add_entities(
            [ConnectivitySensor(hass, coordinator, CONNECTIVITY, subentry)], config_subentry_id=subentry.subentry_id
        )

    @callback
    def add_evse(subentry: ConfigSubentry, key: EvseKey) -> None:
        """Add the binary sensors of an EVSE."""
        async_add_entities(
            [
                *(EvseBinarySensor(hass, coordinator, description, subentry, key) for description in EVSE_DESCRIPTIONS),
                DeadlineRiskSensor(hass, coordinator, DEADLINE_RISK, subentry, key),
            ],
            config_subentry_id=subentry.subentry_id,
        )

    entry.async_on_unload(coordinator.async_add_charger_listener(add_charger))
    entry.async_on_unload(coordinator.async_add_evse_listener(add_evse))


class ConnectivitySensor(ChargerEntity, BinarySensorEntity):
    """Whether a charging station is connected: the one thing known of a station that is away."""

    @property
    @override
    def is_on(self) -> bool:
        """Return True while the station is connected."""
        return self.charger.station.connected


class DeadlineRiskSensor(EvseEntity, BinarySensorEntity):
    """Whether a car will not have its target at its departure: known also while the station is away."""

    @property
    @override
    def is_on(self) -> bool:
        """Return True where something worth speaking of will be missing."""
        return (self.evse.missing_wh or 0.0) >= MISSED_WH

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Detail]:
        """Return how much will be missing, and when."""
        missing_wh, departure = self.evse.missing_wh, self.evse.wanted.departure
        return {
            "missing_kwh": None if missing_wh is None else round(missing_wh / 1000, 1),
            "departure": None if departure is None else departure.isoformat(),
        }


class EvseBinarySensor(EvseEntity, BinarySensorEntity):
    """A binary sensor of what a station reports of an EVSE."""

    _unrecorded_attributes = frozenset({"info"})
    entity_description: EvseBinarySensorDescription

    @property
    @override
    def available(self) -> bool:
        """Return True while the station is connected."""
        return super().available and self.connected

    @property
    @override
    def is_on(self) -> bool | None:
        """Return the state of the binary sensor."""
        return self.entity_description.is_on_fn(self.charger.station, self.evse)

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Detail] | None:
        """Return what is behind the state."""
        describe = self.entity_description.details_fn
        return None if describe is None else describe(self.charger.station, self.evse)
