"""A home battery that keeps the grid exchange near zero as far as its power and content allow."""

from dataclasses import dataclass


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
    """Its state; power is positive while it discharges."""

    def __init__(self, rating: BatteryRating, state_of_charge: float = 0.5) -> None:
        """Begin idle with this share of its capacity."""
        self.rating = rating
        self.state_of_charge = state_of_charge
        self.power_w = 0.0
        self.charged_wh = 0.0
        self.discharged_wh = 0.0

    def advance(self, demand_w: float, seconds: float) -> None:
        """Follow what the rest of the site lacks (positive) or has too much of (negative) for this long."""
        rating = self.rating
        wanted = min(rating.max_discharge_w, max(-rating.max_charge_w, demand_w))
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
