"""A peak tariff's interval is followed as its meter does, and what may still flow keeps to the target."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smart_charging.engine.config import PeakConfig
from custom_components.smart_charging.engine.control.peak import (
    LONGEST_GAP_S,
    PRESETS,
    PeakMemory,
    PeakPreset,
    allowed_w,
    follow,
    interval_start,
    mean_w,
    month_peak_w,
    target_w,
)
from custom_components.smart_charging.engine.recorded_json import Decoder, Encoder

QUARTERS = PeakConfig(interval_min=15, target_w=5_000.0)
HOURS = PeakConfig(interval_min=60, target_w=5_000.0)
FLANDERS, NORWAY = PRESETS[PeakPreset.FLANDERS], PRESETS[PeakPreset.NORWAY]
BRUSSELS, OSLO = "Europe/Brussels", "Europe/Oslo"
ZONES = ("UTC", BRUSSELS, OSLO, "Asia/Kathmandu", "America/St_Johns")
NOW = datetime(2026, 6, 10, 10, 0, tzinfo=UTC)


class Meter:
    """A grid meter whose power is followed."""

    def __init__(self, config: PeakConfig, zone: str = "UTC", now: datetime = NOW) -> None:
        self.config = config
        self.zone = zone
        self.now = now
        self.memory = PeakMemory()

    def read(self, power_w: float | None, seconds: float = 0.0, step_s: float = 30.0) -> None:
        """Read this power, again and again for so many seconds."""
        end = self.now + timedelta(seconds=seconds)
        self.memory = follow(self.memory, self.config, self.zone, power_w, self.now)
        while self.now < end:
            self.now = min(end, self.now + timedelta(seconds=step_s))
            self.memory = follow(self.memory, self.config, self.zone, power_w, self.now)

    def at(self, local: datetime) -> None:
        """Go on at this local time without a reading in between."""
        self.now = local.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)

    @property
    def target_w(self) -> float:
        return target_w(self.memory, self.config, self.zone, self.now)

    @property
    def mean_w(self) -> float:
        return mean_w(self.memory, self.config, self.zone, self.now)

    @property
    def allowed_w(self) -> float:
        return allowed_w(self.memory, self.config, self.zone, self.now)

    @property
    def peaks(self) -> dict[str, float]:
        return dict(self.memory.daily_peaks)


def test_the_allowance_is_what_the_target_leaves_for_the_rest_of_the_interval() -> None:
    meter = Meter(QUARTERS)
    meter.read(2_000.0, 300.0)
    assert meter.mean_w == pytest.approx(2_000.0 / 3)
    assert meter.allowed_w == pytest.approx((5_000.0 * 15 - 2_000.0 * 5) / 10)
    meter.read(9_000.0, 540.0)
    left_w_min = 5_000.0 * 15 - 2_000.0 * 5 - 9_000.0 * 9
    assert left_w_min < 0
    assert meter.allowed_w == pytest.approx(left_w_min)  # one minute is left


def test_what_is_left_is_not_spent_within_seconds() -> None:
    meter = Meter(QUARTERS)
    meter.read(0.0, 895.0)
    assert meter.allowed_w == pytest.approx(5_000.0 * 15)


def test_a_new_interval_begins_with_all_of_its_target() -> None:
    meter = Meter(QUARTERS)
    meter.read(8_000.0, 899.0)
    meter.now += timedelta(seconds=1)
    assert (meter.mean_w, meter.allowed_w) == (0.0, pytest.approx(5_000.0))  # before it is followed
    meter.read(8_000.0)
    assert meter.allowed_w == pytest.approx(8_000.0)  # the month has cost it already


def test_export_is_no_import() -> None:
    meter = Meter(QUARTERS)
    meter.read(-6_000.0, 450.0)
    meter.read(6_000.0, 450.0)
    assert meter.peaks == {"2026-06-10": pytest.approx(3_000.0)}


def test_following_twice_at_the_same_moment_is_following_once() -> None:
    meter = Meter(QUARTERS)
    meter.read(3_000.0, 120.0)
    again = follow(meter.memory, QUARTERS, "UTC", 3_000.0, meter.now)
    assert again == meter.memory


@st.composite
def loads(draw: st.DrawFn) -> list[tuple[int, float]]:
    """Return how long which power flowed, without a gap that is too long to be known."""
    return draw(
        st.lists(st.tuples(st.integers(1, int(LONGEST_GAP_S)), st.floats(-5_000, 20_000)), min_size=30, max_size=150)
    )


def expected_peaks(
    config: PeakConfig, zone: str, begin: datetime, load: list[tuple[int, float]]
) -> dict[datetime, float]:
    """Return the mean of each local interval, added up second by second."""
    energy_ws: defaultdict[datetime, float] = defaultdict(float)
    at = begin
    for seconds, power_w in load:
        for _ in range(seconds):
            local = at.astimezone(ZoneInfo(zone))
            start = local.replace(minute=local.minute // config.interval_min * config.interval_min, second=0)
            energy_ws[start.astimezone(UTC)] += max(0.0, power_w)
            at += timedelta(seconds=1)
    running = at.astimezone(ZoneInfo(zone))
    running = running.replace(minute=running.minute // config.interval_min * config.interval_min, second=0)
    energy_ws.pop(running.astimezone(UTC), None)
    return {start: total / (config.interval_min * 60) for start, total in energy_ws.items()}


@given(
    loads(),
    st.sampled_from(ZONES),
    st.sampled_from([QUARTERS, HOURS]),
    # Around a change of the month, and both changes of the clocks in Europe.
    st.sampled_from([datetime(2026, 5, 31, 20), datetime(2026, 3, 28, 23), datetime(2026, 10, 24, 22)]),
    st.integers(0, 7_200),
)
@settings(max_examples=60, deadline=None)
def test_the_peaks_are_those_of_a_meter_that_adds_up_second_by_second(
    load: list[tuple[int, float]], zone: str, config: PeakConfig, day: datetime, offset_s: int
) -> None:
    begin = day.replace(tzinfo=UTC) + timedelta(seconds=offset_s)
    meter = Meter(config, zone, begin)
    for seconds, power_w in load:
        meter.read(power_w)
        meter.now += timedelta(seconds=seconds)
    meter.read(0.0)
    month = meter.now.astimezone(ZoneInfo(zone)).strftime("%Y-%m")
    expected: defaultdict[str, float] = defaultdict(float)
    for start, mean in expected_peaks(config, zone, begin, load).items():
        local = start.astimezone(ZoneInfo(zone))
        if local.strftime("%Y-%m") == month:
            expected[local.date().isoformat()] = max(expected[local.date().isoformat()], mean)
    assert meter.peaks == pytest.approx(expected, abs=1e-6)


@given(
    st.lists(st.floats(0, 12_000), min_size=90, max_size=90),
    st.sampled_from([QUARTERS, HOURS, FLANDERS, NORWAY]),
    st.integers(0, 3_599),
)
@settings(max_examples=50, deadline=None)
def test_who_never_draws_more_than_allowed_makes_no_new_peak(
    house: list[float], config: PeakConfig, offset_s: int
) -> None:
    """Also where the beginning of the first interval was not seen."""
    meter = Meter(config, OSLO, NOW + timedelta(seconds=offset_s))
    meter.read(0.0)
    for wanted_w in house:
        for _ in range(5):
            target = meter.target_w
            meter.read(min(wanted_w * 2, max(0.0, meter.allowed_w)))
            meter.now += timedelta(seconds=10)
        assert meter.target_w == pytest.approx(target)
    meter.read(0.0, 3_600.0)
    assert all(mean <= config.target_w + 1e-6 for mean in meter.peaks.values())


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)), st.sampled_from(ZONES), st.sampled_from([15, 60]))
def test_an_interval_begins_on_the_clock_and_holds_its_moment(moment: datetime, zone: str, minutes: int) -> None:
    now = moment.replace(tzinfo=UTC)
    start = interval_start(PeakConfig(interval_min=minutes), zone, now)
    local = start.astimezone(ZoneInfo(zone))
    assert timedelta() <= now - start < timedelta(minutes=minutes)
    assert (local.minute % minutes, local.second, local.microsecond) == (0, 0, 0)


def test_the_hour_that_comes_twice_in_autumn_is_two_intervals() -> None:
    meter = Meter(HOURS, OSLO, datetime(2026, 10, 25, 0, 0, tzinfo=UTC))  # 02:00, for the first time
    meter.read(4_000.0, 3_600.0)
    meter.read(2_000.0, 1_800.0)  # 02:30, for the second time
    assert meter.peaks == {"2026-10-25": pytest.approx(4_000.0)}
    assert meter.mean_w == pytest.approx(1_000.0)
    assert meter.allowed_w == pytest.approx((5_000.0 - 1_000.0) * 2)


def test_the_hour_that_is_missing_in_spring_is_no_interval() -> None:
    meter = Meter(HOURS, OSLO, datetime(2026, 3, 29, 0, 0, tzinfo=UTC))  # 01:00; the next hour is 03:00
    meter.read(4_000.0, 3_600.0)
    assert meter.now.astimezone(ZoneInfo(OSLO)).hour == 3
    meter.read(3_000.0, 3_600.0)
    assert meter.mean_w == 0.0
    assert meter.peaks == {"2026-03-29": pytest.approx(4_000.0)}


def test_the_month_changes_at_local_midnight() -> None:
    meter = Meter(FLANDERS, BRUSSELS, datetime(2026, 6, 30, 21, 30, tzinfo=UTC))  # 23:30
    meter.read(6_000.0, 1_799.0)
    assert meter.peaks == {"2026-06-30": pytest.approx(6_000.0)}
    assert meter.target_w == pytest.approx(6_000.0)
    meter.now += timedelta(seconds=1)
    assert meter.target_w == 2_500.0  # at once, followed or not
    meter.read(6_000.0, 60.0)
    assert meter.peaks == {}
    assert meter.target_w == 2_500.0
    assert meter.memory.month == "2026-07"


def test_in_flanders_what_is_below_the_floor_costs_nothing_and_the_months_peak_may_be_repeated() -> None:
    meter = Meter(replace(FLANDERS, target_w=1_000.0), BRUSSELS)
    meter.read(500.0, 900.0)
    assert meter.target_w == 2_500.0
    assert month_peak_w(meter.memory, meter.config) == 2_500.0
    meter.read(4_000.0, 900.0)
    assert meter.target_w == pytest.approx(4_000.0)
    meter.at(datetime(2026, 6, 12, 8))
    meter.read(0.0, 900.0)
    assert meter.target_w == pytest.approx(4_000.0)
    assert month_peak_w(meter.memory, meter.config) == pytest.approx(4_000.0)


def peaks_on(meter: Meter, peaks: dict[int, float]) -> None:
    """Let an hour of each of these days of June have this mean."""
    for day, power_w in peaks.items():
        meter.at(datetime(2026, 6, day, 8))
        meter.read(power_w, 3_600.0)
        meter.read(0.0, 3_600.0)


def test_in_norway_the_third_highest_day_may_be_reached_on_another_day() -> None:
    meter = Meter(NORWAY, OSLO)
    peaks_on(meter, {1: 9_000.0, 2: 7_000.0})
    meter.at(datetime(2026, 6, 3, 8))
    assert meter.target_w == 5_000.0  # a third day of 7 kW would be billed
    peaks_on(meter, {3: 8_000.0, 4: 6_000.0})
    meter.at(datetime(2026, 6, 5, 8))
    assert meter.target_w == pytest.approx(7_000.0)
    assert month_peak_w(meter.memory, NORWAY) == pytest.approx(8_000.0)


def test_in_norway_a_days_own_peak_may_be_repeated_on_that_day_only() -> None:
    meter = Meter(NORWAY, OSLO)
    peaks_on(meter, {1: 9_000.0})
    meter.at(datetime(2026, 6, 1, 20))
    assert meter.target_w == pytest.approx(9_000.0)
    meter.at(datetime(2026, 6, 2, 8))
    assert meter.target_w == 5_000.0


def test_before_any_interval_there_is_no_peak() -> None:
    assert month_peak_w(PeakMemory(), FLANDERS) is None
    meter = Meter(FLANDERS)
    meter.read(6_000.0, 600.0)
    assert month_peak_w(meter.memory, FLANDERS) is None


def test_every_preset_bills_what_its_operator_does() -> None:
    assert set(PRESETS) == set(PeakPreset)
    assert {preset: (config.interval_min, config.days) for preset, config in PRESETS.items()} == {
        PeakPreset.FLANDERS: (15, 1),
        PeakPreset.NORWAY: (60, 3),
        PeakPreset.SWEDEN: (60, 3),
        PeakPreset.GERMANY_BUSINESS: (15, 1),
    }


def test_a_silent_meter_is_taken_to_go_on_for_a_while_only() -> None:
    meter = Meter(HOURS)
    meter.read(6_000.0)
    meter.read(None, 1_800.0)
    assert meter.mean_w == pytest.approx(6_000.0 * LONGEST_GAP_S / 3600)
    meter.read(6_000.0)
    assert meter.mean_w == pytest.approx(6_000.0 * LONGEST_GAP_S / 3600)
    meter.read(6_000.0, 1_800.0)
    assert meter.peaks == {"2026-06-10": pytest.approx(6_000.0 * (1_800 + LONGEST_GAP_S) / 3600)}


def test_in_what_nobody_measured_the_target_is_taken_to_have_flowed() -> None:
    meter = Meter(HOURS, now=NOW + timedelta(minutes=45))
    meter.read(5_000.0)
    assert meter.allowed_w == pytest.approx(5_000.0)
    meter.read(5_000.0, 600.0)
    assert meter.allowed_w == pytest.approx(5_000.0)
    assert meter.mean_w == pytest.approx(5_000.0 / 6)


def test_a_site_without_a_reading_may_import_its_target_and_makes_no_peak() -> None:
    meter = Meter(QUARTERS)
    meter.read(None, 4_000.0)
    assert meter.allowed_w == pytest.approx(5_000.0)
    assert meter.peaks == {}


def test_a_gap_over_several_intervals_makes_no_peak_of_its_own() -> None:
    meter = Meter(QUARTERS)
    meter.read(6_000.0, 600.0)
    meter.now += timedelta(hours=3)
    meter.read(1_000.0, 60.0)
    assert meter.peaks == {"2026-06-10": pytest.approx(6_000.0)}  # ten minutes and the five that stand in
    assert meter.mean_w == pytest.approx(1_000.0 * 60 / 900)


def test_a_restart_within_an_interval_forgets_nothing() -> None:
    meter = Meter(QUARTERS)
    meter.read(6_000.0, 300.0)
    meter.memory = Decoder().decode(PeakMemory, Encoder().encode(meter.memory), "peak")
    meter.now += timedelta(seconds=120)
    meter.read(3_000.0)
    assert meter.mean_w == pytest.approx(6_000.0 * 420 / 900)


def test_a_clock_that_is_set_back_ends_no_interval() -> None:
    meter = Meter(QUARTERS)
    meter.read(6_000.0, 600.0)
    meter.now -= timedelta(hours=1)
    meter.read(3_000.0, 900.0)
    assert meter.peaks == {"2026-06-10": pytest.approx(3_000.0 * 300 / 900)}


def test_a_clock_that_was_a_year_ahead_does_not_stay_there() -> None:
    meter = Meter(QUARTERS, now=NOW + timedelta(days=365))
    meter.read(9_000.0, 1_800.0)
    meter.now = NOW
    meter.read(3_000.0, 900.0)
    assert meter.peaks == {"2026-06-10": pytest.approx(3_000.0)}
    assert meter.target_w == 5_000.0


def test_intervals_of_another_length_begin_a_new_count() -> None:
    meter = Meter(HOURS)
    meter.read(6_000.0, 5_400.0)
    assert meter.peaks
    meter.config = QUARTERS
    assert meter.target_w == 5_000.0
    meter.read(6_000.0)
    assert meter.peaks == {}
    assert meter.mean_w == 0.0
    meter.read(1_000.0, 900.0)
    assert meter.peaks == {"2026-06-10": pytest.approx(1_000.0)}


def test_a_peak_tariff_knows_no_other_intervals() -> None:
    with pytest.raises(ValueError, match="15 or 60"):
        PeakConfig(interval_min=30)
