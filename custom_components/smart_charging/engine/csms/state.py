"""What is known of a station, as one frozen value for those above the central system."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ..model import EvseMeasurement, EvseStatus, Transaction
from .transfer_progress import FirmwareProgress, UploadProgress

type Detail = str | int | float | bool


class RateUnit(StrEnum):
    """Unit of a charging schedule (OCPP 1.6 section 7.12)."""

    A = "A"
    W = "W"


class ProfileForm(StrEnum):
    """How the lease is written into charging profiles; see `profiles`."""

    TWO_PERIODS = "two_periods"
    VALID_TO = "valid_to"
    RELATIVE_TWO_PERIODS = "relative_two_periods"
    DYNAMIC = "dynamic"


class Obedience(StrEnum):
    """Whether a station does what it accepted."""

    UNKNOWN = "unknown"
    OBEYS = "obeys"
    IGNORES = "ignores"
    REJECTS = "rejects"


class StepStatus(StrEnum):
    """Outcome of one set-up step after boot."""

    PENDING = "pending"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SetupStep:
    """One independent step of setting a station up, and what came of it."""

    name: str
    status: StepStatus
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a station was seen to be able to do; None where not learnt yet."""

    connectors: int | None = None
    rate_units: frozenset[RateUnit] = frozenset({RateUnit.A})
    max_stack_level: int | None = None
    max_periods: int | None = None
    max_profiles: int | None = None  # that the station has room for
    dynamic_profiles: bool = False  # whose values are moved without writing them anew (OCPP 2.1)
    two_way: frozenset[int] = frozenset()  # EVSEs that can take energy from a car, 0 for all of them
    purposes_rejected: frozenset[str] = frozenset()
    measurands: frozenset[str] = frozenset()
    feature_profiles: frozenset[str] = frozenset()
    phases: int | None = None  # as the station tells of itself; decides nothing
    phase_switching: bool | None = None  # as the station tells of itself; a hint
    switches_phases: bool | None = None  # as it was seen to take a number of phases and to use so many
    profile_form: ProfileForm = ProfileForm.TWO_PERIODS
    holds_lease: bool | None = None

    def gives_back(self, evse_id: int) -> bool:
        """Return whether the station told that an EVSE takes set-points, which are W."""
        return not self.two_way.isdisjoint({0, evse_id}) and RateUnit.W in self.rate_units


@dataclass(frozen=True, slots=True)
class AppliedLimit:
    """The limit a station last accepted for an EVSE: A per phase until `until`, `safe_a` after that.

    `phases` is the number of phases it was told to use, None where that was left to its wiring.
    """

    current_a: float
    safe_a: float
    accepted_at: datetime
    until: datetime
    phases: int | None = None


@dataclass(frozen=True, slots=True)
class SetPoint:
    """A power that a car is told to take, in W of all phases, or to give where it is negative, and until when.

    One that is `led` comes from the site's plan, another from somebody who asked for it.
    """

    power_w: float
    until: datetime
    led: bool = False


@dataclass(frozen=True, slots=True)
class ChargingNeeds:
    """What a car asked for when it was plugged in (ISO 15118, by NotifyEVChargingNeeds); None where it did not say.

    `transfer` is OCPP's word for how the car takes energy, as "AC_three_phase". `max_charge_w` and
    `max_discharge_w`, of all phases and both positive, are told by cars that can do both.
    """

    told_at: datetime
    transfer: str | None = None
    departure: datetime | None = None
    energy_wh: float | None = None
    max_current_a: float | None = None
    soc_percent: float | None = None
    max_charge_w: float | None = None
    max_discharge_w: float | None = None


@dataclass(frozen=True, slots=True)
class Reservation:
    """An EVSE, 0 for any of the station, kept free until a time for one tag, which is not named."""

    reservation_id: int
    evse_id: int
    until: datetime


@dataclass(frozen=True, slots=True)
class EvseState:
    """One EVSE as its station reports it."""

    evse_id: int
    status: EvseStatus | None = None
    error_code: str | None = None
    vendor_error_code: str | None = None
    info: str | None = None
    operative: bool = True
    measurement: EvseMeasurement | None = None
    measured_at: datetime | None = None  # our time at which the newest live reading came in
    transaction: Transaction | None = None
    applied: AppliedLimit | None = None
    obedience: Obedience = Obedience.UNKNOWN
    charging_needs: ChargingNeeds | None = None
    priority_charging: bool = False
    refused: bool = False  # the tag presented last may not charge here, and no other was since
    set_point: SetPoint | None = None


@dataclass(frozen=True, slots=True)
class StationState:
    """One station; `evses` is keyed by EVSE id (1.6 connector number > 0)."""

    station_id: str
    connected: bool = False
    connected_since: datetime | None = None
    last_seen: datetime | None = None
    protocol: str | None = None
    booted_at: datetime | None = None
    vendor: str | None = None
    model: str | None = None
    serial_number: str | None = None
    firmware_version: str | None = None
    firmware_status: str | None = None
    diagnostics_status: str | None = None
    status: EvseStatus | None = None  # of connector 0, the station as a whole
    clock_offset_s: float = 0.0  # station's clock minus ours
    capabilities: Capabilities = Capabilities()
    setup: tuple[SetupStep, ...] = ()
    deviations: Mapping[str, int] = field(default_factory=dict)  # tolerated schema deviations by kind
    dropped_values: int = 0  # readings that could not be parsed
    evses: Mapping[int, EvseState] = field(default_factory=dict)
    limited_elsewhere_a: Mapping[int, float] = field(default_factory=dict)  # by others, by EVSE, 0 for the station
    limited_by_grid: Mapping[int, str] = field(default_factory=dict)  # which of these the grid operator set, in words
    quirks: tuple[str, ...] = ()  # names of what is done differently for this kind of station, sorted
    reservations: Mapping[int, Reservation] = field(default_factory=dict)  # that we made and that hold, by id
    firmware_request_id: int | None = None  # that `firmware_status` is about, where the station says so
    log_request_id: int | None = None  # the same of `diagnostics_status`
    published_firmware_status: str | None = None  # of what the station offers to others
    firmware: FirmwareProgress = FirmwareProgress()  # noqa: RUF009 - frozen
    firmware_told_at: datetime | None = None  # when `firmware` last moved
    upload: UploadProgress = UploadProgress()  # noqa: RUF009 - frozen

    def reservation_of(self, evse_id: int) -> Reservation | None:
        """Return the reservation of one EVSE that ends first, None where it is not reserved by itself."""
        held = [one for one in self.reservations.values() if one.evse_id == evse_id]
        return min(held, key=lambda one: one.until, default=None)


class StationEventType(StrEnum):
    """Something that happened at a station."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    BOOTED = "booted"
    CHANGED = "changed"
    MEASURED = "measured"
    STATUS = "status"
    TAG_PRESENTED = "tag_presented"
    TRANSACTION_STARTED = "transaction_started"
    TRANSACTION_ENDED = "transaction_ended"
    FIRMWARE = "firmware"
    SECURITY_EVENT = "security_event"
    ALERT = "alert"
    RESERVATION_ENDED = "reservation_ended"
    PRIORITY_CHARGING = "priority_charging"
    DER_ALARM = "der_alarm"
    DER_CONTROL = "der_control"
    FILE_RECEIVED = "file_received"
    UPLOAD_FAILED = "upload_failed"
    FIRMWARE_INSTALLED = "firmware_installed"
    FIRMWARE_FAILED = "firmware_failed"


@dataclass(frozen=True, slots=True)
class StationEvent:
    """An event with the station's state right after it.

    `live` is False for what comes late from a station's offline queue: it concerns
    records, never the present. `id_token` is set for TAG_PRESENTED and must not be logged.
    `details` are what a notice tells, free of secrets and fit to be shown.
    """

    type: StationEventType
    station: StationState
    at: datetime
    evse_id: int | None = None
    transaction: Transaction | None = None
    id_token: str | None = field(default=None, repr=False)
    live: bool = True
    details: Mapping[str, Detail] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UnknownStation:
    """A station that dialled in without being configured."""

    station_id: str
    vendor: str | None
    model: str | None
    first_seen: datetime
    offered_password: bool
