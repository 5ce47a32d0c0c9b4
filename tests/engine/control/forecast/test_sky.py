"""The sky of the last hour lasts for a while: clear or covered, the next hours are drawn to it, tomorrow is not."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.control.forecast.base_load import QuarterLoad, learn
from custom_components.smart_charging.engine.control.forecast.forecaster import Forecaster, UsualMemory
from custom_components.smart_charging.engine.control.forecast.pv import SunSlots
from custom_components.smart_charging.engine.control.forecast.series import Forecast
from custom_components.smart_charging.engine.control.forecast.sky import under_present_sky

SLOT = timedelta(minutes=15)
DAY = timedelta(days=1)
NOON = datetime(2026, 6, 21, 12, tzinfo=UTC)


def clear(at: datetime) -> float:
    """Return what the panels bring under a clear sky, in W: nothing before 6 and after 18 h UTC."""
    hour = at.hour + at.minute / 60
    return max(0.0, 5_000.0 * (1 - ((hour - 12) / 6) ** 2))


def past(days: int = 14) -> UsualMemory:
    """Return what was usual where every third day was clear and the others had a third of that."""
    history = [
        QuarterLoad(at, clear(at) * (1.0 if day % 3 == 0 else 1 / 3))
        for day in range(days)
        for at in (NOON - (day + 1) * DAY + number * SLOT for number in range(96))
    ]
    return UsualMemory(None, learn(history, NOON, UTC, other_day=1.0), NOON)


def half_clear(start: datetime = NOON, slots: int = 192) -> Forecast:
    power = tuple(0.5 * clear(start + number * SLOT) for number in range(slots))
    return Forecast(start, power, tuple(0.5 * one for one in power), tuple(2 * one for one in power), power)


def recent(share: float, now: datetime = NOON) -> tuple[float, ...]:
    return tuple(share * clear(now - back * SLOT) for back in (4, 3, 2, 1))


def drawn(share: float, forecast: Forecast | None = None, now: datetime = NOON) -> Forecast:
    usual = past().pv
    assert usual is not None
    return under_present_sky(forecast or half_clear(), usual, recent(share, now), now)


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_the_next_hour_is_like_the_last_one_whatever_was_forecast(share: float) -> None:
    power = drawn(share).mean_w
    assert [power[slot] for slot in range(3)] == pytest.approx(
        [share * clear(NOON + slot * SLOT) for slot in range(3)], rel=0.15, abs=250
    )


def test_after_four_hours_half_of_the_sky_is_gone_and_tomorrow_it_does_not_count() -> None:
    plain, moved = half_clear().mean_w, drawn(1.0).mean_w
    assert moved[16] - plain[16] == pytest.approx(0.5 * (clear(NOON + 16 * SLOT) - plain[16]), rel=0.15)
    assert moved[96] == pytest.approx(plain[96], rel=0.02)


def test_night_stays_night() -> None:
    power = drawn(1.0)
    assert all(high == 0 for number, high in enumerate(power.high_w) if clear(NOON + number * SLOT) == 0)


def test_dawn_says_nothing_of_the_sky() -> None:
    dawn = NOON.replace(hour=6, minute=15)
    assert drawn(0.0, half_clear(dawn), dawn) == half_clear(dawn)


def test_less_than_an_hour_of_measurements_or_a_past_without_sun_changes_nothing() -> None:
    usual = past().pv
    assert usual is not None
    assert under_present_sky(half_clear(), usual, recent(1.0)[1:], NOON) == half_clear()
    dark = learn([QuarterLoad(NOON - DAY, 0.0)], NOON, UTC)
    assert dark is not None
    assert under_present_sky(half_clear(), dark, recent(1.0), NOON) == half_clear()


@given(st.lists(st.floats(0, 20_000), min_size=4, max_size=4), st.integers(0, 95))
def test_whatever_was_measured_the_band_holds_and_no_power_is_negative(watts: list[float], slot: int) -> None:
    now, usual = NOON + slot * SLOT, PAST.pv
    assert usual is not None
    power = under_present_sky(half_clear(now, 96), usual, watts, now)
    assert min(power.low_w) >= 0.0


PAST = past()


def lived(usual: UsualMemory, share: float, *, said: float = 0.5, curtailed: bool = False) -> Forecast:
    """Return the forecast of a site whose panels brought this share of a clear sky in the last two hours."""
    forecaster = Forecaster(UTC)
    forecaster.usual = usual
    begin = NOON - 8 * SLOT
    forecaster.take_said("roof", SunSlots(begin, tuple(said * clear(begin + number * SLOT) for number in range(200))))
    for number in range(8):
        at = begin + number * SLOT
        forecaster.take_power(share * clear(at), None, at)
        forecaster.finish_slot(at + SLOT, curtailed=curtailed)
    forecaster.renew(NOON)
    assert forecaster.pv is not None
    return forecaster.pv


def test_a_site_sees_the_sky_where_its_past_is_known() -> None:
    bright, dull, unknown = lived(past(), 1.0), lived(past(), 0.2), lived(UsualMemory(), 1.0)
    after_two_hours = 8
    assert dull.mean_w[after_two_hours] < 0.6 * bright.mean_w[after_two_hours]
    assert bright.mean_w[after_two_hours] > 1.05 * unknown.mean_w[after_two_hours]


def test_what_a_curtailed_inverter_brings_is_no_measure_of_the_sky() -> None:
    after_two_hours = 8
    held = lived(past(), 0.2, curtailed=True).mean_w[after_two_hours]
    assert held > 1.5 * lived(past(), 0.2).mean_w[after_two_hours]


def test_the_days_to_come_lie_between_what_is_said_and_what_is_usual() -> None:
    tomorrow, usual = 96, past().pv
    assert usual is not None
    mean_w = usual.forecast(NOON + DAY, 1, UTC).mean_w[0]
    assert mean_w < lived(past(), 0.9, said=0.9).mean_w[tomorrow] < 0.9 * clear(NOON)
