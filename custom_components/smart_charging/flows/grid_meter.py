"""The grid meter: which existing entities it is made of."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from homeassistant.config_entries import ConfigSubentryFlow, SubentryFlowResult
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import BooleanSelector
from homeassistant.helpers.translation import async_get_translations
import probatio

from ..const import (
    CONF_CURRENT_PHASES,
    CONF_INVERT,
    CONF_PHASES,
    CONF_POWER,
    CONF_POWER_PHASES,
    CONF_VOLTAGE_PHASES,
    DOMAIN,
    SUBENTRY_GRID_METER,
)
from ..own_entities import own_sensors
from .entities import EnergyDashboard, Quantity, first_entity_error

SECTION_TOTAL: Final = "total"
SECTION_POWERS: Final = "phase_powers"
SECTION_CURRENTS: Final = "phase_currents"
SECTION_VOLTAGES: Final = "phase_voltages"
_GROUPS: Final = {
    SECTION_POWERS: (CONF_POWER_PHASES, Quantity.POWER),
    SECTION_CURRENTS: (CONF_CURRENT_PHASES, Quantity.CURRENT),
    SECTION_VOLTAGES: (CONF_VOLTAGE_PHASES, Quantity.VOLTAGE),
}

_TITLE_KEY: Final = f"component.{DOMAIN}.config_subentries.{SUBENTRY_GRID_METER}.entry_type"


async def async_grid_meter_title(hass: HomeAssistant) -> str:
    """Return what a grid meter is called in the installation's language; a title is kept as it was made."""
    texts = await async_get_translations(hass, hass.config.language, "config_subentries", [DOMAIN])
    return texts[_TITLE_KEY]


@callback
def grid_meter_schema(hass: HomeAssistant, phases: int) -> probatio.Schema:
    """Return the form for a site of this many phases."""
    own = own_sensors(hass)
    fields: dict[probatio.Marker, Any] = {
        probatio.Required(SECTION_TOTAL): section(
            probatio.Schema({probatio.Optional(CONF_POWER): Quantity.POWER.selector(own)})
        ),
        probatio.Required(CONF_INVERT, default=False): BooleanSelector(),
    }
    for name, (keys, quantity) in _GROUPS.items():
        group = {probatio.Optional(key): quantity.selector(own) for key in keys[:phases]}
        fields[probatio.Required(name)] = section(probatio.Schema(group), {"collapsed": True})
    return probatio.Schema(fields)


def grid_meter_data(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the subentry's data for what the user chose: only the fields that were filled."""
    data: dict[str, Any] = {CONF_INVERT: user_input[CONF_INVERT]}
    for name in (SECTION_TOTAL, *_GROUPS):
        data.update(user_input[name])
    return data


def grid_meter_suggestions(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form's values for a meter that exists."""
    values: dict[str, Any] = {CONF_INVERT: data[CONF_INVERT]}
    if CONF_POWER in data:
        values[SECTION_TOTAL] = {CONF_POWER: data[CONF_POWER]}
    for name, (keys, _) in _GROUPS.items():
        values[name] = {key: data[key] for key in keys if key in data}
    return values


def grid_meter_prefill(dashboard: EnergyDashboard) -> dict[str, Any]:
    """Return the form's values that the Energy dashboard suggests."""
    if dashboard.grid is None:
        return {}
    return {SECTION_TOTAL: {CONF_POWER: dashboard.grid}, CONF_INVERT: dashboard.grid_inverted}


def is_empty(data: Mapping[str, Any]) -> bool:
    """Return True where no entity was chosen at all."""
    return not list(_chosen(data))


def misfit(data: Mapping[str, Any], phases: int) -> str | None:
    """Return the first group that has neither no entity nor one for each phase, None where all fit."""
    for name, (keys, _) in _GROUPS.items():
        if [key for key in keys if key in data] not in ([], list(keys[:phases])):
            return name
    return None


@callback
def grid_meter_errors(
    hass: HomeAssistant, data: Mapping[str, Any], phases: int
) -> tuple[dict[str, str], dict[str, str]]:
    """Return what is wrong with a meter by field, and the placeholders of the texts."""
    if group := misfit(data, phases):
        return {group: "phases_incomplete"}, {"entity": ""}
    chosen = list(_chosen(data))
    if all(quantity is Quantity.VOLTAGE for _, quantity in chosen):
        return {"base": "meter_empty"}, {"entity": ""}
    if len({entity_id for entity_id, _ in chosen}) != len(chosen):
        return {"base": "entity_twice"}, {"entity": ""}
    error, placeholders = first_entity_error(hass, chosen)
    return ({"base": error} if error else {}), placeholders


def _chosen(data: Mapping[str, Any]) -> Iterator[tuple[str, Quantity]]:
    """Yield the chosen entities and what each has to measure."""
    if CONF_POWER in data:
        yield data[CONF_POWER], Quantity.POWER
    for keys, quantity in _GROUPS.values():
        for key in keys:
            if key in data:
                yield data[key], quantity


class GridMeterFlow(ConfigSubentryFlow):
    """Add or change the one grid meter of a site."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Choose the entities of a new meter."""
        if self._get_entry().get_subentries_of_type(SUBENTRY_GRID_METER):
            return self.async_abort(reason="already_configured")
        return await self._async_form("user", user_input, {})

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Choose other entities."""
        return await self._async_form(
            "reconfigure", user_input, grid_meter_suggestions(self._get_reconfigure_subentry().data)
        )

    async def _async_form(
        self, step: str, user_input: dict[str, Any] | None, suggested: dict[str, Any]
    ) -> SubentryFlowResult:
        """Show the form until what it holds is right, then keep it."""
        entry = self._get_entry()
        phases = int(entry.data[CONF_PHASES])
        errors: dict[str, str] = {}
        placeholders = {"entity": ""}
        if user_input is not None:
            data = grid_meter_data(user_input)
            errors, placeholders = grid_meter_errors(self.hass, data, phases)
            if not errors:
                if step == "user":
                    return self.async_create_entry(title=await async_grid_meter_title(self.hass), data=data)
                return self.async_update_and_abort(entry, self._get_reconfigure_subentry(), data=data)
        return self.async_show_form(
            step_id=step,
            data_schema=self.add_suggested_values_to_schema(
                grid_meter_schema(self.hass, phases), user_input or suggested
            ),
            errors=errors,
            description_placeholders=placeholders,
        )
