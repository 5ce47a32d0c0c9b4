"""The grid's CO2 as it is forecast, and as it was a day ago where nobody does."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.control.prices.carbon import CarbonHistory, CarbonSource
from custom_components.smart_charging.engine.control.prices.series import HOUR, QUARTER_HOUR, PriceSeries

NOON = datetime(2026, 6, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
FORECAST, MEASURED, DAY_BEFORE = CarbonSource.FORECAST, CarbonSource.MEASURED, CarbonSource.DAY_BEFORE


def told(*grams: float, since: datetime) -> CarbonHistory:
    """Return a history with a value for each quarter of an hour since a moment."""
    history = CarbonHistory()
    for number, value in enumerate(grams):
        history = history.noted(since + number * QUARTER_HOUR + timedelta(minutes=7), value)
    return history


def test_what_is_to_come_is_as_it_was_a_day_before_shifted_to_where_the_grid_is_now() -> None:
    yesterday = told(400.0, 200.0, 100.0, since=NOON - DAY)
    outlook = yesterday.noted(NOON, 200.0).outlook(NOON + timedelta(minutes=3))
    assert outlook is not None
    assert (outlook.series.start, outlook.series.end) == (NOON, NOON + DAY)
    assert outlook.series.import_price[:4] == pytest.approx((0.2, 0.1, 0.05, None))
    assert outlook.sources[:4] == (MEASURED, DAY_BEFORE, DAY_BEFORE, None)


@pytest.mark.parametrize(
    ("usual", "present", "tomorrow"),
    [
        (1.0, 120.0, 0.3),  # not 18 kg
        (5e-324, 120.0, 0.3),
        (120.0, 0.0, 0.075),  # not none at all, or nothing is left to choose by
        (0.0, 120.0, 0.15),  # nothing can be told of it: as it was
        (0.0, 0.0, 0.15),
        (100.0, 130.0, 0.195),
    ],
)
def test_a_day_is_at_most_half_or_twice_as_dirty_as_the_last(usual: float, present: float, tomorrow: float) -> None:
    outlook = told(usual, 150.0, 50.0, since=NOON - DAY).noted(NOON, present).outlook(NOON)
    assert outlook is not None
    assert outlook.series.import_price[:3] == pytest.approx((present / 1000, tomorrow, tomorrow / 3))


def test_a_sensor_that_counts_otherwise_than_a_forecast_of_none_leaves_the_day_before_to_choose_by() -> None:
    forecast = PriceSeries(NOON, QUARTER_HOUR, (0.0,))
    outlook = told(100.0, 150.0, 50.0, since=NOON - DAY).noted(NOON, 100.0).outlook(NOON, forecast)
    assert outlook is not None
    assert outlook.series.import_price[:3] == pytest.approx((0.0, 0.075, 0.025))


def test_a_sensor_may_be_silent_for_an_hour() -> None:
    history = told(300.0, since=NOON)
    for minutes, known in ((14, True), (60, True), (76, False)):
        assert (history.outlook(NOON + timedelta(minutes=minutes)) is not None) is known
    assert CarbonHistory().outlook(NOON) is None


@given(st.lists(st.floats(0, 1_000), min_size=1, max_size=300))
def test_any_past_gives_a_day_of_numbers_and_no_more_than_two_days_are_kept(grams: list[float]) -> None:
    history = told(*grams, since=NOON)
    assert len(history.grams) <= 192
    outlook = history.outlook(NOON + (len(grams) - 1) * QUARTER_HOUR)
    assert outlook is not None and len(outlook.series.import_price) == 96
    assert all(value is None or value >= 0 for value in outlook.series.import_price)


def test_a_forecast_counts_where_it_reaches_and_the_day_before_beyond_brought_to_its_level() -> None:
    forecast = PriceSeries(NOON - HOUR, timedelta(minutes=30), (500.0, 400.0, 300.0, 240.0))
    history = told(400.0, 0.0, 0.0, 0.0, 200.0, since=NOON - DAY).noted(NOON, 800.0)
    outlook = history.outlook(NOON + timedelta(minutes=3), forecast)
    assert outlook is not None
    # The sensor counts something else: 800 of it are 300 of the forecast's, and 400 a day ago were as many.
    assert outlook.series.import_price[:6] == pytest.approx((0.3, 0.3, 0.24, 0.24, 0.15, None))
    assert outlook.sources[:6] == (FORECAST, FORECAST, FORECAST, FORECAST, DAY_BEFORE, None)
    assert outlook.source_at(NOON + timedelta(minutes=59)) is FORECAST
    assert outlook.source_at(NOON - timedelta(minutes=1)) is outlook.source_at(NOON + 2 * DAY) is None


def test_a_forecast_alone_is_an_outlook_as_far_as_it_reaches_and_none_once_it_is_over() -> None:
    forecast = PriceSeries(NOON, HOUR, (100.0,) * 36)
    outlook = CarbonHistory().outlook(NOON, forecast)
    assert outlook is not None
    assert outlook.series.import_price == (0.1,) * 144 and set(outlook.sources) == {FORECAST}
    late = CarbonHistory().outlook(NOON + 30 * HOUR, forecast)
    assert late is not None
    assert late.series.end == NOON + 54 * HOUR and late.series.import_price[24:] == (None,) * 72
    assert CarbonHistory().outlook(NOON + 36 * HOUR, forecast) is None


def test_a_grid_without_any_carbon_is_a_forecast_too() -> None:
    forecast = PriceSeries(NOON, HOUR, (0.0, 50.0))
    outlook = told(100.0, since=NOON).outlook(NOON, forecast)
    assert outlook is not None
    assert (outlook.series.import_at(NOON), outlook.source_at(NOON)) == (0.0, FORECAST)


@given(
    st.lists(st.floats(0, 1_000), max_size=120),
    st.lists(st.none() | st.floats(0, 1_000), min_size=1, max_size=60),
    st.integers(-40, 40),
)
def test_what_is_forecast_is_told_unchanged_and_nothing_is_told_without_its_source(
    grams: list[float], hours: list[float | None], begins: int
) -> None:
    now = NOON + DAY
    forecast = PriceSeries(now + begins * HOUR, HOUR, tuple(hours))
    outlook = told(*grams, since=NOON).outlook(now, forecast)
    if outlook is None:
        return
    for number, (value, source) in enumerate(zip(outlook.series.import_price, outlook.sources, strict=True)):
        foretold = forecast.import_at(now + number * QUARTER_HOUR)
        assert (value is None) == (source is None)
        assert (source is FORECAST) == (foretold is not None)
        assert foretold is None or value == pytest.approx(foretold / 1000)
        assert value is None or value >= 0
