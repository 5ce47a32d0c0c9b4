"""Numbers: the current that a user wants an EVSE never to exceed."""

from typing import Final, override

from homeassistant.components.number import NumberDeviceClass, NumberEntity, NumberEntityDescription
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import EntityCategory, UnitOfElectricCurrent
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import CONF_MAX_CURRENT_A
from .coordinator import SiteCoordinator, SmartChargingConfigEntry
from .engine.model import MIN_CURRENT_A, EvseKey
from .entity import EvseEntity

PARALLEL_UPDATES = 1

MAX_CURRENT: Final = NumberEntityDescription(
    key="max_current",
    translation_key="max_current",
    device_class=NumberDeviceClass.CURRENT,
    entity_category=EntityCategory.CONFIG,
    native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
    native_min_value=MIN_CURRENT_A,
    native_step=1,
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartChargingConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the numbers of EVSEs as they come."""
    coordinator = entry.runtime_data.coordinator

    @callback
    def add_evse(subentry: ConfigSubentry, key: EvseKey) -> None:
        """Add the numbers of an EVSE."""
        async_add_entities(
            [MaxCurrentNumber(hass, coordinator, subentry, key)], config_subentry_id=subentry.subentry_id
        )

    entry.async_on_unload(coordinator.async_add_evse_listener(add_evse))


class MaxCurrentNumber(EvseEntity, NumberEntity):
    """The user's limit of an EVSE, between what a car needs at least and what the charger may carry."""

    def __init__(
        self, hass: HomeAssistant, coordinator: SiteCoordinator, subentry: ConfigSubentry, key: EvseKey
    ) -> None:
        """Take the charger's rating as the ceiling."""
        super().__init__(hass, coordinator, MAX_CURRENT, subentry, key)
        self._attr_native_max_value = float(subentry.data[CONF_MAX_CURRENT_A])

    @property
    @override
    def native_value(self) -> float:
        """Return the user's limit, no higher than the rating."""
        return min(self.evse.max_current_a, self.native_max_value)

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Follow a rating that was configured anew."""
        subentry = self.coordinator.config_entry.subentries.get(self.subentry_id)
        if subentry is not None:
            self._attr_native_max_value = float(subentry.data[CONF_MAX_CURRENT_A])
        super()._handle_coordinator_update()

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Change the user's limit."""
        await self.async_run(self.coordinator.site.set_max_current(self.key, value), self.charger.name)
