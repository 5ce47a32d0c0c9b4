"""Who gets how much: admission of minimum currents, then weighted max-min fair shares by priority class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import heapq
from itertools import groupby
import math
from operator import attrgetter

TOLERANCE_A = 1e-9  # what sums of floats may be off
DIGITS = 6  # of a share in A
UNBOUND = -1


@dataclass(frozen=True, slots=True)
class Row[Member]:
    """One limit: the sum of coefficient times current over its members stays within the capacity.

    A phase of a circuit has coefficients of 1 (A per A); a power limit has W per A. A row whose capacity is
    negative is overloaded already: none of its members gets anything.
    """

    name: str
    capacity: float
    coefficients: Mapping[Member, float]


@dataclass(frozen=True, slots=True)
class Candidate[Member]:
    """One EVSE that wants between `min_a` and `max_a`; candidates come in order of admission.

    It gets 0, its minimum, or a multiple of `step_a` in between. `weight` (above 0) is its part beside
    others of its class: twice the weight, twice the current.
    """

    member: Member
    min_a: float
    max_a: float
    priority: int = 0
    step_a: float = 0.1
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Share:
    """What a candidate gets, and the name of the row that kept it from more (None: nothing did)."""

    current_a: float
    bound_by: str | None = None


def allocate[Member](candidates: Sequence[Candidate[Member]], rows: Sequence[Row[Member]]) -> dict[Member, Share]:
    """Return each candidate's share; the sum over every row stays within its capacity, always.

    Minimum currents are admitted first in the order given within a priority class, higher classes first.
    Then each class in turn is raised evenly until a row or a maximum stops it, floored to the stations'
    steps, and given what the flooring left over, the lowest first. A candidate whose minimum does not fit
    gets 0 and the row it does not fit in.
    """
    problem = _indexed(candidates, rows)
    for group in _admitted_classes(problem):
        _Filling(problem, group).fill()
        _floor_to_steps(problem, group)
        _top_up(problem, group)
    names: list[str | None] = [*problem.names, None]
    return {
        candidate.member: Share(current_a, names[row])
        for candidate, current_a, row in zip(problem.candidates, problem.current, problem.bound, strict=True)
    }


def fair_shares[Member](candidates: Sequence[Candidate[Member]], rows: Sequence[Row[Member]]) -> dict[Member, float]:
    """Return what `allocate` would give in A if stations took any current: the exact max-min fair shares."""
    problem = _indexed(candidates, rows)
    for group in _admitted_classes(problem):
        _Filling(problem, group).fill()
        for index in group:
            _take(problem, index, problem.current[index] - problem.candidates[index].min_a)
    return {candidate.member: current for candidate, current in zip(problem.candidates, problem.current, strict=True)}


@dataclass(slots=True)
class _Problem[Member]:
    """Candidates and rows by index, highest class first, so that the loops touch lists of numbers only."""

    candidates: list[Candidate[Member]]
    names: list[str]
    left: list[float]  # of each row, beyond what is taken
    uses: list[list[tuple[int, float]]]  # of each candidate: its rows and coefficients
    members: list[list[int]]  # of each row: its candidates
    current: list[float]  # of each candidate
    bound: list[int]  # of each candidate: the row that stops it, or UNBOUND


def _indexed[Member](candidates: Sequence[Candidate[Member]], rows: Sequence[Row[Member]]) -> _Problem[Member]:
    by_class = sorted(candidates, key=attrgetter("priority"), reverse=True)  # which keeps the order of equals
    position = {candidate.member: index for index, candidate in enumerate(by_class)}
    uses: list[list[tuple[int, float]]] = [[] for _ in by_class]
    members: list[list[int]] = []
    for number, row in enumerate(rows):
        inside: list[int] = []
        for member, coefficient in row.coefficients.items():
            index = position.get(member)
            if index is not None and coefficient > 0:
                uses[index].append((number, coefficient))
                inside.append(index)
        members.append(inside)
    names, left = [row.name for row in rows], [row.capacity for row in rows]
    return _Problem(by_class, names, left, uses, members, [0.0] * len(by_class), [UNBOUND] * len(by_class))


def _admitted_classes[Member](problem: _Problem[Member]) -> list[list[int]]:
    """Book the minimum of each that fits; return those candidates, one list for each class."""
    admitted = []
    for index, candidate in enumerate(problem.candidates):
        row = problem.bound[index] = _full_row(problem, index, candidate.min_a)
        if row == UNBOUND and candidate.max_a >= candidate.min_a - TOLERANCE_A:
            problem.current[index] = candidate.min_a
            _take(problem, index, candidate.min_a)
            admitted.append(index)
    return [list(group) for _, group in groupby(admitted, key=lambda index: problem.candidates[index].priority)]


def _full_row[Member](problem: _Problem[Member], index: int, more_a: float) -> int:
    """Return a row that can't carry this much more of a candidate, the one that binds it already before others."""
    left, bound = problem.left, problem.bound[index]
    found = UNBOUND
    for row, coefficient in problem.uses[index]:
        if coefficient * (more_a - TOLERANCE_A) > left[row]:
            if row == bound:
                return row
            if found == UNBOUND:
                found = row
    return found


def _take[Member](problem: _Problem[Member], index: int, more_a: float) -> None:
    left = problem.left
    for row, coefficient in problem.uses[index]:
        left[row] -= coefficient * more_a


class _Filling[Member]:
    """Raises a class: the level (A per weight) rises from event to event, each row is looked at where it changes.

    An event is a level at which a candidate joins (its minimum is reached), leaves (its maximum) or a row is full.
    A row is kept as what it had left at the level of its last event and how fast it fills since.
    """

    def __init__(self, problem: _Problem[Member], group: Sequence[int]) -> None:
        """Take the members of one class; their minimums are booked already."""
        members = [(index, problem.candidates[index]) for index in group]
        self._problem = problem
        self._joining = sorted([(one.min_a / one.weight, index) for index, one in members])
        self._leaving = sorted([(max(one.min_a, one.max_a) / one.weight, index) for index, one in members])
        self._rows = [(left, 0.0, 0.0, 0) for left in problem.left]  # left, since which level, slope, how many rise
        self._full_at = [math.inf] * len(problem.left)
        self._full: set[int] = set()
        self._rising: set[int] = set()

    def fill(self) -> None:
        """Set current and bound of each member; the rows' `left` stays as it is, for the caller to book."""
        joining, leaving = self._joining, self._leaving
        joined = left = 0
        while left < len(leaving):
            stop = leaving[left][0]
            full = min(self._full_at, default=math.inf)
            if joined < len(joining) and joining[joined][0] <= min(stop, full):
                level = joining[joined][0]
                while joined < len(joining) and joining[joined][0] == level:
                    self._join(level, joining[joined][1])
                    joined += 1
            elif stop <= full:
                self._leave(stop, leaving[left][1], UNBOUND)
                left += 1
            else:
                self._fill_up(full, self._full_at.index(full))

    def _join(self, level: float, index: int) -> None:
        for row, _ in self._problem.uses[index] if self._full else ():
            if row in self._full:
                self._problem.bound[index] = row
                return
        self._rising.add(index)
        self._change(level, index, 1)

    def _leave(self, level: float, index: int, row: int) -> None:
        """Stop a member at this level, for this row or its maximum; one that has stopped already stays so."""
        if index not in self._rising:
            return
        self._rising.remove(index)
        self._change(level, index, -1)
        problem, candidate = self._problem, self._problem.candidates[index]
        reached_a = candidate.max_a if row == UNBOUND else min(candidate.max_a, level * candidate.weight)
        problem.current[index] = max(candidate.min_a, reached_a)
        problem.bound[index] = row

    def _fill_up(self, level: float, row: int) -> None:
        self._full.add(row)
        for index in self._problem.members[row]:
            self._leave(level, index, row)

    def _change(self, level: float, index: int, sign: int) -> None:
        """Bring the rows of a member up to this level, from which on it rises (sign 1) or no more (-1)."""
        rows, full_at = self._rows, self._full_at
        weight = sign * self._problem.candidates[index].weight
        for row, coefficient in self._problem.uses[index]:
            left, since, slope, rising = rows[row]
            left -= slope * (level - since)
            rising += sign
            slope = slope + coefficient * weight if rising else 0.0
            rows[row] = (left, level, slope, rising)
            full_at[row] = level + (left / slope if left > 0 else 0.0) if rising else math.inf


def _floor_to_steps[Member](problem: _Problem[Member], group: Sequence[int]) -> None:
    """Round down to the steps, never below the minimum, and book what is above the minimum."""
    for index in group:
        candidate = problem.candidates[index]
        steps = math.floor(problem.current[index] / candidate.step_a + TOLERANCE_A)
        problem.current[index] = max(candidate.min_a, round(steps * candidate.step_a, DIGITS))
        _take(problem, index, problem.current[index] - candidate.min_a)


def _top_up[Member](problem: _Problem[Member], group: Sequence[int]) -> None:
    """Add steps, the lowest by weight first, until no member of the class can have another."""
    waiting = [(problem.current[index] / problem.candidates[index].weight, index) for index in group]
    heapq.heapify(waiting)
    while waiting:
        index = waiting[0][1]
        candidate = problem.candidates[index]
        current_a = problem.current[index]
        steps = math.floor(current_a / candidate.step_a + TOLERANCE_A) + 1
        next_a = round(steps * candidate.step_a, DIGITS)
        beyond = next_a > candidate.max_a + TOLERANCE_A
        row = UNBOUND if beyond else _full_row(problem, index, next_a - current_a)
        if beyond or row != UNBOUND:
            problem.bound[index] = row
            heapq.heappop(waiting)
            continue
        _take(problem, index, next_a - current_a)
        problem.current[index] = next_a
        heapq.heapreplace(waiting, (next_a / candidate.weight, index))
