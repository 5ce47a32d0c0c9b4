"""Reservations of an EVSE for somebody (OCPP 2.0.1 part 2 H)."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from simulator.ocpp.json import Payload

from .tokens import Token

if TYPE_CHECKING:
    from .evse import Evse
    from .station import SimulatedStation2


@dataclass(frozen=True, slots=True)
class Reservation:
    """Who may come until when; `evse_id` is None where any EVSE will do."""

    reservation_id: int
    token: Token
    expires: datetime
    evse_id: int | None = None
    group: Token | None = None

    def admits(self, token: Token, group: Token | None) -> bool:
        """Tell whether this is whom the place is kept for."""
        if token.key == self.token.key:
            return True
        return self.group is not None and group is not None and self.group.key == group.key


class Reservations:
    """The reservations of one station."""

    def __init__(self, station: SimulatedStation2) -> None:
        """Begin with none."""
        self._station = station
        self.held: dict[int, Reservation] = {}

    def hold(self, reservation: Reservation) -> str:
        """Keep a place and return the status for the central system."""
        station = self._station
        if not station.model.flag("ReservationCtrlr", "Enabled"):
            return "Rejected"
        chosen = [e for e in station.evses.values() if reservation.evse_id in {None, e.evse_id}]
        if not chosen:
            return "Rejected"
        free = [e for e in chosen if e.free and not e.outlet.plugged and self._admits(e, reservation)]
        if not free:
            return _obstacle(chosen)
        old = self.held.get(reservation.reservation_id)
        if old is not None:
            self.release(old, None)
        self.held[reservation.reservation_id] = reservation
        free[0].reservation = reservation
        free[0].tick(station.clock.monotonic())
        return "Accepted"

    def expire(self, now: datetime) -> None:
        """Give up what nobody came for, or can not be kept any more."""
        for reservation in list(self.held.values()):
            if now >= reservation.expires:
                self.release(reservation, "Expired")
            elif not any(e.usable for e in self._station.evses.values() if e.reservation is reservation):
                self.release(reservation, "Removed")

    def use_up(self, evse: Evse) -> None:
        """Forget a reservation whose owner began to charge."""
        if evse.authorization is not None and evse.reservation is not None:
            self.held.pop(evse.reservation.reservation_id, None)
            evse.reservation = None

    def release(self, reservation: Reservation, status: str | None) -> None:
        """Give a reserved place free and tell it, unless the central system wanted it so."""
        del self.held[reservation.reservation_id]
        for evse in self._station.evses.values():
            if evse.reservation is reservation:
                evse.reservation = None
                evse.tick(self._station.clock.monotonic())
        if status is not None:
            payload: Payload = {"reservationId": reservation.reservation_id, "reservationUpdateStatus": status}
            self._station.send("ReservationStatusUpdate", payload)

    @staticmethod
    def _admits(evse: Evse, reservation: Reservation) -> bool:
        return evse.reservation is None or evse.reservation.reservation_id == reservation.reservation_id


def _obstacle(evses: list[Evse]) -> str:
    if any(c.fault is not None for evse in evses for c in evse.connectors.values()):
        return "Faulted"
    return "Occupied" if any(evse.usable for evse in evses) else "Unavailable"
