"""What each mode asks for, and when."""

from dataclasses import replace
from datetime import timedelta

import pytest

from custom_components.smart_charging.engine.config import QUICK_SOLAR, EvseSettings, StationConfig
from custom_components.smart_charging.engine.control.snapshot import Decision
from custom_components.smart_charging.engine.limit import LimitSource
from custom_components.smart_charging.engine.model import ChargeMode, EvseKey, EvseStatus, MeterQuality, ReasonCode

from .builders import KEY, SITE, Loop, evse, grid

QUICK = replace(SITE, solar=QUICK_SOLAR)


def current(decision: Decision) -> float:
    return decision.setpoints[KEY].current_a


def code(decision: Decision) -> ReasonCode:
    return decision.setpoints[KEY].reason.code


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (EvseSettings(ChargeMode.OFF), ReasonCode.MODE_OFF),
        (EvseSettings(enabled=False), ReasonCode.DISABLED),
    ],
)
def test_off_and_disabled_offer_nothing_with_or_without_a_car(changes: EvseSettings, reason: ReasonCode) -> None:
    for status in EvseStatus:
        decision = Loop().decide(grid(-20.0), evse(status=status, settings=changes))
        assert current(decision) == 0.0
        assert code(decision) is reason


def test_fast_starts_at_the_minimum_and_rises_two_amps_each_ten_seconds() -> None:
    offered = []
    loop = Loop()
    for _ in range(13):
        memory = loop.state.evses.get(KEY)
        told = memory.setpoint_a if memory else 0.0
        offered.append(current(loop.decide(grid(2.0), evse(measured=0.0, commanded=told, settled=False))))
        loop.now += timedelta(seconds=5)
    assert offered[::2][:6] == [6.0, 8.0, 10.0, 12.0, 14.0, 16.0]
    assert offered[-1] == 16.0


def test_a_station_that_was_seen_to_follow_is_raised_twice_as_fast() -> None:
    loop = Loop()
    offered = [current(loop.run(2.0, evse(), seconds=10.0)) for _ in range(4)]
    assert offered == [6.0, 10.0, 14.0, 16.0]


def test_fast_stays_below_the_fuse_with_its_margin() -> None:
    loop = Loop()
    decision = loop.run(12.0, evse(), seconds=120.0)
    assert current(decision) == pytest.approx(12.0)
    assert code(decision) is ReasonCode.LIMIT_FUSE
    assert decision.setpoints[KEY].reason.params["phase"] == "L1"


def test_the_user_limit_holds_and_is_the_reason() -> None:
    decision = Loop().run(0.0, evse(settings=EvseSettings(max_current_a=10.0)), seconds=60.0)
    assert current(decision) == 10.0
    assert code(decision) is ReasonCode.LIMIT_USER


def test_a_user_limit_below_the_minimum_pauses() -> None:
    decision = Loop().run(0.0, evse(settings=EvseSettings(max_current_a=5.0)), seconds=60.0)
    assert current(decision) == 0.0
    assert code(decision) is ReasonCode.LIMIT_USER
    assert decision.bounds[KEY].source is LimitSource.USER


def test_solar_starts_at_once_after_plug_in_when_there_is_surplus() -> None:
    decision = Loop(QUICK).run(-10.0, evse(ChargeMode.SOLAR), seconds=5.0)
    assert current(decision) == 6.0


def test_solar_waits_its_delay_when_the_surplus_comes_later() -> None:
    loop = Loop(QUICK)
    loop.run(1.0, evse(ChargeMode.SOLAR), seconds=30.0)
    waiting = loop.run(-10.0, evse(ChargeMode.SOLAR), seconds=60.0)
    assert current(waiting) == 0.0
    assert code(waiting) is ReasonCode.SURPLUS_STARTING
    assert waiting.setpoints[KEY].reason.params["delay_s"] == 60
    started = loop.run(-10.0, evse(ChargeMode.SOLAR), seconds=30.0)
    assert current(started) >= 6.0


def test_solar_follows_the_surplus_and_never_imports_for_long() -> None:
    loop = Loop(QUICK)
    decision = loop.run(-9.0, evse(ChargeMode.SOLAR), seconds=120.0)
    assert 8.5 <= current(decision) <= 9.0
    assert code(decision) is ReasonCode.SURPLUS
    lower = loop.run(-7.0, evse(ChargeMode.SOLAR), seconds=90.0)
    assert 6.5 <= current(lower) <= 7.0


def test_solar_holds_the_minimum_for_its_delay_and_then_pauses() -> None:
    loop = Loop(QUICK)
    loop.run(-9.0, evse(ChargeMode.SOLAR), seconds=60.0)
    holding = loop.run(-2.0, evse(ChargeMode.SOLAR), seconds=150.0)
    assert current(holding) == 6.0
    assert code(holding) is ReasonCode.SURPLUS_STOPPING
    paused = loop.run(-2.0, evse(ChargeMode.SOLAR), seconds=60.0)
    assert current(paused) == 0.0
    assert code(paused) is ReasonCode.SURPLUS_LOW


def test_a_passing_cloud_does_not_stop_solar() -> None:
    loop = Loop(QUICK)
    loop.run(-9.0, evse(ChargeMode.SOLAR), seconds=60.0)
    loop.run(-1.0, evse(ChargeMode.SOLAR), seconds=120.0)
    back = loop.run(-9.0, evse(ChargeMode.SOLAR), seconds=120.0)
    assert current(back) > 8.0


def test_solar_min_keeps_its_minimum_without_any_sun_and_adds_surplus() -> None:
    loop = Loop(QUICK)
    night = loop.run(3.0, evse(ChargeMode.SOLAR_MIN), seconds=600.0)
    assert current(night) == 6.0
    assert code(night) is ReasonCode.SURPLUS_MINIMUM
    noon = loop.run(-12.0, evse(ChargeMode.SOLAR_MIN), seconds=120.0)
    assert 11.5 <= current(noon) <= 12.0


def test_a_one_phase_car_needs_a_third_of_the_surplus_once_it_was_seen() -> None:
    one_phase = StationConfig("CP1", "CP1", phases=1)
    decision = Loop(QUICK).run(-3.0, evse(ChargeMode.SOLAR, station=one_phase), seconds=120.0)
    assert 8.5 <= current(decision) <= 9.0


def test_a_fast_charger_is_no_surplus_for_a_solar_one() -> None:
    other = EvseKey("CP2", 1)
    loop = Loop(QUICK)
    decision = loop.run(-7.0, evse(), evse(ChargeMode.SOLAR, key=other), seconds=300.0)
    assert decision.setpoints[KEY].current_a == 16.0
    assert decision.setpoints[other].current_a == 0.0


def test_an_empty_evse_waits_at_its_safe_current_but_solar_waits_at_zero() -> None:
    for mode, expected in ((ChargeMode.FAST, 6.0), (ChargeMode.SOLAR_MIN, 6.0), (ChargeMode.SOLAR, 0.0)):
        decision = Loop().run(0.0, evse(mode, status=EvseStatus.AVAILABLE), seconds=20.0)
        assert current(decision) == expected
        assert code(decision) is ReasonCode.NO_CAR


def test_a_faulted_or_absent_station_is_given_its_safe_current() -> None:
    for changes, reason in (
        ({"status": EvseStatus.FAULTED}, ReasonCode.UNAVAILABLE),
        ({"connected": False}, ReasonCode.OFFLINE),
    ):
        decision = Loop().run(0.0, replace(evse(), **changes), seconds=20.0)
        assert (current(decision), code(decision)) == (6.0, reason)


def test_a_car_that_leaves_its_offer_unused_is_offered_little_more_than_it_draws() -> None:
    loop = Loop()
    loop.run(0.0, evse(), seconds=60.0)
    lazy = evse(measured=7.0, commanded=16.0)
    for _ in range(14):
        decision = loop.decide(grid(7.0), lazy)
        loop.now += timedelta(seconds=5)
    assert current(decision) == 8.0


def test_a_car_whose_transaction_is_over_is_offered_no_more_than_the_minimum() -> None:
    decision = Loop().run(0.0, evse(status=EvseStatus.FINISHING), seconds=60.0)
    assert current(decision) == 6.0
    assert code(decision) is ReasonCode.CAR_NOT_CHARGING


def test_a_lost_meter_brings_every_running_car_to_its_safe_current() -> None:
    loop = Loop()
    loop.run(0.0, evse(), seconds=90.0)
    decision = loop.decide(grid(quality=MeterQuality.LOST), evse(measured=16.0, commanded=16.0))
    assert current(decision) == 6.0
    assert code(decision) is ReasonCode.METER_LOST


def test_a_lost_meter_starts_nothing_that_waits_for_the_sun() -> None:
    decision = Loop().run(0.0, evse(ChargeMode.SOLAR), seconds=60.0, quality=MeterQuality.LOST)
    assert current(decision) == 0.0


def test_a_lost_meter_counts_with_the_worst_recent_house() -> None:
    loop = Loop()
    loop.run(20.0, evse(ChargeMode.OFF), seconds=60.0)
    decision = loop.decide(grid(quality=MeterQuality.LOST), evse())
    assert current(decision) == 0.0
    assert code(decision) is ReasonCode.METER_LOST
    assert decision.setpoints[KEY].reason.params["circuit"] == "Home"
    assert decision.bounds[KEY].source is LimitSource.METER_LOST


def test_a_lost_meter_is_not_blamed_for_a_limit_of_the_users() -> None:
    loop = Loop()
    loop.run(0.0, evse(), seconds=60.0)
    blocked = evse(settings=EvseSettings(max_current_a=0.0))
    assert code(loop.decide(grid(quality=MeterQuality.LOST), blocked)) is ReasonCode.LIMIT_USER


def test_after_a_cut_the_pause_before_the_next_raise_is_told_with_its_end() -> None:
    loop = Loop()
    loop.run(0.0, evse(), seconds=90.0)
    cut = loop.run(16.0, evse(commanded=8.0), seconds=5.0)
    assert (current(cut), code(cut)) == (8.0, ReasonCode.LIMIT_FUSE)
    told = [loop.run(0.0, evse(measured=8.0, commanded=8.0), seconds=5.0).setpoints[KEY] for _ in range(13)]
    waiting = [one for one in told if one.reason.code is ReasonCode.WAITING_TO_RAISE]
    assert {one.current_a for one in waiting} == {8.0}
    left = [one.reason.params["left_s"] for one in waiting]
    assert left == sorted(left, reverse=True)
    assert 50 <= float(left[0]) <= 60
    assert waiting[0].reason.params["target_a"] == 16.0
    assert [one.reason.code for one in told[len(waiting) :]][:1] != [ReasonCode.WAITING_TO_RAISE]
    assert told[-1].current_a > 8.0


def test_a_stale_meter_raises_nothing() -> None:
    loop = Loop()
    loop.run(0.0, evse(), seconds=20.0)
    before = loop.state.evses[KEY].setpoint_a
    decision = loop.run(0.0, evse(), seconds=60.0, quality=MeterQuality.STALE)
    assert current(decision) == before
    assert code(decision) is ReasonCode.METER_STALE


def test_without_a_meter_fast_uses_what_the_reserved_house_leaves() -> None:
    loop = Loop(replace(SITE, has_meter=False))
    decision = loop.run(0.0, evse(), seconds=120.0, quality=MeterQuality.ABSENT)
    assert current(decision) == 14.0  # 25 A less 1 A margin and 10 A reserved


@pytest.mark.parametrize(("mode", "expected"), [(ChargeMode.SOLAR, 0.0), (ChargeMode.SOLAR_MIN, 6.0)])
def test_without_a_meter_there_is_no_surplus(mode: ChargeMode, expected: float) -> None:
    loop = Loop(replace(SITE, has_meter=False))
    decision = loop.run(-20.0, evse(mode), seconds=120.0, quality=MeterQuality.ABSENT)
    assert current(decision) == expected
    assert code(decision) is ReasonCode.METER_ABSENT


def test_a_car_that_charges_when_first_seen_is_not_stopped_by_a_restart() -> None:
    loop = Loop()
    charging = evse(ChargeMode.SOLAR, measured=8.0, commanded=8.0)
    decision = loop.decide(grid(0.0), charging)
    assert current(decision) >= 6.0


def test_equal_inputs_give_equal_decisions() -> None:
    results = [Loop().run(-8.0, evse(ChargeMode.SOLAR), seconds=60.0) for _ in range(2)]
    assert results[0] == results[1]


def test_a_full_car_keeps_no_surplus_from_the_next_one() -> None:
    other = EvseKey("CP2", 1)
    loop, drawn = Loop(QUICK), 0.0
    for _ in range(120):
        memory = loop.state.evses.get(KEY)
        full = evse(ChargeMode.SOLAR, measured=0.0, commanded=memory.setpoint_a if memory else 0.0)
        second = evse(ChargeMode.SOLAR, key=other, measured=drawn, commanded=drawn)
        decision = loop.decide(grid(-7.5 + drawn), full, second)
        drawn = decision.setpoints[other].current_a
        loop.now += timedelta(seconds=5)
    assert drawn == pytest.approx(7.5, abs=0.3)


def test_a_change_to_solar_with_enough_sun_does_not_stop_the_car() -> None:
    loop = Loop(QUICK)
    loop.run(-9.0, evse(), seconds=120.0)
    offered = [current(loop.run(-9.0, evse(ChargeMode.SOLAR), seconds=5.0)) for _ in range(24)]
    assert min(offered) >= 6.0
    assert offered[-1] == pytest.approx(9.0, abs=0.3)
