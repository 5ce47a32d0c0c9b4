"""The arithmetic of a limit on feed-in, in W: what batteries take of what may not flow out, and what is left to PV systems.

`load_w` is what all but batteries draw, less what flows out of PV systems that can't be curtailed: it may be negative.
"""

from collections.abc import Iterable, Mapping

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


def ceilings(whole_w: float, systems: Iterable[PvConfig]) -> Mapping[str, float | None]:
    """Return what each system that can be curtailed may yield of a power, in proportion to their ratings.

    None for all where they could not yield more together.
    """
    led = curtailed(systems)
    rated_w = sum(one.installed_w for one in led)
    if whole_w >= rated_w or not led:
        return {one.pv_id: None for one in led}
    share = max(0.0, whole_w) / rated_w
    return {one.pv_id: share * one.installed_w for one in led}
