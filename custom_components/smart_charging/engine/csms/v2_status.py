"""What an EVSE of OCPP 2 is doing: the states of its connectors joined with that of its transaction."""

from collections.abc import Mapping

from ..model import EvseStatus

# OCPP 2.0.1 part 2 ConnectorStatusEnumType; occupied ones are told apart by the transaction.
_CONNECTOR: Mapping[str, EvseStatus | None] = {
    "available": EvseStatus.AVAILABLE,
    "occupied": None,
    "reserved": EvseStatus.RESERVED,
    "unavailable": EvseStatus.UNAVAILABLE,
    "faulted": EvseStatus.FAULTED,
}
# ChargingStateEnumType. Idle tells of no car: then the connector's state counts.
_CHARGING = {
    "charging": EvseStatus.CHARGING,
    "evconnected": EvseStatus.PREPARING,
    "suspendedev": EvseStatus.SUSPENDED_EV,
    "suspendedevse": EvseStatus.SUSPENDED_EVSE,
}


class EvseStatuses:
    """The states of one station's EVSEs."""

    def __init__(self) -> None:
        """Begin not knowing any."""
        self._connectors: dict[tuple[int, int], str] = {}
        self._charging: dict[int, EvseStatus] = {}
        self._ended: set[int] = set()

    def forget(self) -> None:
        """Begin anew, as after a boot."""
        self._connectors.clear()
        self._charging.clear()
        self._ended.clear()

    def connector_is(self, evse_id: int, connector_id: int, status: str | None) -> EvseStatus | None:
        """Take a connector's state and return what the EVSE is doing now, None for an unknown state."""
        word = (status or "").lower()
        if word not in _CONNECTOR:
            return None
        self._connectors[evse_id, connector_id] = word
        if word == "available" and not self._occupied(evse_id):
            self._charging.pop(evse_id, None)
            self._ended.discard(evse_id)
        return self._status(evse_id)

    def transaction_is(self, evse_id: int, charging_state: str | None, *, ended: bool) -> EvseStatus | None:
        """Take a live event of the EVSE's transaction and return what it is doing now, None where that is unknown."""
        word = (charging_state or "").lower()
        if ended:
            self._charging.pop(evse_id, None)
            self._ended.add(evse_id)
        elif word in _CHARGING:
            self._charging[evse_id] = _CHARGING[word]
            self._ended.discard(evse_id)
        elif word:
            self._charging.pop(evse_id, None)
        known = any(evse == evse_id for evse, _ in self._connectors)
        return self._status(evse_id) if known or evse_id in self._charging else None

    def _occupied(self, evse_id: int) -> bool:
        return any(word == "occupied" for (evse, _), word in self._connectors.items() if evse == evse_id)

    def _status(self, evse_id: int) -> EvseStatus:
        words = [word for (evse, _), word in self._connectors.items() if evse == evse_id]
        told = [status for word in words if (status := _CONNECTOR[word]) is not None]
        if EvseStatus.FAULTED in told:
            return EvseStatus.FAULTED
        if evse_id in self._charging:
            return self._charging[evse_id]
        if "occupied" in words:
            return EvseStatus.FINISHING if evse_id in self._ended else EvseStatus.PREPARING
        for status in (EvseStatus.RESERVED, EvseStatus.AVAILABLE):
            if status in told:
                return status
        return EvseStatus.UNAVAILABLE
