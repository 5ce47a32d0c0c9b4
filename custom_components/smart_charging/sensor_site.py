"""Which of the site's sensors there are: they come and go with what it has."""

from collections.abc import Callable, Iterable

from homeassistant.components.sensor import SensorEntity, SensorEntityDescription
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import DOMAIN
from .coordinator import SmartChargingConfigEntry


class SiteSensors[Description: SensorEntityDescription]:
    """Keeps sensors of the site equal to what it has.

    One that stands for nothing is taken out of the registry, also where an earlier run left it.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: SmartChargingConfigEntry,
        add_entities: AddConfigEntryEntitiesCallback,
        descriptions: Iterable[Description],
        make_fn: Callable[[Description], SensorEntity],
        exists_fn: Callable[[Description], bool],
    ) -> None:
        """Start without any sensor."""
        self._hass = hass
        self._entry = entry
        self._add_entities = add_entities
        self._descriptions = tuple(descriptions)
        self._make_fn = make_fn
        self._exists_fn = exists_fn
        self._had: frozenset[str] | None = None

    @callback
    def async_update(self) -> None:
        """Add sensors of what came and remove those of what went."""
        wanted = frozenset(each.key for each in self._descriptions if self._exists_fn(each))
        if wanted == self._had:
            return
        registry, new = er.async_get(self._hass), wanted - (self._had or frozenset())
        for description in self._descriptions:
            unique_id = f"{self._entry.entry_id}_{description.key}"
            if description.key not in wanted and (
                entity_id := registry.async_get_entity_id(Platform.SENSOR, DOMAIN, unique_id)
            ):
                registry.async_remove(entity_id)
        self._add_entities(self._make_fn(each) for each in self._descriptions if each.key in new)
        self._had = wanted
