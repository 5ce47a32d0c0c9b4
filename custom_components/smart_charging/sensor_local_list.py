"""The sensor of a charger's local list: whether it knows who may charge while nobody can be asked."""

from typing import Final, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription
from homeassistant.const import EntityCategory

from .engine.id_token import ListStatus
from .entity import ChargerEntity
from .sensor_descriptions import ATTR_DETAILS, Details

OFF: Final = "off"
LOCAL_LIST: Final = SensorEntityDescription(
    key="local_list",
    translation_key="local_list",
    device_class=SensorDeviceClass.ENUM,
    entity_category=EntityCategory.DIAGNOSTIC,
    options=[OFF, *(status.value for status in ListStatus)],
)


class LocalListSensor(ChargerEntity, SensorEntity):
    """Tells how the charger's list stands to the registry of tags; off where it is not kept."""

    _unrecorded_attributes = frozenset({ATTR_DETAILS})

    @property
    @override
    def native_value(self) -> str:
        """Return how the list stands."""
        known = self.charger.local_list
        return OFF if known is None else known.status.value

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Details] | None:
        """Return the version of the charger's list, and how many tags were sent."""
        known = self.charger.local_list
        if known is None:
            return None
        told = {"version": known.version, "entries": known.entries}
        return {ATTR_DETAILS: {name: value for name, value in told.items() if value is not None}}
