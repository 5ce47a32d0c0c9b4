"""From powers that were seen to parts of what a meter counted: pure functions.

Powers are estimates and a register is not. What was seen between two readings of a register only says in which mixture
energy flowed; how much it was, the register says.
"""

from dataclasses import dataclass, field
from typing import Final

from ..energy_origin import EnergyOrigin
from .source_split import PowerSplit

LEAST_WH: Final = 1e-6  # what was seen of less says nothing of a mixture


@dataclass(frozen=True, slots=True)
class Rates:
    """What a kWh costs from the grid, earns into the grid, and stands for in grams of CO2; None where nobody tells."""

    import_price: float | None = None
    feed_in_price: float | None = None
    co2_g: float | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What flowed into an EVSE since its meter moved last, as seen; `gap` says that nobody looked for a while."""

    origin: EnergyOrigin = field(default_factory=EnergyOrigin)
    energy_wh: float = 0.0
    gap: bool = False


def with_interval(seen: Seen, split: PowerSplit, hours: float, rates: Rates) -> Seen:
    """Return what was seen with one interval more."""
    origin = _valued(hours * split.solar_w, hours * split.battery_w, hours * split.grid_w, rates)
    return Seen(seen.origin + origin, seen.energy_wh + hours * split.total_w, seen.gap)


def settled(seen: Seen, metered_wh: float) -> EnergyOrigin:
    """Return the parts of what a meter counted meanwhile, at most as much as that; the rest is of unknown origin.

    Where nobody looked for a while, what was seen stands for itself only: what the meter counted beyond it came then.
    """
    if seen.energy_wh < LEAST_WH or metered_wh <= 0:
        return EnergyOrigin()
    factor = metered_wh / seen.energy_wh
    return seen.origin.scaled(min(1.0, factor) if seen.gap else factor)


def _valued(solar_wh: float, battery_wh: float, grid_wh: float, rates: Rates) -> EnergyOrigin:
    """Return energy with what it costs: what a site makes and uses itself costs what it would have earned.

    That goes for what batteries give too: nobody knows when and from what they were filled. Where nobody tells
    what feeding in earns it is nothing. Only what comes from the grid stands for CO2.
    """
    cost = priced_wh = co2_g = co2_known_wh = 0.0
    own_wh = solar_wh + battery_wh
    if rates.import_price is not None:
        cost = (grid_wh * rates.import_price + own_wh * (rates.feed_in_price or 0.0)) / 1000
        priced_wh = own_wh + grid_wh
    if rates.co2_g is not None:
        co2_g, co2_known_wh = grid_wh * rates.co2_g / 1000, own_wh + grid_wh
    return EnergyOrigin(solar_wh, battery_wh, grid_wh, cost, priced_wh, co2_g, co2_known_wh)
