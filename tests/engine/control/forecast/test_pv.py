"""What providers say of the sun becomes slots: in whatever form, without losing energy, and nothing at night."""

from datetime import UTC, datetime, timedelta
from typing import Any

from astral import Observer
from astral.sun import elevation
from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.control.forecast.pv import SunInterval, SunSlots, into_slots, summed
from custom_components.smart_charging.engine.control.forecast.pv_formats import (
    UnknownForm,
    from_attributes,
    from_energies,
    from_list,
    from_powers,
)
from custom_components.smart_charging.engine.control.forecast.sun import Place, is_night, sun_height

NOON = datetime(2026, 6, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SLOT = timedelta(minutes=15)
LYON = Place(45.76, 4.84)


def energy_wh(slots: SunSlots | None) -> float:
    assert slots is not None
    return sum(slots.power_w) / 4


def test_an_hours_energy_becomes_four_quarters() -> None:
    slots = into_slots(from_energies({"2026-06-21T12:00:00+00:00": 800, "2026-06-21T13:00:00+00:00": 400}))
    assert slots == SunSlots(NOON, (800, 800, 800, 800, 400, 400, 400, 400))


def test_half_hours_keep_their_band() -> None:
    solcast = [
        {"period_start": "2026-06-21T12:00:00Z", "pv_estimate": 2.0, "pv_estimate10": 1.0, "pv_estimate90": 3.0},
        {"period_start": NOON + HOUR / 2, "pv_estimate": 4.0, "pv_estimate10": 3.5, "pv_estimate90": 4.5},
    ]
    slots = into_slots(from_attributes({"detailedForecast": solcast}))
    assert slots == SunSlots(NOON, (2000, 2000, 4000, 4000), (1000, 1000, 3500, 3500), (3000, 3000, 4500, 4500))
    forecast = slots.forecast()
    assert (forecast.low_w, forecast.mean_w, forecast.high_w) == (slots.low_w, slots.power_w, slots.high_w)


def test_a_band_that_misses_its_own_estimate_is_widened_to_it() -> None:
    solcast = [{"period_start": NOON, "pv_estimate": 2.0, "pv_estimate10": 2.5, "pv_estimate90": 1.0}]
    slots = into_slots(from_list(solcast))
    assert slots is not None
    assert (slots.low_w[0], slots.high_w[0]) == (2000, 2000)


@pytest.mark.parametrize(
    "attributes",
    [
        {"watts": {"2026-06-21T12:00:00+00:00": 1000, "2026-06-21T12:15:00+00:00": 1400}},
        {"wh_period": {"2026-06-21T12:00:00+00:00": 250, "2026-06-21T12:15:00+00:00": 350}, "watts": {}},
        {"forecast": [{"datetime": NOON, "watts": 1000}, {"datetime": NOON + SLOT, "watts": 1400}]},
        {"forecasts": [{"time": "2026-06-21T14:00:00+02:00", "wh": 250}, {"time": NOON + SLOT, "wh": 350}]},
    ],
)
def test_each_known_form_says_the_same(attributes: dict[str, Any]) -> None:
    assert into_slots(from_attributes(attributes)) == SunSlots(NOON, (1000, 1400))


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"watts": 3},
        {"forecast": "sunny"},
        {"forecast": [3]},
        {"forecast": [{"watts": 3}]},
        {"forecast": [{"time": NOON}]},
        {"forecast": [{"time": "noon", "watts": 3}]},
        {"forecast": [{"time": 12, "watts": 3}]},
        {"forecast": [{"time": "2026-06-21T12:00:00", "watts": 3}]},
        {"forecast": [{"time": NOON, "watts": "3"}]},
        {"forecast": [{"time": NOON, "watts": True}]},
        {"forecast": [{"time": NOON, "watts": float("nan")}]},
        {"forecast": [{"time": NOON, "watts": 1e12}]},
        {"forecast": [{"time": NOON, "watts": 1}] * 2000},
        {"watts": {str(NOON + n * SLOT): 1 for n in range(2000)}},
    ],
)
def test_what_is_no_forecast_is_refused(attributes: dict[str, Any]) -> None:
    with pytest.raises(UnknownForm):
        from_attributes(attributes)


def test_energies_in_something_else_than_a_mapping_are_refused() -> None:
    with pytest.raises(UnknownForm):
        from_energies([1, 2])
    with pytest.raises(UnknownForm):
        from_powers(None)


def test_the_first_period_may_begin_with_the_sun() -> None:
    slots = into_slots(from_energies({"2026-06-21T04:40:30+00:00": 10, "2026-06-21T05:00:00+00:00": 100}))
    assert slots is not None
    assert slots.start == datetime(2026, 6, 21, 4, 30, tzinfo=UTC)
    assert energy_wh(slots) == pytest.approx(110)
    assert slots.power_w[0] < slots.power_w[1]


@given(
    st.lists(st.tuples(st.integers(0, 600), st.integers(1, 180), st.floats(0, 1e5)), min_size=1, max_size=8),
)
def test_no_energy_is_lost_or_made(parts: list[tuple[int, int, float]]) -> None:
    minute = timedelta(minutes=1)
    intervals = [SunInterval(NOON + a * minute, NOON + (a + length) * minute, power) for a, length, power in parts]
    said = sum(one.power_w * ((one.end - one.start) / HOUR) for one in intervals)
    assert energy_wh(into_slots(intervals)) == pytest.approx(said)


@given(st.integers(0, 23), st.floats(1, 1e4))
def test_an_hour_with_a_sunrise_in_it_keeps_its_energy_and_its_dark_part_gets_none(hour: int, power: float) -> None:
    start = datetime(2026, 3, 3, hour, tzinfo=UTC)
    slots = into_slots([SunInterval(start, start + HOUR, power)], LYON)
    assert slots is not None
    dark = [is_night(LYON, start + number * SLOT) for number in range(4)]
    assert all(w == 0 for w, night in zip(slots.power_w, dark, strict=True) if night)
    assert energy_wh(slots) == pytest.approx(0 if all(dark) else power)


def test_nothing_is_produced_at_night_whatever_was_said() -> None:
    midnight = datetime(2026, 6, 21, 0, tzinfo=UTC)
    assert into_slots([SunInterval(midnight, midnight + HOUR, 500)], LYON) == SunSlots(midnight, (0, 0, 0, 0))


def test_a_negative_estimate_counts_as_none() -> None:
    assert into_slots([SunInterval(NOON, NOON + SLOT, -1.5)]) == SunSlots(NOON, (0,))


def test_without_intervals_there_are_no_slots() -> None:
    assert into_slots([]) is None
    assert summed([]) is None


def test_intervals_that_run_backwards_or_too_far_are_refused() -> None:
    for end in (NOON, NOON + timedelta(days=15)):
        with pytest.raises(ValueError):
            into_slots([SunInterval(NOON, end, 1)])


def test_two_roofs_are_added_over_the_time_that_both_are_known_for() -> None:
    east = SunSlots(NOON, (100, 200, 300), (50, 100, 150), (150, 300, 450))
    west = SunSlots(NOON + SLOT, (10, 20, 30), (5, 10, 15), (15, 30, 45))
    assert summed([east, west]) == SunSlots(NOON + SLOT, (210, 320), (105, 160), (315, 480))
    assert summed([east, SunSlots(NOON, (1, 2, 3))]) == SunSlots(NOON, (101, 202, 303))
    assert summed([east, SunSlots(NOON + HOUR, (1,))]) is None


def test_a_band_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError):
        SunSlots(NOON, (1, 2), (1,), (2,))


def test_beyond_its_end_a_forecast_repeats_its_last_day() -> None:
    day = SunSlots(NOON, tuple(float(number) for number in range(96)))
    longer = day.prolonged(NOON + timedelta(days=1, hours=1))
    assert longer.power_w == (*day.power_w, 0, 1, 2, 3)
    assert longer.end == NOON + timedelta(hours=25)
    assert day.prolonged(NOON) == day
    assert SunSlots(NOON, (5.0,)).prolonged(NOON + SLOT * 2).power_w == (5.0, 0.0)


@given(
    st.floats(-65, 65),
    st.floats(-180, 180),
    st.datetimes(datetime(2020, 1, 1), datetime(2045, 1, 1), timezones=st.just(UTC)),
)
def test_the_sun_stands_where_astral_says(latitude: float, longitude: float, at: datetime) -> None:
    known = elevation(Observer(latitude, longitude), at, with_refraction=False)
    assert sun_height(Place(latitude, longitude), at) == pytest.approx(known, abs=0.5)


def test_a_moment_outside_of_the_slots_has_no_power() -> None:
    slots = SunSlots(NOON, (1, 2))
    assert [slots.power_at(NOON + number * SLOT) for number in (-1, 0, 1, 2)] == [None, 1, 2, None]
