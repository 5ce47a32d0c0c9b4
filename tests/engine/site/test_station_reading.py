"""What a decision takes from a station's state."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from custom_components.smart_charging.engine.config import EvseSettings, PhaseSwitching, StationConfig
from custom_components.smart_charging.engine.control.snapshot import EvseSnapshot
from custom_components.smart_charging.engine.csms.state import (
    AppliedLimit,
    Capabilities,
    EvseState,
    Obedience,
    StationState,
)
from custom_components.smart_charging.engine.limit import LimitSource
from custom_components.smart_charging.engine.model import EvseKey, EvseMeasurement, EvseStatus, Phases
from custom_components.smart_charging.engine.station_reading import evse_snapshot, limits_elsewhere

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
KEY = EvseKey("CP1", 1)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def snapshot(evse: EvseState, *, connected: bool = True, phases: int = 3) -> EvseSnapshot:
    config = StationConfig("CP1", "Garage", max_current_a=32.0, phases=phases)
    state = StationState("CP1", connected=connected, evses={1: evse})
    return evse_snapshot(KEY, config, state, EvseSettings(), 6.0, NOW)


def measured(seconds_ago: float = 1.0, **values: object) -> EvseState:
    at = ago(seconds_ago)
    measurement = replace(EvseMeasurement(at), **values)  # type: ignore[arg-type]  # fields by name
    return EvseState(1, EvseStatus.CHARGING, measurement=measurement, measured_at=at)


def test_measured_current_is_used_as_it_is() -> None:
    assert snapshot(measured(current_a=Phases(10, 9, 8))).measured_a == Phases(10, 9, 8)


@pytest.mark.parametrize(("phases", "expected"), [(3, Phases.each(10.0)), (1, Phases(30.0))])
def test_power_alone_is_spread_over_the_stations_phases(phases: int, expected: Phases) -> None:
    assert snapshot(measured(power_w=6900.0), phases=phases).measured_a == expected


def test_old_measurements_and_those_of_an_absent_station_are_not_used() -> None:
    assert snapshot(measured(91.0, power_w=6900.0)).measured_a is None
    assert snapshot(measured(power_w=6900.0), connected=False).measured_a is None


def test_a_station_without_any_limit_commands_nothing() -> None:
    assert snapshot(measured(power_w=0.0)).commanded_a is None
    assert snapshot(measured(power_w=0.0)).settled


def test_a_lease_that_ran_out_leaves_the_safe_current() -> None:
    running = AppliedLimit(16.0, 6.0, ago(100), NOW + timedelta(seconds=200))
    assert snapshot(EvseState(1, applied=running)).commanded_a == 16.0
    over = AppliedLimit(16.0, 6.0, ago(400), ago(100))
    assert snapshot(EvseState(1, applied=over)).commanded_a == 6.0


@pytest.mark.parametrize(("accepted_ago", "settled"), [(3.0, False), (8.0, True)])
def test_a_measurement_counts_as_settled_once_the_car_had_time_to_follow(accepted_ago: float, settled: bool) -> None:
    applied = AppliedLimit(16.0, 6.0, ago(accepted_ago), NOW + timedelta(seconds=290))
    evse = replace(measured(0.0, power_w=6900.0), applied=applied)
    assert snapshot(evse).settled is settled


def test_power_alone_is_on_as_many_phases_as_the_station_was_told_to_use() -> None:
    applied = AppliedLimit(16.0, 6.0, ago(60), NOW + timedelta(seconds=200), phases=1)
    assert snapshot(replace(measured(power_w=2300.0), applied=applied)).measured_a == Phases(10.0)


@pytest.mark.parametrize(
    ("seconds", "obedience", "ramping"),
    [(3.0, Obedience.OBEYS, True), (8.0, Obedience.OBEYS, False), (3.0, Obedience.IGNORES, False)],
)
def test_a_station_that_follows_has_a_moment_to_do_so(seconds: float, obedience: Obedience, ramping: bool) -> None:
    applied = AppliedLimit(16.0, 6.0, ago(seconds), NOW + timedelta(seconds=290))
    assert snapshot(EvseState(1, applied=applied, obedience=obedience)).ramping is ramping


def test_a_station_that_was_seen_not_to_switch_phases_is_not_asked_to() -> None:
    config = StationConfig("CP1", "Garage", phase_switching=PhaseSwitching.OCPP)
    for able, expected in ((None, PhaseSwitching.OCPP), (False, PhaseSwitching.NONE)):
        state = StationState("CP1", connected=True, capabilities=Capabilities(switches_phases=able))
        assert evse_snapshot(KEY, config, state, EvseSettings(), 6.0, NOW).station.phase_switching is expected


def test_what_others_limit_a_station_to_binds_each_of_its_evses() -> None:
    config = StationConfig("CP1", "Garage", max_current_a=32.0)
    state = StationState(
        "CP1", connected=True, evses={1: EvseState(1), 2: EvseState(2)}, limited_elsewhere_a={0: 20.0, 2: 10.0}
    )
    found = {limit.evse: (limit.value, limit.source) for limit in limits_elsewhere(config, state)}
    assert found == {
        EvseKey("CP1", 1): (20.0, LimitSource.STATION),
        EvseKey("CP1", 2): (10.0, LimitSource.STATION),
    }
    assert limits_elsewhere(config, replace(state, limited_elsewhere_a={})) == ()
    assert limits_elsewhere(config, replace(state, connected=False)) == ()
