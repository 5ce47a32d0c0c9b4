"""Which grid phases a charger loads."""

from ..config import SiteConfig, StationConfig
from ..model import PhaseRotation

PHASE_NAMES = ("L1", "L2", "L3")  # by the index of a grid phase


def grid_phases(
    site: SiteConfig, station: StationConfig, active: int | None = None, rotation: PhaseRotation | None = None
) -> tuple[int, ...]:
    """Return the indices (0 to 2) of the grid phases in use.

    `active` terminals, all of the station's if None; `rotation` is what was learnt of the wiring, if anything.
    """
    if site.phases == 1:
        return (0,)
    count = station.phases if active is None else min(active, station.phases)
    return (rotation or station.rotation).grid_phases(count)
