"""The demand on feed-in that counts; what it asks of PV and batteries is decided in `control`."""

from dataclasses import dataclass
from datetime import datetime

from ..limit import LimitUnit
from .merge import Demand, Direction


@dataclass(frozen=True, slots=True)
class ExportDemand:
    """What may be fed in, W over all phases, and who asks for it.

    `of_unknown` tells that it is a percentage of a PV power that nobody told: then it counts as 0 W.
    """

    limit_w: float
    source_id: str
    binding: bool
    until: datetime | None
    of_unknown: bool = False


def export_demand(demands: tuple[Demand, ...]) -> ExportDemand | None:
    """Return the tightest of all demands on feed-in, None where there is none; A count on all phases alike."""
    told = [one for one in demands if one.target.direction is Direction.EXPORT]
    first = min(told, key=lambda one: (one.value_w, one.target.unit is not LimitUnit.WATT), default=None)
    if first is None:
        return None
    return ExportDemand(first.value_w, first.source_id, first.binding, first.until, first.of_unknown)
