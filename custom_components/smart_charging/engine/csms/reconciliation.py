"""Decides what to send next so that an EVSE holds the limit it should: pure functions of what is known.

The ladder lists the ways a limit can be written, best first. A rejected rung is left out until the
pass ends; a pass begins anew after boot, reconnect and transaction start.
"""

from collections.abc import Iterable, Mapping, Sequence, Set as AbstractSet
from dataclasses import dataclass, field, replace
import math

from ..config import LeaseTimes
from .profiles import DEFAULT_STACK_LEVEL, Purpose, Strategy, ends_below, zero_hold_level
from .quirks import Quirks
from .state import Capabilities, ProfileForm, RateUnit

RAISE_S = 10.0
RAISE_FLASH_S = 60.0
DEADBAND_A = 1.0
AGAIN_S = 5.0  # a station that misses a limit while it resumes has resumed by then
FLASH_LEASE_FACTOR = 6  # a station that writes flash per profile gets a lease of half an hour
_UNKNOWN_LEVELS = (1, 0)
_PERIODS_TO_ZERO_AND_BACK = 3
_ALL_PHASES = 3
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
    """The limit wanted, as it may be sent, since a monotonic second; `phases` 1 or 3 on a station of three.

    Without a number of phases, here and below, the station uses those that it has.
    """

    current_a: float
    safe_a: float
    since: float
    phases: int | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the station last said yes to, at a monotonic second."""

    strategy: Strategy
    current_a: float
    safe_a: float
    transaction_id: str | None
    at: float
    phases: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one EVSE's limit; times are monotonic seconds.

    `refused` are the rungs that failed in this pass, `preferred` those that once worked, by
    whether a transaction ran. `rests_at` is the safe current of the persistent default while nothing
    of ours lies over that; before `restless_until` the default is not relied on.
    """

    transaction_id: str | None = None
    accepted: Accepted | None = None
    raised_at: float = -math.inf
    refused: frozenset[Strategy] = frozenset()
    preferred: Mapping[bool, Strategy] = field(default_factory=dict)
    blocked_until: float = -math.inf
    rests_at: float | None = None
    restless_until: float = -math.inf


@dataclass(frozen=True, slots=True)
class Send:
    """Write this limit down in this way now."""

    strategy: Strategy
    current_a: float
    safe_a: float
    phases: int | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """Leave the EVSE to its persistent safe default, which says what is wanted: take leases back."""

    safe_a: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is due for this many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The station refused every rung of the ladder."""


type Action = Send | Rest | Wait | Exhausted


def units(capabilities: Capabilities) -> tuple[RateUnit, ...]:
    """Return the units of a limit, those that the station names first; some name the wrong ones."""
    return tuple(sorted(RateUnit, key=lambda unit: (unit not in capabilities.rate_units, unit is not RateUnit.A)))


def ladder(
    capabilities: Capabilities,
    held: Mapping[ProfileForm, bool],
    *,
    in_transaction: bool,
    evses: int,
    safe_is_zero: bool = False,
    quirks: Quirks = Quirks(),
) -> tuple[Strategy, ...]:
    """Return the ways of writing a limit that the station may take, best first.

    `held` tells by form whether the station was seen to let a lease run out; a form that does not is
    the last resort.
    """
    purposes = [Purpose.TX] if in_transaction else []
    if not (in_transaction and quirks.no_zero_in_defaults):
        purposes.append(Purpose.TX_DEFAULT)
    if (
        evses == 1 and Purpose.TX_DEFAULT in purposes
    ):  # a limit of the whole station says nothing about one EVSE of several
        purposes.append(Purpose.CHARGE_POINT_MAX)
    forms = sorted(_FORMS, key=lambda form: {True: 0, None: 1, False: 2}[held.get(form)])
    forms = forms_of(quirks, forms)
    if capabilities.max_periods == 1:
        forms.sort(key=lambda form: form is not ProfileForm.VALID_TO)
    if capabilities.dynamic_profiles and held.get(ProfileForm.DYNAMIC) is not False:
        forms.insert(0, ProfileForm.DYNAMIC)
    rungs = (
        Strategy(purpose, form, level, unit)
        for unit in units(capabilities)
        for purpose in purposes
        if purpose.value not in capabilities.purposes_rejected
        for form in forms
        for level in _levels(capabilities.max_stack_level)
        if _sensible(purpose, form, level)
    )
    fitting = [rung for rung in rungs if not safe_is_zero or _ends_at_zero(rung, capabilities.max_periods)]
    if capabilities.max_profiles is not None and capabilities.max_profiles < 2 * evses:  # no room above the default
        fitting = [rung for rung in fitting if _in_place_of_default(rung)] or fitting
    return tuple(sorted(fitting, key=lambda rung: held.get(rung.form) is False))


def forms_of(quirks: Quirks, forms: Iterable[ProfileForm]) -> list[ProfileForm]:
    """Return those forms that a kind of station takes, best first."""
    best = quirks.forms_first
    fitting = (form for form in forms if form not in quirks.forms_never)
    return sorted(fitting, key=lambda form: best.index(form) if form in best else len(best))


def _levels(max_stack_level: int | None) -> Sequence[int]:
    if max_stack_level is None:
        return _UNKNOWN_LEVELS
    return sorted({max_stack_level, max(0, max_stack_level - 1), 0}, reverse=True)


def _sensible(purpose: Purpose, form: ProfileForm, level: int) -> bool:
    if purpose is Purpose.CHARGE_POINT_MAX:  # never Relative; nothing lies below to fall to
        return form is ProfileForm.TWO_PERIODS
    # The safe default has level 0: a profile that ends would take its place and leave nothing.
    return not (purpose is Purpose.TX_DEFAULT and ends_below(form) and level == 0)


def _in_place_of_default(rung: Strategy) -> bool:
    return rung.purpose is Purpose.TX_DEFAULT and rung.stack_level == DEFAULT_STACK_LEVEL


def _ends_at_zero(rung: Strategy, max_periods: int | None) -> bool:
    """Return whether a lease of this kind can fall to 0, and that to the persistent default later."""
    if ends_below(rung.form):
        return zero_hold_level(rung) is not None
    return not _in_place_of_default(rung) or max_periods is None or max_periods >= _PERIODS_TO_ZERO_AND_BACK


def next_action(desired: Desired, known: Known, rungs: Sequence[Strategy], pace: Pace, now: float) -> Action:
    """Return what to do now so that the station comes to hold the desired limit."""
    if now < known.blocked_until:
        return Wait(known.blocked_until - now)
    if _may_rest(desired, known) and now >= known.restless_until:
        return Wait(math.inf) if known.rests_at == desired.safe_a else Rest(desired.safe_a)
    strategy = _choose(known, rungs)
    if strategy is None:
        return Exhausted()
    accepted = known.accepted
    whole = Send(strategy, desired.current_a, desired.safe_a, desired.phases)
    if accepted is None or accepted.transaction_id != known.transaction_id or accepted.strategy in known.refused:
        return _assert(whole, desired, known, pace, now)
    if desired.current_a < accepted.current_a or desired.safe_a < accepted.safe_a:
        return replace(whole, current_a=min(desired.current_a, accepted.current_a))
    raise_due = _next_raise(desired, known, accepted, pace)
    if now >= raise_due:
        return whole
    renew_due = _renew_due(desired, known, accepted, pace)
    if now >= renew_due:
        more_phases = _used(desired.phases) > _used(accepted.phases)
        return replace(whole, current_a=accepted.current_a, phases=accepted.phases if more_phases else desired.phases)
    return Wait(min(raise_due, renew_due) - now)


def _assert(whole: Send, desired: Desired, known: Known, pace: Pace, now: float) -> Send | Wait:
    """Write the limit at once, unless it raises that of the safe default: raises are paced."""
    if known.accepted is None and known.rests_at is not None and desired.current_a > known.rests_at:
        due = _raise_due(desired, known, known.rests_at, pace)
        if now < due:
            return Wait(due - now)
    return whole


def _choose(known: Known, rungs: Sequence[Strategy]) -> Strategy | None:
    preferred = known.preferred.get(known.transaction_id is not None)
    if preferred in rungs and preferred not in known.refused:
        return preferred
    return next((rung for rung in rungs if rung not in known.refused), None)


def _may_rest(desired: Desired, known: Known) -> bool:
    """Return whether the safe default alone would do: nobody charges and no more than that is wanted."""
    # The safe default is for all the phases there are.
    return known.transaction_id is None and desired.phases != 1 and desired.current_a == desired.safe_a > 0


def _used(phases: int | None) -> int:
    return _ALL_PHASES if phases is None else phases


def _lasts(accepted: Accepted) -> bool:
    """Return whether what was accepted has no end to be put off."""
    return accepted.current_a == accepted.safe_a > 0 and not ends_below(accepted.strategy.form)


def _renew_due(desired: Desired, known: Known, accepted: Accepted, pace: Pace) -> float:
    """Return when to write what was accepted again: before it ends, and at once for fewer phases."""
    if _used(desired.phases) < _used(accepted.phases):
        return -math.inf
    if _may_rest(desired, known) and _lasts(accepted):
        return math.inf
    return accepted.at + pace.renew_s


def _next_raise(desired: Desired, known: Known, accepted: Accepted, pace: Pace) -> float:
    """Return when more than was accepted may go out, more phases included; never if no more is wanted."""
    if _used(desired.phases) > _used(accepted.phases):
        return known.raised_at + pace.raise_s
    if desired.current_a > accepted.current_a or desired.safe_a > accepted.safe_a:
        return _raise_due(desired, known, accepted.current_a, pace)
    return math.inf


def _raise_due(desired: Desired, known: Known, current_a: float, pace: Pace) -> float:
    """Return when a raise from here may go out: not soon after another, and small ones once they are final."""
    due = known.raised_at + pace.raise_s
    return due if desired.current_a - current_a >= DEADBAND_A else max(due, desired.since + pace.raise_s)


def after_acceptance(known: Known, send: Send, now: float, *, remember: bool = True) -> Known:
    """Return what is known once the station accepted what was sent.

    A rung is not remembered as the one that works if better ones may have been refused only because
    a transaction was too young.
    """
    accepted = known.accepted
    before = known.rests_at if accepted is None else accepted.current_a
    more_phases = accepted is not None and _used(send.phases) > _used(accepted.phases)
    raised = before is not None and (send.current_a > before or more_phases)
    preferred = dict(known.preferred)
    if remember:
        preferred[known.transaction_id is not None] = send.strategy
    return replace(
        known,
        accepted=Accepted(send.strategy, send.current_a, send.safe_a, known.transaction_id, now, send.phases),
        raised_at=now if raised else known.raised_at,
        preferred=preferred,
        refused=frozenset(),
        rests_at=None,
    )


def soon_again(known: Known, pace: Pace) -> Known:
    """Return what is known where the station may have missed what it accepted: that is renewed in a moment."""
    accepted = known.accepted
    if accepted is None or accepted.current_a == 0:
        return known
    return replace(known, accepted=replace(accepted, at=accepted.at - pace.renew_s + AGAIN_S))


def write_again(known: Known) -> Known:
    """Return what is known where the limit is to be written once more, now, for more than the limit changed.

    It is never the same value: what is being written while this is wanted does not count, whatever the station says.
    """
    accepted = None if known.accepted is None else replace(known.accepted, at=-math.inf)
    return replace(known, accepted=accepted)


def refused_purposes(refused: AbstractSet[Strategy], accepted: Strategy, rungs: Sequence[Strategy]) -> frozenset[str]:
    """Return the purposes that the station refused in every form and level, in a unit that it takes."""
    tried = [rung for rung in rungs if rung.unit is accepted.unit and rung.purpose is not accepted.purpose]
    return frozenset(rung.purpose.value for rung in tried) - frozenset(
        rung.purpose.value for rung in tried if rung not in refused
    )


def at_rest(known: Known, safe_a: float) -> Known:
    """Return what is known once the station holds its safe default and nothing of ours over it."""
    return replace(known, accepted=None, rests_at=safe_a, refused=frozenset())


def without(known: Known, strategy: Strategy) -> Known:
    """Return what is known once a rung turned out to be no good: the next one is sent."""
    preferred = {key: rung for key, rung in known.preferred.items() if rung != strategy}
    return replace(known, refused=known.refused | {strategy}, preferred=preferred)


def new_pass(known: Known, transaction_id: str | None) -> Known:
    """Return what is still known when the limit must be asserted anew, with every rung open again."""
    return replace(
        known,
        transaction_id=transaction_id,
        accepted=None,
        refused=frozenset(),
        blocked_until=-math.inf,
        rests_at=None,
        restless_until=-math.inf,
    )
