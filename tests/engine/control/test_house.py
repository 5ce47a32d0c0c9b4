"""The house's load behind chargers whose measurements come late."""

from dataclasses import replace
from datetime import timedelta

import pytest

from custom_components.smart_charging.engine.control.circuits import circuit_tree
from custom_components.smart_charging.engine.control.house import draws, own_current, worst_recent
from custom_components.smart_charging.engine.control.snapshot import (
    CircuitMemory,
    ControlState,
    EvseSnapshot,
    MeterSnapshot,
)
from custom_components.smart_charging.engine.limit import ROOT_CIRCUIT
from custom_components.smart_charging.engine.model import EvseKey, EvseStatus, MeterQuality, Phases, ReasonCode

from .builders import KEY, NOW, SITE, Loop, evse, grid


def own(meter: MeterSnapshot, *evses: EvseSnapshot, memory: CircuitMemory | None = None) -> Phases:
    return own_current(circuit_tree(SITE, evses)[-1], meter, draws(SITE, evses, {}, NOW), memory or CircuitMemory())


def house(grid_a: float, one: EvseSnapshot, previous: float | None = None) -> float:
    memory = CircuitMemory(None if previous is None else Phases.each(previous))
    return own(grid(grid_a), one, memory=memory).l1


def worst(state: ControlState) -> Phases:
    return worst_recent(SITE.reserved_house_a, state.circuits[ROOT_CIRCUIT])


def test_a_settled_measurement_is_taken_as_it_is() -> None:
    assert house(15.0, evse(measured=10.0, commanded=16.0), previous=0.0) == 5.0


def test_a_rise_that_an_in_flight_raise_explains_is_the_cars() -> None:
    assert house(17.0, evse(measured=10.0, commanded=12.0, settled=False), previous=5.0) == 5.0


def test_a_rise_beyond_the_raise_is_the_houses() -> None:
    assert house(20.0, evse(measured=10.0, commanded=12.0, settled=False), previous=5.0) == 8.0


def test_a_fall_that_an_in_flight_cut_explains_does_not_free_the_house() -> None:
    assert house(11.0, evse(measured=16.0, commanded=6.0, settled=False), previous=5.0) == 5.0


def test_the_first_reading_of_all_books_no_more_than_must_be_to_the_car() -> None:
    assert house(16.0, evse(measured=6.0, commanded=16.0, settled=False)) == 10.0


def test_a_station_without_a_meter_may_draw_up_to_its_limit() -> None:
    assert house(16.0, evse(measured=None, commanded=10.0, settled=False), previous=6.0) == 6.0


def test_a_lost_meter_leaves_the_worst_of_the_last_minutes() -> None:
    memory = CircuitMemory(house_peaks=((NOW, Phases(12.0, 3.0, 4.0)), (NOW, Phases(5.0, 14.0, 2.0))))
    assert worst_recent(SITE.reserved_house_a, memory) == Phases(12.0, 14.0, 10.0)


def test_a_car_that_nobody_measures_yet_is_no_peak_of_the_house() -> None:
    loop = Loop()
    for unmeasured in (evse(measured=None), evse(measured=None, status=None), evse(measured=16.0, connected=False)):
        loop.decide(grid(2.0 + 16.0), unmeasured)
        assert worst(loop.state) == Phases.each(SITE.reserved_house_a)
    loop.decide(grid(18.0), evse(measured=None, status=EvseStatus.AVAILABLE))
    assert worst(loop.state) == Phases.each(18.0)


def test_peaks_older_than_a_quarter_of_an_hour_are_forgotten() -> None:
    loop = Loop()
    loop.run(22.0, seconds=30.0)
    loop.run(3.0, seconds=1200.0)
    assert worst(loop.state) == Phases.each(SITE.reserved_house_a)


def test_a_station_that_draws_more_than_it_accepted_is_booked_at_its_real_draw() -> None:
    other = EvseKey("CP2", 1)
    rogue = evse(measured=16.0, commanded=6.0)
    loop = Loop()
    for _ in range(20):
        decision = loop.decide(grid(17.0), rogue, evse(key=other, measured=0.0))
        loop.now += timedelta(seconds=5)
    allocated = decision.setpoints[other].current_a
    assert allocated + 16.0 + 1.0 <= 24.0 + 1e-6


def test_a_station_that_took_no_limit_at_all_is_booked_at_its_real_draw() -> None:
    other = EvseKey("CP2", 1)
    free = evse(measured=16.0, commanded=None)
    loop = Loop()
    for _ in range(20):
        memory = loop.state.evses.get(other)
        drawn = memory.setpoint_a if memory else 0.0
        decision = loop.decide(grid(2.0 + 16.0 + drawn), free, evse(key=other, measured=drawn, commanded=drawn))
        loop.now += timedelta(seconds=5)
    assert decision.setpoints[other].current_a == pytest.approx(6.0)
    assert decision.setpoints[KEY].current_a == 6.0
    assert decision.setpoints[KEY].reason.code is ReasonCode.NOT_FOLLOWING


def test_a_station_that_takes_no_limit_is_asked_to_pause_when_the_fuse_is_overloaded() -> None:
    decision = Loop().decide(grid(30.0), evse(measured=16.0, commanded=None))
    assert decision.setpoints[KEY].current_a == 0.0


def test_an_absent_station_with_a_car_keeps_room_for_its_safe_current() -> None:
    other = EvseKey("CP2", 1)
    paused = evse(measured=None, commanded=0.0, connected=False)
    charging = evse(measured=None, commanded=6.0, connected=False)
    for away, expected in ((paused, 8.0), (charging, 14.0)):  # of 24 A less 10 A house
        loop = Loop()
        for _ in range(20):
            memory = loop.state.evses.get(other)
            drawn = memory.setpoint_a if memory else 0.0
            decision = loop.decide(grid(10.0 + drawn), away, evse(key=other, measured=drawn, commanded=drawn))
            loop.now += timedelta(seconds=5)
        assert decision.setpoints[other].current_a == pytest.approx(expected)


def test_an_overload_is_cut_at_once() -> None:
    loop = Loop()
    loop.run(0.0, evse(), seconds=90.0)
    decision = loop.decide(grid(16.0 + 15.0), evse(measured=16.0, commanded=16.0), may_raise=False)
    assert decision.setpoints[KEY].current_a == pytest.approx(9.0)


def test_a_guard_never_raises() -> None:
    loop = Loop()
    loop.run(10.0, evse(), seconds=60.0)
    before = loop.state.evses[KEY].setpoint_a
    loop.run(10.0, evse(), seconds=20.0)
    decision = loop.decide(grid(-10.0 + before), evse(measured=before, commanded=before), may_raise=False)
    assert decision.setpoints[KEY].current_a <= loop.state.evses[KEY].setpoint_a


def test_a_one_phase_site_counts_only_its_phase() -> None:
    site = replace(SITE, phases=1)
    loop = Loop(site)
    decision = loop.decide(grid(Phases(5.0)), evse())
    assert decision.headroom_a.l1 == pytest.approx(24.0 - 5.0 - 6.0)


def test_lost_and_fresh_meters_are_told_apart_by_their_quality() -> None:
    assert own(grid(3.0, quality=MeterQuality.LOST)) == Phases.each(10.0)
