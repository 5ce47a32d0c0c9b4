"""Selects: the mode that an EVSE charges in, and whether the site leads at all."""

from dataclasses import replace
from enum import StrEnum
from typing import Final, override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SmartChargingConfigEntry
from .engine.config import Giving
from .engine.model import ChargeMode, EvseKey
from .entity import EvseEntity, SiteEntity
from .giving_back import async_follow_two_way

PARALLEL_UPDATES = 1


class SiteMode(StrEnum):
    """Whether a site acts on what it decides."""

    CONTROL = "control"
    OBSERVE = "observe"  # nothing is sent to chargers, batteries or contactors


MODE: Final = SelectEntityDescription(key="mode", translation_key="mode", options=[mode.value for mode in ChargeMode])

GIVING: Final = SelectEntityDescription(
    key="giving_back",
    translation_key="giving_back",
    entity_category=EntityCategory.CONFIG,
    options=[giving.value for giving in Giving],
)

SITE_MODE: Final = SelectEntityDescription(
    key="site_mode",
    translation_key="site_mode",
    entity_category=EntityCategory.CONFIG,
    options=[mode.value for mode in SiteMode],
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartChargingConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the site's select, and those of EVSEs as they come."""
    coordinator = entry.runtime_data.coordinator

    @callback
    def add_evse(subentry: ConfigSubentry, key: EvseKey) -> None:
        """Add the selects of an EVSE."""
        async_add_entities(
            [ModeSelect(hass, coordinator, MODE, subentry, key)], config_subentry_id=subentry.subentry_id
        )

    @callback
    def add_two_way(subentry: ConfigSubentry, key: EvseKey) -> None:
        """Add the select of an EVSE at which cars can give energy back."""
        async_add_entities(
            [GivingSelect(hass, coordinator, GIVING, subentry, key)], config_subentry_id=subentry.subentry_id
        )

    async_add_entities([SiteModeSelect(coordinator, SITE_MODE)])
    entry.async_on_unload(coordinator.async_add_evse_listener(add_evse))
    async_follow_two_way(entry, add_two_way)


class ModeSelect(EvseEntity, SelectEntity):
    """The mode of an EVSE: the user's wish, so it can be set while the station is away."""

    @property
    @override
    def current_option(self) -> str:
        """Return the mode."""
        return self.evse.mode.value

    @override
    async def async_select_option(self, option: str) -> None:
        """Change the mode."""
        await self.async_run(self.coordinator.site.set_mode(self.key, ChargeMode(option)), self.charger.name)


class GivingSelect(EvseEntity, SelectEntity):
    """What the car at an EVSE may give energy back for."""

    @property
    @override
    def current_option(self) -> str:
        """Return what it may give for."""
        return self.evse.settings.giving.value

    @override
    async def async_select_option(self, option: str) -> None:
        """Change what it may give for."""
        site = self.coordinator.site
        settings = replace(site.settings(self.key), giving=Giving(option))
        await self.async_run(site.set_settings(self.key, settings), self.charger.name)


class SiteModeSelect(SiteEntity, SelectEntity):
    """Whether the site acts on what it decides."""

    @property
    @override
    def current_option(self) -> str:
        """Return the site's mode."""
        return (SiteMode.OBSERVE if self.coordinator.data.observe_only else SiteMode.CONTROL).value

    @override
    async def async_select_option(self, option: str) -> None:
        """Let the site only observe, or act again."""
        site = self.coordinator.site
        await self.async_run(site.set_observe_only(option == SiteMode.OBSERVE), self.coordinator.config_entry.title)
