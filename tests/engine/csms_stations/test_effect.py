"""Whether a station does what it accepted, told from what it offers, foresees and delivers."""

import pytest

from custom_components.smart_charging.engine.csms.composite import CompositePeriod, CompositeSchedule
from custom_components.smart_charging.engine.csms.effect import (
    LimitRecord,
    Sample,
    composite_holds_lease,
    judge,
    limits_in_force,
    outage_holds_lease,
)
from custom_components.smart_charging.engine.csms.state import Obedience
from custom_components.smart_charging.engine.model import EvseMeasurement, Phases
from tests.manual_clock import START

OBEYS, IGNORES, UNKNOWN = Obedience.OBEYS, Obedience.IGNORES, Obedience.UNKNOWN


def verdict(
    limits: list[tuple[float, float]],
    at: float,
    *,
    drawn: float | None = None,
    offered: float | None = None,
    composite: float | None = None,
) -> Obedience:
    measurement = EvseMeasurement(
        START, current_a=None if drawn is None else Phases(drawn, drawn, 0), offered_a=offered
    )
    return judge([LimitRecord(amps, second) for second, amps in limits], Sample(measurement, at), composite)


@pytest.mark.parametrize(
    ("drawn", "expected"), [(10.2, OBEYS), (9.0, OBEYS), (4.0, UNKNOWN), (16.0, IGNORES), (None, UNKNOWN)]
)
def test_current_tells_once_it_had_time_to_follow(drawn: float | None, expected: Obedience) -> None:
    assert verdict([(0, 10)], 30, drawn=drawn) is expected
    assert verdict([(0, 10)], 29, drawn=drawn) is UNKNOWN


def test_a_car_may_still_follow_the_limit_before() -> None:
    limits = [(0.0, 16.0), (100.0, 6.0)]
    assert verdict(limits, 110, drawn=16) is OBEYS
    assert verdict(limits, 131, drawn=16) is IGNORES


def test_a_limit_that_changes_all_the_time_is_still_judged() -> None:
    limits = [(float(second), 6.0 + (second // 10) % 2) for second in range(0, 200, 10)]
    assert verdict(limits, 200, drawn=16) is IGNORES


@pytest.mark.parametrize(("offered", "expected"), [(10.0, OBEYS), (16.0, IGNORES), (6.0, UNKNOWN)])
def test_offered_current_tells_sooner(offered: float, expected: Obedience) -> None:
    assert verdict([(0, 10)], 10, offered=offered) is expected
    assert verdict([(0, 10)], 9, offered=offered) is UNKNOWN


def test_offered_current_is_not_believed_against_what_flows() -> None:
    assert verdict([(0, 0)], 40, offered=11, drawn=0) is OBEYS
    assert verdict([(0, 6)], 40, offered=6, drawn=16) is IGNORES


def test_the_schedule_tells_where_no_offer_is_measured() -> None:
    assert verdict([(0, 10)], 40, composite=10) is OBEYS
    assert verdict([(0, 10)], 40, composite=16) is IGNORES


def test_nothing_is_in_force_before_the_first_limit_settled() -> None:
    assert limits_in_force([], 10, 30) is None
    assert limits_in_force([LimitRecord(10, 0)], 10, 30) is None
    assert limits_in_force([LimitRecord(16, 0), LimitRecord(10, 50)], 100, 30) == (10, 10)


def schedule(*periods: tuple[int, float]) -> CompositeSchedule:
    return CompositeSchedule(START, tuple(CompositePeriod(*period) for period in periods))


@pytest.mark.parametrize(
    ("periods", "expected"),
    [
        (((0, 16.0), (300, 6.0)), True),
        (((0, 16.0), (308, 6.0)), True),
        (((0, 16.0),), False),
        (((0, 16.0), (300, 11.0)), False),
        (((0, 6.0),), None),
        ((), None),
    ],
)
def test_a_schedule_shows_whether_the_lease_will_end(
    periods: tuple[tuple[int, float], ...], expected: bool | None
) -> None:
    assert composite_holds_lease(schedule(*periods), 300, 16.0, 6.0) is expected


def test_a_lease_near_the_safe_limit_shows_nothing() -> None:
    assert composite_holds_lease(schedule((0, 7.0), (300, 6.0)), 300, 7.0, 6.0) is None
    assert outage_holds_lease(7.0, 7.0, 6.0) is None


@pytest.mark.parametrize(("drawn", "expected"), [(16.0, False), (6.1, True), (5.0, True), (0.0, None)])
def test_what_flowed_after_a_lease_ran_out_tells(drawn: float, expected: bool | None) -> None:
    assert outage_holds_lease(drawn, 16.0, 6.0) is expected
