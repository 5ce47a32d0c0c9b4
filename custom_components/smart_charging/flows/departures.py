"""The section of a charger's form for a calendar that tells when its car leaves."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import EntitySelector, EntitySelectorConfig, TextSelector
import probatio

from ..car_settings import car_config
from ..const import (
    CONF_CALENDAR,
    CONF_CAR,
    CONF_DEPARTURES,
    CONF_EVENT_TITLE,
    CONF_EVENTS,
    CONF_LEAD_MIN,
    CONF_TARGET_ENERGY_KWH,
    CONF_TARGET_RANGE_KM,
    CONF_TARGET_SOC,
)
from ..engine.calendar_departures import MOST_ENERGY_WH, MOST_RANGE_KM, EventChoice
from ..own_entities import is_own_entity
from .fields import choice, filled, number, percent

_LONGEST_LEAD_MIN: Final = 24 * 60
_TARGETS: Final = frozenset({CONF_TARGET_SOC, CONF_TARGET_ENERGY_KWH, CONF_TARGET_RANGE_KM})
_SCHEMA: Final = probatio.Schema(
    {
        probatio.Optional(CONF_CALENDAR): EntitySelector(EntitySelectorConfig(domain="calendar")),
        probatio.Required(CONF_EVENTS, default=EventChoice.WITH_PLACE.value): choice(EventChoice, "departure_events"),
        probatio.Optional(CONF_EVENT_TITLE): TextSelector(),
        probatio.Required(CONF_LEAD_MIN, default=0): number(0, _LONGEST_LEAD_MIN, "min"),
        probatio.Optional(CONF_TARGET_SOC): percent(1),
        probatio.Optional(CONF_TARGET_ENERGY_KWH): number(0.1, MOST_ENERGY_WH / 1000, "kWh", step=0.1),
        probatio.Optional(CONF_TARGET_RANGE_KM): number(1, MOST_RANGE_KM, "km"),
    }
)
DEPARTURE_FIELDS: Final[dict[probatio.Marker, Any]] = {
    probatio.Required(CONF_DEPARTURES): section(_SCHEMA, {"collapsed": True}),
}


def departures_data(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a charger's data is of its calendar: nothing without one, as while a charger is found."""
    typed = user_input.get(CONF_DEPARTURES, {})
    data = filled({key: value.strip() if isinstance(value, str) else value for key, value in typed.items()})
    return {CONF_DEPARTURES: data} if CONF_CALENDAR in data else {}


@callback
def departures_error(hass: HomeAssistant, charger: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return what is wrong with a charger's calendar and which that is, None where nothing is or there is none."""
    if (data := charger.get(CONF_DEPARTURES)) is None:
        return None
    calendar: str = data[CONF_CALENDAR]
    error = "entity_own" if is_own_entity(hass, calendar) else _rule_error(data) or _range_error(charger, data)
    return None if error is None else (error, calendar)


def _rule_error(data: Mapping[str, Any]) -> str | None:
    if data[CONF_EVENTS] == EventChoice.WITH_TITLE and CONF_EVENT_TITLE not in data:
        return "event_title_missing"
    return "several_targets" if len(_TARGETS & data.keys()) > 1 else None


def _range_error(charger: Mapping[str, Any], data: Mapping[str, Any]) -> str | None:
    if (range_km := data.get(CONF_TARGET_RANGE_KM)) is None:
        return None
    full_km = car_config(charger.get(CONF_CAR)).range_km
    if full_km is None:
        return "target_range_needs_car"
    return "target_range_beyond_battery" if range_km > full_km else None


def departures_suggestions(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the section's values for a charger that exists."""
    return {**_SCHEMA({}), **data.get(CONF_DEPARTURES, {})}
