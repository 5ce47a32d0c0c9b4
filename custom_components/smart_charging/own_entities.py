"""Which entities are the integration's own: measuring with them would only show it itself."""

from homeassistant.components.sensor import DOMAIN as SENSOR_DOMAIN
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er

from .const import DOMAIN


@callback
def is_own_entity(hass: HomeAssistant, entity_id: str) -> bool:
    """Return whether this integration made the entity, for whichever site."""
    registered = er.async_get(hass).async_get(entity_id)
    return registered is not None and registered.platform == DOMAIN


@callback
def own_sensors(hass: HomeAssistant) -> list[str]:
    """Return the entity ids of all sensors that this integration made."""
    return sorted(
        registered.entity_id
        for registered in er.async_get(hass).entities.values()
        if registered.platform == DOMAIN and registered.domain == SENSOR_DOMAIN
    )
