"""What a limit on feed-in asks of PV and batteries: charge what may not flow out, then curtail the rest."""

from dataclasses import dataclass
from datetime import datetime

from ..limit import LimitUnit
from .merge import Demand, Direction


@dataclass(frozen=True, slots=True)
class ExportDemand:
    """What may be fed in, W over all phases, and who asks for it."""

    limit_w: float
    source_id: str
    binding: bool
    until: datetime | None


@dataclass(frozen=True, slots=True)
class ExportFlows:
    """What a site does now, in W, each at least 0: production, what everything but batteries draws, discharge.

    `available_pv_w` is what PV could yield, as by forecast, None where only what it yields is known: an inverter that
    is curtailed shows no more than that. `battery_charge_max_w` is what batteries that can be led may take.
    """

    pv_w: float
    consumption_w: float
    battery_discharge_w: float = 0.0
    available_pv_w: float | None = None
    battery_charge_max_w: float = 0.0


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """What honours a limit on feed-in, in W: `exports_w` is what would flow out without it."""

    pv_ceiling_w: float
    battery_charge_w: float
    battery_discharge_max_w: float
    exports_w: float


def export_demand(demands: tuple[Demand, ...]) -> ExportDemand | None:
    """Return the tightest of all demands on feed-in, None where there is none; A count on all phases alike."""
    told = [one for one in demands if one.target.direction is Direction.EXPORT]
    first = min(told, key=lambda one: (one.value_w, one.target.unit is not LimitUnit.WATT), default=None)
    return None if first is None else ExportDemand(first.value_w, first.source_id, first.binding, first.until)


def honour_export(limit_w: float, flows: ExportFlows) -> ExportPlan:
    """Return what PV may yield and batteries are to do so that no more than the limit flows out.

    Batteries take what PV yields beyond consumption and limit; what they can't take is curtailed. They discharge
    no more than what is drawn beyond PV and what may flow out.
    """
    yields_w = max(flows.pv_w, flows.available_pv_w or 0.0)
    room_w = max(0.0, flows.consumption_w) + max(0.0, limit_w)  # what PV and batteries may give together
    charge_w = min(max(0.0, yields_w - room_w), max(0.0, flows.battery_charge_max_w))
    ceiling_w = room_w + charge_w
    discharge_w = max(0.0, room_w - min(yields_w, ceiling_w))
    exports_w = max(0.0, yields_w + flows.battery_discharge_w - max(0.0, flows.consumption_w))
    return ExportPlan(ceiling_w, charge_w, discharge_w, exports_w)
