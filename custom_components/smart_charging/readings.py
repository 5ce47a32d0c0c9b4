"""Readings of meters, PV, batteries, cars and contactors from existing entities, as old as these say."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from homeassistant.core import (
    CALLBACK_TYPE,
    Event,
    EventStateChangedData,
    EventStateReportedData,
    HomeAssistant,
    callback,
)
from homeassistant.helpers.event import async_track_state_change_event, async_track_state_report_event
from homeassistant.util import dt as dt_util

from .engine.model import EvseKey
from .engine.view import BatteryReading, MeterReading
from .entity_values import battery_reading, meter_reading, percentage, power_w, switched_phases
from .own_entities import is_own_entity
from .pv_settings import PvEntity
from .settings import BatteryEntities, GridMeterEntities

type StateEvent = Event[EventStateChangedData] | Event[EventStateReportedData]


@callback
def async_track_states(
    hass: HomeAssistant, entity_ids: Iterable[str], action: Callable[[StateEvent], None]
) -> CALLBACK_TYPE:
    """Call `action` whenever one of these entities changes or repeats its state; return how to stop."""
    followed = list(entity_ids)
    stop_changes = async_track_state_change_event(hass, followed, action)
    stop_reports = async_track_state_report_event(hass, followed, action)

    @callback
    def async_stop_both() -> None:
        stop_changes()
        stop_reports()

    return async_stop_both


class ReadingSink(Protocol):
    """Who the readings are for: the site."""

    def set_grid_reading(self, reading: MeterReading) -> None:
        """Take what the grid meter says now."""

    def set_circuit_reading(self, circuit_id: str, reading: MeterReading) -> None:
        """Take what a circuit's meter says now; KeyError for a circuit that is not there."""

    def set_pv_power(self, name: str, power_w: float | None, at: datetime) -> None:
        """Take what one PV system produces in W, None where it can't be told."""

    def remove_pv(self, name: str) -> None:
        """Forget a PV system."""

    def set_battery_reading(self, battery_id: str, reading: BatteryReading) -> None:
        """Take what a battery says now."""

    def set_vehicle_soc(self, key: EvseKey, soc_percent: float | None) -> None:
        """Take the state of charge of the car at an EVSE, None where it can't be told."""

    def set_switched_phases(self, key: EvseKey, phases: int | None) -> None:
        """Take how many phases an EVSE's contactor connects, None where it can't be told."""


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
        self._grid = Followed[GridMeterEntities](hass, lambda meter: meter.all, self._read_grid, self._without_grid)
        self._circuits = Followed[GridMeterEntities](hass, lambda meter: meter.all, self._read_circuit)
        self._pv = Followed[PvEntity](hass, lambda system: (system.power,), self._read_pv, site.remove_pv)
        self._batteries = Followed[BatteryEntities](
            hass, lambda battery: (battery.soc, battery.power), self._read_battery, self._without_battery
        )
        self._cars = Followed[str](hass, lambda entity_id: (entity_id,), self._read_car, self._without_car)
        self._contactors = Followed[str](
            hass, lambda entity_id: (entity_id,), self._read_contactor, self._without_contactor
        )

    @callback
    def async_configure(
        self,
        meter: GridMeterEntities | None,
        pv: Mapping[str, PvEntity],
        *,
        circuits: Mapping[str, GridMeterEntities] | None = None,
        batteries: Mapping[str, BatteryEntities] | None = None,
        vehicle_soc: Mapping[str, str] | None = None,
        phase_switches: Mapping[str, str] | None = None,
    ) -> None:
        """Follow these entities from now on, by circuit, battery and station id, and read them at once."""
        self._grid.async_configure({} if meter is None else {"": meter})
        self._circuits.async_configure(circuits or {})
        self._pv.async_configure(pv)
        self._batteries.async_configure(batteries or {})
        self._cars.async_configure(vehicle_soc or {})
        self._contactors.async_configure(phase_switches or {})

    @callback
    def async_stop(self) -> None:
        """Follow nothing any more."""
        for followed in (self._grid, self._circuits, self._pv, self._batteries, self._cars, self._contactors):
            followed.async_stop()

    @callback
    def _read_grid(self, _name: str, meter: GridMeterEntities) -> None:
        """Hand the grid meter's values on, as old as the oldest of them."""
        self._site.set_grid_reading(meter_reading(self._hass, meter))

    @callback
    def _without_grid(self, _name: str) -> None:
        """Tell that there is no grid meter."""
        self._site.set_grid_reading(MeterReading(at=dt_util.utcnow(), available=False))

    @callback
    def _read_circuit(self, circuit_id: str, meter: GridMeterEntities) -> None:
        """Hand the values of a circuit's meter on."""
        with suppress(KeyError):  # its circuit is being removed: it is followed for a moment only
            self._site.set_circuit_reading(circuit_id, meter_reading(self._hass, meter))

    @callback
    def _read_pv(self, name: str, system: PvEntity) -> None:
        """Hand the power of one PV system on."""
        if (value := power_w(self._hass, system.power)) is None:
            self._site.set_pv_power(name, None, dt_util.utcnow())
        else:
            self._site.set_pv_power(name, -value[0] if system.invert else value[0], value[1])

    @callback
    def _read_battery(self, battery_id: str, battery: BatteryEntities) -> None:
        """Hand a battery's values on."""
        self._site.set_battery_reading(battery_id, battery_reading(self._hass, battery))

    @callback
    def _without_battery(self, battery_id: str) -> None:
        """Tell that nothing is known of a battery any more."""
        self._site.set_battery_reading(battery_id, BatteryReading(at=dt_util.utcnow(), available=False))

    @callback
    def _read_car(self, station_id: str, entity_id: str) -> None:
        """Hand a car's state of charge on; a station's entity is meant for its first EVSE."""
        self._site.set_vehicle_soc(EvseKey(station_id, 1), percentage(self._hass, entity_id))

    @callback
    def _without_car(self, station_id: str) -> None:
        """Tell that no car's state of charge is known any more."""
        self._site.set_vehicle_soc(EvseKey(station_id, 1), None)

    @callback
    def _read_contactor(self, station_id: str, entity_id: str) -> None:
        """Hand on how many phases a station's contactor connects."""
        self._site.set_switched_phases(EvseKey(station_id, 1), switched_phases(self._hass, entity_id))

    @callback
    def _without_contactor(self, station_id: str) -> None:
        """Tell that nothing is known of a contactor any more."""
        self._site.set_switched_phases(EvseKey(station_id, 1), None)


class Followed[T]:
    """Follows the entities of named things of one kind."""

    def __init__(
        self,
        hass: HomeAssistant,
        entities: Callable[[T], Iterable[str]],
        read: Callable[[str, T], None],
        gone: Callable[[str], None] | None = None,
    ) -> None:
        """Follow nothing yet; `read` is called with each report, `gone` for what is followed no more."""
        self._hass = hass
        self._entities = entities
        self._read = read
        self._gone = gone
        self._things: dict[str, T] = {}
        self._stops: dict[str, CALLBACK_TYPE] = {}

    @callback
    def async_configure(self, wanted: Mapping[str, T]) -> None:
        """Let go what is not wanted as it is, then follow and read what is new."""
        for name in [name for name, thing in self._things.items() if wanted.get(name) != thing]:
            self._stops.pop(name)()
            del self._things[name]
            if self._gone is not None:
                self._gone(name)
        for name, thing in wanted.items():
            if name not in self._things:
                self._things[name] = thing
                self._stops[name] = self._async_follow(name, thing)
                self._read(name, thing)

    @callback
    def async_stop(self) -> None:
        """Follow nothing any more, without a word."""
        for stop in self._stops.values():
            stop()
        self._stops.clear()
        self._things.clear()

    @callback
    def _async_follow(self, name: str, thing: T) -> CALLBACK_TYPE:
        """Read a thing whenever one of its entities changes or repeats its state."""

        @callback
        def async_heard(event: StateEvent) -> None:
            if not is_own_entity(self._hass, event.data["entity_id"]):
                self._read(name, thing)

        return async_track_states(self._hass, self._entities(thing), async_heard)
