"""Sensors of where a session's energy came from, and what it was worth."""

from datetime import datetime
from typing import Final

from homeassistant.components.sensor import SensorDeviceClass, SensorStateClass
from homeassistant.const import PERCENTAGE, UnitOfEnergy, UnitOfMass

from .engine.view import EvseView, SiteView
from .sensor_descriptions import Details, EvseSensorDescription, rounded
from .sensor_evse import MoneySensorDescription
from .sessions import origin_parts_kwh


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
