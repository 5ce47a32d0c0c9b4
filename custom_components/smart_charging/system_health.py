"""What the system information page tells of the sites."""

from homeassistant.components.system_health import SystemHealthRegistration
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .coordinator import SmartChargingConfigEntry


@callback
def async_register(hass: HomeAssistant, register: SystemHealthRegistration) -> None:
    """Register the information callback."""
    register.async_register_info(async_system_health_info)


async def async_system_health_info(hass: HomeAssistant) -> dict[str, object]:
    """Return how many sites run, where they listen, and how many chargers are connected."""
    entries: list[SmartChargingConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    stations = [
        charger.station for entry in entries for charger in entry.runtime_data.coordinator.data.chargers.values()
    ]
    return {
        "sites": len(entries),
        "ports": ", ".join(str(entry.runtime_data.port) for entry in entries),
        "chargers": len(stations),
        "chargers_connected": sum(station.connected for station in stations),
        "chargers_waiting": sum(len(entry.runtime_data.csms.pending) for entry in entries),
    }
