"""One connector's state machine: cable, tag, transaction, and what the car is offered."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from simulator.plant.outlet import NOTHING, Offer, Outlet

from .options import StationOptions
from .phase_relay import PhaseRelay
from .profile_stack import Limit
from .profiles import Profile
from .transaction import StopReason, Transaction

MINIMUM_A = 6.0
"""Below this a station can only offer nothing (IEC 61851-1)."""

SETTLE_S = 3.0
"""How long a car may take nothing before the station calls it suspended by the car."""


class Status(StrEnum):
    """Connector states (OCPP 1.6 ed. 2 section 7.7)."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EVSE = "SuspendedEVSE"
    SUSPENDED_EV = "SuspendedEV"
    FINISHING = "Finishing"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


@dataclass(frozen=True, slots=True)
class Permission:
    """An authorised start that waits for the cable."""

    id_tag: str
    until: float
    profile: Profile | None = None


class Surroundings(Protocol):
    """What a connector needs of its station."""

    powered: bool

    def limit(self, connector: Connector, now: datetime) -> Limit:
        """Return what profiles and hardware allow at this plant time."""

    def status_changed(self, connector: Connector) -> None:
        """Hear of a new status."""

    def started(self, connector: Connector, transaction: Transaction, profile: Profile | None) -> None:
        """Hear of a transaction's begin."""

    def stopped(self, connector: Connector, transaction: Transaction, meter_stop: int, reason: StopReason) -> None:
        """Hear of a transaction's end."""

    def station_time(self) -> datetime:
        """Return the time by the station's own clock."""


class Connector:
    """Its state; `tick` lets time pass, the other methods are events."""

    def __init__(self, connector_id: int, outlet: Outlet, surroundings: Surroundings, options: StationOptions) -> None:
        """Take over an outlet: from now on this connector decides what is offered there."""
        self.connector_id = connector_id
        self.outlet = outlet
        self.status = Status.AVAILABLE
        self.error = "NoError"
        self.operative = True
        self.scheduled_inoperative = False
        self.transaction: Transaction | None = None
        self._surroundings = surroundings
        self._register_per_session = options.quirks.register_per_session
        self.relay = PhaseRelay(options.switch_pause_s)
        self._permission: Permission | None = None
        self._finished = False
        self._idle_since: float | None = None
        outlet.offer = self.offer

    @property
    def free(self) -> bool:
        """Tell whether a transaction could begin here."""
        return self.operative and self.error == "NoError" and self.transaction is None

    def register_wh(self) -> int:
        """Return the meter's reading in whole Wh, as the station reports it."""
        reading = int(self.outlet.energy_wh)
        if self._register_per_session and self.transaction is not None:
            return reading - self.transaction.register_at_start
        return 0 if self._register_per_session else reading

    def offer(self, now: datetime) -> Offer:
        """Return what the car is offered at this plant time."""
        if self.transaction is None or not self._surroundings.powered or self.error != "NoError":
            return NOTHING
        limit = self._surroundings.limit(self, now)
        wanted = Offer(limit.current_a if limit.current_a >= MINIMUM_A else 0.0, limit.phases)
        return self.relay.offer(wanted, now, loaded=any(self.outlet.current_a))

    def plug(self, plugged: bool, monotonic: float) -> None:
        """Feel the cable go in or out."""
        if plugged == self.outlet.plugged:
            return
        if not plugged and self.transaction is not None:
            self.stop(StopReason.EV_DISCONNECTED)
        self.outlet.plug(plugged)
        self._finished = False
        if plugged and self._permission is not None and self.free:
            self._start(self._permission)
        self.tick(monotonic)

    def permit(self, permission: Permission, monotonic: float) -> None:
        """Let a transaction begin, now or when the cable comes."""
        if not self.free:
            return
        self._permission = permission
        if self.outlet.plugged:
            self._start(permission)
        self.tick(monotonic)

    def stop(self, reason: StopReason) -> None:
        """End the transaction, if there is one."""
        transaction = self.transaction
        if transaction is None:
            return
        meter_stop = self.register_wh()
        transaction.ended = True
        self.transaction = None
        self._finished = True
        self._surroundings.stopped(self, transaction, meter_stop, reason)
        if self.scheduled_inoperative:
            self.scheduled_inoperative = False
            self.operative = False

    def tick(self, monotonic: float) -> None:
        """Let permissions expire and report a changed status."""
        if self._permission is not None and monotonic >= self._permission.until:
            self._permission = None
        status = self._present_status(monotonic)
        if status is not self.status:
            self.status = status
            self._surroundings.status_changed(self)

    def _start(self, permission: Permission) -> None:
        self._permission = None
        self._finished = False
        self._idle_since = None
        reading = int(self.outlet.energy_wh)
        transaction = Transaction(
            connector_id=self.connector_id,
            id_tag=permission.id_tag,
            started=self._surroundings.station_time(),
            meter_start=0 if self._register_per_session else reading,
            register_at_start=reading,
        )
        self.transaction = transaction
        self._surroundings.started(self, transaction, permission.profile)

    def _present_status(self, monotonic: float) -> Status:
        if self.error != "NoError":
            return Status.FAULTED
        if self.transaction is not None:
            return self._charging_status(monotonic)
        if not self.operative:
            return Status.UNAVAILABLE
        if self.outlet.plugged and self._finished:
            return Status.FINISHING
        if self.outlet.plugged or self._permission is not None:
            return Status.PREPARING
        return Status.AVAILABLE

    def _charging_status(self, monotonic: float) -> Status:
        if self.outlet.power_w > 0:
            self._idle_since = None
            return Status.CHARGING if self.outlet.present_offer.current_a >= MINIMUM_A else Status.SUSPENDED_EVSE
        if self._idle_since is None:
            self._idle_since = monotonic
        if self.outlet.present_offer is NOTHING or monotonic - self._idle_since < SETTLE_S:
            return self.status
        offered = self.outlet.present_offer.current_a >= MINIMUM_A
        return Status.SUSPENDED_EV if offered else Status.SUSPENDED_EVSE
