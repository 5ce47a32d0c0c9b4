"""The mean of a measured power over each quarter of an hour, from values that come when they like."""

from datetime import datetime, timedelta
from typing import Final

from ..planning.problem import SLOT

KNOWN_SHARE: Final = 0.8  # of a slot that must be known for its mean to count


class SlotMean:
    """Adds a power up over time; what is not known is left out, never taken for zero."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._at: datetime | None = None
        self._power_w: float | None = None
        self._known = timedelta(0)
        self._w_seconds = 0.0

    def take(self, power_w: float | None, at: datetime) -> None:
        """Take what flows from now on in W, None where it is not known."""
        self._pass(at)
        self._power_w = power_w

    def finish(self, at: datetime) -> float | None:
        """Return the mean of the slot that ends now and begin the next; None where too little of it is known."""
        self._pass(at)
        known, sum_w_seconds = self._known, self._w_seconds
        self._known, self._w_seconds = timedelta(0), 0.0
        return sum_w_seconds / known.total_seconds() if known >= KNOWN_SHARE * SLOT else None

    def _pass(self, at: datetime) -> None:
        """Count the time since the last call; a clock set back counts nothing."""
        if self._at is not None and self._power_w is not None and at > self._at:
            self._known += at - self._at
            self._w_seconds += self._power_w * (at - self._at).total_seconds()
        self._at = at
