"""The workplace's wiring: 52 stations on five panels below one grid connection, every row of limits in A."""

from dataclasses import dataclass

from custom_components.smart_charging.engine.config import BatteryConfig, CircuitConfig, SiteConfig, StationConfig
from custom_components.smart_charging.engine.model import NOMINAL_VOLTAGE_V, PhaseRotation

COUNT = 52
PANELS = 5
PANEL_A = 63.0
ROOT_LIMITS_A = (63.0, 80.0, 100.0, 125.0, 160.0)
MIN_A = 6
TURN_S = 8 * 3600.0
SENIORITY_PER_H = 0.5
TIME_ZONE = "America/Los_Angeles"
ROTATIONS = (PhaseRotation.RST, PhaseRotation.STR, PhaseRotation.TRS)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a station hangs: its panel, the grid phases it loads, and its rating in A per phase."""

    panel: int
    phases: tuple[int, ...]
    max_a: int

    @property
    def watts_per_a(self) -> float:
        """Return the W of 1 A on each of its phases."""
        return NOMINAL_VOLTAGE_V * len(self.phases)

    @property
    def rows(self) -> tuple[int, ...]:
        """Return the rows of `capacities` that it loads: phases of the root, then of its panel."""
        return self.phases + tuple(3 + 3 * self.panel + phase for phase in self.phases)


def _place(index: int) -> Place:
    if index % 2 == 0:
        return Place(index * PANELS // COUNT, (0, 1, 2), 16)
    return Place(index * PANELS // COUNT, (index // 2 % 3,), 32)


PLACES = tuple(_place(index) for index in range(COUNT))


def capacities(root_a: float) -> list[float]:
    """Return A per row: the three phases of the root, then those of each panel."""
    return [root_a] * 3 + [PANEL_A] * (3 * PANELS)


def site(root_a: float, *, batteries: tuple[BatteryConfig, ...] = ()) -> SiteConfig:
    """Return the configuration of the same place for the product; nothing else hangs on it.

    Cars that stand for a working day take turns of hours, not of minutes, where not all can charge.
    """
    panels = tuple(
        CircuitConfig(f"panel-{panel}", f"Panel {panel}", fuse_a=PANEL_A, margin_a=0.0) for panel in range(PANELS)
    )
    return SiteConfig(
        "workplace",
        "Workplace",
        fuse_a=root_a,
        margin_a=0.0,
        time_zone=TIME_ZONE,
        turn_s=TURN_S,
        seniority_per_h=SENIORITY_PER_H,
        circuits=panels,
        batteries=batteries,
    )


def _station(index: int, place: Place) -> StationConfig:
    return StationConfig(
        f"station-{index:02}",
        f"Station {index}",
        max_current_a=float(place.max_a),
        phases=len(place.phases),
        rotation=ROTATIONS[place.phases[0]],
        circuit_id=f"panel-{place.panel}",
        step_a=1.0,
    )


STATIONS = tuple(_station(index, place) for index, place in enumerate(PLACES))
