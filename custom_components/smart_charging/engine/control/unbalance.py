"""Allocation under a bound on the difference between the phases of the grid connection."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from math import inf

from ..model import Phases
from .allocator import Candidate, Row, Share, allocate
from .wiring import PHASE_NAMES

ROUNDS = 8  # of each search; most sites need two
TOLERANCE_A = 1e-6


def allocate_balanced[Member](
    candidates: Sequence[Candidate[Member]],
    rows: Sequence[Row[Member]],
    others_a: Phases,
    used: Mapping[Member, tuple[int, ...]],
    unbalance_a: float,
    taken_a: Mapping[Member, float] | None = None,
) -> dict[Member, Share]:
    """Return shares as `allocate` does, under which no phase is more than `unbalance_a` above another.

    `others_a` is everything else on the grid connection in A, `used` the grid phases (0 to 2) of each candidate.
    `taken_a` is what some of them are known to draw at most: whatever they get, no more of it counts
    as a counterweight.
    Where the others alone are too far apart, no candidate adds to it beyond what the rest make up for.

    How much fits on a phase depends on what candidates on the other phases get. So the bound is a row for each
    pair of phases, with a credit for the lower one: what its candidates got in the round before. One search
    starts from shares without the bound, one from no credit at all, which always keeps the bound; the best
    outcome that keeps it is returned.
    """
    shares = allocate(candidates, rows)
    pairs = _pairs(candidates, others_a, used, unbalance_a, taken_a or {})
    if all(pair.kept(shares) for pair in pairs):
        return shares
    bare = {candidate.member: Share(0.0) for candidate in candidates}
    outcomes = [
        outcome
        for start in (bare, shares)
        for outcome in _search(candidates, rows, pairs, start)
        if all(pair.kept(outcome) for pair in pairs)
    ]
    # Among equals the last one: its rows counted on what everybody really gets, so they name the true bound.
    return max(reversed(outcomes), key=lambda outcome: _worth(candidates, outcome))


@dataclass(frozen=True, slots=True)
class _Pair[Member]:
    """A phase that is to stay within `slack_a` of another, counted in what candidates add to either alone."""

    name: str
    slack_a: float
    higher: tuple[Member, ...]
    lower: tuple[Member, ...]
    taken_a: Mapping[Member, float]

    def kept(self, shares: Mapping[Member, Share]) -> bool:
        """Return True where the phases are close enough, or no candidate is to blame."""
        load_a = sum(shares[member].current_a for member in self.higher)
        return load_a == 0 or load_a <= self.slack_a + self.credit_a(shares) + TOLERANCE_A

    def credit_a(self, shares: Mapping[Member, Share]) -> float:
        """Return what candidates add to the other phase, which may flow here on top of the slack."""
        return sum(min(shares[member].current_a, self.taken_a.get(member, inf)) for member in self.lower)

    def row(self, credit_a: float) -> Row[Member]:
        """Return the bound as a row that counts on this credit."""
        return Row(self.name, self.slack_a + credit_a, dict.fromkeys(self.higher, 1.0))


def _pairs[Member](
    candidates: Sequence[Candidate[Member]],
    others_a: Phases,
    used: Mapping[Member, tuple[int, ...]],
    unbalance_a: float,
    taken_a: Mapping[Member, float],
) -> list[_Pair[Member]]:
    members = [candidate.member for candidate in candidates]
    return [
        _Pair(
            f"unbalance/{PHASE_NAMES[high]}/{PHASE_NAMES[low]}",
            unbalance_a - (others_a[high] - others_a[low]),
            tuple(member for member in members if high in used[member] and low not in used[member]),
            tuple(member for member in members if low in used[member] and high not in used[member]),
            taken_a,
        )
        for high, low in permutations(range(3), 2)
    ]


def _search[Member](
    candidates: Sequence[Candidate[Member]],
    rows: Sequence[Row[Member]],
    pairs: Sequence[_Pair[Member]],
    shares: Mapping[Member, Share],
) -> Iterator[dict[Member, Share]]:
    """Yield allocations, each with the credits of the one before, until they repeat."""
    seen = set()
    for _ in range(ROUNDS):
        credits_a = tuple(pair.credit_a(shares) for pair in pairs)
        if credits_a in seen:
            return
        seen.add(credits_a)
        bounds = [pair.row(credit_a) for pair, credit_a in zip(pairs, credits_a, strict=True)]
        shares = allocate(candidates, [*rows, *bounds])
        yield shares


def _worth[Member](candidates: Sequence[Candidate[Member]], shares: Mapping[Member, Share]) -> tuple[object, ...]:
    """Return what sorts outcomes: who is admitted, in order, then class by class the lowest shares by weight."""
    by_class = sorted(candidates, key=lambda candidate: -candidate.priority)
    admitted = tuple(shares[candidate.member].current_a > 0 for candidate in by_class)
    levels = sorted((-one.priority, shares[one.member].current_a / one.weight) for one in candidates)
    return (admitted, tuple(level for _, level in levels))
