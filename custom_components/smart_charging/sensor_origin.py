"""Sensors of where a session's energy came from, and what it was worth."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorStateClass
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import PERCENTAGE, UnitOfEnergy, UnitOfMass
from homeassistant.core import HomeAssistant

from .coordinator import SiteCoordinator
from .engine.model import EvseKey
from .engine.view import EvseView, SiteView
from .entity import EvseEntity
from .sensor_descriptions import ATTR_DETAILS, Details, EvseSensorDescription, SensorValue, rounded
from .sessions import origin_parts_kwh


@dataclass(frozen=True, kw_only=True)
class MoneySensorDescription(EvseSensorDescription):
    """Describe a sensor whose unit begins with the currency of the site's prices."""

    per: str = ""


def _solar_share(evse: EvseView, _at: datetime) -> float | None:
    """Return the sun's share of the newest session in percent, None while too little is known of its energy."""
    if evse.session_origin is None or evse.session_energy_wh is None:
        return None
    share = evse.session_origin.solar_share(evse.session_energy_wh)
    return None if share is None else round(100 * share)


def _parts(evse: EvseView, _site: SiteView) -> Details:
    if evse.session_origin is None or evse.session_energy_wh is None:
        return {}
    return origin_parts_kwh(evse.session_origin, evse.session_energy_wh)


def _average_price(evse: EvseView, _at: datetime) -> float | None:
    return None if evse.session_origin is None else rounded(evse.session_origin.price, 3)


def _cost(evse: EvseView, _at: datetime) -> float | None:
    """Return what the energy came to whose price is known, None while that is none of it."""
    if evse.session_origin is None or evse.session_origin.price is None:
        return None
    return round(evse.session_origin.cost, 2)


def _priced(evse: EvseView, _site: SiteView) -> Details:
    """Return how much of the energy the money is for."""
    if evse.session_origin is None or evse.session_origin.price is None:
        return {}
    return {"priced_kwh": round(evse.session_origin.priced_wh / 1000, 3)}


def _co2(evse: EvseView, _at: datetime) -> float | None:
    if evse.session_origin is None or evse.session_origin.co2_g_per_kwh is None:
        return None
    return round(evse.session_origin.co2_g)


def _co2_details(evse: EvseView, _site: SiteView) -> Details:
    origin = evse.session_origin
    if origin is None or origin.co2_g_per_kwh is None:
        return {}
    return {"g_per_kwh": round(origin.co2_g_per_kwh), "known_kwh": round(origin.co2_known_wh / 1000, 3)}


def _started_at(evse: EvseView) -> datetime | None:
    return evse.session_started_at


ORIGIN_DESCRIPTIONS: Final = (
    EvseSensorDescription(
        key="session_solar_share",
        translation_key="session_solar_share",
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        value_fn=_solar_share,
        details_fn=_parts,
    ),
    EvseSensorDescription(
        key="session_co2",
        translation_key="session_co2",
        native_unit_of_measurement=UnitOfMass.GRAMS,
        state_class=SensorStateClass.TOTAL,
        entity_registry_enabled_default=False,
        value_fn=_co2,
        details_fn=_co2_details,
        last_reset_fn=_started_at,
    ),
)
MONEY_DESCRIPTIONS: Final = (
    MoneySensorDescription(
        key="session_cost",
        translation_key="session_cost",
        device_class=SensorDeviceClass.MONETARY,
        state_class=SensorStateClass.TOTAL,
        suggested_display_precision=2,
        value_fn=_cost,
        details_fn=_priced,
        last_reset_fn=_started_at,
    ),
    MoneySensorDescription(
        key="session_average_price",
        translation_key="session_average_price",
        device_class=SensorDeviceClass.MONETARY,
        suggested_display_precision=3,
        per=f"/{UnitOfEnergy.KILO_WATT_HOUR}",
        value_fn=_average_price,
    ),
)


class SessionMoneySensor(EvseEntity, SensorEntity):
    """What a session's energy came to, in the currency of the site's prices."""

    _unrecorded_attributes = frozenset({ATTR_DETAILS})
    entity_description: MoneySensorDescription

    def __init__(
        self,
        hass: HomeAssistant,
        coordinator: SiteCoordinator,
        description: MoneySensorDescription,
        subentry: ConfigSubentry,
        key: EvseKey,
    ) -> None:
        """Take the site's prices for their currency."""
        super().__init__(hass, coordinator, description, subentry, key)
        self._prices = coordinator.config_entry.runtime_data.prices

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the prices, which may come in another currency."""
        await super().async_added_to_hass()
        self.async_on_remove(self._prices.subscribe(self.async_write_ha_state))

    @property
    @override
    def native_value(self) -> SensorValue:
        """Return the value of the newest view, None while no price of the session is known."""
        return self.entity_description.value_fn(self.evse, self.coordinator.data.at)

    @property
    @override
    def native_unit_of_measurement(self) -> str:
        """Return the currency, or that of a kWh."""
        return f"{self._prices.currency}{self.entity_description.per}"

    @property
    @override
    def last_reset(self) -> datetime | None:
        """Return when the session began."""
        reset = self.entity_description.last_reset_fn
        return None if reset is None else reset(self.evse)

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Details] | None:
        """Return how much of the energy the money is for."""
        describe = self.entity_description.details_fn
        return None if describe is None else {ATTR_DETAILS: describe(self.evse, self.coordinator.data)}
