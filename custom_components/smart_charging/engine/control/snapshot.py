"""The inputs and outputs of a decision, as plain values that can be dumped and decided again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ..config import SiteConfig, StationConfig
from ..model import ChargeMode, EvseKey, EvseStatus, MeterQuality, Phases, Setpoint


@dataclass(frozen=True, slots=True)
class GridSnapshot:
    """The grid connection as measured: import > 0; None where the meter has no such value."""

    quality: MeterQuality
    current_a: Phases | None = None
    power_w: float | None = None


@dataclass(frozen=True, slots=True)
class EvseSnapshot:
    """One EVSE at the moment of a decision.

    `measured_a` is at the station's terminals. `commanded_a` is the limit the station
    last accepted, None when it has accepted none; `settled` says that the measurement
    was taken after the station had time to follow it.
    """

    key: EvseKey
    station: StationConfig
    mode: ChargeMode
    enabled: bool
    user_limit_a: float
    safe_a: float
    connected: bool
    status: EvseStatus | None
    measured_a: Phases | None = None
    commanded_a: float | None = None
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a decision is made from."""

    site: SiteConfig
    grid: GridSnapshot
    evses: tuple[EvseSnapshot, ...]


@dataclass(frozen=True, slots=True)
class EvseControl:
    """What is remembered of one EVSE from decision to decision."""

    setpoint_a: float = 0.0
    raised_at: datetime | None = None
    plugged_since: datetime | None = None
    solar_running: bool = False
    surplus_since: datetime | None = None  # enough surplus to start, without a break
    shortage_since: datetime | None = None  # too little surplus to go on, without a break
    active_phases: int | None = None  # terminals the car was seen to use, forgotten on unplug
    underused_since: datetime | None = None  # draws clearly less than it is offered


@dataclass(frozen=True, slots=True)
class ControlState:
    """What a decision hands to the next one; currents of the house in A per grid phase."""

    evses: Mapping[EvseKey, EvseControl] = field(default_factory=dict)
    house_a: Phases | None = None
    house_peaks: tuple[tuple[datetime, Phases], ...] = ()  # per minute, newest last
    surplus_w: float | None = None  # smoothed
    surplus_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Setpoints with their reasons, and the figures they were made from."""

    at: datetime
    setpoints: Mapping[EvseKey, Setpoint]
    house_a: Phases
    headroom_a: Phases  # left on each grid phase beside the setpoints
    surplus_w: float | None  # power that could go into cars without import
