"""What one stay at an EVSE used, in stretches of time that sum to the meter: what prices are worked out from."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class EnergySource(StrEnum):
    """Where energy came from."""

    SOLAR = "solar"
    BATTERY = "battery"
    GRID = "grid"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageInterval:
    """A stretch of a stay, UTC: what was delivered in it in Wh, how much of that is known to be of the sun or a battery.

    `grid_wh` is known to be of the grid, the rest is of unknown origin. `charging` says that the car was being charged,
    or only stood there. `market_price` is what a kWh from the grid cost then, in the site's currency, None where
    nobody told. ValueError for what can't be.
    """

    start: datetime
    end: datetime
    energy_wh: Decimal = Decimal(0)
    solar_wh: Decimal = Decimal(0)
    battery_wh: Decimal = Decimal(0)
    grid_wh: Decimal = Decimal(0)
    charging: bool = False
    market_price: Decimal | None = None

    def __post_init__(self) -> None:
        """Refuse parts that don't fit into the whole, and time that runs backwards."""
        if self.start.tzinfo is None or self.end.tzinfo is None or self.end < self.start:
            raise ValueError("a stretch of time has zones and ends no earlier than it begins")
        parts = (self.solar_wh, self.battery_wh, self.grid_wh)
        if not self.energy_wh.is_finite() or any(not part.is_finite() or part < 0 for part in parts):
            raise ValueError("energy is a finite number of at least 0 Wh")
        if sum(parts) > self.energy_wh:
            raise ValueError("the parts of an energy are no more than the whole")

    @property
    def unknown_wh(self) -> Decimal:
        """Return the energy of unknown origin."""
        return self.energy_wh - self.solar_wh - self.battery_wh - self.grid_wh


class SignedMark(StrEnum):
    """What is known of a meter's signature on the values of a stay."""

    UNSIGNED = "unsigned"
    SIGNED = "signed"  # signed values are kept; nobody checked them
    VERIFIED = "verified"
    INVALID = "invalid"  # the signature does not fit the value


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """What somebody used at an EVSE: one or more transactions of one session and one driver, in order.

    `intervals` follow one another without gaps from `started_at` to `ended_at`. `clock_off` says that the station's
    times were replaced by ours. `corrected` counts how often late data changed it.
    """

    site_id: str
    session_id: int
    station_id: str
    evse_id: int
    transaction_ids: tuple[str, ...]
    started_at: datetime
    ended_at: datetime
    intervals: tuple[UsageInterval, ...]
    token_id: str | None = None
    driver_id: str | None = None
    vehicle_id: str | None = None
    meter_start_wh: Decimal | None = None
    meter_stop_wh: Decimal | None = None
    stop_reason: str | None = None
    offline: bool = False
    lost: bool = False
    clock_off: bool = False
    signed: SignedMark = SignedMark.UNSIGNED

    @property
    def energy_wh(self) -> Decimal:
        """Return what was delivered in all."""
        return sum((interval.energy_wh for interval in self.intervals), Decimal(0))
