"""Shares under a bound on the difference between phases: kept wherever chargers can help it, never at others' cost."""

from itertools import permutations
from random import Random

from hypothesis import given, settings, strategies as st

from benchmarks.allocator.instances import random_phases
from custom_components.smart_charging.engine.control.allocator import Candidate, Row, Share, allocate
from custom_components.smart_charging.engine.control.unbalance import allocate_balanced
from custom_components.smart_charging.engine.model import Phases

SEEDS = st.integers(0, 2**32)
NAMES = ("L1", "L2", "L3")


class Place:
    """A random connection: stations on its phases, a fuse, at times a limit in W, and a house."""

    def __init__(self, seed: int) -> None:
        random = Random(seed)
        members = range(random.randint(1, 7))
        self.used = {member: random_phases(random) for member in members}
        self.candidates = [
            Candidate(member, 6.0, random.choice([10.0, 16.0, 32.0]), random.choice([0, 0, 1]), random.choice([0.1, 1]))
            for member in members
        ]
        self.others = Phases(*(random.uniform(-15, 25) for _ in range(3)))
        self.rows = [
            Row(name, random.choice([25, 35, 63]) - self.others[phase], self.on({phase}))
            for phase, name in enumerate(NAMES)
        ]
        if random.random() < 0.3:
            watts = {member: 230.0 * len(phases) for member, phases in self.used.items()}
            self.rows.append(Row("W", random.uniform(1000, 30000), watts))
        self.unbalance_a = random.choice([0.0, 5.0, 10.0, 20.0])

    def on(self, phases: set[int]) -> dict[int, float]:
        return {member: 1.0 for member, used in self.used.items() if phases <= set(used)}

    def balanced(self, unbalance_a: float | None = None) -> dict[int, Share]:
        bound = self.unbalance_a if unbalance_a is None else unbalance_a
        return allocate_balanced(self.candidates, self.rows, self.others, self.used, bound)

    def loads(self, shares: dict[int, Share]) -> Phases:
        own = (sum(shares[member].current_a for member in self.on({phase})) for phase in range(3))
        return self.others + Phases(*own)


def cases(count: int) -> settings:
    return settings(max_examples=count, deadline=None, derandomize=True, database=None)


@given(SEEDS)
@cases(800)
def test_a_phase_with_a_charger_of_its_own_is_never_further_above_another_than_allowed(seed: int) -> None:
    place = Place(seed)
    shares = place.balanced()
    load = place.loads(shares)
    for high, low in permutations(range(3), 2):
        charged = [member for member in place.on({high}) if low not in place.used[member]]
        if any(shares[member].current_a > 0 for member in charged):
            assert load[high] - load[low] <= place.unbalance_a + 1e-5


@given(SEEDS)
@cases(500)
def test_the_other_limits_hold_as_well(seed: int) -> None:
    place = Place(seed)
    shares = place.balanced()
    for row in place.rows:
        load = sum(factor * shares[member].current_a for member, factor in row.coefficients.items())
        assert load <= max(row.capacity, 0.0) + 1e-6


@given(SEEDS)
@cases(300)
def test_a_bound_that_is_never_met_changes_nothing(seed: int) -> None:
    place = Place(seed)
    assert place.balanced(1000.0) == allocate(place.candidates, place.rows)


@given(SEEDS)
@cases(300)
def test_names_of_stations_change_nothing(seed: int) -> None:
    place = Place(seed)
    plain = place.balanced()
    names = [f"station {member}" for member in place.used]
    Random(seed).shuffle(names)
    place.used = {names[member]: used for member, used in place.used.items()}
    place.candidates = [
        Candidate(names[one.member], one.min_a, one.max_a, one.priority, one.step_a) for one in place.candidates
    ]
    place.rows = [
        Row(row.name, row.capacity, {names[member]: factor for member, factor in row.coefficients.items()})
        for row in place.rows
    ]
    assert place.balanced() == {names[member]: share for member, share in plain.items()}


def single_phase(count: int, phase: int = 0) -> tuple[list[Candidate[int]], dict[int, tuple[int, ...]]]:
    members = range(10 * phase, 10 * phase + count)
    return [Candidate(member, 6, 32) for member in members], dict.fromkeys(members, (phase,))


def test_two_cars_on_one_phase_share_what_the_bound_leaves() -> None:
    candidates, used = single_phase(2)
    shares = allocate_balanced(candidates, [], Phases(), used, 20.0)
    assert [share.current_a for share in shares.values()] == [10.0, 10.0]
    assert shares[0].bound_by in {"unbalance/L1/L2", "unbalance/L1/L3"}


def test_a_car_on_each_phase_leaves_all_at_their_maximum_under_a_bound_below_the_minimum() -> None:
    candidates, used = [], {}
    for phase in range(3):
        more, on = single_phase(1, phase)
        candidates += more
        used |= on
    shares = allocate_balanced(candidates, [], Phases(), used, 4.0)
    assert [share.current_a for share in shares.values()] == [32.0, 32.0, 32.0]


def test_cars_on_other_phases_that_get_little_hold_back_the_rest() -> None:
    used = {1: (0,), 2: (1,), 3: (2,)}
    candidates = [Candidate(member, 6, 32) for member in used]
    shares = allocate_balanced(candidates, [Row("L2", 8.0, {2: 1.0})], Phases(), used, 20.0)
    assert {member: share.current_a for member, share in shares.items()} == {1: 28.0, 2: 8.0, 3: 28.0}
    assert shares[1].bound_by == "unbalance/L1/L2"


def test_a_three_phase_car_is_free_of_the_bound() -> None:
    shares = allocate_balanced([Candidate(1, 6, 16)], [], Phases(30.0, 0.0, 0.0), {1: (0, 1, 2)}, 20.0)
    assert shares[1].current_a == 16.0


def test_a_house_that_is_too_unbalanced_already_is_made_no_worse() -> None:
    candidates = [Candidate(1, 6, 32), Candidate(2, 6, 32)]
    shares = allocate_balanced(candidates, [], Phases(30.0, 0.0, 0.0), {1: (0,), 2: (1,)}, 20.0)
    assert (shares[1].current_a, shares[1].bound_by) == (0.0, "unbalance/L1/L3")
    assert shares[2].current_a == 20.0


def test_cars_on_the_other_phases_make_up_for_an_unbalanced_house() -> None:
    used = {1: (0,), 2: (1,), 3: (2,)}
    candidates = [Candidate(member, 6, 32) for member in used]
    shares = allocate_balanced(candidates, [], Phases(30.0, 0.0, 0.0), used, 20.0)
    assert [shares[member].current_a for member in used] == [22.0, 32.0, 32.0]
