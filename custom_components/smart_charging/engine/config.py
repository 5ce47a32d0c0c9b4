"""What the user configured, as the engine wants it: made by the shell, validated here."""

from dataclasses import dataclass, field

from .model import MIN_CURRENT_A, PhaseRotation


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


@dataclass(frozen=True, slots=True)
class StationConfig:
    """One charging station as configured.

    `password_hash` is what `csms.security.hash_password` made; None together with
    `allow_without_password` is the explicit choice to accept the station without one.
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


@dataclass(frozen=True, slots=True)
class SolarTimes:
    """Delays of surplus charging in seconds (control design, section 2)."""

    start_s: float = 60.0
    stop_s: float = 180.0


@dataclass(frozen=True, slots=True)
class SiteConfig:
    """One grid connection and how it is to be run.

    Without a grid meter nothing is known of surplus, and `reserved_house_a` stands in for
    the house. `reserved_house_a` is the highest current per phase that the house is assumed to
    draw when no meter tells: the chargers' safe currents fit beside it.
    """

    site_id: str
    name: str
    fuse_a: float
    phases: int = 3
    margin_a: float = 1.0
    reserved_house_a: float = 10.0
    meter_interval_s: float = 10.0
    has_grid_meter: bool = True
    lease: LeaseTimes = field(default_factory=LeaseTimes)
    solar: SolarTimes = field(default_factory=SolarTimes)
