"""What the grid connection really carries: the house and two cars that follow with a delay and a ramp."""

from dataclasses import dataclass, field

from .house import Currents

FUSE_A = 25.0
TRIP_LEVEL = 1.13  # times its rating a fuse or breaker carries for an hour (IEC 60898-1)
VOLTAGE_V = 230.0
COMMAND_S = 1  # until a station has a command and its car sees it
RAMP_S = 3
CAR_MAX_A = 16.0
CAR_MIN_A = 6.0


@dataclass(slots=True)
class Car:
    """A car on three phases that always wants its most; currents in A per phase."""

    current_a: float = 0.0
    accepted_a: float | None = None
    accepted_at: int = 0
    _target_a: float = 0.0
    _slope_a: float = 0.0
    _pending: list[tuple[int, float]] = field(default_factory=list)

    def command(self, at_s: int, limit_a: float) -> None:
        """Take a limit; it is accepted and followed after `COMMAND_S`."""
        last = self._pending[-1][1] if self._pending else self.accepted_a
        if limit_a != last:
            self._pending.append((at_s + COMMAND_S, limit_a))

    def step(self, at_s: int) -> None:
        """Move to this second."""
        while self._pending and self._pending[0][0] <= at_s:
            _, limit_a = self._pending.pop(0)
            self.accepted_a, self.accepted_at = limit_a, at_s
            self._target_a = min(limit_a, CAR_MAX_A) if limit_a >= CAR_MIN_A else 0.0
            self._slope_a = abs(self._target_a - self.current_a) / RAMP_S
        rise_a = self._target_a - self.current_a
        self.current_a += max(-self._slope_a, min(self._slope_a, rise_a))


@dataclass(slots=True)
class Watch:
    """What an observer with a clock sees at the fuse."""

    seconds: int = 0
    over_s: int = 0
    over_trip_s: int = 0
    over_kws: float = 0.0
    longest_s: int = 0
    wanting_s: int = 0
    wanting_used: float = 0.0
    _running_s: int = 0

    def see(self, grid_a: Currents, wanting: bool) -> None:
        """Take one second."""
        busiest_a = max(grid_a)
        self.seconds += 1
        if wanting:
            self.wanting_s += 1
            self.wanting_used += busiest_a / FUSE_A
        if busiest_a <= FUSE_A:
            self._running_s = 0
            return
        self._running_s += 1
        self.over_s += 1
        self.over_trip_s += busiest_a > TRIP_LEVEL * FUSE_A
        self.over_kws += sum(max(0.0, current - FUSE_A) for current in grid_a) * VOLTAGE_V / 1000
        self.longest_s = max(self.longest_s, self._running_s)

    @property
    def utilisation(self) -> float:
        """Return the mean current of the busiest phase over the fuse while a car wanted more than it got."""
        return self.wanting_used / self.wanting_s if self.wanting_s else 0.0
