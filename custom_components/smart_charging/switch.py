"""Switches: whether charging is allowed, and goes on without a break, and whether an EVSE is in operation."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SmartChargingConfigEntry
from .engine.model import EvseKey
from .engine.site import Site
from .engine.view import EvseView
from .entity import EvseEntity
from .switch_uk import async_follow_uk_switch

PARALLEL_UPDATES = 1


@dataclass(frozen=True, kw_only=True)
class EvseSwitchDescription(SwitchEntityDescription):
    """Describe a switch of an EVSE; one that is `commanded` needs its station connected."""

    is_on_fn: Callable[[EvseView], bool]
    set_fn: Callable[[Site, EvseKey, bool], Awaitable[None]]
    commanded: bool = False


DESCRIPTIONS: Final = (
    EvseSwitchDescription(
        key="charging",
        translation_key="charging",
        is_on_fn=lambda evse: evse.enabled,
        set_fn=lambda site, key, on: site.set_enabled(key, on),
    ),
    EvseSwitchDescription(
        key="continuous",
        translation_key="continuous",
        entity_category=EntityCategory.CONFIG,
        is_on_fn=lambda evse: evse.settings.continuous,
        set_fn=lambda site, key, on: site.set_settings(key, replace(site.settings(key), continuous=on)),
    ),
    EvseSwitchDescription(
        key="availability",
        translation_key="availability",
        entity_category=EntityCategory.CONFIG,
        # What was ordered: a station that charges carries it out when the transaction ends.
        is_on_fn=lambda evse: evse.state.operative,
        set_fn=lambda site, key, on: site.station(key.station_id).change_availability(key.evse_id, on),
        commanded=True,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartChargingConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the switches of EVSEs as they come."""
    coordinator = entry.runtime_data.coordinator

    @callback
    def add_evse(subentry: ConfigSubentry, key: EvseKey) -> None:
        """Add the switches of an EVSE."""
        async_add_entities(
            (EvseSwitch(hass, coordinator, description, subentry, key) for description in DESCRIPTIONS),
            config_subentry_id=subentry.subentry_id,
        )

    entry.async_on_unload(coordinator.async_add_evse_listener(add_evse))
    async_follow_uk_switch(hass, entry, async_add_entities)


class EvseSwitch(EvseEntity, SwitchEntity):
    """A switch of an EVSE."""

    entity_description: EvseSwitchDescription

    @property
    @override
    def available(self) -> bool:
        """Return False for what only a connected station can do."""
        return super().available and (self.connected or not self.entity_description.commanded)

    @property
    @override
    def is_on(self) -> bool:
        """Return the state of the switch."""
        return self.entity_description.is_on_fn(self.evse)

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Turn the switch on."""
        await self._async_set(True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Turn the switch off."""
        await self._async_set(False)

    async def _async_set(self, on: bool) -> None:
        """Let the site or the station do it."""
        await self.async_run(self.entity_description.set_fn(self.coordinator.site, self.key, on), self.charger.name)
