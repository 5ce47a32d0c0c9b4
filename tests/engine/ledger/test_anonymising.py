"""A driver who is forgotten: no name is left anywhere, every sum and every hash is."""

import asyncio
from dataclasses import replace
import logging
from pathlib import Path

import pytest
import sqlalchemy as sa

from custom_components.smart_charging.engine.charge_record import StatementOf
from custom_components.smart_charging.engine.driver import Driver, DriverCharging, DriverUnknown, Vehicle
from custom_components.smart_charging.engine.id_token import TokenDetails
from custom_components.smart_charging.engine.ledger import Ledger, RecordSums, SiteLedger, remains
from custom_components.smart_charging.engine.ledger.anonymising import anonymise
from custom_components.smart_charging.engine.ledger.tables import orphan_stops, signed_values, transactions
from custom_components.smart_charging.engine.model import MeterValue, SignedValue

from .billing_builders import JUNE, D, charged, issued, registered
from .builders import after, started, stopped

WORDS = (b"Anna", b"adler.example", b"CC-4711", b"B-An 1", b"ha-user-7", b"Fob of Anna", b"Car of A", b"AA-4712")


def on_disk(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))


def told(path: Path) -> list[bytes]:
    """Return the words that the file or what belongs to it still tells."""
    found = on_disk(path)
    return [word for word in WORDS if word in found]


async def fill(site: SiteLedger) -> None:
    """Let Anna and Ben charge, and bill them."""
    await registered(site, user_id="ha-user-7")
    await registered(site, "ben", cost_centre=None)
    await site.drivers.add_vehicle(Vehicle("v1", "Car of A", driver_id="anna", plate="AA-4712"))
    label = TokenDetails("Fob of Anna", group="Annas", driver_id="anna", vehicle_id="v1")
    await site.tokens.add("TAG1", label, after(0))
    kept = await site.start_transaction(started())
    await site.stop_transaction(stopped(kept.transaction_id, 60, 1500))
    await site.stop_transaction(stopped("lost one", 70, 1500))
    await site.records.keep(1, [charged(vehicle_id="v1", vehicle_name="Car of A")])
    await issued(site)
    await site.records.keep(1, [charged(days=((JUNE, "12"),), vehicle_id="v1", vehicle_name="Car of A")])
    await issued(site)
    await site.records.keep(2, [charged(2, transaction="t2", driver="ben", name="Ben Adler")])
    await issued(site, "ben")
    await issued(site, "v1", of=StatementOf.VEHICLE)


async def test_no_word_of_a_driver_is_left_and_every_sum_is(path: Path) -> None:
    ledger = await Ledger.open(path)
    site = ledger.site("home")
    await fill(site)
    assert told(path) == [word for word in WORDS if word != b"adler.example"]
    before = await site.statements.verify()
    first = await site.statements.statement("R-0001")
    await site.drivers.anonymise("anna", after(100))
    assert told(path) == []
    assert await site.statements.verify() == before
    assert (before.statements, before.broken) == (4, None)
    assert await site.records.month_sums(JUNE, StatementOf.DRIVER, "anna") == RecordSums(
        D(12000), {"EUR": D("3.60")}, 1
    )
    now = await site.statements.statement("R-0001")
    assert first is not None
    assert now is not None
    assert (first.subject_name, now.subject_name, now.details) == ("Anna Adler", "", {})
    bare = replace(first.records[0].record, driver_name=None, token_label=None, vehicle_name=None)
    assert now == replace(first, subject_name="", details={}, records=(replace(first.records[0], record=bare),))
    ben = await site.statements.statement("R-0003")
    assert ben is not None
    assert (ben.subject_name, ben.records[0].record.driver_name) == ("Ben Adler", "Ben Adler")
    await ledger.close()


async def test_of_the_driver_and_the_tokens_only_that_they_were_is_left(site: SiteLedger) -> None:
    await fill(site)
    await site.drivers.anonymise("anna", after(100))
    assert [one.driver_id for one in await site.drivers.all()] == ["ben"]
    gone = await site.drivers.driver("anna")
    assert gone in await site.drivers.all(anonymised=True)
    assert (gone.name, gone.email, gone.user_id, gone.cost_centre, gone.active) == ("", None, None, None, False)
    assert gone.anonymised_at == after(100)
    assert await site.drivers.of_user("ha-user-7") is None
    assert await site.tokens.all() == ()
    (token,) = await site.tokens.all(deleted=True)
    assert (token.details.label, token.details.group, token.tail, token.deleted_at) == (None, None, "", after(100))
    assert await site.tokens.find("TAG1") is None
    assert await site.drivers.vehicles() == ()
    (session,) = await site.sessions()
    assert [(one.id_token, one.driver_id, one.energy_wh) for one in session.transactions] == [("", "anna", 500)]
    await site.tokens.add("TAG1", TokenDetails("New", driver_id="ben"), after(200))
    for refused in (
        site.drivers.change("anna", lambda one: replace(one, name="Anna")),
        site.drivers.assign("CP1", session.transactions[0].transaction_id, "anna"),
        site.tokens.add("TAG2", TokenDetails("New 2", driver_id="anna"), after(200)),
    ):
        with pytest.raises(DriverUnknown):
            await refused


async def test_no_value_of_a_token_is_left_where_it_was_presented(ledger: Ledger, site: SiteLedger) -> None:
    await fill(site)
    signed = MeterValue(after(10), (), (SignedValue('OCMF|{"ID":"TAG1"}|{}'),))
    await site.record_meter_values("CP1", 1, None, (signed,), after(10))
    await site.start_transaction(started(500, token="TAG9"))
    await site.stop_transaction(replace(stopped("lost two", 700, 1), id_token="TAG9"))
    lookup = ledger.vault.lookup("TAG1")
    await site.drivers.anonymise("anna", after(100))
    columns = transactions.c
    found = await ledger.read(
        lambda connection: connection.execute(
            sa.select(columns.token_key, columns.token_sealed, columns.stop_token_sealed).order_by(columns.id)
        ).all()
    )
    assert [(row.token_key == lookup, row.token_sealed is None) for row in found] == [(False, True), (False, False)]
    assert found[0].stop_token_sealed is None
    sealed = sa.select(orphan_stops.c.token_sealed.is_(None)).order_by(orphan_stops.c.id)
    assert await ledger.read(lambda connection: connection.execute(sealed).scalars().all()) == [True, False]
    kept = sa.select(signed_values.c.sealed)
    assert await ledger.read(lambda connection: connection.execute(kept).scalars().all()) == [None]


async def test_what_is_priced_or_billed_afterwards_brings_no_name_back(path: Path, site: SiteLedger) -> None:
    await fill(site)
    await site.drivers.anonymise("anna", after(100))
    same = charged(days=((JUNE, "12"),), vehicle_id="v1", vehicle_name="Car of A")
    (kept,) = await site.records.keep(1, [same])
    assert (kept.version, kept.driver_name) == (2, None)
    (kept,) = await site.records.keep(1, [charged(days=((JUNE, "13"),))])
    assert (kept.version, kept.driver_name, kept.token_label) == (3, None, None)
    made = await issued(site)
    assert made is not None
    assert (made.subject_name, made.details, made.gross) == ("", {}, D("0.30"))
    assert told(path) == []


async def test_it_may_be_done_again_and_listeners_are_told(ledger: Ledger, site: SiteLedger) -> None:
    await fill(site)
    calls: list[str] = []
    ledger.site("office").drivers.subscribe(lambda: calls.append("drivers"))
    ledger.site("office").tokens.subscribe(lambda: calls.append("tokens"))
    await site.drivers.anonymise("anna", after(100))
    assert sorted(calls) == ["drivers", "tokens"]
    await site.drivers.anonymise("anna", after(200))
    assert (await site.drivers.driver("anna")).anonymised_at == after(100)


@pytest.mark.parametrize("driver", ["anna", None])
async def test_who_charges_is_not_forgotten_yet(site: SiteLedger, driver: str | None) -> None:
    await fill(site)
    begun = await site.start_transaction(started(300))
    await site.drivers.assign("CP1", begun.transaction_id, driver)
    with pytest.raises(DriverCharging):
        await site.drivers.anonymise("anna", after(400))
    assert (await site.drivers.driver("anna")).name == "Anna Adler"


async def test_a_car_that_others_charge_stays(site: SiteLedger) -> None:
    await fill(site)
    await site.tokens.add("TAG5", TokenDetails("Ben", driver_id="ben", vehicle_id="v1"), after(0))
    await site.drivers.anonymise("anna", after(100))
    (car,) = await site.drivers.vehicles()
    assert (car.vehicle_id, car.plate, car.driver_id) == ("v1", "AA-4712", None)
    vehicle = await site.statements.statement("R-0004")
    assert vehicle is not None
    assert vehicle.subject_name == "V1 Adler"


async def test_a_driver_of_a_removed_site_can_still_be_forgotten(path: Path, site: SiteLedger) -> None:
    await site.drivers.add(Driver("anna", "Anna Adler"), everywhere=False)
    await site.records.keep(1, [charged()])
    await issued(site)
    await site.remove_site()
    assert b"Anna" in on_disk(path)
    await site.drivers.anonymise("anna", after(100))
    assert b"Anna" not in on_disk(path)
    assert (await site.statements.verify()).statements == 1


async def test_a_crash_before_the_file_was_rewritten_has_it_rewritten_at_the_next_start(path: Path) -> None:
    ledger = await Ledger.open(path)
    site = ledger.site("home")
    await fill(site)

    def dying(book: object) -> None:
        anonymise(book, "home", "anna", after(100))  # type: ignore[arg-type]  # the writer's
        book.remains = False  # type: ignore[attr-defined]  # the process ends after the commit

    await ledger.write(dying)
    assert told(path) != []
    await ledger.close()
    ledger = await Ledger.open(path)
    assert told(path) == []
    assert not await ledger.read(remains.has_remains)
    await ledger.close()


async def test_a_file_that_can_not_be_rewritten_is_told_and_rewritten_later(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = await Ledger.open(path)
    await fill(ledger.site("home"))
    with monkeypatch.context() as full:
        full.setattr(remains, "REWRITE", ("VACUUM INTO '/nowhere/at/all'",))
        await ledger.site("home").drivers.anonymise("anna", after(100))
    assert "Remains of tags or names" in caplog.text
    assert await ledger.read(remains.has_remains)
    await ledger.close()
    ledger = await Ledger.open(path)
    assert told(path) == []
    await ledger.close()


async def test_a_reader_keeps_the_file_from_being_cleared_and_that_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = await Ledger.open(path)
    await fill(ledger.site("home"))
    monkeypatch.setattr(remains, "REWRITE", ("PRAGMA busy_timeout=1", *remains.REWRITE))
    with ledger._engine.connect() as reader:
        reader.exec_driver_sql("SELECT count(*) FROM drivers").scalar()
        await ledger.site("home").drivers.anonymise("anna", after(100))
    assert "it is being read" in caplog.text
    assert await ledger.read(remains.has_remains)
    await ledger.close()


async def test_nothing_of_a_driver_is_in_the_log(site: SiteLedger, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await fill(site)
    await site.drivers.anonymise("anna", after(100))
    await asyncio.sleep(0)
    assert "Anna" not in caplog.text
    assert "TAG1" not in caplog.text


async def test_the_export_of_a_driver_tells_all_but_values_of_tokens(site: SiteLedger) -> None:
    await fill(site)
    told_all = await site.drivers.export("anna")
    assert told_all["driver"]["name"] == "Anna Adler"  # type: ignore[index, call-overload]  # JSON
    assert told_all["driver"]["email"] == "anna@adler.example"  # type: ignore[index, call-overload]  # JSON
    counts = {name: len(part) for name, part in told_all.items() if isinstance(part, list)}
    assert counts == {
        "tokens": 1, "vehicles": 1, "transactions": 1, "records": 2, "statements": 2, "totals_of_removed_records": 0,
    }  # fmt: skip
    text = str(told_all)
    assert "Fob of Anna" in text
    assert "R-0002" in text
    assert "TAG1" not in text
    assert "Ben" not in text
    await site.drivers.anonymise("anna", after(100))
    assert "Anna" not in str(await site.drivers.export("anna"))
