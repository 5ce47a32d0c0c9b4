"""Commands about who charges: remote start and stop, lists, caches, reservations (OCPP 2.0.1 part 2 C-F, H)."""

from functools import partial

from simulator.ocpp.json import Payload, integer, mapping, moment, optional_integer, optional_text, text
from simulator.ocpp.link import Answer

from .answers import Command, refused, status
from .authorizing import RemoteStart, authorize, grant
from .evse import Evse
from .profiles import read_profile
from .reservation import Reservation
from .station import SimulatedStation2
from .tokens import Token, read_token
from .transaction import StoppedReason, Trigger


def _request_start(station: SimulatedStation2, payload: Payload) -> Answer:
    token, remote_id = read_token(mapping(payload, "idToken")), integer(payload, "remoteStartId")
    group = read_token(mapping(payload, "groupIdToken")) if "groupIdToken" in payload else None
    evse_id = optional_integer(payload, "evseId")
    if not station.booted:
        return refused("CSNotAccepted")
    if evse_id is not None and evse_id not in station.evses:
        return refused("UnknownEvse")
    evse = _startable(station, evse_id, token, group)
    if evse is None:
        return refused(_obstacle(station, evse_id))
    profile = (
        read_profile(mapping(payload, "chargingProfile"), station.station_time())
        if "chargingProfile" in payload
        else None
    )
    if profile is not None:
        refusal = station.profiles.refusal(evse.evse_id, profile, None, remote_start=True)
        if refusal is not None:
            return refused(refusal)
    remote = RemoteStart(remote_id, profile, group)

    def start() -> None:
        if station.model.flag("AuthCtrlr", "AuthorizeRemoteStart"):
            authorize(station, token, evse, remote=remote)
        else:
            grant(station, token, evse, remote=remote)

    running: Payload = {"transactionId": evse.transaction.transaction_id} if evse.transaction is not None else {}
    return Answer({"status": "Accepted", **running}, start)


def _startable(station: SimulatedStation2, evse_id: int | None, token: Token, group: Token | None) -> Evse | None:
    """Return the EVSE that was asked for, or one with a cable in, if it is free for this token."""
    chosen = [evse for evse in station.evses.values() if evse_id in {None, evse.evse_id}]
    free = [
        evse for evse in chosen if evse.free and (evse.reservation is None or evse.reservation.admits(token, group))
    ]
    return next(iter(sorted(free, key=lambda evse: not evse.outlet.plugged)), None)


def _obstacle(station: SimulatedStation2, evse_id: int | None) -> str:
    chosen = [evse for evse in station.evses.values() if evse_id in {None, evse.evse_id}]
    return "TxInProgress" if any(evse.authorization is not None for evse in chosen) else "Unspecified"


def _request_stop(station: SimulatedStation2, payload: Payload) -> Answer:
    evse = running_evse(station, text(payload, "transactionId"))
    if evse is None:
        return refused("TxNotFound")

    def stop() -> None:
        evse.forbid(Trigger.REMOTE_STOP, StoppedReason.REMOTE, station.clock.monotonic())
        station.wake.set()

    return status("Accepted", stop)


def running_evse(station: SimulatedStation2, transaction_id: str) -> Evse | None:
    """Return the EVSE of a running transaction."""
    return next(
        (
            evse
            for evse in station.evses.values()
            if evse.transaction is not None and evse.transaction.transaction_id == transaction_id
        ),
        None,
    )


def _transaction_status(station: SimulatedStation2, payload: Payload) -> Answer:
    transaction_id = optional_text(payload, "transactionId")
    waiting = station.outbox.holds(transaction_id)
    if transaction_id is None:
        return Answer({"messagesInQueue": waiting})
    ongoing = running_evse(station, transaction_id) is not None
    return Answer({"ongoingIndicator": ongoing, "messagesInQueue": waiting})


def _send_local_list(station: SimulatedStation2, payload: Payload) -> Answer:
    return status(station.memory.send_list(payload))


def _local_list_version(station: SimulatedStation2, payload: Payload) -> Answer:
    del payload
    enabled = station.model.flag("LocalAuthListCtrlr", "Enabled")
    return Answer({"versionNumber": station.memory.version if enabled else 0})


def _clear_cache(station: SimulatedStation2, payload: Payload) -> Answer:
    del payload
    if not station.model.flag("AuthCacheCtrlr", "Enabled"):
        return refused("NotEnabled")
    station.memory.cached.clear()
    return status("Accepted")


def _reserve(station: SimulatedStation2, payload: Payload) -> Answer:
    reservation = Reservation(
        integer(payload, "id"),
        read_token(mapping(payload, "idToken")),
        moment(text(payload, "expiryDateTime")),
        optional_integer(payload, "evseId"),
        read_token(mapping(payload, "groupIdToken")) if "groupIdToken" in payload else None,
    )
    return status(station.reservations.hold(reservation), station.wake.set)


def _cancel_reservation(station: SimulatedStation2, payload: Payload) -> Answer:
    reservation = station.reservations.held.get(integer(payload, "reservationId"))
    if reservation is None:
        return refused("NotFound")
    return status("Accepted", partial(station.reservations.release, reservation, None))


def _cost_updated(station: SimulatedStation2, payload: Payload) -> Answer:
    cost = payload.get("totalCost")
    if running_evse(station, text(payload, "transactionId")) is not None and isinstance(cost, int | float):
        station.display.cost = float(cost)
    return Answer({})


COMMANDS: dict[str, Command] = {
    "CancelReservation": _cancel_reservation,
    "ClearCache": _clear_cache,
    "CostUpdated": _cost_updated,
    "GetLocalListVersion": _local_list_version,
    "GetTransactionStatus": _transaction_status,
    "RequestStartTransaction": _request_start,
    "RequestStopTransaction": _request_stop,
    "ReserveNow": _reserve,
    "SendLocalList": _send_local_list,
}
