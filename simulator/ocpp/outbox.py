"""Messages on their way to the central system; those about transactions survive being offline."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from .json import Payload


def _ignore(payload: Payload) -> None:
    del payload


@dataclass(slots=True, eq=False)
class Outgoing:
    """A message, written at the moment it is sent, since a transaction may get its number late."""

    action: str
    write: Callable[[], Payload]
    answered: Callable[[Payload], None] = _ignore
    failed: Callable[[], None] | None = None
    triggered: bool = False
    attempts: int = 0
    confirmed: bool = True
    """Whether it is a CALL, which is answered, or a SEND (OCPP 2.1)."""
    stream: str = ""
    """What must stay in order among itself, for an outbox that interleaves."""


class Outbox:
    """Two queues: passing messages, lost while offline, and transaction messages, kept and sent in order."""

    def __init__(self, *, interleaves: bool = False) -> None:
        """Begin empty; `interleaves` lets the newest stream of kept messages take turns with the oldest."""
        self._passing: deque[Outgoing] = deque()
        self._kept: deque[Outgoing] = deque()
        self._retry_at = 0.0
        self._interleaves = interleaves
        self._newest_next = False

    def __len__(self) -> int:
        """Return how many transaction messages wait."""
        return len(self._kept)

    def add(self, message: Outgoing, *, keep: bool) -> None:
        """Queue a message; `keep` for those about a transaction."""
        (self._kept if keep else self._passing).append(message)

    def drop_passing(self) -> None:
        """Forget what only mattered to the connection that ended."""
        dropped, self._passing = self._passing, deque()
        for message in dropped:
            if message.failed is not None:
                message.failed()

    def next(self, monotonic: float, *, triggered_only: bool) -> tuple[Outgoing, bool] | None:
        """Return the message to send now and whether it is a kept one."""
        for message in self._passing:
            if message.triggered or not triggered_only:
                return message, False
        if self._kept and not triggered_only and monotonic >= self._retry_at:
            return self._first_kept(), True
        return None

    def done(self, message: Outgoing) -> None:
        """Take a delivered message out."""
        if message in self._passing:
            self._passing.remove(message)
        elif message in self._kept:
            self._kept.remove(message)
            self._retry_at = 0.0
            self._newest_next = not self._newest_next

    def refused(self, message: Outgoing, monotonic: float, attempts: int, interval_s: float) -> None:
        """Count a failed delivery: a kept message is tried again, later each time, until it used its attempts.

        OCPP 1.6 ed. 2 section 3.7.1: the interval is multiplied by the number of tries so far.
        """
        message.attempts += 1
        if message not in self._kept or message.attempts >= attempts:
            self.done(message)
            if message.failed is not None:
                message.failed()
            return
        self._retry_at = monotonic + interval_s * message.attempts

    def holds(self, stream: str | None = None) -> bool:
        """Tell whether kept messages wait, of this stream or of any."""
        return any(stream in (None, message.stream) for message in self._kept)

    def _first_kept(self) -> Outgoing:
        if self._interleaves and self._newest_next:
            newest = self._kept[-1].stream
            return next(message for message in self._kept if message.stream == newest)
        return self._kept[0]
