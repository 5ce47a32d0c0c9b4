"""Charge records: each change a new version, each price once, found fast, and summed by day."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
import time

import pytest
import sqlalchemy as sa

from custom_components.smart_charging.engine.charge_record import LineKind, StatementOf
from custom_components.smart_charging.engine.ledger import AllowanceUse, Ledger, RecordSums, SiteLedger
from custom_components.smart_charging.engine.ledger.billing_tables import charge_records
from custom_components.smart_charging.engine.ledger.charge_records import keep
from custom_components.smart_charging.engine.model import EvseKey, StoreError

from .billing_builders import JUNE, D, charged, line
from .builders import EVSE, after, register, started, stopped

JULY = date(2026, 7, 1)


async def test_a_record_is_kept_once_and_a_changed_one_is_the_next_version(site: SiteLedger) -> None:
    (first,) = await site.records.keep(1, [charged(made_at=after(0))])
    assert (first.version, first) == (1, charged(made_at=after(0)))
    assert await site.records.keep(1, [charged(made_at=after(9), version=7)]) == (first,)
    (second,) = await site.records.keep(1, [charged(days=((JUNE, "11"),))])
    assert (second.version, second.gross) == (2, D("3.30"))
    (third,) = await site.records.keep(1, [charged()])
    assert third.version == 3
    assert await site.records.versions(first.record_id) == (first, second, third)
    assert await site.records.all() == await site.records.of_session(1) == (third,)


async def test_what_a_session_does_not_come_to_any_more_is_empty(site: SiteLedger) -> None:
    one, two = charged(transaction="t1"), charged(transaction="t2", driver="ben", name="Ben")
    await site.records.keep(1, [one, two])
    both = charged(transaction="t1", days=((JUNE, "20"),), transaction_ids=("t1", "t2"))
    await site.records.keep(1, [both])
    (void,) = await site.records.all(StatementOf.DRIVER, "ben")
    assert (void.version, void.energy_wh, void.gross, void.transaction_ids, void.lines) == (2, 0, 0, (), ())
    assert [day.day for day in void.days] == [JUNE]
    await site.records.keep(1, [both])
    assert len(await site.records.versions(two.record_id)) == 2
    await site.records.keep(1, [one, two])
    assert [one.version for one in await site.records.all(StatementOf.DRIVER, "ben")] == [3]


async def test_a_transaction_that_moved_to_another_session_is_not_priced_twice(site: SiteLedger) -> None:
    await site.records.keep(1, [charged(1, transaction="t2")])
    await site.records.keep(2, [charged(2, transaction="t1", transaction_ids=("t1", "t2"))])
    found = {one.record_id: one.energy_wh for one in await site.records.all()}
    assert sorted(found.values()) == [0, 10_000]


@pytest.mark.parametrize(
    "records",
    [
        [charged(site_id="office")],
        [charged(2)],
        [charged(), charged()],
        [charged(record_id="")],
        [charged(ended_at=after(-(10**7)))],
        [charged(energy_wh=D(1))],
        [charged(energy_wh=D("NaN"))],
    ],
)
async def test_what_is_no_record_of_the_session_keeps_nothing(site: SiteLedger, records: list[object]) -> None:
    with pytest.raises(StoreError):
        await site.records.keep(1, [charged(transaction="t9"), *records])  # type: ignore[list-item]  # hostile ones too
    assert await site.records.all() == ()


async def test_records_are_found_by_whose_and_when_newest_first(ledger: Ledger, site: SiteLedger) -> None:
    told = {
        "t1": charged(1, transaction="t1", days=((JUNE, "1"), (JUNE + timedelta(1), "1"))),
        "t2": charged(2, transaction="t2", days=((date(2026, 6, 20), "1"),), group_id="g1", vehicle_id="v1"),
        "t3": charged(3, transaction="t3", days=((JULY, "1"),), driver="ben", name="Ben", group_id="g1"),
    }
    for number, record in enumerate(told.values(), 1):
        await site.records.keep(number, [record])

    async def found(*subject: object, **when: object) -> list[str]:
        return [one.transaction_ids[0] for one in await site.records.all(*subject, **when)]  # type: ignore[arg-type]

    assert await found() == ["t3", "t2", "t1"]
    assert await found(limit=1) == ["t3"]
    assert await found(StatementOf.DRIVER, "anna") == ["t2", "t1"]
    assert await found(StatementOf.GROUP, "g1") == ["t3", "t2"]
    assert await found(StatementOf.VEHICLE, "v1") == ["t2"]
    assert await found(StatementOf.STATION, "CP1") == ["t3", "t2", "t1"]
    assert await found(StatementOf.STATION, "CP2") == []
    assert await found(start=JUNE + timedelta(1), end=date(2026, 6, 20)) == ["t2", "t1"]
    assert await found(start=JUNE + timedelta(2)) == ["t3", "t2"]
    assert await found(end=JUNE) == ["t1"]
    assert await site.records.latest("anna") == told["t2"]
    assert await site.records.latest("nobody") is None
    assert await ledger.site("office").records.all() == ()


async def test_a_month_sums_its_days_of_the_newest_versions(site: SiteLedger) -> None:
    over_midnight = ((date(2026, 6, 30), "4"), (JULY, "6"))
    await site.records.keep(1, [charged(1, transaction="t1", days=over_midnight)])
    await site.records.keep(2, [charged(2, transaction="t2", days=((date(2026, 6, 3), "1"),))])
    await site.records.keep(2, [charged(2, transaction="t2", days=((date(2026, 6, 3), "2"),))])
    await site.records.keep(3, [charged(3, transaction="t3", driver="ben", name="Ben", currency="CHF")])
    anna = (StatementOf.DRIVER, "anna")
    assert await site.records.month_sums(date(2026, 6, 15), *anna) == RecordSums(D(6000), {"EUR": D("1.80")}, 2)
    assert await site.records.month_sums(JULY, *anna) == RecordSums(D(6000), {"EUR": D("1.80")}, 1)
    assert await site.records.month_sums(date(2026, 5, 31), *anna) == RecordSums()
    assert await site.records.month_sums(JUNE) == RecordSums(D(16000), {"EUR": D("1.80"), "CHF": D("3.00")}, 3)


async def test_what_of_an_allowance_was_given_is_what_a_stay_finds_when_it_is_priced_anew(
    ledger: Ledger, site: SiteLedger
) -> None:
    def with_free(number: int, day: date, kwh: str, **changes: object) -> object:
        free = replace(line(day, kwh, LineKind.ALLOWANCE), gross=-D(kwh) * D("0.30"))
        record = charged(number, transaction=f"t{number}", days=((day, "10"),), **changes)
        money = replace(line(day, "0", LineKind.ALLOWANCE), gross=D("-1.50"), net=D("-1.26"))
        return replace(record, lines=(*record.lines, free, money))

    for number, kwh in ((1, "4"), (2, "5"), (3, "6")):
        record = with_free(number, JUNE + timedelta(number), kwh, group_id="g1")
        await site.records.keep(number, [record])  # type: ignore[list-item]  # a record
    office = replace(
        charged(9, site_id="office"), record_id="o1", lines=(replace(line(JUNE, "1", LineKind.ALLOWANCE)),)
    )
    await ledger.site("office").records.keep(9, [office])
    used, anna = site.records.allowance_used, (StatementOf.DRIVER, "anna")
    assert (await used(JUNE, *anna)).quantity == 16
    assert await used(JUNE, StatementOf.GROUP, "g1") == AllowanceUse(D(15), D("4.50"))  # free energy is no money
    assert await used(JULY, *anna) == AllowanceUse()
    third = (await site.records.of_session(3))[0]
    assert (await used(JUNE, *anna, before=third.started_at)).quantity == 10
    assert (await used(JUNE, *anna, without=third.record_id)).quantity == 10


async def test_an_end_waits_to_be_priced_until_its_records_are_kept(site: SiteLedger) -> None:
    await site.plug_in(EVSE, after(0))
    kept = await site.start_transaction(started())
    assert await site.records.pending() == ()
    await site.stop_transaction(stopped(kept.transaction_id, 60, 1500))
    (waiting,) = await site.records.pending()
    assert waiting.session_id == kept.session_id
    await site.records.keep(waiting.session_id, [charged(waiting.session_id)], waiting)
    assert await site.records.pending() == ()
    await site.plug_out(EVSE, after(90))
    (again,) = await site.records.pending()
    assert again.mark > waiting.mark
    assert not await site.records.skip(waiting)
    assert await site.records.skip(again)
    assert await site.records.pending() == ()


async def test_what_changes_while_it_is_priced_goes_on_waiting(site: SiteLedger) -> None:
    kept = await site.start_transaction(started())
    await site.stop_transaction(stopped(kept.transaction_id, 60, 1500))
    (waiting,) = await site.records.pending()
    late = (register(30, 1200),)
    await site.record_meter_values("CP1", 1, kept.transaction_id, late, after(100))
    await site.records.keep(waiting.session_id, [charged(waiting.session_id)], waiting)
    (left,) = await site.records.pending()
    assert left.mark > waiting.mark


async def test_everything_that_changes_a_price_has_it_worked_out_anew(site: SiteLedger) -> None:
    async def waits() -> bool:
        found = await site.records.pending()
        for one in found:
            await site.records.skip(one)
        return bool(found)

    lost = await site.start_transaction(started(token=""))
    await site.record_meter_values("CP1", 1, lost.transaction_id, (register(10, 1010),), after(10))
    assert not await waits()
    await site.close_lost_transaction(lost.transaction_id, "CP1", after(50))
    assert await waits()
    await site.stop_transaction(stopped(lost.transaction_id, 60, 1600))
    assert await waits()
    await site.stop_transaction(stopped(lost.transaction_id, 60, 1600))
    assert not await waits()
    await site.identify_transaction("CP1", lost.transaction_id, "TAG7")
    assert await waits()
    await site.drivers.assign("CP1", lost.transaction_id, None)
    assert await waits()
    earlier = replace(started(500), transaction_id="own", live=True)
    await site.start_transaction(earlier)
    await site.drivers.assign("CP1", "own", None)
    assert not await waits()
    await site.stop_transaction(stopped("own", 600, 2000))
    assert await waits()
    await site.start_transaction(replace(earlier, started_at=after(480), meter_start_wh=900))
    assert await waits()
    await site.records.price_anew(lost.session_id)
    assert await waits()
    await site.plug_in(EvseKey("CP7", 1), after(0))
    await site.plug_out(EvseKey("CP7", 1), after(5))
    assert not await waits()


async def test_pending_sessions_are_the_sites_own_and_come_in_order(ledger: Ledger, site: SiteLedger) -> None:
    for number in (5, 3, 4):
        await site.records.price_anew(number)
    await ledger.site("office").records.price_anew(9)
    await site.records.price_anew(5)
    assert [one.session_id for one in await site.records.pending()] == [3, 4, 5]
    assert [one.session_id for one in await site.records.pending(2)] == [3, 4]


async def test_records_are_looked_up_by_index(ledger: Ledger, site: SiteLedger) -> None:
    """With thousands of records of others, a driver's month and last record take no longer."""

    def fill(book: object) -> None:
        for number in range(1500):
            day = JUNE + timedelta(number % 28)
            keep(
                book,  # type: ignore[arg-type]  # the writer's
                "home",
                number,
                [charged(number, transaction=f"t{number}", days=((day, "1"),), driver=f"d{number % 50}", name=None)],
                None,
            )

    await ledger.write(fill)
    sums, begun = await site.records.month_sums(JUNE, StatementOf.DRIVER, "d7"), time.process_time()
    for _ in range(20):
        await asyncio.gather(site.records.month_sums(JUNE, StatementOf.DRIVER, "d7"), site.records.latest("d7"))
    assert sums.records == 30
    columns = charge_records.c
    mine = sa.select(columns.id).where(
        columns.site_id == "home", columns.driver_id == "d7", columns.next_version.is_(None)
    )
    query = str(mine.order_by(columns.started_at.desc()).compile(compile_kwargs={"literal_binds": True}))
    plan = await ledger.read(lambda connection: connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").all())
    assert "ix_charge_records_driver" in str(plan)
    assert time.process_time() - begun < 5
