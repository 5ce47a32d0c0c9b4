"""The scenario `overload` sees every second at the fuse, and our controller keeps its promise in it."""

from itertools import islice, repeat

import pytest

from benchmarks.overload import scenario
from benchmarks.overload.house import MOST_ON_PHASE_W, VOLTAGE_V, seconds
from benchmarks.overload.loop import SLOW, Loop, Timing
from benchmarks.overload.plant import FUSE_A, Car, Watch
from benchmarks.series import house_minutes


def drive(car: Car, begin_s: int, count: int) -> list[float]:
    """Return the car's current in each of these seconds."""
    currents = []
    for at_s in range(begin_s, begin_s + count):
        car.step(at_s)
        currents.append(car.current_a)
    return currents


def test_the_last_second_of_each_minute_carries_the_measured_load() -> None:
    minutes = house_minutes(1)
    ends = [sum(currents) * VOLTAGE_V for currents in islice(seconds(1), 59, None, 60)]
    assert ends == pytest.approx(minutes, rel=0.05, abs=120.0)


def test_the_house_alone_never_exceeds_the_fuse() -> None:
    assert max(max(currents) for currents in seconds(3)) < FUSE_A
    assert MOST_ON_PHASE_W / VOLTAGE_V < FUSE_A


def test_the_house_is_the_same_each_time() -> None:
    assert list(islice(seconds(1), 600)) == list(islice(seconds(1), 600))


def test_a_car_follows_a_second_after_the_command_within_three_seconds() -> None:
    car = Car()
    car.command(10, 12.0)
    assert drive(car, 10, 6) == pytest.approx([0.0, 4.0, 8.0, 12.0, 12.0, 12.0])
    assert (car.accepted_a, car.accepted_at) == (12.0, 11)


def test_a_car_draws_nothing_below_its_least_current_and_no_more_than_its_most() -> None:
    car = Car()
    car.command(0, 32.0)
    assert drive(car, 0, 10)[-1] == 16.0
    car.command(10, 5.9)
    assert drive(car, 10, 10)[-1] == 0.0


def test_the_longest_overload_is_that_without_a_break() -> None:
    watch = Watch()
    for busiest in [26.0] * 3 + [25.0] + [30.0] * 5 + [20.0]:
        watch.see((busiest, 10.0, 0.0), wanting=True)
    assert (watch.longest_s, watch.over_s, watch.over_trip_s) == (5, 8, 5)
    assert watch.over_kws == pytest.approx((3 * 1.0 + 5 * 5.0) * VOLTAGE_V / 1000)


def test_the_fuse_counts_as_used_only_while_a_car_wants_more() -> None:
    watch = Watch()
    watch.see((20.0, 0.0, 0.0), wanting=True)
    watch.see((5.0, 0.0, 0.0), wanting=False)
    assert watch.utilisation == pytest.approx(0.8)


def test_two_cars_share_what_an_even_house_leaves() -> None:
    loop = Loop(Timing())
    loop.run(repeat((4.0, 4.0, 4.0), 300))
    assert [car.current_a for car in loop.cars] == pytest.approx([10.0, 10.0], abs=0.2)
    assert loop.watch.over_s == 0


def test_the_guard_alone_brings_the_fuse_back_below_its_rating() -> None:
    loop = Loop(Timing())
    at_s = loop.run(repeat((4.0, 4.0, 4.0), 300))
    loop.timing = Timing(cycle_s=86_400, ticks=False)
    loop.run(repeat((16.0, 4.0, 4.0), 15), at_s)
    assert 0 < loop.watch.longest_s <= 10
    assert 16.0 + sum(car.current_a for car in loop.cars) <= FUSE_A


def test_no_step_of_the_house_overloads_the_fuse_for_more_than_ten_seconds() -> None:
    assert 0 < scenario.longest_after_step(Timing()) <= 10


def test_the_fuse_is_used_well_and_never_overloaded_for_more_than_ten_seconds() -> None:
    watch = scenario.watched(Timing(), 3_600)
    assert watch.seconds == 3_600
    assert watch.longest_s <= 10
    assert watch.utilisation > 0.85


def test_a_slow_loop_leaves_the_fuse_overloaded_until_it_looks_again() -> None:
    assert scenario.after_step(SLOW, 12.0, phases=1, offset_s=1) > 20


def test_the_figures_are_told_in_a_sentence() -> None:
    watch = scenario.watched(Timing(), 600)
    figures = {**scenario.figures_of(watch, watch), "longest_after_step_s": 7.0, "longest_overload_s": 7.0}
    assert "at most 7 s above the fuse" in scenario.describe(figures)
