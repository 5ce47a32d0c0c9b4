"""Energy from registers that lie, by example and by property."""

from datetime import datetime, timedelta
from itertools import accumulate, pairwise

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.energy_count import (
    MAX_POWER_W,
    STEP_WH,
    EnergyCount,
    advance,
    begin,
    outlet_register_wh,
    settle,
)
from custom_components.smart_charging.engine.ledger.encoding import decode_count, dump_json, encode_count
from custom_components.smart_charging.engine.model import Measurand, SampledValue

from .builders import T0, after

INTERVAL_S = 10
FULL_STEP_WH = MAX_POWER_W * INTERVAL_S / 3600


def read(meter_start: float, *registers: float, every_s: float = INTERVAL_S) -> EnergyCount:
    count = begin(meter_start, T0)
    for index, value in enumerate(registers, start=1):
        count = advance(count, value, after(index * every_s))
    return count


def test_energy_is_what_the_register_gained() -> None:
    assert read(1000, 1050, 1100, 1100, 1150).energy_wh == 150


def test_a_register_in_whole_kwh_is_counted_at_its_steps() -> None:
    assert read(5000, 5000, 6000, 6000, 7000).energy_wh == 2000


@pytest.mark.parametrize("glitch", [0, 3, 1_000_000, 99_999_999, 200])
def test_a_single_outlier_changes_nothing(glitch: float) -> None:
    assert read(5000, 5050, glitch, 5100, 5150).energy_wh == 150


@pytest.mark.parametrize("glitch", [float("nan"), float("inf"), -1.0])
def test_what_no_register_can_read_is_ignored(glitch: float) -> None:
    assert read(5000, 5050, glitch, 5100).energy_wh == 100


def test_a_clock_that_was_set_meanwhile_explains_no_jump() -> None:
    count = advance(begin(0, datetime(1970, 1, 1, tzinfo=T0.tzinfo)), 500_000_000, T0)
    assert count.energy_wh == 0
    assert advance(count, 500_000_100, after(INTERVAL_S)).energy_wh == 100


def test_an_outlier_that_was_not_recognised_is_made_good_as_charging_goes_on() -> None:
    count = read(1000, 1100, 2100, 1150, 1200)
    assert count.energy_wh == 1100  # shown once, it is not taken back
    assert read(1000, 1100, 2100, 1150, 1200, 1300, 2050, 2150).energy_wh == 1150


def test_jitter_of_one_wh_makes_no_energy() -> None:
    assert read(1000, 1001, 1000, 1001, 1000, 1001).energy_wh == 1
    assert read(0, 5, 4, 4, 5, 6).energy_wh == 6


def test_a_new_meter_goes_on_from_zero() -> None:
    assert read(500_000, 500_100, 0, 50, 100).energy_wh == 200


def test_a_new_meter_with_a_used_register_adds_only_what_it_gains() -> None:
    assert read(500_000, 500_100, 70_000, 70_050).energy_wh == 150


@pytest.mark.parametrize("lifetime", [1_234_567, 3_000])
def test_a_register_of_the_session_counts_beside_a_lifetime_meter_start(lifetime: int) -> None:
    assert read(lifetime, 0, 40, 80, 120).energy_wh == 120


def test_a_jump_no_power_explains_is_not_counted_even_if_it_stays() -> None:
    assert read(1000, 1050, 900_000, 900_050, 900_100).energy_wh == 150


def test_a_meter_start_of_zero_beside_a_lifetime_register_is_not_counted() -> None:
    assert read(0, 1_234_567, 1_234_600, 1_234_650).energy_wh == 83


def test_a_late_reading_is_not_counted_twice() -> None:
    count = read(1000, 1050, 1100)
    for seconds, value in ((12, 1060), (5, 1020), (15, 1099)):
        count = advance(count, value, after(seconds))
    assert count.energy_wh == 100


def test_a_late_outlier_is_not_counted() -> None:
    count = advance(read(1000, 1050, 1100), 900_000, after(5))
    assert count.energy_wh == 100
    assert advance(count, 1150, after(30)).energy_wh == 150


def test_counting_goes_on_when_the_stations_clock_goes_back() -> None:
    count = advance(read(1000, 1050, 1100), 1150, after(-86400))
    assert advance(count, 1200, after(-86390)).energy_wh == 200


def settled(count: EnergyCount, meter_start: float, meter_stop: float, seconds: float = 1000) -> float:
    return settle(count, meter_start, T0, meter_stop, after(seconds))


def test_the_closing_register_is_authoritative() -> None:
    assert settled(read(1000, 1050), 1000, 1400) == 400


def test_the_closing_register_counts_without_any_reading() -> None:
    assert settled(read(1000), 1000, 8000, 3600) == 7000


@pytest.mark.parametrize("meter_stop", [0, 900, 1020, 9_999_999_999, -5, float("nan")])
def test_a_closing_register_that_can_not_be_leaves_the_last_good_reading(meter_stop: float) -> None:
    assert settled(read(1000, 1050, 1100), 1000, meter_stop) == 100


def test_a_closing_register_below_its_start_means_no_energy() -> None:
    assert settled(read(1000), 1000, 400) == 0


def test_a_lifetime_meter_stop_settles_a_register_of_the_session() -> None:
    count = read(20_000, 0, 4000, 8000, every_s=1800)
    assert settled(count, 20_000, 28_100, 3 * 1800 + 3600) == 8100
    assert settled(count, 20_000, 8_100, 3 * 1800 + 3600) == 8100


def test_a_whole_number_may_cut_off_less_than_one_wh() -> None:
    assert settled(read(1000, 1100.7), 1000, 1100) == pytest.approx(100.7)


def test_a_new_meter_settles_from_its_own_register() -> None:
    assert settled(read(500_000, 500_100, 0, 50), 500_000, 90) == 190


def test_a_new_meter_that_has_passed_the_old_start_settles_from_its_own_register() -> None:
    count = read(5000, 9000, 0, 3000, every_s=1800)
    assert count.energy_wh == 7000
    assert settled(count, 5000, 6000, 4 * 1800) == 10_000


def value(
    wh: float, phase: str | None = None, context: str = "Sample.Periodic", location: str = "Outlet"
) -> SampledValue:
    return SampledValue(Measurand.ENERGY_IMPORT_REGISTER, wh, phase, context, location)


@pytest.mark.parametrize(
    ("values", "register"),
    [
        ((value(100),), 100),
        ((value(40, "L1"), value(100), value(60, "L2")), 100),
        ((value(40, "L1"), value(30, "L2"), value(20, "L3"), value(7, "N")), 90),
        ((value(40, "L1-N"), value(30, "L2-N"), value(40, "L1")), 70),
        ((value(5000), value(0, context="Transaction.Begin")), 5000),
        ((value(0, context="Transaction.Begin"), value(5000, context="Transaction.End")), 5000),
        ((value(100, context="Vendor.Special"),), 100),
        ((value(77, location="Inlet"), value(100)), 100),
        ((value(77, location="EV"),), None),
        ((value(3, "N"),), None),
        ((SampledValue(Measurand.POWER_IMPORT, 7000.0),), None),
        ((SampledValue(Measurand.ENERGY_IMPORT_INTERVAL, 20.0),), None),
        ((), None),
    ],
)
def test_the_register_is_the_outlets_total_or_the_sum_of_its_phases(
    values: tuple[SampledValue, ...], register: float | None
) -> None:
    assert outlet_register_wh(values) == register


steps = st.lists(st.integers(0, int(FULL_STEP_WH)), min_size=3, max_size=30)
starts = st.integers(0, 5_000_000)
anything = st.lists(st.tuples(st.floats(allow_nan=True, allow_infinity=True), st.floats(-1e5, 1e6)), max_size=25)


@given(starts, anything, st.floats(), st.floats(-1e5, 1e6))
def test_energy_never_falls_and_is_never_negative(
    meter_start: int, readings: list[tuple[float, float]], meter_stop: float, stop_after: float
) -> None:
    counts = list(
        accumulate(readings, lambda count, new: advance(count, new[0], after(new[1])), initial=begin(meter_start, T0))
    )
    energies = [count.energy_wh for count in counts]
    energies.append(settle(counts[-1], meter_start, T0, meter_stop, after(stop_after)))
    assert energies[0] == 0
    assert all(earlier <= later for earlier, later in pairwise(energies))


@given(starts, steps)
def test_an_honest_register_is_counted_to_the_wh(meter_start: int, gains: list[int]) -> None:
    registers = list(accumulate(gains, initial=meter_start))[1:]
    count = read(meter_start, *registers)
    assert count.energy_wh == sum(gains)
    assert settled(count, meter_start, registers[-1], INTERVAL_S * len(gains)) == sum(gains)


@given(starts, steps, st.data())
def test_a_wild_outlier_anywhere_changes_nothing(meter_start: int, gains: list[int], data: st.DataObject) -> None:
    registers = [float(wh) for wh in accumulate(gains, initial=meter_start)][1:]
    place = data.draw(st.integers(0, len(registers) - 2))
    wild = registers[place] + 2 * STEP_WH + FULL_STEP_WH * len(registers)
    registers[place] = data.draw(st.floats(wild, 1e9))
    assert read(meter_start, *registers).energy_wh == sum(gains)


@given(st.integers(100_000, 5_000_000), steps, steps)
def test_a_reset_loses_and_invents_nothing(meter_start: int, gains: list[int], gains_after: list[int]) -> None:
    registers = [*list(accumulate(gains, initial=meter_start))[1:], *accumulate(gains_after)]
    assert read(meter_start, *registers).energy_wh == sum(gains) + sum(gains_after)


@given(starts, st.lists(st.floats(0, 1e7), max_size=20), st.integers(1, 900))
def test_no_register_makes_more_energy_than_the_station_can_deliver(
    meter_start: int, registers: list[float], every_s: int
) -> None:
    count = read(meter_start, *registers, every_s=every_s)
    assert count.energy_wh <= (MAX_POWER_W * every_s / 3600 + STEP_WH) * len(registers) * (1 + 1e-9)


@given(starts, anything)
def test_a_restart_between_readings_changes_nothing(meter_start: int, readings: list[tuple[float, float]]) -> None:
    going = restarted = begin(meter_start, T0)
    for register, seconds in readings:
        at: datetime = T0 + timedelta(seconds=round(seconds))
        going = advance(going, register, at)
        restarted = advance(restarted, register, at)
        dump_json(encode_count(restarted))
        restarted = decode_count(restarted.energy_wh, encode_count(restarted))  # type: ignore[arg-type]
    assert restarted == going


def test_without_a_register_at_the_start_energy_counts_from_the_first_reading() -> None:
    count = begin(None, T0)
    assert settle(count, None, T0, 500.0, after(60)) == 0.0
    for number, register_wh in enumerate((700.0, 750.0, 850.0), start=1):
        count = advance(count, register_wh, after(60 * number))
    assert count.energy_wh == 150.0
    assert settle(count, None, T0, 900.0, after(240)) == 200.0
