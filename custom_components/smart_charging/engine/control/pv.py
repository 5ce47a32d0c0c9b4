"""What a PV system that can be curtailed is told, how its ceiling moves, and what is remembered of that."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ..config import PvConfig
from .elapsed import elapsed_s

DEADBAND_W = 100.0  # smaller changes of a ceiling are not told,
DEADBAND_SHARE = 0.01  # nor those below this part of the rating
RAISE_S = 10.0  # between a ceiling's change and its rise
HELD_W = 50.0  # so close to its ceiling a system may be held by it,
HELD_SHARE = 0.02  # or by this part of its rating
NOTHING_W = 10.0  # what an inverter without sun may show


class PvReason(StrEnum):
    """Why a PV system may yield what it may."""

    NO_LIMIT = "no_limit"  # nothing limits what flows out
    NOT_BINDING = "not_binding"  # a limit holds and leaves it all it can yield
    EXPORT_LIMIT = "export_limit"  # no more than is used here and may flow out
    LOWEST = "lowest"  # it can be told no less, and that is more than may flow out
    UNMEASURED = "unmeasured"  # nobody knows what is used here, so no more than may flow out


@dataclass(frozen=True, slots=True)
class PvCommand:
    """What a system may yield, in W; None lets it yield all it can."""

    ceiling_w: float | None
    reason: PvReason


@dataclass(frozen=True, slots=True)
class PvMemory:
    """The ceiling of the last decision, W (None: free), and when it became that."""

    ceiling_w: float | None = None
    changed_at: datetime | None = None


NEVER_CURTAILED = PvMemory()


@dataclass(frozen=True, slots=True)
class FeedInMemory:
    """What is remembered while a limit on feed-in holds; `pv` goes by system.

    `load_w` is what the site used, less what flows out of systems that can't be curtailed. `charge_w` is what batteries
    are told to take for the limit, 0 for nothing; it grows by `step_w` while panels may hold back power, since
    `probed_at`, and not again before `rests_until` once that was in vain. Batteries that fed in since `feeds_since` are
    kept from giving until `holds_until`.
    """

    pv: Mapping[str, PvMemory] = field(default_factory=dict)
    load_w: float | None = None
    charge_w: float = 0.0
    step_w: float = 0.0
    probed_at: datetime | None = None
    rests_until: datetime | None = None
    feeds_since: datetime | None = None
    holds_until: datetime | None = None


def held_back(systems: Iterable[PvConfig], yields_w: Mapping[str, float | None], memory: FeedInMemory) -> bool:
    """Return whether a system yields about what it may, so that it could be able to yield more."""
    for one in systems:
        ceiling_w, yield_w = memory.pv.get(one.pv_id, NEVER_CURTAILED).ceiling_w, yields_w.get(one.pv_id)
        if ceiling_w is None or yield_w is None or yield_w <= NOTHING_W:
            continue
        # Of a low ceiling the margin is a part: else any yield below it would seem to be held.
        if yield_w >= ceiling_w - min(ceiling_w / 3, max(HELD_W, HELD_SHARE * one.installed_w)):
            return True
    return False


def deadband_w(system: PvConfig) -> float:
    """Return the least change of a system's ceiling that is told."""
    return max(DEADBAND_W, DEADBAND_SHARE * system.installed_w)


def freed(memory: PvMemory, now: datetime) -> PvMemory:
    """Return the memory of a system that may yield all it can."""
    return _with_ceiling(memory, None, now)


def not_below(memory: PvMemory, least_w: float) -> PvMemory:
    """Return the memory of a system that can be told no less than this, so that it holds what the system was told."""
    if memory.ceiling_w is None or memory.ceiling_w >= least_w:
        return memory
    return PvMemory(least_w, memory.changed_at)


def paced(
    system: PvConfig, memory: PvMemory, target_w: float | None, now: datetime, *, over: bool, may_raise: bool
) -> PvMemory:
    """Return the memory of a ceiling on its way to a target: falls are told at once, rises from time to time.

    Small changes are left out, but no fall while `over` tells that too much flows out.
    """
    before_w = system.installed_w if memory.ceiling_w is None else memory.ceiling_w
    after_w = system.installed_w if target_w is None else target_w
    small = abs(after_w - before_w) < deadband_w(system)
    if after_w < before_w:
        told = over or not small or memory.ceiling_w is None
    else:
        waited = memory.changed_at is None or elapsed_s(memory.changed_at, now) >= RAISE_S
        # The last step up to the rating is never too small: it is what ends the curtailing.
        told = may_raise and waited and (not small or target_w is None)
    return _with_ceiling(memory, target_w, now) if told else memory


def _with_ceiling(memory: PvMemory, ceiling_w: float | None, now: datetime) -> PvMemory:
    return memory if ceiling_w == memory.ceiling_w else PvMemory(ceiling_w, now)
