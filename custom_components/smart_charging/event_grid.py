"""What events of grid signals tell: sources and chargers by their names."""

from collections.abc import Mapping
from typing import Final

from homeassistant.components.event import EventEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr

from .const import SUBENTRY_CHARGER
from .coordinator import SiteCoordinator, SmartChargingConfigEntry
from .devices import charger_identifier, evse_identifier
from .engine.model import EvseKey
from .engine.view import SiteEvent, SiteEventType
from .grid_names import evse_name, source_name
from .sessions import Detail, event_details

ATTR_SOURCE: Final = "source"
ATTR_CHARGER: Final = "charger"

GRID_SIGNAL: Final = EventEntityDescription(
    key="grid_signal",
    translation_key="grid_signal",
    event_types=[
        SiteEventType.GRID_LIMIT_STARTED.value,
        SiteEventType.GRID_LIMIT_CHANGED.value,
        SiteEventType.GRID_LIMIT_ENDED.value,
        SiteEventType.GRID_SOURCE_LOST.value,
        SiteEventType.GRID_SOURCE_BACK.value,
        SiteEventType.GRID_NOT_OBEYED.value,
        SiteEventType.GRID_OBEYED.value,
    ],
)


def grid_details(coordinator: SiteCoordinator, event: SiteEvent) -> Mapping[str, Detail]:
    """Return what an event tells."""
    details = event_details(event)
    if (source_id := event.details.get(ATTR_SOURCE)) is not None:
        details[ATTR_SOURCE] = source_name(coordinator.config_entry, str(source_id))
    if (charger := evse_name(coordinator.data, event.key)) is not None:
        details[ATTR_CHARGER] = charger
    return details


@callback
def evse_device_id(hass: HomeAssistant, entry: SmartChargingConfigEntry, key: EvseKey) -> str | None:
    """Return the id of the device that an EVSE is shown on, None for what is no charger of the site's."""
    devices = dr.async_get(hass)
    for subentry in entry.get_subentries_of_type(SUBENTRY_CHARGER):
        if subentry.unique_id == key.station_id:
            own = devices.async_get_child_device_by_identifier(
                evse_identifier(subentry.subentry_id, key.evse_id), entry.entry_id
            )
            device = own or devices.async_get_device_by_identifier(
                charger_identifier(subentry.subentry_id), entry.entry_id
            )
            return None if device is None else device.id
    return None
