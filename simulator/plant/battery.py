"""A home battery: keeps the grid exchange near zero by itself, or does what it is told from outside."""

from dataclasses import dataclass
from enum import StrEnum


class BatteryMode(StrEnum):
    """What a battery is told."""

    NORMAL = "normal"
    """Follows the site's lack or surplus of power."""
    HOLD = "hold"
    """Takes surplus and gives nothing."""
    CHARGE = "charge"
    """Charges at a fixed power, whatever the site does."""
    DISCHARGE = "discharge"
    """Gives a fixed power."""


@dataclass(frozen=True, slots=True)
class BatteryRating:
    """What the battery can do: Wh, W, shares of 1, and the seconds its control lags."""

    capacity_wh: float = 10_000.0
    max_charge_w: float = 5_000.0
    max_discharge_w: float = 5_000.0
    efficiency: float = 0.95
    reserve: float = 0.05
    lag_s: float = 1.0


class Battery:
    """Its state; power is positive while it discharges. Told what to do it obeys, unless `obeys` is off.

    With `own_control` off it follows the site in no mode: it charges and discharges only as told.
    """

    def __init__(
        self, rating: BatteryRating, state_of_charge: float = 0.5, *, obeys: bool = True, own_control: bool = True
    ) -> None:
        """Begin idle with this share of its capacity."""
        self.rating = rating
        self.state_of_charge = state_of_charge
        self.obeys = obeys
        self.own_control = own_control
        self.mode = BatteryMode.NORMAL
        self.told_w = 0.0
        self.power_w = 0.0
        self.charged_wh = 0.0
        self.discharged_wh = 0.0

    def command(self, mode: BatteryMode, power_w: float = 0.0) -> None:
        """Tell it what to do; `power_w` >= 0 counts for charge and discharge, ValueError below 0."""
        if power_w < 0:
            raise ValueError("a power to charge or discharge with is not negative")
        self.mode, self.told_w = mode, power_w

    def appetite_w(self) -> float:
        """Return how much of a surplus it would take now, negative while it discharges in any case."""
        match self._obeyed:
            case BatteryMode.CHARGE:
                return min(self.told_w, self.rating.max_charge_w)
            case BatteryMode.DISCHARGE:
                return -min(self.told_w, self.rating.max_discharge_w)
            case _:
                hungry = self.own_control and self.state_of_charge < 1.0
                return self.rating.max_charge_w if hungry else 0.0

    def advance(self, demand_w: float, seconds: float) -> None:
        """Act for this long while the rest of the site lacks (positive) or has too much (negative) of this power."""
        rating = self.rating
        wanted = min(rating.max_discharge_w, max(-rating.max_charge_w, self._wanted_w(demand_w)))
        share = min(1.0, seconds / rating.lag_s) if rating.lag_s > 0 else 1.0
        power = self.power_w + (wanted - self.power_w) * share
        hours = seconds / 3600
        if hours > 0 and power > 0:
            stored = max(0.0, self.state_of_charge - rating.reserve) * rating.capacity_wh
            power = min(power, stored * rating.efficiency / hours)
            self.state_of_charge -= power * hours / rating.efficiency / rating.capacity_wh
            self.discharged_wh += power * hours
        elif hours > 0:
            room = max(0.0, 1.0 - self.state_of_charge) * rating.capacity_wh
            power = -min(-power, room / rating.efficiency / hours)
            self.state_of_charge += -power * hours * rating.efficiency / rating.capacity_wh
            self.charged_wh += -power * hours
        self.power_w = power

    @property
    def _obeyed(self) -> BatteryMode:
        return self.mode if self.obeys else BatteryMode.NORMAL

    def _wanted_w(self, demand_w: float) -> float:
        match self._obeyed:
            case BatteryMode.CHARGE:
                return -self.told_w
            case BatteryMode.DISCHARGE:
                return self.told_w
            case _ if not self.own_control:
                return 0.0
            case BatteryMode.HOLD:
                return min(0.0, demand_w)
            case _:
                return demand_w
