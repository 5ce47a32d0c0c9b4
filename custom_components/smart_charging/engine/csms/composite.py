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
    phases: int | None = None  # None where the station does not tell


@dataclass(frozen=True, slots=True)
class CompositeSchedule:
    """The limits of an EVSE in the near future; empty where the station knows of none."""

    start: datetime | None
    periods: tuple[CompositePeriod, ...]

    def limit_at(self, offset_s: float) -> float | None:
        """Return the limit this many seconds after the schedule's start."""
        period = self._period_at(offset_s)
        return None if period is None else period.limit_a

    def phases_at(self, offset_s: float) -> int | None:
        """Return the phases to be used this many seconds after the schedule's start, None if not told."""
        period = self._period_at(offset_s)
        return None if period is None else period.phases

    def _period_at(self, offset_s: float) -> CompositePeriod | None:
        return next((period for period in reversed(self.periods) if period.start_s <= offset_s), None)


def parse_composite(payload: Mapping[str, Json], wiring: Wiring) -> CompositeSchedule:
    """Read a GetCompositeSchedule response; periods that can't be read are left out.

    W are told of the phases that a period names, of those in use in the wiring where it names none.
    """
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
        if offset is None or limit is None:
            continue
        number = parse_number(element.get("numberPhases"))
        phases = int(number) if number in {1, 2, 3} else None
        periods.append(CompositePeriod(int(offset), wiring.using(phases).to_amperes(limit, unit), phases))
    periods.sort(key=lambda period: period.start_s)
    return CompositeSchedule(None if start is None else start.at, tuple(periods))
