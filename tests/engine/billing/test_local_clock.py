"""Where the site's clock cuts time."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from custom_components.smart_charging.engine.billing.local_clock import LocalClock, moment

from .stays import BERLIN, LORD_HOWE


def spans(start: datetime, end: datetime, zone: str, *times: time) -> list[tuple[str, date, time]]:
    clock = LocalClock(start, end, ZoneInfo(zone), times)
    return [(f"{moment(one.start):%d %H:%M:%S}", one.day, one.clock) for one in clock.spans]


def test_the_clock_goes_back_at_the_second() -> None:
    start, end = datetime(2026, 10, 24, 21, 0, 30, 5, tzinfo=UTC), datetime(2026, 10, 25, 2, tzinfo=UTC)
    sunday = date(2026, 10, 25)
    assert spans(start, end, BERLIN, time(2, 30)) == [
        ("24 21:00:30", date(2026, 10, 24), time(23, 0, 30, 5)),
        ("24 22:00:00", sunday, time(0)),
        ("25 00:30:00", sunday, time(2, 30)),
        ("25 01:00:00", sunday, time(2)),
        ("25 01:30:00", sunday, time(2, 30)),
    ]


@pytest.mark.parametrize(
    ("zone", "start", "end", "change", "clock"),
    [
        (BERLIN, datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 3, 29, 2, tzinfo=UTC), "29 01:00:00", time(3)),
        (
            LORD_HOWE,
            datetime(2026, 10, 3, 14, tzinfo=UTC),
            datetime(2026, 10, 3, 17, tzinfo=UTC),
            "03 15:30:00",
            time(2, 30),
        ),
        (
            "America/Havana",
            datetime(2026, 3, 8, 4, tzinfo=UTC),
            datetime(2026, 3, 8, 6, tzinfo=UTC),
            "08 05:00:00",
            time(1),
        ),
    ],
)
def test_the_clock_goes_forward_at_the_second(
    zone: str, start: datetime, end: datetime, change: str, clock: time
) -> None:
    assert [(at, shown) for at, _day, shown in spans(start, end, zone)][1:] == [(change, clock)]


def test_no_time_at_all_is_one_span() -> None:
    start = datetime(2026, 7, 1, tzinfo=UTC)
    assert spans(start, start, BERLIN) == [("01 00:00:00", date(2026, 7, 1), time(2))]
