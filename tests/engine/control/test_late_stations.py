"""Stations that take a lower limit late or never: their current is not given away before it is free."""

from dataclasses import replace
from datetime import timedelta

import pytest

from custom_components.smart_charging.engine.config import CircuitConfig, EvseSettings
from custom_components.smart_charging.engine.control.decision import decide
from custom_components.smart_charging.engine.control.snapshot import ControlState, Decision, EvseSnapshot, Snapshot
from custom_components.smart_charging.engine.limit import Limit, LimitSource, LimitUnit
from custom_components.smart_charging.engine.model import ChargeMode, EvseKey, EvseStatus, MeterQuality

from .builders import NOW, SITE, evse, grid
from .plant import Car, Plant, stations

FIRST, SECOND = EvseKey("CP1", 1), EvseKey("CP2", 1)
OFF = EvseSettings(ChargeMode.OFF)


class Late:
    """Two stations, of which the first keeps its limit and its draw whatever it is told."""

    def __init__(self, house_a: float = 1.0, *, limits: tuple[Limit, ...] = ()) -> None:
        self.state = ControlState()
        self.now = NOW
        self.house_a = house_a
        self.limits = limits
        self.second_a = 0.0
        self.total_a = 0.0

    def run(self, seconds: float, stuck: EvseSnapshot) -> Decision:
        for _ in range(int(seconds / 5)):
            second = evse(key=SECOND, measured=self.second_a, commanded=self.second_a)
            drawn = 0.0 if stuck.measured_a is None else stuck.measured_a.l1
            snapshot = Snapshot(SITE, grid(self.house_a + drawn + self.second_a), (stuck, second), limits=self.limits)
            decision, self.state = decide(snapshot, self.state, self.now)
            self.second_a = decision.setpoints[SECOND].current_a
            self.total_a = max(self.total_a, self.house_a + drawn + self.second_a)
            self.now += timedelta(seconds=5)
        return decision


def test_what_a_paused_car_still_draws_is_not_given_to_the_next() -> None:
    site = Late()
    site.run(300, evse(settings=OFF, measured=16.0, commanded=16.0))
    assert site.total_a <= 24.0
    assert site.second_a == pytest.approx(7.0)
    free = evse(settings=OFF, measured=0.0, commanded=0.0)
    site.run(120, free)
    assert site.second_a == 16.0


def test_a_station_that_never_takes_less_makes_the_other_give_way_to_the_house() -> None:
    site = Late()
    site.run(120, evse(measured=16.0, commanded=16.0))
    site.house_a = 8.0
    site.run(20, evse(measured=16.0, commanded=16.0))
    assert site.house_a + 16.0 + site.second_a <= 24.0 + 1e-6


def test_a_limit_on_chargers_counts_what_one_of_them_still_draws() -> None:
    limit = Limit("14a", LimitSource.GRID_SIGNAL, 9_660.0, LimitUnit.WATT, controllable_only=True)
    site = Late(limits=(limit,))
    site.run(120, evse(settings=OFF, measured=10.0, commanded=10.0))
    assert (10.0 + site.second_a) * 690 <= 9_660.0
    away = Late(limits=(limit,))
    away.run(120, evse(measured=None, commanded=10.0, connected=False))
    assert (10.0 + away.second_a) * 690 <= 9_660.0


def test_a_draw_that_no_limit_covers_is_booked_however_small() -> None:
    site = Late()
    site.run(120, evse(settings=OFF, measured=6.9, commanded=None))
    assert site.total_a <= 24.0


@pytest.mark.parametrize("quality", [MeterQuality.ABSENT, MeterQuality.LOST])
def test_a_station_that_is_away_keeps_its_current_where_no_meter_shows_it(quality: MeterQuality) -> None:
    site = replace(SITE, has_meter=quality is not MeterQuality.ABSENT, reserved_house_a=4.0)
    state, now, second_a = ControlState(), NOW, 0.0
    for _ in range(30):
        away = evse(measured=None, commanded=14.0, connected=False)
        second = evse(key=SECOND, measured=second_a, commanded=second_a)
        decision, state = decide(Snapshot(site, grid(quality=quality), (away, second)), state, now)
        second_a = decision.setpoints[SECOND].current_a
        now += timedelta(seconds=5)
    assert 4.0 + 14.0 + second_a <= 24.0


def test_a_station_that_is_away_on_a_circuit_without_a_meter_keeps_its_current() -> None:
    row = CircuitConfig("row", "Row", fuse_a=21.0)
    site = replace(SITE, fuse_a=80.0, circuits=(row,))
    first, second = (replace(one, circuit_id="row") for one in stations(2))
    state, now, second_a = ControlState(), NOW, 0.0
    for _ in range(30):
        away = evse(station=first, measured=None, commanded=12.0, connected=False)
        other = evse(key=SECOND, station=second, measured=second_a, commanded=second_a)
        decision, state = decide(Snapshot(site, grid(12.0 + second_a), (away, other)), state, now)
        second_a = decision.setpoints[SECOND].current_a
        now += timedelta(seconds=5)
    assert 12.0 + second_a <= 20.0


def test_an_empty_evse_offers_its_safe_current_only_where_there_is_room() -> None:
    empty = [evse(key=key, status=EvseStatus.AVAILABLE, commanded=0.0) for key in (FIRST, SECOND)]
    for house_a, expected in ((5.0, 6.0), (20.0, 0.0)):
        decision, _ = decide(Snapshot(SITE, grid(house_a), tuple(empty)), ControlState(), NOW)
        assert {setpoint.current_a for setpoint in decision.setpoints.values()} == {expected}


def test_a_counterweight_that_draws_nothing_balances_nothing() -> None:
    cars = [Car(replace(one, phases=1, max_current_a=32.0), phases=1) for one in stations(3)]
    for car, rotation in zip(cars, ("RST", "STR", "TRS"), strict=True):
        car.station = replace(car.station, rotation=type(car.station.rotation)(rotation))
    cars[2].max_a = 0.0
    plant = Plant(replace(SITE, fuse_a=80.0, unbalance_a=20.0), *cars)
    for _ in range(200):
        plant.step()
        flow = plant.flow()
        assert max(flow) - min(flow) <= 20.0 + 1e-6
    assert plant.current(0) == pytest.approx(20.0, abs=0.2)


def test_a_clock_that_is_set_back_trusts_no_old_value_and_waits_for_nothing() -> None:
    plant = Plant(SITE, Car(stations(1)[0]))
    plant.run(120)
    plant.house(14.0)
    plant.step(1.0, may_raise=False)
    plant.house(0.0)
    plant.now -= timedelta(hours=1)
    plant.run(60)
    assert plant.current() == 16.0
