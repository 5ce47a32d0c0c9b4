"""The sensor of what the United Kingdom's charging hours say."""

from typing import Final, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import SmartChargingConfigEntry
from .engine.grid.uk_rules import UkReason
from .engine.model import EvseKey
from .uk_hours import UkEntity, async_follow_uk_hours

HOURS: Final = SensorEntityDescription(
    key="uk_hours",
    translation_key="uk_hours",
    device_class=SensorDeviceClass.ENUM,
    options=[reason.value for reason in UkReason],
)


@callback
def async_follow_uk_sensor(
    hass: HomeAssistant, entry: SmartChargingConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Have the sensor at each charger where the site is under the rules."""
    coordinator = entry.runtime_data.coordinator

    def make(subentry: ConfigSubentry, key: EvseKey) -> UkHoursSensor:
        return UkHoursSensor(hass, coordinator, HOURS, subentry, key)

    async_follow_uk_hours(hass, entry, Platform.SENSOR, async_add_entities, HOURS.key, make)


class UkHoursSensor(UkEntity, SensorEntity):
    """Why the EVSE may charge, or may not."""

    @property
    @override
    def native_value(self) -> str | None:
        """Return the reason."""
        return None if self.verdict is None else self.verdict.reason.value

    @property
    @override
    def extra_state_attributes(self) -> dict[str, str | bool | None] | None:
        """Return whether it may charge, and until when that holds."""
        verdict = self.verdict
        if verdict is None:
            return None
        until = None if verdict.until is None else verdict.until.isoformat()
        return {"may_charge": verdict.may_charge, "until": until}
