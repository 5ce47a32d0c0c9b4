"""Circuits below the grid connection: a tree, each with its own loads and a meter."""

from collections.abc import Iterable, Mapping, Sequence

from .grid import GridMeter, GridSupply
from .house import House
from .phases import ZERO, Phases, add

GRID = ""
"""The grid connection as the parent of a circuit or the place of an outlet."""


class Circuit:
    """A branch with loads of its own; its meter shows them, the outlets on it and the branches below."""

    def __init__(self, circuit_id: str, parent_id: str = GRID, load: House | None = None) -> None:
        """Hang below the grid connection or another circuit."""
        self.circuit_id = circuit_id
        self.parent_id = parent_id
        self.load = load or House(fixed_w=ZERO)
        self.meter = GridMeter(GridSupply(impedance_ohm=0.0), import_wh=0.0, export_wh=0.0)


class CircuitTree:
    """All circuits of a site by id."""

    def __init__(self, circuits: Sequence[Circuit] = ()) -> None:
        """Take the circuits; ValueError where they are no tree or share an id."""
        self.circuits: Mapping[str, Circuit] = {circuit.circuit_id: circuit for circuit in circuits}
        if len(self.circuits) != len(circuits) or GRID in self.circuits:
            raise ValueError("each circuit needs an id of its own")
        # From the leaves up, so that a branch is complete before it is added to its parent.
        self._upwards = sorted(circuits, key=lambda circuit: -self._depth(circuit))

    def advance(self, outlets: Iterable[tuple[str, Phases]], voltage: Phases, seconds: float) -> Phases:
        """Carry the outlets' power (by circuit id) and the own loads for this long; return what the grid sees of it."""
        totals = dict.fromkeys((GRID, *self.circuits), ZERO)
        for circuit_id, power_w in outlets:
            totals[circuit_id] = add(totals[circuit_id], power_w)
        for circuit in self._upwards:
            circuit.load.advance(seconds)
            power_w = add(totals[circuit.circuit_id], circuit.load.power_w())
            circuit.meter.advance(power_w, seconds, voltage)
            totals[circuit.parent_id] = add(totals[circuit.parent_id], power_w)
        return totals[GRID]

    def _depth(self, circuit: Circuit) -> int:
        depth, parent_id = 1, circuit.parent_id
        while parent_id != GRID:
            if parent_id not in self.circuits or depth > len(self.circuits):
                raise ValueError(f"{circuit.circuit_id} does not hang below the grid connection")
            depth, parent_id = depth + 1, self.circuits[parent_id].parent_id
        return depth
