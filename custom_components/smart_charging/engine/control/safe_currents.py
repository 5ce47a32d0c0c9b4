"""The currents that chargers fall back to when nobody leads them: one allocation beside the reserved loads."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ..config import SiteConfig, StationConfig
from ..limit import ROOT_CIRCUIT
from ..model import EvseKey
from .circuits import connections, station_path
from .wiring import grid_phases


@dataclass(frozen=True, slots=True)
class SafeCurrents:
    """A per phase of each EVSE, 0 where none is left; `missing` are the EVSEs that got less than wanted."""

    currents: Mapping[EvseKey, float]
    missing: tuple[EvseKey, ...]


def allocate_safe_currents(site: SiteConfig, evses: Iterable[tuple[EvseKey, StationConfig]]) -> SafeCurrents:
    """Return safe currents whose sum beside the reserved currents stays within every fuse on every phase.

    Served by priority, then by id, so that the same chargers always get the same currents.
    """
    reserved = {ROOT_CIRCUIT: site.reserved_house_a, **{one.circuit_id: one.reserved_a for one in site.circuits}}
    left = {
        circuit_id: [connection.fuse_a - connection.margin_a - reserved[circuit_id]] * 3
        for circuit_id, connection in connections(site).items()
    }
    currents: dict[EvseKey, float] = {}
    missing: list[EvseKey] = []
    for key, station in sorted(evses, key=lambda item: (-item[1].priority, item[0])):
        used = [
            (left[circuit_id], phase)
            for circuit_id in station_path(site, station)
            for phase in grid_phases(site, station)
        ]
        wanted = min(station.safe_current_a, station.max_current_a, station.cable_current_a or station.max_current_a)
        fits = all(wanted <= room[phase] + 1e-9 for room, phase in used)
        currents[key] = wanted if fits else 0.0
        if fits:
            for room, phase in used:
                room[phase] -= wanted
        else:
            missing.append(key)
    return SafeCurrents(currents, tuple(missing))


def takes_safe_currents(before: SiteConfig, after: SiteConfig, chargers: Collection[StationConfig]) -> bool:
    """Return whether a change of the site leaves a charger without the safe current that it had."""
    return not set(safe_current_shortage(after, chargers)) <= set(safe_current_shortage(before, chargers))


def safe_current_shortage(site: SiteConfig, chargers: Iterable[StationConfig]) -> tuple[str, ...]:
    """Return the ids of the stations whose safe current does not fit, taking one EVSE for each."""
    allocation = allocate_safe_currents(site, ((EvseKey(charger.station_id, 1), charger) for charger in chargers))
    return tuple(key.station_id for key in allocation.missing)
