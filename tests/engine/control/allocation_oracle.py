"""Slow and simple judges of an allocation: every integer combination tried, and the certificate of fairness."""

from collections.abc import Mapping, Sequence
from itertools import product

from custom_components.smart_charging.engine.control.allocator import Candidate, Row

type Levels = list[list[float]]  # class by class, highest first: the currents per weight, lowest first


def levels(candidates: Sequence[Candidate[int]], shares: Mapping[int, float]) -> Levels:
    """Return what the lexicographic order over classes compares."""
    priorities = sorted({candidate.priority for candidate in candidates}, reverse=True)
    return [
        sorted(shares[one.member] / one.weight for one in candidates if one.priority == priority)
        for priority in priorities
    ]


def loads(rows: Sequence[Row[int]], shares: Mapping[int, float]) -> list[float]:
    """Return what each row carries."""
    return [sum(factor * shares.get(member, 0.0) for member, factor in row.coefficients.items()) for row in rows]


def fits(rows: Sequence[Row[int]], shares: Mapping[int, float]) -> bool:
    """Return True where no row carries more than it may."""
    return all(load <= row.capacity + 1e-9 for row, load in zip(rows, loads(rows, shares), strict=True))


def best_whole_amperes(admitted: Sequence[Candidate[int]], rows: Sequence[Row[int]]) -> Levels:
    """Return the lexicographically best levels of all combinations of whole A, everybody between minimum and maximum."""
    ranges = [range(int(one.min_a), int(one.max_a) + 1) for one in admitted]
    members = [one.member for one in admitted]
    combinations = (dict(zip(members, map(float, currents), strict=True)) for currents in product(*ranges))
    return max(levels(admitted, shares) for shares in combinations if fits(rows, shares))


def is_bottlenecked(
    candidate: Candidate[int],
    candidates: Sequence[Candidate[int]],
    rows: Sequence[Row[int]],
    shares: Mapping[int, float],
    tolerance: float = 1e-6,
) -> bool:
    """Return True where a candidate is at its maximum, or at a full row in which nobody of its class was raised higher.

    Full means: by those of its class and above, and the minimums of those below. Everybody in `candidates` is admitted.
    """
    if shares[candidate.member] >= candidate.max_a - tolerance:
        return True
    level = shares[candidate.member] / candidate.weight
    counted = {
        one.member: shares[one.member] if one.priority >= candidate.priority else one.min_a for one in candidates
    }
    for row, load in zip(rows, loads(rows, counted), strict=True):
        if row.coefficients.get(candidate.member, 0.0) <= 0 or load < row.capacity - tolerance * 1000:
            continue
        peers = [one for one in candidates if one.priority == candidate.priority and one.member in row.coefficients]
        raised = [one for one in peers if shares[one.member] > one.min_a + tolerance]
        if all(shares[one.member] / one.weight <= level + tolerance for one in raised):
            return True
    return False
