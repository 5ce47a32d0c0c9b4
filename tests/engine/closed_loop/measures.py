"""What a closed loop is judged by: fuses, and how restless the setpoints were."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from custom_components.smart_charging.engine.model import NOMINAL_VOLTAGE_V, EvseKey, Setpoint


@dataclass(slots=True)
class Overload:
    """How long and how far one fuse was exceeded."""

    seconds: float = 0.0
    longest_s: float = 0.0
    kws: float = 0.0
    _lasting_s: float = 0.0

    def take(self, current_a: Sequence[float], fuse_a: float, seconds: float) -> None:
        excess_a = sum(max(0.0, amps - fuse_a) for amps in current_a)
        self._lasting_s = self._lasting_s + seconds if excess_a > 0 else 0.0
        self.longest_s = max(self.longest_s, self._lasting_s)
        self.seconds += seconds if excess_a > 0 else 0.0
        self.kws += excess_a * NOMINAL_VOLTAGE_V / 1000 * seconds


@dataclass(slots=True)
class Movement:
    """How one setpoint moved."""

    last_a: float
    turns: int = 0  # from rising to falling or back
    on_off: int = 0  # from 0 to a current or back
    highest_a: float = 0.0
    _rising: bool | None = None

    def take(self, current_a: float) -> None:
        if current_a != self.last_a:
            rising = current_a > self.last_a
            self.turns += self._rising is not None and rising is not self._rising
            self.on_off += (current_a > 0) != (self.last_a > 0)
            self._rising = rising
        self.last_a = current_a
        self.highest_a = max(self.highest_a, current_a)


@dataclass(slots=True)
class Measures:
    """Everything since the beginning, or since somebody began anew."""

    seconds: float = 0.0
    seconds_over_any: float = 0.0
    overloads: dict[str, Overload] = field(default_factory=dict)  # by circuit id, "" the grid connection
    movements: dict[EvseKey, Movement] = field(default_factory=dict)

    def take(
        self,
        loads: Mapping[str, tuple[Sequence[float], float]],
        setpoints: Mapping[EvseKey, Setpoint],
        seconds: float,
    ) -> None:
        """Count a moment: A per phase and fuse of each circuit, and the setpoints."""
        self.seconds += seconds
        self.seconds_over_any += seconds if any(max(amps) > fuse_a for amps, fuse_a in loads.values()) else 0.0
        for circuit_id, (amps, fuse_a) in loads.items():
            self.overloads.setdefault(circuit_id, Overload()).take(amps, fuse_a, seconds)
        for key, setpoint in setpoints.items():
            self.movements.setdefault(key, Movement(setpoint.current_a)).take(setpoint.current_a)

    def turns_per_minute(self, key: EvseKey) -> float:
        """Return how often a setpoint changed its direction."""
        movement = self.movements.get(key)
        return 0.0 if movement is None or self.seconds == 0 else movement.turns * 60 / self.seconds

    @property
    def kws_over(self) -> float:
        """Return the kW*s above all fuses together."""
        return sum(overload.kws for overload in self.overloads.values())

    @property
    def longest_over_s(self) -> float:
        """Return the longest while that any one fuse was exceeded."""
        return max((overload.longest_s for overload in self.overloads.values()), default=0.0)
