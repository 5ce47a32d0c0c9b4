"""What was acknowledged is on the disk, whatever else fails."""

import asyncio
from collections.abc import Iterator
import contextlib
from pathlib import Path
import signal
import subprocess
import sys
import threading

import pytest
import sqlalchemy as sa

from custom_components.smart_charging.engine.ledger import Ledger, SiteLedger
from custom_components.smart_charging.engine.model import EvseKey, StoreError

from .builders import EVSE, after, register, started, stopped

ROOT = Path(__file__).parents[3]
STATIONS = 20


@contextlib.contextmanager
def commits_of(ledger: Ledger) -> Iterator[list[str]]:
    """Count the commits of the writer."""
    seen: list[str] = []

    def commit(connection: sa.Connection) -> None:
        seen.append(threading.current_thread().name)

    sa.event.listen(ledger._engine, "commit", commit)
    yield seen
    sa.event.remove(ledger._engine, "commit", commit)


async def test_those_who_wait_at_the_same_time_share_one_commit(ledger: Ledger, site: SiteLedger) -> None:
    await site.record_meter_values("CP0", 1, None, (register(0, 0),), after(0))  # what it files at its start is over
    with commits_of(ledger) as commits:
        await asyncio.gather(
            *(site.record_meter_values(f"CP{n}", 1, None, (register(1, n),), after(1)) for n in range(200))
        )
    assert commits == ["ledger-writer"]


async def test_more_than_a_batch_is_kept_in_several(ledger: Ledger, site: SiteLedger) -> None:
    await asyncio.gather(*(site.record_meter_values("CP1", 1, None, (register(n, n),), after(n)) for n in range(1500)))
    assert len(await site.meter_values(EVSE)) == 1500


async def test_calls_are_done_in_the_order_they_were_made(site: SiteLedger) -> None:
    kept = await site.start_transaction(started())
    results = await asyncio.gather(
        *(
            site.record_meter_values("CP1", 1, kept.transaction_id, (register(n * 10, 1000 + n),), after(n * 10))
            for n in range(1, 100)
        ),
        site.stop_transaction(stopped(kept.transaction_id, 1000, None)),
    )
    energies = [result.energy_wh for result in results[:-1]]  # type: ignore[union-attr]
    assert energies == list(range(1, 100))
    assert results[-1][1].energy_wh == 99  # type: ignore[index, union-attr]


async def test_one_record_that_can_not_be_kept_fails_alone(ledger: Ledger, site: SiteLedger) -> None:
    """A lone surrogate is valid in JSON and in no database."""
    before = await site.start_transaction(started(key=EvseKey("CP9", 1)))
    _, *results = await asyncio.gather(
        site.record_meter_values("CP9", 1, before.transaction_id, (register(10, 1050),), after(10)),
        *(site.start_transaction(started(n, token="\ud800" if n == 3 else f"TAG{n}")) for n in range(8)),
        return_exceptions=True,
    )
    assert isinstance(results[3], StoreError)
    assert [isinstance(result, BaseException) for result in results].count(True) == 1
    assert [kept.id_token for kept in await site.open_transactions("CP1")] == [f"TAG{n}" for n in range(8) if n != 3]
    (counted,) = await site.open_transactions("CP9")
    assert counted.energy_wh == 50
    assert len(await site.meter_values(EvseKey("CP9", 1))) == 1


async def test_a_commit_that_fails_is_told_and_leaves_nothing_behind(ledger: Ledger, site: SiteLedger) -> None:
    kept = await site.start_transaction(started())

    def fail(connection: sa.Connection) -> None:
        raise OSError("disk full")

    sa.event.listen(ledger._engine, "commit", fail)
    with pytest.raises(StoreError, match="disk full"):
        await site.record_meter_values("CP1", 1, kept.transaction_id, (register(10, 1050),), after(10))
    with pytest.raises(StoreError, match="disk full"):
        await site.start_transaction(started(5))
    sa.event.remove(ledger._engine, "commit", fail)

    assert await site.meter_values(EVSE) == ()
    assert await site.open_transactions("CP1") == (kept,)
    bound = await site.record_meter_values("CP1", 1, None, (register(20, 1060),), after(20))
    assert bound is not None
    assert (bound.transaction_id, bound.energy_wh) == (kept.transaction_id, 60)


async def test_no_token_is_told_by_an_error(ledger: Ledger, site: SiteLedger) -> None:
    await site.start_transaction(started())
    with ledger._engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE transactions RENAME COLUMN token_sealed TO gone")
    with pytest.raises(StoreError) as failed:
        await site.start_transaction(started(5, token="SECRET1"))
    assert "SECRET1" not in str(failed.value)
    with pytest.raises(StoreError, match="can't be read"):
        await site.open_transactions("CP1")


async def test_a_caller_that_gives_up_disturbs_nobody(site: SiteLedger) -> None:
    giving_up = asyncio.ensure_future(site.plug_in(EVSE, after(0)))
    staying = asyncio.ensure_future(site.plug_in(EvseKey("CP2", 1), after(0)))
    await asyncio.sleep(0)
    giving_up.cancel()
    assert (await staying).station_id == "CP2"
    assert len(await site.sessions()) == 2


async def test_closing_keeps_what_was_asked_for(path: Path) -> None:
    ledger = await Ledger.open(path)
    asked = [asyncio.ensure_future(ledger.site("home").plug_in(EvseKey(f"CP{n}", 1), after(0))) for n in range(50)]
    await asyncio.sleep(0)
    await ledger.close()
    assert len(await asyncio.gather(*asked)) == 50
    again = await Ledger.open(path)
    assert len(await again.site("home").sessions()) == 50
    await again.close()


async def test_a_closed_ledger_refuses_and_leaves_no_thread(path: Path) -> None:
    ledger = await Ledger.open(path)
    site = ledger.site("home")
    await site.sessions()
    await ledger.close()
    await ledger.close()
    with pytest.raises(StoreError, match="closed"):
        await site.plug_in(EVSE, after(0))
    with pytest.raises(StoreError, match="closed"):
        await site.sessions()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("ledger-")]


async def test_reading_goes_on_while_another_transaction_writes(ledger: Ledger, site: SiteLedger) -> None:
    await site.plug_in(EVSE, after(0))
    with ledger._writer._engine.begin():
        assert len(await site.sessions()) == 1


CHILD = f"""
import asyncio, sys
from pathlib import Path
from custom_components.smart_charging.engine.ledger import Ledger
from tests.engine.ledger.builders import EvseKey, after, register, started

async def station(site, name):
    kept = await site.start_transaction(started(key=EvseKey(name, 1)))
    print("started", name, kept.transaction_id, flush=True)
    n = 0
    while True:
        n += 1
        values = (register(n * 10, 1000 + n),)
        await site.record_meter_values(name, 1, kept.transaction_id, values, after(n * 10))
        print("kept", name, n, flush=True)

async def main():
    site = (await Ledger.open(Path(sys.argv[1]))).site("home")
    await asyncio.gather(*(station(site, f"CP{{n}}") for n in range({STATIONS})))

asyncio.run(main())
"""


async def test_a_killed_process_loses_nothing_acknowledged(path: Path) -> None:
    acknowledged: dict[str, int] = {}
    ids: dict[str, str] = {}

    def note(line: str) -> None:
        word, name, told = line.split()
        if word == "started":
            ids[name] = told
        else:
            acknowledged[name] = int(told)

    def run_and_kill() -> int:
        command = [sys.executable, "-c", CHILD, str(path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for count, line in enumerate(child.stdout):
                note(line)
                if count == 40 * STATIONS:
                    child.send_signal(signal.SIGKILL)
                    break
            for line in child.stdout:
                if line.endswith("\n") and len(line.split()) == 3:
                    note(line)
            return child.wait()

    assert await asyncio.to_thread(run_and_kill) == -signal.SIGKILL
    assert len(acknowledged) == STATIONS

    ledger = await Ledger.open(path)
    site = ledger.site("home")
    for name, last in acknowledged.items():
        (kept,) = await site.open_transactions(name)
        assert kept.transaction_id == ids[name]
        assert kept.energy_wh >= last
        readings = await site.meter_values(EvseKey(name, 1), transaction_id=kept.transaction_id)
        assert [reading.time for reading in readings] == [after(n * 10) for n in range(1, len(readings) + 1)]
        assert len(readings) == kept.energy_wh
    await ledger.close()
