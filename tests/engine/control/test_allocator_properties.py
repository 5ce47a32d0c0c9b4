"""What holds of every allocation, over random sites: limits, fairness, priority, steps, determinism."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from hypothesis import given, settings, strategies as st
import pytest

from benchmarks.allocator.instances import Instance, random_instance
from benchmarks.allocator.oracle import admitted, fair_shares_by_programmes
from custom_components.smart_charging.engine.control.allocator import Candidate, Row, Share, allocate, fair_shares

from .allocation_oracle import best_whole_amperes, fits, is_bottlenecked, levels, loads

SEEDS = st.integers(0, 2**32)
SITES = st.builds(lambda seed, most: random_instance(Random(seed), most), SEEDS, st.integers(1, 8))
STEP_TOLERANCE = 1e-6


def cases(count: int) -> settings:
    """Return the settings of a property: the same cases in every run."""
    return settings(max_examples=count, deadline=None, derandomize=True, database=None)


def currents(shares: dict[int, Share]) -> dict[int, float]:
    return {member: share.current_a for member, share in shares.items()}


def let_in(site: Instance, shares: dict[int, float]) -> list[Candidate[int]]:
    """Return those whose minimum was admitted."""
    inside = {one.member for one in admitted(site.candidates, site.rows)}
    return [one for one in site.candidates if one.member in inside and one.member in shares]


def next_step(candidate: Candidate[int], current_a: float) -> float:
    """Return the lowest multiple of the step above a current."""
    multiple = round(current_a / candidate.step_a)
    while multiple * candidate.step_a <= current_a + STEP_TOLERANCE:
        multiple += 1
    return multiple * candidate.step_a


@given(SITES)
@cases(2000)
def test_no_row_is_ever_exceeded_and_nobody_in_an_overloaded_one_gets_anything(site: Instance) -> None:
    shares = currents(allocate(site.candidates, site.rows))
    assert sorted(shares) == sorted(one.member for one in site.candidates)
    for row, load in zip(site.rows, loads(site.rows, shares), strict=True):
        assert load <= max(row.capacity, 0.0) + 1e-6


@given(SITES)
@cases(1000)
def test_a_share_is_nothing_the_minimum_or_a_whole_number_of_steps_in_range(site: Instance) -> None:
    shares = currents(allocate(site.candidates, site.rows))
    for one in site.candidates:
        share = shares[one.member]
        if share in {0.0, one.min_a}:
            continue
        assert one.min_a < share <= one.max_a
        assert share / one.step_a == pytest.approx(round(share / one.step_a), abs=1e-5)


@given(SITES)
@cases(1500)
def test_fair_shares_are_those_of_the_linear_programmes(site: Instance) -> None:
    expected = fair_shares_by_programmes(site.candidates, site.rows)
    assert fair_shares(site.candidates, site.rows) == pytest.approx(expected, abs=1e-6)


@given(SITES)
@cases(1000)
def test_whoever_could_use_more_is_at_a_full_row_in_which_nobody_of_its_class_was_raised_higher(site: Instance) -> None:
    shares = fair_shares(site.candidates, site.rows)
    inside = let_in(site, shares)
    for one in inside:
        assert is_bottlenecked(one, inside, site.rows, shares)


@given(SITES)
@cases(1000)
def test_nobody_can_have_another_step_and_each_knows_what_stops_it(site: Instance) -> None:
    shares = allocate(site.candidates, site.rows)
    capacity = {row.name: row.capacity for row in site.rows}
    for one in let_in(site, currents(shares)):
        share = shares[one.member]
        raised = {**currents(shares), one.member: next_step(one, share.current_a)}
        if raised[one.member] > one.max_a + STEP_TOLERANCE:
            assert share.bound_by is None
            continue
        load = dict(zip(capacity, loads(site.rows, raised), strict=True))
        assert share.bound_by is not None
        assert load[share.bound_by] > capacity[share.bound_by]


@given(SITES)
@cases(700)
def test_minimums_are_admitted_by_class_and_then_strictly_in_order(site: Instance) -> None:
    shares = allocate(site.candidates, site.rows)
    inside = let_in(site, currents(shares))
    minimums = {one.member: one.min_a for one in inside}
    for one in site.candidates:
        if one in inside:
            assert shares[one.member].current_a >= one.min_a
            continue
        before = {**minimums, one.member: one.min_a}
        assert shares[one.member].current_a == 0
        refusing = next(row for row in site.rows if row.name == shares[one.member].bound_by)
        assert one.member in refusing.coefficients
        assert loads([refusing], before)[0] > refusing.capacity


@given(SITES, SEEDS)
@cases(700)
def test_names_and_the_order_of_rows_change_nothing(site: Instance, seed: int) -> None:
    random = Random(seed)
    names = [f"station {number}" for number in range(len(site.candidates))]
    random.shuffle(names)
    candidates = [
        Candidate(names[one.member], one.min_a, one.max_a, one.priority, one.step_a, one.weight)
        for one in site.candidates
    ]
    rows = [
        Row(f"limit {number}", row.capacity, {names[member]: factor for member, factor in row.coefficients.items()})
        for number, row in enumerate(site.rows)
    ]
    random.shuffle(rows)
    renamed = allocate(candidates, rows)
    plain = allocate(site.candidates, site.rows)
    assert {names[member]: share.current_a for member, share in plain.items()} == {
        name: share.current_a for name, share in renamed.items()
    }


@given(SITES, SEEDS)
@cases(700)
def test_with_the_admitted_ones_fixed_more_headroom_never_worsens_the_order_over_classes(
    site: Instance, seed: int
) -> None:
    random = Random(seed)
    inside = let_in(site, fair_shares(site.candidates, site.rows))
    roomier = [replace(row, capacity=row.capacity + random.choice([0.0, 0.5, 7.0, 5000.0])) for row in site.rows]
    before = levels(inside, fair_shares(inside, site.rows))
    after = levels(inside, fair_shares(inside, roomier))
    for lower, higher in zip(flat(before), flat(after), strict=True):
        if abs(higher - lower) > 1e-6:
            assert higher > lower
            return


@given(SITES)
@cases(600)
def test_allocating_with_the_outcome_as_maximum_gives_the_outcome(site: Instance) -> None:
    once = currents(allocate(site.candidates, site.rows))
    wanting = [replace(one, max_a=once[one.member]) for one in site.candidates]
    assert currents(allocate(wanting, site.rows)) == once


@given(SITES)
@cases(600)
def test_what_a_lower_class_wants_above_its_minimum_takes_nothing_from_a_higher_one(site: Instance) -> None:
    top = max(one.priority for one in site.candidates)
    modest = [one if one.priority == top else replace(one, max_a=one.min_a) for one in site.candidates]
    asked, plain = allocate(modest, site.rows), allocate(site.candidates, site.rows)
    for one in site.candidates:
        if one.priority == top:
            assert plain[one.member].current_a == asked[one.member].current_a


@given(SITES)
@cases(300)
def test_only_the_proportion_of_weights_counts(site: Instance) -> None:
    heavier = [replace(one, weight=one.weight * 4.0) for one in site.candidates]
    assert currents(allocate(heavier, site.rows)) == currents(allocate(site.candidates, site.rows))


@given(SEEDS)
@cases(900)
def test_whole_amperes_on_a_single_phase_tree_are_the_best_of_all_combinations(seed: int) -> None:
    candidates, rows = small_site(Random(seed), three_phase_share=0.0)
    shares = currents(allocate(candidates, rows))
    inside = admitted(candidates, rows)
    assert {one.member for one in inside} == {member for member, current in shares.items() if current > 0}
    if inside:
        assert levels(inside, shares) == best_whole_amperes(inside, rows)


def test_whole_amperes_on_mixed_trees_are_within_a_step_of_the_best_and_nearly_always_equal() -> None:
    random = Random(14)
    tried = equal = 0
    while tried < 400:
        candidates, rows = small_site(random, three_phase_share=0.5)
        inside = admitted(candidates, rows)
        if not inside:
            continue
        tried += 1
        shares = currents(allocate(candidates, rows))
        assert fits(rows, shares)
        best, ours = flat(best_whole_amperes(inside, rows)), flat(levels(inside, shares))
        equal += best == ours
        first = next((b - o for b, o in zip(best, ours, strict=True) if b != o), 0.0)
        assert first <= 1.0
    assert equal >= 0.98 * tried


def small_site(random: Random, three_phase_share: float) -> tuple[list[Candidate[int]], list[Row[int]]]:
    """Return up to four stations with whole-ampere steps in up to two panels, few enough to try every combination."""
    phases = 3 if three_phase_share else 1
    members: list[dict[str, dict[int, float]]] = [{} for _ in range(phases)]
    candidates = []
    for member in range(random.randint(1, 4)):
        used = range(phases) if random.random() < three_phase_share else [random.randrange(phases)]
        panel = random.choice(["one", "two"])
        for phase in used:
            for circuit in ("root", panel):
                members[phase].setdefault(circuit, {})[member] = 1.0
        candidates.append(Candidate(member, 6.0, float(random.randint(6, 11)), random.choice([0, 0, 1]), 1.0))
    rows = [
        Row(f"{circuit} {phase}", random.choice([random.uniform(4, 40), float(random.randint(6, 40))]), inside)
        for phase, circuits in enumerate(members)
        for circuit, inside in circuits.items()
    ]
    return candidates, rows


def flat(classes: Sequence[Sequence[float]]) -> list[float]:
    return [level for one in classes for level in one]
