"""Properties that every allocation has, whatever the limits and the wishes."""

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smart_charging.engine.control.allocator import Candidate, Row, allocate

PHASES = ("L1", "L2", "L3")


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[Candidate[int]], list[Row[int]]]:
    count = draw(st.integers(0, 8))
    candidates = []
    used: dict[str, dict[int, float]] = {name: {} for name in PHASES}
    for member in range(count):
        maximum = draw(st.floats(6, 32))
        candidates.append(Candidate(member, 6.0, maximum, draw(st.integers(0, 2)), draw(st.sampled_from([0.1, 1.0]))))
        for name in draw(st.sampled_from([PHASES, ("L1",), ("L2",), ("L3",)])):
            used[name][member] = 1.0
    rows = [Row(name, draw(st.floats(-10, 80)), used[name]) for name in PHASES]
    return candidates, rows


@given(problems())
@settings(max_examples=500, deadline=None)
def test_no_row_is_ever_exceeded_and_shares_are_zero_or_in_range(
    problem: tuple[list[Candidate[int]], list[Row[int]]],
) -> None:
    candidates, rows = problem
    shares = allocate(candidates, rows)
    assert set(shares) == {candidate.member for candidate in candidates}
    for candidate in candidates:
        current = shares[candidate.member].current_a
        assert current == 0 or candidate.min_a <= current <= candidate.max_a + 1e-9
    for row in rows:
        load = sum(factor * shares[member].current_a for member, factor in row.coefficients.items())
        assert load <= max(row.capacity, 0.0) + 1e-6


@given(problems())
@settings(max_examples=300, deadline=None)
def test_whoever_could_have_more_is_at_a_full_row_in_which_nobody_of_its_class_has_more(
    problem: tuple[list[Candidate[int]], list[Row[int]]],
) -> None:
    candidates, rows = problem
    shares = allocate([Candidate(c.member, c.min_a, c.max_a, 0, 1e-6) for c in candidates], rows)
    for candidate in candidates:
        current = shares[candidate.member].current_a
        if current == 0 or current >= candidate.max_a - 1e-4:
            continue
        full = [
            row
            for row in rows
            if candidate.member in row.coefficients
            and row.capacity - sum(shares[member].current_a for member in row.coefficients) < 1e-3
        ]
        assert any(all(shares[member].current_a <= current + 1e-3 for member in row.coefficients) for row in full)


@given(problems())
@settings(max_examples=200, deadline=None)
def test_a_lower_class_changes_nothing_above_the_minimum_for_a_higher_one(
    problem: tuple[list[Candidate[int]], list[Row[int]]],
) -> None:
    candidates, rows = problem
    if not candidates:
        return
    top = max(candidate.priority for candidate in candidates)
    alone = allocate([candidate for candidate in candidates if candidate.priority == top], rows)
    together = allocate(candidates, rows)
    admitted_alone = {member for member, share in alone.items() if share.current_a > 0}
    assert admitted_alone == {member for member in alone if together[member].current_a > 0}


def test_equal_wishes_share_equally() -> None:
    rows = [Row("L1", 20.0, {1: 1.0, 2: 1.0})]
    shares = allocate([Candidate(1, 6, 16), Candidate(2, 6, 16)], rows)
    assert [shares[member].current_a for member in (1, 2)] == [10.0, 10.0]
    assert shares[1].bound_by == "L1"


def test_priority_is_served_first() -> None:
    rows = [Row("L1", 20.0, {1: 1.0, 2: 1.0})]
    shares = allocate([Candidate(1, 6, 16, priority=0), Candidate(2, 6, 16, priority=1)], rows)
    assert (shares[1].current_a, shares[2].current_a) == (6.0, 14.0)


def test_what_does_not_fit_gets_nothing_and_knows_the_row() -> None:
    rows = [Row("L1", 10.0, {1: 1.0, 2: 1.0})]
    shares = allocate([Candidate(1, 6, 16), Candidate(2, 6, 16)], rows)
    assert shares[1].current_a == 10.0
    assert (shares[2].current_a, shares[2].bound_by) == (0.0, "L1")


def test_a_power_row_counts_watts() -> None:
    shares = allocate([Candidate(1, 6, 16)], [Row("surplus", 6900.0, {1: 690.0})])
    assert shares[1].current_a == pytest.approx(10.0)


def test_shares_come_in_the_stations_steps() -> None:
    shares = allocate([Candidate(1, 6, 16, step_a=1.0)], [Row("L1", 9.7, {1: 1.0})])
    assert shares[1].current_a == 9.0
