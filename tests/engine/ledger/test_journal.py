"""Readings wait in SQLite's journal until they are filed, and are never missing where somebody looks."""

import asyncio
from pathlib import Path

from hypothesis import HealthCheck, given, settings, strategies as st
import pytest
import sqlalchemy as sa

from custom_components.smart_charging.engine.ledger import Ledger, SiteLedger, journal, tables
from custom_components.smart_charging.engine.model import EvseKey, Measurand, MeterValue, SampledValue
from tests.engine.ledger.builders import EVSE, after, register, started, stopped


async def counted(ledger: Ledger) -> tuple[int, int]:
    """Return how many rows journal and table of readings have."""

    async def rows(table: sa.Table) -> int:
        query = sa.select(sa.func.count()).select_from(table)
        return await ledger.read(lambda connection: connection.scalars(query).one())

    return await rows(tables.reading_journal), await rows(tables.meter_values)


async def test_readings_of_a_moment_are_one_row_until_somebody_looks(ledger: Ledger, site: SiteLedger) -> None:
    await asyncio.gather(
        *(site.record_meter_values(f"CP{n}", 1, None, (register(n, n),), after(n)) for n in range(100))
    )
    journalled, filed = await counted(ledger)
    assert 1 <= journalled < 10
    assert filed == 0
    assert [value.time for value in await site.meter_values(EvseKey("CP42", 1))] == [after(42)]
    assert await counted(ledger) == (0, 100)


async def test_a_full_journal_is_filed_by_itself(
    ledger: Ledger, site: SiteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "FILED_AT", 10)
    for n in range(25):
        await site.record_meter_values("CP1", 1, None, (register(n, n),), after(n))
    await site.open_session(EVSE)
    assert await counted(ledger) == (5, 20)


async def test_what_an_ended_process_left_in_the_journal_is_found_by_the_next(path: Path) -> None:
    first = await Ledger.open(path)
    kept = await first.site("home").start_transaction(started())
    await first.site("home").record_meter_values("CP1", 1, kept.transaction_id, (register(10, 1030),), after(10))
    await first.close()
    second = await Ledger.open(path)
    site = second.site("home")
    await site.record_meter_values("CP1", 1, kept.transaction_id, (register(20, 1060),), after(20))
    found = await site.meter_values(EVSE, transaction_id=kept.transaction_id)
    assert [value.time for value in found] == [after(10), after(20)]
    await second.close()


async def test_what_an_ended_process_left_is_filed_by_the_next(path: Path) -> None:
    first = await Ledger.open(path)
    await first.site("home").record_meter_values("CP1", 1, None, (register(10, 1030),), after(10))
    await first.close()
    second = await Ledger.open(path)
    await second.site("home").plug_in(EVSE, after(20))  # comes after it in the one thread that writes
    assert await counted(second) == (0, 1)
    await second.close()


async def test_readings_are_kept_on_a_disk_without_room_to_file_them(
    ledger: Ledger, site: SiteLedger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(journal, "FILED_AT", 10)
    with ledger._engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON meter_values BEGIN SELECT RAISE(FAIL, 'disk is full'); END"
        )
    for n in range(25):
        await site.record_meter_values("CP1", 1, None, (register(n, n),), after(n))
    assert (await counted(ledger))[0] == 25
    assert "stay in the ledger's journal" in caplog.text
    with ledger._engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER full")
    assert len(await site.meter_values(EVSE)) == 25


async def test_a_site_is_removed_with_what_it_has_in_the_journal_and_no_other(ledger: Ledger) -> None:
    for name in ("home", "work"):
        await ledger.site(name).record_meter_values("CP1", 1, None, (register(10, 1030),), after(10))
    await ledger.site("home").remove_site()
    assert await ledger.site("home").meter_values(EVSE) == ()
    assert len(await ledger.site("work").meter_values(EVSE)) == 1


async def test_a_late_stop_gives_back_readings_that_were_not_filed_yet(site: SiteLedger) -> None:
    kept = await site.start_transaction(started())
    for seconds, wh in ((10, 1030), (20, 1060), (900, 5000)):
        await site.record_meter_values("CP1", 1, kept.transaction_id, (register(seconds, wh),), after(seconds))
    _, ended = await site.stop_transaction(stopped(kept.transaction_id, 30, meter_wh=1060))
    assert ended is not None
    assert ended.energy_wh == 60
    assert len(await site.meter_values(EVSE, transaction_id=kept.transaction_id)) == 2
    assert len(await site.meter_values(EVSE)) == 3


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
samples = st.builds(
    SampledValue,
    measurand=st.sampled_from(Measurand),
    value=st.floats(allow_nan=False, allow_infinity=False),
    phase=st.none() | st.sampled_from(["L1", "L2-N", "N"]),
    context=st.just("Sample.Periodic") | texts,
    location=st.just("Outlet") | texts,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.lists(samples, min_size=1, max_size=8).map(tuple), min_size=1, max_size=5))
async def test_whatever_is_read_comes_out_of_the_journal_as_it_went_in(
    site: SiteLedger, values: list[tuple[SampledValue, ...]]
) -> None:
    before = len(await site.meter_values(EVSE))
    for number, some in enumerate(values):
        await site.record_meter_values("CP1", 1, None, (MeterValue(after(before + number), some),), after(0))
    assert [value.values for value in (await site.meter_values(EVSE))[before:]] == values
