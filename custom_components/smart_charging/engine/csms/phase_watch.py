"""Watches whether one EVSE uses the number of phases it was told: from what flows, else from its schedule."""

from collections.abc import Awaitable, Callable

from ..model import Phases
from .composite import CompositeSchedule
from .core import StationCore
from .state import RateUnit

ACTIVE_A = 1.0  # a phase that carries more than this is in use
SETTLE_S = 120.0  # stations pause the car before they switch, some for more than a minute
_LOOK_AHEAD_S = 60

type _AskSchedule = Callable[[int, RateUnit | None], Awaitable[CompositeSchedule | None]]


def active_phases(current_a: Phases) -> int:
    """Return on how many phases a car draws."""
    return sum(amps > ACTIVE_A for amps in current_a)


class PhaseWatch:
    """The number of phases an EVSE was told since when, and what was seen of it in the transaction."""

    def __init__(self, core: StationCore, evse_id: int, ask: _AskSchedule) -> None:
        """Begin having told and seen nothing; `ask` gets the schedule that the station foresees."""
        self._core = core
        self._evse_id = evse_id
        self._ask = ask
        self._told: int | None = None
        self._since = 0.0
        self._most = 0  # phases that this car was seen to use at once
        self._active: int | None = None  # by the newest measurement that could show what was told
        self._asked = False

    def begin_anew(self) -> None:
        """Forget car and phases, as for another transaction."""
        self._told, self._most, self._active, self._asked = None, 0, None, False

    def accepted(self, phases: int | None, at: float) -> None:
        """Note the number of phases that the station took at a monotonic second."""
        if phases != self._told:
            self._told, self._since, self._active, self._asked = phases, at, None, False

    def measured(self) -> None:
        """Take in the EVSE's newest live measurement."""
        measurement = self._core.evse(self._evse_id).measurement
        if measurement is None or measurement.current_a is None or not measurement.phases_told:
            return
        active = active_phases(measurement.current_a)
        self._most = max(self._most, active)
        if self._told is not None and self._core.clock.monotonic() - self._since >= SETTLE_S:
            self._active = active

    async def verdict(self, unit: RateUnit | None) -> bool | None:
        """Return whether the station does as told, None while nothing new shows it.

        A car that uses one phase anyway shows nothing; the station's schedule is then asked, once.
        """
        active, self._active = self._active, None
        if active is None or self._told is None:
            return None
        if self._told == 1 and active > 1:
            return False
        if self._told == 1 and active == 1 and self._most > 1:
            return True
        if self._asked or self._core.state.capabilities.switches_phases is not None:
            return None
        self._asked = True
        schedule = await self._ask(_LOOK_AHEAD_S, unit)
        foreseen = None if schedule is None else schedule.phases_at(0)
        if foreseen is None:
            return None
        if foreseen != self._told:
            return False
        return True if self._told == 1 else None  # all phases are what it uses anyway
