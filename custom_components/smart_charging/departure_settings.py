"""The calendar that tells when the car at a charger leaves, as the user chose it, in the engine's words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from homeassistant.config_entries import ConfigEntry

from .car_settings import car_config
from .const import (
    CONF_CALENDAR,
    CONF_CAR,
    CONF_DEPARTURES,
    CONF_EVENT_TITLE,
    CONF_EVENTS,
    CONF_LEAD_MIN,
    CONF_STATION_ID,
    CONF_TARGET_ENERGY_KWH,
    CONF_TARGET_RANGE_KM,
    CONF_TARGET_SOC,
    SUBENTRY_CHARGER,
)
from .engine.calendar_departures import DepartureRule, EventChoice, Target, range_target
from .engine.config import CarConfig


@dataclass(frozen=True, slots=True)
class DepartureChoice:
    """A calendar, what of it counts, and the car that its descriptions speak of; `subentry_id` is the charger's."""

    subentry_id: str
    calendar: str
    rule: DepartureRule
    car: CarConfig


def departure_choices(entry: ConfigEntry) -> dict[str, DepartureChoice]:
    """Return the calendars of the chargers that have one, by station id."""
    return {
        subentry.data[CONF_STATION_ID]: _choice(subentry.subentry_id, subentry.data)
        for subentry in entry.get_subentries_of_type(SUBENTRY_CHARGER)
        if CONF_DEPARTURES in subentry.data
    }


def _choice(subentry_id: str, charger: Mapping[str, Any]) -> DepartureChoice:
    data, car = charger[CONF_DEPARTURES], car_config(charger.get(CONF_CAR))
    rule = DepartureRule(
        EventChoice(data[CONF_EVENTS]),
        data.get(CONF_EVENT_TITLE, ""),
        timedelta(minutes=data[CONF_LEAD_MIN]),
        _target(data, car),
    )
    return DepartureChoice(subentry_id, data[CONF_CALENDAR], rule, car)


def _target(data: Mapping[str, Any], car: CarConfig) -> Target:
    """Return what the car is to have where an event does not say; a range counts while the car's is known."""
    if (range_km := data.get(CONF_TARGET_RANGE_KM)) is not None:
        return range_target(float(range_km), car) or Target()
    energy_kwh, soc = data.get(CONF_TARGET_ENERGY_KWH), data.get(CONF_TARGET_SOC)
    return Target(
        energy_wh=None if energy_kwh is None else float(energy_kwh) * 1000,
        soc_percent=None if soc is None else float(soc),
    )
