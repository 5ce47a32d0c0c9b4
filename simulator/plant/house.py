"""What a household draws besides its chargers: a base load and appliances that come and go."""

from dataclasses import dataclass
import math
import random

from .phases import ZERO, Phases, add, phases

NOISE_S = 1.0


@dataclass(frozen=True, slots=True)
class Appliance:
    """A load of one size on one phase (or on all three), on and off for random whiles."""

    name: str
    power_w: float
    phase: int | None
    on_s: float
    off_s: float


HOUSEHOLD = (
    Appliance("fridge", 90.0, 0, 600.0, 1500.0),
    Appliance("kettle", 1900.0, 1, 150.0, 5400.0),
    Appliance("washing machine", 2000.0, 2, 900.0, 14400.0),
    Appliance("oven", 2400.0, 0, 1200.0, 18000.0),
    Appliance("heat pump", 1500.0, None, 1500.0, 5400.0),
)


@dataclass(slots=True)
class _Switch:
    appliance: Appliance
    is_on: bool
    until_s: float


class House:
    """The household's load per phase, repeatable for one seed, or held by hand."""

    def __init__(
        self,
        seed: int = 0,
        *,
        base_w: Phases = (180.0, 120.0, 100.0),
        appliances: tuple[Appliance, ...] = HOUSEHOLD,
        fixed_w: Phases | None = None,
        noise_w: float = 0.0,
    ) -> None:
        """Start with all appliances off; `fixed_w` holds the load until it is released.

        `noise_w` is how far each phase strays from that, anew each second (standard deviation).
        """
        self._random = random.Random(seed)
        self._base_w = base_w
        self._fixed_w = fixed_w
        self._elapsed_s = 0.0
        self._wave = self._random.uniform(0, math.tau)
        self._noise = random.Random(seed + 1)  # apart, so that it changes nothing else
        self._noise_w = noise_w
        self._stray_w: Phases = ZERO
        self._strayed_s = 0.0
        self._switches = [_Switch(a, False, self._while(a.off_s) * self._random.random()) for a in appliances]

    def hold(self, power_w: Phases | None) -> None:
        """Hold the load at these watts per phase, or let it live again with None."""
        self._fixed_w = power_w

    def advance(self, seconds: float) -> None:
        """Let time pass and appliances switch."""
        self._elapsed_s += seconds
        if self._noise_w > 0 and self._elapsed_s - self._strayed_s >= NOISE_S:
            self._strayed_s = self._elapsed_s
            self._stray_w = phases(self._noise.gauss(0.0, self._noise_w) for _ in range(3))
        for switch in self._switches:
            while switch.until_s <= self._elapsed_s:
                switch.is_on = not switch.is_on
                mean = switch.appliance.on_s if switch.is_on else switch.appliance.off_s
                switch.until_s += self._while(mean)

    def power_w(self) -> Phases:
        """Return the present draw per phase, never below 0."""
        load = self._living_w() if self._fixed_w is None else self._fixed_w
        return load if self._noise_w == 0 else phases(max(0.0, w) for w in add(load, self._stray_w))

    def _living_w(self) -> Phases:
        swell = 1.0 + 0.15 * math.sin(self._elapsed_s / 97.0 + self._wave)
        load = [base * swell for base in self._base_w]
        for switch in self._switches:
            if not switch.is_on:
                continue
            if switch.appliance.phase is None:
                load = [watts + switch.appliance.power_w / 3 for watts in load]
            else:
                load[switch.appliance.phase] += switch.appliance.power_w
        return phases(load)

    def _while(self, mean_s: float) -> float:
        return mean_s * self._random.uniform(0.5, 1.5)
