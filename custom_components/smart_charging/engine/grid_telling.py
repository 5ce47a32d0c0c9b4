"""What is told of a step of the grid room: records for the proof log, events, and what the site shows. Pure functions."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from .csms.state import Detail
from .grid.changes import Change, ChangeKind
from .grid.grid_room import GridDecision
from .grid.merge import Demand, Direction
from .grid.proof_pace import SummedUp
from .grid.source_state import ClaimReason
from .grid.verification import ActionKind, EvseAction
from .grid_record import OBSERVE_ONLY, GridEvent, GridPowers, GridRecord, GridSetPoint, ProvenRecord
from .grid_view import GridView
from .model import EvseKey, Json
from .view import SITE_KEY, SiteEvent, SiteEventType

COMPLIANCE_TEST: Final = "compliance_test"  # the id of the source that asks for a test's limit

_EVENTS: Final = {
    ChangeKind.STARTED: SiteEventType.GRID_LIMIT_STARTED,
    ChangeKind.CHANGED: SiteEventType.GRID_LIMIT_CHANGED,
    ChangeKind.ENDED: SiteEventType.GRID_LIMIT_ENDED,
}
_RECORDS: Final = {
    ChangeKind.STARTED: GridEvent.LIMIT_STARTED,
    ChangeKind.CHANGED: GridEvent.LIMIT_CHANGED,
    ChangeKind.ENDED: GridEvent.LIMIT_RELEASED,
}
_PROVEN_ACTIONS: Final = frozenset({ActionKind.LOWER, ActionKind.PAUSE, ActionKind.RAISE_ISSUE})


def view_of(decision: GridDecision, issues: frozenset[EvseKey], proof: ProvenRecord | None, waiting: int) -> GridView:
    """Return what is shown of a decision."""
    held = decision.binding
    demand = None if held is None else held.demand
    return GridView(
        active=any(one.asked for one in decision.held if one.demand.target.direction is Direction.IMPORT),
        returning=held is not None and not held.asked,
        limit_w=decision.binding_w,
        demanded_w=demand.value_w if held is not None and held.asked and demand is not None else None,
        source_id=None if demand is None else demand.source_id,
        why=None if demand is None else demand.why,
        kind=None if demand is None else demand.kind,
        scope=None if demand is None else demand.target.scope,
        evse=None if demand is None else demand.target.evse,
        binding=demand is not None and demand.binding,
        since=None if demand is None else demand.received_at,
        until=_until(decision),
        held=decision.held,
        export=decision.export,
        price_level=decision.price_level,
        minimum=decision.minimum,
        windows=decision.windows,
        lost=decision.lost,
        issues=issues,
        checks=decision.verification,
        uk=decision.uk,
        proof=proof,
        proof_waiting=waiting,
    )


def _until(decision: GridDecision) -> datetime | None:
    """Return when the tightest limit ends by itself, or its ramp."""
    held = decision.binding
    if held is None:
        return None
    if held.asked:
        return held.demand.until
    return None if held.ramp is None else held.ramp.ends_at


def records_of(
    decision: GridDecision,
    lost_before: Iterable[str],
    told: tuple[GridSetPoint, ...] | None,
    before: GridPowers,
    others_w: Mapping[str, float],
) -> Iterator[GridRecord]:
    """Yield what the proof log is to keep now: lost sources, changed limits, and EVSEs that did not obey.

    `told` are what EVSEs are told now, None while the site only observes; `before` is what was measured until now.
    """
    inputs, set_points = _inputs(decision, others_w), told or ()
    if told is None:
        inputs[OBSERVE_ONLY] = True
    for source_id in sorted(set(decision.lost) - set(lost_before)):
        yield _source_lost(decision, source_id, inputs, set_points, before)
    for row in decision.rows:
        change, demand = row.change, row.change.demand
        limit_w = None if change.kind is ChangeKind.ENDED else demand.value_w
        yield GridRecord(
            event=_record_event(change),
            at=change.at,
            source_id=demand.source_id,
            raw=demand.raw,
            signal=demand.kind,
            scope=demand.target.scope,
            evse=demand.target.evse,
            limit_w=limit_w,
            inputs={**inputs, **_demand_inputs(demand), **_between(row.summed_up, limit_w)},
            set_points=set_points,
            before=before,
        )
    for action in decision.actions:
        if action.kind in _PROVEN_ACTIONS:
            yield _not_obeyed(decision, action, set_points, before)


def _record_event(change: Change) -> GridEvent:
    demand = change.demand
    if change.kind is ChangeKind.ENDED:
        return GridEvent.LIMIT_RELEASED
    if demand.source_id == COMPLIANCE_TEST:
        return GridEvent.COMPLIANCE_TEST
    return GridEvent.FAIL_SAFE if demand.why is ClaimReason.FAILSAFE else _RECORDS[change.kind]


def _source_lost(
    decision: GridDecision,
    source_id: str,
    inputs: Mapping[str, Json],
    set_points: tuple[GridSetPoint, ...],
    before: GridPowers,
) -> GridRecord:
    """Return the record of a source that is lost, with the limit that holds then: it must not seem to have ended."""
    since, held = decision.lost[source_id], decision.binding
    asked = None if held is None or not held.asked else held.demand
    record = GridRecord(
        event=GridEvent.SOURCE_LOST,
        at=decision.at,
        source_id=source_id,
        inputs={**inputs, "lost_since": since.isoformat()},
        set_points=set_points,
        before=before,
    )
    if asked is None:
        return record
    return replace(record, signal=asked.kind, scope=asked.target.scope, evse=asked.target.evse, limit_w=asked.value_w)


def _not_obeyed(
    decision: GridDecision, action: EvseAction, set_points: tuple[GridSetPoint, ...], before: GridPowers
) -> GridRecord:
    held = decision.binding
    return GridRecord(
        event=GridEvent.NOT_OBEYED,
        at=decision.at,
        source_id="" if held is None else held.demand.source_id,
        scope="device",
        evse=action.evse,
        limit_w=action.allowed_w,
        inputs={"action": action.kind.value, "allowed_w": action.allowed_w, "drawn_w": action.drawn_w},
        set_points=set_points,
        before=before,
    )


def _inputs(decision: GridDecision, others_w: Mapping[str, float]) -> dict[str, Json]:
    minimum = decision.minimum
    found: dict[str, Json] = {"others_w": dict(others_w)}
    if minimum is not None:
        found |= {
            "devices": minimum.devices,
            "simultaneity": minimum.simultaneity,
            "heat_pumps_w": minimum.heat_pumps_w,
            "air_conditioning_w": minimum.air_conditioning_w,
            "minimum_w": minimum.minimum_w,
        }
    return found


def _demand_inputs(demand: Demand) -> dict[str, Json]:
    return {
        "value": demand.value,
        "unit": demand.target.unit.value,
        "own_power": demand.target.own_power.value,
        "why": demand.why.value,
        "binding": demand.binding,
        "received_at": demand.received_at.isoformat(),
        "until": None if demand.until is None else demand.until.isoformat(),
        "others": list(demand.others),
    }


def _between(summed_up: SummedUp | None, limit_w: float | None) -> dict[str, Json]:
    """Return what held since the row before without one of its own, as far as this row does not say it."""
    if summed_up is None:
        return {}
    told: dict[str, Json] = {"changes": summed_up.changes}
    limits_w = {"strictest_w": summed_up.strictest_w, "last_w": summed_up.last_w}
    return {"summed_up": told | {name: value_w for name, value_w in limits_w.items() if value_w != limit_w}}


def events_of(decision: GridDecision, lost_before: Iterable[str]) -> Iterator[SiteEvent]:
    """Yield what is told of a step."""
    before, now = set(lost_before), decision.at
    for kind, sources in (
        (SiteEventType.GRID_SOURCE_LOST, set(decision.lost) - before),
        (SiteEventType.GRID_SOURCE_BACK, before - set(decision.lost)),
    ):
        for source_id in sorted(sources):
            yield SiteEvent(kind, SITE_KEY, now, details={"source": source_id})
    for change in decision.changes:
        yield SiteEvent(_EVENTS[change.kind], change.demand.target.evse or SITE_KEY, now, details=_details(change))
    for action in decision.actions:
        told = {
            ActionKind.RAISE_ISSUE: SiteEventType.GRID_NOT_OBEYED,
            ActionKind.CLEAR_ISSUE: SiteEventType.GRID_OBEYED,
        }.get(action.kind)
        if told is not None:
            details: dict[str, Detail] = {"allowed_w": round(action.allowed_w), "drawn_w": round(action.drawn_w)}
            yield SiteEvent(told, action.evse, now, details=details)


def _details(change: Change) -> dict[str, Detail]:
    demand = change.demand
    details: dict[str, Detail] = {
        "source": demand.source_id,
        "why": demand.why.value,
        "kind": demand.kind.value,
        "scope": demand.target.scope.value,
        "direction": demand.target.direction.value,
        "binding": demand.binding,
    }
    if change.kind is not ChangeKind.ENDED:
        details["limit_w"] = round(demand.value_w)
        if demand.until is not None:
            details["until"] = demand.until.isoformat()
    return details


def own_power_of(decision: GridDecision | None) -> Demand | None:
    """Return the tightest demand on controllable devices, by whose reading their power is judged; None without one."""
    if decision is None:
        return None
    found = [
        one.demand
        for one in decision.held
        if one.demand.target.direction is Direction.IMPORT and one.demand.target.scope == "controllable"
    ]
    return min(found, key=lambda one: one.value_w, default=None)
