"""Numbers: what a user wants an EVSE never to exceed, to reach, and to come before."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, override

from homeassistant.components.number import NumberDeviceClass, NumberEntity, NumberEntityDescription, NumberMode
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import PERCENTAGE, EntityCategory, UnitOfElectricCurrent, UnitOfEnergy, UnitOfTime
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import CONF_MAX_CURRENT_A
from .coordinator import SiteCoordinator, SmartChargingConfigEntry
from .engine.config import EvseSettings
from .engine.model import MIN_CURRENT_A, EvseKey
from .engine.view import EvseView
from .entity import EvseEntity
from .errors import check_charge_levels, check_finite
from .giving_back import async_follow_two_way

PARALLEL_UPDATES = 1

MAX_ENERGY_KWH: Final = 200.0  # more than any car's battery takes
MAX_LATE_MIN: Final = 240
MIN_PRICE_LIMIT: Final = -100.0
MAX_PRICE_LIMIT: Final = 1000.0  # in any currency
MAX_PRIORITY: Final = 100  # as in a charger's configuration

MAX_CURRENT: Final = NumberEntityDescription(
    key="max_current",
    translation_key="max_current",
    device_class=NumberDeviceClass.CURRENT,
    entity_category=EntityCategory.CONFIG,
    native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
    native_min_value=MIN_CURRENT_A,
    native_step=1,
)


@dataclass(frozen=True, kw_only=True)
class SettingNumberDescription(NumberEntityDescription):
    """Describe a number that is one of an EVSE's settings."""

    value_fn: Callable[[EvseView], float | None]
    change_fn: Callable[[EvseSettings, float], EvseSettings]


SETTING_DESCRIPTIONS: Final = (
    SettingNumberDescription(
        key="priority",
        translation_key="priority",
        entity_category=EntityCategory.CONFIG,
        native_min_value=-MAX_PRIORITY,
        native_max_value=MAX_PRIORITY,
        native_step=1,
        value_fn=lambda evse: evse.priority,
        change_fn=lambda settings, value: replace(settings, priority=round(value)),
    ),
    # In these 0 stands for nothing wanted.
    SettingNumberDescription(
        key="target_energy",
        translation_key="target_energy",
        device_class=NumberDeviceClass.ENERGY,
        native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        native_min_value=0,
        native_max_value=MAX_ENERGY_KWH,
        native_step=0.5,
        value_fn=lambda evse: (evse.settings.target_energy_wh or 0.0) / 1000,
        change_fn=lambda settings, value: replace(settings, target_energy_wh=value * 1000 or None),
    ),
    SettingNumberDescription(
        key="target_soc",
        translation_key="target_soc",
        native_unit_of_measurement=PERCENTAGE,
        native_min_value=0,
        native_max_value=100,
        native_step=1,
        value_fn=lambda evse: evse.settings.target_soc_percent or 0.0,
        change_fn=lambda settings, value: replace(settings, target_soc_percent=value or None),
    ),
    SettingNumberDescription(
        key="min_soc",
        translation_key="min_soc",
        native_unit_of_measurement=PERCENTAGE,
        native_min_value=0,
        native_max_value=100,
        native_step=1,
        value_fn=lambda evse: evse.settings.min_soc_percent or 0.0,
        change_fn=lambda settings, value: replace(settings, min_soc_percent=value or None),
    ),
    SettingNumberDescription(
        key="late_part",
        translation_key="late_part",
        device_class=NumberDeviceClass.DURATION,
        entity_category=EntityCategory.CONFIG,
        native_unit_of_measurement=UnitOfTime.MINUTES,
        native_min_value=0,
        native_max_value=MAX_LATE_MIN,
        native_step=5,
        value_fn=lambda evse: evse.settings.late_min or 0.0,
        change_fn=lambda settings, value: replace(settings, late_min=value or None),
    ),
)
CHARGE_TO_KEEP: Final = SettingNumberDescription(
    key="charge_to_keep",
    translation_key="charge_to_keep",
    entity_category=EntityCategory.CONFIG,
    native_unit_of_measurement=PERCENTAGE,
    native_min_value=0,
    native_max_value=100,
    native_step=1,
    value_fn=lambda evse: evse.settings.keep_soc_percent,
    change_fn=lambda settings, value: replace(settings, keep_soc_percent=value),
)
PRICE_LIMIT: Final = SettingNumberDescription(
    key="price_limit",
    translation_key="price_limit",
    native_min_value=MIN_PRICE_LIMIT,
    native_max_value=MAX_PRICE_LIMIT,
    native_step=0.001,
    mode=NumberMode.BOX,
    value_fn=lambda evse: evse.settings.price_limit,
    change_fn=lambda settings, value: replace(settings, price_limit=value),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartChargingConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the numbers of EVSEs as they come."""
    coordinator = entry.runtime_data.coordinator

    @callback
    def add_evse(subentry: ConfigSubentry, key: EvseKey) -> None:
        """Add the numbers of an EVSE."""
        numbers: list[NumberEntity] = [MaxCurrentNumber(hass, coordinator, subentry, key)]
        numbers += [
            SettingNumber(hass, coordinator, description, subentry, key) for description in SETTING_DESCRIPTIONS
        ]
        numbers.append(PriceLimitNumber(hass, coordinator, PRICE_LIMIT, subentry, key))
        async_add_entities(numbers, config_subentry_id=subentry.subentry_id)

    @callback
    def add_two_way(subentry: ConfigSubentry, key: EvseKey) -> None:
        """Add the number of an EVSE at which cars can give energy back."""
        async_add_entities(
            [SettingNumber(hass, coordinator, CHARGE_TO_KEEP, subentry, key)], config_subentry_id=subentry.subentry_id
        )

    entry.async_on_unload(coordinator.async_add_evse_listener(add_evse))
    async_follow_two_way(entry, add_two_way)


class SettingNumber(EvseEntity, NumberEntity):
    """A setting of an EVSE: the user's wish, so it can be set while the station is away."""

    entity_description: SettingNumberDescription

    @property
    @override
    def native_value(self) -> float | None:
        """Return the setting, None where there is none."""
        return self.entity_description.value_fn(self.evse)

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Change the setting."""
        check_finite(value)
        site = self.coordinator.site
        before = site.settings(self.key)
        settings = self.entity_description.change_fn(before, value)
        check_charge_levels(before, settings, self.charger.name)
        await self.async_run(site.set_settings(self.key, settings), self.charger.name)


class PriceLimitNumber(SettingNumber):
    """Up to which price a car that follows a plan always buys; unknown while no limit is set."""

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the prices, which may come in another currency."""
        await super().async_added_to_hass()
        prices = self.coordinator.config_entry.runtime_data.prices
        self.async_on_remove(prices.subscribe(self.async_write_ha_state))

    @property
    @override
    def native_unit_of_measurement(self) -> str:
        """Return the currency per kWh."""
        return f"{self.coordinator.config_entry.runtime_data.prices.currency}/{UnitOfEnergy.KILO_WATT_HOUR}"


class MaxCurrentNumber(EvseEntity, NumberEntity):
    """The user's limit of an EVSE, between what a car needs at least and what the charger may carry."""

    def __init__(
        self, hass: HomeAssistant, coordinator: SiteCoordinator, subentry: ConfigSubentry, key: EvseKey
    ) -> None:
        """Take the charger's rating as the ceiling."""
        super().__init__(hass, coordinator, MAX_CURRENT, subentry, key)
        self._attr_native_max_value = float(subentry.data[CONF_MAX_CURRENT_A])

    @property
    @override
    def native_value(self) -> float:
        """Return the user's limit, no higher than the rating."""
        return min(self.evse.max_current_a, self.native_max_value)

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Follow a rating that was configured anew."""
        subentry = self.coordinator.config_entry.subentries.get(self.subentry_id)
        if subentry is not None:
            self._attr_native_max_value = float(subentry.data[CONF_MAX_CURRENT_A])
        super()._handle_coordinator_update()

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Change the user's limit."""
        check_finite(value)
        await self.async_run(self.coordinator.site.set_max_current(self.key, value), self.charger.name)
