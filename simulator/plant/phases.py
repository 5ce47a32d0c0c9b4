"""Per-phase values in the order L1, L2, L3 of the grid."""

from collections.abc import Iterable

type Phases = tuple[float, float, float]

NOMINAL_VOLTAGE = 230.0
ZERO: Phases = (0.0, 0.0, 0.0)


def phases(values: Iterable[float]) -> Phases:
    """Return exactly three values; ValueError for any other number of them."""
    l1, l2, l3 = values
    return (l1, l2, l3)


def balanced(total: float) -> Phases:
    """Spread a three-phase total evenly."""
    return (total / 3, total / 3, total / 3)


def add(*vectors: Phases) -> Phases:
    """Add vectors phase by phase."""
    return (sum(v[0] for v in vectors), sum(v[1] for v in vectors), sum(v[2] for v in vectors))


def times(left: Phases, right: Phases) -> Phases:
    """Multiply two vectors phase by phase."""
    return (left[0] * right[0], left[1] * right[1], left[2] * right[2])


def negative(vector: Phases) -> Phases:
    """Turn the sign of each phase."""
    return (-vector[0], -vector[1], -vector[2])
