"""What is too old is taken away, and never what somebody still needs."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from custom_components.smart_charging.engine.charge_record import StatementOf
from custom_components.smart_charging.engine.energy_origin import OriginSlot
from custom_components.smart_charging.engine.ledger import Ledger, RecordSums, Removed, Retention, SiteLedger, retention
from custom_components.smart_charging.engine.model import EvseKey, SignedValue

from .billing_builders import FAR, JUNE, D, charged, issued, make_for, registered, selection
from .builders import EVSE, after, register, started, stopped

JULY = date(2026, 7, 1)
OLD = Retention(readings=after(10_000), sessions=after(10_000), records=JULY)


async def charge(site: SiteLedger, seconds: float = 0, key: EvseKey = EVSE) -> int:
    """Let a car charge 500 Wh, and return its session."""
    kept = await site.start_transaction(started(seconds, key=key))
    name = key.station_id
    values = (replace(register(seconds + 10, 1200), signed=(SignedValue("OCMF|{}|{}"),)),)
    await site.record_meter_values(name, key.evse_id, kept.transaction_id, values, after(seconds + 10))
    await site.stop_transaction(stopped(kept.transaction_id, seconds + 60, 1500, station_id=name))
    slots = {(kept.session_id, after(0), after(0)): OriginSlot(after(0), 20.0)}
    await site.save_origins({}, slots, {after(0): 0.3})
    return kept.session_id


async def priced(site: SiteLedger) -> None:
    for one in await site.records.pending():
        await site.records.skip(one)


async def test_what_is_kept_for_ever_stays_and_what_is_too_old_goes(site: SiteLedger) -> None:
    await charge(site)
    await site.stop_transaction(stopped("unknown", 5, 1))
    await charge(site, 20_000)
    await priced(site)
    assert await site.prune(Retention()) == Removed()
    assert await site.prune(OLD) == Removed(readings=1, sessions=1)
    (left,) = await site.sessions()
    assert left.plugged_in_at == after(20_000)
    assert [one.time for one in await site.meter_values(EVSE)] == [after(20_010)]
    assert await site.lifetime_energy_wh(EVSE) == 1000
    assert await site.prune(OLD) == Removed()


async def test_readings_go_before_their_session(site: SiteLedger) -> None:
    await charge(site)
    await site.record_meter_values("CP1", 1, None, (register(500, 5),), after(500))
    await priced(site)
    assert await site.prune(Retention(readings=after(10_000))) == Removed(readings=2)
    assert len(await site.sessions()) == 1


async def test_what_is_not_priced_or_not_over_stays(site: SiteLedger) -> None:
    session_id = await charge(site)
    running = await site.start_transaction(started(100, key=EvseKey("CP2", 1)))
    await site.record_meter_values("CP2", 1, running.transaction_id, (register(110, 1100),), after(110))
    await site.plug_in(EvseKey("CP3", 1), after(5))
    assert await site.prune(OLD) == Removed()
    await priced(site)
    await site.records.price_anew(session_id)
    assert await site.prune(OLD) == Removed()
    await priced(site)
    assert (await site.prune(OLD)).sessions == 1
    assert {one.station_id for one in await site.sessions()} == {"CP2", "CP3"}


async def test_a_record_goes_once_it_is_billed_and_its_statement_is_too_old(site: SiteLedger) -> None:
    await site.records.keep(1, [charged()])
    assert await site.prune(OLD) == Removed()
    made = await issued(site)
    assert made is not None
    assert await site.prune(replace(OLD, records=JUNE)) == Removed()
    assert await site.prune(OLD) == Removed(statements=1, records=1)
    assert await site.records.all() == ()
    assert await site.statements.statement("R-0001") is None
    (head,) = await site.statements.all()
    assert (head.number, head.gross, head.removed, head.hash) == ("R-0001", D("3.00"), True, made.hash)
    assert await issued(site) is None


async def test_what_went_still_counts_in_the_sums(ledger: Ledger, site: SiteLedger) -> None:
    await registered(site)
    for number in (1, 2):
        record = charged(number, transaction=f"t{number}", days=((JUNE, "1"), (JUNE + timedelta(1), "2")))
        await site.records.keep(number, [record])
        await issued(site)
        await site.prune(OLD)
    await site.records.keep(3, [charged(3, transaction="t3")])
    await site.records.keep(4, [charged(4, transaction="t4", driver=None, name=None, lines=())])
    await site.prune(OLD)
    anna, everybody = RecordSums(D(16000), {"EUR": D("4.80")}, 3), RecordSums(D(26000), {"EUR": D("4.80")}, 4)
    assert await site.records.month_sums(JUNE, StatementOf.DRIVER, "anna") == anna
    assert await site.records.month_sums(JUNE) == everybody
    assert [len(one.days) for one in await site.records.all()] == [1]
    assert (await site.records.month_sums(JUNE, StatementOf.STATION, "CP1")).records == 1
    told = await site.drivers.export("anna")
    (total,) = told["totals_of_removed_records"]  # type: ignore[misc]  # a list
    assert total["records"] == 2  # type: ignore[index, call-overload]  # JSON
    assert (await site.statements.verify()).broken is None
    assert told["statements"] == [{"number": "R-0001"}, {"number": "R-0002"}]


async def test_a_record_stays_while_any_statement_needs_any_version_of_it(site: SiteLedger) -> None:
    await site.records.keep(1, [charged()])
    await issued(site)
    await site.records.keep(1, [charged(days=((JUNE, "11"),))])
    asked = selection()
    late = replace

    def make(material):  # type: ignore[no-untyped-def]  # as `MakeStatement`
        draft = make_for(asked)(material)
        assert draft is not None
        return late(draft, statement=late(draft.statement, issued_at=after(10**8)))

    assert await site.prune(OLD) == Removed(statements=1)  # a record that has to be corrected stays
    corrected = await site.statements.issue(asked, "R-", make)
    assert corrected is not None
    assert await site.prune(OLD) == Removed()
    assert await site.statements.statement("R-0002") == corrected
    assert (await site.statements.verify()).broken is None
    assert await site.prune(Retention(records=FAR)) == Removed(statements=1, records=1)
    assert (await site.statements.verify()).statements == 2


async def test_a_wrong_clock_takes_no_statement_out_of_the_middle(site: SiteLedger) -> None:
    asked = selection()

    def issued_at(seconds: float):  # type: ignore[no-untyped-def]  # as `MakeStatement`
        def make(material):  # type: ignore[no-untyped-def]  # as `MakeStatement`
            draft = make_for(asked)(material)
            assert draft is not None
            return replace(draft, statement=replace(draft.statement, issued_at=after(seconds)))

        return make

    for number, seconds in ((1, 0), (2, 10**8), (3, 0)):
        await site.records.keep(number, [charged(number, transaction=f"t{number}")])
        await site.statements.issue(asked, "R-", issued_at(seconds))
    assert await site.prune(OLD) == Removed(statements=1, records=1)
    assert [one.removed for one in await site.statements.all()] == [False, False, True]
    assert (await site.statements.verify()).broken is None


async def test_much_goes_in_parts(site: SiteLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_AT_ONCE", 2)
    for number in range(3):
        await site.records.keep(number, [charged(number, transaction=f"t{number}", lines=())])
    assert await site.prune(OLD) == Removed(records=2, more=True)
    assert await site.prune(OLD) == Removed(records=1)


async def test_a_record_of_a_session_that_is_still_there_stays(site: SiteLedger) -> None:
    session_id = await charge(site)
    await site.records.keep(session_id, [charged(session_id, lines=())])
    await priced(site)
    assert await site.prune(replace(OLD, sessions=None, readings=None)) == Removed()
    assert await site.prune(OLD) == Removed(readings=1, sessions=1, records=1)
