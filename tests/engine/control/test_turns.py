"""Cars take turns where not all can have their minimum, and nobody is left out."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smart_charging.engine.config import CircuitConfig
from custom_components.smart_charging.engine.control.snapshot import EvseControl, EvseSnapshot
from custom_components.smart_charging.engine.control.urgency import urgency
from custom_components.smart_charging.engine.model import EvseStatus, Phases, ReasonCode

from .builders import NOW, SITE
from .plant import Car, Plant, stations

TIGHT = replace(SITE, fuse_a=25.0)  # room for four cars at 6 A


def test_what_runs_goes_on_until_its_turn_is_over() -> None:
    plant = Plant(replace(SITE, fuse_a=14.0), *(Car(one) for one in stations(3)))
    plant.run(600)
    first = [plant.current(n) >= 6.0 for n in range(3)]
    plant.run(200)
    assert [plant.current(n) >= 6.0 for n in range(3)] == first
    waiting = first.index(False)
    assert plant.decision is not None
    reason = plant.decision.setpoints[plant.cars[waiting].key].reason
    assert reason.code is ReasonCode.WAITING_TURN
    assert reason.params["needed_a"] == 6.0
    plant.run(150)
    assert plant.current(waiting) >= 6.0


def test_all_get_nearly_the_same_energy_in_the_long_run() -> None:
    plant = Plant(replace(SITE, fuse_a=14.0), *(Car(one) for one in stations(5)))
    plant.run(5 * 3600, step=30.0)
    energies = [car.energy_wh for car in plant.cars]
    assert min(energies) >= 0.7 * max(energies)
    assert max(plant.worst_over_a.values()) <= 0


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.sampled_from([1, 3]), st.integers(0, 2)), min_size=2, max_size=8),
    st.floats(7.5, 30.0),
    st.floats(0.0, 12.0),
)
def test_nobody_starves_whatever_the_cars_and_the_fuse(
    cars: list[tuple[int, int]], fuse_a: float, house_a: float
) -> None:
    fleet = [
        Car(replace(station, priority=0, step_a=1.0), phases=phases)
        for (phases, _), station in zip(cars, stations(len(cars)), strict=True)
    ]
    plant = Plant(replace(SITE, fuse_a=fuse_a, reserved_house_a=0.0), *fleet)
    plant.house(Phases(house_a * 0.5, 0.0, 0.0))
    plant.run(3600 * (len(cars) + 1), step=60.0)
    fits = fuse_a - 1.0 - house_a * 0.5 >= 6.0
    assert all((car.energy_wh > 0) == fits for car in fleet)
    assert max(plant.worst_over_a.values()) <= 0


def test_a_car_that_takes_nothing_gives_up_its_turn_to_those_who_wait() -> None:
    plant = Plant(replace(SITE, fuse_a=8.0), *(Car(one) for one in stations(2)))
    plant.cars[0].max_a = 0.0
    plant.run(400)
    assert plant.cars[1].energy_wh > 100
    plant.run(3600)
    assert plant.cars[1].energy_wh > 0.8 * 3600 / 3600 * 6 * 690


def test_the_earliest_departure_is_served_first() -> None:
    cars = [Car(one) for one in stations(3)]
    cars[2].departure = NOW + timedelta(hours=1)
    plant = Plant(replace(SITE, fuse_a=8.0), *cars)
    plant.run(60)
    assert [plant.current(n) for n in range(3)] == [0.0, 0.0, pytest.approx(7.0)]


def hurried(car: Car, *, kwh: float, hours: float) -> Car:
    """Return a car whose driver said what it needs and when it leaves."""
    car.departure = NOW + timedelta(hours=hours)
    car.settings = replace(car.settings, target_energy_wh=kwh * 1000)
    return car


def test_who_needs_more_of_the_time_left_is_served_before_who_leaves_earlier() -> None:
    relaxed, pressed, silent = (Car(one) for one in stations(3))
    cars = [hurried(relaxed, kwh=3, hours=5), hurried(pressed, kwh=60, hours=7), silent]
    plant = Plant(replace(SITE, fuse_a=8.0), *cars)
    plant.run(60)
    assert [plant.current(n) for n in range(3)] == [0.0, pytest.approx(7.0), 0.0]


def test_current_is_shared_by_the_part_of_the_time_left_that_is_needed() -> None:
    cars = [Car(replace(one, max_current_a=32.0)) for one in stations(2)]
    hurried(cars[0], kwh=22.08, hours=4)  # an hour at 32 A: as pressing as a car of which nothing is known
    hurried(cars[1], kwh=44.16, hours=4)
    plant = Plant(replace(SITE, fuse_a=31.0), *cars)
    plant.run(200)
    assert plant.current(1) == pytest.approx(2 * plant.current(0), rel=0.05)
    assert plant.current(0) + plant.current(1) == pytest.approx(30.0, abs=0.2)


@pytest.mark.parametrize("said", [{"kwh": 40.0}, {"hours": 1.0}, {}])
def test_a_departure_or_an_energy_alone_changes_no_share(said: dict[str, float]) -> None:
    cars = [Car(replace(one, max_current_a=32.0)) for one in stations(2)]
    if "hours" in said:
        cars[1].departure = NOW + timedelta(hours=said["hours"])
    if "kwh" in said:
        cars[1].settings = replace(cars[1].settings, target_energy_wh=said["kwh"] * 1000)
    plant = Plant(replace(SITE, fuse_a=31.0), *cars)
    plant.run(200)
    assert plant.current(0) == pytest.approx(plant.current(1))


def test_who_stays_beyond_the_departure_given_goes_on_charging_and_leaves_others_their_part() -> None:
    cars = [Car(replace(one, max_current_a=32.0)) for one in stations(2)]
    hurried(cars[0], kwh=60, hours=-3)
    plant = Plant(replace(SITE, fuse_a=31.0), *cars)
    plant.run(200)
    assert plant.current(0) == pytest.approx(24.0)  # four times the other's, which keeps its least
    assert plant.current(1) == pytest.approx(6.0)


@settings(max_examples=50, derandomize=True)
@given(st.floats(0.0, 200.0), st.floats(-48.0, 48.0), st.floats(0.0, 200.0), st.floats(6.0, 32.0))
def test_urgency_stays_within_its_bounds_and_grows_with_what_is_missing(
    kwh: float, hours: float, more_kwh: float, max_a: float
) -> None:
    station = replace(stations(1)[0], max_current_a=max_a)

    def pressing(asked_kwh: float) -> float:
        car = hurried(Car(station), kwh=asked_kwh, hours=hours)
        return urgency(snapshot(car), EvseControl(), NOW)

    assert 0.1 <= pressing(kwh) <= pressing(kwh + more_kwh) <= 4.0


def snapshot(car: Car) -> EvseSnapshot:
    return EvseSnapshot(
        car.key, car.station, car.settings, 6.0, connected=True, status=EvseStatus.CHARGING, departure=car.departure
    )


def test_who_has_the_least_energy_is_served_first() -> None:
    cars = [Car(one) for one in stations(2)]
    cars[0].energy_wh = 5_000.0
    plant = Plant(replace(SITE, fuse_a=8.0), *cars)
    plant.run(60)
    assert (plant.current(0), plant.current(1)) == (0.0, pytest.approx(7.0))


def test_a_higher_priority_is_served_first_and_takes_no_turns() -> None:
    cars = [Car(stations(2)[0]), Car(replace(stations(2)[1], priority=5))]
    plant = Plant(replace(SITE, fuse_a=12.0), *cars)
    plant.run(3600)
    assert cars[0].energy_wh == 0
    assert plant.current(1) == pytest.approx(11.0)
    cars[1].settings = replace(cars[1].settings, priority=-1)
    plant.run(120)
    assert plant.current(0) >= 6.0


def test_a_weight_shares_what_is_above_the_minimum_of_equals() -> None:
    cars = [Car(replace(one, max_current_a=32.0)) for one in stations(2)]
    cars[1] = Car(replace(cars[1].station, weight=2.0))
    plant = Plant(replace(SITE, fuse_a=31.0), *cars)
    plant.run(200)
    assert (plant.current(0), plant.current(1)) == (pytest.approx(10.0), pytest.approx(20.0))


def test_a_car_that_no_turn_can_help_is_not_told_to_wait_for_one() -> None:
    row = CircuitConfig("row", "Row", fuse_a=6.0)
    first, second = stations(2)
    plant = Plant(replace(SITE, circuits=(row,)), Car(replace(first, circuit_id="row")), Car(second))
    decision = plant.run(60)
    reason = decision.setpoints[plant.cars[0].key].reason
    assert (reason.code, reason.params["circuit"]) == (ReasonCode.NO_HEADROOM, "Row")


def test_a_car_for_which_the_power_never_suffices_is_not_told_to_wait_for_its_turn() -> None:
    first, second = stations(2)
    three_phases, one_phase = Car(first), Car(replace(second, phases=1))
    plant = Plant(replace(SITE, power_w=4_500.0, turn_s=60.0), three_phases, one_phase)
    plant.house(1.5)  # leaves 3.5 kW, three phases need 4.1 kW
    decision = plant.run(600)
    assert plant.current(1) >= 6.0
    reason = decision.setpoints[three_phases.key].reason
    assert (reason.code, reason.params["limit_w"]) == (ReasonCode.NO_HEADROOM, 4_500.0)


def test_a_car_that_has_had_enough_leaves_its_minimum_to_others() -> None:
    plant = Plant(replace(SITE, fuse_a=17.0), *(Car(one) for one in stations(2)))
    plant.run(120)
    plant.cars[0].max_a = 0.0
    plant.run(300)
    assert plant.current(1) == pytest.approx(16.0)


def test_a_full_car_is_not_offered_again_what_others_can_use() -> None:
    plant = Plant(replace(SITE, fuse_a=17.0), *(Car(one) for one in stations(2)))
    plant.run(120)
    plant.cars[0].max_a = 0.0
    plant.run(120)
    currents = []
    for _ in range(100):
        plant.step()
        currents.append(plant.current(1))
    assert min(currents) == pytest.approx(16.0)


def test_a_full_car_that_wakes_takes_its_part_again() -> None:
    plant = Plant(replace(SITE, fuse_a=23.0), *(Car(one) for one in stations(2)))
    plant.run(120)
    plant.cars[0].max_a = 0.0
    plant.run(300)
    assert (plant.current(0), plant.current(1)) == (6.0, pytest.approx(16.0))  # what is left keeps it awake
    plant.cars[0].max_a = 16.0
    plant.run(120)
    assert (plant.current(0), plant.current(1)) == (pytest.approx(11.0), pytest.approx(11.0))
    assert plant.worst_over_a[""] <= 0


def test_a_full_car_for_which_nothing_is_left_is_asked_again_after_a_turn() -> None:
    plant = Plant(replace(SITE, fuse_a=17.0, turn_s=900.0), *(Car(one) for one in stations(2)))
    plant.run(120)
    plant.cars[0].max_a = 0.0
    plant.run(300)
    plant.cars[0].max_a = 16.0  # it would charge, but was offered nothing since
    plant.run(300)
    assert plant.current(0) == 0.0
    plant.run(600)
    assert plant.current(0) == pytest.approx(8.0)


def test_seniority_gives_more_to_who_was_there_first() -> None:
    cars = [Car(one) for one in stations(2)]
    cars[1].plugged = False
    plant = Plant(replace(SITE, fuse_a=19.0, seniority_per_h=0.5), *cars)
    plant.run(4 * 3600, step=30.0)
    cars[1].plugged = True
    plant.run(300)
    assert (plant.current(0), plant.current(1)) == (pytest.approx(12.0), pytest.approx(6.0))
    plant.run(8 * 3600, step=30.0)
    assert plant.current(0) == pytest.approx(18.0 * 7.0 / 12.0, abs=0.2)  # weights of 12 h and 8 h beside each other
    assert plant.current(1) == pytest.approx(18.0 * 5.0 / 12.0, abs=0.2)


def test_without_seniority_who_came_last_gets_as_much() -> None:
    cars = [Car(one) for one in stations(2)]
    cars[1].plugged = False
    plant = Plant(replace(SITE, fuse_a=19.0), *cars)
    plant.run(4 * 3600, step=30.0)
    cars[1].plugged = True
    plant.run(300)
    assert (plant.current(0), plant.current(1)) == (pytest.approx(9.0), pytest.approx(9.0))


def test_a_clock_that_was_set_back_makes_nobody_senior_beyond_a_day() -> None:
    cars = [Car(one) for one in stations(2)]
    plant = Plant(replace(SITE, fuse_a=19.0, seniority_per_h=0.5), *cars)
    plant.run(300)
    plant.now -= timedelta(hours=3)
    plant.run(300)
    assert (plant.current(0), plant.current(1)) == (pytest.approx(9.0), pytest.approx(9.0))
