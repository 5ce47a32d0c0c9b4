"""What the site shows to those above it: frozen values, made anew on each change."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from .config import EvseSettings
from .control.battery import BatteryCommand, BatterySnapshot
from .control.pv import PvCommand
from .csms.relay.state import RelayState
from .csms.state import Detail, EvseState, StationState
from .energy_origin import EnergyOrigin
from .grid_view import NO_GRID_SIGNAL, GridView
from .id_token import ListState
from .limit import ALL_FUSE, Limit, LimitSource
from .model import ChargeMode, EvseKey, MeterQuality, Phases, Session, Setpoint, Transaction


@dataclass(frozen=True, slots=True)
class PlannedBlock:
    """A time without a break in which a car is to draw, with its energy in Wh and what that costs."""

    start: datetime
    end: datetime
    energy_wh: float = 0.0
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class PlannedCharge:
    """What a plan has for the car at an EVSE from now on: energy in Wh, its cost, what its target will lack.

    `given_wh` is given back, in blocks of negative energy; that lowers the cost. A kWh in the car is `worth` so much now.
    """

    starts_at: datetime | None
    energy_wh: float
    cost: float | None
    missing_wh: float
    departure: datetime | None
    blocks: tuple[PlannedBlock, ...] = ()
    given_wh: float = 0.0
    slot_costs: Mapping[datetime, float | None] = field(default_factory=dict)
    worth: float | None = None


@dataclass(frozen=True, slots=True)
class EvseView:
    """One EVSE: what its station reports, what it is asked to do, and why.

    `wanted` are the settings with the repeating plan that comes next. `limit_source` kept it from more, in circuit `limit_circuit` where it is one's. `phases_in_use` are grid
    phase indices (0 to 2), None while no car is connected. `missing_wh` is what its car will lack at its departure,
    None where it has no target for one.
    """

    key: EvseKey
    state: EvseState
    mode: ChargeMode
    enabled: bool
    max_current_a: float
    setpoint: Setpoint
    settings: EvseSettings = field(default_factory=EvseSettings)
    wanted: EvseSettings = field(default_factory=EvseSettings)
    priority: int = 0
    limit_source: LimitSource = LimitSource.NONE
    limit_circuit: str | None = None
    phases_in_use: tuple[int, ...] | None = None
    soc_percent: float | None = None
    session: Session | None = None
    session_energy_wh: float | None = None
    session_origin: EnergyOrigin | None = None
    session_started_at: datetime | None = None
    lifetime_energy_wh: float | None = None
    planned: PlannedCharge | None = None
    missing_wh: float | None = None
    gives_back: bool = False  # whether its station tells that it can take energy from a car
    session_given_wh: float | None = None


@dataclass(frozen=True, slots=True)
class ChargerView:
    """One configured charging station with its EVSEs, at least EVSE 1, and its second central system if it has one."""

    station: StationState
    name: str
    safe_current_a: float
    evses: Mapping[int, EvseView]
    relay: RelayState | None = None
    local_list: ListState | None = None


@dataclass(frozen=True, slots=True)
class CircuitView:
    """A circuit below the grid connection, A per grid phase; None where nothing was decided yet."""

    circuit_id: str
    name: str
    quality: MeterQuality
    load_a: Phases | None = None
    limit_a: Phases | None = None
    headroom_a: Phases | None = None
    sources: tuple[LimitSource, LimitSource, LimitSource] = ALL_FUSE


@dataclass(frozen=True, slots=True)
class BatteryView:
    """A battery: what it does and what it is told."""

    battery_id: str
    name: str
    measured: BatterySnapshot
    command: BatteryCommand | None = None


@dataclass(frozen=True, slots=True)
class PvView:
    """A PV system that can be curtailed: what it yields in W, None where it does not tell, and what it is told."""

    pv_id: str
    name: str
    installed_w: float
    power_w: float | None
    command: PvCommand | None = None


@dataclass(frozen=True, slots=True)
class PeakView:
    """The peak tariff's interval so far, in W: its mean, what is aimed for, what may still flow on average."""

    mean_w: float
    target_w: float
    allowed_w: float
    month_peak_w: float | None


@dataclass(frozen=True, slots=True)
class SiteView:
    """The site at one moment; None where nothing was measured yet."""

    at: datetime
    grid_quality: MeterQuality
    grid_power_w: float | None = None
    grid_current_a: Phases | None = None
    pv_power_w: float | None = None
    surplus_w: float | None = None
    headroom_a: Phases | None = None
    limit_a: float = 0.0
    limit_source: LimitSource = LimitSource.FUSE
    limit_sources: tuple[LimitSource, LimitSource, LimitSource] = ALL_FUSE
    load_a: Phases | None = None
    chargers: Mapping[str, ChargerView] = field(default_factory=dict)
    circuits: Mapping[str, CircuitView] = field(default_factory=dict)
    batteries: Mapping[str, BatteryView] = field(default_factory=dict)
    pv: Mapping[str, PvView] = field(default_factory=dict)
    peak: PeakView | None = None
    limits: tuple[Limit, ...] = ()
    grid: GridView = NO_GRID_SIGNAL
    observe_only: bool = False
    safe_current_missing: tuple[str, ...] = ()  # stations whose safe current does not fit the fuse


class SiteEventType(StrEnum):
    """Something that automations may want to hear of."""

    SESSION_STARTED = "session_started"
    SESSION_ENDED = "session_ended"
    TAG_PRESENTED = "tag_presented"
    TAG_LEARNT = "tag_learnt"
    TAG_REFUSED = "tag_refused"  # `details` tell the reason
    TRANSACTION_REFUSED = "transaction_refused"  # by a second central system; it is being ended
    SECURITY_EVENT = "security_event"
    ALERT = "alert"
    RESERVATION_ENDED = "reservation_ended"
    PRIORITY_CHARGING = "priority_charging"
    DER_ALARM = "der_alarm"
    DER_CONTROL = "der_control"
    TARGET_UNREACHABLE = "target_unreachable"  # by the departure; `details` tell what will be missing
    FILE_RECEIVED = "file_received"  # of a station, whole
    UPLOAD_FAILED = "upload_failed"
    FIRMWARE_INSTALLED = "firmware_installed"
    FIRMWARE_FAILED = "firmware_failed"
    GRID_LIMIT_STARTED = "grid_limit_started"  # of the grid operator; `details` tell which
    GRID_LIMIT_CHANGED = "grid_limit_changed"
    GRID_LIMIT_ENDED = "grid_limit_ended"  # nothing is asked any longer, power returns slowly
    GRID_SOURCE_LOST = "grid_source_lost"
    GRID_SOURCE_BACK = "grid_source_back"
    GRID_NOT_OBEYED = "grid_not_obeyed"  # an EVSE, whose transaction is ended
    GRID_OBEYED = "grid_obeyed"  # one that did not before


# What a station tells beside charging; each is called as the station's own event.
NOTICES: Final = frozenset(
    {
        SiteEventType.SECURITY_EVENT,
        SiteEventType.ALERT,
        SiteEventType.RESERVATION_ENDED,
        SiteEventType.PRIORITY_CHARGING,
        SiteEventType.DER_ALARM,
        SiteEventType.DER_CONTROL,
        SiteEventType.FILE_RECEIVED,
        SiteEventType.UPLOAD_FAILED,
        SiteEventType.FIRMWARE_INSTALLED,
        SiteEventType.FIRMWARE_FAILED,
    }
)


SITE_KEY: Final = EvseKey("", 0)  # of events that are no station's


@dataclass(frozen=True, slots=True)
class SiteEvent:
    """An event at one EVSE, 0 for the station as a whole, `SITE_KEY` for the site; `session` is set for the session events.

    `tag_label` names the tag where one is known; a token's value is never in it. `token_id` is that of the registry.
    `details` are what a notice tells.
    """

    type: SiteEventType
    key: EvseKey
    at: datetime
    session: Session | None = None
    transaction: Transaction | None = None
    tag_label: str | None = None
    token_id: str | None = None
    details: Mapping[str, Detail] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MeterReading:
    """What a meter says: power with import > 0 and, where it has them, per-phase values.

    `power_w` is the total; `phase_power_w` the same per phase. `current_a` may be unsigned.
    """

    at: datetime
    power_w: float | None = None
    phase_power_w: Phases | None = None
    current_a: Phases | None = None
    voltage_v: Phases | None = None
    available: bool = True


@dataclass(frozen=True, slots=True)
class BatteryReading:
    """What a battery says: state of charge in percent, power in W with discharge > 0; None where not known."""

    at: datetime
    soc_percent: float | None = None
    power_w: float | None = None
    available: bool = True
