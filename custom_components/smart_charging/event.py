"""Events: sessions that start, end and will miss their target, tags that are presented, and grid signals."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Final, override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import ATTR_DEVICE_ID, EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import DOMAIN
from .coordinator import SiteCoordinator, SmartChargingConfigEntry
from .engine.model import EvseKey
from .engine.view import NOTICES, SiteEvent, SiteEventType
from .entity import ChargerEntity, EvseEntity, SiteEntity
from .event_grid import GRID_SIGNAL, evse_device_id, grid_details
from .sessions import Detail, event_details

PARALLEL_UPDATES = 0

# Fired on the bus beside the entities' own events, for the logbook's sentences.
EVENT_SMART_CHARGING: Final = f"{DOMAIN}_event"
ATTR_TYPE: Final = "type"

SESSION: Final = EventEntityDescription(
    key="session",
    translation_key="session",
    event_types=[
        SiteEventType.SESSION_STARTED.value,
        SiteEventType.SESSION_ENDED.value,
        SiteEventType.TRANSACTION_REFUSED.value,
        SiteEventType.TARGET_UNREACHABLE.value,
    ],
)
NOTICE: Final = EventEntityDescription(
    key="notice",
    translation_key="notice",
    entity_category=EntityCategory.DIAGNOSTIC,
    event_types=sorted(kind.value for kind in NOTICES),
)
TAG: Final = EventEntityDescription(
    key="tag",
    translation_key="tag",
    event_types=[
        SiteEventType.TAG_PRESENTED.value,
        SiteEventType.TAG_LEARNT.value,
        SiteEventType.TAG_REFUSED.value,
    ],
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartChargingConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the events of the site, and those of chargers and EVSEs as they come."""
    coordinator = entry.runtime_data.coordinator
    async_add_entities([GridSignalEvent(coordinator, GRID_SIGNAL)])

    @callback
    def add_charger(subentry: ConfigSubentry) -> None:
        """Add the events of a charging station."""
        async_add_entities(
            [StationEvent(hass, coordinator, description, subentry) for description in (TAG, NOTICE)],
            config_subentry_id=subentry.subentry_id,
        )

    @callback
    def add_evse(subentry: ConfigSubentry, key: EvseKey) -> None:
        """Add the events of an EVSE."""
        async_add_entities(
            [SessionEvent(hass, coordinator, SESSION, subentry, key)], config_subentry_id=subentry.subentry_id
        )

    entry.async_on_unload(coordinator.async_add_charger_listener(add_charger))
    entry.async_on_unload(coordinator.async_add_evse_listener(add_evse))


class SiteEventEntity(EventEntity):
    """Shows events of the site on one entity and tells the logbook of them."""

    coordinator: SiteCoordinator

    @override
    async def async_added_to_hass(self) -> None:
        """Listen while the entity is there."""
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.site.subscribe_events(self._async_handle))

    @abstractmethod
    @callback
    def _async_handle(self, event: SiteEvent) -> None:
        """Show an event where it is for this entity."""

    @callback
    def async_show(self, event: SiteEvent) -> None:
        """Show an event."""
        self.async_tell(event, event_details(event))

    @callback
    def async_tell(self, event: SiteEvent, details: Mapping[str, Detail], device_id: str | None = None) -> None:
        """Show an event with what it tells; the logbook has it at this device, by default the entity's own."""
        self._trigger_event(event.type.value, dict(details))
        self.async_write_ha_state()
        if device_id is None and self.device_entry is not None:
            device_id = self.device_entry.id
        self.hass.bus.async_fire(EVENT_SMART_CHARGING, {ATTR_DEVICE_ID: device_id, ATTR_TYPE: event.type, **details})


class SessionEvent(EvseEntity, SiteEventEntity):
    """A session of an EVSE started, ended or will miss its target; the end carries what it delivered."""

    @override
    @callback
    def _async_handle(self, event: SiteEvent) -> None:
        """Show a session event of this EVSE."""
        if event.key == self.key and event.type.value in self.event_types:
            self.async_show(event)


class StationEvent(ChargerEntity, SiteEventEntity):
    """A tag was held to a charging station's reader, or it told of something else that may belong to no EVSE."""

    @override
    @callback
    def _async_handle(self, event: SiteEvent) -> None:
        """Show an event of this station."""
        if event.key.station_id == self.station_id and event.type.value in self.event_types:
            self.async_show(event)


class GridSignalEvent(SiteEntity, SiteEventEntity):
    """Something came of the grid operator's demands; what an EVSE did stands in the logbook at that."""

    @override
    @callback
    def _async_handle(self, event: SiteEvent) -> None:
        """Show an event of a grid signal."""
        if event.type.value in self.event_types:
            device_id = evse_device_id(self.hass, self.coordinator.config_entry, event.key)
            self.async_tell(event, grid_details(self.coordinator, event), device_id)
