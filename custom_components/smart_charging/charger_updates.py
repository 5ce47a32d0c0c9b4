"""When the entities of each charger are written: at once on a small site, in turns on a large one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from homeassistant.core import CALLBACK_TYPE, callback

from .const import LOGGER
from .engine.view import ChargerView, SiteView

# So many chargers' entities may be written in a second; a site of as many has no turns.
CHARGERS_PER_S: Final = 100
# Minutes pass and readings grow old also where nothing is told: entities are written again after so long.
REFRESH_S: Final = 10.0
REFRESH_TURNS: Final = 3.0


@dataclass(frozen=True, slots=True)
class ChargerContext:
    """What an entity names as its context when all it shows is of one charger."""

    station_id: str


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a charger's entities were written from, and when."""

    charger: ChargerView | None
    at: datetime


class ChargerUpdates:
    """Calls the listeners of chargers that changed, and no others.

    A state is a row in the recorder: with a thousand chargers that meter every ten seconds each one's entities are
    written every ten seconds. What somebody did, or waits for, comes before what was measured.
    """

    def __init__(self) -> None:
        """Know no listener yet."""
        self._listeners: dict[str, list[CALLBACK_TYPE]] = {}
        self._shown: dict[str, _Shown] = {}  # what was written longest ago comes first

    @callback
    def async_add(self, station_id: str, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call the listener when a charger's entities are to be written; return how to stop it."""
        self._listeners.setdefault(station_id, []).append(listener)

        @callback
        def async_remove() -> None:
            listeners = self._listeners[station_id]
            listeners.remove(listener)
            if not listeners:
                del self._listeners[station_id]
                self._shown.pop(station_id, None)

        return async_remove

    @callback
    def async_update(self, view: SiteView, *, everything: bool) -> bool:
        """Write what is due, all of it if `everything`; return whether changes wait for another time."""
        if everything:
            for station_id in tuple(self._listeners):
                self._async_write(station_id, view)
            return False
        pressing, due, waits = self._look(view)
        room = max(0, CHARGERS_PER_S - len(pressing))
        for station_id in (*pressing[:CHARGERS_PER_S], *due[:room]):
            self._async_write(station_id, view)
        return waits or len(pressing) > CHARGERS_PER_S or len(due) > room

    def _look(self, view: SiteView) -> tuple[list[str], list[str], bool]:
        """Return the chargers that somebody waits for, those that are due, and whether others will be."""
        turn_s = _turn_s(len(self._listeners))
        refresh_s = max(REFRESH_S, REFRESH_TURNS * turn_s)
        pressing = [station_id for station_id in self._listeners if station_id not in self._shown]
        due: list[str] = []
        waits = False
        for station_id, shown in self._shown.items():
            charger = view.chargers.get(station_id)
            age_s = abs((view.at - shown.at).total_seconds())  # a clock may be set back
            if charger == shown.charger:
                if age_s >= refresh_s:
                    due.append(station_id)
            elif _told(charger) != _told(shown.charger):
                pressing.append(station_id)
            elif age_s >= turn_s:
                due.append(station_id)
            else:
                waits = True
        return pressing, due, waits

    @callback
    def _async_write(self, station_id: str, view: SiteView) -> None:
        self._shown.pop(station_id, None)
        self._shown[station_id] = _Shown(view.chargers.get(station_id), view.at)
        for listener in tuple(self._listeners.get(station_id, ())):
            try:
                listener()
            except Exception:  # noqa: BLE001 - as Home Assistant's coordinator does: one entity's fault is its own
                LOGGER.exception("An entity of a charger could not be updated")


def _turn_s(chargers: int) -> float:
    """Return how long a charger's measurements wait for its next turn; on a small site they don't."""
    return 0.0 if chargers <= CHARGERS_PER_S else chargers / CHARGERS_PER_S


def _told(charger: ChargerView | None) -> object:
    """Return what of a charger somebody did or waits for; the rest is measured, or follows from that."""
    if charger is None:
        return None
    station = charger.station
    return (
        station.connected,
        station.status,
        [
            (
                evse_id,
                evse.state.status,
                evse.state.error_code,
                evse.state.transaction is None,
                evse.settings,
                evse.setpoint.current_a > 0,
            )
            for evse_id, evse in charger.evses.items()
        ],
    )
