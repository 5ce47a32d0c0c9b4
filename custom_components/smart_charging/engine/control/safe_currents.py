"""The currents that chargers fall back to when nobody leads them: one allocation beside the reserved house load."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..config import SiteConfig, StationConfig
from ..model import EvseKey
from .wiring import grid_phases


@dataclass(frozen=True, slots=True)
class SafeCurrents:
    """A per phase of each EVSE, 0 where none is left; `missing` are the EVSEs that got less than wanted."""

    currents: Mapping[EvseKey, float]
    missing: tuple[EvseKey, ...]


def allocate_safe_currents(site: SiteConfig, evses: Iterable[tuple[EvseKey, StationConfig]]) -> SafeCurrents:
    """Return safe currents whose sum beside the reserved house current stays within the fuse on every phase.

    Served by priority, then by id, so that the same chargers always get the same currents.
    """
    left = [site.fuse_a - site.margin_a - site.reserved_house_a] * 3
    currents: dict[EvseKey, float] = {}
    missing: list[EvseKey] = []
    for key, station in sorted(evses, key=lambda item: (-item[1].priority, item[0])):
        used = grid_phases(site, station)
        wanted = min(station.safe_current_a, station.max_current_a)
        fits = all(wanted <= left[phase] + 1e-9 for phase in used)
        currents[key] = wanted if fits else 0.0
        if fits:
            for phase in used:
                left[phase] -= wanted
        else:
            missing.append(key)
    return SafeCurrents(currents, tuple(missing))


def safe_current_shortage(site: SiteConfig, chargers: Iterable[StationConfig]) -> tuple[str, ...]:
    """Return the ids of the stations whose safe current does not fit, taking one EVSE for each."""
    allocation = allocate_safe_currents(site, ((EvseKey(charger.station_id, 1), charger) for charger in chargers))
    return tuple(key.station_id for key in allocation.missing)
