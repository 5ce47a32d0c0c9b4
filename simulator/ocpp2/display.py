"""Messages on the station's display (OCPP 2.0.1 part 2 O)."""

from datetime import datetime

from simulator.ocpp.json import Json, Payload, integer, mapping, optional_moment, optional_text, text

from .device_model import DeviceModel

FORMATS = frozenset({"ASCII", "UTF8"})
PRIORITIES = frozenset({"AlwaysFront", "InFront", "NormalCycle"})


class Display:
    """What is stored to be shown, by id."""

    def __init__(self, model: DeviceModel) -> None:
        """Begin blank."""
        self._model = model
        self.messages: dict[int, Payload] = {}
        self.cost: float | None = None
        """What the central system says the transaction costs so far."""

    def set(self, message: Payload, running: set[str]) -> str:
        """Store a message and return the status."""
        content = mapping(message, "message")
        text(content, "content")
        transaction_id = optional_text(message, "transactionId")
        if text(content, "format") not in FORMATS:
            return "NotSupportedMessageFormat"
        if text(message, "priority") not in PRIORITIES:
            return "NotSupportedPriority"
        if transaction_id is not None and transaction_id not in running:
            return "UnknownTransaction"
        if text(message, "priority") == "AlwaysFront":
            always = [i for i, each in self.messages.items() if each["priority"] == "AlwaysFront"]
            for message_id in always:
                del self.messages[message_id]
        self.messages[integer(message, "id")] = message
        self._count()
        return "Accepted"

    def clear(self, message_id: int) -> str:
        """Remove a message and return the status."""
        found = self.messages.pop(message_id, None)
        self._count()
        return "Unknown" if found is None else "Accepted"

    def expire(self, now: datetime) -> None:
        """Remove messages whose time is over."""
        over = [i for i, m in self.messages.items() if (end := optional_moment(m, "endDateTime")) and now >= end]
        for message_id in over:
            self.clear(message_id)

    def matching(self, payload: Payload) -> list[Json]:
        """Return the stored messages that a GetDisplayMessages asks for."""
        ids = payload.get("id")
        return [
            message
            for message_id, message in self.messages.items()
            if (not isinstance(ids, list) or message_id in ids)
            and payload.get("priority") in (None, message.get("priority"))
            and payload.get("state") in (None, message.get("state"))
        ]

    def _count(self) -> None:
        self._model.put("DisplayMessageCtrlr", "NumberOfDisplayMessages", str(len(self.messages)))
