"""Time-of-use tariffs: the level of each moment, in the site's time zone."""

from datetime import UTC, date, datetime, time, timedelta
from math import nan
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.control.prices.series import QUARTER_HOUR
from custom_components.smart_charging.engine.control.prices.time_of_use import Rule, TimeOfUse

BERLIN = ZoneInfo("Europe/Berlin")
PRICES = {"default": 0.3, "night": 0.2, "peak": 0.4}
WORKDAYS = frozenset(range(5))
NIGHT = Rule("night", begin=time(22), end=time(6))
TARIFF = TimeOfUse(
    PRICES,
    (
        Rule("night", weekdays=frozenset({5, 6})),
        Rule("peak", ((11, 1), (2, 28)), WORKDAYS, time(17), time(20, 15)),
        NIGHT,
    ),
    holidays=frozenset({date(2026, 4, 6)}),
    yearly_holidays=frozenset({(12, 25)}),
)


def level(day: str, clock: str, tariff: TimeOfUse = TARIFF) -> str:
    """Return the level at a local time."""
    return tariff.level_at(datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=BERLIN), BERLIN)


@pytest.mark.parametrize(
    ("day", "clock", "expected"),
    [
        ("2026-06-01", "12:00", "default"),
        ("2026-06-01", "22:00", "night"),
        ("2026-06-02", "05:59", "night"),
        ("2026-06-02", "06:00", "default"),
        ("2026-06-06", "12:00", "night"),  # a Saturday
        ("2026-01-07", "17:00", "peak"),
        ("2026-01-07", "20:00", "peak"),
        ("2026-01-07", "20:15", "default"),
        ("2026-10-30", "17:00", "default"),  # the day before the season
        ("2026-11-02", "17:00", "peak"),
        ("2026-02-27", "17:00", "peak"),
        ("2026-03-02", "17:00", "default"),
        ("2026-01-10", "17:00", "night"),  # the first rule counts
        ("2026-04-06", "12:00", "night"),  # Easter Monday
        ("2026-12-25", "18:00", "night"),
        ("2030-12-25", "18:00", "night"),
    ],
)
def test_the_level_of_a_moment(day: str, clock: str, expected: str) -> None:
    assert level(day, clock) == expected


def test_a_season_within_a_year_ends_with_its_last_day() -> None:
    summer = TimeOfUse(PRICES, (Rule("night", ((6, 1), (8, 31))),))
    days = ["2026-05-31", "2026-06-01", "2026-08-31", "2026-09-01"]
    assert [level(day, "12:00", summer) for day in days] == ["default", "night", "night", "default"]


@pytest.mark.parametrize(("day", "steps", "nights"), [("2026-03-29", 92, 28), ("2026-10-25", 100, 36)])
def test_a_night_is_an_hour_shorter_in_spring_and_longer_in_autumn(day: str, steps: int, nights: int) -> None:
    midnight = datetime.fromisoformat(day).replace(tzinfo=BERLIN)
    series = TimeOfUse(PRICES, (NIGHT,)).series(midnight, midnight + timedelta(days=1), BERLIN)
    assert (len(series.import_price), series.import_price.count(0.2)) == (steps, nights)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)), st.integers(1, 400))
def test_a_series_has_the_level_of_each_of_its_steps(moment: datetime, count: int) -> None:
    start = moment.replace(tzinfo=UTC, minute=moment.minute // 15 * 15, second=0, microsecond=0)
    series = TARIFF.series(start, start + count * QUARTER_HOUR, BERLIN)
    assert (series.step, len(series.import_price)) == (QUARTER_HOUR, count)
    for number, price in enumerate(series.import_price):
        assert price == PRICES[TARIFF.level_at(start + number * QUARTER_HOUR, BERLIN)]


def test_a_series_needs_a_span() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for end in (start, start - timedelta(hours=1), start + timedelta(days=15)):
        with pytest.raises(ValueError, match="two weeks"):
            TARIFF.series(start, end, BERLIN)


def test_a_table_with_gaps_is_refused() -> None:
    with pytest.raises(ValueError, match="default"):
        TimeOfUse({"night": 0.2})
    with pytest.raises(ValueError, match="no price for peak"):
        TimeOfUse({"default": 0.2}, (Rule("peak"),))
    with pytest.raises(ValueError, match="number"):
        TimeOfUse({"default": nan})


def test_rules_that_no_calendar_or_meter_has_are_refused() -> None:
    with pytest.raises(ValueError, match="day"):
        Rule("night", ((2, 30), (3, 1)))
    with pytest.raises(ValueError, match="weekdays"):
        Rule("night", weekdays=frozenset({7}))
    with pytest.raises(ValueError, match="weekdays"):
        Rule("night", weekdays=frozenset())
    with pytest.raises(ValueError, match="quarter"):
        Rule("night", begin=time(22, 10))
