"""A circuit: what protects it, where it hangs, and the meter in it."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry, ConfigSubentry, ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import TextSelector
import probatio

from ..const import (
    CONF_FUSE_A,
    CONF_MARGIN_A,
    CONF_PARENT,
    CONF_PHASES,
    CONF_POWER_LIMIT_W,
    CONF_RESERVED_A,
    GRID_CONNECTION,
    SUBENTRY_CIRCUIT,
)
from ..engine.config import CircuitConfig
from ..engine.control.safe_currents import takes_safe_currents
from ..engine.limit import ROOT_CIRCUIT
from ..settings import circuit_config, circuit_parents, circuits_above, site_config, station_configs
from .fields import amperes, circuit_choice, filled, name_error, power_limit_error, watts
from .grid_meter import grid_meter_data, grid_meter_errors, grid_meter_schema, grid_meter_suggestions, is_empty

SECTION_LIMITS: Final = "limits"
_DEFAULT: Final = CircuitConfig(circuit_id="", name="", fuse_a=16.0)
_LIMITS_SCHEMA: Final = probatio.Schema(
    {
        probatio.Optional(CONF_POWER_LIMIT_W): watts(0, 10_000_000),
        probatio.Required(CONF_MARGIN_A, default=_DEFAULT.margin_a): amperes(0, 1000, 0.1),
    }
)


@callback
def circuit_schema(hass: HomeAssistant, entry: ConfigEntry, own_id: str | None) -> probatio.Schema:
    """Return the form of a circuit; one that exists can't be hung below itself."""
    return probatio.Schema(
        {
            probatio.Required(CONF_NAME): TextSelector(),
            probatio.Required(CONF_PARENT, default=GRID_CONNECTION): circuit_choice(entry, at_or_below(entry, own_id)),
            probatio.Required(CONF_FUSE_A, default=_DEFAULT.fuse_a): amperes(6, 1000),
            probatio.Required(CONF_RESERVED_A, default=_DEFAULT.reserved_a): amperes(0, 1000, 0.1),
            probatio.Required(SECTION_LIMITS): section(_LIMITS_SCHEMA, {"collapsed": True}),
            **grid_meter_schema(hass, int(entry.data[CONF_PHASES])).schema,
        }
    )


@callback
def at_or_below(entry: ConfigEntry, circuit_id: str | None) -> set[str]:
    """Return this circuit and all that hang below it."""
    parents = circuit_parents(entry)
    return {known for known in parents if known == circuit_id or circuit_id in circuits_above(known, parents)}


def circuit_data(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the subentry's data for what the user typed; the name is its title."""
    return {
        CONF_PARENT: user_input[CONF_PARENT],
        CONF_FUSE_A: user_input[CONF_FUSE_A],
        CONF_RESERVED_A: user_input[CONF_RESERVED_A],
        **filled(user_input[SECTION_LIMITS]),
        **grid_meter_data(user_input),
    }


@callback
def circuit_suggestions(entry: ConfigEntry, subentry: ConfigSubentry) -> dict[str, Any]:
    """Return the form's values for a circuit that exists, with the parent that it has in truth."""
    data = subentry.data
    return {
        CONF_NAME: subentry.title,
        CONF_PARENT: circuit_parents(entry)[subentry.subentry_id] or GRID_CONNECTION,
        CONF_FUSE_A: data[CONF_FUSE_A],
        CONF_RESERVED_A: data[CONF_RESERVED_A],
        SECTION_LIMITS: {key: data[key] for key in (CONF_POWER_LIMIT_W, CONF_MARGIN_A) if key in data},
        **grid_meter_suggestions(data),
    }


@callback
def circuit_errors(
    hass: HomeAssistant, entry: ConfigEntry, name: str, data: Mapping[str, Any], own_id: str | None
) -> tuple[dict[str, str], dict[str, str]]:
    """Return what is wrong with a circuit by field, and the placeholders of the texts."""
    errors: dict[str, str] = {}
    placeholders = {"entity": ""}
    if not is_empty(data):
        errors, placeholders = grid_meter_errors(hass, data, int(entry.data[CONF_PHASES]))
    if error := name_error(entry, SUBENTRY_CIRCUIT, name, own_id):
        errors[CONF_NAME] = error
    # The form offers no other parent, but it may be older than the last change of the tree.
    if data[CONF_PARENT] not in {GRID_CONNECTION, *circuit_parents(entry)} - at_or_below(entry, own_id):
        errors[CONF_PARENT] = "parent_impossible"
    if data[CONF_MARGIN_A] >= data[CONF_FUSE_A]:
        errors[SECTION_LIMITS] = "margin_above_fuse"
    elif data[CONF_MARGIN_A] + data[CONF_RESERVED_A] >= data[CONF_FUSE_A]:
        errors[CONF_RESERVED_A] = "reserved_above_circuit"
    if error := power_limit_error(data):
        errors[SECTION_LIMITS] = error
    if not errors and own_id is not None and _takes_safe_currents(hass, entry, data, own_id):
        errors["base"] = "safe_current_does_not_fit"  # fuse, reserved current, margin or parent may be why
    return errors, placeholders


@callback
def _takes_safe_currents(hass: HomeAssistant, entry: ConfigEntry, data: Mapping[str, Any], own_id: str) -> bool:
    """Return whether a charger would lose its safe current if a circuit that exists had this data."""
    changed = ConfigSubentry(
        data=MappingProxyType(dict(data)),
        subentry_id=own_id,
        subentry_type=SUBENTRY_CIRCUIT,
        title="",
        unique_id=None,
    )
    parent_id = ROOT_CIRCUIT if data[CONF_PARENT] == GRID_CONNECTION else data[CONF_PARENT]
    candidate = circuit_config(changed, parent_id, int(entry.data[CONF_PHASES]))
    site = site_config(hass, entry)
    circuits = tuple(candidate if known.circuit_id == own_id else known for known in site.circuits)
    return takes_safe_currents(site, replace(site, circuits=circuits), station_configs(entry).values())


class CircuitFlow(ConfigSubentryFlow):
    """Add or change a circuit."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Enter a new circuit."""
        errors, placeholders = self._errors(user_input, None)
        if user_input is not None and not errors:
            return self.async_create_entry(title=user_input[CONF_NAME].strip(), data=circuit_data(user_input))
        return self._form("user", user_input, None, errors, placeholders)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Change everything of a circuit."""
        entry, subentry = self._get_entry(), self._get_reconfigure_subentry()
        errors, placeholders = self._errors(user_input, subentry.subentry_id)
        if user_input is not None and not errors:
            return self.async_update_and_abort(
                entry, subentry, title=user_input[CONF_NAME].strip(), data=circuit_data(user_input)
            )
        values = user_input or circuit_suggestions(entry, subentry)
        return self._form("reconfigure", values, subentry.subentry_id, errors, placeholders)

    def _errors(
        self, user_input: Mapping[str, Any] | None, own_id: str | None
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Check what the user typed, if anything."""
        if user_input is None:
            return {}, {"entity": ""}
        name = user_input[CONF_NAME].strip()
        return circuit_errors(self.hass, self._get_entry(), name, circuit_data(user_input), own_id)

    def _form(
        self,
        step: str,
        values: dict[str, Any] | None,
        own_id: str | None,
        errors: dict[str, str],
        placeholders: dict[str, str],
    ) -> SubentryFlowResult:
        """Show the form."""
        schema = circuit_schema(self.hass, self._get_entry(), own_id)
        return self.async_show_form(
            step_id=step,
            data_schema=self.add_suggested_values_to_schema(schema, values),
            errors=errors,
            description_placeholders=placeholders,
        )
