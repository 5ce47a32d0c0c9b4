"""Limits that a user asks for to see what happens: a simulated signal, and a test that is proven like a real one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
import math
from typing import Final

from .grid.grid_room import GridDecision
from .grid.section_14a import MINIMUM_W
from .grid.signal import GridSignal, SignalKind, SignalScope, SignalUnit
from .grid.source import SignalAdded, SignalsCleared
from .grid_control import SIMULATION, GridControl
from .grid_record import FollowUp, GridEvent, ProofResult, ProvenRecord
from .grid_telling import COMPLIANCE_TEST
from .model import EvseKey

HOLD_S: Final = 65.0  # past the measurement at 60 s, which tells whether a limit is obeyed
LONGEST_SIMULATION: Final = timedelta(hours=4)


class TrialRefusal(StrEnum):
    """Why nothing was tried."""

    LIMIT_HOLDS = "limit_holds"  # something is asked for already, or power is still returning from it
    OBSERVE_ONLY = "observe_only"
    NO_LIMIT = "no_limit"  # a limit is a finite number of at least 0
    NO_DURATION = "no_duration"


class TrialError(Exception):
    """Nothing was tried and nothing changed; `refusal` says why."""

    def __init__(self, refusal: TrialRefusal) -> None:
        """Hold why."""
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class ComplianceResult:
    """What came of a test; `record` is that of the proof log, its number is negative while it is not written yet.

    `disobeyed` are the EVSEs that drew more than they were told, `unknown` those that nobody measured.
    """

    limit_w: float
    began_at: datetime
    ended_at: datetime
    result: ProofResult
    complied_after_s: float | None
    follow_ups: tuple[FollowUp, ...]
    disobeyed: tuple[EvseKey, ...]
    unknown: tuple[EvseKey, ...]
    record: ProvenRecord | None


def simulate(
    grid: GridControl,
    limit_w: float | None,
    duration: timedelta,
    *,
    kind: SignalKind = SignalKind.IMPORT_LIMIT,
    scope: SignalScope = SignalScope.CONTROLLABLE,
) -> GridDecision:
    """Let a limit in W hold for a time as if the grid operator asked for it; a block has none. Raises TrialError.

    Chargers can't tell the difference: they are dimmed, checked, and taken down where they don't obey. It is proven with
    the source `simulation`, and a second one takes the place of the first.
    """
    if not timedelta() < duration <= LONGEST_SIMULATION:
        raise TrialError(TrialRefusal.NO_DURATION)
    now = grid.clock.now()
    signal = _signal(SIMULATION, limit_w, now, now + duration, kind, scope)
    return grid.take(SignalsCleared(SIMULATION, now), SignalAdded(SIMULATION, now, signal))


def end_simulation(grid: GridControl) -> GridDecision:
    """End what is simulated; power returns slowly."""
    return grid.take(SignalsCleared(SIMULATION, grid.clock.now()))


async def compliance_test(grid: GridControl, limit_w: float | None = None) -> ComplianceResult:
    """Dim for about a minute, look whether the limit is obeyed, release, and return what came of it. Raises TrialError.

    Without a limit in W it is the legal minimum. It stands in the proof log as a test, with its measurements.
    """
    if grid.observe_only:
        raise TrialError(TrialRefusal.OBSERVE_ONLY)
    if grid.view.active or grid.view.returning:
        raise TrialError(TrialRefusal.LIMIT_HOLDS)
    began_at = grid.clock.now()
    if limit_w is None:
        minimum = grid.minimum
        limit_w = MINIMUM_W if minimum is None else minimum.minimum_w
    # Should the process end meanwhile the limit ends by itself.
    until = began_at + timedelta(seconds=2 * HOLD_S)
    kind, scope = SignalKind.IMPORT_LIMIT, SignalScope.CONTROLLABLE
    signal = _signal(COMPLIANCE_TEST, limit_w, began_at, until, kind, scope)
    grid.take(SignalAdded(COMPLIANCE_TEST, began_at, signal))
    try:
        await grid.clock.sleep(HOLD_S)
        record = grid.proof.recent(GridEvent.COMPLIANCE_TEST, began_at)
        checks = () if grid.decision is None else grid.decision.verification.results
    finally:
        grid.take(SignalsCleared(COMPLIANCE_TEST, grid.clock.now()))
    last = checks[-1] if checks else None
    return ComplianceResult(
        limit_w=limit_w,
        began_at=began_at,
        ended_at=grid.clock.now(),
        result=ProofResult.NOT_MEASURED if record is None else record.result,
        complied_after_s=None if record is None else record.complied_after_s,
        follow_ups=() if record is None else record.follow_ups,
        disobeyed=() if last is None else last.disobeyed,
        unknown=() if last is None else last.unknown,
        record=record,
    )


def _signal(
    source_id: str, limit_w: float | None, now: datetime, until: datetime, kind: SignalKind, scope: SignalScope
) -> GridSignal:
    known = limit_w is not None and math.isfinite(limit_w) and limit_w >= 0
    if known == (kind is SignalKind.BLOCK) or (limit_w is not None and not known):
        raise TrialError(TrialRefusal.NO_LIMIT)
    unit = SignalUnit.LEVEL if kind is SignalKind.PRICE_LEVEL else SignalUnit.WATT
    return GridSignal(
        source_id=source_id, kind=kind, received_at=now, value=limit_w, unit=unit, scope=scope, valid_until=until
    )
