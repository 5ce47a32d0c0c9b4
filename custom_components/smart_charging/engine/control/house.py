"""The house's own load: what the grid meter shows less what the chargers draw."""

from datetime import datetime, timedelta

from ..config import SiteConfig
from ..model import MeterQuality, Phases
from .snapshot import ControlState, EvseSnapshot, Snapshot
from .wiring import grid_phases

ACTIVE_A = 1.0  # a terminal that carries more is in use
PEAK_MEMORY = timedelta(minutes=15)
PEAK_STEP = timedelta(minutes=1)


def draw_bounds(site: SiteConfig, evse: EvseSnapshot) -> tuple[Phases, Phases]:
    """Return the least and the most that an EVSE may be drawing now, per grid phase.

    Between an accepted limit and the first measurement after it, the truth lies between the two.
    """
    measured = measured_on_grid(site, evse)
    plugged = evse.status is not None and evse.status.plugged
    if evse.settled or evse.commanded_a is None or not plugged:
        return measured, measured
    used = grid_phases(site, evse.station)
    active = tuple(phase for phase in used if measured[phase] > ACTIVE_A) or used
    commanded = Phases.spread(evse.commanded_a, active)
    return measured.at_most(commanded), measured.at_least(commanded)


def measured_on_grid(site: SiteConfig, evse: EvseSnapshot) -> Phases:
    """Return what an EVSE is seen to draw, per grid phase; of an absent station nothing is known."""
    if evse.measured_a is None or not evse.connected:
        return Phases()
    if site.phases == 1:
        return Phases(evse.measured_a.l1)
    return evse.station.rotation.to_grid(evse.measured_a)


def draws_freely(site: SiteConfig, evse: EvseSnapshot) -> bool:
    """Return whether a car draws more than a charger's least without its station having taken any limit."""
    if evse.commanded_a is not None or not evse.connected or evse.status is None or not evse.status.plugged:
        return False
    return max(measured_on_grid(site, evse)) > evse.station.min_current_a + ACTIVE_A


def house_current(snapshot: Snapshot, state: ControlState) -> Phases:
    """Return the house's current per grid phase as far as the meter tells, PV counted negative.

    A change that an in-flight setpoint explains is booked to the charger, the rest to the house.
    """
    site, grid = snapshot.site, snapshot.grid
    if grid.quality is MeterQuality.ABSENT:
        return Phases.each(site.reserved_house_a)
    if grid.quality is MeterQuality.LOST or grid.current_a is None:
        return worst_recent(site, state)
    least, most = Phases(), Phases()
    for evse in snapshot.evses:
        low, high = draw_bounds(site, evse)
        least, most = least + low, most + high
    if state.house_a is None:
        return grid.current_a - least
    return grid.current_a - (grid.current_a - state.house_a).at_least(least).at_most(most)


def worst_recent(site: SiteConfig, state: ControlState) -> Phases:
    """Return the highest house current per phase of the last minutes, at least what is reserved."""
    worst = Phases.each(site.reserved_house_a)
    for _, peak in state.house_peaks:
        worst = worst.at_least(peak)
    return worst


def certain_house(snapshot: Snapshot, house_a: Phases) -> Phases:
    """Return the part of a house current that can be no car's: what draws unmeasured may draw all it can.

    Without this a car that nobody measures, as right after a start, would count as a peak of the house.
    """
    for evse in snapshot.evses:
        empty = evse.connected and evse.status is not None and not evse.status.plugged
        if not empty and (evse.measured_a is None or not evse.connected):
            house_a -= Phases.spread(evse.station.max_current_a, grid_phases(snapshot.site, evse.station))
    return house_a


def remember_peak(
    peaks: tuple[tuple[datetime, Phases], ...], house_a: Phases, now: datetime
) -> tuple[tuple[datetime, Phases], ...]:
    """Return the per-minute peaks with this value added and what is too old dropped."""
    kept = tuple(peak for peak in peaks if now - peak[0] <= PEAK_MEMORY)
    if kept and now - kept[-1][0] < PEAK_STEP:
        return (*kept[:-1], (kept[-1][0], kept[-1][1].at_least(house_a)))
    return (*kept, (now, house_a))
