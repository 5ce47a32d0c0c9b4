"""What existing entities say now, in the engine's units and with its signs; never a zero for what can't be read."""

from collections.abc import Iterable
from datetime import datetime
import math
from typing import Final

from homeassistant.const import (
    ATTR_UNIT_OF_MEASUREMENT,
    PERCENTAGE,
    STATE_OFF,
    STATE_ON,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
    UnitOfElectricCurrent,
    UnitOfElectricPotential,
    UnitOfPower,
    UnitOfTime,
)
from homeassistant.core import HomeAssistant, State, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
from homeassistant.util.unit_conversion import (
    BaseUnitConverter,
    DurationConverter,
    ElectricCurrentConverter,
    ElectricPotentialConverter,
    PowerConverter,
)

from .engine.control.prices.formula import carbon_unit
from .engine.model import Phases
from .engine.view import BatteryReading, MeterReading
from .own_entities import is_own_entity
from .settings import BatteryEntities, GridMeterEntities

# A contactor that is on connects three phases.
_PHASES_OF_STATE: Final = {STATE_ON: 3, STATE_OFF: 1}


@callback
def power_w(hass: HomeAssistant, entity_id: str) -> tuple[float, datetime] | None:
    """Return a power in W and when it was last reported, None where it can't be told."""
    return _read(hass, entity_id, PowerConverter, UnitOfPower.WATT)


@callback
def current_a(hass: HomeAssistant, entity_id: str) -> float | None:
    """Return a current in A, None where it can't be told."""
    value = _read(hass, entity_id, ElectricCurrentConverter, UnitOfElectricCurrent.AMPERE)
    return None if value is None else value[0]


@callback
def duration_s(hass: HomeAssistant, entity_id: str) -> float | None:
    """Return a duration in seconds, None where it can't be told."""
    value = _read(hass, entity_id, DurationConverter, UnitOfTime.SECONDS)
    return None if value is None else value[0]


@callback
def is_on(hass: HomeAssistant, entity_id: str) -> bool | None:
    """Return whether something is on, None where it can't be told."""
    state = _readable(hass, entity_id)
    return None if state is None else {STATE_ON: True, STATE_OFF: False}.get(state.state)


@callback
def is_there(hass: HomeAssistant, entity_id: str) -> bool:
    """Return whether an entity tells anything at all."""
    state = _readable(hass, entity_id)
    return state is not None and state.state not in {STATE_UNAVAILABLE, STATE_UNKNOWN}


@callback
def percentage(hass: HomeAssistant, entity_id: str) -> float | None:
    """Return a share between 0 and 100 percent, None where it can't be told."""
    value = _percentage(hass, entity_id)
    return None if value is None else value[0]


@callback
def co2_g(hass: HomeAssistant, entity_id: str) -> float | None:
    """Return the grams of CO2 that a kWh from the grid stands for, None where it can't be told."""
    state = _readable(hass, entity_id)
    unit = None if state is None else carbon_unit(str(state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)))
    if state is None or unit is None:
        return None
    try:
        value = unit.per_kwh(float(state.state))
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


@callback
def switched_phases(hass: HomeAssistant, entity_id: str) -> int | None:
    """Return how many phases a contactor connects by the switch that moves it, None where that can't be told."""
    state = _readable(hass, entity_id)
    return None if state is None else _PHASES_OF_STATE.get(state.state)


@callback
def battery_reading(hass: HomeAssistant, battery: BatteryEntities) -> BatteryReading:
    """Return what a battery's entities say now.

    It is as old as its power: the state of charge moves slowly, and many batteries tell it only when it changed.
    """
    power, soc = power_w(hass, battery.power), _percentage(hass, battery.soc)
    if (newest := power or soc) is None:
        return BatteryReading(at=dt_util.utcnow(), available=False)
    sign = -1.0 if battery.invert else 1.0
    return BatteryReading(
        at=newest[1],
        soc_percent=None if soc is None else soc[0],
        power_w=None if power is None else sign * power[0],
    )


@callback
def meter_reading(hass: HomeAssistant, meter: GridMeterEntities) -> MeterReading:
    """Return what the meter's entities say now: all of it, or that it can't be told."""
    powers = _read_all(hass, () if meter.power is None else (meter.power,), PowerConverter, UnitOfPower.WATT)
    phase_powers = _read_all(hass, meter.power_phases, PowerConverter, UnitOfPower.WATT)
    currents = _read_all(hass, meter.current_phases, ElectricCurrentConverter, UnitOfElectricCurrent.AMPERE)
    voltages = _read_all(hass, meter.voltage_phases, ElectricPotentialConverter, UnitOfElectricPotential.VOLT)
    if powers is None or phase_powers is None or currents is None:
        return MeterReading(at=dt_util.utcnow(), available=False)
    sign = -1.0 if meter.invert else 1.0
    # Where there is no power to turn round, the currents are what has a sign.
    current_sign = 1.0 if powers or phase_powers else sign
    # Voltages only refine the others: they make no reading older and, where missing, no reading unusable.
    return MeterReading(
        at=min(at for _, at in (*powers, *phase_powers, *currents)),
        power_w=sign * powers[0][0] if powers else None,
        phase_power_w=_phases(phase_powers, sign),
        current_a=_phases(currents, current_sign),
        voltage_v=_phases(voltages or [], 1.0),
    )


def _phases(values: list[tuple[float, datetime]], sign: float) -> Phases | None:
    """Return a group as phases, zero on those the site doesn't have; None for an empty group."""
    return Phases(*(sign * value for value, _ in values)) if values else None


def _read_all(
    hass: HomeAssistant, entity_ids: Iterable[str], converter: type[BaseUnitConverter], unit: str
) -> list[tuple[float, datetime]] | None:
    """Return each entity's value and time, None if one of them can't be read."""
    values = [_read(hass, entity_id, converter, unit) for entity_id in entity_ids]
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else None


def _percentage(hass: HomeAssistant, entity_id: str) -> tuple[float, datetime] | None:
    """Return a share in percent and when it was last reported; what has another unit is not guessed."""
    if (state := _readable(hass, entity_id)) is None or state.attributes.get(ATTR_UNIT_OF_MEASUREMENT) != PERCENTAGE:
        return None
    try:
        value = float(state.state)
    except ValueError:
        return None
    return (value, state.last_reported) if 0 <= value <= 100 else None


def _readable(hass: HomeAssistant, entity_id: str) -> State | None:
    """Return the state of an entity of somebody else's, None where there is none."""
    return None if is_own_entity(hass, entity_id) else hass.states.get(entity_id)


def _read(
    hass: HomeAssistant, entity_id: str, converter: type[BaseUnitConverter], unit: str
) -> tuple[float, datetime] | None:
    """Return an entity's value in `unit` and when it was last reported; None for anything but a number."""
    if (state := _readable(hass, entity_id)) is None:
        return None
    try:
        value = float(state.state)
        converted = converter.convert(value, state.attributes.get(ATTR_UNIT_OF_MEASUREMENT), unit)
    except ValueError, HomeAssistantError:
        return None
    return (converted, state.last_reported) if math.isfinite(converted) else None
