"""Decides what to send next so that an EVSE holds the limit it should: pure functions of what is known.

The ladder lists the ways a limit can be written, best first. A rejected rung is left out until the
pass ends; a pass begins anew after boot, reconnect and transaction start.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
import math

from ..config import LeaseTimes
from .profiles import Purpose, Strategy
from .state import Capabilities, ProfileForm, RateUnit

RAISE_S = 10.0
RAISE_FLASH_S = 60.0
DEADBAND_A = 1.0
FLASH_LEASE_FACTOR = 6  # a station that writes flash per profile gets a lease of half an hour
_UNKNOWN_LEVELS = (1, 0)
_FORMS = (ProfileForm.TWO_PERIODS, ProfileForm.RELATIVE_TWO_PERIODS, ProfileForm.VALID_TO)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a limit holds, when it is renewed, and how soon a raise may follow a raise, in seconds."""

    hold_s: float
    renew_s: float
    raise_s: float

    @classmethod
    def of(cls, lease: LeaseTimes, *, writes_flash: bool) -> Pace:
        """Return the pace for a station; those that write flash are spoken to rarely."""
        if writes_flash:
            return cls(lease.hold_s * FLASH_LEASE_FACTOR, lease.renew_s * FLASH_LEASE_FACTOR, RAISE_FLASH_S)
        return cls(lease.hold_s, lease.renew_s, RAISE_S)


@dataclass(frozen=True, slots=True)
class Desired:
    """The limit wanted, as it may be sent, since a monotonic second."""

    current_a: float
    safe_a: float
    since: float


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the station last said yes to, at a monotonic second."""

    strategy: Strategy
    current_a: float
    safe_a: float
    transaction_id: str | None
    at: float


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one EVSE's limit; times are monotonic seconds.

    `refused` are the rungs that failed in this pass, `preferred` those that once worked, by
    whether a transaction ran.
    """

    transaction_id: str | None = None
    accepted: Accepted | None = None
    raised_at: float = -math.inf
    refused: frozenset[Strategy] = frozenset()
    preferred: Mapping[bool, Strategy] = field(default_factory=dict)
    blocked_until: float = -math.inf


@dataclass(frozen=True, slots=True)
class Send:
    """Write this limit down in this way now."""

    strategy: Strategy
    current_a: float
    safe_a: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is due for this many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The station refused every rung of the ladder."""


type Action = Send | Wait | Exhausted


def ladder(
    capabilities: Capabilities,
    held: Mapping[ProfileForm, bool],
    *,
    in_transaction: bool,
    evses: int,
) -> tuple[Strategy, ...]:
    """Return the ways of writing a limit that the station may take, best first.

    `held` tells by form whether the station was seen to let a lease run out.
    """
    units = sorted(RateUnit, key=lambda unit: (unit not in capabilities.rate_units, unit is not RateUnit.A))
    purposes = [Purpose.TX] if in_transaction else []
    purposes.append(Purpose.TX_DEFAULT)
    if evses == 1:  # a limit of the whole station says nothing about one EVSE of several
        purposes.append(Purpose.CHARGE_POINT_MAX)
    forms = sorted(_FORMS, key=lambda form: {True: 0, None: 1, False: 2}[held.get(form)])
    if capabilities.max_periods == 1:
        forms.sort(key=lambda form: form is not ProfileForm.VALID_TO)
    return tuple(
        Strategy(purpose, form, level, unit)
        for unit in units
        for purpose in purposes
        if purpose.value not in capabilities.purposes_rejected
        for form in forms
        for level in _levels(capabilities.max_stack_level)
        if _sensible(purpose, form, level)
    )


def _levels(max_stack_level: int | None) -> Sequence[int]:
    if max_stack_level is None:
        return _UNKNOWN_LEVELS
    return sorted({max_stack_level, max(0, max_stack_level - 1), 0}, reverse=True)


def _sensible(purpose: Purpose, form: ProfileForm, level: int) -> bool:
    if purpose is Purpose.CHARGE_POINT_MAX:  # never Relative; nothing lies below to fall to
        return form is ProfileForm.TWO_PERIODS
    # The safe default has level 0: a profile that ends would take its place and leave nothing.
    return not (purpose is Purpose.TX_DEFAULT and form is ProfileForm.VALID_TO and level == 0)


def next_action(desired: Desired, known: Known, rungs: Sequence[Strategy], pace: Pace, now: float) -> Action:
    """Return what to do now so that the station comes to hold the desired limit."""
    if now < known.blocked_until:
        return Wait(known.blocked_until - now)
    strategy = _choose(known, rungs)
    if strategy is None:
        return Exhausted()
    accepted = known.accepted
    whole = Send(strategy, desired.current_a, desired.safe_a)
    if accepted is None or accepted.transaction_id != known.transaction_id or accepted.strategy in known.refused:
        return whole
    if desired.current_a < accepted.current_a or desired.safe_a < accepted.safe_a:
        return replace(whole, current_a=min(desired.current_a, accepted.current_a))
    raise_due = _raise_due(desired, known, accepted, pace)
    if now >= raise_due:
        return whole
    renew_due = accepted.at + pace.renew_s
    if now >= renew_due:
        return replace(whole, current_a=accepted.current_a)
    return Wait(min(raise_due, renew_due) - now)


def _choose(known: Known, rungs: Sequence[Strategy]) -> Strategy | None:
    preferred = known.preferred.get(known.transaction_id is not None)
    if preferred in rungs and preferred not in known.refused:
        return preferred
    return next((rung for rung in rungs if rung not in known.refused), None)


def _raise_due(desired: Desired, known: Known, accepted: Accepted, pace: Pace) -> float:
    """Return when a raise may go out: not soon after another, and small ones once they are final."""
    step = desired.current_a - accepted.current_a
    if step <= 0 and desired.safe_a <= accepted.safe_a:
        return math.inf
    due = known.raised_at + pace.raise_s
    return due if step >= DEADBAND_A else max(due, desired.since + pace.raise_s)


def after_acceptance(known: Known, send: Send, now: float, *, remember: bool = True) -> Known:
    """Return what is known once the station accepted what was sent.

    A rung is not remembered as the one that works if better ones may have been refused only because
    a transaction was too young.
    """
    before = known.accepted
    raised = before is not None and send.current_a > before.current_a
    preferred = dict(known.preferred)
    if remember:
        preferred[known.transaction_id is not None] = send.strategy
    return replace(
        known,
        accepted=Accepted(send.strategy, send.current_a, send.safe_a, known.transaction_id, now),
        raised_at=now if raised else known.raised_at,
        preferred=preferred,
        refused=frozenset(),
    )


def without(known: Known, strategy: Strategy) -> Known:
    """Return what is known once a rung turned out to be no good: the next one is sent."""
    preferred = {key: rung for key, rung in known.preferred.items() if rung != strategy}
    return replace(known, refused=known.refused | {strategy}, preferred=preferred)


def new_pass(known: Known, transaction_id: str | None) -> Known:
    """Return what is still known when the limit must be asserted anew, with every rung open again."""
    return replace(known, transaction_id=transaction_id, accepted=None, refused=frozenset(), blocked_until=-math.inf)
