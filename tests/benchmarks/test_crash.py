"""The engine killed again and again, on both databases: no session lost or doubled, the energy right to 1 Wh."""

from collections import Counter
from datetime import UTC, datetime, timedelta
import os
import time

import pytest
import pytest_socket

from benchmarks import __main__ as command_line
from benchmarks.crash import scenario as crash
from benchmarks.crash.books import Differences
from benchmarks.crash.fast_clock import FastClock
from benchmarks.crash.stations import Stay, times_in
from benchmarks.postgres_server import MISSING, programs
from custom_components.smart_charging.engine.model import Transaction

BEGAN = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
STAY = Stay(BEGAN, 1000.6, 1250.4)
KILLS = {crash.Database.SQLITE: 14, crash.Database.POSTGRESQL: 6}  # `script/bench crash` does 200 of each


def kept(*, energy_wh: float = 250.0, meter_wh: int = 1000, late_s: float = 0.0, ended: bool = True) -> Transaction:
    """Return the transaction that the ledger has of that stay, or one that is a little off."""
    started = BEGAN + timedelta(seconds=late_s)
    stopped = started + timedelta(seconds=60) if ended else None
    return Transaction("7", "CP1", 1, "TAG1", started, meter_wh, 1, energy_wh, stopped_at=stopped)


def difference(transactions: list[Transaction]) -> tuple[int, int, float]:
    found = Differences()
    found.add([STAY], transactions)
    return found.lost_sessions, found.doubled, round(found.lost_wh, 1)


def test_the_books_tell_what_is_lost_what_is_there_twice_and_what_energy_is_missing() -> None:
    assert difference([kept()]) == (0, 0, 0.0)
    assert difference([]) == (1, 0, 249.8)
    assert difference([kept(ended=False)]) == (1, 0, 249.8)
    assert difference([kept(), kept()]) == (0, 1, 0.0)
    assert difference([kept(energy_wh=248.0)]) == (0, 0, 1.8)
    assert difference([kept(energy_wh=252.0)]) == (0, 0, 2.2)
    assert difference([kept(meter_wh=1003)]) == (1, 1, 249.8)
    assert difference([kept(late_s=3.0)]) == (1, 1, 249.8)


def test_the_books_tell_which_readings_are_lost_and_which_are_there_twice() -> None:
    first, second, other = (BEGAN + timedelta(seconds=number) for number in range(3))
    found = Differences()
    found.add_readings(Counter({first: 2, second: 1}), Counter({first: 1, other: 5}))
    assert (found.lost_readings, found.doubled_readings) == (1, 0)
    found.add_readings(Counter({first: 1}), Counter({first: 3}))
    assert (found.lost_readings, found.doubled_readings) == (1, 2)


def test_readings_are_found_in_the_messages_of_both_protocols() -> None:
    value = {"timestamp": "2026-06-01T10:00:00.000Z", "sampledValue": []}
    assert times_in({"meterValue": [value, value]}) == [BEGAN, BEGAN]
    assert times_in({"transactionData": [value]}) == [BEGAN]
    assert times_in({"transactionId": 7}) == []


async def test_a_fast_clock_is_the_same_wherever_it_is_told_and_runs_ahead() -> None:
    begun = time.time() - 10.0
    one, other = FastClock(begun, 10.0), FastClock(begun, 10.0)
    first = one.now()
    assert first <= other.now() <= one.now()
    assert (one.now() - datetime.fromtimestamp(begun, UTC)).total_seconds() >= 100
    before = one.monotonic()
    await one.sleep(0.1)
    assert one.monotonic() - before >= 0.09
    with pytest.raises(TimeoutError):
        async with one.timeout(0.01):
            await one.sleep(1000)


@pytest.fixture
def sockets(socket_enabled: None) -> None:
    """Let the test reach its processes: by 127.0.0.1, and by the sockets in files that start them."""
    pytest_socket.socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)


@pytest.mark.usefixtures("sockets")
@pytest.mark.parametrize("database", crash.Database)
def test_nothing_is_lost_or_doubled_however_often_the_engine_is_killed(database: crash.Database) -> None:
    if database is crash.Database.POSTGRESQL and programs() is None:
        assert "REQUIRE_POSTGRES" not in os.environ, f"{MISSING}, though one is required"
        pytest.skip(MISSING)
    figures = crash.run_on(database, KILLS[database])
    hard = ("kills", "lost_wh", "lost_sessions", "doubled", "lost_readings", "doubled_readings")
    assert {name: figures[name] for name in hard} == {**dict.fromkeys(hard, 0), "kills": KILLS[database]}
    assert figures["sessions"] >= 20
    assert figures["energy_kwh"] > 0
    assert crash.describe(figures)


def test_the_command_line_hands_on_how_often_and_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, int]] = []

    def run_on(database: crash.Database, kills: int) -> dict[str, float]:
        asked.append((database.value, kills))
        return {"kills": kills}

    monkeypatch.setattr(crash, "run_on", run_on)
    monkeypatch.setattr(crash, "describe", lambda figures: f"{figures['kills']} kills")
    assert command_line.main(["crash", "--kills", "3", "--database", "postgresql", "--json"]) == 0
    assert capsys.readouterr().out.splitlines() == ["crash on postgresql: 3 kills", '{"kills": 3}']
    command_line.main(["crash", "--database", "sqlite"])
    command_line.main(["crash"])
    assert asked == [("postgresql", 3), ("sqlite", 200), ("sqlite", 200)]


@pytest.mark.parametrize(
    "arguments",
    [["overload", "--kills", "3"], ["all", "--database", "sqlite"], ["crash", "--kills", "0"], ["crash", "--kills", "x"],
     ["crash", "--kills", "3", "--quick"]],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        command_line.main(arguments)
