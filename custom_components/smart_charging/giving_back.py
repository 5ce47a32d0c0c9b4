"""Entities of EVSEs whose stations can take energy from a car: added once such a station tells that it can."""

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import callback

from .coordinator import EvseListener, SiteCoordinator, SmartChargingConfigEntry
from .engine.model import EvseKey


@callback
def async_follow_two_way(entry: SmartChargingConfigEntry, add_evse: EvseListener) -> None:
    """Call `add_evse` once for each EVSE at which cars can give energy back, those there are and those to come."""
    coordinator = entry.runtime_data.coordinator
    waiting: dict[EvseKey, ConfigSubentry] = {}

    @callback
    def look() -> None:
        """Add those that tell it now."""
        for key in [key for key in waiting if gives_back(coordinator, key)]:
            add_evse(waiting.pop(key), key)

    @callback
    def found(subentry: ConfigSubentry, key: EvseKey) -> None:
        """Wait for what an EVSE's station tells."""
        waiting[key] = subentry
        look()

    entry.async_on_unload(coordinator.async_add_evse_listener(found))
    entry.async_on_unload(coordinator.async_add_listener(look))


def gives_back(coordinator: SiteCoordinator, key: EvseKey) -> bool:
    """Return whether an EVSE's station tells that it can take energy from a car."""
    charger = coordinator.data.chargers.get(key.station_id)
    evse = None if charger is None else charger.evses.get(key.evse_id)
    return evse is not None and evse.gives_back
