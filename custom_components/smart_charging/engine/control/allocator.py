"""Who gets how much: admission of minimum currents, then max-min fair shares by priority class."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
import math

TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Row[Member]:
    """One limit: the sum of coefficient times current over its members stays within the capacity.

    A phase of a circuit has coefficients of 1 (A per A); a power limit has W per A.
    """

    name: str
    capacity: float
    coefficients: Mapping[Member, float]


@dataclass(frozen=True, slots=True)
class Candidate[Member]:
    """One EVSE that wants between `min_a` and `max_a`; candidates come in order of admission."""

    member: Member
    min_a: float
    max_a: float
    priority: int = 0
    step_a: float = 0.1


@dataclass(frozen=True, slots=True)
class Share:
    """What a candidate gets, and the name of the row that kept it from more (None: nothing did)."""

    current_a: float
    bound_by: str | None = None


def allocate[Member](candidates: Sequence[Candidate[Member]], rows: Sequence[Row[Member]]) -> dict[Member, Share]:
    """Return each candidate's share; the sum over every row stays within its capacity, always.

    Minimum currents are admitted first in the order given within a priority class, higher
    classes first; then each class in turn is raised evenly until a row or a maximum stops it.
    A candidate whose minimum does not fit gets 0 and the row it does not fit in.
    """
    left = {row.name: row.capacity for row in rows}
    shares: dict[Member, Share] = {}
    admitted: list[Candidate[Member]] = []
    by_class = sorted(candidates, key=lambda candidate: -candidate.priority)
    for candidate in by_class:
        full = _first_full(candidate.member, candidate.min_a, rows, left)
        if full is not None or candidate.max_a < candidate.min_a - TOLERANCE:
            shares[candidate.member] = Share(0.0, full)
            continue
        admitted.append(candidate)
        _take(candidate.member, candidate.min_a, rows, left)
    for _, group in groupby(admitted, key=lambda candidate: candidate.priority):
        members = list(group)
        for candidate, share in zip(members, _fill(members, rows, left), strict=True):
            floored = _floor_to_step(share.current_a, candidate)
            _take(candidate.member, floored - candidate.min_a, rows, left)
            shares[candidate.member] = Share(floored, share.bound_by)
    return shares


def _first_full[Member](
    member: Member, current_a: float, rows: Iterable[Row[Member]], left: Mapping[str, float]
) -> str | None:
    for row in rows:
        if row.coefficients.get(member, 0.0) * current_a > left[row.name] + TOLERANCE:
            return row.name
    return None


def _take[Member](member: Member, current_a: float, rows: Iterable[Row[Member]], left: dict[str, float]) -> None:
    for row in rows:
        left[row.name] -= row.coefficients.get(member, 0.0) * current_a


def _fill[Member](
    members: Sequence[Candidate[Member]], rows: Sequence[Row[Member]], left: Mapping[str, float]
) -> list[Share]:
    """Raise all members together from their minimum; whoever meets a full row or its maximum stops there."""
    current = {candidate.member: candidate.min_a for candidate in members}
    bound: dict[Member, str | None] = {}
    room = dict(left)
    rising = {candidate.member: candidate for candidate in members}
    while rising:
        # The lowest ones rise first, so that shares end up equal wherever limits allow.
        level = min(current[member] for member in rising)
        lowest = [member for member in rising if current[member] <= level + TOLERANCE]
        higher = [current[member] - level for member in rising if current[member] > level + TOLERANCE]
        step = min([rising[member].max_a - current[member] for member in lowest] + higher)
        tightest: Row[Member] | None = None
        for row in rows:
            slope = sum(row.coefficients.get(member, 0.0) for member in lowest)
            if slope > 0 and room[row.name] / slope < step - TOLERANCE:
                step, tightest = max(0.0, room[row.name] / slope), row
        for member in lowest:
            current[member] += step
            _take(member, step, rows, room)
        for member in lowest:
            if tightest is not None and tightest.coefficients.get(member, 0.0) > 0:
                bound[member] = tightest.name
                del rising[member]
            elif current[member] >= rising[member].max_a - TOLERANCE:
                bound[member] = None
                del rising[member]
    return [Share(current[candidate.member], bound[candidate.member]) for candidate in members]


def _floor_to_step[Member](current_a: float, candidate: Candidate[Member]) -> float:
    steps = math.floor(current_a / candidate.step_a + 1e-6)
    return max(candidate.min_a, round(steps * candidate.step_a, 6))
