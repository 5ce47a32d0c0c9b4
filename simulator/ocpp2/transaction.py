"""A transaction as an OCPP 2.x station knows it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from simulator.ocpp.json import Json

from .profiles import Profile
from .tokens import Token


class ChargingState(StrEnum):
    """What happens to the energy (ChargingStateEnumType)."""

    CHARGING = "Charging"
    EV_CONNECTED = "EVConnected"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    IDLE = "Idle"


class Trigger(StrEnum):
    """Why a TransactionEvent is sent (TriggerReasonEnumType)."""

    AUTHORIZED = "Authorized"
    CABLE_PLUGGED_IN = "CablePluggedIn"
    CHARGING_RATE_CHANGED = "ChargingRateChanged"
    CHARGING_STATE_CHANGED = "ChargingStateChanged"
    DEAUTHORIZED = "Deauthorized"
    EV_COMMUNICATION_LOST = "EVCommunicationLost"
    EV_CONNECT_TIMEOUT = "EVConnectTimeout"
    METER_VALUE_CLOCK = "MeterValueClock"
    METER_VALUE_PERIODIC = "MeterValuePeriodic"
    TRIGGER = "Trigger"
    UNLOCK_COMMAND = "UnlockCommand"
    STOP_AUTHORIZED = "StopAuthorized"
    REMOTE_STOP = "RemoteStop"
    REMOTE_START = "RemoteStart"
    ABNORMAL_CONDITION = "AbnormalCondition"
    RESET_COMMAND = "ResetCommand"
    TX_RESUMED = "TxResumed"
    """2.1 only, as is the next."""
    TARIFF_CHANGED = "TariffChanged"
    OPERATION_MODE_CHANGED = "OperationModeChanged"


class StoppedReason(StrEnum):
    """Why a transaction ended (ReasonEnumType)."""

    DEAUTHORIZED = "DeAuthorized"
    EV_DISCONNECTED = "EVDisconnected"
    GROUND_FAULT = "GroundFault"
    IMMEDIATE_RESET = "ImmediateReset"
    LOCAL = "Local"
    OTHER = "Other"
    POWER_LOSS = "PowerLoss"
    REBOOT = "Reboot"
    REMOTE = "Remote"
    TIMEOUT = "Timeout"


@dataclass(frozen=True, slots=True)
class Authorization:
    """A permission to charge, and until when it waits for a cable (monotonic s)."""

    token: Token
    until: float
    group: Token | None = None
    remote_start_id: int | None = None
    profile: Profile | None = None

    def without_profile(self) -> Authorization:
        """Return it once its profile is installed."""
        return replace(self, profile=None)


@dataclass(slots=True)
class Transaction2:
    """A running or ended transaction."""

    transaction_id: str
    evse_id: int
    started: datetime
    seq_no: int = 0
    state: ChargingState = ChargingState.EV_CONNECTED
    token: Token | None = None
    group: Token | None = None
    remote_start_id: int | None = None
    reservation_id: int | None = None
    tariff_id: str | None = None
    mode: str | None = None
    """2.1: the operation mode that a profile gives."""
    token_told: bool = False
    place_told: bool = False
    connector_told: bool = False
    remote_start_told: bool = False
    ended: bool = False
    refused: bool = False
    """Its token was refused afterwards, so that it gets no energy."""
    priority: bool = False
    energy_before_wh: float = 0.0
    charging_s: float = 0.0
    end_reason: StoppedReason | None = None
    """Why it will have ended, where it goes on until the cable is out."""
    samples: list[Json] = field(default_factory=list)
    """Meter values kept for the event that ends it."""
