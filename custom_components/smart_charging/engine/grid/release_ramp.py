"""A limit that ends or eases lets power rise slowly: on a line from where it was to all that could flow."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from .set_back import is_ahead

RELEASE_S: Final = 300.0  # section 14a EnWG asks for a gradual return; the grid operators' figure is five minutes
STEP_S: Final = 5.0  # how often a ramp's value is worth looking at


@dataclass(frozen=True, slots=True)
class ReleaseRamp:
    """A line from `start` at `since` to `full` after `length_s`; in the unit of the limit. `source_id` had held it."""

    start: float
    full: float
    since: datetime
    length_s: float
    source_id: str

    @property
    def ends_at(self) -> datetime:
        """Return when everything may flow again."""
        return self.since + timedelta(seconds=self.length_s)

    def value(self, now: datetime) -> float | None:
        """Return what may flow now, None once the ramp is over.

        Before its begin, as after a clock was set back, it is the start.
        """
        if now >= self.ends_at:
            return None
        passed = max(0.0, (now - self.since).total_seconds()) / self.length_s
        return self.start + passed * (self.full - self.start)


def not_ahead(ramp: ReleaseRamp | None, now: datetime) -> ReleaseRamp | None:
    """Return the ramp, from its begin where the clock was set back to before that."""
    return replace(ramp, since=now) if ramp is not None and is_ahead(ramp.since, now) else ramp


def release(
    before: float, target: float | None, full: float, *, now: datetime, length_s: float, source_id: str
) -> ReleaseRamp | None:
    """Return the ramp from a limit to an easier one (None: to none), None where there is nothing to climb."""
    top = full if target is None else min(target, full)
    if length_s <= 0 or before >= top:
        return None
    return ReleaseRamp(before, full, now, length_s, source_id)


def held_back(target: float | None, ramp: ReleaseRamp | None, now: datetime) -> float | None:
    """Return the limit that holds while a ramp runs: it may fall at once and rises along the line only."""
    line = None if ramp is None else ramp.value(now)
    if line is None or target is None:
        return line if target is None else target
    return min(target, line)
