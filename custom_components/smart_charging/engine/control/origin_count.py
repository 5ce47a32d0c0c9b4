"""From powers that were seen to parts of what a meter counted: pure functions.

Powers are estimates and a register is not. What was seen between two readings of a register only says in which mixture
energy flowed; how much it was, the register says.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from ..energy_origin import EnergyOrigin, OriginSlot
from .source_split import PowerSplit

LEAST_WH: Final = 1e-6  # what was seen of less says nothing of a mixture
MOST_SLOTS: Final = 96  # for which a meter that does not move is waited for: a day


@dataclass(frozen=True, slots=True)
class Rates:
    """What a kWh costs from the grid, earns into the grid, and stands for in grams of CO2; None where nobody tells."""

    import_price: float | None = None
    feed_in_price: float | None = None
    co2_g: float | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What flowed into an EVSE since its meter moved last, as seen; `gap` says that nobody looked for a while.

    `slots` are the parts of `origin` by the quarter hour, in the order of time.
    """

    origin: EnergyOrigin = field(default_factory=EnergyOrigin)
    energy_wh: float = 0.0
    gap: bool = False
    slots: tuple[OriginSlot, ...] = ()


def with_interval(seen: Seen, split: PowerSplit, hours: float, rates: Rates, slot: datetime) -> Seen:
    """Return what was seen with one interval more, of the quarter hour that begins at `slot`.

    A meter that did not move for a day counts nothing of what seems to flow: of that, nothing is kept then.
    """
    if len(seen.slots) >= MOST_SLOTS and seen.slots[-1].start != slot:
        seen = Seen(gap=True)
    solar_wh, battery_wh, grid_wh = hours * split.solar_w, hours * split.battery_w, hours * split.grid_w
    origin = _valued(solar_wh, battery_wh, grid_wh, rates)
    slots = _with_slot(seen.slots, OriginSlot(slot, solar_wh, battery_wh, grid_wh))
    return replace(seen, origin=seen.origin + origin, energy_wh=seen.energy_wh + hours * split.total_w, slots=slots)


def settled(seen: Seen, metered_wh: float) -> EnergyOrigin:
    """Return the parts of what a meter counted meanwhile, at most as much as that; the rest is of unknown origin.

    Where nobody looked for a while, what was seen stands for itself only: what the meter counted beyond it came then.
    """
    return seen.origin.scaled(_factor(seen, metered_wh))


def settled_slots(seen: Seen, metered_wh: float) -> tuple[OriginSlot, ...]:
    """Return the same parts by the quarter hour that they were seen in, without those of which nothing is known."""
    factor = _factor(seen, metered_wh)
    scaled = (
        OriginSlot(one.start, factor * one.solar_wh, factor * one.battery_wh, factor * one.grid_wh)
        for one in seen.slots
    )
    return tuple(one for one in scaled if one.solar_wh or one.battery_wh or one.grid_wh)


def _factor(seen: Seen, metered_wh: float) -> float:
    if seen.energy_wh < LEAST_WH or metered_wh <= 0:
        return 0.0
    factor = metered_wh / seen.energy_wh
    return min(1.0, factor) if seen.gap else factor


def _with_slot(slots: tuple[OriginSlot, ...], more: OriginSlot) -> tuple[OriginSlot, ...]:
    if slots and slots[-1].start == more.start:
        return (*slots[:-1], slots[-1] + more)
    return (*slots, more)


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
