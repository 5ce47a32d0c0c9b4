"""One grid connection and all behind it, moved forward in small steps."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from .battery import Battery
from .circuit import GRID, Circuit, CircuitTree
from .grid import GridMeter, GridSupply
from .house import House
from .outlet import Outlet
from .phases import Phases, add, balanced, negative
from .relay import GridRelay
from .sun import Photovoltaics

STEP_S = 0.25
"""The longest step: short beside a car's ramp of 1 to 3 s."""


class Plant:
    """House, sun, battery, cars and grid; power is constant within a step, so registers are exact sums."""

    def __init__(
        self,
        *,
        start: datetime,
        house: House,
        photovoltaics: Photovoltaics,
        outlets: Sequence[Outlet],
        battery: Battery | None = None,
        circuits: Sequence[Circuit] = (),
        supply: GridSupply | None = None,
    ) -> None:
        """Begin at `start` with everything still; the first values come with the first step.

        ValueError where the circuits are no tree or an outlet names none of them.
        """
        self.now = start
        self.house = house
        self.photovoltaics = photovoltaics
        self.battery = battery
        self.relay = GridRelay()
        self.outlets = list(outlets)
        self.tree = CircuitTree(circuits)
        if lost := {outlet.wiring.circuit_id for outlet in outlets} - {GRID, *self.tree.circuits}:
            raise ValueError(f"no circuit {', '.join(sorted(lost))}")
        self.grid = GridMeter(supply or GridSupply())
        self.house_w: Phases = house.power_w()
        self.advance(start + timedelta(milliseconds=1))

    def advance(self, now: datetime) -> None:
        """Move to this moment; a moment in the past changes nothing."""
        while (left := (now - self.now).total_seconds()) > 0:
            self._step(min(STEP_S, left))

    def _step(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.house.advance(seconds)
        self.house_w = self.house.power_w()
        for outlet in self.outlets:
            outlet.advance(self.now, self.grid.voltage, seconds)
        drawn = ((outlet.wiring.circuit_id, outlet.grid_power_w()) for outlet in self.outlets)
        load = add(self.house_w, self.tree.advance(drawn, self.grid.voltage, seconds))
        appetite_w = 0.0 if self.battery is None else self.battery.appetite_w()
        self.photovoltaics.advance(self.now, seconds, sum(load) + appetite_w)
        load = add(load, balanced(-self.photovoltaics.power_w))
        if self.battery is not None:
            self.battery.advance(sum(load), seconds)
            load = add(load, negative(balanced(self.battery.power_w)))
        self.grid.advance(load, seconds)
