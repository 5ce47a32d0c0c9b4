"""What a decision starts from: loads of all circuits, the surplus, batteries and live limits at one moment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..config import BatteryConfig, SiteConfig
from ..limit import ROOT_CIRCUIT, Limit, OwnPower
from ..model import NOMINAL_VOLTAGE_V, EvseKey, MeterQuality, Phases
from . import peak
from .battery import BatteryMemory, BatterySnapshot
from .circuits import Circuit, circuit_tree, path_to_root
from .grid_expansion import available_w
from .house import TRUSTED, CircuitLoad, Draw, batteries_power, circuit_loads, draws
from .limit_rows import live_limits, voltage
from .peak import PeakMemory
from .planning.battery_advice import BatteryUse, use_of
from .pv import held_back
from .snapshot import ControlState, EvseSnapshot, Snapshot
from .solar import smooth

RAMP_S = 25.0  # a battery is given this long to take over all it can
STIR_SHARE = 0.8  # of the margin below the fuse: what may flow for the moment in which a battery follows the house

PEAK_SMOOTHING_S = 60.0  # a kettle changes the mean of a quarter hour little, and a car that pauses for it much
PEAK_SMOOTHING_SHARE = 0.1  # of the time that is left to make up for what was smoothed over

_WORST = (MeterQuality.LOST, MeterQuality.STALE)


@dataclass(frozen=True, slots=True)
class Expansion:
    """What batteries add to the grid connection in W: what they give now, and what may be counted on.

    `bought_w` is what others are led to take: beside it cars make do, but it is no load of the house.
    """

    measured_w: float = 0.0
    usable_w: float = 0.0
    bought_w: float = 0.0

    @property
    def extra_w(self) -> float:
        """Return how much more than now may flow into chargers; what is led into a battery can stop."""
        return self.usable_w - self.measured_w


@dataclass(frozen=True, slots=True)
class Situation:
    """The basis of one decision; `draw` and `loads` are A per grid phase, `surplus_w` None without a trusted meter."""

    snapshot: Snapshot
    now: datetime
    volts: float
    tree: tuple[Circuit, ...]
    loads: Mapping[str, CircuitLoad]
    draw: Mapping[EvseKey, Draw]
    limits: tuple[Limit, ...]  # on circuits
    evse_limits: Mapping[EvseKey, tuple[Limit, ...]]
    batteries: tuple[tuple[BatteryConfig, BatterySnapshot], ...]
    expansion: Expansion
    peak: PeakMemory
    own_w: float  # what flows in beside the chargers, over all phases, batteries included
    mean_own_w: float  # the same as a peak tariff sees it, without its jumps
    qualities: Mapping[str, MeterQuality]  # by circuit: the worst from there to the grid connection
    held_back: bool = False  # whether PV could be able to yield more than a limit on feed-in leaves it

    @property
    def battery_w(self) -> float:
        """Return what all batteries give now."""
        return batteries_power(self.snapshot)

    @property
    def surplus_w(self) -> float | None:
        """Return the W that neither the house nor anything but chargers and batteries takes."""
        if self.snapshot.grid.quality not in TRUSTED:
            return None
        return -(self.own_w + self.battery_w) - self.snapshot.site.solar.residual_w

    @property
    def charging_w(self) -> float:
        """Return what batteries that charge take now."""
        return sum(max(0.0, -(one.power_w or 0.0)) for one in self.snapshot.batteries.values() if one.available)

    def beside_limit_w(self, own_power: OwnPower) -> float:
        """Return what chargers may draw beside a limit on what controllable devices draw from the grid.

        It is the own power that counts less what batteries take, which are such devices too: negative where these
        draw from the grid. Nobody's surplus is assumed without a trusted meter.
        """
        pv_w = self.snapshot.pv_w
        if own_power is OwnPower.BEFORE_OTHER_LOAD and pv_w is not None:
            return max(0.0, pv_w) + self.battery_w
        if self.snapshot.grid.quality not in TRUSTED:
            return -self.charging_w
        return max(-self.charging_w, -self.own_w)

    def quality(self, evse: EvseSnapshot) -> MeterQuality:
        """Return the worst quality among the meters that guard an EVSE."""
        return self.qualities.get(evse.station.circuit_id, self.qualities[ROOT_CIRCUIT])


def situation(snapshot: Snapshot, state: ControlState, now: datetime, *, may_raise: bool) -> Situation:
    """Return the basis of a decision at this moment."""
    tree = circuit_tree(snapshot.site, snapshot.evses)
    draw = draws(snapshot.site, snapshot.evses, state.evses, now)
    loads = circuit_loads(snapshot, tree, draw, state)
    volts = voltage(snapshot)
    batteries = tuple(
        (battery, snapshot.batteries[battery.battery_id])
        for battery in snapshot.site.batteries
        if battery.battery_id in snapshot.batteries
    )
    own = loads[ROOT_CIRCUIT].own_a
    grid = snapshot.grid
    limits = live_limits(snapshot, now)
    own_w = own.total * volts
    if grid.quality in TRUSTED and grid.power_w is not None and grid.current_a is not None:
        own_w = grid.power_w - (grid.current_a - own).total * volts
    return Situation(
        snapshot=snapshot,
        now=now,
        volts=volts,
        tree=tree,
        loads=loads,
        draw=draw,
        limits=tuple(limit for limit in limits if limit.evse is None),
        evse_limits=_by_evse(limits),
        batteries=batteries,
        expansion=_expansion(snapshot.site, batteries, state, now, may_raise=may_raise),
        peak=_peak(snapshot, state, grid.current_a, volts, now),
        own_w=own_w,
        mean_own_w=_mean_own(snapshot, state, own_w, now, may_raise=may_raise),
        qualities={circuit.circuit_id: _worst_quality(snapshot, circuit.circuit_id, loads) for circuit in tree},
        held_back=snapshot.export_limit_w is not None
        and held_back(snapshot.site.pv, snapshot.pv_systems_w, state.feed_in),
    )


def _by_evse(limits: Iterable[Limit]) -> dict[EvseKey, tuple[Limit, ...]]:
    """Return the limits on single EVSEs by these: each is asked for on its own in every decision."""
    found: dict[EvseKey, tuple[Limit, ...]] = {}
    for limit in limits:
        if limit.evse is not None:
            found[limit.evse] = (*found.get(limit.evse, ()), limit)
    return found


def _worst_quality(snapshot: Snapshot, circuit_id: str, loads: Mapping[str, CircuitLoad]) -> MeterQuality:
    found = {loads[above].quality for above in path_to_root(snapshot.site, circuit_id)}
    return next((worst for worst in _WORST if worst in found), loads[ROOT_CIRCUIT].quality)


def _expansion(
    site: SiteConfig,
    batteries: tuple[tuple[BatteryConfig, BatterySnapshot], ...],
    state: ControlState,
    now: datetime,
    *,
    may_raise: bool,
) -> Expansion:
    """Return what the batteries that may expand the connection give now and may be counted on.

    What another gives that is to keep it will stop.
    Cars follow what a battery was seen to give and, once it has proven to obey, a part of its rating that it takes
    over meanwhile.
    A guard counts on what it gives, and where it gives as told on as much more as the margin below the fuse
    carries until it follows: else each stir of the house would take from the cars and let the battery rest.
    """
    phases = 1 if site.phases == 1 else 3
    stir_w = STIR_SHARE * site.margin_a * phases * NOMINAL_VOLTAGE_V
    elapsed_s = 0.0 if state.decided_at is None else (now - state.decided_at).total_seconds()
    measured_w = usable_w = bought_w = 0.0
    for config, measured in batteries:
        if not measured.available:
            continue
        memory = state.batteries.get(config.battery_id, BatteryMemory())
        power_w = measured.power_w or 0.0
        led_in_w = min(0.0, power_w) if memory.commanded_w < 0 else 0.0
        if not (config.grid_expansion and config.can_discharge):
            keeps = config.by_plan and measured.advice is not None and use_of(measured.advice) is not BatteryUse.SPEND
            measured_w += max(0.0, power_w) if keeps else 0.0
            bought_w -= led_in_w
            continue
        given_w = max(0.0, power_w)
        ahead_w = stir_w if memory.commanded_w > 0 and given_w > 0 else 0.0
        if may_raise:
            ahead_w = 0.0
        if may_raise and memory.proven:
            ahead_w = config.max_discharge_w * min(1.0, elapsed_s / RAMP_S)
        measured_w += given_w + led_in_w
        usable_w += max(0.0, min(available_w(config, measured, memory, now), given_w + ahead_w))
    return Expansion(measured_w, usable_w, bought_w)


def _mean_own(snapshot: Snapshot, state: ControlState, own_w: float, now: datetime, *, may_raise: bool) -> float:
    """Return the own load in W smoothed as far as the interval of a peak tariff leaves time to make up for it.

    What stands in for a meter that is not trusted is no load to be smoothed.
    """
    site, trusted = snapshot.site, snapshot.grid.quality in TRUSTED
    if site.peak is None or state.mean_own_w is None or state.decided_at is None or not trusted:
        return own_w
    if not may_raise:
        return state.mean_own_w
    ends = peak.interval_start(site.peak, site.time_zone, now) + timedelta(minutes=site.peak.interval_min)
    constant_s = min(PEAK_SMOOTHING_S, PEAK_SMOOTHING_SHARE * (ends - now).total_seconds())
    return smooth(state.mean_own_w, (now - state.decided_at).total_seconds(), own_w, constant_s)


def _peak(snapshot: Snapshot, state: ControlState, current_a: Phases | None, volts: float, now: datetime) -> PeakMemory:
    config = snapshot.site.peak
    if config is None:
        return PeakMemory()
    power_w = snapshot.grid.power_w
    if power_w is None and current_a is not None:
        power_w = current_a.total * volts
    if snapshot.grid.quality not in TRUSTED:
        power_w = None
    return peak.follow(state.peak, config, snapshot.site.time_zone, power_w, now)
