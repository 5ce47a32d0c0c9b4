"""Which part of what each EVSE draws comes from the sun, from batteries and from the grid.

The rule: what the site makes serves the house first, the sun's power before the batteries'. What the house leaves goes
to the EVSEs, in proportion to what they draw: the sun's first, then the batteries'. The grid gives the rest. A battery
that charges comes last: it is filled by what cars leave.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from math import fsum


@dataclass(frozen=True, slots=True)
class SiteFlows:
    """A site's powers in W: import, production, discharge > 0; None where nobody tells.

    `pv_w` and `battery_w` are 0 where it is certain that there is none.
    """

    grid_w: float | None = None
    pv_w: float | None = None
    battery_w: float | None = None


@dataclass(frozen=True, slots=True)
class PowerSplit:
    """Parts of what an EVSE draws, in W; together they are what it draws."""

    solar_w: float = 0.0
    battery_w: float = 0.0
    grid_w: float = 0.0
    unknown_w: float = 0.0

    @property
    def total_w(self) -> float:
        """Return what the EVSE draws."""
        return self.solar_w + self.battery_w + self.grid_w + self.unknown_w


def split_sources[K: Hashable](flows: SiteFlows, drawn_w: Mapping[K, float]) -> dict[K, PowerSplit]:
    """Return where what each EVSE draws comes from; `drawn_w` is negative for a car that gives.

    What a car gives counts as a battery's. Nothing is assumed of what nobody measures: what may be the sun's, a
    battery's or the grid's is unknown. The order of EVSEs makes no difference.
    """
    taken_w = fsum(power for power in drawn_w.values() if power > 0)
    if taken_w <= 0:
        return dict.fromkeys(drawn_w, PowerSplit())
    given_w = -fsum(power for power in drawn_w.values() if power < 0)
    whole = _split(flows, taken_w, given_w)
    return {key: _share(whole, power, taken_w) for key, power in drawn_w.items()}


def _split(flows: SiteFlows, taken_w: float, given_w: float) -> PowerSplit:
    """Return where what all EVSEs draw together comes from."""
    if flows.battery_w is None:
        return PowerSplit(unknown_w=taken_w)
    stored_w = max(0.0, flows.battery_w) + given_w
    if flows.grid_w is None:
        if flows.pv_w is not None and flows.pv_w <= 0 and stored_w <= 0:
            return PowerSplit(grid_w=taken_w)  # nothing else gives
        return PowerSplit(unknown_w=taken_w)
    if flows.pv_w is None:
        # Whatever the site makes: the cars' part of the import is what the house leaves them to take from the grid.
        bought_w = min(taken_w, max(0.0, flows.grid_w + min(0.0, flows.battery_w)))
        return PowerSplit(grid_w=bought_w, unknown_w=taken_w - bought_w)
    pv_w = max(0.0, flows.pv_w)
    # Meters are not read at the same moment: the house never gives.
    house_w = max(0.0, pv_w + flows.battery_w + flows.grid_w + given_w - taken_w)
    solar_w = min(taken_w, max(0.0, pv_w - house_w))
    battery_w = min(taken_w - solar_w, max(0.0, stored_w - max(0.0, house_w - pv_w)))
    return PowerSplit(solar_w, battery_w, max(0.0, taken_w - solar_w - battery_w))


def _share(whole: PowerSplit, power_w: float, taken_w: float) -> PowerSplit:
    share = max(0.0, power_w) / taken_w
    return PowerSplit(share * whole.solar_w, share * whole.battery_w, share * whole.grid_w, share * whole.unknown_w)
