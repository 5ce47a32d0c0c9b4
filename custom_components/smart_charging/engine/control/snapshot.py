"""The inputs and outputs of a decision, as plain values that can be dumped and decided again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ..config import EvseSettings, SiteConfig, StationConfig
from ..limit import Limit, LimitSource
from ..model import EvseKey, EvseStatus, MeterQuality, Phases, Setpoint
from .battery import BatteryCommand, BatteryMemory, BatterySnapshot
from .conductor import ConductorMemory
from .giving_memory import GivingMemory
from .peak import PeakMemory
from .phase_switching import PhaseMemory
from .planning.advice import PlanAdvice
from .pv import FeedInMemory, PvCommand
from .waking import WakingMemory


@dataclass(frozen=True, slots=True)
class MeterSnapshot:
    """A connection or circuit as measured: import > 0; None where the meter has no such value."""

    quality: MeterQuality
    current_a: Phases | None = None
    power_w: float | None = None
    voltage_v: Phases | None = None


ABSENT_METER = MeterSnapshot(MeterQuality.ABSENT)


@dataclass(frozen=True, slots=True)
class EvseSnapshot:
    """One EVSE at the moment of a decision.

    `measured_a` is at the station's terminals. `commanded_a` is the limit the station
    last accepted, None when it has accepted none; `settled` says that the measurement
    was taken after the station had time to follow it, `ramping` that this time is not over. `switched_phases` is how many phases its contactor
    connects now, None where nobody tells.
    """

    key: EvseKey
    station: StationConfig
    settings: EvseSettings
    safe_a: float
    connected: bool
    status: EvseStatus | None
    measured_a: Phases | None = None
    commanded_a: float | None = None
    settled: bool = False
    ramping: bool = False
    energy_wh: float = 0.0  # of this session
    soc_percent: float | None = None
    switched_phases: int | None = None
    departure: datetime | None = None
    advice: PlanAdvice | None = None  # of the plan, where it follows one and wants something
    refused: bool = False  # who stands there may not charge
    most_given_w: float = 0.0  # that its car can give back, as car and station told; 0 where it can't
    given_room_w: float = 0.0  # that fuses and the grid's rules leave for it now, for more than it gives already
    kept_room_w: float = 0.0  # that they leave for what it gives already
    ordered_w: float | None = None  # a set-point that somebody asked for, of all phases

    @property
    def user_limit_a(self) -> float:
        """Return the user's limit in A per phase, the station's maximum where none is set."""
        limit_a = self.settings.max_current_a
        return self.station.max_current_a if limit_a is None else limit_a

    @property
    def priority(self) -> int:
        """Return the priority class; larger is served first."""
        return self.station.priority if self.settings.priority is None else self.settings.priority

    @property
    def plugged(self) -> bool:
        """Return whether a car is known to be connected."""
        return self.status is not None and self.status.plugged


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a decision is made from; circuits, batteries and PV systems go by their ids.

    `export_limit_w` is what may flow out over all phases, None where nothing limits it. `pv_least_w` is what PV systems
    can be told at least, where that is more than nothing.
    """

    site: SiteConfig
    grid: MeterSnapshot
    evses: tuple[EvseSnapshot, ...]
    circuits: Mapping[str, MeterSnapshot] = field(default_factory=dict)
    batteries: Mapping[str, BatterySnapshot] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    pv_w: float | None = None
    pv_systems_w: Mapping[str, float | None] = field(default_factory=dict)
    pv_least_w: Mapping[str, float] = field(default_factory=dict)
    export_limit_w: float | None = None


@dataclass(frozen=True, slots=True)
class FormerDraw:
    """What a car may have drawn, A at its station's terminals, up to `until`: a late meter may show it still."""

    until: datetime
    least_a: Phases
    most_a: Phases


# One of each for all who have nothing to remember: a decision of a large site is kept for a while.
_PHASE: Final = PhaseMemory()
_CONDUCTOR: Final = ConductorMemory()
_WAKING: Final = WakingMemory()
_GIVING: Final = GivingMemory()


@dataclass(frozen=True, slots=True)
class EvseControl:
    """What is remembered of one EVSE from decision to decision."""

    setpoint_a: float = 0.0
    raised_at: datetime | None = None
    recovers_at: datetime | None = None  # a limit took current away: until then nothing rises above what is safe
    safe_level_a: float | None = None  # the highest setpoint that was carried without a cut since
    plugged_since: datetime | None = None
    solar_running: bool = False
    surplus_since: datetime | None = None  # enough surplus to start, without a break
    shortage_since: datetime | None = None  # too little surplus to go on, without a break
    probing_since: datetime | None = None  # was started to see whether an inverter holds power back
    active_phases: int | None = None  # terminals the car was seen to use, forgotten on unplug
    underused_since: datetime | None = None  # draws clearly less than it is offered
    exceeds_since: datetime | None = None  # may draw more than it was last allowed, without a break
    follows: bool = False  # was seen to draw what it is offered, under the present plug-in
    turn_since: datetime | None = None  # has had its minimum without a break
    waiting_since: datetime | None = None  # wants its minimum and does not get it
    unused: bool = False  # drew nothing of what it was last offered
    phases: PhaseMemory = _PHASE
    conductor: ConductorMemory = _CONDUCTOR
    waking: WakingMemory = _WAKING
    told_a: float | None = None  # the limit that the station had accepted at the last decision
    told_phases: int | None = None
    giving: GivingMemory = _GIVING
    former: tuple[FormerDraw, ...] = ()


@dataclass(frozen=True, slots=True)
class CircuitMemory:
    """What is remembered of a circuit's own load, A per grid phase; peaks are per minute, newest last."""

    house_a: Phases | None = None
    house_peaks: tuple[tuple[datetime, Phases], ...] = ()


@dataclass(frozen=True, slots=True)
class ControlState:
    """What a decision hands to the next one; `circuits` holds the grid connection under `ROOT_CIRCUIT`."""

    evses: Mapping[EvseKey, EvseControl] = field(default_factory=dict)
    circuits: Mapping[str, CircuitMemory] = field(default_factory=dict)
    surplus_w: float | None = None  # smoothed for following
    surplus_slow_w: float | None = None  # smoothed for starting, stopping and phases
    surplus_at: datetime | None = None
    probed_at: datetime | None = None
    decided_at: datetime | None = None  # the last full decision
    peak: PeakMemory = field(default_factory=PeakMemory)
    batteries: Mapping[str, BatteryMemory] = field(default_factory=dict)
    batteries_w: float = 0.0  # what all of them gave
    mean_own_w: float | None = None  # what flows in beside the chargers, smoothed for a peak tariff
    feed_in: FeedInMemory = field(default_factory=FeedInMemory)


@dataclass(frozen=True, slots=True)
class CircuitState:
    """A circuit as a decision saw it, A per grid phase: what it carries, may carry, and has left.

    `load_a` is the rest of the circuit plus the setpoints; `sources` is what bounds each phase.
    """

    load_a: Phases
    limit_a: Phases
    headroom_a: Phases
    sources: tuple[LimitSource, LimitSource, LimitSource]


@dataclass(frozen=True, slots=True)
class BoundBy:
    """What kept an EVSE from more: the source, and its circuit and phase where it has them."""

    source: LimitSource
    circuit_id: str | None = None
    phase: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Setpoints with their reasons, and the figures they were made from."""

    at: datetime
    setpoints: Mapping[EvseKey, Setpoint]
    house_a: Phases
    headroom_a: Phases  # left on each grid phase beside the setpoints
    surplus_w: float | None  # power that could go into cars without import
    bounds: Mapping[EvseKey, BoundBy] = field(default_factory=dict)
    phases_in_use: Mapping[EvseKey, tuple[int, ...]] = field(default_factory=dict)  # grid phases
    circuits: Mapping[str, CircuitState] = field(default_factory=dict)
    batteries: Mapping[str, BatteryCommand] = field(default_factory=dict)
    allowed_peak_w: float | None = None  # mean import allowed to the end of the peak interval
    pv: Mapping[str, PvCommand] = field(default_factory=dict)  # of systems that can be curtailed
