"""A forecast is looked up, cut, continued and drawn to what is measured."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.control.forecast.blend import blended
from custom_components.smart_charging.engine.control.forecast.series import Forecast, slot_start
from custom_components.smart_charging.engine.control.forecast.slot_mean import SlotMean

NOON = datetime(2026, 6, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SLOT = 15 * MINUTE


def flat(*powers: float, start: datetime = NOON) -> Forecast:
    return Forecast(start, powers, powers, powers, powers)


def test_a_forecast_refuses_what_cannot_be_looked_up() -> None:
    with pytest.raises(ValueError, match="quarter"):
        flat(1, start=NOON + MINUTE)
    with pytest.raises(ValueError, match="zone"):
        flat(1, start=NOON.replace(tzinfo=None))
    with pytest.raises(ValueError, match="each slot"):
        Forecast(NOON, (1,), (1,), (1,), ())
    with pytest.raises(ValueError, match="band"):
        Forecast(NOON, (1,), (2,), (3,), (1,))


def test_a_slot_begins_on_the_quarter_before_in_any_zone() -> None:
    nepal = timezone(timedelta(hours=5, minutes=45))
    assert slot_start((NOON + 29 * MINUTE).astimezone(nepal)) == NOON + SLOT


def test_energy_counts_parts_of_slots_and_nothing_outside() -> None:
    forecast = flat(400, 800)
    assert forecast.energy_wh(NOON, NOON + 2 * SLOT) == 300
    assert forecast.energy_wh(NOON + SLOT / 3, NOON + SLOT) == pytest.approx(400 / 6)
    assert forecast.energy_wh(NOON + SLOT, NOON + timedelta(days=1)) == 200
    assert forecast.energy_wh(NOON + 2 * SLOT, NOON) == 0


def test_a_window_is_cut_out_or_is_not_there() -> None:
    forecast = flat(1, 2, 3, 4)
    assert forecast.window(NOON + 20 * MINUTE, 2) == flat(2, 3, start=NOON + SLOT)
    assert forecast.window(NOON + 3 * SLOT, 9) == flat(4, start=NOON + 3 * SLOT)
    with pytest.raises(ValueError):
        forecast.window(NOON - MINUTE, 2)


def test_a_measurement_counts_less_with_each_slot() -> None:
    drawn = blended(flat(100, 100, 100, 100, 100), 200, NOON, half_life_slots=2)
    assert drawn.median_w == pytest.approx((180, 100 + 80 / 2**0.5, 140, 100 + 40 / 2**0.5, 120))


def test_a_measurement_outside_of_the_forecast_changes_nothing() -> None:
    assert blended(flat(100), 200, NOON + SLOT) == flat(100)


def test_night_stays_night_and_no_power_falls_below_zero() -> None:
    forecast = Forecast(NOON, (100, 50, 0), (80, 40, 0), (120, 60, 0), (100, 50, 0))
    assert blended(forecast, 500, NOON).high_w[2] == 0
    assert blended(forecast, 0, NOON).median_w == pytest.approx((20, 0, 0))


@given(
    st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0, 1e4)), min_size=1, max_size=9),
    st.floats(0, 1e5),
    st.integers(-2, 10),
)
def test_a_blend_never_leaves_its_band(bands: list[tuple[float, float, float]], measured: float, at: int) -> None:
    low, median, high = zip(*(sorted(band) for band in bands), strict=True)
    drawn = blended(Forecast(NOON, median, low, high, median), measured, NOON + at * SLOT)
    assert all(power >= 0 for power in drawn.low_w)


def test_the_mean_of_a_slot_weighs_each_value_by_its_time() -> None:
    mean = SlotMean()
    mean.take(100, NOON)
    mean.take(400, NOON + 10 * MINUTE)
    assert mean.finish(NOON + SLOT) == pytest.approx(200)
    assert mean.finish(NOON + 2 * SLOT) == pytest.approx(400)


def test_a_slot_of_which_too_little_is_known_has_no_mean() -> None:
    mean = SlotMean()
    assert mean.finish(NOON) is None
    mean.take(100, NOON)
    mean.take(None, NOON + 11 * MINUTE)
    assert mean.finish(NOON + SLOT) is None
    mean.take(100, NOON + SLOT + MINUTE)
    assert mean.finish(NOON + 2 * SLOT) == pytest.approx(100)


def test_a_clock_that_is_set_back_counts_no_time() -> None:
    mean = SlotMean()
    mean.take(100, NOON)
    mean.take(100, NOON - 5 * MINUTE)
    assert mean.finish(NOON + 8 * MINUTE) == pytest.approx(100)
