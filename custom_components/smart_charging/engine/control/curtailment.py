"""The arithmetic of a limit on feed-in: what batteries take of what may not flow out, and what is left to PV systems."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..config import PvConfig


@dataclass(frozen=True, slots=True)
class ExportFlows:
    """What a site does now, in W: production of systems that can be curtailed and of others, and what all but batteries draw.

    `available_pv_w` is what the former could yield, None where only what they yield is known: an inverter that
    is curtailed shows no more than that. `battery_charge_max_w` is what batteries that can be led may take.
    """

    pv_w: float
    consumption_w: float
    fixed_pv_w: float = 0.0
    available_pv_w: float | None = None
    battery_charge_max_w: float = 0.0


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """What honours a limit on feed-in, in W, once batteries do what they are told."""

    pv_ceiling_w: float
    battery_charge_w: float
    battery_discharge_max_w: float


def honour_export(limit_w: float, flows: ExportFlows) -> ExportPlan:
    """Return what PV may yield and batteries are to do so that no more than the limit flows out.

    Batteries take what PV yields beyond consumption and limit; what they can't take is curtailed. They discharge
    no more than what is drawn beyond PV and what may flow out.
    """
    yields_w = max(flows.pv_w, flows.available_pv_w or 0.0)
    room_w = flows.consumption_w - flows.fixed_pv_w + limit_w  # what curtailed PV and batteries may give together
    charge_w = min(max(0.0, yields_w - room_w), flows.battery_charge_max_w)
    ceiling_w = max(0.0, room_w + charge_w)
    return ExportPlan(ceiling_w, charge_w, max(0.0, room_w - min(yields_w, ceiling_w)))


def ceilings(whole_w: float, systems: Sequence[PvConfig]) -> Mapping[str, float | None]:
    """Return what each system that can be curtailed may yield of a power, in W, in proportion to their ratings.

    None for all where they could not yield more together.
    """
    curtailed = [one for one in systems if one.can_curtail]
    rated_w = sum(one.installed_w for one in curtailed)
    if whole_w >= rated_w:
        return {one.pv_id: None for one in curtailed}
    return {one.pv_id: max(0.0, whole_w) * (one.installed_w / rated_w) for one in curtailed}
