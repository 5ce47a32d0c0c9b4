"""The relay by which a station changes between one phase and three: never while a current flows."""

from datetime import datetime, timedelta

from simulator.plant.outlet import Offer


class PhaseRelay:
    """The phases that are connected, and the pause that the car gets before they change."""

    def __init__(self, pause_s: float) -> None:
        """Begin as the first offer wants it."""
        self.phases: int | None = None
        self.switches = 0
        self._pause = timedelta(seconds=pause_s)
        self._switch_at: datetime | None = None

    def offer(self, wanted: Offer, now: datetime, *, loaded: bool) -> Offer:
        """Return what the car may be offered on the way to what is wanted."""
        if self.phases is None:
            self.phases = wanted.phases
        if wanted.phases == self.phases:
            self._switch_at = None
            return wanted
        if self._switch_at is None:
            self._switch_at = now + self._pause if loaded else now
        if now < self._switch_at or loaded:
            return Offer(0.0, self.phases)
        self.phases, self._switch_at = wanted.phases, None
        self.switches += 1
        return wanted
