"""The grid's CO2 as it was a day ago stands in for what nobody forecasts."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.control.prices.carbon import CarbonHistory
from custom_components.smart_charging.engine.control.prices.series import QUARTER_HOUR

NOON = datetime(2026, 6, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


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
    assert (outlook.start, outlook.end) == (NOON, NOON + DAY)
    assert outlook.import_price[:4] == pytest.approx((0.2, 0.1, 0.05, None))


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
    assert outlook is not None and len(outlook.import_price) == 96
    assert all(value is None or value >= 0 for value in outlook.import_price)
