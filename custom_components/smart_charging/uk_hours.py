"""Entities for the United Kingdom's charging hours, where the site has these rules: at a charger's first EVSE, for all."""

from collections.abc import Callable
from typing import override

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SmartChargingConfigEntry
from .engine.grid.uk_rules import FIRST_EVSE, UkVerdict
from .engine.model import EvseKey
from .entity import EvseEntity

type MakeUkEntity = Callable[[ConfigSubentry, EvseKey], Entity]


@callback
def async_follow_uk_hours(
    hass: HomeAssistant,
    entry: SmartChargingConfigEntry,
    platform: Platform,
    async_add_entities: AddConfigEntryEntitiesCallback,
    key: str,
    make_fn: MakeUkEntity,
) -> None:
    """Have a platform's entity at each charger where the site is under the rules, else have them out of the registry."""
    coordinator = entry.runtime_data.coordinator
    if coordinator.site.grid.config.uk is None:
        _async_remove(hass, entry, platform, key)
        return

    @callback
    def add_evse(subentry: ConfigSubentry, evse: EvseKey) -> None:
        """Add the entity of a charger."""
        if evse.evse_id == FIRST_EVSE:
            async_add_entities([make_fn(subentry, evse)], config_subentry_id=subentry.subentry_id)

    entry.async_on_unload(coordinator.async_add_evse_listener(add_evse))


@callback
def _async_remove(hass: HomeAssistant, entry: SmartChargingConfigEntry, platform: Platform, key: str) -> None:
    """Take what an earlier run left out of the registry."""
    registry = er.async_get(hass)
    for known in er.async_entries_for_config_entry(registry, entry.entry_id):
        if known.domain == platform and known.unique_id.endswith(f"_{FIRST_EVSE}_{key}"):
            registry.async_remove(known.entity_id)


class UkEntity(EvseEntity):
    """An entity of an EVSE under the rules; it is written when what they say of it changes, which no charger tells."""

    follows_charger = False
    _written: tuple[bool, UkVerdict | None, bool] | None = None

    @property
    def verdict(self) -> UkVerdict | None:
        """Return what the rules say now, None where that is not known yet."""
        return self.coordinator.data.grid.uk.get(self.key)

    @property
    def has_own_hours(self) -> bool:
        """Return whether the owner chose hours."""
        return self.coordinator.site.grid.has_own_uk_hours(self.key)

    @property
    @override
    def available(self) -> bool:
        """Return True while the rules say something of the EVSE."""
        return super().available and self.verdict is not None

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Write what changed."""
        now = (self.available, self.verdict, self.has_own_hours)
        if now != self._written:
            self._written = now
            super()._handle_coordinator_update()
