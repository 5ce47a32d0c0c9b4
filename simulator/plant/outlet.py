"""The power side of one connector: contactor, meter, and the car behind it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from .car import Car
from .contactor import Contactor
from .phases import NOMINAL_VOLTAGE, ZERO, Phases, phases, times


@dataclass(frozen=True, slots=True)
class Offer:
    """What a station signals to the car: A per phase on so many phases; no phases means an open contactor.

    `phase_to_use` is which of the outlet's phases (1..3) carries a single one. `taken_back_a` is what the car shall
    give instead.
    """

    current_a: float
    phases: int = 3
    phase_to_use: int = 1
    taken_back_a: float = 0.0


NOTHING = Offer(0.0, 0)


def _offer_nothing(now: datetime) -> Offer:
    del now
    return NOTHING


@dataclass(frozen=True, slots=True)
class Wiring:
    """How an outlet is connected: which grid phase (0..2) each of its own is wired to, where, and behind what.

    `circuit_id` is "" at the grid connection.
    """

    rotation: tuple[int, int, int] = (0, 1, 2)
    circuit_id: str = ""
    contactor: Contactor | None = None


@dataclass(slots=True)
class Outlet:
    """A metered outlet."""

    car: Car | None = None
    phases: int = 3
    wiring: Wiring = Wiring()
    energy_wh: float = 0.0
    """What was drawn; what was given back is counted by itself."""
    exported_wh: float = 0.0
    offer: Callable[[datetime], Offer] = _offer_nothing
    present_offer: Offer = NOTHING
    current_a: Phases = ZERO
    voltage: Phases = (NOMINAL_VOLTAGE, NOMINAL_VOLTAGE, NOMINAL_VOLTAGE)
    _plugged: bool = field(default=False)

    @property
    def plugged(self) -> bool:
        """Tell whether a cable is in."""
        return self._plugged

    def plug(self, plugged: bool) -> None:
        """Put the cable in or pull it; pulling ends the flow at once."""
        self._plugged = plugged
        self.current_a = ZERO
        self.present_offer = NOTHING
        if self.car is not None:
            self.car.plugged()

    def switch_contactor(self, phases: int) -> None:
        """Switch the contactor before it, loaded or not; ValueError where there is none."""
        if self.wiring.contactor is None:
            raise ValueError("this outlet has no contactor")
        self.wiring.contactor.switch(phases, self.current_a)

    @property
    def power_w(self) -> float:
        """Return the power it draws, over all phases."""
        return sum(self.phase_power_w)

    @property
    def phase_power_w(self) -> Phases:
        """Return the power on each of the outlet's own phases."""
        return times(self.current_a, self.voltage)

    def grid_current_a(self) -> Phases:
        """Return the current on the grid's phases."""
        return self._on_grid(self.current_a)

    def grid_power_w(self) -> Phases:
        """Return the power on the grid's phases."""
        return self._on_grid(self.phase_power_w)

    def advance(self, now: datetime, grid_voltage: Phases, seconds: float) -> None:
        """Draw for this long what the car takes of the offer; the register is the integral of the power."""
        self.voltage = phases(grid_voltage[at] for at in self.wiring.rotation)
        self.present_offer = self.offer(now) if self._plugged else NOTHING
        current = 0.0
        if self.car is not None and self._plugged:
            current = self.car.advance(self.present_offer.current_a, seconds, self.present_offer.taken_back_a)
        contactor = self.wiring.contactor
        connected = self.phases if contactor is None else min(self.phases, contactor.phases)
        used = min(connected, self.present_offer.phases, self.car.model.phases if self.car else 0)
        first = self.present_offer.phase_to_use - 1 if self.present_offer.phases == 1 else 0
        self.current_a = phases(current if first <= n < first + used else 0.0 for n in range(3))
        energy = self.power_w * seconds / 3600
        self.energy_wh += max(0.0, energy)
        self.exported_wh += max(0.0, -energy)
        if self.car is not None:
            self.car.fill(energy)

    def _on_grid(self, own: Phases) -> Phases:
        grid = [0.0, 0.0, 0.0]
        for value, at in zip(own, self.wiring.rotation, strict=True):
            grid[at] += value
        return phases(grid)
