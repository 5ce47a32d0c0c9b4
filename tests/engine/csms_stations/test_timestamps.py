"""Times as stations write them, and the offset of their clocks."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from custom_components.smart_charging.engine.csms.timestamps import ClockOffset, StationTime, format_time, parse_time
from tests.manual_clock import START


@pytest.mark.parametrize(
    ("text", "at", "zoned"),
    [
        ("2026-06-01T10:00:00Z", START, True),
        ("2026-06-01T12:00:00+02:00", START, True),
        ("2026-06-01T10:00:00.5Z", START + timedelta(milliseconds=500), True),
        ("2026-06-01T10:00:00", START, False),
        (" 2026-06-01 10:00:00 ", START, False),
        ("1970-01-01T00:00:05Z", datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC), True),
    ],
)
def test_times_are_read_with_and_without_zone(text: str, at: datetime, zoned: bool) -> None:
    assert parse_time(text) == StationTime(at, zoned)


@pytest.mark.parametrize("text", ["", "yesterday", None, 12, "0001-01-01T00:00:00+14:00"])
def test_what_is_no_time_is_none(text: object) -> None:
    assert parse_time(text) is None


def test_times_are_written_in_utc_with_milliseconds() -> None:
    at = datetime(2026, 6, 1, 12, 0, 0, 7999, tzinfo=timezone(timedelta(hours=2)))
    assert format_time(at) == "2026-06-01T10:00:00.007Z"


def observe(offset: ClockOffset, *samples: tuple[float, float], zoned: bool = True) -> None:
    """Feed (our second, station's time minus ours) pairs."""
    for second, lead in samples:
        received = START + timedelta(seconds=second)
        offset.observe(StationTime(received + timedelta(seconds=lead), zoned), received, second)


def test_a_constant_lead_is_a_clock_offset() -> None:
    offset = ClockOffset()
    observe(offset, (0, 300), (10, 299.5), (20, 300.2))
    assert offset.total_s == 300
    assert offset.clock_s == 300
    assert offset.to_ours(START) == START - timedelta(seconds=300)
    assert offset.to_station(START) == START + timedelta(seconds=300)


def test_a_replayed_queue_is_no_clock_offset() -> None:
    offset = ClockOffset()
    observe(offset, *((second, -3600 + second * 100) for second in range(15)))
    assert offset.total_s == 0


def test_live_messages_between_replayed_ones_show_the_clock() -> None:
    offset = ClockOffset()
    observe(offset, (0, -7200), (1, -120), (5, -7000), (11, -121), (12, -6500), (21, -120))
    assert offset.total_s == -120


def test_a_delay_in_transport_is_no_clock_offset() -> None:
    offset = ClockOffset()
    observe(offset, (0, -0.4), (10, -1.5), (20, -0.6))
    assert offset.total_s == 0


def test_local_time_without_a_zone_does_not_move_schedules() -> None:
    offset = ClockOffset()
    observe(offset, (0, 7203), (10, 7203), (20, 7203), zoned=False)
    assert offset.total_s == 7203
    assert offset.clock_s == 3


def test_a_clock_that_names_its_zone_and_is_hours_off_moves_schedules() -> None:
    offset = ClockOffset()
    observe(offset, (0, 7200), (10, 7200), (20, 7200))
    assert offset.clock_s == 7200


def test_a_boot_sets_the_clock_by_ours() -> None:
    offset = ClockOffset()
    observe(offset, (0, 300), (10, 300), (20, 300))
    offset.reset()
    assert offset.total_s == 0
