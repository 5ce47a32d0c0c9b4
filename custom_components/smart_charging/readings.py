"""Readings of the grid meter and PV from existing entities, with the time at which they were last confirmed."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
import math
from typing import Protocol

from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT, UnitOfElectricCurrent, UnitOfElectricPotential, UnitOfPower
from homeassistant.core import (
    CALLBACK_TYPE,
    Event,
    EventStateChangedData,
    EventStateReportedData,
    HomeAssistant,
    callback,
)
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_track_state_change_event, async_track_state_report_event
from homeassistant.util import dt as dt_util
from homeassistant.util.unit_conversion import (
    BaseUnitConverter,
    ElectricCurrentConverter,
    ElectricPotentialConverter,
    PowerConverter,
)

from .engine.model import Phases
from .engine.view import GridReading
from .own_entities import is_own_entity
from .settings import GridMeterEntities, PvEntity


class ReadingSink(Protocol):
    """Who the readings are for: the site."""

    def set_grid_reading(self, reading: GridReading) -> None:
        """Take what the grid meter says now."""

    def set_pv_power(self, name: str, power_w: float | None, at: datetime) -> None:
        """Take what one PV system produces in W, None where it can't be told."""

    def remove_pv(self, name: str) -> None:
        """Forget a PV system."""


class SiteReadings:
    """Follow the chosen entities and hand every report of theirs to the site.

    A meter that repeats the same value is alive: Home Assistant tells it by a report without a
    change. What can't be read is told as such; it never becomes a zero. Nor is an entity of this
    integration read: it changes because of the site, which would hear nothing but its own echo.
    """

    def __init__(self, hass: HomeAssistant, site: ReadingSink) -> None:
        """Follow nothing yet."""
        self._hass = hass
        self._site = site
        self._meter: GridMeterEntities | None = None
        self._stop_meter: CALLBACK_TYPE | None = None
        self._pv: dict[str, PvEntity] = {}
        self._stop_pv: dict[str, CALLBACK_TYPE] = {}

    @callback
    def async_configure(self, meter: GridMeterEntities | None, pv: Mapping[str, PvEntity]) -> None:
        """Follow these entities from now on, named by their subentries, and read them at once."""
        if meter != self._meter:
            self._async_configure_meter(meter)
        for name in [name for name, system in self._pv.items() if pv.get(name) != system]:
            self._stop_pv.pop(name)()
            del self._pv[name]
            self._site.remove_pv(name)
        for name, system in pv.items():
            if name not in self._pv:
                self._pv[name] = system
                read = partial(self._async_read_pv, name)
                self._stop_pv[name] = self._async_follow([system.power], read)
                read()

    @callback
    def async_stop(self) -> None:
        """Follow nothing any more."""
        for stop in self._stop_pv.values():
            stop()
        self._stop_pv.clear()
        self._pv.clear()
        if self._stop_meter is not None:
            self._stop_meter()
            self._stop_meter = None
        self._meter = None

    @callback
    def _async_configure_meter(self, meter: GridMeterEntities | None) -> None:
        """Follow another meter; without one the site is told that there is none."""
        if self._stop_meter is not None:
            self._stop_meter()
            self._stop_meter = None
        self._meter = meter
        if meter is None:
            self._site.set_grid_reading(GridReading(at=dt_util.utcnow(), available=False))
            return
        read = partial(self._async_read_meter, meter)
        self._stop_meter = self._async_follow(meter.all, read)
        read()

    @callback
    def _async_follow(self, entity_ids: Iterable[str], read: Callable[[], None]) -> CALLBACK_TYPE:
        """Call `read` whenever one of these entities changes or repeats its state."""
        entity_ids = list(entity_ids)

        @callback
        def async_heard(event: Event[EventStateChangedData] | Event[EventStateReportedData]) -> None:
            if not is_own_entity(self._hass, event.data["entity_id"]):
                read()

        stop_changes = async_track_state_change_event(self._hass, entity_ids, async_heard)
        stop_reports = async_track_state_report_event(self._hass, entity_ids, async_heard)

        @callback
        def async_stop_both() -> None:
            stop_changes()
            stop_reports()

        return async_stop_both

    @callback
    def _async_read_meter(self, meter: GridMeterEntities) -> None:
        """Hand the meter's values on, as old as the oldest of them."""
        self._site.set_grid_reading(grid_reading(self._hass, meter))

    @callback
    def _async_read_pv(self, name: str) -> None:
        """Hand the power of one PV system on."""
        system = self._pv[name]
        if (value := _read(self._hass, system.power, PowerConverter, UnitOfPower.WATT)) is None:
            self._site.set_pv_power(name, None, dt_util.utcnow())
        else:
            self._site.set_pv_power(name, -value[0] if system.invert else value[0], value[1])


@callback
def grid_reading(hass: HomeAssistant, meter: GridMeterEntities) -> GridReading:
    """Return what the meter's entities say now: all of it, or that it can't be told."""
    powers = _read_all(hass, () if meter.power is None else (meter.power,), PowerConverter, UnitOfPower.WATT)
    phase_powers = _read_all(hass, meter.power_phases, PowerConverter, UnitOfPower.WATT)
    currents = _read_all(hass, meter.current_phases, ElectricCurrentConverter, UnitOfElectricCurrent.AMPERE)
    voltages = _read_all(hass, meter.voltage_phases, ElectricPotentialConverter, UnitOfElectricPotential.VOLT)
    if powers is None or phase_powers is None or currents is None:
        return GridReading(at=dt_util.utcnow(), available=False)
    sign = -1.0 if meter.invert else 1.0
    # Where there is no power to turn round, the currents are what has a sign.
    current_sign = 1.0 if powers or phase_powers else sign
    # Voltages only refine the others: they make no reading older and, where missing, no reading unusable.
    return GridReading(
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


def _read(
    hass: HomeAssistant, entity_id: str, converter: type[BaseUnitConverter], unit: str
) -> tuple[float, datetime] | None:
    """Return an entity's value in `unit` and when it was last reported; None for anything but a number."""
    if (state := hass.states.get(entity_id)) is None or is_own_entity(hass, entity_id):
        return None
    try:
        value = float(state.state)
        converted = converter.convert(value, state.attributes.get(ATTR_UNIT_OF_MEASUREMENT), unit)
    except ValueError, HomeAssistantError:
        return None
    return (converted, state.last_reported) if math.isfinite(converted) else None
