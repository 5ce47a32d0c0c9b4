"""Allocations that can be checked by hand; what holds of all of them is in test_allocator_properties.py."""

import pytest

from custom_components.smart_charging.engine.control.allocator import Candidate, Row, allocate, fair_shares


def test_equal_wishes_share_equally() -> None:
    rows = [Row("L1", 20.0, {1: 1.0, 2: 1.0})]
    shares = allocate([Candidate(1, 6, 16), Candidate(2, 6, 16)], rows)
    assert [shares[member].current_a for member in (1, 2)] == [10.0, 10.0]
    assert shares[1].bound_by == "L1"


def test_priority_is_served_first() -> None:
    rows = [Row("L1", 20.0, {1: 1.0, 2: 1.0})]
    shares = allocate([Candidate(1, 6, 16, priority=0), Candidate(2, 6, 16, priority=1)], rows)
    assert (shares[1].current_a, shares[2].current_a) == (6.0, 14.0)


def test_a_higher_class_is_admitted_first_wherever_it_stands() -> None:
    rows = [Row("L1", 10.0, {1: 1.0, 2: 1.0})]
    shares = allocate([Candidate(1, 6, 16, priority=0), Candidate(2, 6, 16, priority=1)], rows)
    assert (shares[1].current_a, shares[2].current_a) == (0.0, 10.0)


def test_twice_the_weight_gets_twice_the_current() -> None:
    rows = [Row("L1", 36.0, {1: 1.0, 2: 1.0})]
    shares = allocate([Candidate(1, 6, 32, weight=2.0), Candidate(2, 6, 32)], rows)
    assert (shares[1].current_a, shares[2].current_a) == (24.0, 12.0)


def test_whoever_is_above_the_level_by_its_minimum_waits_for_the_others() -> None:
    rows = [Row("L1", 24.0, {1: 1.0, 2: 1.0, 3: 1.0})]
    shares = fair_shares([Candidate(1, 10, 16), Candidate(2, 6, 16), Candidate(3, 6, 16)], rows)
    assert shares == {1: 10.0, 2: 7.0, 3: 7.0}


def test_what_does_not_fit_gets_nothing_and_knows_the_row() -> None:
    rows = [Row("L1", 10.0, {1: 1.0, 2: 1.0})]
    shares = allocate([Candidate(1, 6, 16), Candidate(2, 6, 16)], rows)
    assert shares[1].current_a == 10.0
    assert (shares[2].current_a, shares[2].bound_by) == (0.0, "L1")


def test_an_overloaded_limit_stops_its_members_and_nobody_else() -> None:
    rows = [Row("garage", -3.0, {1: 1.0}), Row("yard", 20.0, {2: 1.0})]
    shares = allocate([Candidate(1, 0, 16), Candidate(2, 6, 16)], rows)
    assert (shares[1].current_a, shares[1].bound_by) == (0.0, "garage")
    assert (shares[2].current_a, shares[2].bound_by) == (16.0, None)


def test_a_candidate_whose_maximum_is_below_its_minimum_gets_nothing_and_takes_nothing() -> None:
    rows = [Row("L1", 12.0, {1: 1.0, 2: 1.0})]
    shares = allocate([Candidate(1, 6, 5), Candidate(2, 6, 16)], rows)
    assert (shares[1].current_a, shares[1].bound_by) == (0.0, None)
    assert shares[2].current_a == 12.0


def test_a_power_row_counts_watts() -> None:
    shares = allocate([Candidate(1, 6, 16)], [Row("surplus", 6900.0, {1: 690.0})])
    assert shares[1].current_a == pytest.approx(10.0)


def test_shares_come_in_the_stations_steps() -> None:
    shares = allocate([Candidate(1, 6, 16, step_a=1.0)], [Row("L1", 9.7, {1: 1.0})])
    assert shares[1].current_a == 9.0


def test_what_flooring_leaves_over_goes_to_the_first_of_the_lowest() -> None:
    rows = [Row("L1", 20.0, {1: 1.0, 2: 1.0, 3: 1.0})]
    shares = allocate([Candidate(member, 6, 16, step_a=1.0) for member in (3, 1, 2)], rows)
    assert [shares[member].current_a for member in (3, 1, 2)] == [7.0, 7.0, 6.0]
    assert {share.bound_by for share in shares.values()} == {"L1"}


def test_a_minimum_between_two_steps_is_given_as_it_is() -> None:
    candidate = Candidate(1, 6.5, 16, step_a=1.0)
    assert allocate([candidate], [Row("L1", 6.9, {1: 1.0})])[1].current_a == 6.5
    assert allocate([candidate], [Row("L1", 7.2, {1: 1.0})])[1].current_a == 7.0


def test_a_three_phase_car_at_a_crowded_phase_leaves_the_others_to_single_phase_cars() -> None:
    rows = [
        Row("L1", 24.0, {"three": 1.0, "first": 1.0}),
        Row("L2", 24.0, {"three": 1.0, "second": 1.0}),
        Row("panel L1", 8.0, {"three": 1.0}),
    ]
    wanted = [Candidate("three", 6, 16), Candidate("first", 6, 32), Candidate("second", 6, 10)]
    shares = allocate(wanted, rows)
    assert {member: share.current_a for member, share in shares.items()} == {
        "three": 8.0,
        "first": 16.0,
        "second": 10.0,
    }
    assert [shares[member].bound_by for member in ("three", "first", "second")] == ["panel L1", "L1", None]


def test_without_any_limit_everybody_gets_its_maximum() -> None:
    assert allocate([Candidate(1, 6, 16)], [])[1].current_a == 16.0
