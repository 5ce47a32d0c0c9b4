"""Value types of the site, shared by all rooms: frozen, slotted, without I/O.

Units: A and W as floats, energy in Wh, voltage in V, time in aware datetimes (UTC).
Signs: grid import > 0, PV production > 0, battery discharge > 0.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .energy_origin import EnergyOrigin

NOMINAL_VOLTAGE_V = 230.0
type Json = bool | int | float | str | list[Json] | dict[str, Json] | None

MIN_CURRENT_A = 6.0  # IEC 61851-1: the lowest current a control pilot can offer


@dataclass(frozen=True, slots=True)
class Phases:
    """One value for each of L1, L2, L3."""

    l1: float = 0.0
    l2: float = 0.0
    l3: float = 0.0

    @classmethod
    def each(cls, value: float) -> Phases:
        """Return the same value on all three phases."""
        return cls(value, value, value)

    @classmethod
    def spread(cls, value: float, used: tuple[int, ...]) -> Phases:
        """Return the value on the phases of these indices (0 to 2) and zero on the others."""
        return cls(value if 0 in used else 0.0, value if 1 in used else 0.0, value if 2 in used else 0.0)

    def __iter__(self) -> Iterator[float]:
        """Iterate over L1, L2, L3."""
        yield self.l1
        yield self.l2
        yield self.l3

    def __getitem__(self, index: int) -> float:
        """Return the value of phase index 0, 1 or 2."""
        return (self.l1, self.l2, self.l3)[index]

    def __add__(self, other: Phases) -> Phases:
        """Add phase by phase."""
        return Phases(self.l1 + other.l1, self.l2 + other.l2, self.l3 + other.l3)

    def __sub__(self, other: Phases) -> Phases:
        """Subtract phase by phase."""
        return Phases(self.l1 - other.l1, self.l2 - other.l2, self.l3 - other.l3)

    def at_least(self, other: Phases) -> Phases:
        """Return the larger value of each phase."""
        return Phases(max(self.l1, other.l1), max(self.l2, other.l2), max(self.l3, other.l3))

    def at_most(self, other: Phases) -> Phases:
        """Return the smaller value of each phase."""
        return Phases(min(self.l1, other.l1), min(self.l2, other.l2), min(self.l3, other.l3))

    @property
    def total(self) -> float:
        """Return the sum over the phases."""
        return self.l1 + self.l2 + self.l3


class PhaseRotation(StrEnum):
    """Grid phases that a station's terminals L1, L2, L3 are wired to.

    Spelled as OCPP 1.6 `ConnectorPhaseRotation` (section 9.1.6): R, S, T are the grid's L1, L2, L3.
    """

    RST = "RST"
    RTS = "RTS"
    SRT = "SRT"
    STR = "STR"
    TRS = "TRS"
    TSR = "TSR"

    def grid_phases(self, count: int) -> tuple[int, ...]:
        """Return the grid phase indices of the station's first `count` terminals."""
        return _GRID_PHASES[self][:count]

    def to_grid(self, station: Phases) -> Phases:
        """Return values at the station's terminals in grid order."""
        first, second, third = _GRID_PHASES[self]
        values = [0.0, 0.0, 0.0]
        values[first], values[second], values[third] = station.l1, station.l2, station.l3
        return Phases(*values)


# Looked up for every EVSE in every decision.
_GRID_PHASES = {
    rotation: ("RST".index(rotation[0]), "RST".index(rotation[1]), "RST".index(rotation[2]))
    for rotation in PhaseRotation
}


class ChargeMode(StrEnum):
    """What an EVSE is asked to do (control design, section 2)."""

    OFF = "off"
    SOLAR = "solar"
    SOLAR_MIN = "solar_min"
    FAST = "fast"
    CHEAPEST = "cheapest"  # by plan: when it is cheap, and in time
    GREENEST = "greenest"  # by plan: when the grid emits little CO2, and in time


PLANNED_MODES = frozenset({ChargeMode.CHEAPEST, ChargeMode.GREENEST})  # in which a car follows a plan


class EvseStatus(StrEnum):
    """State of an EVSE, in the words of OCPP 1.6 section 7.7 ChargePointStatus."""

    AVAILABLE = "available"
    PREPARING = "preparing"
    CHARGING = "charging"
    SUSPENDED_EVSE = "suspended_evse"
    SUSPENDED_EV = "suspended_ev"
    FINISHING = "finishing"
    RESERVED = "reserved"
    UNAVAILABLE = "unavailable"
    FAULTED = "faulted"

    @property
    def plugged(self) -> bool:
        """Return True where a car is connected."""
        return self not in {EvseStatus.AVAILABLE, EvseStatus.RESERVED, EvseStatus.UNAVAILABLE, EvseStatus.FAULTED}


class MeterQuality(StrEnum):
    """How far a meter can be trusted now."""

    FRESH = "fresh"
    STALE = "stale"
    LOST = "lost"
    IMPLAUSIBLE = "implausible"
    ABSENT = "absent"  # none is configured: the reserved house current stands in for it


class Measurand(StrEnum):
    """The quantities used, spelled as in OCPP 1.6 section 7.31."""

    ENERGY_IMPORT_REGISTER = "Energy.Active.Import.Register"
    ENERGY_IMPORT_INTERVAL = "Energy.Active.Import.Interval"
    ENERGY_EXPORT_REGISTER = "Energy.Active.Export.Register"
    POWER_IMPORT = "Power.Active.Import"
    POWER_EXPORT = "Power.Active.Export"
    POWER_OFFERED = "Power.Offered"
    POWER_FACTOR = "Power.Factor"
    CURRENT_IMPORT = "Current.Import"
    CURRENT_EXPORT = "Current.Export"
    CURRENT_OFFERED = "Current.Offered"
    VOLTAGE = "Voltage"
    FREQUENCY = "Frequency"
    TEMPERATURE = "Temperature"
    SOC = "SoC"


@dataclass(frozen=True, slots=True, order=True)
class EvseKey:
    """An EVSE of a site; a 1.6 connector n > 0 is EVSE n."""

    station_id: str
    evse_id: int

    def __str__(self) -> str:
        """Return `station/evse`."""
        return f"{self.station_id}/{self.evse_id}"


# There losses and other consumers are measured too, or what the car makes of it.
_NOT_OF_THE_OUTLET = frozenset({"inlet", "ev", "upstream"})


@dataclass(frozen=True, slots=True)
class SampledValue:
    """One reading of a station, in A, V, W, Wh, %, Hz or °C by its measurand."""

    measurand: Measurand
    value: float
    phase: str | None = None  # "L1", "L2", "L3", "N", "L1-N", "L1-L2", ... as sent
    context: str = "Sample.Periodic"
    location: str = "Outlet"

    @property
    def of_the_outlet(self) -> bool:
        """Return whether it tells of the outlet: what is measured in the body or the cable does, before it does not."""
        return self.location.lower() not in _NOT_OF_THE_OUTLET


@dataclass(frozen=True, slots=True)
class SignedValue:
    """A reading with the meter's signature, as the station sent it; it may tell whose tag began the transaction.

    `data` is OCMF or another format, plain, in hexadecimal digits, in base64, or in the JSON object of OCPP 2.0.1 as a
    text. `method`, `encoding` and `public_key` are what was told beside it (2.0.1 part 2 SignedMeterValueType).
    """

    data: str = field(repr=False)
    context: str = "Sample.Periodic"
    method: str | None = None
    encoding: str | None = None
    public_key: str | None = None


@dataclass(frozen=True, slots=True)
class MeterValue:
    """What a station measured at one moment of its own clock, and what of it the meter signed."""

    time: datetime
    values: tuple[SampledValue, ...]
    signed: tuple[SignedValue, ...] = ()


@dataclass(frozen=True, slots=True)
class EvseMeasurement:
    """The newest known quantities of an EVSE; None where the station never sent one.

    Phases are the station's terminals, not the grid's. `phases_told` says that `current_a` tells which of them are in use; a
    current without phases and power is that of each. What a car gives back is negative; `given_wh` is its register.
    """

    time: datetime
    power_w: float | None = None
    current_a: Phases | None = None
    voltage_v: Phases | None = None
    energy_wh: float | None = None
    offered_a: float | None = None
    soc_percent: float | None = None
    temperature_c: float | None = None
    phases_told: bool = False
    given_wh: float | None = None


@dataclass(frozen=True, slots=True)
class TransactionStart:
    """A transaction as the station announced it; times are the station's own.

    `live` says that it was announced as it began, whatever the station's clock says, and not
    from a queue of what happened offline. `transaction_id` is the station's own in OCPP 2, unique only there;
    None lets the ledger choose one.
    `meter_start_wh` is None where the station did not tell its register: energy counts from its first reading then.
    """

    station_id: str
    evse_id: int
    id_token: str = field(repr=False)
    started_at: datetime
    meter_start_wh: int | None
    received_at: datetime
    live: bool = False
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class TransactionStop:
    """The end of a transaction as the station announced it; `live` as in `TransactionStart`."""

    station_id: str
    transaction_id: str
    stopped_at: datetime
    meter_stop_wh: int | None
    reason: str | None
    id_token: str | None = field(repr=False)
    received_at: datetime
    values: tuple[MeterValue, ...] = ()
    live: bool = True


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction as the ledger keeps it; `energy_wh` is what was delivered so far.

    `token_id` names the registry's token that it began with, None for one that was not known; `driver_id` and
    `vehicle_id` whose that was at the begin, or who it was assigned to since. `offline` says that its begin or its end
    was told later, from the station's queue.
    """

    transaction_id: str
    station_id: str
    evse_id: int
    id_token: str = field(repr=False)
    started_at: datetime
    meter_start_wh: int | None
    session_id: int
    energy_wh: float = 0.0
    stopped_at: datetime | None = None
    meter_stop_wh: int | None = None
    stop_reason: str | None = None
    token_id: str | None = None
    offline: bool = False
    driver_id: str | None = None
    vehicle_id: str | None = None


class StopOutcome(StrEnum):
    """What the announced end of a transaction did."""

    STOPPED = "stopped"
    REPEATED = "repeated"
    UNKNOWN = "unknown"


class StoreError(Exception):
    """A record could not be kept; its sender must be made to try again."""


@dataclass(frozen=True, slots=True)
class Session:
    """From plug-in to plug-out at one EVSE; holds one or more transactions."""

    session_id: int
    station_id: str
    evse_id: int
    plugged_in_at: datetime
    plugged_out_at: datetime | None
    energy_wh: float
    transactions: tuple[Transaction, ...] = ()
    origin: EnergyOrigin | None = None  # None where nobody looked


class AuthorizationStatus(StrEnum):
    """Outcome of an authorisation, spelled as OCPP 1.6 section 7.2."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    CONCURRENT_TX = "ConcurrentTx"


class ReasonCode(StrEnum):
    """Why an EVSE has the setpoint it has."""

    MODE_OFF = "mode_off"
    DISABLED = "disabled"
    NO_CAR = "no_car"
    OFFLINE = "offline"
    UNAVAILABLE = "unavailable"
    FAST = "fast"
    SURPLUS = "surplus"
    SURPLUS_MINIMUM = "surplus_minimum"
    SURPLUS_LOW = "surplus_low"
    SURPLUS_STARTING = "surplus_starting"
    SURPLUS_STOPPING = "surplus_stopping"
    LIMIT_FUSE = "limit_fuse"
    LIMIT_USER = "limit_user"
    LIMIT_STATION = "limit_station"
    NO_HEADROOM = "no_headroom"
    RAISING = "raising"
    METER_STALE = "meter_stale"
    METER_LOST = "meter_lost"
    METER_ABSENT = "meter_absent"
    CAR_NOT_CHARGING = "car_not_charging"
    NOT_AUTHORISED = "not_authorised"
    NOT_FOLLOWING = "not_following"
    LIMIT_POWER = "limit_power"
    LIMIT_UNBALANCE = "limit_unbalance"
    LIMIT_PEAK = "limit_peak"
    LIMIT_GRID_SIGNAL = "limit_grid_signal"
    LIMIT_RELAY = "limit_relay"
    LIMIT_CABLE = "limit_cable"
    LIMIT_CAR = "limit_car"
    WAITING_TURN = "waiting_turn"
    MIN_SOC = "min_soc"
    TARGET_REACHED = "target_reached"
    BOOST = "boost"
    BATTERY_FIRST = "battery_first"
    BATTERY_BUFFER = "battery_buffer"
    PHASE_SWITCHING = "phase_switching"
    WAKING = "waking"
    PROBING = "probing"
    WAITING_TO_RAISE = "waiting_to_raise"
    PLAN_BUYING = "plan_buying"
    PLAN_DEADLINE = "plan_deadline"
    PLAN_WAITING = "plan_waiting"
    NO_PLAN = "no_plan"
    NO_TARGET = "no_target"
    PLAN_GREEN = "plan_green"
    PLAN_WAITING_GREEN = "plan_waiting_green"
    NO_CO2 = "no_co2"
    PLAN_LATE = "plan_late"
    PLAN_KEEPING = "plan_keeping"
    PRICE_LOW = "price_low"
    PRICE_HIGH = "price_high"
    SOC_UNKNOWN = "soc_unknown"
    PLAN_GIVING = "plan_giving"
    GIVING_FLOOR = "giving_floor"
    GIVING_FAILED = "giving_failed"


@dataclass(frozen=True, slots=True)
class Reason:
    """A machine-readable reason; `params` fill the translated sentence."""

    code: ReasonCode
    params: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Setpoint:
    """What a station is told for one EVSE: A on each phase it uses, 0 to pause.

    `phases` is how many to use, None where it cannot be told. `give_w` (W of all phases) is to be given back meanwhile.
    """

    current_a: float
    reason: Reason
    phases: int | None = None
    give_w: float = 0.0
