"""Writing to entities and actions of other integrations: in their units, within their bounds, whatever they raise."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
import math
from typing import Any, Final

from homeassistant.components.input_number import ATTR_MAX, ATTR_MIN, ATTR_STEP
from homeassistant.const import (
    ATTR_ENTITY_ID,
    ATTR_OPTION,
    ATTR_UNIT_OF_MEASUREMENT,
    PERCENTAGE,
    SERVICE_SELECT_OPTION,
    SERVICE_TURN_OFF,
    SERVICE_TURN_ON,
    STATE_ON,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
    UnitOfPower,
)
from homeassistant.core import Context, HomeAssistant, State, split_entity_id
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.script import Script, async_validate_actions_config
from homeassistant.util.unit_conversion import PowerConverter

from .const import DOMAIN, LOGGER

SERVICE_SET_VALUE: Final = "set_value"
ATTR_VALUE: Final = "value"
ROUNDING: Final = 1e-6  # what binary fractions may be off


class WriteError(Exception):
    """A write did not succeed; its text says why, as far as known."""


@dataclass(frozen=True, slots=True)
class PowerWrite:
    """A power in W for a number or an input number."""

    entity_id: str
    power_w: float


@dataclass(frozen=True, slots=True)
class LimitWrite:
    """The most that something may yield, for a number or an input number in a unit of power or in % of `rated_w`.

    `limit_w` is None for all it can, which is its rating.
    """

    entity_id: str
    limit_w: float | None
    rated_w: float

    @property
    def power_w(self) -> float:
        """Return the limit, or the rating where there is none."""
        return self.rated_w if self.limit_w is None else self.limit_w


@dataclass(frozen=True, slots=True)
class OptionWrite:
    """An option for a select or an input select."""

    entity_id: str
    option: str


@dataclass(frozen=True, slots=True)
class SwitchWrite:
    """On or off for a switch or an input boolean."""

    entity_id: str
    on: bool


type Steps = Sequence[Mapping[str, Any]]  # a script's, as a user wrote them
type NumberWrite = PowerWrite | LimitWrite
type Write = NumberWrite | OptionWrite | SwitchWrite


def is_done(hass: HomeAssistant, write: Write) -> bool:
    """Return whether the entity is already as the write wants it."""
    state = hass.states.get(write.entity_id)
    if state is None or state.state in {STATE_UNAVAILABLE, STATE_UNKNOWN}:
        return False
    match write:
        case OptionWrite():
            return state.state == write.option
        case SwitchWrite():
            return (state.state == STATE_ON) is write.on
        case PowerWrite() | LimitWrite():
            with suppress(ValueError, WriteError):
                return math.isclose(float(state.state), _number_value(state, write), abs_tol=ROUNDING)
            return False


async def async_write(hass: HomeAssistant, write: Write, context: Context) -> None:
    """Write to an entity and wait until its integration took it; raises WriteError where it did not."""
    state = hass.states.get(write.entity_id)
    if state is None or state.state == STATE_UNAVAILABLE:
        raise WriteError(f"{write.entity_id} is not available")
    data: dict[str, str | float]
    match write:
        case OptionWrite():
            service, data = SERVICE_SELECT_OPTION, {ATTR_OPTION: write.option}
        case SwitchWrite():
            service, data = SERVICE_TURN_ON if write.on else SERVICE_TURN_OFF, {}
        case PowerWrite() | LimitWrite():
            service, data = SERVICE_SET_VALUE, {ATTR_VALUE: _number_value(state, write)}
    domain = split_entity_id(write.entity_id)[0]
    try:
        await hass.services.async_call(
            domain, service, {ATTR_ENTITY_ID: write.entity_id, **data}, blocking=True, context=context
        )
    except Exception as err:  # another integration's handler may raise anything, and none of it is to stop the site
        raise WriteError(f"{write.entity_id}: {err or type(err).__name__}") from err


def least_power_w(hass: HomeAssistant, entity_id: str, rated_w: float) -> float:
    """Return the least power in W that a number can be set to; 0 where that is not known."""
    state = hass.states.get(entity_id)
    if state is None:
        return 0.0
    unit = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT, UnitOfPower.WATT)
    low = max(0.0, float(state.attributes.get(ATTR_MIN, 0)))
    if unit == PERCENTAGE:
        return low / 100 * rated_w
    return PowerConverter.convert(low, unit, UnitOfPower.WATT) if unit in PowerConverter.VALID_UNITS else 0.0


class UserActions:
    """Sequences of actions that a user wrote, by name."""

    def __init__(self, hass: HomeAssistant, title: str, sequences: Mapping[str, Steps]) -> None:
        """Run nothing yet; each sequence is checked when it is needed first."""
        self._hass = hass
        self._title = title
        self._sequences = sequences
        self._scripts: dict[str, Script] = {}

    async def async_run(self, name: str, variables: Mapping[str, float], context: Context) -> None:
        """Run a sequence to its end, if there is one of this name; raises WriteError where it fails."""
        if name not in self._sequences:
            return
        try:
            if name not in self._scripts:
                self._scripts[name] = await self._async_script(name)
            await self._scripts[name].async_run(dict(variables), context)
        except Exception as err:  # a step may call any integration, which may raise anything
            raise WriteError(f"{self._title}, {name}: {err or type(err).__name__}") from err

    async def async_unload(self) -> None:
        """End what still runs."""
        for script in self._scripts.values():
            await script.async_unload()
        self._scripts.clear()

    async def _async_script(self, name: str) -> Script:
        sequence = cv.SCRIPT_SCHEMA([dict(step) for step in self._sequences[name]])
        checked = await async_validate_actions_config(self._hass, sequence)
        return Script(self._hass, checked, f"{self._title}, {name}", DOMAIN, logger=LOGGER)


def _number_value(state: State, write: NumberWrite) -> float:
    """Return what a number is set to, in its unit and on its steps, within its bounds; WriteError for another unit."""
    value = _in_unit(state, write)
    low, high = float(state.attributes.get(ATTR_MIN, 0)), float(state.attributes.get(ATTR_MAX, math.inf))
    step = float(state.attributes.get(ATTR_STEP, 0))
    value = min(max(value, low), high)
    if step > 0:
        steps = (value - low) / step
        # Down, so that rounding never takes more than was meant; but what may yield all it can is held by no step.
        is_free = isinstance(write, LimitWrite) and write.limit_w is None
        value = low + (math.ceil(steps - ROUNDING) if is_free else math.floor(steps + ROUNDING)) * step
    return round(min(value, high), 6)


def _in_unit(state: State, write: NumberWrite) -> float:
    """Return a power in the number's unit; WriteError where that is none."""
    unit = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT, UnitOfPower.WATT)
    if unit == PERCENTAGE and isinstance(write, LimitWrite):
        return 100 * write.power_w / write.rated_w
    if unit not in PowerConverter.VALID_UNITS:
        raise WriteError(f"{state.entity_id} is in {unit}, which is no power")
    return PowerConverter.convert(write.power_w, UnitOfPower.WATT, unit)
