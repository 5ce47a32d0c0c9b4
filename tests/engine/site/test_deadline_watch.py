"""Targets that can't be reached in time: known early, told once."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.config import EvseSettings
from custom_components.smart_charging.engine.control.planning.advice import PlanAdvice
from custom_components.smart_charging.engine.control.planning.wish import Wish
from custom_components.smart_charging.engine.control.snapshot import EvseSnapshot
from custom_components.smart_charging.engine.deadline_watch import DeadlineWatch
from custom_components.smart_charging.engine.model import ChargeMode, EvseStatus
from custom_components.smart_charging.engine.view import SiteEvent, SiteEventType
from tests.engine.control.builders import KEY, NOW, evse

LEAVES = NOW + timedelta(hours=2)
HOUR = timedelta(hours=1)


def lacking(missing_wh: float, departure: datetime | None = LEAVES) -> EvseSnapshot:
    """Return a car that will lack so much."""
    settings = EvseSettings(ChargeMode.CHEAPEST, target_energy_wh=20_000.0, departure=departure)
    advice = PlanAdvice(20_000.0, 3_680.0, departure, missing_wh=missing_wh)
    return evse(settings=settings, advice=advice)


def test_a_target_out_of_reach_is_told_once_for_a_departure() -> None:
    heard: list[SiteEvent] = []
    watch = DeadlineWatch(heard.append)
    for missing in (100.0, 3_210.0, 3_500.0, 3_000.0, 150.0, 2_000.0):
        watch.look((lacking(missing),), NOW)
        assert watch.missing(KEY) == missing
    assert heard == [
        SiteEvent(
            SiteEventType.TARGET_UNREACHABLE,
            KEY,
            NOW,
            details={"missing_kwh": 3.21, "departure": LEAVES.isoformat()},
        )
    ]
    watch.look((lacking(2_000.0, LEAVES + HOUR),), NOW)  # another departure
    watch.look((lacking(0.0, LEAVES + HOUR),), NOW)  # out of danger
    watch.look((lacking(2_000.0, LEAVES + HOUR),), NOW)
    assert len(heard) == 3


@pytest.mark.parametrize(
    "one",
    [
        lacking(5_000.0, None),
        replace(lacking(5_000.0), advice=None),
        replace(lacking(5_000.0), status=EvseStatus.AVAILABLE),
    ],
)
def test_who_has_no_target_for_a_departure_lacks_nothing(one: EvseSnapshot) -> None:
    heard: list[SiteEvent] = []
    watch = DeadlineWatch(heard.append)
    watch.look((one,), NOW)
    assert (watch.missing(KEY), heard) == (None, [])


def wish(needed_wh: float, departure: datetime | None, most_w: float = 10_000.0) -> Wish:
    return Wish(KEY, needed_wh, most_w, most_w, 3, departure, room_wh=needed_wh)


@pytest.mark.parametrize(
    ("needed_wh", "minutes", "planned_wh", "short_wh"),
    [
        (10_000.0, 120, 0.0, 0.0),
        (25_000.0, 120, 0.0, 5_000.0),
        (10_000.0, 120, 4_000.0, 4_000.0),  # a fuse leaves less
        (10_000.0, 64, 600.0, 0.0),  # the plan does without the four minutes of the last slot
        (10_000.0, 64, 2_000.0, 2_000.0 - 10_000.0 * 4 / 60),
        (10_000.0, 0, 0.0, 10_000.0),
        (10_000.0, -30, 0.0, 10_000.0),
    ],
)
def test_what_is_missing_follows_from_time_and_plan(
    needed_wh: float, minutes: int, planned_wh: float, short_wh: float
) -> None:
    one = wish(needed_wh, NOW + timedelta(minutes=minutes))
    assert one.short_wh(NOW, planned_wh) == pytest.approx(short_wh)
    assert wish(needed_wh, None).short_wh(NOW, planned_wh) == 0.0


@given(
    st.floats(0, 100_000), st.floats(0, 22_000), st.integers(-600, 3_000), st.floats(0, 100_000), st.integers(0, 600)
)
def test_what_is_missing_is_never_more_than_is_needed_and_never_shrinks_by_waiting(
    needed_wh: float, most_w: float, minutes: int, planned_wh: float, later: int
) -> None:
    one = wish(needed_wh, NOW + timedelta(minutes=minutes), most_w)
    now, then = (one.short_wh(NOW + timedelta(minutes=waited), planned_wh) for waited in (0, later))
    assert 0.0 <= now <= then <= needed_wh
