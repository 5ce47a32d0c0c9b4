"""All that is kept of a session in one read, and what meters sign: kept once, encrypted, bounded."""

from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
import sqlalchemy as sa

from custom_components.smart_charging.engine.energy_origin import EnergyOrigin, OriginSlot
from custom_components.smart_charging.engine.ledger import (
    Ledger,
    SiteLedger,
    session_records,
    start_with_new_key,
    tables,
)
from custom_components.smart_charging.engine.ledger.signed import MOST_OF_A_TRANSACTION, MOST_OF_ITS_ENDS
from custom_components.smart_charging.engine.model import MeterValue, SignedValue
from custom_components.smart_charging.engine.session_record import RegisterReading, SessionRecord, SignedReading
from custom_components.smart_charging.engine.stays import stays_of
from tests.engine.stays.builders import check

from .builders import EVSE, after, register, started, stopped
from .old_ledger import make_ledger

BEGIN = SignedValue("OCMF|begin|{}", "Transaction.Begin", "ECDSA", "OCMF", "key")
END = SignedValue("OCMF|end|{}", "Transaction.End")


def signed(seconds: float, *values: SignedValue) -> MeterValue:
    return MeterValue(after(seconds), (), values)


async def record_of(site: SiteLedger, session_id: int) -> SessionRecord:
    record = await site.session_record(session_id)
    assert record is not None
    return record


async def test_a_record_has_all_of_a_session_as_it_came(site: SiteLedger) -> None:
    session = await site.plug_in(EVSE, after(-10))
    tx = await site.start_transaction(replace(started(), live=True))
    for seconds, wh, heard in ((20, 1040, 20), (10, 1020, 25)):
        await site.record_meter_values("CP1", 1, tx.transaction_id, (register(seconds, wh),), after(heard))
    await site.record_meter_values("CP1", 1, tx.transaction_id, (signed(21, BEGIN),), after(21))
    await site.stop_transaction(stopped(tx.transaction_id, 60, 1100, values=(signed(60, BEGIN, END),)))
    await site.plug_out(EVSE, after(90))
    slots = {(session.session_id, after(0), at): OriginSlot(at, 10.0, 5.0, 1.0) for at in (after(0), after(900))}
    more = {(session.session_id, after(30), after(0)): OriginSlot(after(0), 1.0, 2.0, 3.0)}
    await site.save_origins({session.session_id: EnergyOrigin(21.0)}, slots | more, {after(0): 0.25})
    await site.save_origins({}, more, {after(0): 0.5, after(-900): 0.1})

    record = await record_of(site, session.session_id)
    (one,) = record.transactions
    assert one.readings == (RegisterReading(after(20), after(20), 1040), RegisterReading(after(10), after(25), 1020))
    assert (one.received_at, one.stop_received_at, one.lost) == (after(0), after(60), False)
    assert one.signed == (
        SignedReading(after(21), BEGIN),
        SignedReading(after(60), BEGIN),
        SignedReading(after(60), END),
    )
    assert one.transaction.energy_wh == 100
    assert record.slots == (OriginSlot(after(0), 11.0, 7.0, 4.0), OriginSlot(after(900), 10.0, 5.0, 1.0))
    assert record.prices == {after(0): 0.25, after(-900): 0.1}
    assert record.session.plugged_out_at == after(90)
    check(record, stays_of(record))
    assert await site.signed_values(session.session_id) == {tx.transaction_id: one.signed}


async def test_a_site_has_no_records_of_another(ledger: Ledger, site: SiteLedger) -> None:
    tx = await site.start_transaction(started())
    await site.record_meter_values("CP1", 1, tx.transaction_id, (signed(1, END),), after(1))
    other = ledger.site("office")
    assert await other.session_record(tx.session_id) is None
    assert await other.signed_values(tx.session_id) == {}
    await other.save_origins({}, {(tx.session_id, after(0), after(0)): OriginSlot(after(0), 9.0)}, {after(0): 1.0})
    record = await record_of(site, tx.session_id)
    assert (record.slots, dict(record.prices)) == ((), {})


async def test_of_a_flood_of_readings_some_are_read_that_span_it_all(site: SiteLedger) -> None:
    tx = await site.start_transaction(started())
    values = tuple(register(seconds, 1000 + seconds) for seconds in range(1, 101))
    await site.record_meter_values("CP1", 1, tx.transaction_id, values, after(100))
    with patch.object(session_records, "MOST_READINGS", 16):
        record = await record_of(site, tx.session_id)
    (one,) = record.transactions
    assert 8 <= len(one.readings) <= 17
    assert one.readings[0].register_wh == 1001
    assert one.readings[-1].register_wh > 1090
    check(record, stays_of(record))


async def test_what_is_signed_is_kept_once_and_belongs_to_a_transaction(site: SiteLedger) -> None:
    tx = await site.start_transaction(started())
    for _ in range(3):
        await site.record_meter_values("CP1", 1, tx.transaction_id, (signed(5, BEGIN),), after(5))
    assert await site.meter_values(EVSE) == ()
    await site.stop_transaction(stopped(tx.transaction_id, 60, 1100))
    await site.record_meter_values("CP1", 1, None, (signed(500, END),), after(500))
    assert await site.signed_values(tx.session_id) == {tx.transaction_id: (SignedReading(after(5), BEGIN),)}


async def test_a_station_that_signs_each_sample_fills_nobodys_disk_and_its_end_is_still_kept(site: SiteLedger) -> None:
    tx = await site.start_transaction(started())
    samples = [signed(n, SignedValue(f"OCMF|{n}|{{}}")) for n in range(MOST_OF_A_TRANSACTION + 20)]
    await site.record_meter_values("CP1", 1, tx.transaction_id, samples, after(1))
    ends = tuple(signed(n, END) for n in range(MOST_OF_ITS_ENDS + 5))
    await site.stop_transaction(stopped(tx.transaction_id, 900, 1100, values=ends))
    (kept,) = (await site.signed_values(tx.session_id)).values()
    assert len(kept) == MOST_OF_A_TRANSACTION + MOST_OF_ITS_ENDS


async def test_a_copy_of_the_database_does_not_tell_what_was_signed_nor_does_a_new_key(path: Path) -> None:
    ledger = await Ledger.open(path)
    site = ledger.site("home")
    tx = await site.start_transaction(started())
    value = SignedValue('OCMF|{"ID":"SECRET-TAG"}|{}')
    await site.record_meter_values("CP1", 1, tx.transaction_id, (signed(5, value),), after(5))
    assert "SECRET" not in repr(value)
    await ledger.close()
    files = [one.read_bytes() for one in path.parent.glob("smart_charging.db*")]
    assert files
    assert not any(b"SECRET" in content for content in files)
    start_with_new_key(path)
    ledger = await Ledger.open(path)
    assert await ledger.site("home").signed_values(tx.session_id) == {}
    await ledger.close()


async def test_a_session_that_is_given_up_takes_its_quarter_hours_along(ledger: Ledger, site: SiteLedger) -> None:
    queued = await site.start_transaction(started(received=600))
    row = queued.session_id
    await site.save_origins({}, {(row, after(0), after(0)): OriginSlot(after(0), 9.0)})
    await site.plug_in(EVSE, after(700))
    moved = await site.take_into_session(EVSE, queued.transaction_id)
    assert moved is not None
    assert moved.session_id != row
    await site.save_origins({}, {(row, after(0), after(0)): OriginSlot(after(0), 9.0)})
    left = sa.select(sa.func.count()).select_from(tables.origin_slots)
    assert await ledger.read(lambda connection: connection.execute(left).scalar()) == 0


@pytest.mark.parametrize("revision", ["0001", "0007"])
async def test_an_older_ledger_gets_the_tables(path: Path, revision: str) -> None:
    make_ledger(path, revision)
    ledger = await Ledger.open(path)
    session = await ledger.site("home").plug_in(EVSE, after(0))
    record = await record_of(ledger.site("home"), session.session_id)
    assert (record.transactions, record.slots, dict(record.prices)) == ((), (), {})
    await ledger.close()
