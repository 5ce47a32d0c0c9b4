"""Which measurements are due after each record of the proof log, and what they say: pure, and safe over a restart.

The log itself says which records wait for measurements, so none is made twice or forgotten when the process dies.
What only memory knows, when the power came down, is in the `ProofSchedule`, which is plain data to be remembered.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
import math
from typing import Final

from ..grid_record import FOLLOW_UPS_S, FollowUp, GridPowers, GridRecord, ProofResult, ProvenRecord
from ..model import EvseKey
from .proof_pace import differs
from .signal import SignalKind, SignalScope

LATE_S: Final = 5.0  # a measurement later than this is none of the moment it was due at
TOLERANCE_W: Final = 100.0  # what meters and chargers may be off ...
TOLERANCE_SHARE: Final = 0.01  # ... or this part of the limit, whichever is more


@dataclass(frozen=True, slots=True)
class MeasuredPowers:
    """What is measured now, W over all phases; None, or no entry, where nothing tells it or it is stale.

    `grid_w` is positive when drawn from the grid. `controllable_w` is what controllable devices draw from the grid,
    the surplus that they may use on top already taken off. `evses` is what each EVSE draws.
    """

    grid_w: float | None = None
    chargers_w: float | None = None
    controllable_w: float | None = None
    evses: Mapping[EvseKey, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OpenRecord:
    """A record that waits for measurements.

    `due` are the seconds still to come, `below_since` is since when the limit is obeyed, `held_until` when another
    limit took its place. `now_w` is what the limit is now, where that moved without a record that took its place. It is not
    `led` once the site only observed: what chargers do then proves nothing.
    """

    sequence: int
    at: datetime
    limit_w: float | None
    signal: str
    scope: str
    evse: EvseKey | None
    due: tuple[int, ...] = FOLLOW_UPS_S
    below_since: datetime | None = None
    held_until: datetime | None = None
    now_w: float | None = None
    led: bool = True


@dataclass(frozen=True, slots=True)
class ProofSchedule:
    """The records that wait, oldest first."""

    records: tuple[OpenRecord, ...] = ()


def opened(schedule: ProofSchedule, sequence: int, record: GridRecord) -> ProofSchedule:
    """Return the schedule with a record that was just kept; a different limit ends those it takes the place of."""
    return _with(schedule, _open(sequence, record))


def moved(schedule: ProofSchedule, signal: str, scope: str, evse: EvseKey | None, limit_w: float) -> ProofSchedule:
    """Return the schedule after a limit moved that the log is told of later: it goes on to be judged, by what it is now."""
    return ProofSchedule(
        tuple(
            replace(one, now_w=limit_w)
            if (one.signal, one.scope, one.evse) == (signal, scope, evse) and one.limit_w is not None
            else one
            for one in schedule.records
        )
    )


def resumed(unfinished: Iterable[ProvenRecord], remembered: ProofSchedule) -> ProofSchedule:
    """Return the schedule after a restart: the log's records that lack measurements, with what was remembered."""
    known = {one.sequence: one for one in remembered.records}
    schedule = ProofSchedule()
    for proven in sorted(unfinished, key=lambda one: one.sequence):
        made = {one.after_s for one in proven.follow_ups}
        record = _open(proven.sequence, proven.record)
        if (before := known.get(proven.sequence)) is not None:
            led = record.led and before.led
            record = replace(
                record, below_since=before.below_since, held_until=before.held_until, now_w=before.now_w, led=led
            )
        due = tuple(after_s for after_s in FOLLOW_UPS_S if after_s not in made)
        schedule = _with(schedule, replace(record, due=due))
    return ProofSchedule(tuple(one for one in schedule.records if one.due))


def follow_up(
    schedule: ProofSchedule, now: datetime, powers: MeasuredPowers, *, observe_only: bool = False
) -> tuple[ProofSchedule, tuple[FollowUp, ...]]:
    """Return the schedule after a measurement, and what of it is to be kept now.

    To be called with each measurement, not only when something is due: so it is known when a limit was obeyed. A moment
    that went by without a measurement, or that the clock was set away from, is kept as not measured. What is measured
    while the site observes only is not judged, nor is anything of the same record after that.
    """
    if not schedule.records:
        return schedule, ()
    powers = _finite(powers)
    left: list[OpenRecord] = []
    found: list[FollowUp] = []
    for record in schedule.records:
        watched = _watched(replace(record, led=record.led and not observe_only), now, powers)
        made = tuple(one for after_s in record.due if (one := _made(watched, after_s, now, powers)) is not None)
        done = {one.after_s for one in made}
        found += made
        if due := tuple(after_s for after_s in record.due if after_s not in done):
            left.append(replace(watched, due=due))
    return ProofSchedule(tuple(left)), tuple(found)


def _open(sequence: int, record: GridRecord) -> OpenRecord:
    led = not record.observe_only
    return OpenRecord(sequence, record.at, record.limit_w, record.signal, record.scope, record.evse, led=led)


def _with(schedule: ProofSchedule, new: OpenRecord) -> ProofSchedule:
    return ProofSchedule((*(_ended_by(new, one) for one in schedule.records), new))


def _ended_by(new: OpenRecord, old: OpenRecord) -> OpenRecord:
    same = (old.signal, old.scope, old.evse) == (new.signal, new.scope, new.evse)
    if not same or old.limit_w is None or old.held_until is not None:
        return old
    if new.limit_w is None or differs(new.limit_w, old.limit_w):
        return replace(old, held_until=new.at)
    return replace(old, now_w=new.limit_w)  # the same limit that trembles


def _holds(record: OpenRecord, now: datetime) -> bool:
    """Return whether chargers are to keep to a record's limit, as they were told."""
    return record.led and record.limit_w is not None and (record.held_until is None or now < record.held_until)


def _obeyed(limit_w: float, power_w: float) -> bool:
    return power_w <= limit_w + max(TOLERANCE_W, TOLERANCE_SHARE * limit_w)


def _judged(record: OpenRecord, limit_w: float, power_w: float) -> bool | None:
    """Return whether a record's limit is obeyed, None where that can't be said.

    One that trembles is judged by what it is now. Where it is really another, who keeps to both obeys; who does not
    may be on the way, or may draw more by now.
    """
    now_w = limit_w if record.now_w is None else record.now_w
    if not differs(now_w, limit_w):
        return _obeyed(now_w, power_w)
    return True if _obeyed(min(now_w, limit_w), power_w) else None


def _watched(record: OpenRecord, now: datetime, powers: MeasuredPowers) -> OpenRecord:
    """Return the record with what this measurement says of when its limit was obeyed."""
    power_w = _limited_w(record, powers)
    if record.limit_w is None or power_w is None or not _holds(record, now):
        return record
    obeyed = _judged(record, record.limit_w, power_w)
    if obeyed is False:
        return record if record.below_since is None else replace(record, below_since=None)
    return record if obeyed is None or record.below_since is not None else replace(record, below_since=now)


def _made(record: OpenRecord, after_s: int, now: datetime, powers: MeasuredPowers) -> FollowUp | None:
    """Return what is to be kept for a moment, None while there is nothing yet."""
    elapsed_s = (now - record.at).total_seconds()
    if elapsed_s > after_s + LATE_S or elapsed_s < -LATE_S:
        return FollowUp(refers_to=record.sequence, after_s=after_s, at=now, result=ProofResult.NOT_MEASURED)
    if elapsed_s < after_s:
        return None
    measured = GridPowers(powers.grid_w, powers.chargers_w)
    made = FollowUp(refers_to=record.sequence, after_s=after_s, at=now, result=ProofResult.NOT_JUDGED, powers=measured)
    if not _holds(record, now) or record.limit_w is None:
        return None if measured == GridPowers() else made
    power_w = _limited_w(record, powers)
    if power_w is None:
        return None
    obeyed = _judged(record, record.limit_w, power_w)
    if obeyed is None:
        return made
    if not obeyed:
        return replace(made, result=ProofResult.NOT_OBEYED, judged_w=power_w)
    since = record.at if record.below_since is None else record.below_since
    complied_after_s = max(0.0, (since - record.at).total_seconds())
    return replace(made, result=ProofResult.OBEYED, judged_w=power_w, complied_after_s=complied_after_s)


def _finite(powers: MeasuredPowers) -> MeasuredPowers:
    """Return the same without numbers that are none, which are no measurements."""
    return MeasuredPowers(
        _told(powers.grid_w),
        _told(powers.chargers_w),
        _told(powers.controllable_w),
        {key: power_w for key, power_w in powers.evses.items() if math.isfinite(power_w)},
    )


def _told(power_w: float | None) -> float | None:
    return power_w if power_w is not None and math.isfinite(power_w) else None


def _limited_w(record: OpenRecord, powers: MeasuredPowers) -> float | None:
    """Return the power that the record's limit is about, None where that is not measured."""
    exported = record.signal == SignalKind.EXPORT_LIMIT
    if record.scope == SignalScope.SITE:
        if powers.grid_w is None:
            return None
        return max(0.0, -powers.grid_w if exported else powers.grid_w)
    if exported:
        return None  # what single devices feed in is measured nowhere
    if record.scope == SignalScope.CONTROLLABLE:
        return powers.controllable_w
    return None if record.evse is None else powers.evses.get(record.evse)
