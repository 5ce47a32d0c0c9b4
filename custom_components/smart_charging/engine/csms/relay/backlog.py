"""What a second central system has not got yet, and which ids it gave our transactions: state without I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import orjson

from ...model import Json
from .. import payloads

_MAX_CLOSED: Final = 256  # ended transactions remembered, for repetitions and late messages
_MAX_ASIDE: Final = 100
_HARD_FACTOR: Final = 4  # of the bound: where even messages that are never dropped can't be taken any more
_COMPACT_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class RelayMessage:
    """A message that waits; it keeps its id when it is sent again. `transaction_id` is ours (1.6)."""

    sequence: int
    message_id: str
    action: str
    payload: Mapping[str, Json]
    lasting: bool
    transaction_id: str | None = None

    def line(self, record: str = "add") -> bytes:
        """Return the message as it is kept; orjson.JSONEncodeError for one nested too deeply."""
        return orjson.dumps(
            {
                record: self.sequence,
                "id": self.message_id,
                "action": self.action,
                "payload": dict(self.payload),
                "lasting": self.lasting,
                "transaction": self.transaction_id,
            }
        )


@dataclass(slots=True)
class _Link:
    theirs: int | None = None
    closed: bool = False


class Backlog:
    """One station's messages in order, and what must outlive a restart beside them."""

    def __init__(self, max_bytes: int) -> None:
        """Begin empty; `max_bytes` bounds what telemetry may fill."""
        self._max_bytes = max_bytes
        self._waiting: dict[int, RelayMessage] = {}
        self._sizes: dict[int, int] = {}
        self.size = 0  # bytes of what waits
        self._aside: dict[int, RelayMessage] = {}
        self._links: dict[str, _Link] = {}
        self._next = 1
        self.boot: Mapping[str, Json] | None = None
        self.boot_told = False
        self.profiles: dict[int, Mapping[str, Json]] = {}
        self.thinned = 0
        self.lost = 0
        self.refused = 0
        self.unreadable = 0
        self._unsaved: dict[int, RelayMessage] = {}
        self._changes: list[bytes] = []
        self._saved_bytes = 0
        self._torn = False
        self.urgent = False

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self._waiting)

    @property
    def aside(self) -> tuple[RelayMessage, ...]:
        """Return the messages that they refused for good."""
        return tuple(self._aside.values())

    @property
    def head(self) -> RelayMessage | None:
        """Return what is to be sent next."""
        return next(iter(self._waiting.values()), None)

    @property
    def waiting_statuses(self) -> frozenset[int]:
        """Return the connectors of which a status waits."""
        return frozenset(
            payloads.integer(message.payload, "connectorId") or 0
            for message in self._waiting.values()
            if message.action == "StatusNotification"
        )

    def add(
        self, action: str, payload: Mapping[str, Json], *, lasting: bool, transaction_id: str | None = None
    ) -> RelayMessage | None:
        """Queue a message; None for one that repeats a start or stop, or that there is no room or no way to keep."""
        if lasting and transaction_id is not None and self._repeats(action, transaction_id):
            return None
        message = RelayMessage(self._next, str(uuid4()), action, payload, lasting, transaction_id)
        try:
            size = len(message.line())
        except orjson.JSONEncodeError:
            self.lost += 1
            return None
        if self.size + size > self._max_bytes:
            self._thin(size)
        if self.size + size > self._max_bytes * (_HARD_FACTOR if lasting else 1):
            self.lost += 1
            return None
        self._next += 1
        self._put(message, size)
        self._unsaved[message.sequence] = message
        self.urgent |= lasting
        if lasting and transaction_id is not None:
            self._note_transaction(action, transaction_id)
        return message

    def _repeats(self, action: str, transaction_id: str) -> bool:
        link = self._links.get(transaction_id)
        if link is None:
            return False
        return action == "StartTransaction" or link.closed

    def _note_transaction(self, action: str, transaction_id: str) -> None:
        link = self._links.setdefault(transaction_id, _Link())
        link.closed = action == "StopTransaction"
        self._change_link(transaction_id)
        self._forget_closed()

    def _change_link(self, transaction_id: str) -> None:
        link = self._links[transaction_id]
        self._change({"transaction": transaction_id, "theirs": link.theirs, "closed": link.closed})

    def _forget_closed(self) -> None:
        closed = [ours for ours, link in self._links.items() if link.closed]
        if len(closed) <= 2 * _MAX_CLOSED:
            return
        needed = {message.transaction_id for message in self._waiting.values()}
        for ours in closed[:-_MAX_CLOSED]:
            if ours not in needed:
                del self._links[ours]
                self._change({"transaction": ours, "forgotten": True})

    def done(self, message: RelayMessage, their_transaction: int | None = None) -> None:
        """Take note that they have a message, and which id they gave its transaction."""
        self._drop(message.sequence)
        if their_transaction is not None and message.transaction_id is not None:
            self._links.setdefault(message.transaction_id, _Link()).theirs = their_transaction
            self._change_link(message.transaction_id)
        self.urgent |= message.lasting

    def put_aside(self, message: RelayMessage) -> None:
        """Keep a message apart that they don't take, so that the others come through."""
        self._drop(message.sequence)
        self.refused += 1
        if message.lasting:
            self.urgent = True
            self._aside[message.sequence] = message
            self._changes.append(message.line("aside"))
            while len(self._aside) > _MAX_ASIDE:
                del self._aside[next(iter(self._aside))]
                self.lost += 1

    def forget_live(self) -> None:
        """Leave out what is of no use any more once they were away."""
        for sequence in [each for each, message in self._waiting.items() if message.action == "Authorize"]:
            self._drop(sequence)

    def _drop(self, sequence: int) -> None:
        if not self._take_out(sequence):
            return
        if self._unsaved.pop(sequence, None) is None:
            self._change({"done": sequence})

    def _put(self, message: RelayMessage, size: int) -> None:
        self._waiting[message.sequence] = message
        self._sizes[message.sequence] = size
        self.size += size

    def _take_out(self, sequence: int) -> bool:
        self.size -= self._sizes.pop(sequence, 0)
        return self._waiting.pop(sequence, None) is not None

    def _thin(self, needed: int) -> None:
        """Leave out every other telemetry message, oldest half first, until there is room."""
        while self.size + needed > self._max_bytes:
            telemetry = [sequence for sequence, message in self._waiting.items() if not message.lasting]
            if not telemetry:
                return
            # The first always stays: what came between it and the next can be told from both.
            for sequence in telemetry[1 : max(2, len(telemetry) // 2) : 2] or telemetry:
                self._drop(sequence)
                self.thinned += 1

    def theirs(self, transaction_id: str | None) -> int | None:
        """Return their id of our transaction."""
        link = self._links.get(transaction_id or "")
        return None if link is None else link.theirs

    def ours(self, their_transaction: int) -> str | None:
        """Return our id of their transaction, the newest where they used an id twice."""
        return next((ours for ours, link in reversed(self._links.items()) if link.theirs == their_transaction), None)

    def booted(self, payload: Mapping[str, Json]) -> None:
        """Take note that the station started, which they are to be told."""
        try:
            self._change({"boot": dict(payload), "told": False})
        except orjson.JSONEncodeError:
            self.lost += 1
            return
        self.boot, self.boot_told = payload, False

    def boot_accepted(self) -> None:
        """Take note that they took the station in."""
        self.boot_told = True
        self._change({"boot": None if self.boot is None else dict(self.boot), "told": True})

    def keep_profile(self, profile_id: int, request: Mapping[str, Json] | None) -> None:
        """Keep a charging profile of theirs, or forget it; orjson.JSONEncodeError for one nested too deeply."""
        self._change({"profile": profile_id, "request": None if request is None else dict(request)})
        if request is None:
            self.profiles.pop(profile_id, None)
        else:
            self.profiles[profile_id] = request
        self.urgent = True

    def _change(self, change: dict[str, Json]) -> None:
        self._changes.append(orjson.dumps(change))

    def take_changes(self) -> tuple[list[bytes], bool]:
        """Return the lines to keep, and whether they replace all others; empty if nothing changed."""
        changed = bool(self._unsaved or self._changes)
        lines = [message.line() for message in self._unsaved.values()] + self._changes
        self._unsaved, self._changes, self.urgent = {}, [], False
        self._saved_bytes += sum(map(len, lines))
        if changed and (self._torn or self._saved_bytes > 2 * self.size + _COMPACT_BYTES):
            lines, self._torn = self._whole(), False
            self._saved_bytes = sum(map(len, lines))
            return lines, True
        return lines, False

    def not_kept(self) -> None:
        """Take note that the lines taken last were not kept: all are to be written again."""
        self._torn = True
        self._changes.append(b"{}")

    def _whole(self) -> list[bytes]:
        records: list[dict[str, Json]] = [
            {"next": self._next},
            {"boot": None if self.boot is None else dict(self.boot), "told": self.boot_told},
        ]
        records += [
            {"transaction": ours, "theirs": link.theirs, "closed": link.closed} for ours, link in self._links.items()
        ]
        records += [{"profile": each, "request": dict(request)} for each, request in self.profiles.items()]
        aside = [message.line("aside") for message in self._aside.values()]
        return [*map(orjson.dumps, records), *aside, *(message.line() for message in self._waiting.values())]

    def restore(self, lines: Iterable[bytes]) -> None:
        """Take in what was kept before; a line that can't be read is counted and left out."""
        for line in lines:
            if not line.strip():
                continue
            self._saved_bytes += len(line)
            try:
                record = orjson.loads(line)
                self._restore_one(record)
            except orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError:
                self.unreadable += 1
                self._torn = True  # a torn line would swallow the next one written behind it
        if self._torn:
            self._changes.append(b"{}")

    def _restore_one(self, record: dict[str, Json]) -> None:
        if "add" in record:
            message = _message(record, "add")
            self._put(message, len(message.line()))
            self._next = max(self._next, message.sequence + 1)
        elif "done" in record:
            sequence = record["done"]
            if isinstance(sequence, int):
                self._take_out(sequence)
        elif "aside" in record:
            message = _message(record, "aside")
            self._aside[message.sequence] = message
        else:
            self._restore_fact(record)

    def _restore_fact(self, record: dict[str, Json]) -> None:
        match record:
            case {"transaction": str(ours), "forgotten": True}:
                self._links.pop(ours, None)
            case {"transaction": str(ours), "theirs": int() | None as theirs, "closed": bool(closed)}:
                self._links[ours] = _Link(theirs, closed)
            case {"boot": dict() | None as boot, "told": bool(told)}:
                self.boot, self.boot_told = boot, told
            case {"profile": int(profile_id), "request": dict(request)}:
                self.profiles[profile_id] = request
            case {"profile": int(profile_id)}:
                self.profiles.pop(profile_id, None)
            case {"next": int(number)}:
                self._next = max(self._next, number)
            case _:
                if record != {}:
                    raise ValueError("a record of an unknown kind")


def _message(record: Mapping[str, Json], kind: str) -> RelayMessage:
    match {**record, "sequence": record[kind]}:
        case {
            "sequence": int(sequence),
            "id": str(message_id),
            "action": str(action),
            "payload": dict(payload),
            "lasting": bool(lasting),
            "transaction": str() | None as transaction_id,
        }:
            return RelayMessage(sequence, message_id, action, payload, lasting, transaction_id)
    raise ValueError("not a message")
