"""What a PV system that can be curtailed is told, and what is remembered of that from decision to decision."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ..config import PvConfig

HELD_W = 50.0  # so close to its ceiling a system may be held by it,
HELD_SHARE = 0.02  # or by this part of its rating
NOTHING_W = 10.0  # what an inverter without sun may show


class PvReason(StrEnum):
    """Why a PV system may yield what it may."""

    NO_LIMIT = "no_limit"  # nothing limits what flows out
    NOT_BINDING = "not_binding"  # a limit holds and leaves it all it can yield
    EXPORT_LIMIT = "export_limit"  # no more than is used here and may flow out
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
        ceiling_w, yield_w = memory.pv.get(one.pv_id, PvMemory()).ceiling_w, yields_w.get(one.pv_id)
        if ceiling_w is None or yield_w is None or yield_w <= NOTHING_W:
            continue
        if yield_w >= ceiling_w - min(ceiling_w / 3, max(HELD_W, HELD_SHARE * one.installed_w)):
            return True
    return False
