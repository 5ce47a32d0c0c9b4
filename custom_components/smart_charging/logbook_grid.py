"""Sentences in the logbook for what came of the grid operator's demands."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from homeassistant.util import dt as dt_util

from .engine.grid.merge import Direction
from .engine.grid.signal import SignalKind
from .engine.grid.source_state import ClaimReason
from .engine.grid_control import ACTION, CHARGERS, SIMULATION
from .engine.grid_telling import COMPLIANCE_TEST
from .engine.view import SiteEventType
from .event import ATTR_TYPE
from .event_grid import ATTR_SOURCE

_NO_NAME: Final = {
    ACTION: "an action",
    CHARGERS: "what chargers report",
    COMPLIANCE_TEST: "a compliance test",
    SIMULATION: "a simulated signal",
}


def grid_sentence(data: Mapping[str, Any]) -> str | None:
    """Return the sentence without its subject, None for an event that is none of a grid signal."""
    source = _NO_NAME.get(data.get(ATTR_SOURCE, ""), data.get(ATTR_SOURCE))
    match data[ATTR_TYPE]:
        case SiteEventType.GRID_LIMIT_STARTED:
            return f"was {_limited(data, source)}"
        case SiteEventType.GRID_LIMIT_CHANGED:
            return f"is now {_limited(data, source)}"
        case SiteEventType.GRID_LIMIT_ENDED:
            feeds_in = data.get("direction") == Direction.EXPORT
            return f"is no longer limited {'in its feed-in ' if feeds_in else ''}by {source}"
        case SiteEventType.GRID_SOURCE_LOST:
            return f"lost the grid signal source {source}"
        case SiteEventType.GRID_SOURCE_BACK:
            return f"hears the grid signal source {source} again"
        case _:
            return _obedience(data)


def _obedience(data: Mapping[str, Any]) -> str | None:
    """Return what an EVSE made of a limit."""
    match data[ATTR_TYPE]:
        case SiteEventType.GRID_NOT_OBEYED:
            draws, allowed = _watts(data.get("drawn_w")), _watts(data.get("allowed_w"))
            return f"does not follow the grid operator's limit: draws {draws} where {allowed} are allowed"
        case SiteEventType.GRID_OBEYED:
            return "follows the grid operator's limit again"
        case _:
            return None


def _limited(data: Mapping[str, Any], source: str | None) -> str:
    """Return how much a source limits what, and until when where that is known."""
    if data.get("kind") == SignalKind.BLOCK:
        what = "blocked"
    elif data.get("direction") == Direction.EXPORT:
        what = f"limited to {_watts(data.get('limit_w'))} of feed-in"
    else:
        what = f"limited to {_watts(data.get('limit_w'))}"
    whose = f"the fail-safe of {source}" if data.get("why") == ClaimReason.FAILSAFE else source
    return f"{what} by {whose}{_until(data.get('until'), dt_util.now())}"


def _until(told: str | None, now: datetime) -> str:
    """Return the end by the clock on the wall, with its day where that is another."""
    until = None if told is None else dt_util.parse_datetime(told)
    if until is None:
        return ""
    local = dt_util.as_local(until)
    return f" until {local:%H:%M}" if local.date() == now.date() else f" until {local:%Y-%m-%d %H:%M}"


def _watts(power_w: float | None) -> str:
    return "an unknown power" if power_w is None else f"{power_w:,.0f} W"
