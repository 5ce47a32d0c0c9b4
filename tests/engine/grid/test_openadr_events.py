"""What OpenADR 3 events mean: limits and levels, times, fail-safe limits, prices and greenhouse gas."""

from datetime import UTC, datetime, timedelta
import json

import pytest

from custom_components.smart_charging.engine.grid.openadr_values import Addressee, SeriesKind
from custom_components.smart_charging.engine.grid.signal import SignalKind, SignalScope, SignalUnit
from tests.engine.grid.events import HOUR, NOW, at, event, prices, read, when
from tests.engine.grid.vtn import limit_interval, period

# What a limit is


def test_a_capacity_limit_in_kw_is_a_binding_import_limit_in_watts_for_the_site() -> None:
    [signal] = read(event(limit_interval(11))).signals
    assert (signal.kind, signal.value, signal.unit) == (SignalKind.IMPORT_LIMIT, 11_000, SignalUnit.WATT)
    assert (signal.scope, signal.evse, signal.binding) == (SignalScope.SITE, None, True)
    assert (signal.valid_from, signal.valid_until) == (at(10), at(11))
    assert json.loads(signal.raw)["value"] == 11


@pytest.mark.parametrize(
    ("units", "stated", "value", "unit"),
    [
        ("KW", 7.56, 7560, SignalUnit.WATT),
        ("kW", 7.56, 7560, SignalUnit.WATT),
        ("W", 4200, 4200, SignalUnit.WATT),
        ("MW", 0.1, 100_000, SignalUnit.WATT),
        ("KVA", 17, 17_000, SignalUnit.WATT),
        ("AMPS", 16, 16, SignalUnit.AMPERE),
        ("PERCENT", 60, 60, SignalUnit.PERCENT),
        ("KW", "11.5", 11_500, SignalUnit.WATT),
        ("KW", 0, 0, SignalUnit.WATT),
    ],
)
def test_limits_are_read_in_the_units_that_the_event_states(
    units: str, stated: object, value: float, unit: SignalUnit
) -> None:
    descriptors = [{"payloadType": "EXPORT_CAPACITY_LIMIT", "units": units}]
    [signal] = read(event(limit_interval(stated, kind="EXPORT_CAPACITY_LIMIT"), payloadDescriptors=descriptors)).signals
    assert signal.kind is SignalKind.EXPORT_LIMIT
    assert signal.value == pytest.approx(value)
    assert signal.unit is unit


def test_a_programme_states_units_for_its_events_and_an_event_overrides_them() -> None:
    program = {"id": "program-1", "payloadDescriptors": [{"payloadType": "IMPORT_CAPACITY_LIMIT", "units": "W"}]}
    own = [{"payloadType": "IMPORT_CAPACITY_LIMIT", "units": "KW"}]
    assert read(event(limit_interval(5000)), programs=[program]).signals[0].value == 5000
    assert read(event(limit_interval(5), payloadDescriptors=own), programs=[program]).signals[0].value == 5000


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_a_simple_level_is_a_price_level_that_binds_nobody(level: int) -> None:
    [signal] = read(event(limit_interval(level, kind="SIMPLE"))).signals
    assert (signal.kind, signal.value, signal.unit) == (SignalKind.PRICE_LEVEL, level, SignalUnit.LEVEL)
    assert not signal.binding


def test_payloads_of_unknown_types_are_counted_and_passed_over() -> None:
    reading = read(event(limit_interval(11), limit_interval("alarm", 1, kind="ALERT_FIRE")))
    assert len(reading.signals) == 1
    assert (reading.not_understood, reading.refused) == (1, {})


# When it holds


def test_intervals_without_a_period_follow_each_other() -> None:
    reading = read(event(limit_interval(11), limit_interval(7, 1), limit_interval(4, 2)))
    assert when(reading) == [(at(10), at(11), 11_000), (at(11), at(12), 7000), (at(12), at(13), 4000)]


def test_an_interval_of_its_own_length_shifts_those_that_follow() -> None:
    longer = limit_interval(7, 1, intervalPeriod={"duration": "PT2H"})
    assert when(read(event(limit_interval(11), longer, limit_interval(4, 2)))) == [
        (at(10), at(11), 11_000),
        (at(11), at(13), 7000),
        (at(13), at(14), 4000),
    ]


def test_each_interval_may_say_its_own_time_as_the_dutch_profile_has_it() -> None:
    first = limit_interval(11, intervalPeriod=period("2026-06-01T11:00:00Z", "PT15M"))
    later = limit_interval(7, 1, intervalPeriod=period("2026-06-01T14:00:00+02:00", "PT30M"))
    assert when(read(event(first, later, intervalPeriod="leave out"))) == [
        (at(11), at(11.25), 11_000),
        (at(12), at(12.5), 7000),
    ]


def test_an_event_with_a_start_needs_no_time_of_creation() -> None:
    stated = event(limit_interval(11), createdDateTime="17:15:16")
    assert when(read(stated)) == [(at(10), at(11), 11_000)]


@pytest.mark.parametrize("duration", ["PT0S", "P9999Y", None, "P100Y"])
def test_a_limit_whose_duration_says_for_ever_has_no_end(duration: str | None) -> None:
    assert when(read(event(limit_interval(11), intervalPeriod=period("2026-06-01T08:00:00Z", duration)))) == [
        (at(8), None, 11_000)
    ]


def test_an_endless_interval_ends_where_the_next_one_says_it_starts() -> None:
    open_ended = limit_interval(11, intervalPeriod=period("2026-06-01T10:00:00Z"))
    following = limit_interval(7, 1, intervalPeriod=period("2026-06-01T12:00:00Z"))
    assert when(read(event(open_ended, following, intervalPeriod="leave out"))) == [
        (at(10), at(12), 11_000),
        (at(12), None, 7000),
    ]


@pytest.mark.parametrize("start", ["0001-01-01", "0001-01-01T00:00:00", "0001-01-01T00:00:00Z", "0000-00-00"])
def test_the_beginning_of_time_means_now(start: str) -> None:
    assert when(read(event(limit_interval(11), intervalPeriod=period(start, "P9999Y")))) == [(None, None, 11_000)]
    # One that ends is counted from when it was made.
    assert when(read(event(limit_interval(11), intervalPeriod=period(start, "PT1H")))) == [(at(9.5), at(10.5), 11_000)]


def test_an_event_set_to_the_beginning_of_time_without_a_duration_is_cancelled() -> None:
    reading = read(event(limit_interval(11), intervalPeriod=period("0001-01-01", "PT0S")))
    assert (reading.signals, reading.refused) == ((), {})


def test_an_event_without_any_period_holds_until_withdrawn() -> None:
    assert when(read(event(limit_interval(11), intervalPeriod="leave out"))) == [(None, None, 11_000)]


def test_an_event_that_is_over_says_nothing() -> None:
    assert read(event(limit_interval(11)), now=at(11)).signals == ()
    assert len(read(event(limit_interval(11)), now=at(11) - timedelta(seconds=1)).signals) == 1


@pytest.mark.parametrize(("draw", "minutes"), [(0.0, 0), (1.0, 10), (-0.5, -5)])
def test_a_random_start_moves_all_that_follows_by_the_same_amount(draw: float, minutes: int) -> None:
    stated = event(
        limit_interval(11),
        limit_interval(7, 1),
        intervalPeriod=period("2026-06-01T10:00:00Z", "PT1H", randomizeStart="PT10M"),
    )
    shift = timedelta(minutes=minutes)
    assert when(read(stated, draw=draw)) == [
        (at(10) + shift, at(11) + shift, 11_000),
        (at(11) + shift, at(12) + shift, 7000),
    ]


def test_an_events_own_duration_cuts_its_intervals() -> None:
    stated = event(limit_interval(11), limit_interval(7, 1), limit_interval(4, 2), duration="PT90M")
    assert when(read(stated)) == [(at(10), at(11), 11_000), (at(11), at(11.5), 7000)]


def test_an_events_own_longer_duration_repeats_its_intervals() -> None:
    stated = event(
        limit_interval(11),
        limit_interval(7, 1),
        intervalPeriod=period("2026-05-01T00:00:00Z", "PT12H"),
        duration="P9999Y",
    )
    live = [signal for signal in read(stated).signals if signal.live(NOW)]
    assert [(signal.valid_from, signal.valid_until, signal.value) for signal in live] == [(at(0), at(12), 11_000)]
    assert max(signal.valid_until for signal in read(stated).signals if signal.valid_until) >= NOW + timedelta(days=8)


def test_intervals_that_repeat_for_years_are_written_out_around_now_only() -> None:
    hours = [limit_interval(number + 1, number) for number in range(24)]
    stated = event(*hours, intervalPeriod=period("2016-01-01T00:00:00Z", "PT1H"), duration="P9999Y")
    assert [signal.value for signal in read(stated).signals if signal.live(NOW)] == [11_000]


def test_calendar_months_have_their_own_lengths() -> None:
    stated = event(limit_interval(11), intervalPeriod=period("2026-05-31T00:00:00Z", "P1M"))
    assert when(read(stated))[0][1] == datetime(2026, 6, 30, tzinfo=UTC)


# The fail-safe


@pytest.mark.parametrize("name", ["Safe mode", "SAFE_MODE", "safemode-2026", "GAC safe-mode event"])
def test_a_safe_mode_event_is_kept_for_when_the_server_is_lost(name: str) -> None:
    safe = event(limit_interval(4), id="safe", eventName=name, intervalPeriod=period("0001-01-01", "P9999Y"))
    reading = read(safe, event(limit_interval(11)))
    assert [signal.value for signal in reading.failsafe] == [4000]
    assert [signal.value for signal in reading.signals] == [11_000]
    assert reading.limit_events == ("safe", "event-1")


def test_a_safe_mode_event_may_state_limits_by_time() -> None:
    reading = read(event(limit_interval(9), limit_interval(6, 1), eventName="safe mode"))
    assert [(signal.valid_from, signal.valid_until, signal.value) for signal in reading.failsafe] == [
        (at(10), at(11), 9000),
        (at(11), at(12), 6000),
    ]


def test_a_safe_mode_event_whose_time_is_over_still_states_its_lowest_limit() -> None:
    stated = event(limit_interval(9), limit_interval(6, 1), eventName="safe mode")
    [signal] = read(stated, now=at(20)).failsafe
    assert (signal.value, signal.valid_from, signal.valid_until) == (6000, None, None)


def test_what_a_safe_mode_event_is_called_can_be_agreed() -> None:
    agreed = Addressee(ven_name="home", safe_mode_name="Terugval")
    assert read(event(limit_interval(4), eventName="TERUGVAL 1"), addressee=agreed).failsafe
    assert not read(event(limit_interval(4), eventName="safe mode"), addressee=agreed).failsafe


# Prices and greenhouse gas


def test_prices_of_following_intervals_are_one_series() -> None:
    descriptors = [{"payloadType": "PRICE", "units": "KWH", "currency": "EUR"}]
    reading = read(event(prices(0.31), prices(0.28, id=1), prices(-0.02, id=2), payloadDescriptors=descriptors))
    [series] = reading.series
    assert (series.kind, series.start, series.step, series.currency) == (SeriesKind.PRICE, at(10), HOUR, "EUR")
    assert series.values == (0.31, 0.28, -0.02)


def test_several_prices_share_an_interval_evenly() -> None:
    [series] = read(event(prices(1, 2, 3, 4))).series
    assert (series.step, series.values, series.end) == (timedelta(minutes=15), (1, 2, 3, 4), at(11))


def test_prices_per_mwh_are_brought_to_kwh() -> None:
    [series] = read(event(prices(310.0), payloadDescriptors=[{"payloadType": "PRICE", "units": "MWH"}])).series
    assert series.values == (pytest.approx(0.31),)


@pytest.mark.parametrize(("units", "value"), [(None, 412.0), ("GHG", 412.0), ("KG/KWH", 412_000.0)])
def test_greenhouse_gas_is_in_grams_per_kwh(units: str | None, value: float) -> None:
    [series] = read(event(prices(412, kind="GHG"), payloadDescriptors=[{"payloadType": "GHG", "units": units}])).series
    assert (series.kind, series.values, series.currency) == (SeriesKind.GHG, (value,), None)


def test_prices_of_a_day_that_repeat_for_ever_are_written_out_for_the_next_week() -> None:
    day = [prices(float(hour), id=hour) for hour in range(24)]
    [series] = read(event(*day, intervalPeriod=period("2026-01-01T00:00:00Z", "PT1H"), duration="P9999Y")).series
    assert series.values[0] == 10.0
    assert series.start == NOW
    assert series.end >= NOW + timedelta(days=8)


def test_a_price_without_an_end_is_written_out_for_the_next_week() -> None:
    [series] = read(event(prices(0.3), intervalPeriod="leave out")).series
    assert (series.start, series.end, series.values) == (NOW, NOW + timedelta(days=8), (0.3,))


def test_of_overlapping_prices_those_of_the_lower_priority_number_come_first() -> None:
    late = event(prices(9.0), id="late", priority=9, intervalPeriod=period("2026-06-01T10:00:00Z", "PT2H"))
    first = event(prices(1.0), id="first", priority=1)
    none = event(prices(5.0), id="none", intervalPeriod=period("2026-06-01T10:00:00Z", "PT3H"))
    assert [series.event_id for series in read(late, none, first).series] == ["first", "late", "none"]
    never = event(prices(4.0), id="never", priority=9)  # at all its times the first one counts
    assert [series.event_id for series in read(never, first).series] == ["first"]
    ghg = event(prices(4.0, kind="GHG"), id="ghg", priority=9)
    assert [series.event_id for series in read(ghg, first).series] == ["first", "ghg"]


def test_prices_that_begin_later_than_anybody_looks_are_left_out() -> None:
    hours = [{"id": hour, "payloads": [{"type": "PRICE", "values": [hour]}]} for hour in range(300)]
    [series] = read(event(*hours)).series
    assert series.values == tuple(range(8 * 24))
