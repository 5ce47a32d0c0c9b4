"""What the site shows to those above it: frozen values, made anew on each change."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .csms.state import EvseState, StationState
from .model import ChargeMode, EvseKey, MeterQuality, Phases, Session, Setpoint, Transaction


@dataclass(frozen=True, slots=True)
class EvseView:
    """One EVSE: what its station reports, what it is asked to do, and why."""

    key: EvseKey
    state: EvseState
    mode: ChargeMode
    enabled: bool
    max_current_a: float
    setpoint: Setpoint
    session: Session | None = None
    session_energy_wh: float | None = None
    session_started_at: datetime | None = None
    lifetime_energy_wh: float | None = None


@dataclass(frozen=True, slots=True)
class ChargerView:
    """One configured charging station with its EVSEs, at least EVSE 1."""

    station: StationState
    name: str
    safe_current_a: float
    evses: Mapping[int, EvseView]


class LimitSource(StrEnum):
    """What sets the site's limit now."""

    FUSE = "fuse"
    METER_STALE = "meter_stale"
    METER_LOST = "meter_lost"
    METER_ABSENT = "meter_absent"


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
    chargers: Mapping[str, ChargerView] = field(default_factory=dict)
    safe_current_missing: tuple[str, ...] = ()  # stations whose safe current does not fit the fuse


class SiteEventType(StrEnum):
    """Something that automations may want to hear of."""

    SESSION_STARTED = "session_started"
    SESSION_ENDED = "session_ended"
    TAG_PRESENTED = "tag_presented"


@dataclass(frozen=True, slots=True)
class SiteEvent:
    """An event at one EVSE; `session` is set for the session events.

    `tag_label` names the tag where one is known; a token's value is never in it.
    """

    type: SiteEventType
    key: EvseKey
    at: datetime
    session: Session | None = None
    transaction: Transaction | None = None
    tag_label: str | None = None
    solar_share: float | None = None


@dataclass(frozen=True, slots=True)
class GridReading:
    """What the grid meter says: power with import > 0 and, where it has them, per-phase values.

    `power_w` is the total; `phase_power_w` the same per phase. `current_a` may be unsigned.
    """

    at: datetime
    power_w: float | None = None
    phase_power_w: Phases | None = None
    current_a: Phases | None = None
    voltage_v: Phases | None = None
    available: bool = True
