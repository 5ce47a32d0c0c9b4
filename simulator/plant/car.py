"""An electric car at a socket: what it draws from what it is offered, and how it fills."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CarModel:
    """A car's charger and battery; currents in A per phase, shares of 1, times in s."""

    phases: int = 3
    max_a: float = 16.0
    min_a: float = 6.0
    capacity_wh: float = 60_000.0
    efficiency: float = 0.9
    ramp_s: float = 2.0
    taper_from: float = 0.9
    sleeps_after_s: float | None = None
    discharge_a: float = 0.0
    """How much it can give back per phase, at least its least state of charge left; 0 is a car that only takes."""
    least_charge: float = 0.2
    wake_kicks: int = 1
    """How often the offer must be taken away and given again before a sleeping car wakes."""


class Car:
    """One car's state; it draws nothing until it is plugged in and offered enough."""

    def __init__(self, model: CarModel | None = None, state_of_charge: float = 0.3) -> None:
        """Begin unplugged and awake with this state of charge."""
        self.model = model or CarModel()
        self.state_of_charge = state_of_charge
        self.current_a = 0.0
        self.asleep = False
        self._starved_s = 0.0
        self._kicks_left = 0
        self._was_offered = False

    def plugged(self) -> None:
        """Wake up, as a car does when a cable goes in or out."""
        self.asleep = False
        self._starved_s = 0.0
        self._was_offered = False
        self.current_a = 0.0

    def wanted_a(self, offered_a: float) -> float:
        """Return the current it settles at for this offer."""
        model = self.model
        if offered_a < model.min_a or self.asleep or self.state_of_charge >= 1.0:
            return 0.0
        ceiling = model.max_a
        if self.state_of_charge > model.taper_from:
            left = (1.0 - self.state_of_charge) / (1.0 - model.taper_from)
            ceiling = max(2.0, model.max_a * left)
        return min(offered_a, ceiling)

    def given_a(self, asked_a: float) -> float:
        """Return the current it gives of what is asked for."""
        return min(asked_a, self.model.discharge_a) if self.state_of_charge > self.model.least_charge else 0.0

    def advance(self, offered_a: float, seconds: float, taken_back_a: float = 0.0) -> float:
        """Move towards the wanted current for this long and return it (A per used phase), negative while it gives."""
        self._watch_offer(offered_a >= self.model.min_a, seconds)
        target = -self.given_a(taken_back_a) if taken_back_a > 0 else self.wanted_a(offered_a)
        reach = self.model.max_a / self.model.ramp_s * seconds if self.model.ramp_s > 0 else self.model.max_a
        change = max(-reach, min(reach, target - self.current_a))
        self.current_a += change
        return self.current_a

    def fill(self, energy_wh: float) -> None:
        """Take this AC energy into the battery, or out of it where it is negative."""
        share = self.model.efficiency if energy_wh >= 0 else 1 / self.model.efficiency
        stored = energy_wh * share / self.model.capacity_wh
        self.state_of_charge = min(1.0, max(0.0, self.state_of_charge + stored))

    def _watch_offer(self, offered: bool, seconds: float) -> None:
        if offered and not self._was_offered and self.asleep:
            self._kicks_left -= 1
            self.asleep = self._kicks_left >= 0
        self._was_offered = offered
        self._starved_s = 0.0 if offered else self._starved_s + seconds
        limit = self.model.sleeps_after_s
        if limit is not None and self._starved_s >= limit and not self.asleep:
            self.asleep = True
            self._kicks_left = self.model.wake_kicks
