"""What a station says its limits will be: its answer to GetCompositeSchedule, in A per phase."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ..model import Json
from .meter_values import parse_number
from .profiles import Wiring
from .state import RateUnit
from .timestamps import parse_time


@dataclass(frozen=True, slots=True)
class CompositePeriod:
    """A limit from `start_s` seconds after the schedule's start."""

    start_s: int
    limit_a: float


@dataclass(frozen=True, slots=True)
class CompositeSchedule:
    """The limits of an EVSE in the near future; empty where the station knows of none."""

    start: datetime | None
    periods: tuple[CompositePeriod, ...]

    def limit_at(self, offset_s: float) -> float | None:
        """Return the limit this many seconds after the schedule's start."""
        limit = None
        for period in self.periods:
            if period.start_s <= offset_s:
                limit = period.limit_a
        return limit


def parse_composite(payload: Mapping[str, Json], wiring: Wiring) -> CompositeSchedule:
    """Read a GetCompositeSchedule response; periods that can't be read are left out."""
    schedule = payload.get("chargingSchedule")
    if not isinstance(schedule, dict):
        return CompositeSchedule(None, ())
    unit = RateUnit.W if schedule.get("chargingRateUnit") == RateUnit.W.value else RateUnit.A
    start = parse_time(payload.get("scheduleStart")) or parse_time(schedule.get("startSchedule"))
    raw = schedule.get("chargingSchedulePeriod")
    periods = []
    for element in raw if isinstance(raw, list) else []:
        if not isinstance(element, dict):
            continue
        offset, limit = parse_number(element.get("startPeriod")), parse_number(element.get("limit"))
        if offset is not None and limit is not None:
            periods.append(CompositePeriod(int(offset), wiring.to_amperes(limit, unit)))
    periods.sort(key=lambda period: period.start_s)
    return CompositeSchedule(None if start is None else start.at, tuple(periods))
