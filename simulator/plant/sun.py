"""What the photovoltaic generator yields: a clear sky, clouds that pass, or a fixed power."""

from datetime import UTC, datetime, timedelta
import math
import random
from typing import Protocol


class Sun(Protocol):
    """A source of AC power from the sun."""

    def power_w(self, now: datetime) -> float:
        """Return the AC power at this moment in W."""


class FixedSun:
    """A power that changes only by hand."""

    def __init__(self, power_w: float) -> None:
        """Yield this power in W."""
        self._power_w = power_w

    def power_w(self, now: datetime) -> float:
        """Return the power that was set."""
        del now
        return self._power_w


class Clouds:
    """How much light passes, 0.25 to 1, smooth in time and repeatable for one seed."""

    def __init__(self, seed: int = 0) -> None:
        """Choose the waves that make up this sky."""
        source = random.Random(seed)
        periods_s = (1511.0, 673.0, 311.0, 127.0)
        weights = (0.9, 1.0, 0.7, 0.3)
        self._waves = [(math.tau / p, source.uniform(0, math.tau), w) for p, w in zip(periods_s, weights, strict=True)]

    def transmission(self, seconds: float) -> float:
        """Return the share of clear-sky light at this second."""
        cover = sum(weight * math.sin(speed * seconds + shift) for speed, shift, weight in self._waves)
        return 1.0 - 0.75 * min(1.0, max(0.0, cover - 0.4))


class NoonSun:
    """A sun that stands near noon since the start, with clouds moving before it: for a demo at any hour."""

    def __init__(self, peak_w: float, start: datetime, seed: int = 0) -> None:
        """Let clouds move from `start` on, before a generator of `peak_w`."""
        self._peak_w = peak_w
        self._start = start
        self._clouds = Clouds(seed)

    def power_w(self, now: datetime) -> float:
        """Return the AC power in W."""
        return 0.9 * self._peak_w * self._clouds.transmission((now - self._start).total_seconds())


class RealSun:
    """The sun's own path at a place, with clouds."""

    def __init__(self, peak_w: float, latitude: float = 48.0, longitude: float = 11.0, seed: int = 0) -> None:
        """Stand at this place (degrees north and east) with a generator of `peak_w`."""
        self._peak_w = peak_w
        self._latitude = math.radians(latitude)
        self._longitude = longitude
        self._clouds = Clouds(seed)

    def power_w(self, now: datetime) -> float:
        """Return the AC power in W: the generator's peak times the sine of the sun's height, under clouds."""
        return self._peak_w * max(0.0, self._height_sine(now)) * self._clouds.transmission(now.timestamp())

    def _height_sine(self, now: datetime) -> float:
        solar = now.astimezone(UTC) + timedelta(hours=self._longitude / 15.0)
        day = solar.timetuple().tm_yday
        declination = math.radians(-23.44) * math.cos(math.tau * (day + 10) / 365.0)
        hour_angle = math.tau * ((solar.hour + solar.minute / 60 + solar.second / 3600) / 24.0 - 0.5)
        upright = math.sin(self._latitude) * math.sin(declination)
        return upright + math.cos(self._latitude) * math.cos(declination) * math.cos(hour_angle)


class Photovoltaics:
    """The generator behind its inverter: follows the sun, or a hand; counts what it made.

    With `zero_export` the inverter makes no more than the site takes, and never more than it was told; it follows both with
    `lag_s`.
    """

    def __init__(self, sun: Sun, *, zero_export: bool = False, lag_s: float = 1.0) -> None:
        """Follow this sun."""
        self._sun = sun
        self._fixed_w: float | None = None
        self._lag_s = lag_s
        self._ceiling_w: float | None = None
        self._follows = zero_export
        self.zero_export = zero_export
        self.available_w = 0.0
        self.power_w = 0.0
        self.energy_wh = 0.0

    def hold(self, power_w: float | None) -> None:
        """Hold the yield at this power in W, or follow the sun again with None."""
        self._fixed_w = power_w

    def curtail(self, ceiling_w: float | None) -> None:
        """Tell the inverter to make no more than this power in W, or all it can with None."""
        self._ceiling_w, self._follows = ceiling_w, True

    def advance(self, now: datetime, seconds: float, taken_w: float = math.inf) -> None:
        """Yield power for this long, while the site takes so much of it."""
        self.available_w = self._sun.power_w(now) if self._fixed_w is None else self._fixed_w
        most_w = max(0.0, taken_w) if self.zero_export else math.inf
        wanted_w = min(self.available_w, most_w, math.inf if self._ceiling_w is None else self._ceiling_w)
        if self._follows and self._lag_s > 0:
            wanted_w = self.power_w + (wanted_w - self.power_w) * min(1.0, seconds / self._lag_s)
        self.power_w = min(self.available_w, wanted_w)
        self.energy_wh += self.power_w * seconds / 3600
