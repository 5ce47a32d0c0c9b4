"""The runs with many stations, with few: everything arrives and nothing twice. Never speed."""

from datetime import datetime
import os
from pathlib import Path

import pytest

from benchmarks.fleet import scenario as fleet
from benchmarks.fleet.processor import Usage
from benchmarks.storm import scenario as storm
from benchmarks.storm.books import Differences, Kept, Sent

STARTED = "2026-06-01T10:00:00.000Z"
SENT = Sent(started=STARTED, meter_start=10, meter_stop=30, values=3)
KEPT = Kept(datetime.fromisoformat(STARTED), 10, 20.0, 3)


def difference(sent: list[Sent], kept: list[Kept]) -> tuple[int, int]:
    found = Differences()
    found.add(sent, kept)
    return found.lost, found.doubled


def test_the_books_tell_what_is_lost_and_what_is_there_twice() -> None:
    assert difference([SENT], [KEPT]) == (0, 0)
    assert difference([SENT], []) == (1, 0)
    assert difference([SENT], [KEPT, KEPT]) == (0, 1)
    assert difference([], [KEPT]) == (0, 1)
    assert difference([SENT], [Kept(KEPT.started, 10, 21.0, 3)]) == (1, 0)
    assert difference([SENT], [Kept(KEPT.started, 10, 20.0, 1)]) == (2, 0)
    assert difference([SENT], [Kept(KEPT.started, 10, 20.0, 5)]) == (0, 2)
    assert difference([{**SENT, "meter_stop": None}], [KEPT]) == (1, 0)


def test_the_kernel_tells_what_a_process_used() -> None:
    before = Usage.of(os.getpid())
    later = Usage(before.at + 10, before.all_s + 5, before.loop_s + 2)
    assert before.shares_until(later) == pytest.approx((0.5, 0.2))
    assert before.all_s > 0


@pytest.mark.usefixtures("socket_enabled")
def test_stations_that_return_at_once_are_all_served_and_their_queues_kept_once() -> None:
    figures = storm.run(quick=True)
    assert (figures["stations"], figures["lost"], figures["doubled"], figures["given_up"]) == (10, 0, 0, 0)
    assert figures["transactions"] >= figures["stations"]
    assert figures["readings"] >= 3 * figures["transactions"] - figures["stations"]
    assert "10 stations back at once" in storm.describe(figures)


@pytest.mark.usefixtures("socket_enabled")
async def test_a_few_stations_meter_at_a_real_home_assistant() -> None:
    figures = await fleet.measure(3, 25.0, spread_s=1.0, quiet_s=12.0)
    assert (figures["stations"], figures["charging"], figures["drops"], figures["errors"]) == (3, 3, 0, 0)
    assert figures["meter_values"] >= 3
    assert figures["state_writes_per_s"] > 0
    assert figures["p99_reply_ms"] >= figures["p50_reply_ms"] > 0
    assert "3 stations" in fleet.describe(figures)


@pytest.mark.usefixtures("socket_enabled")
async def test_a_fleet_that_can_not_run_is_told(tmp_path: Path) -> None:
    failing = await fleet.start_fleet(1, 1, {"--seconds": 0.2, "--sent": tmp_path / "missing" / "sent.json"})
    with pytest.raises(RuntimeError, match="the fleet failed"):
        await fleet.report_of(failing, 60)
