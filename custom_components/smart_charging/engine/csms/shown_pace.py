"""How often readings of one EVSE are shown: each as it comes, but of a flood only the newest, some times a second.

All of them are kept; what is shown follows a flood of messages as closely as anybody can look, at a fraction of the work.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final

from ..clock import Clock
from ..model import MeterValue, Transaction
from .limits import TokenBucket

SHOWN_PER_S: Final = 5.0
SHOWN_AT_ONCE: Final = 20  # messages that may come in a row before that rate holds
_MOST_KINDS: Final = 16  # of messages that wait for each other

_quantity = attrgetter("measurand", "phase", "context", "location")

type _Kind = tuple[tuple[object, ...], ...]


@dataclass(slots=True)
class Held:
    """Readings that wait to be shown: of each set of quantities the newest, and the transaction they belong to."""

    transaction: Transaction
    by_kind: dict[_Kind, MeterValue] = field(default_factory=dict)

    @property
    def values(self) -> tuple[MeterValue, ...]:
        """Return the readings."""
        return tuple(self.by_kind.values())

    @property
    def full(self) -> bool:
        """Return whether no more should be held."""
        return len(self.by_kind) >= _MOST_KINDS

    def hold(self, transaction: Transaction, values: Sequence[MeterValue]) -> None:
        """Take readings of the same transaction in place of older ones of the same quantities."""
        self.transaction = transaction
        for value in values:
            kind = tuple(map(_quantity, value.values))
            before = self.by_kind.get(kind)
            if before is None or value.time >= before.time:
                self.by_kind[kind] = value


class ShownPace:
    """The pace of one station's EVSEs."""

    def __init__(self, clock: Clock) -> None:
        """Begin with nothing held."""
        self._clock = clock
        self._buckets: dict[int, TokenBucket] = {}
        self.held: dict[int, Held] = {}

    def due(self, evse_id: int) -> bool:
        """Return whether readings may be shown now; a question that is answered with yes counts as showing them."""
        bucket = self._buckets.get(evse_id)
        if bucket is None:
            bucket = self._buckets[evse_id] = TokenBucket(self._clock, SHOWN_PER_S, SHOWN_AT_ONCE)
        return bucket.try_take()

    def hold(self, evse_id: int, transaction: Transaction, values: Sequence[MeterValue]) -> float | None:
        """Hold readings that were not due; return in how many seconds to show them, None where that is arranged."""
        held = self.held.get(evse_id)
        delay_s = None
        if held is None:
            held = self.held[evse_id] = Held(transaction)
            delay_s = self._buckets[evse_id].take()
        held.hold(transaction, values)
        return delay_s

    def may_hold(self, evse_id: int, transaction: Transaction) -> bool:
        """Return whether readings of this transaction can wait together with those that wait already."""
        held = self.held.get(evse_id)
        return held is None or (held.transaction.transaction_id == transaction.transaction_id and not held.full)
