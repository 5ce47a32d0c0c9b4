"""Move the contactors that bring charging stations from three phases to one and back, as the site decides."""

import asyncio
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from homeassistant.core import Context, CoreState, HomeAssistant, callback

from .back_off import BackOff
from .const import LOGGER
from .coordinator import SmartChargingConfigEntry
from .engine.model import EvseStatus
from .engine.view import ChargerView, EvseView, SiteView
from .entity_values import switched_phases
from .entity_writes import SwitchWrite, WriteError, async_write
from .issues import ISSUE_PHASE_SWITCH, Issue, async_clear, async_raise
from .measurements import live_measurement
from .settings import phase_switches

MOVE_TIMEOUT_S: Final = 20.0  # a silent integration must not keep a contactor from being tried again
IDLE_A: Final = 0.5  # below it no car draws; meters of stations show a little noise
EVSE_ID: Final = 1  # a contactor is in front of a station, and such stations have one EVSE


@dataclass(slots=True)
class _Move:
    """A contactor's way to a position that it has not reached yet."""

    write: SwitchWrite
    back_off: BackOff = field(default_factory=BackOff)
    is_under_way: bool = False


class PhaseControls:
    """Keeps the contactors of one running site as their setpoints want them.

    What moves under load wears out or welds: a contactor is only moved while its car draws nothing, and it is
    left as it is when the site ends.
    """

    def __init__(self, hass: HomeAssistant, entry: SmartChargingConfigEntry) -> None:
        """Move nothing yet."""
        self._hass = hass
        self._entry = entry
        self._moves: dict[str, _Move] = {}  # by station: what is or was tried last
        self._failed: set[str] = set()

    @callback
    def async_update(self) -> None:
        """Move the contactors that are not as the newest view wants them."""
        view = self._entry.runtime_data.coordinator.data
        switches = phase_switches(self._entry)
        for station_id in self._failed - switches.keys():
            self._async_clear(station_id)
        if view.observe_only or self._hass.state is not CoreState.running:
            return
        for station_id, entity_id in switches.items():
            phases = _wanted_phases(view, station_id)
            if phases is None:
                continue
            if switched_phases(self._hass, entity_id) == phases:
                self._async_arrived(station_id)
            else:
                self._async_try(station_id, view.chargers[station_id].name, SwitchWrite(entity_id, phases == 3))

    @callback
    def async_stop(self) -> None:
        """Take back what is shown."""
        for station_id in tuple(self._failed):
            self._async_clear(station_id)

    @callback
    def _async_arrived(self, station_id: str) -> None:
        """Take note that a contactor is where it is wanted, whoever moved it."""
        self._moves.pop(station_id, None)
        if station_id in self._failed:
            self._async_clear(station_id)

    @callback
    def _async_try(self, station_id: str, name: str, write: SwitchWrite) -> None:
        """Move a contactor, unless that is under way or was in vain not long ago."""
        move = self._moves.get(station_id)
        if move is not None and move.is_under_way:
            return
        if move is None or move.write != write:
            move = self._moves[station_id] = _Move(write)
        if move.back_off.is_over(monotonic()):
            # In vain until the contactor is seen to have moved: a write that succeeds says little of a relay.
            move.back_off.failed(monotonic())
            move.is_under_way = True
            self._entry.async_create_task(self._hass, self._async_move(station_id, name, move))

    async def _async_move(self, station_id: str, name: str, move: _Move) -> None:
        """Move a contactor, and show whether it went well."""
        try:
            async with asyncio.timeout(MOVE_TIMEOUT_S):
                await async_write(self._hass, move.write, Context())
        except (WriteError, TimeoutError) as err:
            self._async_show_failure(station_id, name, str(err) or "no answer in time")
        else:
            self._async_clear(station_id)
        finally:
            move.is_under_way = False

    @callback
    def _async_show_failure(self, station_id: str, charger: str, detail: str) -> None:
        """Log a failure once and show it as a repair until a write succeeds."""
        if station_id not in self._failed:
            LOGGER.warning("The phases of %s could not be switched: %s", charger, detail)
        self._failed.add(station_id)
        placeholders = {"site": self._entry.title, "charger": charger, "detail": detail}
        async_raise(self._hass, Issue(ISSUE_PHASE_SWITCH, self._about(station_id), placeholders=placeholders))

    @callback
    def _async_clear(self, station_id: str) -> None:
        """Take a failure back."""
        self._failed.discard(station_id)
        async_clear(self._hass, ISSUE_PHASE_SWITCH, self._about(station_id))

    def _about(self, station_id: str) -> str:
        """Return what is unique to a station, as two sites may have stations of the same id."""
        return f"{self._entry.entry_id}_{station_id}"


def _wanted_phases(view: SiteView, station_id: str) -> int | None:
    """Return how many phases a station's contactor is to connect, None where it is to be left alone."""
    charger = view.chargers.get(station_id)
    evse = None if charger is None else charger.evses.get(EVSE_ID)
    if charger is None or evse is None or evse.setpoint.current_a > 0 or not _is_idle(view, charger, evse):
        return None
    return evse.setpoint.phases


def _is_idle(view: SiteView, charger: ChargerView, evse: EvseView) -> bool:
    """Return whether nothing flows: by what was measured, else by what the station says."""
    measured = live_measurement(charger, evse, view.at)
    if measured is None or measured.current_a is None:
        return evse.state.status is not EvseStatus.CHARGING
    return max(measured.current_a) < IDLE_A
