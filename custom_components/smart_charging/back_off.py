"""How long to wait before something that failed is tried again; apart from what it is that fails."""

from typing import Final

FIRST_WAIT_S: Final = 5.0
LONGEST_WAIT_S: Final = 300.0


class BackOff:
    """Waits twice as long after each failure in a row; its times are seconds of any monotonic clock.

    Many a device stores what it is told, and one that is broken is not mended by being told more often.
    """

    def __init__(self) -> None:
        """Begin without a failure."""
        self._wait_s = 0.0
        self._failed_at_s = float("-inf")

    def failed(self, now_s: float) -> None:
        """Take note of a failure."""
        self._wait_s = min(max(2 * self._wait_s, FIRST_WAIT_S), LONGEST_WAIT_S)
        self._failed_at_s = now_s

    def reset(self) -> None:
        """Forget all failures, after a success or where something else is wanted."""
        self._wait_s = 0.0

    def is_over(self, now_s: float) -> bool:
        """Return whether it may be tried now."""
        return now_s - self._failed_at_s >= self._wait_s
