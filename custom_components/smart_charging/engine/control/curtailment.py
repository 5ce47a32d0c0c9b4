"""The arithmetic of a limit on feed-in, in W: what batteries take of what may not flow out, and what is left to PV systems.

`load_w` is what all but batteries draw, less what flows out of PV systems that can't be curtailed: it may be negative.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ..config import PvConfig


def curtailed(systems: Iterable[PvConfig]) -> list[PvConfig]:
    """Return the systems that can be curtailed."""
    return [one for one in systems if one.can_curtail]


def to_store_w(limit_w: float, load_w: float, pv_w: float, most_w: float) -> float:
    """Return what batteries, that may take `most_w` together, are to take of what PV yields beyond use and limit."""
    return min(max(0.0, pv_w - load_w - limit_w), most_w)


def may_yield_w(limit_w: float, load_w: float, stored_w: float) -> float:
    """Return what PV may yield while batteries take so much, below 0 while they give."""
    return max(0.0, load_w + limit_w + stored_w)


def ceilings(
    whole_w: float, systems: Iterable[PvConfig], least_w: Mapping[str, float] = MappingProxyType({})
) -> Mapping[str, float | None]:
    """Return what each system that can be curtailed may yield of a power, in proportion to their ratings.

    None for all where they could not yield more together. `least_w` is what some can be told at least: the others may
    yield the less, but together it may be more than the power.
    """
    led = curtailed(systems)
    rated_w = sum(one.installed_w for one in led)
    if whole_w >= rated_w or not led:
        return {one.pv_id: None for one in led}
    fixed_w = dict[str, float]()
    while True:
        free = [one for one in led if one.pv_id not in fixed_w]
        share = max(0.0, whole_w - sum(fixed_w.values())) / max(1.0, sum(one.installed_w for one in free))
        told_w = {one.pv_id: share * one.installed_w for one in free}
        bounds_w = {one.pv_id: min(least_w.get(one.pv_id, 0.0), one.installed_w) for one in free}
        below_w = {pv_id: bound_w for pv_id, bound_w in bounds_w.items() if bound_w > told_w[pv_id]}
        if not below_w:
            return {**fixed_w, **told_w}
        fixed_w |= below_w
