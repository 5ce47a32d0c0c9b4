"""Reservations: an EVSE kept free for a tag until a time."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import secrets

from ..model import Json
from .commands import CommandError, CommandErrorCode, ask
from .core import StationCore
from .notices import Notices
from .state import Reservation, StationEventType
from .timestamps import format_time

MAX_RESERVATIONS = 64  # held of one station at a time
_LARGEST_ID = 2**31 - 1
_TOLD_WITHIN_S = 60.0  # a station that tells of the end itself does so within this time


@dataclass(frozen=True, slots=True)
class ReservationRequest:
    """What is to be reserved: an EVSE, 0 for any, and for whom; `group` is a tag whose holders may charge as well.

    OCPP 2 alone has `kind`, its type of the tag, which has to be that of the tag once it is presented, and
    `connector_type`, its word for the plug that any EVSE shall have.
    """

    evse_id: int
    id_token: str
    until: datetime
    group: str | None = None
    kind: str = "Central"
    connector_type: str | None = None


def v16_reservation(reservation_id: int, request: ReservationRequest) -> dict[str, Json]:
    """Return a ReserveNow of OCPP 1.6 (section 6.37); raises CommandError where it has no words for the wish."""
    if request.connector_type is not None:
        raise CommandError(CommandErrorCode.NOT_SUPPORTED, "a plug can be reserved in OCPP 2 only")
    group: dict[str, Json] = {} if request.group is None else {"parentIdTag": request.group}
    return {
        "connectorId": request.evse_id,
        "expiryDate": format_time(request.until),
        "idTag": request.id_token,
        "reservationId": reservation_id,
        **group,
    }


def v2_reservation(reservation_id: int, request: ReservationRequest) -> dict[str, Json]:
    """Return a ReserveNow of OCPP 2 (H01)."""
    payload: dict[str, Json] = {
        "id": reservation_id,
        "expiryDateTime": format_time(request.until),
        "idToken": {"idToken": request.id_token, "type": request.kind},
    }
    if request.evse_id:
        payload["evseId"] = request.evse_id
    if request.group is not None:
        payload["groupIdToken"] = {"idToken": request.group, "type": "Central"}
    if request.connector_type is not None:
        payload["connectorType"] = request.connector_type
    return payload


class Reservations:
    """The reservations of one station, kept over restarts; whom they are for is kept by the station alone."""

    def __init__(
        self,
        core: StationCore,
        notices: Notices,
        write: Callable[[int, ReservationRequest], dict[str, Json]],
        *,
        tells_end: bool,
    ) -> None:
        """Write requests in one version's way; `tells_end` where the station tells that one ran out (H04)."""
        self._core = core
        self._notices = notices
        self._write = write
        self._tells_end = tells_end

    async def reserve(self, request: ReservationRequest) -> int:
        """Reserve and return the reservation's id; raises CommandError."""
        core = self._core
        if request.until <= core.clock.now():
            raise CommandError(CommandErrorCode.INVALID, "the reservation would be over already")
        if len(core.state.reservations) >= MAX_RESERVATIONS:
            raise CommandError(CommandErrorCode.INVALID, f"more than {MAX_RESERVATIONS} reservations")
        number = secrets.randbelow(_LARGEST_ID) + 1
        await ask(core, "ReserveNow", self._write(number, request))
        made = Reservation(number, request.evse_id, request.until)
        core.change(reservations={**core.state.reservations, number: made})
        await self._keep()
        core.emit(StationEventType.CHANGED, request.evse_id or None)
        core.spawn(self._run_out(made, _TOLD_WITHIN_S if self._tells_end else 0.0), "reservation")
        return number

    def resume(self) -> None:
        """Take up what was reserved before a restart; what ran out meanwhile is over."""
        core = self._core
        core.change(reservations={one.reservation_id: one for one in core.learnt.reservations[:MAX_RESERVATIONS]})
        for one in core.state.reservations.values():
            # Which version the station speaks, and so whether it tells the end itself, is not known yet.
            core.spawn(self._run_out(one, _TOLD_WITHIN_S), "reservation")

    async def cancel(self, reservation_id: int) -> None:
        """Take a reservation back; raises CommandError."""
        await ask(self._core, "CancelReservation", {"reservationId": reservation_id})
        self.end(reservation_id, "cancelled")

    def end(self, reservation_id: int, reason: str) -> None:
        """Tell that a reservation holds no more: it was used, cancelled, removed by the station, or ran out."""
        core = self._core
        held = core.state.reservations.get(reservation_id)
        core.change(reservations={key: one for key, one in core.state.reservations.items() if key != reservation_id})
        core.spawn(self._keep(), "reservations")
        details: dict[str, str | int] = {"reservation_id": reservation_id, "reason": reason}
        self._notices.tell(StationEventType.RESERVATION_ENDED, details, (held.evse_id or None) if held else None)

    def used(self, reservation_id: int | None) -> None:
        """Take note that a transaction began by a reservation; one that we do not hold is passed over."""
        if reservation_id is not None and reservation_id in self._core.state.reservations:
            self.end(reservation_id, "used")

    async def _keep(self) -> None:
        held = tuple(self._core.state.reservations.values())
        await self._core.learn(replace(self._core.learnt, reservations=held))

    async def _run_out(self, reservation: Reservation, grace_s: float) -> None:
        clock, grace = self._core.clock, timedelta(seconds=grace_s)
        await clock.sleep(max(0.0, (reservation.until + grace - clock.now()).total_seconds()))
        if reservation.reservation_id in self._core.state.reservations:
            self.end(reservation.reservation_id, "expired")
