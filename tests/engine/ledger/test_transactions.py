"""Transactions: kept once, ended once, and only by their own station."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
import secrets

import pytest
import sqlalchemy as sa

from custom_components.smart_charging.engine.csms.store import StationMemory, TransactionStore
from custom_components.smart_charging.engine.ledger import Ledger, SiteLedger, tables
from custom_components.smart_charging.engine.model import EvseKey, StopOutcome, TransactionStart

from .builders import EVSE, T0, after, register, started, stopped


async def test_a_sites_ledger_is_what_the_central_system_asks_for(site: SiteLedger) -> None:
    store: TransactionStore = site
    memory: StationMemory = site
    kept = await store.start_transaction(started())
    assert await store.open_transactions("CP1") == (kept,)
    assert await memory.load("CP1") == {}


async def test_a_transaction_is_kept_with_the_stations_own_time(site: SiteLedger) -> None:
    kept = await site.start_transaction(started(-86_400, received=0))
    assert kept.started_at == after(-86_400)
    assert kept.meter_start_wh == 1000
    assert kept.energy_wh == 0
    assert await site.open_transactions("CP1") == (kept,)


async def test_times_come_back_in_utc_to_the_microsecond(site: SiteLedger) -> None:
    told = datetime(2026, 3, 29, 3, 30, 0, 123457, tzinfo=timezone(timedelta(hours=2)))
    await site.start_transaction(replace(started(), started_at=told))
    (kept,) = await site.open_transactions("CP1")
    assert kept.started_at == told
    assert kept.started_at.tzinfo is UTC


async def test_ids_fit_31_bits_and_differ(site: SiteLedger) -> None:
    kept = await asyncio.gather(*(site.start_transaction(started(n)) for n in range(50)))
    ids = {int(transaction.transaction_id) for transaction in kept}
    assert len(ids) == 50
    assert all(0 < number < 2**31 for number in ids)


async def test_an_id_in_use_is_not_given_again(site: SiteLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([4711, 4711, 4711, 815])
    monkeypatch.setattr(secrets, "randbelow", lambda _: next(drawn) - 1)
    first = await site.start_transaction(started(0))
    second = await site.start_transaction(started(0, key=EvseKey("CP2", 1)))
    assert (first.transaction_id, second.transaction_id) == ("4711", "815")


async def test_a_repeated_start_is_the_same_transaction(site: SiteLedger) -> None:
    kept = await site.start_transaction(started(token="Tag1"))
    again = await site.start_transaction(started(token="tAG1", received=30))
    assert again == kept
    assert len(await site.open_transactions("CP1")) == 1


async def test_a_start_repeated_after_the_stop_is_the_same_transaction(site: SiteLedger) -> None:
    kept = await site.start_transaction(started())
    await site.stop_transaction(stopped(kept.transaction_id, 60, 1200))
    again = await site.start_transaction(started())
    assert (again.transaction_id, again.energy_wh) == (kept.transaction_id, 200)
    assert await site.open_transactions("CP1") == ()


@pytest.mark.parametrize(
    "other",
    [
        started(1),
        started(token="TAG2"),
        started(meter_wh=1001),
        started(key=EvseKey("CP1", 2)),
        started(key=EvseKey("CP2", 1)),
    ],
)
async def test_a_start_that_differs_is_another_transaction(site: SiteLedger, other: TransactionStart) -> None:
    kept = await site.start_transaction(started())
    second = await site.start_transaction(other)
    assert second.transaction_id != kept.transaction_id


async def test_sites_do_not_see_each_other(ledger: Ledger, site: SiteLedger) -> None:
    kept = await site.start_transaction(started())
    other = ledger.site("office")
    assert await other.open_transactions("CP1") == ()
    assert (await other.start_transaction(started())).transaction_id != kept.transaction_id
    assert await other.stop_transaction(stopped(kept.transaction_id, 60, 1200)) == (StopOutcome.UNKNOWN, None)
    assert await other.close_lost_transaction(kept.transaction_id, "CP1", after(60)) is None


async def test_a_stop_ends_its_transaction(site: SiteLedger) -> None:
    kept = await site.start_transaction(started())
    outcome, ended = await site.stop_transaction(stopped(kept.transaction_id, 3600, 8000, reason="EVDisconnected"))
    assert outcome is StopOutcome.STOPPED
    assert ended == replace(
        kept, energy_wh=7000, stopped_at=after(3600), meter_stop_wh=8000, stop_reason="EVDisconnected"
    )
    assert await site.open_transactions("CP1") == ()


async def test_a_repeated_stop_changes_nothing(site: SiteLedger) -> None:
    kept = await site.start_transaction(started())
    _, ended = await site.stop_transaction(stopped(kept.transaction_id, 3600, 8000))
    repeated = stopped(kept.transaction_id, 7200, 9000, values=(register(5000, 9000),))
    assert await site.stop_transaction(repeated) == (StopOutcome.REPEATED, ended)
    assert await site.lifetime_energy_wh(EVSE) == 7000
    assert await site.meter_values(EVSE) == ()


async def test_two_stops_at_once_end_a_transaction_once(site: SiteLedger) -> None:
    kept = await site.start_transaction(started())
    stop = stopped(kept.transaction_id, 3600, 8000)
    outcomes = await asyncio.gather(site.stop_transaction(stop), site.stop_transaction(stop))
    assert [outcome for outcome, _ in outcomes] == [StopOutcome.STOPPED, StopOutcome.REPEATED]
    assert await site.lifetime_energy_wh(EVSE) == 7000


@pytest.mark.parametrize("wrong", ["0", "-1", "999", ""])
async def test_a_stop_for_an_unknown_id_is_kept_apart(ledger: Ledger, site: SiteLedger, wrong: str) -> None:
    kept = await site.start_transaction(started())
    orphan = stopped(wrong, 3600, 8000, values=(register(3600, 8000),))
    assert await site.stop_transaction(orphan) == (StopOutcome.UNKNOWN, None)
    assert await site.stop_transaction(orphan) == (StopOutcome.UNKNOWN, None)
    assert await site.open_transactions("CP1") == (kept,)
    rows = await ledger.read(lambda connection: connection.execute(sa.select(tables.orphan_stops)).all())
    assert [(row.transaction_id, row.stopped_at, row.meter_stop_wh) for row in rows] == [(wrong, after(3600), 8000)]
    assert rows[0].readings[0][1] == [["E", 8000]]


async def test_a_stop_for_another_stations_transaction_is_kept_apart(site: SiteLedger) -> None:
    kept = await site.start_transaction(started())
    foreign = stopped(kept.transaction_id, 3600, 8000, station_id="CP2")
    assert await site.stop_transaction(foreign) == (StopOutcome.UNKNOWN, None)
    assert await site.open_transactions("CP1") == (kept,)


async def test_without_meter_stop_the_last_register_counts(site: SiteLedger) -> None:
    kept = await site.start_transaction(started())
    await site.record_meter_values("CP1", 1, kept.transaction_id, (register(10, 1040),), after(10))
    _, ended = await site.stop_transaction(stopped(kept.transaction_id, 20, None))
    assert ended is not None
    assert (ended.energy_wh, ended.meter_stop_wh) == (40, None)


async def test_readings_in_the_stop_are_kept_and_counted(site: SiteLedger) -> None:
    kept = await site.start_transaction(started())
    values = (register(10, 1030), register(20, 1060))
    _, ended = await site.stop_transaction(stopped(kept.transaction_id, 20, None, values=values))
    assert ended is not None
    assert ended.energy_wh == 60
    assert await site.meter_values(EVSE, transaction_id=kept.transaction_id) == values


async def test_a_queued_transaction_arrives_beside_a_live_one(site: SiteLedger) -> None:
    live = await site.start_transaction(started(0, meter_wh=9000))
    queued = await site.start_transaction(started(-7200, meter_wh=1000, received=1))
    await site.record_meter_values("CP1", 1, live.transaction_id, (register(10, 9050),), after(10))
    await site.record_meter_values("CP1", 1, queued.transaction_id, (register(-7000, 2000),), after(11))
    _, ended = await site.stop_transaction(stopped(queued.transaction_id, -3600, 8000))
    assert ended is not None
    assert (ended.started_at, ended.stopped_at, ended.energy_wh) == (after(-7200), after(-3600), 7000)
    assert [transaction.energy_wh for transaction in await site.open_transactions("CP1")] == [50]


async def test_open_transactions_come_oldest_first(site: SiteLedger) -> None:
    for seconds in (50, 10, 30):
        await site.start_transaction(started(seconds, key=EvseKey("CP1", seconds)))
    assert [kept.started_at for kept in await site.open_transactions("CP1")] == [after(10), after(30), after(50)]


async def test_a_lost_transaction_ends_at_its_last_known_energy(site: SiteLedger) -> None:
    kept = await site.start_transaction(started())
    await site.record_meter_values("CP1", 1, kept.transaction_id, (register(10, 1040),), after(10))
    ended = await site.close_lost_transaction(kept.transaction_id, "CP1", after(600))
    assert ended == replace(kept, energy_wh=40, stopped_at=after(600), stop_reason="Lost")
    assert await site.close_lost_transaction(kept.transaction_id, "CP1", after(900)) == ended
    assert await site.open_transactions("CP1") == ()
    assert await site.lifetime_energy_wh(EVSE) == 40


async def test_only_its_own_station_can_lose_a_transaction(site: SiteLedger) -> None:
    kept = await site.start_transaction(started())
    assert await site.close_lost_transaction(kept.transaction_id, "CP2", after(600)) is None
    assert await site.open_transactions("CP1") == (kept,)


async def test_the_real_stop_of_a_lost_transaction_counts_once(site: SiteLedger) -> None:
    kept = await site.start_transaction(started())
    await site.record_meter_values("CP1", 1, kept.transaction_id, (register(10, 1040),), after(10))
    await site.close_lost_transaction(kept.transaction_id, "CP1", after(600))
    stop = stopped(kept.transaction_id, 3600, 8000, reason="PowerLoss", values=(register(3000, 7000),))
    outcome, ended = await site.stop_transaction(stop)
    assert outcome is StopOutcome.STOPPED
    assert ended is not None
    assert (ended.energy_wh, ended.stopped_at, ended.stop_reason) == (7000, after(3600), "PowerLoss")
    assert await site.lifetime_energy_wh(EVSE) == 7000
    assert await site.stop_transaction(stop) == (StopOutcome.REPEATED, ended)


async def test_readings_in_the_real_stop_of_a_lost_transaction_count(site: SiteLedger) -> None:
    kept = await site.start_transaction(started())
    await site.close_lost_transaction(kept.transaction_id, "CP1", after(600))
    values = (register(3000, 7000),)
    _, ended = await site.stop_transaction(stopped(kept.transaction_id, 3600, None, values=values))
    assert ended is not None
    assert ended.energy_wh == 6000
    assert await site.lifetime_energy_wh(EVSE) == 6000


async def test_lifetime_energy_adds_ended_and_open_transactions(site: SiteLedger) -> None:
    assert await site.lifetime_energy_wh(EVSE) == 0
    first = await site.start_transaction(started())
    await site.stop_transaction(stopped(first.transaction_id, 3600, 8000))
    second = await site.start_transaction(started(4000, meter_wh=8000))
    await site.record_meter_values("CP1", 1, second.transaction_id, (register(4100, 8200),), after(4100))
    await site.start_transaction(started(0, key=EvseKey("CP1", 2)))
    assert await site.lifetime_energy_wh(EVSE) == 7200


async def test_an_open_transaction_goes_on_after_a_restart(path: Path) -> None:
    before = await Ledger.open(path)
    kept = await before.site("home").start_transaction(started())
    for seconds, wh in ((10, 1040), (20, 0)):
        await before.site("home").record_meter_values(
            "CP1", 1, kept.transaction_id, (register(seconds, wh),), after(seconds)
        )
    await before.close()

    again = await Ledger.open(path)
    site = again.site("home")
    assert await site.open_transactions("CP1") == (replace(kept, energy_wh=40),)
    bound = await site.record_meter_values("CP1", 1, None, (register(30, 30),), after(30))
    assert bound == replace(kept, energy_wh=70)  # the register of 0 was the new meter's first
    assert (await site.start_transaction(started())).transaction_id == kept.transaction_id
    outcome, ended = await site.stop_transaction(stopped(kept.transaction_id, 40, 60))
    await again.close()
    assert outcome is StopOutcome.STOPPED
    assert ended is not None
    assert ended.energy_wh == 100


async def test_a_time_without_zone_is_refused(site: SiteLedger) -> None:
    with pytest.raises(Exception, match="zone"):
        await site.start_transaction(replace(started(), started_at=T0.replace(tzinfo=None)))


async def test_a_stations_own_id_makes_the_transaction(site: SiteLedger) -> None:
    kept = await site.start_transaction(replace(started(), transaction_id="a-b"))
    again = await site.start_transaction(replace(started(60, token="other"), transaction_id="a-b"))
    assert (kept.transaction_id, again) == ("a-b", kept)


async def test_an_own_id_is_unique_only_at_its_station(site: SiteLedger) -> None:
    first = await site.start_transaction(replace(started(), transaction_id="1"))
    second = await site.start_transaction(replace(started(key=EvseKey("CP2", 1)), transaction_id="1"))
    await site.stop_transaction(stopped("1", 3600, 2000, station_id="CP2"))
    assert await site.open_transactions("CP1") == (first,)
    assert await site.open_transactions("CP2") == ()
    assert second.station_id == "CP2"


async def test_two_transactions_that_look_alike_are_told_apart_by_their_ids(site: SiteLedger) -> None:
    first = await site.start_transaction(replace(started(token=""), transaction_id="1"))
    second = await site.start_transaction(replace(started(token=""), transaction_id="2"))
    assert await site.open_transactions("CP1") == (first, second)
    assert (second.started_at - first.started_at) == timedelta(microseconds=1)  # a clock that stands still


async def test_an_unknown_register_at_the_start_stays_unknown(site: SiteLedger) -> None:
    kept = await site.start_transaction(replace(started(), transaction_id="1", meter_start_wh=None))
    assert await site.open_transactions("CP1") == (kept,)
    assert kept.meter_start_wh is None
    await site.record_meter_values("CP1", 1, "1", (register(60, 500.0), register(120, 600.0)), after(120))
    outcome, ended = await site.stop_transaction(stopped("1", 180, 650))
    assert outcome is StopOutcome.STOPPED
    assert ended is not None
    assert ended.energy_wh == 150.0


async def test_a_token_that_comes_later_is_kept_and_none_replaces_it(site: SiteLedger) -> None:
    await site.start_transaction(replace(started(token=""), transaction_id="1"))
    named = await site.identify_transaction("CP1", "1", "TAG")
    assert named is not None
    assert named.id_token == "TAG"
    assert await site.identify_transaction("CP1", "1", "OTHER") == named
    assert await site.open_transactions("CP1") == (named,)
    assert await site.identify_transaction("CP1", "unknown", "TAG") is None
