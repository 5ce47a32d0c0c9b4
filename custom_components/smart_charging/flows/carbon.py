"""What of the pages of prices is of CO2: a sensor of now, entities that forecast it, and where those list it."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.selector import EntitySelector, EntitySelectorConfig, TextSelector
from homeassistant.util import dt as dt_util
import probatio

from ..const import (
    CONF_CO2,
    CONF_CO2_ATTRIBUTE,
    CONF_CO2_BY_HAND,
    CONF_CO2_END_KEY,
    CONF_CO2_FORECAST,
    CONF_CO2_START_KEY,
    CONF_CO2_UNIT,
    CONF_CO2_VALUE_KEY,
    CONF_OPENADR_SOURCE,
    CONF_PRICE_SOURCE,
)
from ..coordinator import SmartChargingConfigEntry
from ..engine.control.prices.formula import carbon_unit
from ..engine.control.prices.sources import ToldPrices, UnreadablePrices, lists_carbon
from ..engine.grid.openadr_values import SeriesKind
from ..entity_values import co2_g
from ..own_entities import is_own_entity
from ..price_reading import read_carbon, read_server
from ..price_settings import PriceSource, carbon_settings
from .fields import NOTHING, Answer, local

_TEXT: Final = TextSelector()
CARBON_FIELDS: Final[dict[probatio.Marker, Any]] = {
    probatio.Optional(CONF_CO2): EntitySelector(EntitySelectorConfig(domain="sensor")),
    probatio.Optional(CONF_CO2_FORECAST): EntitySelector(
        EntitySelectorConfig(domain=["sensor", "event"], multiple=True)
    ),
}
CARBON_LIST_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(CONF_CO2_ATTRIBUTE): _TEXT,
        probatio.Required(CONF_CO2_START_KEY): _TEXT,
        probatio.Required(CONF_CO2_VALUE_KEY): _TEXT,
        probatio.Optional(CONF_CO2_END_KEY): _TEXT,
        probatio.Required(CONF_CO2_UNIT): _TEXT,
    }
)
# What known sources are called, alike in every language.
_NAMES: Final = {"carbon_intensity_uk": "Carbon Intensity UK", "openadr": "OpenADR", "predbat": "Predbat"}


@callback
def with_way_to_read(hass: HomeAssistant, user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first page's choice with whether the user has to say where the forecast is listed."""
    forecasts = user_input.get(CONF_CO2_FORECAST) or []
    known = any(_is_known(hass, entity_id) for entity_id in forecasts)
    return {**user_input, CONF_CO2_BY_HAND: True} if forecasts and not known else dict(user_input)


@callback
def carbon_answer(hass: HomeAssistant, user_input: Mapping[str, Any]) -> Answer:
    """Return what is wrong with what the first page has of CO2."""
    if entity_id := user_input.get(CONF_CO2):
        state = hass.states.get(entity_id)
        if state is None or carbon_unit(str(state.attributes.get(ATTR_UNIT_OF_MEASUREMENT))) is None:
            return Answer({CONF_CO2: "entity_not_co2"}, {"entity": entity_id})
    for entity_id in user_input.get(CONF_CO2_FORECAST) or []:
        if is_own_entity(hass, entity_id):
            return Answer({CONF_CO2_FORECAST: "entity_own"}, {"entity": entity_id})
        if hass.states.get(entity_id) is None:
            return Answer({CONF_CO2_FORECAST: "entity_not_found"}, {"entity": entity_id})
    chosen = with_way_to_read(hass, user_input)
    return Answer() if chosen.get(CONF_CO2_BY_HAND) else _read_answer(hass, chosen, CONF_CO2_FORECAST)


@callback
def carbon_list_answer(hass: HomeAssistant, chosen: Mapping[str, Any]) -> Answer:
    """Return what is wrong with where the user says that the forecast is listed."""
    if carbon_unit(chosen[CONF_CO2_UNIT]) is None:
        return Answer({CONF_CO2_UNIT: "co2_unit_unknown"})
    return _read_answer(hass, chosen, CONF_CO2_ATTRIBUTE)


@callback
def carbon_understood(hass: HomeAssistant, entry: SmartChargingConfigEntry, chosen: Mapping[str, Any]) -> str:
    """Return what was understood of CO2: who forecasts it from when to when, and how much it is now."""
    carbon = carbon_settings(chosen)
    measured = None if carbon.sensor is None else co2_g(hass, carbon.sensor)
    try:
        told = read_carbon(hass, carbon) if carbon.forecasts else _of_server(hass, entry, chosen)
    except UnreadablePrices as err:
        return err.detail
    present = measured if told is None else told.series.import_at(dt_util.utcnow())
    words = ([] if told is None else [_span(told)]) + ([] if present is None else [f"{present:.0f} g/kWh"])
    return ", ".join(words) or NOTHING


@callback
def _of_server(hass: HomeAssistant, entry: SmartChargingConfigEntry, chosen: Mapping[str, Any]) -> ToldPrices | None:
    """Return what the OpenADR server that prices come from tells of CO2; many tell nothing."""
    if chosen[CONF_PRICE_SOURCE] != PriceSource.OPENADR:
        return None
    try:
        return read_server(hass, entry, chosen[CONF_OPENADR_SOURCE], SeriesKind.GHG)
    except UnreadablePrices:
        return None


def _span(told: ToldPrices) -> str:
    return f"{_NAMES.get(told.source, told.source)}, {local(told.series.start)} – {local(told.series.end)}"


def _is_known(hass: HomeAssistant, entity_id: str) -> bool:
    state = hass.states.get(entity_id)
    return state is not None and lists_carbon(state.attributes)


def _read_answer(hass: HomeAssistant, chosen: Mapping[str, Any], field: str) -> Answer:
    carbon = carbon_settings(chosen)
    if not carbon.forecasts:
        return Answer()
    try:
        read_carbon(hass, carbon)
    except UnreadablePrices as err:
        return Answer({field: "co2_unreadable"}, {"detail": err.detail})
    return Answer()
