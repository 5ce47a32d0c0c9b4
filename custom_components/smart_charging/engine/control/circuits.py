"""The tree of circuits: what hangs below each one, children before their parents."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..config import Connection, SiteConfig, StationConfig
from ..limit import ROOT_CIRCUIT
from .snapshot import EvseSnapshot


@dataclass(frozen=True, slots=True)
class Circuit:
    """A node with all EVSEs below it; `reserved_a` is A per phase where no meter tells of other loads."""

    circuit_id: str
    connection: Connection
    reserved_a: float
    children: tuple[str, ...]
    evses: tuple[EvseSnapshot, ...]


def path_to_root(site: SiteConfig, circuit_id: str) -> tuple[str, ...]:
    """Return the circuits from this one up to the grid connection; an unknown one hangs on the connection itself."""
    parents = {circuit.circuit_id: circuit.parent_id for circuit in site.circuits}
    path: list[str] = []
    while circuit_id in parents and circuit_id not in path:
        path.append(circuit_id)
        circuit_id = parents[circuit_id]
    return (*path, ROOT_CIRCUIT)


def circuit_tree(site: SiteConfig, evses: Iterable[EvseSnapshot]) -> tuple[Circuit, ...]:
    """Return all circuits, children before parents, the grid connection last."""
    below: dict[str, list[EvseSnapshot]] = {circuit.circuit_id: [] for circuit in site.circuits}
    below[ROOT_CIRCUIT] = []
    paths = {circuit.circuit_id: path_to_root(site, circuit.circuit_id) for circuit in site.circuits}
    for evse in evses:
        for circuit_id in paths.get(evse.station.circuit_id, (ROOT_CIRCUIT,)):
            below[circuit_id].append(evse)
    children: dict[str, list[str]] = {circuit_id: [] for circuit_id in below}
    for circuit_id, path in paths.items():
        children[path[1]].append(circuit_id)
    ordered = sorted(site.circuits, key=lambda circuit: (-len(paths[circuit.circuit_id]), circuit.circuit_id))
    nodes = [
        Circuit(
            circuit.circuit_id,
            circuit,
            circuit.reserved_a,
            tuple(children[circuit.circuit_id]),
            tuple(below[circuit.circuit_id]),
        )
        for circuit in ordered
    ]
    root = Circuit(ROOT_CIRCUIT, site, site.reserved_house_a, tuple(children[ROOT_CIRCUIT]), tuple(below[ROOT_CIRCUIT]))
    return (*nodes, root)


def connections(site: SiteConfig) -> Mapping[str, Connection]:
    """Return the grid connection and all circuits by their ids."""
    return {ROOT_CIRCUIT: site, **{circuit.circuit_id: circuit for circuit in site.circuits}}


def station_path(site: SiteConfig, station: StationConfig) -> tuple[str, ...]:
    """Return the circuits that a station's current flows through, the grid connection last."""
    return path_to_root(site, station.circuit_id)
