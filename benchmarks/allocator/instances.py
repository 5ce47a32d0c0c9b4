"""Random allocation problems: circuit trees with stations on one, two or three phases, and limits in W."""

from dataclasses import dataclass, field
from random import Random

from custom_components.smart_charging.engine.control.allocator import Candidate, Row

PANEL_SIZE = 10
VOLTAGE_V = 230.0
PHASES = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class Instance:
    """What the allocator is asked: candidates in order of admission, and every limit."""

    candidates: list[Candidate[int]]
    rows: list[Row[int]]


@dataclass(slots=True)
class _Circuit:
    """A node of a tree while it is built: which candidates load which phase."""

    name: str
    phases: tuple[dict[int, float], ...] = field(default_factory=lambda: ({}, {}, {}))
    watts: dict[int, float] = field(default_factory=dict)

    def connect(self, member: int, used: tuple[int, ...]) -> None:
        for phase in used:
            self.phases[phase][member] = 1.0
        self.watts[member] = VOLTAGE_V * len(used)


def random_instance(random: Random, most: int = 8) -> Instance:
    """Return a small site with everything mixed: classes, weights, steps, minimums, overloaded and spacious limits."""
    count = random.randint(1, most)
    root = _Circuit("root")
    panels = [_Circuit(f"panel {number}") for number in range(random.randint(0, 3))]
    parents = [random.choice([None, *panels[:number]]) for number in range(len(panels))]
    candidates = []
    for member in range(count):
        used = random_phases(random)
        node = random.choice([None, *panels])
        while node is not None:
            node.connect(member, used)
            node = parents[panels.index(node)]
        root.connect(member, used)
        candidates.append(random_candidate(random, member))
    rows = [row for circuit in (root, *panels) for row in _limits(random, circuit, count)]
    return Instance(candidates, rows)


def random_phases(random: Random) -> tuple[int, ...]:
    """Return the grid phases of a station: mostly one or all, at times two."""
    kind = random.random()
    if kind < 0.4:
        return PHASES
    if kind < 0.9:
        return (random.choice(PHASES),)
    left_out = random.choice(PHASES)
    return tuple(phase for phase in PHASES if phase != left_out)


def random_candidate(random: Random, member: int) -> Candidate[int]:
    """Return a station's wish; the minimum is not always on the grid of its steps."""
    min_a = random.choice([6.0, 6.0, 6.0, 6.5, 8.0, 0.0])
    max_a = random.choice([min_a, 10.0, 13.0, 16.0, 16.0, 20.5, 32.0, 32.0])
    step_a = random.choice([0.1, 0.1, 0.5, 1.0])
    weight = random.choice([1.0, 1.0, 1.0, 0.5, 2.0, 3.0])
    return Candidate(member, min_a, max(min_a, max_a), random.choice([0, 0, 0, 1, 2]), step_a, weight)


def panels_of_ten(count: int, seed: int) -> Instance:
    """Return a large site for timing: panels of ten under one connection, one-phase and three-phase stations."""
    random = Random(seed)
    root = _Circuit("root")
    panels = [_Circuit(f"panel {number}") for number in range(-(-count // PANEL_SIZE))]
    for member in range(count):
        used = PHASES if random.random() < 0.5 else (random.choice(PHASES),)
        root.connect(member, used)
        panels[member // PANEL_SIZE].connect(member, used)
    candidates = [Candidate(member, 6.0, random.choice([16.0, 32.0])) for member in range(count)]
    rows = [
        Row(f"{circuit.name} L{phase + 1}", random.uniform(*each) * len(circuit.watts), circuit.phases[phase])
        for circuit, each in ((root, (4.0, 10.0)), *((panel, (4.0, 12.0)) for panel in panels))
        for phase in PHASES
    ]
    return Instance(candidates, rows)


def _limits(random: Random, circuit: _Circuit, count: int) -> list[Row[int]]:
    rows = [
        Row(f"{circuit.name} L{phase + 1}", _capacity(random, count), members)
        for phase, members in enumerate(circuit.phases)
    ]
    if random.random() < 0.3:
        rows.append(Row(f"{circuit.name} W", _capacity(random, count) * VOLTAGE_V * 2, circuit.watts))
    return rows


def _capacity(random: Random, count: int) -> float:
    kind = random.random()
    if kind < 0.05:
        return random.uniform(-20.0, 0.0)
    if kind < 0.4:
        return float(random.randint(0, 16 * count))
    return random.uniform(0.0, 20.0 * count)
