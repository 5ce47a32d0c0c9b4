"""Tariffs on the mean power of an interval: what was used of it, and what may still flow."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from ..config import PeakConfig

SHORTEST_LEFT_S = 60.0  # what is left of an interval is not spent in less: cars ramp, meters lag
LONGEST_GAP_S = 300.0  # the last power stands in for this long where the meter is silent


class PeakPreset(StrEnum):
    """Tariffs known by name."""

    FLANDERS = "flanders"
    NORWAY = "norway"
    SWEDEN = "sweden"
    GERMANY_BUSINESS = "germany_business"


PRESETS: Mapping[PeakPreset, PeakConfig] = {
    # Fluvius, capaciteitstarief: highest quarter hour of the month, at least 2.5 kW.
    PeakPreset.FLANDERS: PeakConfig(interval_min=15, target_w=2_500.0, floor_w=2_500.0, days=1),
    # NVE, kapasitetsledd: mean of the three highest hours of the month on different days.
    PeakPreset.NORWAY: PeakConfig(interval_min=60, target_w=5_000.0, days=3),
    # Effektavgift as most Swedish operators bill it: three highest hours on different days.
    PeakPreset.SWEDEN: PeakConfig(interval_min=60, target_w=5_000.0, days=3),
    # Registered load profile metering (RLM, StromNZV section 12): quarter hours.
    PeakPreset.GERMANY_BUSINESS: PeakConfig(interval_min=15, target_w=30_000.0, days=1),
}


@dataclass(frozen=True, slots=True)
class PeakMemory:
    """The running interval and the month so far; dates and months are local (ISO), power in W.

    `interval_start` is in UTC, so that the two equal hours of an autumn night are two. `energy_wh` flowed in
    the `counted_s` of the interval of which the power is known, the last of them at `counted_to`.
    `daily_peaks` holds the highest interval mean of each day of the month.
    """

    interval_start: datetime | None = None
    interval_min: int | None = None
    energy_wh: float = 0.0
    counted_s: float = 0.0
    counted_to: datetime | None = None
    power_w: float | None = None
    measured_at: datetime | None = None
    month: str | None = None
    daily_peaks: tuple[tuple[str, float], ...] = ()


def follow(memory: PeakMemory, config: PeakConfig, zone: str, power_w: float | None, now: datetime) -> PeakMemory:
    """Return the memory after the import since the last call; None where no meter tells, export counts as 0.

    Between two readings the earlier power is taken to have flowed, for at most `LONGEST_GAP_S`. Intervals
    that ended are kept as peaks of their day; a new month, or another length of intervals, begins without any.
    """
    memory = _begin_interval(memory, config, zone, now)
    memory = _count(memory, now)
    if power_w is None:
        return memory
    return replace(memory, power_w=max(0.0, power_w), measured_at=now, counted_to=now)


def mean_w(memory: PeakMemory, config: PeakConfig, zone: str, now: datetime) -> float:
    """Return the mean W of the running interval if nothing more flowed."""
    return _running(memory, config, zone, now).energy_wh / (config.interval_min / 60)


def target_w(memory: PeakMemory, config: PeakConfig, zone: str, now: datetime) -> float:
    """Return the interval mean in W that costs nothing more than was aimed for or is owed already.

    A day's own peak may be repeated; beside the other days' the lowest of the ones billed may be reached.
    """
    start = interval_start(config, zone, now)
    today, peaks = _day(start, zone), _peaks_of_month(memory, config, _month(start, zone))
    own = peaks.pop(today, 0.0)
    others = sorted(peaks.values(), reverse=True)
    owed = others[config.days - 1] if len(others) >= config.days else 0.0
    return max(config.target_w, config.floor_w, own, owed)


def month_peak_w(memory: PeakMemory, config: PeakConfig) -> float | None:
    """Return what the tariff would bill of the month so far in W, its floor included; None before any interval."""
    highest = sorted((mean for _, mean in memory.daily_peaks), reverse=True)[: config.days]
    return max(config.floor_w, sum(highest) / len(highest)) if highest else None


def allowed_w(memory: PeakMemory, config: PeakConfig, zone: str, now: datetime) -> float:
    """Return the mean import in W from now to the end of the interval that keeps to the target; may be negative.

    In the part of the interval that nobody measured, the target is taken to have flowed.
    """
    running, start = _running(memory, config, zone, now), interval_start(config, zone, now)
    unseen_s = max(0.0, (now - start).total_seconds() - running.counted_s)
    known_s = config.interval_min * 60 - unseen_s
    left_s = (start + timedelta(minutes=config.interval_min) - now).total_seconds()
    left_wh = target_w(memory, config, zone, now) * known_s / 3600 - running.energy_wh
    return left_wh * 3600 / max(SHORTEST_LEFT_S, left_s)


def interval_start(config: PeakConfig, zone: str, now: datetime) -> datetime:
    """Return the begin, in UTC, of the interval that `now` is in, aligned to the local clock."""
    local = now.astimezone(ZoneInfo(zone))
    into_hour = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return now.astimezone(UTC) - into_hour % timedelta(minutes=config.interval_min)


def _begin_interval(memory: PeakMemory, config: PeakConfig, zone: str, now: datetime) -> PeakMemory:
    """Return the memory in the interval of `now`, with the one before it kept as a peak if it ended."""
    start = interval_start(config, zone, now)
    if memory.interval_start == start and memory.interval_min == config.interval_min:
        return memory
    month = _month(start, zone)
    peaks = _peaks_of_month(memory, config, month)
    begun = memory.interval_start
    # A clock that was set back ends no interval.
    if begun is not None and memory.interval_min == config.interval_min and begun < start:
        ended = _count(memory, begun + timedelta(minutes=config.interval_min))
        if ended.counted_s > 0 and _month(begun, zone) == month:
            day, mean = _day(begun, zone), ended.energy_wh / (config.interval_min / 60)
            peaks[day] = max(peaks.get(day, 0.0), mean)
        memory = ended
    return replace(
        memory,
        interval_start=start,
        interval_min=config.interval_min,
        energy_wh=0.0,
        counted_s=0.0,
        counted_to=None if memory.counted_to is None else max(start, memory.counted_to),
        month=month,
        daily_peaks=tuple(sorted(peaks.items())),
    )


def _count(memory: PeakMemory, end: datetime) -> PeakMemory:
    """Return the memory with what flowed up to `end` at the last power, as far as that stands in."""
    if memory.power_w is None or memory.measured_at is None or memory.counted_to is None:
        return memory
    end = min(end, memory.measured_at + timedelta(seconds=LONGEST_GAP_S))
    passed_s = (end - memory.counted_to).total_seconds()
    if passed_s <= 0:
        return memory
    return replace(
        memory,
        energy_wh=memory.energy_wh + memory.power_w * passed_s / 3600,
        counted_s=memory.counted_s + passed_s,
        counted_to=end,
    )


def _running(memory: PeakMemory, config: PeakConfig, zone: str, now: datetime) -> PeakMemory:
    """Return the memory if it is of the interval of `now`, an empty one else."""
    same = memory.interval_start == interval_start(config, zone, now) and memory.interval_min == config.interval_min
    return memory if same else PeakMemory()


def _peaks_of_month(memory: PeakMemory, config: PeakConfig, month: str) -> dict[str, float]:
    """Return the days' peaks where they are of this month and of intervals of this length."""
    alike = memory.month == month and memory.interval_min in {None, config.interval_min}
    return dict(memory.daily_peaks) if alike else {}


def _day(start: datetime, zone: str) -> str:
    return start.astimezone(ZoneInfo(zone)).date().isoformat()


def _month(start: datetime, zone: str) -> str:
    return start.astimezone(ZoneInfo(zone)).strftime("%Y-%m")
