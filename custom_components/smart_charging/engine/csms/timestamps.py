"""Times on the wire: tolerant reading, one way of writing, and the offset of a station's clock."""

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter
import re
from statistics import median

ZONE_STEP_S = 900.0  # time zones differ by quarters of an hour
_ZONE_TOLERANCE_S = 60.0
_CLUSTER_S = 5.0  # transport delay that still counts as "the same offset"
_MIN_SAMPLES = 3
_MIN_SPAN_S = 15.0  # a replayed queue is quicker than this
_WINDOW = 15
_SAMPLE_GAP_S = 5.0
_SMALL_OFFSET_S = 2.0  # indistinguishable from transport delay

_lead = itemgetter(1)
_LEAP_SECOND = re.compile(r"(?<=T\d{2}:59):60")
_ZONED = re.compile(r"(Z|[+-]\d{2}:?\d{2})$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class StationTime:
    """A time as a station wrote it, read as UTC where it named no zone."""

    at: datetime
    zoned: bool


def format_time(at: datetime) -> str:
    """Write a time as UTC with milliseconds and `Z`; some stations drop the link without the fraction."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def parse_time(text: object) -> StationTime | None:
    """Read an ISO 8601 time as stations write it; None if it can't be read."""
    if not isinstance(text, str):
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return _parse_unusual(text)
    if parsed.tzinfo is UTC:  # as almost all stations write it
        return StationTime(parsed, zoned=True)
    return _in_utc(parsed, text.strip())


def _parse_unusual(text: str) -> StationTime | None:
    """Read a time with space around it or within, or in a leap second."""
    cleaned = text.strip().replace(" ", "T", 1)
    leap = _LEAP_SECOND.search(cleaned)
    if leap is not None:
        cleaned = cleaned[: leap.start()] + ":59" + cleaned[leap.end() :]
    try:
        parsed = datetime.fromisoformat(cleaned) + timedelta(seconds=leap is not None)
    except ValueError, OverflowError:
        return None
    return _in_utc(parsed, cleaned)


def _in_utc(parsed: datetime, cleaned: str) -> StationTime | None:
    zoned = parsed.tzinfo is not None and _ZONED.search(cleaned) is not None
    try:
        return StationTime(parsed.astimezone(UTC) if zoned else parsed.replace(tzinfo=UTC), zoned)
    except OverflowError:  # year 1 or 9999 beside a zone
        return None


class ClockOffset:
    """How far a station's clock is ahead of ours, learnt from times that came with live messages.

    A replayed offline queue carries old times too, but their distance to now changes as the
    replay runs faster than time; a wrong clock keeps its distance. So an offset is believed once
    three samples over 15 s agree within 5 s, and the one that is furthest ahead wins.
    """

    def __init__(self) -> None:
        """Begin by trusting the station's clock."""
        self._samples: deque[tuple[float, float, bool]] = deque(maxlen=_WINDOW)
        self.total_s = 0.0
        self.zone_s = 0.0

    @property
    def clock_s(self) -> float:
        """Return the offset of the clock itself, without a time zone that is merely left out in print."""
        return self.total_s - self.zone_s

    def reset(self) -> None:
        """Forget the samples: after a boot the station takes over our time."""
        self._samples.clear()
        self.total_s = 0.0
        self.zone_s = 0.0

    def observe(self, time: StationTime, received_at: datetime, monotonic_s: float) -> None:
        """Take in the time of a message that stations do not queue by specification."""
        lead_s = (time.at - received_at).total_seconds()
        if self._samples:
            before_s, lead_before_s, _ = self._samples[-1]
            if monotonic_s - before_s < _SAMPLE_GAP_S and abs(lead_s - lead_before_s) < _SMALL_OFFSET_S:
                return  # tells nothing new
        self._samples.append((monotonic_s, lead_s, time.zoned))
        ahead = sorted(self._samples, key=_lead, reverse=True)
        for index in range(len(ahead) - _MIN_SAMPLES + 1):
            nearest = ahead[index][1] - _CLUSTER_S
            if ahead[index + _MIN_SAMPLES - 1][1] < nearest:
                continue  # too few agree with this one
            cluster = [sample for sample in ahead[index:] if sample[1] >= nearest]
            moments = [sample[0] for sample in cluster]
            if max(moments) - min(moments) >= _MIN_SPAN_S:
                self._believe(median(sample[1] for sample in cluster), all(not sample[2] for sample in cluster))
                return

    def _believe(self, offset_s: float, unzoned: bool) -> None:
        self.total_s = 0.0 if abs(offset_s) <= _SMALL_OFFSET_S else offset_s
        steps = round(self.total_s / ZONE_STEP_S)
        is_zone = unzoned and steps != 0 and abs(self.total_s - steps * ZONE_STEP_S) <= _ZONE_TOLERANCE_S
        self.zone_s = steps * ZONE_STEP_S if is_zone else 0.0

    def to_ours(self, at: datetime) -> datetime:
        """Return a time of the station's in our clock."""
        return at - timedelta(seconds=self.total_s)

    def to_station(self, at: datetime) -> datetime:
        """Return our time in the station's clock, for schedules."""
        return at + timedelta(seconds=self.clock_s)
