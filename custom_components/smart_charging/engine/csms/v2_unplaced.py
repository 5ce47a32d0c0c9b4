"""Transactions of OCPP 2 that begin by a tag before anybody can say at which EVSE (E03, E02.FR.05)."""

from collections.abc import Mapping

from ..model import Json
from . import payloads
from .core import StationCore
from .transactions import TransactionBook

type _Payload = Mapping[str, Json]

_REMEMBERED = 64


class UnplacedStarts:
    """The starts of one station's transactions that no car has come to yet.

    Kept apart, such a transaction does not pass for the one that runs at another EVSE.
    """

    def __init__(self, core: StationCore, book: TransactionBook) -> None:
        """Begin without any."""
        self._core = core
        self._book = book
        self._starts: dict[str, _Payload] = {}

    def hold(self, payload: _Payload) -> bool:
        """Return whether an event is of a transaction without an EVSE, of which there is nothing to be kept yet."""
        transaction_id = _transaction_id(payload)
        if transaction_id is None or _evse(payload) is not None or payload.get("meterValue") or _shows_car(payload):
            return False
        kind = payloads.text(payload, "eventType")
        known = self._book.evse_of(transaction_id) is not None
        if kind == "Started" and not known and len(self._core.state.evses) > 1:
            self._starts[transaction_id] = payload
            while len(self._starts) > _REMEMBERED:
                del self._starts[next(iter(self._starts))]
        held = transaction_id in self._starts
        if kind == "Ended":
            self._starts.pop(transaction_id, None)
        return held

    def start_of(self, payload: _Payload) -> _Payload | None:
        """Return the start that was held of an event's transaction, as of the time and at the EVSE of this event."""
        start = self._starts.get(_transaction_id(payload) or "")
        if start is None:
            return None
        placed = {name: payload[name] for name in ("timestamp", "evse", "offline") if name in payload}
        if "evse" not in placed and (evse_id := self._only_car()) is not None:
            placed["evse"] = {"id": evse_id}
        return {**start, **placed}

    def _only_car(self) -> int | None:
        """Return the EVSE of the only car that no transaction is known of, for stations that never name it."""
        waiting = [
            evse.evse_id
            for evse in self._core.state.evses.values()
            if evse.status is not None and evse.status.plugged and evse.transaction is None
        ]
        return waiting[0] if len(waiting) == 1 else None

    def kept(self, payload: _Payload) -> None:
        """Hold the start of an event's transaction no longer."""
        self._starts.pop(_transaction_id(payload) or "", None)


def _shows_car(payload: _Payload) -> bool:
    """Return whether an event tells of a car that is connected."""
    info = payload.get("transactionInfo")
    state = payloads.text(info, "chargingState") if isinstance(info, dict) else None
    return state is not None and state.lower() != "idle"


def _transaction_id(payload: _Payload) -> str | None:
    info = payload.get("transactionInfo")
    return payloads.text(info, "transactionId") if isinstance(info, dict) else None


def _evse(payload: _Payload) -> int | None:
    evse = payload.get("evse")
    return payloads.integer(evse, "id") if isinstance(evse, dict) else None
