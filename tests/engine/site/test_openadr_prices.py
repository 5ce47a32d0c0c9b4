"""Prices and CO2 that an OpenADR server announces, in steps that a site reckons with."""

from datetime import timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.control.prices.sources import UnreadablePrices
from custom_components.smart_charging.engine.grid.openadr_values import HORIZON, Series, SeriesKind
from custom_components.smart_charging.engine.openadr_prices import prices_of_series
from tests.manual_clock import START

HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)


def series(*values: float, step: timedelta = HOUR, start: timedelta = timedelta(), **more: object) -> Series:
    made = {"kind": SeriesKind.PRICE, "start": START + start, "step": step, "values": values, "event_id": "e"} | more
    return Series(**made)  # type: ignore[arg-type]  # fields by name


def read(*announced: Series, kind: SeriesKind = SeriesKind.PRICE, later: timedelta = timedelta()) -> list[object]:
    told = prices_of_series(announced, kind, "EUR", START + later).series
    return [told.start, told.step, *told.import_price]


def test_values_become_prices_as_they_are() -> None:
    assert read(series(0.1, -0.2, 0.3, currency="EUR")) == [START, HOUR, 0.1, -0.2, 0.3]


def test_an_earlier_series_goes_before_a_later_one() -> None:
    assert read(series(0.5, start=HOUR), series(0.1, 0.2, 0.3)) == [START, HOUR, 0.1, 0.5, 0.3]


def test_only_what_is_of_the_kind_counts() -> None:
    both = series(0.1), series(250.0, kind=SeriesKind.GHG, currency="USD")
    assert read(*both) == [START, HOUR, 0.1]
    assert read(*both, kind=SeriesKind.GHG) == [START, HOUR, 250.0]
    with pytest.raises(UnreadablePrices, match="announces none"):
        read(*both, kind=SeriesKind.EXPORT_PRICE)


def test_another_currency_is_refused() -> None:
    with pytest.raises(UnreadablePrices, match="USD where Home Assistant counts in EUR"):
        read(series(0.1), series(0.1, currency="USD"))


def test_what_is_over_is_left_out_and_what_is_far_off_is_cut() -> None:
    assert read(series(0.1, 0.2, 0.3), later=90 * timedelta(minutes=1)) == [START + HOUR, HOUR, 0.2, 0.3]
    told = prices_of_series([series(0.1, step=timedelta(days=30))], SeriesKind.PRICE, "EUR", START).series
    assert (told.start, told.end) == (START, START + HORIZON)


def test_five_minutes_become_means_of_quarter_hours() -> None:
    assert read(series(0.1, 0.2, 0.3, 0.6, 0.6, 0.6, step=timedelta(minutes=5))) == [
        START, QUARTER, pytest.approx(0.2), pytest.approx(0.6),
    ]  # fmt: skip


def test_hours_that_begin_by_chance_become_means_too() -> None:
    odd = series(0.1, 0.4, start=timedelta(minutes=5))
    assert read(odd)[:3] == [START, QUARTER, pytest.approx(0.1)]
    assert read(odd)[6] == pytest.approx((5 * 0.1 + 10 * 0.4) / 15)


def test_days_that_begin_by_chance_fit_no_market() -> None:
    with pytest.raises(UnreadablePrices, match="more than an hour"):
        read(series(0.1, step=timedelta(days=1), start=timedelta(minutes=5)))


@given(
    st.lists(st.floats(-10, 10), min_size=1, max_size=50),
    st.sampled_from([1, 5, 15, 30, 60, 240, 1440]),
    st.integers(-600, 600),
)
def test_a_price_is_one_that_was_announced_or_between_them(values: list[float], minutes: int, off: int) -> None:
    one = series(*values, step=timedelta(minutes=minutes), start=timedelta(minutes=off))
    try:
        told = prices_of_series([one], SeriesKind.PRICE, "EUR", START).series
    except UnreadablePrices:
        return
    assert told.end > START
    assert all(min(values) - 1e-9 <= price <= max(values) + 1e-9 for price in told.import_price if price is not None)
