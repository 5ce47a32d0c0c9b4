"""What a linear programme is put together from: its columns and rows as they are added."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

INFINITE = np.inf
EARLIER = 4e-6  # money per kWh and slot: of two equal slots the first
TURNS = 1e-5  # money per kWh through a battery or a car and back, so that nothing is moved for nothing


def _filled(value: Floats | float, size: int) -> Floats:
    return value if isinstance(value, np.ndarray) else np.full(size, value)


@dataclass(slots=True)
class Columns:
    """Columns as they are added: bounds and costs."""

    lower: list[Floats] = field(default_factory=list)
    upper: list[Floats] = field(default_factory=list)
    cost: list[Floats] = field(default_factory=list)
    count: int = 0

    def add(self, lower: Floats | float, upper: Floats, cost: Floats | float) -> Ints:
        """Add a column for each upper bound and return their numbers."""
        size = len(upper)
        self.lower.append(_filled(lower, size))
        self.upper.append(upper)
        self.cost.append(_filled(cost, size))
        self.count += size
        return np.arange(self.count - size, self.count)


@dataclass(slots=True)
class Rows:
    """Rows as they are added: bounds, and their entries as triples."""

    lower: list[Floats] = field(default_factory=list)
    upper: list[Floats] = field(default_factory=list)
    rows: list[Ints] = field(default_factory=list)
    columns: list[Ints] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)
    count: int = 0

    def add(self, lower: Floats | float, upper: Floats | float, size: int) -> Ints:
        """Add so many rows and return their numbers."""
        self.lower.append(_filled(lower, size))
        self.upper.append(_filled(upper, size))
        self.count += size
        return np.arange(self.count - size, self.count)

    def enter(self, rows: Ints, columns: Ints, values: Floats | float) -> None:
        """Enter values where rows and columns meet, pair by pair."""
        self.rows.append(rows)
        self.columns.append(columns)
        self.values.append(_filled(values, len(columns)))
