"""A PV system: the existing entity that tells its power, what it can yield, and what may curtail it."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from homeassistant.config_entries import SubentryFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.selector import ActionSelector, BooleanSelector, TextSelector
import probatio

from ..const import (
    CONF_ACTION_FREE,
    CONF_ACTION_LIMIT,
    CONF_CONTROL,
    CONF_INSTALLED_KW,
    CONF_INVERT,
    CONF_LIMIT_NUMBER,
    CONF_POWER,
    CONF_RENEW_S,
    SUBENTRY_PV,
)
from ..own_entities import own_sensors
from .control import CONTROL_ACTIONS, CONTROL_ENTITIES, CONTROL_NONE, control_choice, sequence_errors, with_lists
from .entities import Command, Quantity, command_error, entity_name, first_entity_error
from .fields import filled, number, seconds
from .part import PartFlow

# Both sequences are needed, each with the key of the error where it is missing.
_MISSING: Final = {CONF_ACTION_LIMIT: "action_limit_missing", CONF_ACTION_FREE: "action_free_missing"}
_RENEW_FIELD: Final[dict[probatio.Marker, Any]] = {probatio.Optional(CONF_RENEW_S): seconds(5, 3600)}

ENTITIES_SCHEMA: Final = probatio.Schema(
    {probatio.Required(CONF_LIMIT_NUMBER): Command.LIMIT.selector(), **_RENEW_FIELD}
)
ACTIONS_SCHEMA: Final = probatio.Schema(
    {**{probatio.Optional(key): ActionSelector() for key in _MISSING}, **_RENEW_FIELD}
)


@callback
def pv_schema(hass: HomeAssistant) -> probatio.Schema:
    """Return the form for one system."""
    return probatio.Schema(
        {
            probatio.Optional(CONF_NAME): TextSelector(),
            probatio.Required(CONF_POWER): Quantity.POWER.selector(own_sensors(hass)),
            probatio.Required(CONF_INVERT, default=False): BooleanSelector(),
            probatio.Optional(CONF_INSTALLED_KW): number(0.01, 100_000, "kW", 0.01),
            probatio.Required(CONF_CONTROL, default=CONTROL_NONE): control_choice("pv_control"),
        }
    )


@callback
def first_pv_schema(hass: HomeAssistant) -> probatio.Schema:
    """Return the form of the first set-up: all systems are chosen at once; each becomes its own subentry."""
    selector = Quantity.POWER.selector(own_sensors(hass), multiple=True)
    return probatio.Schema({probatio.Optional(CONF_POWER, default=list): selector})


def pv_data(power: str, *, invert: bool = False) -> dict[str, Any]:
    """Return the data of a PV subentry."""
    return {CONF_POWER: power, CONF_INVERT: invert}


@callback
def pv_errors(
    hass: HomeAssistant, chosen: Iterable[str], taken: Iterable[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return what is wrong with these entities by field, and the placeholders of the texts."""
    seen = set(taken)
    for entity_id in chosen:
        if entity_id in seen:
            return {CONF_POWER: "entity_twice"}, {"entity": entity_id}
        seen.add(entity_id)
        error, placeholders = first_entity_error(hass, [(entity_id, Quantity.POWER)])
        if error:
            return {CONF_POWER: error}, placeholders
    return {}, {"entity": ""}


@callback
def control_errors(
    hass: HomeAssistant, step: str, data: Mapping[str, Any], taken: Iterable[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return what is wrong with the second page by field, and the placeholders of the texts.

    No number of the `taken` may be set for two systems.
    """
    if step == CONTROL_ACTIONS:
        missing = {key: error for key, error in _MISSING.items() if key not in data}
        return missing | dict(sequence_errors(data, _MISSING)), {"entity": ""}
    number = data[CONF_LIMIT_NUMBER]
    error = command_error(hass, number, Command.LIMIT) or ("entity_twice" if number in taken else None)
    return {} if error is None else {CONF_LIMIT_NUMBER: error}, {"entity": number}


class PvFlow(PartFlow):
    """Add or change a PV system: first what it is, then, if it may be curtailed, by what."""

    def __init__(self) -> None:
        """Start with nothing entered."""
        self._title = ""
        self._data: dict[str, Any] = {}

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Enter a new system."""
        return await self._async_system("user", user_input, user_input)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Change what a system is."""
        subentry = self._get_reconfigure_subentry()
        values = user_input or {CONF_NAME: subentry.title, **subentry.data}
        return await self._async_system("reconfigure", user_input, values)

    async def async_step_entities(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Choose the number that curtails the system."""
        return self._control(CONTROL_ENTITIES, ENTITIES_SCHEMA, user_input)

    async def async_step_actions(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Write the actions that curtail the system."""
        return self._control(CONTROL_ACTIONS, ACTIONS_SCHEMA, user_input)

    async def _async_system(
        self, step: str, user_input: dict[str, Any] | None, values: dict[str, Any] | None
    ) -> SubentryFlowResult:
        """Show the first page until what it holds is right, then go on."""
        errors: dict[str, str] = {}
        placeholders = {"entity": ""}
        if user_input is not None:
            power = user_input[CONF_POWER]
            errors, placeholders = pv_errors(self.hass, [power], self._taken(CONF_POWER))
            if user_input[CONF_CONTROL] != CONTROL_NONE and not user_input.get(CONF_INSTALLED_KW):
                errors[CONF_INSTALLED_KW] = "installed_missing"
            if not errors:
                self._title = user_input.get(CONF_NAME, "").strip() or entity_name(self.hass, power)
                self._data = _data(user_input)
                return await self._async_after_first_page(user_input[CONF_CONTROL])
        return self.async_show_form(
            step_id=step,
            data_schema=self.add_suggested_values_to_schema(pv_schema(self.hass), values),
            errors=errors,
            description_placeholders=placeholders,
            last_step=False,
        )

    async def _async_after_first_page(self, control: str) -> SubentryFlowResult:
        """Show the second page of the way chosen; a system that is never curtailed needs none."""
        if control == CONTROL_ENTITIES:
            return await self.async_step_entities()
        if control == CONTROL_ACTIONS:
            return await self.async_step_actions()
        return self.keep(self._title, self._data)

    def _control(self, step: str, schema: probatio.Schema, user_input: dict[str, Any] | None) -> SubentryFlowResult:
        """Show the second page until what it holds is right, then keep both."""
        errors: dict[str, str] = {}
        placeholders = {"entity": ""}
        if user_input is not None:
            mapped = with_lists(filled(user_input), _MISSING)
            errors, placeholders = control_errors(self.hass, step, mapped, self._taken(CONF_LIMIT_NUMBER))
            if not errors:
                self._data |= mapped
                return self.keep(self._title, self._data)
        known = {} if self.known is None else self.known.data
        return self.async_show_form(
            step_id=step,
            data_schema=self.add_suggested_values_to_schema(schema, user_input or known),
            errors=errors,
            description_placeholders=placeholders,
            last_step=True,
        )

    def _taken(self, key: str) -> set[str]:
        """Return the entities that the other PV systems use for this."""
        others = self._get_entry().get_subentries_of_type(SUBENTRY_PV)
        return {known.data[key] for known in others if key in known.data and known.subentry_id != self.own_id}


def _data(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the subentry's data for the first page; nothing curtails the system yet."""
    optional = {key: user_input.get(key) for key in (CONF_INSTALLED_KW, CONF_CONTROL)}
    if optional[CONF_CONTROL] == CONTROL_NONE:
        del optional[CONF_CONTROL]
    return pv_data(user_input[CONF_POWER], invert=user_input[CONF_INVERT]) | filled(optional)
