"""Charging profiles as they go over the wire: what lies under, what lies over, and for how long."""

from dataclasses import replace
from typing import Any

import pytest

from custom_components.smart_charging.engine.csms.profiles import (
    Lease,
    Purpose,
    Strategy,
    Wiring,
    connector,
    lease_profile,
    profile_id,
    safe_default,
)
from custom_components.smart_charging.engine.csms.state import ProfileForm, RateUnit
from tests.manual_clock import START

WIRING = Wiring(phases=3, min_a=6.0, max_a=16.0)
TX = Strategy(Purpose.TX, ProfileForm.TWO_PERIODS, 8, RateUnit.A)
LEASE = Lease(1, 12.0, 6.0, 300.0, START, transaction_id=7, elapsed_s=100.0)
DAY_S = 86_400


def build(strategy: Strategy, lease: Lease, wiring: Wiring = WIRING) -> dict[str, Any]:
    return lease_profile(strategy, lease, wiring)


def periods(profile: dict[str, Any]) -> list[tuple[int, float]]:
    return [(p["startPeriod"], p["limit"]) for p in profile["chargingSchedule"]["chargingSchedulePeriod"]]


def test_two_periods_hold_the_limit_and_fall_to_the_safe_one() -> None:
    profile = build(TX, LEASE)
    assert profile["chargingProfileKind"] == "Absolute"
    assert profile["transactionId"] == 7
    assert profile["chargingSchedule"]["startSchedule"] == "2026-06-01T09:59:00.000Z"
    assert periods(profile) == [(0, 12.0), (360, 6.0)]
    assert "duration" not in profile["chargingSchedule"]


def test_relative_periods_count_the_time_the_transaction_ran_already() -> None:
    profile = build(replace(TX, form=ProfileForm.RELATIVE_TWO_PERIODS), LEASE)
    assert profile["chargingProfileKind"] == "Relative"
    assert "startSchedule" not in profile["chargingSchedule"]
    assert periods(profile) == [(0, 12.0), (400, 6.0)]


def test_a_relative_limit_never_waits_above_the_safe_one_for_a_car_to_come() -> None:
    idle = replace(LEASE, transaction_id=None, elapsed_s=None)
    strategy = replace(TX, purpose=Purpose.TX_DEFAULT, form=ProfileForm.RELATIVE_TWO_PERIODS)
    assert periods(build(strategy, idle)) == [(0, 6.0)]
    assert periods(build(strategy, replace(idle, current_a=0.0))) == [(0, 0.0), (300, 6.0)]


def test_valid_to_ends_with_the_lease() -> None:
    profile = build(replace(TX, form=ProfileForm.VALID_TO), LEASE)
    assert periods(profile) == [(0, 12.0)]
    assert profile["validFrom"] == "2026-06-01T09:59:00.000Z"
    assert profile["validTo"] == "2026-06-01T10:05:00.000Z"
    assert profile["chargingSchedule"]["duration"] == 360


def test_a_limit_equal_to_the_safe_one_needs_no_second_period() -> None:
    assert periods(build(TX, replace(LEASE, current_a=6.0))) == [(0, 6.0)]


def test_zero_never_outlives_a_day() -> None:
    assert periods(build(TX, replace(LEASE, safe_a=0.0))) == [(0, 12.0), (360, 0.0), (DAY_S + 60, 6.0)]
    assert periods(build(TX, replace(LEASE, current_a=0.0, safe_a=0.0))) == [(0, 0.0), (DAY_S + 60, 6.0)]


def test_zero_ends_with_the_schedule_where_a_third_period_is_too_many() -> None:
    profile = build(TX, replace(LEASE, safe_a=0.0, max_periods=2))
    assert periods(profile) == [(0, 12.0), (360, 0.0)]
    assert profile["chargingSchedule"]["duration"] == DAY_S + 60


@pytest.mark.parametrize(("phases", "watts"), [(1, 2760.0), (3, 8280.0)])
def test_watts_count_all_phases(phases: int, watts: float) -> None:
    profile = build(replace(TX, unit=RateUnit.W), LEASE, Wiring(phases, 6.0, 16.0))
    assert profile["chargingSchedule"]["chargingRateUnit"] == "W"
    assert periods(profile)[0] == (0, watts)


def test_phases_are_named_only_where_they_are_not_three() -> None:
    one = build(TX, LEASE, Wiring(1, 6.0, 16.0))["chargingSchedule"]["chargingSchedulePeriod"][0]
    three = build(TX, LEASE)["chargingSchedule"]["chargingSchedulePeriod"][0]
    assert one["numberPhases"] == 1
    assert "numberPhases" not in three


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [(12.0, 12.0), (12.34, 12.3), (7.999999999, 8.0), (5.99, 0.0), (6.0, 6.0), (0.0, 0.0), (40.0, 16.0)],
)
def test_limits_are_zero_or_usable_in_tenths(wanted: float, sent: float) -> None:
    assert WIRING.snap(wanted) == sent


def test_tenths_of_an_ampere_survive_the_way_to_watts_and_back() -> None:
    for deci in range(60, 161):
        amps = deci / 10
        assert WIRING.to_amperes(WIRING.to_unit(amps, RateUnit.W), RateUnit.W) == pytest.approx(amps)


def test_safe_default_is_persistent_and_never_zero() -> None:
    profile: dict[str, Any] = safe_default(1, 0.0, WIRING, RateUnit.A, ProfileForm.TWO_PERIODS)
    assert profile["chargingProfilePurpose"] == "TxDefaultProfile"
    assert profile["stackLevel"] == 0
    assert periods(profile) == [(0, 6.0)]
    assert profile["chargingSchedule"]["startSchedule"] == "2000-01-01T00:00:00.000Z"
    assert "duration" not in profile["chargingSchedule"]
    assert "validTo" not in profile


def test_safe_default_can_be_written_without_any_clock() -> None:
    profile: dict[str, Any] = safe_default(1, 8.0, WIRING, RateUnit.A, ProfileForm.RELATIVE_TWO_PERIODS)
    assert profile["chargingProfileKind"] == "Relative"
    assert "startSchedule" not in profile["chargingSchedule"]


def test_each_purpose_evse_and_level_has_one_id_of_its_own() -> None:
    ids = [profile_id(p, evse, level) for p in Purpose for evse in (1, 2, 3) for level in (0, 1, 8, 9)]
    assert len(set(ids)) == len(ids)
    assert profile_id(Purpose.TX, 1, 8) == profile_id(Purpose.TX, 1, 8)


def test_only_a_limit_of_the_whole_station_goes_to_connector_zero() -> None:
    assert connector(Purpose.CHARGE_POINT_MAX, 1) == 0
    assert connector(Purpose.TX, 2) == 2
