"""The button to charge in spite of the United Kingdom's peak hours."""

from typing import Final, override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .coordinator import SmartChargingConfigEntry
from .engine.grid.uk_rules import override_until
from .engine.model import EvseKey
from .uk_hours import UkEntity, async_follow_uk_hours

CHARGE_NOW: Final = ButtonEntityDescription(key="uk_charge_now", translation_key="uk_charge_now")


@callback
def async_follow_uk_button(
    hass: HomeAssistant, entry: SmartChargingConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Have the button at each charger where the site is under the rules."""
    coordinator = entry.runtime_data.coordinator

    def make(subentry: ConfigSubentry, key: EvseKey) -> ChargeNowButton:
        return ChargeNowButton(hass, coordinator, CHARGE_NOW, subentry, key)

    async_follow_uk_hours(hass, entry, Platform.BUTTON, async_add_entities, CHARGE_NOW.key, make)


class ChargeNowButton(UkEntity, ButtonEntity):
    """Charge in spite of peak hours, of use while they keep the EVSE from it."""

    @property
    @override
    def available(self) -> bool:
        """Return True while the EVSE may not charge."""
        verdict = self.verdict
        return super().available and verdict is not None and not verdict.may_charge

    @override
    async def async_press(self) -> None:
        """Override the rules for as long as they would keep the EVSE waiting."""
        if (verdict := self.verdict) is not None:
            self.coordinator.site.grid.override_uk_hours(self.key, override_until(verdict, dt_util.utcnow()))
            self.coordinator.async_publish_now()
