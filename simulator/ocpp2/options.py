"""What a simulated OCPP 2.x station is built from."""

from dataclasses import dataclass
from enum import StrEnum

from simulator.ocpp.options import Interruption, StartMode

from .quirks import NO_QUIRKS2, Quirks2


class Version(StrEnum):
    """The protocol, by its name in the WebSocket handshake."""

    V201 = "ocpp2.0.1"
    V21 = "ocpp2.1"


@dataclass(frozen=True, slots=True)
class StationOptions2:
    """Identity, hardware and habits of one station; currents in A, times in s, certificates as PEM."""

    station_id: str
    url: str
    version: Version = Version.V201
    also_offers: tuple[str, ...] = ()
    """Further sub-protocols for the handshake; a server that picks one of these is left again."""
    vendor: str = "Simulated"
    model: str = "SIM2-22"
    firmware: str = "1.0.0"
    serial: str = ""
    security_profile: int = 0
    """0 plain, 1 password, 2 TLS and password, 3 TLS with a certificate of its own."""
    password: str | None = None
    trusted_pem: str = ""
    """The root certificates it believes, for TLS."""
    certificate_pem: str = ""
    key_pem: str = ""
    firmware_root_pem: str = ""
    """The manufacturer's root, for signed firmware."""
    evses: int = 1
    connectors_per_evse: int = 1
    phases: int = 3
    max_a: float = 32.0
    station_max_a: float | None = None
    """What all EVSEs share; None is no bound."""
    step_a: float = 0.1
    switches_phases: bool = False
    """Uses as many phases as numberPhases says; without, it accepts that and stays on all it has."""
    switch_pause_s: float = 4.0
    stack_levels: int = 8
    max_profiles: int = 20
    rate_units: tuple[str, ...] = ("A", "W")
    start_mode: StartMode = StartMode.FREE_VEND
    free_vend_token: str = "FREEVEND"
    tx_start_points: str = "PowerPathClosed"
    """TxCtrlr.TxStartPoint: a comma-separated list of EVConnected, Authorized and PowerPathClosed."""
    tx_stop_points: str = "EVConnected,Authorized"
    """TxCtrlr.TxStopPoint."""
    reboot_transaction: Interruption = Interruption.STOPS
    """What a loss of power does to a running transaction."""
    interleaves_replay: bool = False
    """After a time offline, events of the running transaction take turns with older ones."""
    sample_s: int = 60
    """SampledDataCtrlr.TxUpdatedInterval when new."""
    items_per_report: int = 20
    """How many variables or profiles a page of a report holds."""
    message_timeout_s: float = 30.0
    retry_first_s: float = 1.0
    retry_longest_s: float = 30.0
    boot_s: float = 2.0
    clock_offset_s: float = 0.0
    register_wh: float = 0.0
    """What each EVSE's meter shows when new."""
    two_way: bool = False
    """Takes set-points and energy back from cars that can give it (2.1 V2XChargingCtrlr)."""
    reports_soc: bool = False
    security_events: bool = False
    """Tells the security event StartupOfTheDevice after each boot."""
    quirks: Quirks2 = NO_QUIRKS2
