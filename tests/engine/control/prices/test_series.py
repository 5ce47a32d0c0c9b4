"""Prices by time: looked up in real time, joined, divided, and put together from what sources list."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import inf, nan
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.control.prices.series import (
    HOUR,
    QUARTER_HOUR,
    PricePoint,
    PriceSeries,
    ends,
    from_points,
    joined,
    quarter_hours,
)

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 1, 15, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)

prices = st.floats(-1, 2, allow_nan=False)
steps = st.sampled_from([QUARTER_HOUR, HALF_HOUR, HOUR])


def point(hours: float, price: float, length: timedelta = HOUR) -> PricePoint:
    """Return a price that begins so many hours after the start."""
    start = START + timedelta(hours=hours)
    return PricePoint(start, start + length, price)


def hourly(*values: float | None, start: datetime = START) -> PriceSeries:
    """Return a series of hours."""
    return PriceSeries(start, HOUR, values)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_local_day_has_as_many_steps_as_it_has_hours(day: str, hours: int) -> None:
    midnight = datetime.fromisoformat(day).replace(tzinfo=BERLIN)
    following = midnight + timedelta(days=1)  # by the clock on the wall
    series = PriceSeries(midnight, HOUR, tuple(float(hour) for hour in range(hours)))
    assert series.end == following.astimezone(UTC)
    assert series.import_at(following - timedelta(minutes=1)) == hours - 1
    assert series.index(following) is None


def test_both_hours_between_two_and_three_in_autumn_have_their_own_price() -> None:
    midnight = datetime(2026, 10, 25, tzinfo=BERLIN)
    series = PriceSeries(midnight, HOUR, tuple(float(hour) for hour in range(25)))
    assert series.import_at(datetime(2026, 10, 25, 2, 30, fold=0, tzinfo=BERLIN)) == 2
    assert series.import_at(datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN)) == 3
    assert series.import_at(datetime(2026, 10, 25, 23, 59, tzinfo=BERLIN)) == 24


def test_times_without_a_zone_are_refused() -> None:
    naive = datetime(2026, 1, 1)
    with pytest.raises(ValueError, match="zone"):
        PriceSeries(naive, HOUR, (1.0,))
    with pytest.raises(ValueError, match="zone"):
        PricePoint(naive, START, 1.0)
    with pytest.raises(ValueError, match="zone"):
        PricePoint(START, naive, 1.0)
    with pytest.raises(ValueError, match="zone"):
        hourly(1.0).index(naive)
    with pytest.raises(ValueError, match="zone"):
        ends([naive])


def test_what_no_market_has_is_refused() -> None:
    with pytest.raises(ValueError, match="15, 30 or 60"):
        PriceSeries(START, timedelta(minutes=5), (1.0,))
    with pytest.raises(ValueError, match="each step"):
        PriceSeries(START, HOUR, (1.0, 2.0), (1.0,))
    with pytest.raises(ValueError, match="each step"):
        PriceSeries(START, HOUR, (1.0, 2.0), co2_g=(1.0, 2.0, 3.0))


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_what_is_no_number_is_no_price(value: float) -> None:
    with pytest.raises(ValueError, match="number"):
        hourly(value)
    with pytest.raises(ValueError, match="number"):
        PricePoint(START, START + HOUR, value)


def test_outside_and_in_gaps_nothing_is_known() -> None:
    series = PriceSeries(START, HOUR, (1.0, None), (0.1, 0.2))
    assert series.import_at(START - timedelta(seconds=1)) is None
    assert (series.import_at(START), series.feed_in_at(START), series.co2_at(START)) == (1.0, 0.1, None)
    assert series.import_at(START + HOUR) is None
    assert series.feed_in_at(START + 2 * HOUR) is None


def test_an_empty_list_is_no_series() -> None:
    assert from_points([]) is None
    assert joined([]) is None
    assert joined([hourly(None)]) is None


def test_gaps_stay_gaps_and_negative_prices_negative() -> None:
    series = from_points([point(3, -0.2), point(0, 0.1)])
    assert series == hourly(0.1, None, None, -0.2)


def test_mixed_lengths_are_told_in_the_longest_step_that_fits_all() -> None:
    series = from_points([point(0, 1.0), point(1, 2.0, QUARTER_HOUR), point(1.25, 3.0, timedelta(minutes=45))])
    assert series == PriceSeries(START, QUARTER_HOUR, (1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 3.0, 3.0))
    assert from_points([point(0, 1.0), point(1, 2.0, HALF_HOUR)]) == PriceSeries(START, HALF_HOUR, (1.0, 1.0, 2.0))


def test_of_overlapping_prices_the_later_listed_counts() -> None:
    assert from_points([point(0, 1.0), point(1, 2.0), point(0, 3.0)]) == hourly(3.0, 2.0)


def test_prices_that_begin_within_a_quarter_hour_are_refused() -> None:
    with pytest.raises(ValueError, match="within a quarter"):
        from_points([point(0, 1.0), point(1.1, 2.0)])
    with pytest.raises(ValueError, match="before it begins"):
        point(0, 1.0, timedelta())


def test_prices_of_a_far_time_make_no_long_list() -> None:
    with pytest.raises(ValueError, match="two weeks"):
        from_points([point(0, 1.0), point(24 * 365 * 5000, 2.0)])
    with pytest.raises(ValueError, match="more than an hour"):
        quarter_hours([point(0, 1.0, timedelta(days=30))])


@given(st.lists(st.tuples(st.integers(0, 300), st.sampled_from([1, 2, 4]), prices), min_size=1, max_size=40))
def test_every_moment_has_the_price_that_was_listed_last_for_it(listed: list[tuple[int, int, float]]) -> None:
    points = [point(start / 4, price, length * QUARTER_HOUR) for start, length, price in listed]
    series = from_points(points)
    assert series is not None
    for quarter in range(310):
        at = START + quarter * QUARTER_HOUR + timedelta(minutes=7)
        told = [one.price for one in points if one.start <= at < one.end]
        assert series.import_at(at) == (told[-1] if told else None)


@given(st.lists(st.one_of(st.none(), prices), min_size=1, max_size=50), steps)
def test_a_series_is_made_again_of_its_points(values: list[float | None], step: timedelta) -> None:
    series = PriceSeries(START, step, tuple(values))
    again = from_points(series.points)
    for number in range(len(values)):
        at = START + number * step
        assert (None if again is None else again.import_at(at)) == series.import_at(at)


@given(st.lists(st.one_of(st.none(), prices), min_size=1, max_size=30), st.lists(prices, min_size=1, max_size=30))
def test_joining_keeps_what_is_known_and_prefers_the_later(old: list[float | None], new: list[float]) -> None:
    before, after = hourly(*old), PriceSeries(START + 5 * HOUR, QUARTER_HOUR, tuple(new))
    series = joined([before, after])
    assert series is not None
    for quarter in range(200):
        at = START + quarter * QUARTER_HOUR
        newer = after.import_at(at)
        assert series.import_at(at) == (before.import_at(at) if newer is None else newer)


@given(st.lists(st.one_of(st.none(), prices), max_size=30), steps, steps)
def test_dividing_steps_changes_no_price(values: list[float | None], step: timedelta, fine: timedelta) -> None:
    series = PriceSeries(START, step, tuple(values), co2_g=tuple(values))
    if fine > step:
        with pytest.raises(ValueError, match="never put together"):
            series.in_steps(fine)
        return
    divided = series.in_steps(fine)
    assert divided.end == series.end
    for minute in range(0, 60 * 31, 5):
        at = START + timedelta(minutes=minute)
        assert divided.import_at(at) == series.import_at(at) == divided.co2_at(at)


@given(st.lists(prices, min_size=1, max_size=20), st.lists(prices, min_size=1, max_size=20), steps, steps)
def test_feed_in_prices_are_found_at_the_times_of_the_import(
    paid: list[float], earned: list[float], step: timedelta, other: timedelta
) -> None:
    series = PriceSeries(START, step, tuple(paid))
    feed_in = PriceSeries(START + 2 * HOUR, other, tuple(earned))
    both = series.with_feed_in(feed_in)
    assert (both.start, both.end, both.step) == (series.start, series.end, min(step, other))
    for number in range(len(both.import_price)):
        at = both.start + number * both.step
        assert (both.import_at(at), both.feed_in_at(at)) == (series.import_at(at), feed_in.import_at(at))


def test_the_carbon_of_now_is_told_for_now_alone() -> None:
    series = hourly(1.0, 2.0, 3.0).with_co2_at(START + HOUR, 250.0)
    assert series.co2_g == (None, 250.0, None)
    assert series.with_co2_at(START + 2 * HOUR, 300.0).co2_g == (None, 250.0, 300.0)
    assert series.with_co2_at(START + 5 * HOUR, 1.0) is series


def test_the_past_can_be_dropped() -> None:
    series = PriceSeries(START, HOUR, (1.0, 2.0), (0.1, 0.2))
    assert series.since(START + timedelta(minutes=90)) == PriceSeries(START + HOUR, HOUR, (2.0,), (0.2,))
    assert series.since(START - HOUR) == series
    assert series.since(START + 2 * HOUR) is None


def test_only_known_import_prices_are_mapped() -> None:
    series = PriceSeries(START, HOUR, (1.0, None), (0.1, 0.2)).mapped(lambda price: price * 2)
    assert (series.import_price, series.feed_in_price) == ((2.0, None), (0.1, 0.2))


FIVE_MINUTES = timedelta(minutes=5)


def test_quarter_hours_are_the_mean_of_what_is_told_of_them() -> None:
    told = [point(number / 12, float(number), FIVE_MINUTES) for number in range(1, 4)]
    assert quarter_hours(told) == [point(0, 1.5, QUARTER_HOUR), point(0.25, 3.0, QUARTER_HOUR)]


@given(st.lists(prices, min_size=1, max_size=60))
def test_quarter_hours_keep_the_mean_of_whole_days(values: list[float]) -> None:
    told = [point(number / 12, price, FIVE_MINUTES) for number, price in enumerate(values * 3)]
    means = quarter_hours(told)
    assert sum(one.price for one in means) == pytest.approx(sum(values * 3) / 3, abs=1e-9)
    assert from_points(means) is not None


def test_prices_listed_by_their_beginnings_end_where_the_next_begins() -> None:
    told = [START, START + HOUR, START + 1.25 * HOUR]
    assert ends(told) == [START + HOUR, START + 1.25 * HOUR, START + 1.5 * HOUR]
    assert ends([START]) == [START + HOUR]
    assert ends([START], QUARTER_HOUR) == [START + QUARTER_HOUR]
    assert ends([]) == []


def test_the_last_price_before_a_gap_lasts_as_long_as_the_one_before() -> None:
    told = [START, START + QUARTER_HOUR, START + HALF_HOUR, START + 8 * HOUR, START + 9 * HOUR]
    assert ends(told)[2:] == [START + HALF_HOUR + QUARTER_HOUR, START + 9 * HOUR, START + 10 * HOUR]
    assert ends([START, START + 6 * HOUR]) == [START + HOUR, START + 7 * HOUR]


@given(st.lists(st.integers(0, 400), min_size=1, unique=True))
def test_no_price_listed_by_its_beginning_reaches_into_the_next(quarters: list[int]) -> None:
    told = [START + quarter * QUARTER_HOUR for quarter in quarters]
    until = dict(zip(told, ends(told), strict=True))
    for begin, end in until.items():
        assert begin < end <= begin + HOUR
        assert not any(begin < other < end for other in told)


@given(st.lists(st.none() | st.floats(-1, 1), min_size=1, max_size=50), st.floats(-1, 1))
def test_the_times_within_a_limit_are_all_steps_that_cost_no_more_joined_where_they_meet(
    values: list[float | None], limit: float
) -> None:
    series = PriceSeries(datetime(2026, 6, 1, tzinfo=UTC), timedelta(minutes=15), tuple(values))
    times = list(series.times_within(limit))
    for number, price in enumerate(values):
        at = series.start + number * series.step
        assert any(start <= at < end for start, end in times) == (price is not None and price <= limit)
    assert all(end < start for (_, end), (start, _) in pairwise(times))
