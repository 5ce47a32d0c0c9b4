"""Which grid phase a one- or two-phase car really loads, learnt from the grid meter."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import combinations

from ..model import PhaseRotation, Phases

LEAST_STEP_A = 4.0  # smaller steps drown in what a house does
QUIET_A = 1.0  # a terminal or another charger that changed less did not step
REFERENCE_VALID = timedelta(seconds=60)  # the house is another one after that
VOTES_KEPT = 5
VOTES_TO_LEARN = 3
LARGEST_MISFIT = 0.25  # of the step: what may stay unexplained on a phase of the best explanation
LEAST_LEAD = 0.5  # of the step: how much worse than that the next best explanation must be


@dataclass(frozen=True, slots=True)
class ConductorMemory:
    """What was seen so far; `rotation` is what was learnt, None while the configuration is believed.

    The references are what was measured before a step: at the meter, at the station's terminals, and what
    other chargers drew.
    """

    rotation: PhaseRotation | None = None
    votes: tuple[PhaseRotation, ...] = ()
    reference_grid_a: Phases | None = None
    reference_drawn_a: Phases | None = None
    reference_others_a: Phases | None = None
    reference_at: datetime | None = None


def learn(
    memory: ConductorMemory,
    *,
    configured: PhaseRotation,
    grid_a: Phases | None,
    drawn_a: Phases | None,
    others_a: Phases,
    now: datetime,
) -> ConductorMemory:
    """Return the memory after a measurement of the station's terminals and of the grid meter.

    `drawn_a` is None where the station has not settled on its limit or says nothing, `grid_a` where the meter
    is not up to date. `others_a` is what all other chargers draw, in grid order. A car's step is a vote for the
    rotation that explains it at the meter; three that agree are learnt, one that disagrees starts the count anew.
    A car on all three phases tells nothing. The rotation learnt has the terminals that the car uses where they
    were found; the others keep their order.
    """
    if grid_a is None or drawn_a is None:
        return memory
    change = _change(memory, grid_a, drawn_a, others_a, now)
    if change is None:
        return _refer(memory, grid_a, drawn_a, others_a, now)
    drawn, house = change
    if _largest(drawn) < LEAST_STEP_A:
        # The meter may show a step before the station tells of it, so both must be quiet to begin anew.
        quiet = _largest(house) < QUIET_A and _largest(drawn) < QUIET_A
        return _refer(memory, grid_a, drawn_a, others_a, now) if quiet else memory
    vote = _vote(drawn, house, memory.rotation or configured, configured)
    if vote is None:
        return memory  # the meter may not show it yet
    return _refer(_count(memory, vote, configured), grid_a, drawn_a, others_a, now)


def _change(
    memory: ConductorMemory, grid_a: Phases, drawn_a: Phases, others_a: Phases, now: datetime
) -> tuple[Phases, Phases] | None:
    """Return what changed since the reference: at the terminals, and at the meter without the other chargers.

    None where there is no reference that holds, or where other chargers stepped: their wiring may be wrong too.
    """
    grid_before, drawn_before, others_before = (
        memory.reference_grid_a,
        memory.reference_drawn_a,
        memory.reference_others_a,
    )
    if grid_before is None or drawn_before is None or others_before is None or memory.reference_at is None:
        return None
    others = others_a - others_before
    if _largest(others) >= QUIET_A or not timedelta() <= now - memory.reference_at <= REFERENCE_VALID:
        return None
    return drawn_a - drawn_before, grid_a - grid_before - others


def _vote(drawn: Phases, house: Phases, base: PhaseRotation, configured: PhaseRotation) -> PhaseRotation | None:
    """Return the rotation that explains a step clearly better than all others; None where none does."""
    moved = tuple(index for index, value in enumerate(drawn) if abs(value) >= QUIET_A)
    if len(moved) == 3:
        return None
    size = _largest(drawn)
    misfits = sorted(
        (_largest(house - rotation.to_grid(drawn)), rotation) for rotation in _candidates(base, configured, moved)
    )
    (best, rotation), (second, _) = misfits[:2]
    return rotation if best <= LARGEST_MISFIT * size and second - best >= LEAST_LEAD * size else None


def _candidates(base: PhaseRotation, configured: PhaseRotation, moved: tuple[int, ...]) -> Iterator[PhaseRotation]:
    """Yield a rotation for each set of grid phases that the moved terminals may load, as near to `base` as can be.

    Which of two terminals loads which of two phases can't be told from equal steps: they keep their order.
    """
    order = base.grid_phases(3)
    for used in combinations(order, len(moved)):
        loaded, idle = iter(used), iter(phase for phase in order if phase not in used)
        phases = [next(loaded if terminal in moved else idle) for terminal in range(3)]
        built = PhaseRotation("".join("RST"[phase] for phase in phases))
        fits = (one for one in (base, configured) if {one.grid_phases(3)[terminal] for terminal in moved} == {*used})
        yield next(fits, built)


def _count(memory: ConductorMemory, vote: PhaseRotation, configured: PhaseRotation) -> ConductorMemory:
    agreeing = tuple(earlier for earlier in memory.votes if earlier is vote)
    votes = (*agreeing, vote)[-VOTES_KEPT:]
    if len(votes) < VOTES_TO_LEARN:
        return replace(memory, votes=votes)
    return replace(memory, votes=votes, rotation=None if vote is configured else vote)


def _refer(
    memory: ConductorMemory, grid_a: Phases, drawn_a: Phases, others_a: Phases, now: datetime
) -> ConductorMemory:
    return ConductorMemory(memory.rotation, memory.votes, grid_a, drawn_a, others_a, now)


def _largest(values: Phases) -> float:
    return max(abs(values.l1), abs(values.l2), abs(values.l3))
