"""A battery: what it can do, where it is read, and what it may be led with."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry, SubentryFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import ActionSelector, BooleanSelector, TextSelector
import probatio

from ..const import (
    CONF_ACTIONS,
    CONF_BUFFER_SOC,
    CONF_BUFFER_START_SOC,
    CONF_BY_PLAN,
    CONF_CAPACITY_KWH,
    CONF_CHARGE_POWER,
    CONF_CONTROL,
    CONF_DISCHARGE_LIMIT,
    CONF_DISCHARGE_POWER,
    CONF_GRID_EXPANSION,
    CONF_HOLD_SWITCH,
    CONF_HOLD_WHILE_FAST,
    CONF_INVERT,
    CONF_MAX_CHARGE_W,
    CONF_MAX_DISCHARGE_W,
    CONF_MIN_SOC,
    CONF_MODE_SELECT,
    CONF_OPTIONS,
    CONF_POWER,
    CONF_PRIORITY_SOC,
    CONF_RENEW_S,
    CONF_RESERVE_SOC,
    CONF_SOC,
    SUBENTRY_BATTERY,
)
from ..engine.config import BatteryConfig
from ..engine.control.battery import BatteryAction
from ..own_entities import own_sensors
from ..settings import battery_control
from .control import CONTROL_ACTIONS, CONTROL_ENTITIES, CONTROL_NONE, control_choice, sequence_errors, with_lists
from .entities import Command, Quantity, first_command_error, first_entity_error
from .fields import filled, name_error, number, percent, seconds, watts
from .part import PartFlow

SECTION_SOC: Final = "soc_limits"
SECTION_MODE: Final = "mode"
SECTION_VALUES: Final = "values"

_MOST_W: Final = 10_000_000
_DEFAULT: Final = BatteryConfig("", "", capacity_wh=10_000, max_charge_w=5_000, max_discharge_w=5_000)
_SOC_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(CONF_MIN_SOC, default=_DEFAULT.min_soc_percent): percent(),
        probatio.Required(CONF_PRIORITY_SOC, default=_DEFAULT.priority_soc_percent): percent(),
        probatio.Required(CONF_BUFFER_SOC, default=_DEFAULT.buffer_soc_percent): percent(),
        probatio.Required(CONF_BUFFER_START_SOC, default=_DEFAULT.buffer_start_soc_percent): percent(),
    }
)
_USES_FIELDS: Final[dict[probatio.Marker, Any]] = {
    probatio.Required(CONF_HOLD_WHILE_FAST, default=_DEFAULT.hold_while_fast): BooleanSelector(),
    probatio.Required(CONF_GRID_EXPANSION, default=_DEFAULT.grid_expansion): BooleanSelector(),
    probatio.Required(CONF_RESERVE_SOC, default=_DEFAULT.reserve_soc_percent): percent(),
    probatio.Required(CONF_BY_PLAN, default=_DEFAULT.by_plan): BooleanSelector(),
    probatio.Optional(CONF_RENEW_S): seconds(5, 3600),
}
_COMMANDS: Final = {
    CONF_MODE_SELECT: Command.SELECT,
    CONF_HOLD_SWITCH: Command.SWITCH,
    CONF_DISCHARGE_LIMIT: Command.NUMBER,
    CONF_CHARGE_POWER: Command.NUMBER,
    CONF_DISCHARGE_POWER: Command.NUMBER,
}
_POWER_OF: Final = {BatteryAction.CHARGE: CONF_CHARGE_POWER, BatteryAction.DISCHARGE: CONF_DISCHARGE_POWER}

ENTITIES_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(SECTION_MODE): section(
            probatio.Schema(
                {
                    probatio.Optional(CONF_MODE_SELECT): Command.SELECT.selector(),
                    **{probatio.Optional(key): TextSelector() for key in CONF_OPTIONS.values()},
                }
            )
        ),
        probatio.Required(SECTION_VALUES): section(
            probatio.Schema(
                {probatio.Optional(key): kind.selector() for key, kind in _COMMANDS.items() if key != CONF_MODE_SELECT}
            )
        ),
        **_USES_FIELDS,
    }
)
ACTIONS_SCHEMA: Final = probatio.Schema(
    {**{probatio.Optional(key): ActionSelector() for key in CONF_ACTIONS.values()}, **_USES_FIELDS}
)


@callback
def battery_schema(hass: HomeAssistant) -> probatio.Schema:
    """Return the form of a battery itself."""
    own = own_sensors(hass)
    return probatio.Schema(
        {
            probatio.Required(CONF_NAME): TextSelector(),
            probatio.Required(CONF_CAPACITY_KWH, default=_DEFAULT.capacity_wh / 1000): number(0.1, 100_000, "kWh", 0.1),
            probatio.Required(CONF_MAX_CHARGE_W, default=_DEFAULT.max_charge_w): watts(1, _MOST_W),
            probatio.Required(CONF_MAX_DISCHARGE_W, default=_DEFAULT.max_discharge_w): watts(1, _MOST_W),
            probatio.Required(CONF_SOC): Quantity.SOC.selector(own),
            probatio.Required(CONF_POWER): Quantity.POWER.selector(own),
            probatio.Required(CONF_INVERT, default=False): BooleanSelector(),
            probatio.Required(SECTION_SOC): section(_SOC_SCHEMA, {"collapsed": True}),
            probatio.Required(CONF_CONTROL, default=CONTROL_NONE): control_choice("battery_control"),
        }
    )


def battery_data(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the subentry's data for the first page; nothing is led and nothing asked of the battery yet."""
    keys = (CONF_CAPACITY_KWH, CONF_MAX_CHARGE_W, CONF_MAX_DISCHARGE_W, CONF_SOC, CONF_POWER, CONF_INVERT, CONF_CONTROL)
    return {
        **{key: user_input[key] for key in keys},
        **user_input[SECTION_SOC],
        CONF_HOLD_WHILE_FAST: False,
        CONF_GRID_EXPANSION: False,
        CONF_RESERVE_SOC: _DEFAULT.reserve_soc_percent,
        CONF_BY_PLAN: False,
    }


def battery_suggestions(title: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first page's values for a battery that exists."""
    return {**data, CONF_NAME: title, SECTION_SOC: {str(key): data[key] for key in _SOC_SCHEMA.schema}}


@callback
def battery_errors(
    hass: HomeAssistant, entry: ConfigEntry, name: str, data: Mapping[str, Any], own_id: str | None
) -> tuple[dict[str, str], dict[str, str]]:
    """Return what is wrong with the first page by field, and the placeholders of the texts."""
    errors: dict[str, str] = {}
    placeholders = {"entity": ""}
    others = [known for known in entry.get_subentries_of_type(SUBENTRY_BATTERY) if known.subentry_id != own_id]
    for key, quantity in ((CONF_POWER, Quantity.POWER), (CONF_SOC, Quantity.SOC)):
        error, found = first_entity_error(hass, [(data[key], quantity)])
        if error is None and any(known.data[key] == data[key] for known in others):
            error, found = "entity_twice", {"entity": data[key]}
        if error is not None:
            errors[key], placeholders = error, found
    if error := name_error(entry, SUBENTRY_BATTERY, name, own_id):
        errors[CONF_NAME] = error
    if data[CONF_PRIORITY_SOC] > data[CONF_BUFFER_SOC]:
        errors[SECTION_SOC] = "priority_above_buffer"
    elif data[CONF_BUFFER_SOC] > data[CONF_BUFFER_START_SOC]:
        errors[SECTION_SOC] = "buffer_above_start"
    return errors, placeholders


def control_data(step: str, user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the subentry's data for the second page: only the fields that were filled."""
    if step == CONTROL_ACTIONS:
        return with_lists(filled(user_input), CONF_ACTIONS.values())
    groups = {key: value for name in (SECTION_MODE, SECTION_VALUES) for key, value in user_input[name].items()}
    uses = {key: value for key, value in user_input.items() if key not in (SECTION_MODE, SECTION_VALUES)}
    texts = {key: value.strip() if isinstance(value, str) else value for key, value in groups.items()}
    return filled(texts | uses)


def control_suggestions(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the second page's values for a battery that exists."""
    modes = (CONF_MODE_SELECT, *CONF_OPTIONS.values())
    return {
        **data,
        SECTION_MODE: {key: data[key] for key in modes if key in data},
        SECTION_VALUES: {key: data[key] for key in _COMMANDS if key in data and key != CONF_MODE_SELECT},
    }


@callback
def control_errors(hass: HomeAssistant, step: str, data: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Return what is wrong with the second page by field, and the placeholders of the texts.

    `data` holds the first page's values, too.
    """
    errors: dict[str, str] = {}
    placeholders = {"entity": "", "options": ""}
    if step == CONTROL_ACTIONS:
        errors = dict(_action_errors(data))
    else:
        error, found = first_command_error(hass, ((data[key], kind) for key, kind in _COMMANDS.items() if key in data))
        placeholders |= found
        chosen = [data[key] for key in _COMMANDS if key in data]
        if error is None and len(set(chosen)) != len(chosen):
            error = "entity_twice"
        if error is not None:
            errors["base"] = error
        elif error := _mode_error(data, options := _options(hass, data)):
            errors[SECTION_MODE] = error
            placeholders |= {"entity": data.get(CONF_MODE_SELECT, ""), "options": ", ".join(options)}
    return errors or dict(_use_errors(data)), placeholders


def _action_errors(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the sequences: each has to be one, and what they did has to be undone."""
    yield from sequence_errors(data, CONF_ACTIONS.values())
    normal = CONF_ACTIONS[BatteryAction.NORMAL]
    if normal not in data:
        chosen = any(key in data for key in CONF_ACTIONS.values())
        yield normal, "action_normal_missing" if chosen else "control_empty"


def _mode_error(data: Mapping[str, Any], options: list[str]) -> str | None:
    """Return what is wrong with how the mode is set, or that nothing is set at all."""
    chosen = {action: data[key] for action, key in CONF_OPTIONS.items() if key in data}
    if CONF_MODE_SELECT not in data:
        if chosen:
            return "mode_select_missing"
        return None if any(key in data for key in _COMMANDS) else "control_empty"
    if BatteryAction.NORMAL not in chosen or len(chosen) == 1:
        return "mode_options_missing"
    if options and not set(chosen.values()) <= set(options):
        return "option_unknown"
    if chosen.get(BatteryAction.HOLD) == chosen[BatteryAction.NORMAL]:
        return "option_hold_is_normal"
    unpowered = any(action in chosen and key not in data for action, key in _POWER_OF.items())
    return "option_needs_power" if unpowered else None


@callback
def _options(hass: HomeAssistant, data: Mapping[str, Any]) -> list[str]:
    """Return what the mode can be set to, nothing where its entity does not tell now."""
    state = hass.states.get(data.get(CONF_MODE_SELECT, ""))
    return [] if state is None else list(state.attributes.get("options", ()))


def _use_errors(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield which uses of the battery nothing was mapped for."""
    control = battery_control(data)
    if data[CONF_HOLD_WHILE_FAST] and not control.can_hold:
        yield CONF_HOLD_WHILE_FAST, "hold_not_mapped"
    if data[CONF_GRID_EXPANSION] and not control.can_discharge:
        yield CONF_GRID_EXPANSION, "discharge_not_mapped"
    elif data[CONF_GRID_EXPANSION] and data[CONF_RESERVE_SOC] < data[CONF_MIN_SOC]:
        yield CONF_RESERVE_SOC, "reserve_below_min"
    if data[CONF_BY_PLAN] and not (control.can_hold or control.can_charge):
        yield CONF_BY_PLAN, "plan_not_mapped"


class BatteryFlow(PartFlow):
    """Add or change a battery: first what it is, then, if it may be led, what it is led with."""

    def __init__(self) -> None:
        """Start with nothing entered."""
        self._name = ""
        self._data: dict[str, Any] = {}

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Enter a new battery."""
        return await self._async_battery("user", user_input, user_input, None)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Change what a battery is."""
        subentry = self._get_reconfigure_subentry()
        values = user_input or battery_suggestions(subentry.title, subentry.data)
        return await self._async_battery("reconfigure", user_input, values, subentry.subentry_id)

    async def async_step_entities(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Choose the entities that lead the battery."""
        return await self._async_control(CONTROL_ENTITIES, ENTITIES_SCHEMA, user_input)

    async def async_step_actions(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Write the actions that lead the battery."""
        return await self._async_control(CONTROL_ACTIONS, ACTIONS_SCHEMA, user_input)

    async def _async_battery(
        self, step: str, user_input: dict[str, Any] | None, values: dict[str, Any] | None, own_id: str | None
    ) -> SubentryFlowResult:
        """Show the first page until what it holds is right, then go on."""
        errors: dict[str, str] = {}
        placeholders = {"entity": ""}
        if user_input is not None:
            self._name, self._data = user_input[CONF_NAME].strip(), battery_data(user_input)
            errors, placeholders = battery_errors(self.hass, self._get_entry(), self._name, self._data, own_id)
            if not errors:
                return await self._async_after_first_page()
        return self.async_show_form(
            step_id=step,
            data_schema=self.add_suggested_values_to_schema(battery_schema(self.hass), values),
            errors=errors,
            description_placeholders=placeholders,
            last_step=False,
        )

    async def _async_after_first_page(self) -> SubentryFlowResult:
        """Show the second page of the way chosen; a battery that is only watched needs none."""
        if self._data[CONF_CONTROL] == CONTROL_ENTITIES:
            return await self.async_step_entities()
        if self._data[CONF_CONTROL] == CONTROL_ACTIONS:
            return await self.async_step_actions()
        return self.keep(self._name, self._data)

    async def _async_control(
        self, step: str, schema: probatio.Schema, user_input: dict[str, Any] | None
    ) -> SubentryFlowResult:
        """Show the second page until what it holds is right, then keep both."""
        errors: dict[str, str] = {}
        placeholders = {"entity": "", "options": ""}
        if user_input is not None:
            data = self._data | control_data(step, user_input)
            errors, placeholders = control_errors(self.hass, step, data)
            if not errors:
                self._data = data
                return self.keep(self._name, self._data)
        return self.async_show_form(
            step_id=step,
            data_schema=self.add_suggested_values_to_schema(
                schema, user_input or control_suggestions({} if self.known is None else self.known.data)
            ),
            errors=errors,
            description_placeholders=placeholders,
            last_step=True,
        )
