"""Whether chargers do what a grid signal asks: read back after 15, 30 and 60 s, and what follows where one does not."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
import math
from typing import Final

from ..model import NOMINAL_VOLTAGE_V, EvseKey
from .set_back import is_ahead, not_ahead

COMMAND_S: Final = 2.0  # a command is due so long after the signal
CHECKS_S: Final = (15.0, 30.0, 60.0)  # after the command
AGAIN_S: Final = 60.0  # between further checks
TOLERANCE: Final = 0.05  # of what it was told: voltage and meters differ
TOLERANCE_W: Final = 250.0
STEP_A: Final = 1.0  # how much lower at least the next step is


class Level(IntEnum):
    """How far an EVSE that does not obey was taken down; it stays there until the signal has ended."""

    TOLD = 0
    LOWERED = 1
    PAUSED = 2
    STOPPED = 3


class ActionKind(StrEnum):
    """What is to be done with an EVSE. What lowers or pauses it comes as a limit too."""

    LOWER = "lower"
    PAUSE = "pause"
    REMOTE_STOP = "remote_stop"
    RAISE_ISSUE = "raise_issue"
    CLEAR_ISSUE = "clear_issue"


@dataclass(frozen=True, slots=True)
class EvseAction:
    """An action on an EVSE with what it was allowed and what it drew, in W."""

    evse: EvseKey
    kind: ActionKind
    allowed_w: float
    drawn_w: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What the chargers do, by EVSE: the W each was told, and the W it draws where that is measured.

    `commanded_at` is when the stations were told of the newest demand, None while they are not. `others_w` is what
    controllable devices draw that are led elsewhere, by their ids. `phases` is how many phases an EVSE loads.
    """

    told_w: Mapping[EvseKey, float] = field(default_factory=dict)
    drawn_w: Mapping[EvseKey, float] = field(default_factory=dict)
    commanded_at: datetime | None = None
    others_w: Mapping[str, float] = field(default_factory=dict)
    phases: Mapping[EvseKey, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EvseCheck:
    """Where an EVSE that did not obey stands: its level, what it was allowed, and what it is lowered to, in W."""

    level: Level
    allowed_w: float
    lowered_w: float


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one reading showed: seconds after the command, the EVSEs that obeyed, did not, and that nobody measures."""

    after_s: float
    obeyed: tuple[EvseKey, ...]
    disobeyed: tuple[EvseKey, ...]
    unknown: tuple[EvseKey, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """The checks after the newest signal; `results` has one for each that is done, at most the first ones.

    `issues` are the EVSEs with an open issue, also from earlier signals.
    """

    signal_at: datetime | None = None  # None: no signal holds
    commanded_at: datetime | None = None
    complied_at: datetime | None = None
    done: int = 0
    checked_at: datetime | None = None
    results: tuple[CheckResult, ...] = ()
    evses: Mapping[EvseKey, EvseCheck] = field(default_factory=dict)
    issues: frozenset[EvseKey] = frozenset()

    @property
    def command_late(self) -> bool:
        """Return whether the command came later than it should."""
        told, due = self.commanded_at, self.signal_at
        return told is not None and due is not None and (told - due).total_seconds() > COMMAND_S


def begin(verification: Verification, now: datetime) -> Verification:
    """Start the checks of a new or tighter signal; who was taken down before stays there."""
    return replace(
        verification, signal_at=now, commanded_at=None, complied_at=None, done=0, checked_at=None, results=()
    )


def end(verification: Verification) -> Verification:
    """End the checks with the signal: nobody is held down any longer, open issues stay until somebody obeys."""
    return Verification(issues=verification.issues)


def next_check(verification: Verification) -> datetime | None:
    """Return when the next reading is due; without a command it counts from when that was due."""
    if verification.signal_at is None:
        return None
    told = verification.commanded_at or verification.signal_at + timedelta(seconds=COMMAND_S)
    due = told + timedelta(seconds=_after_s(verification.done))
    follows = verification.checked_at  # what it led to takes as long to show as a command
    return due if follows is None else max(due, follows + timedelta(seconds=CHECKS_S[0]))


def was_set_back(verification: Verification, now: datetime) -> bool:
    """Return whether the clock was set back since the checks began: those that are due would come far too late."""
    known = (verification.signal_at, verification.commanded_at, verification.complied_at, verification.checked_at)
    return any(at is not None and is_ahead(at, now) for at in known)


def check(verification: Verification, measured: Measured, now: datetime) -> tuple[Verification, tuple[EvseAction, ...]]:
    """Return the state after what is measured now, and what is to be done."""
    signal_at = verification.signal_at
    if signal_at is None:
        return verification, ()
    commanded_at = not_ahead(measured.commanded_at, now)
    if verification.commanded_at is None and commanded_at is not None and commanded_at >= signal_at:
        verification = replace(verification, commanded_at=commanded_at)
    result = _read(verification, measured)
    if verification.complied_at is None and verification.commanded_at is not None and not result.disobeyed:
        verification = replace(verification, complied_at=now)
    due = next_check(verification)
    if due is None or now < due:
        return verification, ()
    results = (*verification.results, result)[: len(CHECKS_S)]
    done = _passed(verification, now)
    verification = replace(verification, done=done, checked_at=now, results=results)
    return _judge(verification, result, measured)


def held_w(verification: Verification) -> dict[EvseKey, float]:
    """Return the W that EVSEs are held to which did not obey."""
    return {
        evse: one.lowered_w if one.level is Level.LOWERED else 0.0
        for evse, one in verification.evses.items()
        if one.level is not Level.TOLD
    }


def _after_s(done: int) -> float:
    if done < len(CHECKS_S):
        return CHECKS_S[done]
    return CHECKS_S[-1] + AGAIN_S * (done - len(CHECKS_S) + 1)


def _passed(verification: Verification, now: datetime) -> int:
    """Return how many checks have been due by now: one reading stands for all that were missed."""
    while (due := next_check(verification)) is not None and due <= now:
        verification = replace(verification, done=verification.done + 1)
    return verification.done


def _allowed_w(verification: Verification, measured: Measured, evse: EvseKey) -> float:
    """Return what an EVSE may draw: what it is told, or, where it was lowered to get there, was to be told."""
    told_w, known = measured.told_w.get(evse, 0.0), verification.evses.get(evse)
    return max(told_w, known.allowed_w) if known is not None and known.level is Level.LOWERED else told_w


def _read(verification: Verification, measured: Measured) -> CheckResult:
    obeyed, disobeyed, unknown = [], [], []
    for evse in sorted({*measured.told_w, *measured.drawn_w}):
        drawn_w = measured.drawn_w.get(evse)
        allowed_w = _allowed_w(verification, measured, evse)
        if drawn_w is None or not math.isfinite(drawn_w):
            unknown.append(evse)
        elif drawn_w <= allowed_w * (1 + TOLERANCE) + TOLERANCE_W:
            obeyed.append(evse)
        else:
            disobeyed.append(evse)
    return CheckResult(_after_s(verification.done), tuple(obeyed), tuple(disobeyed), tuple(unknown))


def _judge(
    verification: Verification, result: CheckResult, measured: Measured
) -> tuple[Verification, tuple[EvseAction, ...]]:
    """Take who does not obey one level further down; who obeys again is forgiven its issue."""
    evses, issues = dict(verification.evses), set(verification.issues)
    actions: list[EvseAction] = []
    for evse in result.obeyed:
        if evse in issues:
            issues.discard(evse)
            allowed_w = _allowed_w(verification, measured, evse)
            actions.append(EvseAction(evse, ActionKind.CLEAR_ISSUE, allowed_w, measured.drawn_w[evse]))
    for evse in result.disobeyed:
        allowed_w, drawn_w = _allowed_w(verification, measured, evse), measured.drawn_w[evse]
        before = evses.get(evse, EvseCheck(Level.TOLD, allowed_w, allowed_w))
        level = Level(min(before.level + 1, Level.STOPPED))
        step_w = STEP_A * NOMINAL_VOLTAGE_V * measured.phases.get(evse, 3)
        lowered_w = max(0.0, allowed_w - max(drawn_w - allowed_w, step_w))
        evses[evse] = EvseCheck(level, allowed_w, lowered_w if level is Level.LOWERED else 0.0)
        kinds = [_ACTIONS[level]]
        if level is Level.STOPPED and evse not in issues:
            issues.add(evse)
            kinds.append(ActionKind.RAISE_ISSUE)
        actions += [EvseAction(evse, kind, allowed_w, drawn_w) for kind in kinds]
    return replace(verification, evses=evses, issues=frozenset(issues)), tuple(actions)


_ACTIONS: Final = {
    Level.LOWERED: ActionKind.LOWER,
    Level.PAUSED: ActionKind.PAUSE,
    Level.STOPPED: ActionKind.REMOTE_STOP,
}
