"""The workplace benchmark: its data, its bound, the known ways to share, and how the product is played through it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest

from benchmarks.workplace import replay
from benchmarks.workplace.baselines import (
    RoundRobin,
    SortedGreedy,
    Uncontrolled,
    earliest_deadline,
    first_come,
    least_laxity,
)
from benchmarks.workplace.charging import Controller, Stay, outcome, play
from benchmarks.workplace.network import PLACES, STATIONS, capacities, site
from benchmarks.workplace.optimum import most_wh
from benchmarks.workplace.product import Product, serve, stated
from benchmarks.workplace.sessions import Period, Session, Stated, load

BEGIN = datetime(2019, 10, 7, tzinfo=UTC)
HOUR = 3600.0
ONE_PHASE = 1  # 32 A on one phase: 7.36 kW
THREE_PHASES = 0  # 16 A on three phases: 11.04 kW


def session(*, come: float = 8.0, go: float = 16.0, kwh: float = 20.0, station: int = THREE_PHASES) -> Session:
    return Session(come * HOUR, go * HOUR, kwh * 1000, station)


def period(*sessions: Session) -> Period:
    return Period(BEGIN, tuple(sorted(sessions, key=lambda one: one.arrival_s)))


@pytest.fixture(scope="module")
def week() -> Period:
    return load(date(2019, 10, 7), date(2019, 10, 11))


def test_the_week_of_the_published_comparison_has_its_sessions_and_energy(week: Period) -> None:
    assert len(week.sessions) == 323
    assert week.energy_wh == pytest.approx(4_554_000, rel=1e-3)
    assert {one.station for one in week.sessions} == set(range(52))


def test_half_of_the_stations_have_three_phases_and_the_others_rotate() -> None:
    assert sum(len(place.phases) == 3 for place in PLACES) == 26
    assert sorted(sum(place.phases == (phase,) for place in PLACES) for phase in range(3)) == [8, 9, 9]
    for place, station in zip(PLACES, STATIONS, strict=True):
        assert station.rotation.grid_phases(station.phases) == place.phases
        assert (station.circuit_id, station.max_current_a) == (f"panel-{place.panel}", place.max_a)


def test_parts_of_a_period_share_no_car_and_lose_none(week: Period) -> None:
    parts = list(week.parts())
    assert sum(len(part.sessions) for part in parts) == 323
    assert all(before.steps <= after.first for before, after in pairwise(parts))


def test_the_bound_of_a_car_alone_is_what_it_needs_or_what_its_station_can_give() -> None:
    assert most_wh(period(session(kwh=20)), 63.0) == pytest.approx(20_000)
    assert most_wh(period(session(kwh=200, station=ONE_PHASE)), 63.0) == pytest.approx(8 * 7_360)


def test_the_bound_of_two_cars_is_what_flows_through_a_limit_they_share() -> None:
    shared = most_wh(period(session(kwh=200), session(kwh=200, station=2)), 20.0)
    assert shared == pytest.approx(20.0 * 690 * 8)


def test_the_bound_knows_who_leaves_first() -> None:
    hurried = session(go=9.0, kwh=11.04)
    patient = session(go=10.0, kwh=11.04, station=2)
    assert most_wh(period(hurried, patient), 16.0) == pytest.approx(22_080)


@pytest.mark.parametrize(("root_a", "published"), [(63.0, 0.6234), (160.0, 1.0)])
def test_the_bound_of_the_published_week_is_met_within_half_a_point(
    week: Period, root_a: float, published: float
) -> None:
    bound_wh = sum(most_wh(part, root_a) for part in week.parts())
    assert bound_wh / week.energy_wh == pytest.approx(published, abs=0.005)


class Watched:
    """Passes a controller on and checks every row of limits."""

    def __init__(self, controller: Controller, root_a: float) -> None:
        self.controller = controller
        self.limits = capacities(root_a)

    def currents(self, step: int, stays: Sequence[Stay]) -> Mapping[int, float]:
        given = self.controller.currents(step, stays)
        flows = [0.0] * len(self.limits)
        for station, current_a in given.items():
            assert current_a == 0 or current_a >= 6
            assert current_a == int(current_a) <= PLACES[station].max_a
            for row in PLACES[station].rows:
                flows[row] += current_a
        assert all(flow <= limit for flow, limit in zip(flows, self.limits, strict=True))
        return given


@pytest.mark.parametrize("root_a", [63.0, 125.0])
@pytest.mark.parametrize(
    "make",
    [
        lambda root_a: SortedGreedy(root_a, first_come),
        lambda root_a: SortedGreedy(root_a, earliest_deadline),
        lambda root_a: SortedGreedy(root_a, least_laxity),
        RoundRobin,
    ],
)
def test_known_ways_to_share_keep_every_limit_and_stay_below_the_bound(
    week: Period, root_a: float, make: type[RoundRobin]
) -> None:
    day = next(week.parts())
    done = play(day, Watched(make(root_a), root_a))
    delivered = sum(stay.delivered_wh for stay in done)
    assert 0.8 * most_wh(day, root_a) < delivered <= most_wh(day, root_a) + 1.0


def test_published_shares_of_the_week_are_met_within_half_a_point(week: Period) -> None:
    for root_a, published in ((63.0, 0.6145), (100.0, 0.8446), (160.0, 0.9930)):
        done = play(week, SortedGreedy(root_a, earliest_deadline))
        assert outcome(done).delivered == pytest.approx(published, abs=0.006)


def test_the_earliest_deadline_goes_first_and_round_robin_shares_alike() -> None:
    cars = [Stay(session(go=16.0)), Stay(session(go=12.0, station=2))]
    assert SortedGreedy(20.0, earliest_deadline).currents(100, cars) == {2: 16}
    assert SortedGreedy(20.0, first_come).currents(100, cars) == {0: 16}
    assert RoundRobin(20.0).currents(100, cars) == {0: 10, 2: 10}
    assert Uncontrolled().currents(100, cars) == {0: 16, 2: 16}


def test_every_start_and_every_pause_is_a_switch_but_not_the_end() -> None:
    stay = Stay(session(kwh=5))
    for current_a in (0.0, 6.0, 0.0, 16.0):
        stay.charge(current_a, 0.1)
    assert stay.switches == 3
    stay.charge(16.0, 10.0)
    assert stay.full
    stay.charge(0.0, 1.0)
    assert stay.switches == 3


def test_the_product_serves_a_car_alone_in_full_and_in_one_go() -> None:
    product = Product(site(63.0), BEGIN)
    (stay,) = serve(period(session(kwh=40, station=ONE_PHASE)), product)
    assert stay.full
    assert stay.switches == 1
    assert product.over_kws == 0.0


def test_the_product_gives_what_a_full_car_leaves_to_the_others() -> None:
    small, large = session(kwh=3), session(kwh=150, go=20.0, station=2)
    done = serve(period(small, large), Product(site(20.0), BEGIN))
    by_station = {stay.session.station: stay for stay in done}
    assert by_station[0].full
    assert by_station[2].delivered_wh > 0.93 * 12 * 16 * 690


def test_the_product_keeps_the_limit_with_many_cars() -> None:
    cars = [session(station=station, kwh=60, go=12.0) for station in range(30)]
    product = Product(site(63.0), BEGIN)
    done = serve(period(*cars), product)
    assert product.over_kws == 0.0
    assert sum(stay.delivered_wh for stay in done) > 0.9 * most_wh(period(*cars), 63.0)


def said(*, go: float, kwh: float) -> Stated:
    return Stated(go * HOUR, kwh * 1000)


def test_drivers_of_claimed_sessions_said_something_and_often_erred(week: Period) -> None:
    told = [one for one in week.sessions if one.stated is not None]
    assert 0.9 < len(told) / len(week.sessions) < 1.0
    late = [one for one in told if one.stated is not None and one.departure_s - one.stated.departure_s > HOUR]
    much = [one for one in told if one.stated is not None and one.stated.energy_wh > 1.2 * one.energy_wh]
    assert len(late) > 0.3 * len(told)
    assert len(much) > 0.5 * len(told)


def test_what_drivers_say_gives_more_to_who_leaves_soon() -> None:
    soon = replace(session(go=10.0, kwh=16.0), stated=said(go=10.0, kwh=16.0))
    patient = replace(session(go=20.0, kwh=16.0, station=2), stated=said(go=20.0, kwh=16.0))
    both = period(soon, patient)
    plain = serve(both, Product(site(16.0), BEGIN))
    told = serve(both, Product(site(16.0), BEGIN, known=stated(BEGIN)))
    delivered = [{stay.session.station: stay.delivered_wh for stay in stays} for stays in (plain, told)]
    assert delivered[1][0] > 1.1 * delivered[0][0]
    assert delivered[1][2] == pytest.approx(16_000, abs=1)


def test_who_takes_more_than_was_asked_for_goes_on() -> None:
    modest = replace(session(kwh=30.0), stated=said(go=9.0, kwh=10.0))
    (stay,) = serve(period(modest), Product(site(63.0), BEGIN, known=stated(BEGIN)))
    assert stay.full


def test_a_car_in_the_replay_follows_after_a_second_and_ramps_for_three() -> None:
    car = replay.Car(Stay(session(kwh=100)))
    car.command(10, 12.0)
    currents = []
    for at_s in range(10, 16):
        car.step(at_s)
        currents.append(car.current_a)
    assert currents == pytest.approx([0.0, 4.0, 8.0, 12.0, 12.0, 12.0])
    assert (car.accepted_at, car.accepted_a) == (11, 12.0)


def test_the_replay_counts_what_flows_above_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "building", lambda begin_s, end_s: [(130.0, 20.0, 127.0)] * (end_s - begin_s))
    over_kws, _ = replay.over_limit(period(session()), 0, 60, slow=False)
    assert over_kws == pytest.approx((5 + 2) * 0.23 * 60)


def test_a_loop_of_thirty_seconds_lets_more_flow_above_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    step_at_s = 302

    def building(begin_s: int, end_s: int) -> Iterator[tuple[float, float, float]]:
        for at_s in range(begin_s, end_s):
            yield (20.0, 20.0, 20.0) if at_s < step_at_s else (60.0, 20.0, 20.0)

    monkeypatch.setattr(replay, "building", building)
    cars = period(*(session(come=0.0, station=station, kwh=60, go=12.0) for station in range(0, 40, 2)))
    ours, ours_wh = replay.over_limit(cars, 0, 360, slow=False)
    slow, _ = replay.over_limit(cars, 0, 360, slow=True)
    assert 0.0 < ours < 0.5 * slow
    assert ours_wh > 0
