"""What the user configured, as the engine wants it: made by the shell, validated here."""

from dataclasses import dataclass, field
from datetime import datetime, time
from enum import IntEnum, StrEnum
from typing import Protocol

from .limit import ROOT_CIRCUIT
from .model import MIN_CURRENT_A, ChargeMode, PhaseRotation
from .relay_config import RelayConfig

# In a field's metadata: what is recorded of a value leaves this field at its default.
NOT_RECORDED = "not_recorded"


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """How long a dynamic limit holds by itself and how often it is renewed, in seconds.

    A station that hears nothing more falls to its safe current after `hold_s`.
    """

    hold_s: float = 300.0
    renew_s: float = 120.0

    def __post_init__(self) -> None:
        """Refuse a lease that would end before its renewal."""
        if not 0 < self.renew_s < self.hold_s:
            raise ValueError("a lease must be renewed before it ends")


class SecurityProfile(IntEnum):
    """What a station proves, and over what (OCPP 2.0.1 part 2, A00); more is better."""

    NONE = 0  # nothing: not a profile of the specification
    BASIC = 1  # a password
    TLS_BASIC = 2  # a password over TLS
    TLS_CERTIFICATE = 3  # a certificate of its own over TLS


class PhaseSwitching(StrEnum):
    """How a station can be brought from three phases to one and back."""

    NONE = "none"
    OCPP = "ocpp"  # `numberPhases` of a charging schedule period (OCPP 1.6 section 7.14)
    SWITCH = "switch"  # a contactor behind a Home Assistant switch: on is three phases


@dataclass(frozen=True, slots=True)
class CarConfig:
    """The car that mostly charges at a station: what its battery holds in Wh and what of a Wh at the charger gets there.

    `consumption_wh_per_km` is what it takes to drive. None where nobody told. The same part is lost again of what it gives
    back, of which each kWh wears its battery by `wear` (money per kWh at the charger).
    """

    capacity_wh: float | None = None
    efficiency: float = (
        0.9  # charger, battery and electronics of a car that charges with 6 A to 32 A lose about a tenth
    )
    consumption_wh_per_km: float | None = None
    wear: float = 0.05  # a battery of 150 per kWh that lasts for 3000 cycles

    @property
    def range_km(self) -> float | None:
        """Return how far a full battery carries it, None where that can't be told."""
        if self.capacity_wh is None or self.consumption_wh_per_km is None:
            return None
        return self.capacity_wh / self.consumption_wh_per_km


@dataclass(frozen=True, slots=True)
class StationConfig:
    """One charging station as configured.

    `password_hash` is what `csms.security.hash_password` made; None together with
    `allow_without_password` is the explicit choice to accept the station without one.
    `weight` is the station's part in a fair share within its priority class; `step_a` the
    grid of its setpoints; `cable_current_a` the rating of a fixed cable. `mode_after_unplug` is
    what the mode returns to when the car leaves, None to keep it. `security_profile` is the least the
    station must satisfy where it isn't let in without a password; its certificate names its id or `serial_number`,
    and `organization` where that is set.
    """

    station_id: str
    name: str
    password_hash: str | None = None
    allow_without_password: bool = False
    max_current_a: float = 16.0
    min_current_a: float = MIN_CURRENT_A
    phases: int = 3
    rotation: PhaseRotation = PhaseRotation.RST
    safe_current_a: float = MIN_CURRENT_A
    priority: int = 0  # larger is served first
    writes_flash: bool = False  # limits are stored on each change: raise and renew rarely
    websocket_ping: bool = True  # off for stations that close the socket on a ping
    protocol: str | None = None  # the only OCPP version to speak, as "ocpp1.6"; None: the newest of both
    circuit_id: str = ROOT_CIRCUIT
    cable_current_a: float | None = None
    weight: float = 1.0
    step_a: float = 0.1
    phase_switching: PhaseSwitching = PhaseSwitching.NONE
    mode_after_unplug: ChargeMode | None = None
    security_profile: SecurityProfile = SecurityProfile.BASIC
    serial_number: str | None = None
    organization: str | None = None
    car: CarConfig = field(default_factory=CarConfig)
    relay: RelayConfig | None = field(default=None, metadata={NOT_RECORDED: True})  # a second central system


class Weekday(StrEnum):
    """A day of the week, in the order of `date.weekday`."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


@dataclass(frozen=True, slots=True)
class RepeatingPlan:
    """A car leaves on these weekdays at a time of the site's clock, with so much energy in a session or such a charge."""

    weekdays: tuple[Weekday, ...]
    leaves: time
    energy_wh: float | None = None
    soc_percent: float | None = None


class Giving(StrEnum):
    """What a car that can may give energy back for."""

    OFF = "off"
    HOME = "home"  # what the house takes from the grid beside the cars
    GRID = "grid"  # that, and what is sold


@dataclass(frozen=True, slots=True)
class DatedPlan:
    """A car leaves at one moment, as an event of a calendar tells, with so much energy in a session or such a charge.

    `event_title` is what the event is called; `told` is whether it names the target itself.
    """

    leaves: datetime
    energy_wh: float | None = None
    soc_percent: float | None = None
    event_title: str = ""
    told: bool = False


@dataclass(frozen=True, slots=True)
class EvseSettings:
    """What a user set for an EVSE at run time; None where nothing was set.

    `max_current_a` is A per phase (None: the station's own maximum), `priority` replaces
    the station's. Below `min_soc_percent` a car charges at once. It is finished at `target_soc_percent`,
    or after `target_energy_wh` in this session. Until `boost_until` it charges as in fast.
    By plan it has its target at `departure` (None: as far as prices reach), which `repeating` tells anew each time
    and `dated` for the events of a calendar; these are read, never set by a user nor kept with what is.
    `price_limit` (money per kWh) is up to where it always buys by plan, and beyond which only for a departure.
    The last `late_min` minutes before it leaves it charges in any case, with energy that is kept for them. What is
    `continuous` is charged by plan without a break.
    `told_soc_percent` is what a user said that the car held when the session had delivered `told_at_wh`, and given back
    `told_at_given_wh`. By plan the car gives back for what `giving` says, as far as it keeps `keep_soc_percent`.
    """

    mode: ChargeMode = ChargeMode.FAST
    enabled: bool = True
    max_current_a: float | None = None
    priority: int | None = None
    min_soc_percent: float | None = None
    target_soc_percent: float | None = None
    target_energy_wh: float | None = None
    boost_until: datetime | None = None
    departure: datetime | None = None
    price_limit: float | None = None
    late_min: float | None = None
    continuous: bool = False
    told_soc_percent: float | None = None
    told_at_wh: float = 0.0
    told_at_given_wh: float = 0.0
    giving: Giving = Giving.OFF
    keep_soc_percent: float = 50.0
    repeating: tuple[RepeatingPlan, ...] = field(default=(), metadata={NOT_RECORDED: True})
    dated: tuple[DatedPlan, ...] = field(default=(), metadata={NOT_RECORDED: True})

    @property
    def kept_soc_percent(self) -> float:
        """Return the charge that a car never gives: what is to be kept, and no less than what it is charged to at once."""
        return max(self.keep_soc_percent, self.min_soc_percent or 0.0)


class Connection(Protocol):
    """What the grid connection and a circuit below it have in common."""

    @property
    def name(self) -> str:
        """As people call it."""

    @property
    def fuse_a(self) -> float:
        """Rated A per phase."""

    @property
    def margin_a(self) -> float:
        """A per phase that stay free below the fuse."""

    @property
    def phases(self) -> int:
        """One or three."""

    @property
    def power_w(self) -> float | None:
        """A limit in W over all phases."""

    @property
    def has_meter(self) -> bool:
        """Whether a meter measures what flows through it."""

    @property
    def meter_interval_s(self) -> float:
        """How often its meter reports."""


@dataclass(frozen=True, slots=True)
class CircuitConfig:
    """A node of the fuse tree below the grid connection.

    `fuse_a` is A per phase, `power_w` a limit in W over all phases. Without a meter of its own
    `reserved_a` stands in, per phase, for what else the circuit carries besides chargers.
    """

    circuit_id: str
    name: str
    fuse_a: float
    parent_id: str = ROOT_CIRCUIT
    margin_a: float = 1.0
    phases: int = 3
    power_w: float | None = None
    has_meter: bool = False
    meter_interval_s: float = 10.0
    reserved_a: float = 0.0


@dataclass(frozen=True, slots=True)
class SolarConfig:
    """How surplus charging starts, stops and changes phases (control design, section 2).

    A car may start once the surplus, smoothed over `smoothing_s`, was at least `start_share` of what
    its minimum current takes for `start_s`; it stops after `stop_s` below `stop_share`. The
    default switches a third as often as a filter of 60 s and 180 s at the full minimum, for
    the same solar energy (`docs/performance.md`, home-solar); three phases are worth a switch once they last. `residual_w` is kept flowing out.
    """

    start_share: float = 0.8
    start_s: float = 180.0
    stop_share: float = 0.5
    stop_s: float = 900.0
    smoothing_s: float = 300.0
    phases_up_s: float = 1200.0
    phases_down_s: float = 180.0
    phases_hold_s: float = 900.0
    phase_switches_per_day: int = 20
    residual_w: float = 0.0
    zero_export: bool = False  # the inverter curtails instead of exporting: surplus shows only when asked for


QUICK_SOLAR = SolarConfig(
    start_share=1.0, start_s=60.0, stop_share=1.0, stop_s=180.0, smoothing_s=15.0, phases_up_s=60.0, phases_hold_s=300.0
)


@dataclass(frozen=True, slots=True)
class PeakConfig:
    """A tariff on the mean power of clock-aligned intervals.

    The tariff looks at the mean of the `days` highest intervals of a month, each of another day
    (1: the highest of all). `target_w` is what is to be kept to; what the month has already
    cost may be used again. `floor_w` is billed in any case. `price_per_kw` is what a kW of that costs a month; 0 where
    nobody says: then the target is kept whatever waits for it.
    """

    interval_min: int = 15
    target_w: float = 5_000.0
    floor_w: float = 0.0
    days: int = 1
    price_per_kw: float = 0.0

    def __post_init__(self) -> None:
        """Refuse intervals that no meter bills."""
        if self.interval_min not in {15, 60}:
            raise ValueError("a peak interval has 15 or 60 minutes")


@dataclass(frozen=True, slots=True)
class BatteryConfig:
    """A home or business battery; power in W, contents in Wh, states of charge in percent.

    Below `priority_soc_percent` the battery takes surplus before cars. Above `buffer_soc_percent` it may
    bridge a lack of surplus for a car that runs, above `buffer_start_soc_percent` also start one.
    `grid_expansion` lets it discharge while consumption exceeds a limit, down to `min_soc_percent`;
    `reserve_soc_percent` is the most that is kept back for that. With `by_plan` it buys where that is cheap and keeps
    what it holds for when that is dear. `can_*` say what the user mapped.
    """

    battery_id: str
    name: str
    capacity_wh: float
    max_charge_w: float
    max_discharge_w: float
    min_soc_percent: float = 10.0
    priority_soc_percent: float = 0.0
    buffer_soc_percent: float = 100.0
    buffer_start_soc_percent: float = 100.0
    hold_while_fast: bool = False
    grid_expansion: bool = False
    reserve_soc_percent: float = 50.0
    by_plan: bool = False
    can_hold: bool = False
    can_charge: bool = False
    can_discharge: bool = False


@dataclass(frozen=True, slots=True)
class PvConfig:
    """A PV system; `installed_w` is what it is rated for, 0 where nobody told.

    One that can be curtailed needs a rating: ValueError without.
    """

    pv_id: str
    name: str
    installed_w: float = 0.0
    can_curtail: bool = False

    def __post_init__(self) -> None:
        """Refuse a system of which nobody could tell what to curtail."""
        if self.installed_w < 0 or (self.can_curtail and self.installed_w <= 0):
            raise ValueError("a PV system that can be curtailed needs a rating")


@dataclass(frozen=True, slots=True)
class SiteConfig:
    """One grid connection and how it is to be run.

    Without a grid meter nothing is known of surplus, and `reserved_house_a` stands in for
    the house. `reserved_house_a` is the highest current per phase that the house is assumed to
    draw when no meter tells: the chargers' safe currents fit beside it. `unbalance_a` bounds
    the difference between any two phases. `turn_s` is how long a car keeps its turn where not all can have
    their minimum. `seniority_per_h` is what each hour plugged in adds to a car's weight (0: all alike).
    `time_zone` (IANA) is that of the tariff's clock.
    """

    site_id: str
    name: str
    fuse_a: float
    phases: int = 3
    margin_a: float = 1.0
    power_w: float | None = None
    reserved_house_a: float = 10.0
    meter_interval_s: float = 10.0
    has_meter: bool = True
    time_zone: str = "UTC"
    unbalance_a: float | None = None
    turn_s: float = 900.0
    seniority_per_h: float = 0.0
    circuits: tuple[CircuitConfig, ...] = ()
    batteries: tuple[BatteryConfig, ...] = ()
    peak: PeakConfig | None = None
    lease: LeaseTimes = field(default_factory=LeaseTimes)
    solar: SolarConfig = field(default_factory=SolarConfig)
    pv: tuple[PvConfig, ...] = ()

    @property
    def installed_pv_w(self) -> float:
        """Return what all PV systems are rated for together, as far as told: what a limit in % counts of."""
        return sum(one.installed_w for one in self.pv)
