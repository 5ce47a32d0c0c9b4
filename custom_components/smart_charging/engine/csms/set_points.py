"""Set-points of one EVSE that can give energy back: what was ordered, until when, and whether the station took it."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
import math

from .commands import CommandError, CommandErrorCode
from .core import StationCore
from .profiles import Purpose
from .rpc import OCPP21
from .state import RateUnit, SetPoint, StationEventType

_TAKEN_WITHIN_S = 60.0
_REFUSED_RETRY_S = 300.0  # before the site leads a car again whose station refused that


@dataclass(slots=True)
class _Order:
    power_w: float
    transaction_id: str
    until: float
    taken: asyncio.Future[None] | None = None  # None for one that the site leads: nobody waits for it


def most_given_w(core: StationCore, evse_id: int) -> float:
    """Return how much the car at an EVSE can give by what it and its station told, in W; 0 where either can't."""
    state, evse = core.state, core.state.evses.get(evse_id)
    if evse is None or evse.applied is None or evse.charging_needs is None or evse.transaction is None:
        return 0.0
    if state.protocol != OCPP21 or not state.capabilities.gives_back(evse_id) or not state.connected:
        return 0.0
    used = core.wiring.using(evse.applied.phases)
    return min(evse.charging_needs.max_discharge_w or 0.0, used.to_unit(used.max_a, RateUnit.W))


def check_setpoint(core: StationCore, evse_id: int, power_w: float) -> None:
    """Raise CommandError where a set-point can't be, or goes beyond what station, car and present limit allow."""
    state, evse = core.state, core.evse(evse_id)
    needs = evse.charging_needs
    discharge_w = None if needs is None else needs.max_discharge_w
    if state.protocol != OCPP21:
        raise CommandError(CommandErrorCode.NOT_SUPPORTED, "set-points are part of OCPP 2.1")
    if not state.capabilities.gives_back(evse_id):
        raise CommandError(CommandErrorCode.NOT_SUPPORTED, "the charger does not tell that it takes set-points")
    if needs is None or discharge_w is None:
        raise CommandError(CommandErrorCode.NOT_SUPPORTED, "the car does not tell that it can give energy back")
    if evse.applied is None:
        raise CommandError(CommandErrorCode.INVALID, "no limit holds yet")
    used = core.wiring.using(evse.applied.phases)
    most_w = used.to_unit(evse.applied.current_a, RateUnit.W)
    if needs.max_charge_w is not None:
        most_w = min(most_w, needs.max_charge_w)
    least_w = -min(discharge_w, used.to_unit(used.max_a, RateUnit.W))
    if not least_w <= power_w <= most_w:
        raise CommandError(CommandErrorCode.INVALID, f"from {least_w:.0f} to {most_w:.0f} W are possible now")


class SetPoints:
    """The one set-point of an EVSE, if any; it goes out with the EVSE's limits and never beyond them."""

    def __init__(self, core: StationCore, evse_id: int) -> None:
        """Begin without one."""
        self._core = core
        self._evse_id = evse_id
        self._order: _Order | None = None
        self._refused_at = -math.inf

    def lead(self, power_w: float | None, duration_s: float, transaction_id: str | None) -> bool:
        """Want this power as the site decides it, for a time that the next call begins anew; None for none.

        Returns whether that is to be written. What somebody ordered goes on, and what was refused is not asked for soon
        again.
        """
        order, now = self._order, self._core.clock.monotonic()
        if order is not None and order.taken is not None:
            return False
        if power_w is None or transaction_id is None or now - self._refused_at < _REFUSED_RETRY_S:
            return self.end()
        self._order = _Order(power_w, transaction_id, now + duration_s)
        return order is None or (order.power_w, order.transaction_id) != (power_w, transaction_id)

    def order(self, power_w: float, duration_s: float, transaction_id: str) -> asyncio.Future[None]:
        """Want this power for a time, in W of all phases, negative to discharge; the future ends once it is taken."""
        self.end()
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._order = _Order(power_w, transaction_id, self._core.clock.monotonic() + duration_s, taken)
        return taken

    async def wait_for(self, taken: asyncio.Future[None]) -> None:
        """Wait until the station took it; raises CommandError."""
        try:
            async with self._core.clock.timeout(_TAKEN_WITHIN_S):
                await taken
        except TimeoutError:
            self.end()
            raise CommandError(CommandErrorCode.TIMEOUT, "the set-point was not taken in time") from None

    def wanted(self, transaction_id: str | None, purpose: Purpose) -> tuple[float | None, float]:
        """Return the power that a transaction's profile is to carry, and for how many seconds at most."""
        order = self._order
        if order is None or order.transaction_id != transaction_id:
            return None, math.inf
        if purpose is not Purpose.TX:
            self.refused(CommandError(CommandErrorCode.NOT_SUPPORTED, "limits are not written for a transaction here"))
            return None, math.inf
        left_s = order.until - self._core.clock.monotonic()
        if left_s <= 0:
            return None, math.inf
        # What is led is ordered anew all the time: it is written to hold as long as a limit does.
        return order.power_w, math.inf if order.taken is None else left_s

    def is_over(self, transaction_id: str | None) -> bool:
        """Forget a set-point whose time or transaction has ended; True where the limit is to be written without it."""
        order = self._order
        if order is None:
            return False
        if order.transaction_id == transaction_id and self._core.clock.monotonic() < order.until:
            return False
        self.end()
        return True

    @property
    def due_s(self) -> float:
        """Return the seconds until the set-point ends, infinite without one."""
        return math.inf if self._order is None else self._order.until - self._core.clock.monotonic()

    def taken(self) -> None:
        """Note that the station took it."""
        order, core = self._order, self._core
        if order is None:
            return
        led, before = order.taken is None, core.evse(self._evse_id).set_point
        if before is None or led:
            until = core.clock.now() + timedelta(seconds=self.due_s)
            core.change_evse(self._evse_id, set_point=SetPoint(order.power_w, until, led))
            core.emit(StationEventType.CHANGED, self._evse_id)
        if order.taken is not None and not order.taken.done():
            order.taken.set_result(None)

    def refused(self, error: CommandError) -> None:
        """Note that the station did not take it: the limits go out without."""
        self._refused_at = self._core.clock.monotonic()
        self._finish(error)

    def end(self) -> bool:
        """Want none any more; False where there was none."""
        had_one = self._order is not None
        self._finish(CommandError(CommandErrorCode.REJECTED, "the set-point was withdrawn"))
        return had_one

    def _finish(self, error: CommandError) -> None:
        order, self._order = self._order, None
        if order is not None and order.taken is not None and not order.taken.done():
            order.taken.set_exception(error)
            order.taken.exception()  # somebody may have stopped waiting
        if self._core.evse(self._evse_id).set_point is not None:
            self._core.change_evse(self._evse_id, set_point=None)
            self._core.emit(StationEventType.CHANGED, self._evse_id)
