"""From what was seen to parts of what a meter counted, with what they cost."""

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.control.origin_count import (
    Rates,
    Seen,
    settled,
    settled_slots,
    with_interval,
)
from custom_components.smart_charging.engine.control.source_split import PowerSplit
from custom_components.smart_charging.engine.energy_origin import SLOT, EnergyOrigin, OriginSlot
from tests.manual_clock import START

WATTS = st.floats(0, 50_000)
SPLITS = st.builds(PowerSplit, WATTS, WATTS, WATTS, WATTS)
RATES = st.builds(Rates, st.none() | st.floats(-1, 2), st.none() | st.floats(-1, 2), st.none() | st.floats(0, 1000))
INTERVALS = st.lists(st.tuples(SPLITS, st.floats(0, 0.02), RATES), max_size=8)


def seen(*intervals: tuple[PowerSplit, float, Rates], gap: bool = False) -> Seen:
    found = Seen(gap=gap)
    for number, (split, hours, rates) in enumerate(intervals):
        found = with_interval(found, split, hours, rates, START + number // 2 * SLOT)
    return found


def test_what_was_seen_is_scaled_to_what_the_meter_counted() -> None:
    half = seen((PowerSplit(solar_w=3000), 0.5, Rates()), (PowerSplit(grid_w=1000), 0.5, Rates()))
    origin = settled(half, 4000)
    assert (origin.solar_wh, origin.grid_wh, origin.known_wh) == (3000, 1000, 4000)


def test_what_was_unknown_of_it_stays_unknown() -> None:
    origin = settled(seen((PowerSplit(grid_w=1500, unknown_w=500), 1.0, Rates())), 4000)
    assert (origin.grid_wh, origin.known_wh) == (3000, 3000)


def test_after_a_gap_what_the_meter_counted_beyond_what_was_seen_is_unknown() -> None:
    origin = settled(seen((PowerSplit(solar_w=1000), 1.0, Rates()), gap=True), 5000)
    assert (origin.solar_wh, origin.known_wh) == (1000, 1000)


def test_what_nobody_saw_is_unknown() -> None:
    assert settled(Seen(), 5000) == EnergyOrigin()


def test_sun_and_batteries_cost_what_they_would_have_earned_and_the_grid_its_price() -> None:
    split = PowerSplit(solar_w=2000, battery_w=1000, grid_w=1000)
    origin = settled(seen((split, 1.0, Rates(0.4, 0.08, 300.0))), 4000)
    assert origin.cost == pytest.approx(3 * 0.08 + 1 * 0.4)
    assert origin.price == pytest.approx(0.64 / 4)
    assert origin.co2_g == pytest.approx(300)
    assert origin.co2_g_per_kwh == pytest.approx(75)


def test_without_a_feed_in_price_the_sun_costs_nothing() -> None:
    origin = settled(seen((PowerSplit(solar_w=1000, grid_w=1000), 1.0, Rates(0.3))), 2000)
    assert (origin.cost, origin.priced_wh) == (pytest.approx(0.3), 2000)


def test_an_average_price_is_that_of_the_energy_whose_price_is_known() -> None:
    grid = PowerSplit(grid_w=1000)
    origin = settled(seen((grid, 1.0, Rates(0.2)), (grid, 1.0, Rates())), 2000)
    assert (origin.cost, origin.priced_wh, origin.price) == (pytest.approx(0.2), 1000, pytest.approx(0.2))


def test_without_prices_or_co2_there_is_nothing_to_say() -> None:
    origin = settled(seen((PowerSplit(grid_w=1000), 1.0, Rates(feed_in_price=0.1))), 1000)
    assert (origin.price, origin.co2_g_per_kwh) == (None, None)


@given(INTERVALS, st.booleans(), st.floats(0, 100_000))
def test_the_known_parts_never_exceed_what_the_meter_counted(
    intervals: list[tuple[PowerSplit, float, Rates]], gap: bool, metered_wh: float
) -> None:
    origin = settled(seen(*intervals, gap=gap), metered_wh)
    assert min(origin.solar_wh, origin.battery_wh, origin.grid_wh, origin.priced_wh, origin.co2_known_wh) >= 0
    for part in (origin.known_wh, origin.priced_wh, origin.co2_known_wh):
        assert part <= metered_wh * (1 + 1e-9)


@given(INTERVALS, st.floats(1, 100_000))
def test_where_everything_was_seen_and_known_the_parts_sum_to_the_meter(
    intervals: list[tuple[PowerSplit, float, Rates]], metered_wh: float
) -> None:
    known = [
        (PowerSplit(one.solar_w, one.battery_w, one.grid_w + 1.0), hours + 0.001, r) for one, hours, r in intervals
    ]
    assert settled(seen(*known), metered_wh).known_wh == pytest.approx(metered_wh if known else 0.0)


@given(st.builds(EnergyOrigin, *[st.floats(0, 50_000)] * 7), st.floats(0, 100_000))
def test_parts_fit_into_a_count_that_was_corrected(origin: EnergyOrigin, energy_wh: float) -> None:
    within = origin.within(energy_wh)
    assert within.known_wh <= energy_wh * (1 + 1e-9) + 1e-9  # floats near 0 have few digits
    assert within == origin or within.known_wh == pytest.approx(energy_wh)


def test_each_quarter_hour_has_its_share_of_what_the_meter_counted() -> None:
    sun, grid = (PowerSplit(solar_w=2000), 0.1, Rates()), (PowerSplit(grid_w=1000), 0.1, Rates())
    found = seen(sun, grid, grid, (PowerSplit(unknown_w=1000), 0.1, Rates()))
    assert settled_slots(found, 1000) == (OriginSlot(START, 400, 0, 200), OriginSlot(START + SLOT, 0, 0, 200))
    assert settled_slots(found, 0) == ()
    assert settled_slots(seen((PowerSplit(unknown_w=1000), 0.1, Rates())), 100) == ()
