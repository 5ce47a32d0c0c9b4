"""Buttons: what a charging station is told to do once, and charging at full power for an hour."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.components.button.const import ButtonDeviceClass
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import Unauthorized, UnknownUser
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .button_uk import async_follow_uk_button
from .coordinator import SmartChargingConfigEntry
from .engine.csms.station import Station
from .engine.model import EvseKey
from .entity import ChargerEntity, EvseEntity
from .wishes import BOOST_TIME, boost

PARALLEL_UPDATES = 1


@dataclass(frozen=True, kw_only=True)
class StationButtonDescription(ButtonEntityDescription):
    """Describe a button of a charging station as a whole."""

    press_fn: Callable[[Station], Awaitable[None]]
    admin_only: bool = False


@dataclass(frozen=True, kw_only=True)
class EvseButtonDescription(ButtonEntityDescription):
    """Describe a button of an EVSE."""

    press_fn: Callable[[Station, int], Awaitable[None]]


STATION_DESCRIPTIONS: Final = (
    StationButtonDescription(
        key="reset",
        translation_key="reset",
        device_class=ButtonDeviceClass.RESTART,
        entity_category=EntityCategory.CONFIG,
        press_fn=lambda station: station.reset(hard=False),
    ),
    StationButtonDescription(
        key="hard_reset",
        translation_key="hard_reset",
        device_class=ButtonDeviceClass.RESTART,
        entity_category=EntityCategory.CONFIG,
        # It may end a transaction without a word: not for a press by mistake.
        entity_registry_enabled_default=False,
        press_fn=lambda station: station.reset(hard=True),
    ),
    StationButtonDescription(
        key="forget_learnt",
        translation_key="forget_learnt",
        entity_category=EntityCategory.CONFIG,
        press_fn=lambda station: station.forget_learnt(),
        admin_only=True,
    ),
)

EVSE_DESCRIPTIONS: Final = (
    EvseButtonDescription(
        key="unlock",
        translation_key="unlock",
        press_fn=lambda station, evse_id: station.unlock(evse_id),
    ),
)

BOOST: Final = ButtonEntityDescription(key="boost", translation_key="boost")


async def async_setup_entry(
    hass: HomeAssistant, entry: SmartChargingConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Set up the buttons of chargers and EVSEs as they come."""
    coordinator = entry.runtime_data.coordinator

    @callback
    def add_charger(subentry: ConfigSubentry) -> None:
        """Add the buttons of a charging station."""
        async_add_entities(
            (StationButton(hass, coordinator, description, subentry) for description in STATION_DESCRIPTIONS),
            config_subentry_id=subentry.subentry_id,
        )

    @callback
    def add_evse(subentry: ConfigSubentry, key: EvseKey) -> None:
        """Add the buttons of an EVSE."""
        async_add_entities(
            (EvseButton(hass, coordinator, description, subentry, key) for description in EVSE_DESCRIPTIONS),
            config_subentry_id=subentry.subentry_id,
        )

        async_add_entities(
            [BoostButton(hass, coordinator, BOOST, subentry, key)], config_subentry_id=subentry.subentry_id
        )

    entry.async_on_unload(coordinator.async_add_charger_listener(add_charger))
    entry.async_on_unload(coordinator.async_add_evse_listener(add_evse))
    async_follow_uk_button(hass, entry, async_add_entities)


class StationButton(ChargerEntity, ButtonEntity):
    """A button of a charging station, of use while that is connected."""

    entity_description: StationButtonDescription

    @property
    @override
    def available(self) -> bool:
        """Return True while the station is connected."""
        return super().available and self.charger.station.connected

    @override
    async def async_press(self) -> None:
        """Tell the station; raises Unauthorized for who is no administrator, where one has to be."""
        if self.entity_description.admin_only:
            await self._async_check_admin()
        station = self.coordinator.site.station(self.station_id)
        await self.async_run(self.entity_description.press_fn(station), self.charger.name)

    async def _async_check_admin(self) -> None:
        """Raise Unauthorized where a user presses who is no administrator; automations may, as with such actions."""
        context = self._context
        if context is None or context.user_id is None:
            return
        user = await self.hass.auth.async_get_user(context.user_id)
        if user is None:
            raise UnknownUser(context=context)
        if not user.is_admin:
            raise Unauthorized(context=context)


class EvseButton(EvseEntity, ButtonEntity):
    """A button of an EVSE, of use while its station is connected."""

    entity_description: EvseButtonDescription

    @property
    @override
    def available(self) -> bool:
        """Return True while the station is connected."""
        return super().available and self.connected

    @override
    async def async_press(self) -> None:
        """Tell the station."""
        station = self.coordinator.site.station(self.key.station_id)
        await self.async_run(self.entity_description.press_fn(station, self.key.evse_id), self.charger.name)


class BoostButton(EvseEntity, ButtonEntity):
    """Charge at full power for a while, whatever the mode: the user's wish, so it holds for a station that is away."""

    @override
    async def async_press(self) -> None:
        """Begin a boost, or let the running one last anew."""
        site = self.coordinator.site
        await self.async_run(boost(site, self.key, BOOST_TIME, dt_util.utcnow()), self.charger.name)
