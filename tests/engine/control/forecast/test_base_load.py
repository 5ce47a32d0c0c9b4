"""The house alone is learnt by day type and quarter, sensibly from the first day on."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.control.forecast.base_load import (
    DayType,
    LoadProfile,
    QuarterLoad,
    day_type,
    house_alone,
    learn,
    total_consumption,
)
from custom_components.smart_charging.engine.control.forecast.series import quantile
from custom_components.smart_charging.engine.recorded_json import Decoder, Encoder

from .home_excerpt import OCTOBER, SLOT, series

PARIS = ZoneInfo("Europe/Paris")
DAY = timedelta(days=1)
MONDAY = datetime(2026, 6, 15, tzinfo=UTC)


def days_of(loads: list[float], start: datetime = MONDAY) -> list[QuarterLoad]:
    """Return whole days, each with the same power all day."""
    return [
        QuarterLoad(start + number * DAY + quarter * SLOT, power)
        for number, power in enumerate(loads)
        for quarter in range(96)
    ]


def learnt(history: list[QuarterLoad], now: datetime, holidays: frozenset[date] = frozenset()) -> LoadProfile:
    profile = learn(history, now, UTC, holidays)
    assert profile is not None
    return profile


def test_without_a_past_there_is_no_profile() -> None:
    assert learn([], MONDAY, UTC) is None
    assert learn(days_of([500.0], MONDAY - 40 * DAY), MONDAY, UTC) is None
    assert learn(days_of([500.0], MONDAY + DAY), MONDAY, UTC) is None


def test_after_one_day_the_next_is_taken_to_be_the_same() -> None:
    history = [QuarterLoad(one.start, 100.0 + 10 * number) for number, one in enumerate(days_of([0.0]))]
    forecast = learnt(history, MONDAY + DAY).forecast(MONDAY + DAY, 96, UTC)
    assert forecast.median_w == tuple(one.power_w for one in history)
    assert all(low < high for low, high in zip(forecast.low_w, forecast.high_w, strict=True))


def test_after_one_hour_that_hour_speaks_for_the_day() -> None:
    profile = learnt([QuarterLoad(MONDAY + number * SLOT, 300.0) for number in range(4)], MONDAY + 4 * SLOT)
    assert set(profile.forecast(MONDAY + DAY, 96, UTC).median_w) == {300.0}
    assert profile.days == 1


def test_newer_days_weigh_more() -> None:
    profile = learnt(days_of([100.0] * 8 + [900.0] * 6), MONDAY + 14 * DAY)
    assert profile.forecast(MONDAY + 14 * DAY, 1, UTC).median_w == (900.0,)


def test_a_sunday_is_no_workday() -> None:
    week = [200.0] * 5 + [600.0, 1000.0]
    profile = learnt(days_of(week * 3), MONDAY + 21 * DAY)
    assert profile.forecast(MONDAY + 22 * DAY, 1, UTC).median_w == (200.0,)
    means = [profile.forecast(MONDAY + (21 + number) * DAY, 1, UTC).mean_w[0] for number in (1, 5, 6)]
    assert means == sorted(means)


def test_a_holiday_is_a_sunday() -> None:
    tuesday = date(2026, 7, 14)
    assert day_type(tuesday) is DayType.WORKDAY
    assert day_type(tuesday, {tuesday}) is DayType.SUNDAY
    assert day_type(date(2026, 7, 11)) is DayType.SATURDAY


def test_a_single_evening_with_guests_does_not_become_a_habit() -> None:
    profile = learnt(days_of([300.0] * 9 + [4000.0] + [300.0] * 2), MONDAY + 12 * DAY)
    forecast = profile.forecast(MONDAY + 12 * DAY, 1, UTC)
    assert forecast.median_w == (300.0,)
    assert forecast.mean_w[0] > 300


def test_the_profile_follows_local_time_through_summer_time() -> None:
    before = datetime(2026, 10, 19, tzinfo=PARIS)  # the clock goes back on the 25th
    history = [
        QuarterLoad((before + number * SLOT).astimezone(UTC), 2000.0 if (number // 4) % 24 == 7 else 100.0)
        for number in range(6 * 96)
    ]
    profile = learn(history, before + 6 * DAY, PARIS)
    assert profile is not None
    winter = profile.forecast(datetime(2026, 10, 26, tzinfo=PARIS), 96, PARIS)
    peak = [winter.start + number * SLOT for number, power in enumerate(winter.median_w) if power > 1000]
    assert {moment.astimezone(PARIS).hour for moment in peak} == {7}


def test_chargers_are_taken_out_and_meters_may_be_a_moment_apart() -> None:
    assert total_consumption(grid_w=-500, pv_w=4000, battery_w=-1000) == 2500
    assert house_alone(2500, 2000) == 500
    assert house_alone(7000, 7100) == 0
    assert house_alone(500, 7000) is None


@given(
    st.lists(st.tuples(st.integers(0, 96 * 40), st.floats(0, 2e4)), min_size=1, max_size=60),
    st.integers(0, 96 * 10),
)
def test_whatever_was_seen_every_slot_has_a_power_between_the_lowest_and_the_highest(
    seen: list[tuple[int, float]], later: int
) -> None:
    history = [QuarterLoad(MONDAY + number * SLOT, power) for number, power in seen]
    now = max(one.start for one in history) + SLOT
    recent = [one.power_w for one in history if now.date() - one.start.date() <= timedelta(days=28)]
    forecast = learnt(history, now).forecast(now + later * SLOT, 96, UTC)
    for values in (forecast.low_w, forecast.median_w, forecast.high_w, forecast.mean_w):
        assert min(recent) - 0.1 <= min(values)
        assert max(values) <= max(recent) + 0.1


@given(st.floats(0, 1e4), st.permutations(range(96 * 3)))
def test_the_order_of_the_past_does_not_matter(power: float, order: list[int]) -> None:
    history = [QuarterLoad(MONDAY + number * SLOT, power + number % 7) for number in range(96 * 3)]
    now = MONDAY + 3 * DAY
    assert learn([history[number] for number in order], now, UTC) == learn(history, now, UTC)


def test_a_profile_survives_being_kept() -> None:
    profile = learnt(days_of([300.0, 400.0]), MONDAY + 2 * DAY)
    assert Decoder().decode(LoadProfile, Encoder().encode(profile), "") == profile


def test_half_a_profile_is_refused() -> None:
    with pytest.raises(ValueError):
        LoadProfile({}, 1)


def test_in_a_real_home_the_profile_beats_the_day_before() -> None:
    load = series("load_w")
    history = [QuarterLoad(start, power) for start, power in load.items() if start >= OCTOBER[0]]
    usual, before, inside = [], [], []
    for day in OCTOBER[3:]:
        profile = learn(history, day, PARIS)
        assert profile is not None
        forecast = profile.forecast(day, 96, PARIS)
        for number, power in enumerate(forecast.median_w):
            start = day + number * SLOT
            if start in load and start - DAY in load:
                usual.append(abs(power - load[start]))
                before.append(abs(load[start - DAY] - load[start]))
                inside.append(forecast.low_w[number] <= load[start] <= forecast.high_w[number])
    assert sum(usual) < 0.9 * sum(before)
    assert 0.6 < sum(inside) / len(inside) < 0.95
    assert quantile(usual, 0.5) < quantile(before, 0.5)
