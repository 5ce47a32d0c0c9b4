"""The sensor of a charger's second central system: how the connection stands, and how much waits."""

from typing import Final, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription
from homeassistant.const import EntityCategory

from .engine.csms.relay.state import RelayCondition
from .entity import ChargerEntity
from .sensor_descriptions import ATTR_DETAILS, Details

RELAY: Final = SensorEntityDescription(
    key="relay",
    translation_key="relay",
    device_class=SensorDeviceClass.ENUM,
    entity_category=EntityCategory.DIAGNOSTIC,
    options=[condition.value for condition in RelayCondition],
)


class RelaySensor(ChargerEntity, SensorEntity):
    """Tells whether the second central system is told of the charger; off where there is none."""

    _unrecorded_attributes = frozenset({ATTR_DETAILS})

    @property
    @override
    def native_value(self) -> str:
        """Return the condition."""
        relay = self.charger.relay
        return (RelayCondition.OFF if relay is None else relay.condition).value

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Details] | None:
        """Return how many messages wait for them, and how many they never got."""
        relay = self.charger.relay
        if relay is None:
            return None
        not_told = relay.thinned + relay.set_aside + relay.refused + relay.lost
        return {ATTR_DETAILS: {"waiting": relay.waiting, "not_told": not_told}}
