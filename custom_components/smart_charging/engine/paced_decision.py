"""When a car that comes is decided for: at once, unless a decision for so many EVSEs takes its time."""


class PacedDecision:
    """Spaces decisions that events ask for by what a decision takes, so that a thousand cars at once can't stop a site.

    On a site of usual size a decision takes a millisecond, and nobody waits. Times are monotonic seconds.
    """

    def __init__(self, pause: float) -> None:
        """Pause after each decision for so many times what it took."""
        self._pause = pause
        self._free_at = float("-inf")
        self.waits = False
        """Whether an event waits to be decided for; whoever decides next does so for it."""

    def due(self, monotonic: float) -> bool:
        """Return whether to decide now for an event; if not, it waits."""
        self.waits = monotonic < self._free_at
        return not self.waits

    def waited(self, monotonic: float) -> bool:
        """Return whether an event waited for long enough to be decided for now."""
        return self.waits and monotonic >= self._free_at

    def decided(self, began: float, ended: float) -> None:
        """Take note of a decision, whatever asked for it."""
        self.waits = False
        self._free_at = ended + self._pause * (ended - began)
