"""Where energy came from and what it was worth: a value with its arithmetic."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

SLOT: Final = timedelta(minutes=15)  # a quarter hour in UTC is one by every clock on a wall
_BEGIN: Final = datetime(1970, 1, 1, tzinfo=UTC)

NOTHING_WH: Final = 0.5  # less is the noise of readings: nothing can be said of it
TELLING_SHARE: Final = 0.5  # with more of unknown origin a share of the whole would only mislead


def slot_of(at: datetime) -> datetime:
    """Return the begin of the quarter hour by the clock that a moment (aware) lies in, in UTC."""
    return at.astimezone(UTC) - (at - _BEGIN) % SLOT


@dataclass(frozen=True, slots=True)
class OriginSlot:
    """Parts in Wh of what a session took in the quarter hour that begins at `start`; of the rest nobody knows the origin."""

    start: datetime
    solar_wh: float = 0.0
    battery_wh: float = 0.0
    grid_wh: float = 0.0

    def __add__(self, other: OriginSlot) -> OriginSlot:
        """Add the parts of another one of the same quarter hour."""
        return OriginSlot(
            self.start,
            self.solar_wh + other.solar_wh,
            self.battery_wh + other.battery_wh,
            self.grid_wh + other.grid_wh,
        )


@dataclass(frozen=True, slots=True)
class EnergyOrigin:
    """Parts of an energy in Wh by where they came from; what is in none of them is of unknown origin.

    `cost` is what `priced_wh` came to, in the currency of the site's prices; `co2_g` the grams of CO2 that
    `co2_known_wh` stand for. Neither says anything of the rest.
    """

    solar_wh: float = 0.0
    battery_wh: float = 0.0
    grid_wh: float = 0.0
    cost: float = 0.0
    priced_wh: float = 0.0
    co2_g: float = 0.0
    co2_known_wh: float = 0.0

    @property
    def known_wh(self) -> float:
        """Return the energy whose origin is known."""
        return self.solar_wh + self.battery_wh + self.grid_wh

    @property
    def price(self) -> float | None:
        """Return the average price of a kWh, None where none has a price."""
        return 1000 * self.cost / self.priced_wh if self.priced_wh >= NOTHING_WH else None

    @property
    def co2_g_per_kwh(self) -> float | None:
        """Return the average grams of CO2 of a kWh, None where nobody tells any."""
        return 1000 * self.co2_g / self.co2_known_wh if self.co2_known_wh >= NOTHING_WH else None

    def solar_share(self, energy_wh: float) -> float | None:
        """Return the part of a metered energy that is known to be the sun's; None where too little is known of it."""
        if self.known_wh < max(NOTHING_WH, TELLING_SHARE * energy_wh):
            return None
        return min(1.0, self.solar_wh / energy_wh)

    def __add__(self, other: EnergyOrigin) -> EnergyOrigin:
        """Add part by part."""
        return EnergyOrigin(
            self.solar_wh + other.solar_wh,
            self.battery_wh + other.battery_wh,
            self.grid_wh + other.grid_wh,
            self.cost + other.cost,
            self.priced_wh + other.priced_wh,
            self.co2_g + other.co2_g,
            self.co2_known_wh + other.co2_known_wh,
        )

    def scaled(self, factor: float) -> EnergyOrigin:
        """Return the same mixture of more or less energy."""
        return EnergyOrigin(
            factor * self.solar_wh,
            factor * self.battery_wh,
            factor * self.grid_wh,
            factor * self.cost,
            factor * self.priced_wh,
            factor * self.co2_g,
            factor * self.co2_known_wh,
        )

    def within(self, energy_wh: float) -> EnergyOrigin:
        """Return the parts of what a meter counted: the same, or less where the count was corrected downwards."""
        return self if self.known_wh <= energy_wh else self.scaled(max(0.0, energy_wh) / self.known_wh)
