"""What a simulated station is built from."""

from dataclasses import dataclass
from enum import Enum

from .quirks import NO_QUIRKS, Quirks


class StartMode(Enum):
    """Who lets a transaction begin."""

    FREE_VEND = "free_vend"
    """The cable is enough; the station uses a tag of its own and asks nobody."""
    TAG = "tag"
    """A presented tag or a remote start, with Authorize."""
    REMOTE = "remote"
    """A remote start only."""


class Interruption(Enum):
    """What a reboot does to a running transaction."""

    STOPS = "stops"
    RESUMES = "resumes"


@dataclass(frozen=True, slots=True)
class StationOptions:
    """Identity, hardware and habits of one station; currents in A, times in s."""

    station_id: str
    url: str
    vendor: str = "Simulated"
    model: str = "SIM-22"
    firmware: str = "1.0.0"
    serial: str = ""
    password: str | None = None
    connectors: int = 1
    phases: int = 3
    max_a: float = 32.0
    step_a: float = 0.1
    switches_phases: bool = False
    """Uses as many phases as numberPhases says; without, it accepts that and stays on all it has."""
    switch_pause_s: float = 4.0
    """How long it lets the car pause before it switches phases under load."""
    stack_levels: int = 8
    start_mode: StartMode = StartMode.FREE_VEND
    free_vend_tag: str = "FREEVEND"
    reboot_transaction: Interruption = Interruption.STOPS
    sample_s: int = 60
    message_timeout_s: float = 30.0
    retry_first_s: float = 1.0
    retry_longest_s: float = 30.0
    boot_s: float = 2.0
    clock_offset_s: float = 0.0
    register_wh: float = 0.0
    """What each connector's meter shows when new."""
    local_list_entries: int = 0
    """For how many tags it has a local list; none is a station without one."""
    reports_soc: bool = False
    """Knows the car's state of charge and tells it with its other measurands."""
    subprotocols: tuple[str, ...] = ("ocpp1.6",)
    firmware_root_pem: str = ""
    """Whose signatures of firmware it believes."""
    quirks: Quirks = NO_QUIRKS
