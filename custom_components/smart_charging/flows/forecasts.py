"""The page on forecasts: who is asked what the panels will bring, and which days are as Sundays."""

from typing import Any, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.selector import EntitySelector, EntitySelectorConfig
import probatio

from ..const import CONF_HOLIDAY_CALENDAR, CONF_SOLAR_FORECAST, CONF_SOLAR_FORECAST_ENTITIES
from ..engine.control.forecast.pv_formats import UnknownForm
from ..site_options import SolarForecastSource
from ..solar_sources import async_energy_providers, entity_intervals
from .fields import choice

NOTHING_FOUND: Final = "-"

FORECASTS_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(CONF_SOLAR_FORECAST, default=SolarForecastSource.ENERGY_DASHBOARD.value): choice(
            SolarForecastSource, CONF_SOLAR_FORECAST
        ),
        probatio.Optional(CONF_SOLAR_FORECAST_ENTITIES): EntitySelector(
            EntitySelectorConfig(domain="sensor", multiple=True)
        ),
        probatio.Optional(CONF_HOLIDAY_CALENDAR): EntitySelector(EntitySelectorConfig(domain="calendar")),
    }
)


async def async_found(hass: HomeAssistant) -> str:
    """Return the names of the forecasts that the Energy dashboard shows."""
    return ", ".join(sorted((await async_energy_providers(hass)).values())) or NOTHING_FOUND


@callback
def forecast_errors(hass: HomeAssistant, values: dict[str, Any]) -> tuple[dict[str, str], str]:
    """Return what is wrong with the choice by field, and the entity that it is about."""
    if values[CONF_SOLAR_FORECAST] != SolarForecastSource.ENTITIES:
        return {}, ""
    if not (entity_ids := values.get(CONF_SOLAR_FORECAST_ENTITIES)):
        return {CONF_SOLAR_FORECAST_ENTITIES: "forecast_entities_missing"}, ""
    for entity_id in entity_ids:
        try:
            entity_intervals(hass, entity_id)
        except UnknownForm:
            return {CONF_SOLAR_FORECAST_ENTITIES: "entity_no_forecast"}, entity_id
    return {}, ""
