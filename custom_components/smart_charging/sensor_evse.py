"""Sensors of an EVSE, and those of them that tell money."""

from dataclasses import dataclass
from datetime import datetime
from typing import override

from homeassistant.components.sensor import SensorEntity
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant

from .coordinator import SiteCoordinator
from .engine.model import EvseKey
from .entity import EvseEntity
from .sensor_descriptions import ATTR_DETAILS, Details, EvseSensorDescription, SensorValue


@dataclass(frozen=True, kw_only=True)
class MoneySensorDescription(EvseSensorDescription):
    """Describe a sensor whose unit begins with the currency of the site's prices."""

    per: str = ""


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
        return None if describe is None else {ATTR_DETAILS: describe(self.evse, self.coordinator.data)}


class MoneySensor(EvseSensor):
    """A sensor of an EVSE in the currency of the site's prices."""

    entity_description: MoneySensorDescription

    def __init__(
        self,
        hass: HomeAssistant,
        coordinator: SiteCoordinator,
        description: MoneySensorDescription,
        subentry: ConfigSubentry,
        key: EvseKey,
    ) -> None:
        """Take the site's prices for their currency."""
        super().__init__(hass, coordinator, description, subentry, key)
        self._prices = coordinator.config_entry.runtime_data.prices

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the prices, which may come in another currency."""
        await super().async_added_to_hass()
        self.async_on_remove(self._prices.subscribe(self.async_write_ha_state))

    @property
    @override
    def native_unit_of_measurement(self) -> str:
        """Return the currency, or that of a kWh."""
        return f"{self._prices.currency}{self.entity_description.per}"
