"""The switch between the United Kingdom's default charging hours and hours that the owner chose."""

from typing import Any, Final, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SmartChargingConfigEntry
from .engine.model import EvseKey
from .uk_hours import UkEntity, async_follow_uk_hours

DEFAULT_HOURS: Final = SwitchEntityDescription(
    key="uk_default_hours", translation_key="uk_default_hours", entity_category=EntityCategory.CONFIG
)


@callback
def async_follow_uk_switch(
    hass: HomeAssistant, entry: SmartChargingConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Have the switch at each charger where the site is under the rules."""
    coordinator = entry.runtime_data.coordinator

    def make(subentry: ConfigSubentry, key: EvseKey) -> DefaultHoursSwitch:
        return DefaultHoursSwitch(hass, coordinator, DEFAULT_HOURS, subentry, key)

    async_follow_uk_hours(hass, entry, Platform.SWITCH, async_add_entities, DEFAULT_HOURS.key, make)


class DefaultHoursSwitch(UkEntity, SwitchEntity):
    """Whether the EVSE keeps from peak hours by default; off where its owner chose hours of its own."""

    @property
    @override
    def is_on(self) -> bool:
        """Return the state of the switch."""
        return not self.has_own_hours

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Keep from peak hours again."""
        self._async_choose(own=False)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Let hours of the owner's own count."""
        self._async_choose(own=True)

    @callback
    def _async_choose(self, *, own: bool) -> None:
        self.coordinator.site.grid.choose_uk_hours(self.key, own=own)
        self.coordinator.async_publish_now()
