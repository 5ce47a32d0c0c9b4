"""One EVSE: cable, authorization, the begin and end of its transaction, and what the car is offered."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from simulator.ocpp.phase_relay import PhaseRelay
from simulator.plant.outlet import NOTHING, Offer, Outlet

from .options import StationOptions2
from .profile_stack import Limit
from .reservation import Reservation
from .transaction import Authorization, ChargingState, StoppedReason, Transaction2, Trigger

MINIMUM_A = 6.0
"""Below this a station can only offer nothing (IEC 61851-1)."""

SETTLE_S = 3.0
"""How long a car may take nothing before the station calls it suspended by the car."""


class Status(StrEnum):
    """Connector states (ConnectorStatusEnumType)."""

    AVAILABLE = "Available"
    OCCUPIED = "Occupied"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


@dataclass(slots=True, eq=False)
class Connector2:
    """A plug of an EVSE."""

    connector_id: int
    operative: bool = True
    fault: str | None = None
    status: Status = Status.AVAILABLE
    told: Status | None = None
    """What the central system is known to know."""


class Surroundings(Protocol):
    """What an EVSE needs of its station."""

    powered: bool
    operative: bool

    def limit(self, evse: Evse, now: datetime) -> Limit:
        """Return what profiles and hardware allow at this plant time."""

    def points(self, variable: str) -> set[str]:
        """Return the items of TxStartPoint or TxStopPoint."""

    def may_begin(self) -> bool:
        """Tell whether a transaction may begin at present."""

    def stops_without_cable(self) -> bool:
        """Tell whether pulling the cable ends the permission (StopTxOnEVSideDisconnect)."""

    def status_changed(self, evse: Evse, connector: Connector2) -> None:
        """Hear of a connector's new status."""

    def began(self, evse: Evse, trigger: Trigger) -> None:
        """Hear that the conditions for a transaction are met."""

    def went_on(self, evse: Evse, trigger: Trigger) -> None:
        """Hear of an event in a transaction."""

    def ended(self, evse: Evse, trigger: Trigger, reason: StoppedReason) -> None:
        """Hear of a transaction's end."""


class Evse:
    """Its state; `tick` lets time pass, the other methods are events."""

    def __init__(self, evse_id: int, outlet: Outlet, surroundings: Surroundings, options: StationOptions2) -> None:
        """Take over an outlet: from now on this EVSE decides what is offered there."""
        self.evse_id = evse_id
        self.outlet = outlet
        self.connectors = {n: Connector2(n) for n in range(1, options.connectors_per_evse + 1)}
        self.plugged_id = 1
        self.operative = True
        self.resetting_until: float | None = None
        self.transaction: Transaction2 | None = None
        self.authorization: Authorization | None = None
        self.reservation: Reservation | None = None
        self.finished = False
        """Whether the cable that is in has had its transaction."""
        self.relay = PhaseRelay(options.switch_pause_s)
        self._surroundings = surroundings
        self._idle_since: float | None = None
        self._last_tick: float | None = None
        self._mode: str | None = None
        outlet.offer = self.offer

    @property
    def usable(self) -> bool:
        """Tell whether the EVSE and at least one of its connectors are in operation."""
        works = any(c.operative and c.fault is None for c in self.connectors.values())
        return self._surroundings.operative and self.operative and works and self.resetting_until is None

    @property
    def free(self) -> bool:
        """Tell whether somebody could begin to charge here."""
        return self.usable and self.authorization is None and not self._authorized_once

    @property
    def _authorized_once(self) -> bool:
        return self.transaction is not None and self.transaction.token is not None

    @property
    def energised(self) -> bool:
        """Tell whether the car gets what profiles allow."""
        transaction = self.transaction
        allowed = transaction is not None and self.authorization is not None and not transaction.refused
        faulty = self.connectors[self.plugged_id].fault is not None
        return allowed and self.outlet.plugged and self._surroundings.powered and not faulty

    def offer(self, now: datetime) -> Offer:
        """Return what the car is offered at this plant time."""
        if not self.energised:
            return NOTHING
        limit = self._surroundings.limit(self, now)
        self._mode = limit.mode
        amperes = limit.current_a if limit.current_a >= MINIMUM_A else 0.0
        wanted = Offer(amperes, limit.phases, limit.phase_to_use or 1, limit.taken_back_a)
        return self.relay.offer(wanted, now, loaded=any(self.outlet.current_a))

    def plug(self, plugged: bool, connector_id: int, monotonic: float) -> None:
        """Feel a cable go in or out."""
        if plugged == self.outlet.plugged:
            return
        before = self._facts()
        self.plugged_id = connector_id if plugged else self.plugged_id
        self.outlet.plug(plugged)
        self.finished = False
        if plugged:
            self._advance(Trigger.CABLE_PLUGGED_IN)
        else:
            if self._surroundings.stops_without_cable() and self.transaction is not None:
                self.authorization = None
            self._retreat(before, Trigger.EV_COMMUNICATION_LOST, StoppedReason.EV_DISCONNECTED)
        self.tick(monotonic)

    def permit(self, authorization: Authorization, monotonic: float) -> None:
        """Let somebody charge, now or when the cable comes."""
        self.authorization = authorization
        self.finished = False
        transaction = self.transaction
        if transaction is not None:
            transaction.token, transaction.group = authorization.token, authorization.group
            transaction.remote_start_id = authorization.remote_start_id
        remote = authorization.remote_start_id is not None
        self._advance(Trigger.REMOTE_START if remote else Trigger.AUTHORIZED)
        self.tick(monotonic)

    def forbid(self, trigger: Trigger, reason: StoppedReason, monotonic: float) -> None:
        """Take the permission away; that ends the transaction where TxStopPoint says so."""
        before = self._facts()
        self.authorization = None
        self.finished = self.outlet.plugged
        self._retreat(before, trigger, reason)
        self.tick(monotonic)

    def end(self, trigger: Trigger, reason: StoppedReason) -> None:
        """End the transaction whatever TxStopPoint says."""
        self.authorization = None
        if self.transaction is not None:
            self.finished = self.outlet.plugged
            self._surroundings.ended(self, trigger, reason)

    def tick(self, monotonic: float) -> None:
        """Let permissions expire and report changes."""
        if self.resetting_until is not None and monotonic >= self.resetting_until:
            self.resetting_until = None
        self._expire(monotonic)
        self._watch_charging(monotonic)
        for connector in self.connectors.values():
            status = self._status_of(connector)
            if status is not connector.status:
                connector.status = status
                self._surroundings.status_changed(self, connector)

    def _expire(self, monotonic: float) -> None:
        authorization = self.authorization
        if authorization is not None and not self.outlet.plugged and monotonic >= authorization.until:
            self.forbid(Trigger.EV_CONNECT_TIMEOUT, StoppedReason.TIMEOUT, monotonic)

    def _facts(self) -> set[str]:
        """Return which of the points hold at which a transaction may begin and end."""
        authorized = self.authorization is not None
        points = {"EVConnected": self.outlet.plugged, "Authorized": authorized}
        closed = self.outlet.plugged and authorized
        points |= {"PowerPathClosed": closed, "EnergyTransfer": closed}
        return {name for name, holds in points.items() if holds}

    def _advance(self, trigger: Trigger) -> None:
        if self.transaction is not None:
            self._surroundings.went_on(self, trigger)
        elif self._may_begin and self._facts() & self._surroundings.points("TxStartPoint"):
            self._idle_since = None
            self._surroundings.began(self, trigger)

    @property
    def _may_begin(self) -> bool:
        return self.usable and not self.finished and self._surroundings.may_begin()

    def _retreat(self, before: set[str], trigger: Trigger, reason: StoppedReason) -> None:
        transaction = self.transaction
        if transaction is None:
            return
        lost = before - self._facts()
        if lost & self._surroundings.points("TxStopPoint"):
            self.authorization = None
            self.finished = self.outlet.plugged
            self._surroundings.ended(self, trigger, transaction.end_reason or reason)
            return
        transaction.end_reason = transaction.end_reason or reason if self.authorization is None else None
        self._surroundings.went_on(self, trigger)

    def _watch_charging(self, monotonic: float) -> None:
        passed_s = 0.0 if self._last_tick is None else monotonic - self._last_tick
        self._last_tick = monotonic
        transaction = self.transaction
        if transaction is None or not self._surroundings.powered:
            return
        if transaction.state is ChargingState.CHARGING:
            transaction.charging_s += passed_s
        state = self.charging_state(monotonic)
        if state is not transaction.state:
            transaction.state = state
            self._surroundings.went_on(self, Trigger.CHARGING_STATE_CHANGED)
        if self._mode != transaction.mode:
            transaction.mode = self._mode
            self._surroundings.went_on(self, Trigger.OPERATION_MODE_CHANGED)

    def charging_state(self, monotonic: float) -> ChargingState:
        """Return what happens to the energy of the running transaction."""
        transaction = self.transaction
        if not self.outlet.plugged or transaction is None:
            return ChargingState.IDLE
        if self.authorization is None:
            return ChargingState.EV_CONNECTED
        if self.outlet.power_w < 0:
            self._idle_since = None
            return ChargingState.CHARGING
        if self.outlet.power_w > 0:
            self._idle_since = None
            enough = self.outlet.present_offer.current_a >= MINIMUM_A
            return ChargingState.CHARGING if enough else ChargingState.SUSPENDED_EVSE
        if self._idle_since is None:
            self._idle_since = monotonic
        if not self.energised:
            return ChargingState.SUSPENDED_EVSE
        if self.outlet.present_offer is NOTHING or monotonic - self._idle_since < SETTLE_S:
            return transaction.state
        offered = self.outlet.present_offer.current_a >= MINIMUM_A
        return ChargingState.SUSPENDED_EV if offered else ChargingState.SUSPENDED_EVSE

    def _status_of(self, connector: Connector2) -> Status:
        if connector.fault is not None:
            return Status.FAULTED
        # An EVSE that shall go out of operation after its transaction stays occupied until then.
        in_use = self.outlet.plugged or self.transaction is not None
        stopped = not (self._surroundings.operative and self.operative and connector.operative)
        if (stopped and self.transaction is None) or self.resetting_until is not None:
            return Status.UNAVAILABLE
        if in_use or self.authorization is not None:
            return Status.OCCUPIED
        return Status.RESERVED if self.reservation is not None else Status.AVAILABLE
