"""A provider's habit of erring is learnt, within bounds; how far it still errs becomes the band."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.control.forecast.errors import ForecastErrors
from custom_components.smart_charging.engine.control.forecast.pv import SunSlots
from custom_components.smart_charging.engine.control.forecast.pv_correction import PvCorrection
from custom_components.smart_charging.engine.control.forecast.series import Forecast
from custom_components.smart_charging.engine.recorded_json import Decoder, Encoder, RecordedJsonError

from .home_excerpt import APRIL, SLOT, series

DAY = timedelta(days=1)
NOON = datetime(2026, 6, 21, 12, tzinfo=UTC)


def taught(days: int, ratio: float, forecast_w: float = 1000.0, hour: int = 12) -> PvCorrection:
    """Return what is known after days on which the same came at one hour, where the provider said the same."""
    known = PvCorrection()
    for day in range(days):
        for quarter in range(4):
            start = NOON.replace(hour=hour) + day * DAY + quarter * SLOT
            known = known.learnt(start, forecast_w, ratio * forecast_w)
    return known


def test_at_first_the_provider_is_right() -> None:
    assert PvCorrection().corrected(NOON, 1234) == 1234


@pytest.mark.parametrize("ratio", [0.5, 0.8, 1.5, 2.0])
def test_a_provider_that_always_errs_by_the_same_is_put_right_within_a_week(ratio: float) -> None:
    assert taught(7, ratio).corrected(NOON, 1000) == pytest.approx(1000 * ratio, rel=0.1)


def test_a_shadow_of_one_hour_stays_with_that_hour() -> None:
    known = taught(14, 1.0)
    for day in range(14):
        for quarter in range(4):
            known = known.learnt(NOON.replace(hour=8) + day * DAY + quarter * SLOT, 1000, 300)
    assert known.corrected(NOON.replace(hour=8), 1000) == pytest.approx(300, rel=0.15)
    assert known.corrected(NOON, 1000) == pytest.approx(1000, rel=0.1)


def test_what_is_learnt_of_all_hours_helps_one_that_is_new() -> None:
    known = taught(14, 2.0)
    assert 1500 < known.corrected(NOON.replace(hour=15), 1000) <= 2000


def test_an_offset_is_learnt_where_the_provider_sees_clouds_too_dark() -> None:
    known = PvCorrection()
    for day in range(28):
        forecast_w = 300.0 if day % 2 else 2000.0
        for quarter in range(4):
            known = known.learnt(NOON + day * DAY + quarter * SLOT, forecast_w, 500 + 0.8 * forecast_w)
    assert known.corrected(NOON, 300) == pytest.approx(740, rel=0.15)
    assert known.corrected(NOON, 2000) == pytest.approx(2100, rel=0.1)


def test_one_wild_quarter_moves_little() -> None:
    known = taught(10, 1.0)
    before = known.corrected(NOON, 1000)
    assert known.learnt(NOON, 1000, 1e6).corrected(NOON, 1000) < 1.35 * before


def test_night_teaches_and_changes_nothing() -> None:
    known = taught(3, 2.0)
    assert known.learnt(NOON, 0, 0) == known
    assert known.corrected(NOON, 0) == 0


@given(
    st.lists(st.tuples(st.integers(0, 23), st.floats(0, 1e4), st.floats(0, 1e5)), max_size=60),
    st.integers(0, 23),
    st.floats(0, 1e4),
)
def test_whatever_was_seen_a_correction_stays_between_zero_and_the_highest_ever(
    seen: list[tuple[int, float, float]], hour: int, forecast_w: float
) -> None:
    known = PvCorrection()
    for at, said, measured in seen:
        known = known.learnt(NOON.replace(hour=at), said, measured)
    assert 0 <= known.corrected(NOON.replace(hour=hour), forecast_w) <= max(known.peak_w, forecast_w)


def test_a_band_is_moved_with_its_estimate() -> None:
    said = SunSlots(NOON, (1000.0,), (500.0,), (1500.0,))
    moved = taught(14, 2.0).applied(said).forecast()
    assert moved.low_w[0] < moved.median_w[0] < moved.high_w[0]
    assert moved.median_w[0] == pytest.approx(2000, rel=0.1)


def test_what_was_learnt_survives_being_kept() -> None:
    known = taught(3, 1.5)
    assert Decoder().decode(PvCorrection, Encoder().encode(known), "") == known
    errors = ForecastErrors().noted(Forecast(NOON, (100.0,) * 9, (0.0,) * 9, (200.0,) * 9, (100.0,) * 9), NOON)
    errors = errors.compared(NOON + SLOT, 90.0)
    assert Decoder().decode(ForecastErrors, Encoder().encode(errors), "") == errors


def test_errors_of_other_horizons_are_not_taken_up() -> None:
    with pytest.raises(RecordedJsonError):
        Decoder().decode(ForecastErrors, {"seen": [], "waiting": []}, "")


def day_ahead(start: datetime, said: dict[datetime, float], known: PvCorrection) -> Forecast:
    slots = SunSlots(start, tuple(max(0.0, said.get(start + number * SLOT, 0.0)) for number in range(96)))
    return known.applied(slots).forecast()


def test_on_a_real_roof_the_bias_of_the_day_ahead_shrinks_and_so_does_the_error() -> None:
    measured, said = series("pv_w"), series("pv_forecast_w")
    known, raw, corrected = PvCorrection(), [], []
    for day in APRIL:
        forecast = day_ahead(day, said, known)
        for number, power in enumerate(forecast.median_w):
            start = day + number * SLOT
            if start not in measured or start not in said:
                continue
            if day >= APRIL[3]:
                raw.append(said[start] - measured[start])
                corrected.append(power - measured[start])
            known = known.learnt(start, said[start], measured[start])
    assert abs(sum(corrected)) < 0.5 * abs(sum(raw))
    assert sum(map(abs, corrected)) < 0.9 * sum(map(abs, raw))


def test_past_errors_become_the_band_by_how_far_ahead_a_slot_is() -> None:
    forecast = Forecast(NOON, (1000.0,) * 96, (1000.0,) * 96, (1000.0,) * 96, (1000.0,) * 96)
    errors = ForecastErrors()
    now = NOON
    for number in range(150):
        shifted = Forecast(now, *(forecast.mean_w,) * 4)
        errors = errors.noted(shifted, now)
        now += SLOT
        # Noise of a quarter each way for those made just before; the others came out the same.
        errors = errors.compared(now, 1000.0 + 550.0 * ((number % 11) - 5) / 5)
    banded = errors.banded(Forecast(now, *(forecast.mean_w,) * 4), now)
    assert banded.low_w[1] == pytest.approx(560, abs=60)
    assert banded.high_w[1] == pytest.approx(1440, abs=60)


def test_before_anything_was_seen_the_band_is_a_wide_guess() -> None:
    forecast = Forecast(NOON, (1000.0, 0.0), (1000.0, 0.0), (1000.0, 0.0), (1000.0, 0.0))
    banded = ForecastErrors().banded(forecast, NOON)
    assert banded.low_w[0] < 500
    assert banded.high_w[0] > 1500
    assert (banded.low_w[1], banded.high_w[1]) == (0, 0)


def test_what_was_not_measured_is_forgotten_and_waiting_is_bounded() -> None:
    forecast = Forecast(NOON, (1000.0,) * 200, (1000.0,) * 200, (1000.0,) * 200, (1000.0,) * 200)
    errors = ForecastErrors()
    for _ in range(300):
        errors = errors.noted(forecast, NOON)
    assert len(errors.waiting) == 234
    assert errors.compared(NOON + 100 * SLOT, None).waiting == ()
    assert errors.compared(NOON + 100 * SLOT, None).seen == ((), (), (), ())


def test_the_horizon_of_a_forecast_without_slots_notes_nothing() -> None:
    assert ForecastErrors().noted(Forecast(NOON, (), (), (), ()), NOON) == ForecastErrors()
