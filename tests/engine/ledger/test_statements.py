"""Statements: gapless, frozen, of all that is open and nothing twice, however many ask at once."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
import json
from pathlib import Path
import sqlite3
from typing import Any

import pytest
import sqlalchemy as sa

from custom_components.smart_charging.engine.billing_material import BilledDay, StatementDraft, StatementMaterial
from custom_components.smart_charging.engine.charge_record import StatementKind, StatementOf
from custom_components.smart_charging.engine.ledger import (
    Ledger,
    SiteLedger,
    StatementBreak,
    StatementFault,
    StatementVerdict,
)
from custom_components.smart_charging.engine.ledger.record_json import text_hash
from custom_components.smart_charging.engine.model import StoreError

from .billing_builders import JUNE, D, charged, issued, make_for, selection
from .builders import after

JULY = date(2026, 7, 1)


async def fill(site: SiteLedger, count: int = 3, driver: str = "anna", begin: int = 1) -> None:
    for number in range(begin, begin + count):
        name = f"{driver.title()} Adler"
        record = charged(number, transaction=f"t{number}", days=((JUNE, str(number)),), driver=driver, name=name)
        await site.records.keep(number, [record])


async def test_a_statement_bills_all_that_is_open_once(path: Path) -> None:
    ledger = await Ledger.open(path)
    site = ledger.site("home")
    await fill(site)
    made = await issued(site)
    assert made is not None
    assert (made.number, made.gross, len(made.records), made.details) == ("R-0001", D("1.80"), 3, {"plate": "B-An 1"})
    assert await issued(site) is None
    await ledger.close()
    ledger = await Ledger.open(path)
    site = ledger.site("home")
    assert await site.statements.statement("R-0001") == made
    (head,) = await site.statements.all()
    assert (head.number, head.gross, head.subject_id, head.hash, head.removed) == (
        "R-0001",
        D("1.80"),
        "anna",
        made.hash,
        False,
    )
    assert await site.statements.statement("R-0002") is None
    assert await site.statements.verify() == StatementVerdict(1, made.hash)
    await ledger.close()


async def test_each_series_counts_for_itself_in_one_chain(ledger: Ledger, site: SiteLedger) -> None:
    await fill(site, 1, "anna", 1)
    await fill(site, 1, "ben", 2)
    await fill(site, 1, "cleo", 3)
    made = [await issued(site, "anna", "2026-"), await issued(site, "ben", "X-"), await issued(site, "cleo", "2026-")]
    assert [one and one.number for one in made] == ["2026-0001", "X-0001", "2026-0002"]
    assert [one and one.previous_hash for one in made][1:] == [one and one.hash for one in made][:-1]
    assert (await site.statements.verify()).statements == 3
    assert await ledger.site("office").statements.verify() == StatementVerdict(0, "0" * 64)
    assert [one.number for one in await site.statements.all()] == ["2026-0002", "X-0001", "2026-0001"]
    assert [one.number for one in await site.statements.all(of=StatementOf.DRIVER, subject_id="ben")] == ["X-0001"]
    assert await site.statements.all(of=StatementOf.GROUP) == ()


async def test_two_who_ask_at_the_same_time_bill_nothing_twice(site: SiteLedger) -> None:
    await fill(site)
    made = await asyncio.gather(*(issued(site) for _ in range(5)))
    assert [one.number for one in made if one is not None] == ["R-0001"]
    assert [one.number for one in await site.statements.all()] == ["R-0001"]


async def test_a_correction_takes_back_what_was_billed_and_bills_anew(site: SiteLedger) -> None:
    await fill(site, 2)
    first = await issued(site)
    await site.records.keep(2, [charged(2, transaction="t2", days=((JUNE, "5"),))])
    (open_,) = await site.statements.unsettled(selection())
    assert [(one.record.version, one.days) for one in open_.outdated] == [(1, {JUNE: "R-0001"})]
    assert (open_.newest.version, open_.open_days, open_.belongs) == (2, (JUNE,), True)
    second = await issued(site)
    assert first is not None
    assert second is not None
    assert [(one.corrects, one.record.version) for one in second.records] == [("R-0001", 1), (None, 2)]
    assert first.gross + second.gross == D("1.80")
    billed = await site.records.billed(open_.newest.record_id)
    assert billed == (
        (BilledDay(open_.newest.record_id, 1, JUNE), "R-0001"),
        (BilledDay(open_.newest.record_id, 1, JUNE, reverses=True), "R-0002"),
        (BilledDay(open_.newest.record_id, 2, JUNE), "R-0002"),
    )
    assert await site.statements.statement("R-0001") == first
    assert await site.statements.unsettled(selection()) == ()


@pytest.mark.parametrize("driver", ["ben", None])
async def test_what_turns_out_to_be_anothers_is_taken_back(site: SiteLedger, driver: str | None) -> None:
    await fill(site, 2)
    await issued(site)
    await site.records.keep(2, [charged(2, transaction="t2", days=((JUNE, "2"),), driver=driver, name=None)])
    back = await issued(site, "anna")
    assert back is not None
    assert (back.gross, back.records[0].corrects) == (D("-0.60"), "R-0001")
    other = await issued(site, "ben")
    assert (None if other is None else other.gross) == (None if driver is None else D("0.60"))
    assert await issued(site, "anna") is None


async def test_a_stay_over_the_end_of_a_period_is_billed_by_its_days(site: SiteLedger) -> None:
    await site.records.keep(1, [charged(days=((date(2026, 6, 30), "4"), (JULY, "6")))])
    await site.records.keep(2, [charged(2, transaction="t2", days=((JULY, "1"),))])
    june = await issued(site, through=date(2026, 6, 30))
    july = await issued(site)
    assert june is not None
    assert july is not None
    assert (june.gross, july.gross) == (D("1.20"), D("2.10"))
    assert await issued(site) is None


async def test_a_record_without_days_is_billed_once_too(site: SiteLedger) -> None:
    await site.records.keep(1, [replace(charged(), days=(), lines=(), energy_wh=D(0))])
    made = await issued(site)
    assert made is not None
    assert made.records[0].record.days == ()
    assert await issued(site) is None


@pytest.mark.parametrize(
    ("of", "subject"),
    [
        (StatementOf.GROUP, "g1"),
        (StatementOf.VEHICLE, "v1"),
        (StatementOf.STATION, "CP1"),
        (StatementOf.SITE, "home"),
    ],
)
async def test_groups_vehicles_stations_and_the_site_have_statements_of_their_own(
    site: SiteLedger, of: StatementOf, subject: str
) -> None:
    await site.records.keep(1, [charged(group_id="g1", vehicle_id="v1", vehicle_name="Car")])
    await issued(site)
    made = await issued(site, subject, of=of)
    assert made is not None
    assert (made.gross, made.number, made.subject_name, made.details) == (
        D("3.00"),
        "R-0002",
        f"{subject.title()} Adler",
        {"plate": f"B-{subject.title()[:2]} 1"},
    )
    assert await issued(site, subject, of=of) is None
    assert (await site.statements.verify()).broken is None


async def test_a_record_for_the_employer_does_not_count_as_billed(site: SiteLedger) -> None:
    await fill(site, 1)
    asked = replace(selection(), kind=StatementKind.EMPLOYER)
    assert await site.statements.issue(asked, "E-", make_for(asked)) is not None
    assert await issued(site) is not None
    assert await site.statements.issue(asked, "E-", make_for(asked)) is None


type Spoil = Callable[[StatementDraft], StatementDraft | None]


def with_statement(**changes: Any) -> Spoil:
    return lambda draft: replace(draft, statement=replace(draft.statement, **changes))


@pytest.mark.parametrize(
    "spoil",
    [
        with_statement(subject_id="ben"),
        with_statement(site_id="office"),
        with_statement(kind=StatementKind.EMPLOYER),
        with_statement(of=StatementOf.GROUP),
        with_statement(number=""),
        with_statement(number="R-0001"),
        with_statement(number="9" * 65),
        with_statement(end=JUNE - timedelta(1)),
        with_statement(records=()),
        with_statement(gross=D("NaN")),
        lambda draft: with_statement(issuer=replace(draft.statement.issuer, logo=b"x" * 600_000))(draft),
        lambda draft: replace(draft, billed=()),
        lambda draft: replace(draft, billed=draft.billed * 2),
        lambda draft: replace(draft, billed=(replace(draft.billed[0], version=9),)),
        lambda draft: replace(draft, billed=(replace(draft.billed[0], day=JULY),)),
        lambda draft: replace(draft, billed=(replace(draft.billed[0], reverses=True),)),
        lambda draft: with_statement(
            records=(replace(draft.statement.records[0], record=charged(driver="anna", name="Other")),)
        )(draft),
        lambda draft: with_statement(
            records=(
                replace(
                    draft.statement.records[0],
                    lines=(replace(draft.statement.records[0].lines[0], day=JULY),),
                ),
            )
        )(draft),
        lambda draft: 1 / 0,
    ],
)
async def test_a_draft_that_does_not_fit_leaves_no_gap(site: SiteLedger, spoil: Spoil) -> None:
    await fill(site, 1)
    assert await issued(site) is not None
    await fill(site, 1, begin=2)
    asked = selection()
    good = make_for(asked)

    def make(material: StatementMaterial) -> StatementDraft | None:
        draft = good(material)
        assert draft is not None
        return spoil(draft)

    with pytest.raises(StoreError):
        await site.statements.issue(asked, "R-", make)
    made = await issued(site)
    assert made is not None
    assert made.number == "R-0002"
    assert (await site.statements.verify()).broken is None


@pytest.mark.parametrize("series", ["", "s" * 33])
async def test_a_series_has_a_name(site: SiteLedger, series: str) -> None:
    await fill(site, 1)
    with pytest.raises(StoreError, match="series"):
        await issued(site, series=series)


async def test_a_failed_commit_leaves_nothing_and_no_gap(ledger: Ledger, site: SiteLedger) -> None:
    await fill(site)

    def fail(connection: sa.Connection) -> None:
        raise OSError("disk full")

    sa.event.listen(ledger._engine, "commit", fail)
    with pytest.raises(StoreError, match="disk full"):
        await issued(site)
    sa.event.remove(ledger._engine, "commit", fail)
    made = await issued(site)
    assert made is not None
    assert (made.number, made.gross) == ("R-0001", D("1.80"))


def meddle(path: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    assert connection.execute(statement, values).rowcount > 0
    connection.close()


def rewrite(path: Path, position: int) -> None:
    """Change a statement, and make its own hash anew."""
    connection = sqlite3.connect(path, isolation_level=None)
    content = connection.execute("SELECT content FROM statements WHERE position = ?", (position,)).fetchone()[0]
    text = json.dumps(json.loads(content) | {"site_name": "Elsewhere"}, separators=(",", ":"), sort_keys=True)
    connection.execute(
        "UPDATE statements SET content = ?, hash = ? WHERE position = ?", (text, text_hash(text), position)
    )
    connection.close()


CHANGED, MISSING, RECORD = StatementFault.CHANGED, StatementFault.MISSING, StatementFault.RECORD_CHANGED


@pytest.mark.parametrize(
    ("statement", "fault", "position"),
    [
        ("UPDATE statements SET content = replace(content, 'Weg 1', 'Weg 2') WHERE position = 2", CHANGED, 2),
        ("UPDATE statements SET content = 5 WHERE position = 2", CHANGED, 2),
        ("UPDATE statements SET content = NULL WHERE position = 2", CHANGED, 2),
        ("UPDATE statements SET gross = '0.01' WHERE position = 2", CHANGED, 2),
        ("UPDATE statements SET subject_id = 'ben' WHERE position = 2", CHANGED, 2),
        ("UPDATE statements SET issued_at = 5 WHERE position = 2", CHANGED, 2),
        ("UPDATE statements SET issued_at = 'never' WHERE position = 2", CHANGED, 2),
        ("UPDATE statements SET last_day = '2027-01-01' WHERE position = 2", CHANGED, 2),
        ("UPDATE statements SET hash = 'f' WHERE position = 2", CHANGED, 2),
        ("UPDATE statements SET number = 'R-0009' WHERE position = 2", CHANGED, 2),
        ("DELETE FROM statements WHERE position = 2", MISSING, 2),
        ("DELETE FROM statements WHERE position = 1", MISSING, 1),
        ("DELETE FROM statements WHERE position = 3", StatementFault.TRUNCATED, 3),
        ("DELETE FROM statements", StatementFault.TRUNCATED, 1),
        ("DELETE FROM statement_heads", StatementFault.ENDS_LOST, 1),
        ("UPDATE statement_heads SET position = 2", StatementFault.INSERTED, 3),
        ("UPDATE statement_heads SET position = 'x'", StatementFault.INSERTED, 1),
        ("UPDATE statement_heads SET position = 4", StatementFault.TRUNCATED, 4),
        ("UPDATE statement_heads SET hash = 'f'", StatementFault.REPLACED, 3),
        ("UPDATE statement_heads SET pruned = 'x'", None, 0),
        ("UPDATE charge_records SET body = replace(body, 'Garage', 'Street') WHERE session_row = 2", RECORD, 2),
        ("UPDATE charge_records SET body = 5 WHERE session_row = 2", RECORD, 2),
        ("UPDATE personal_texts SET content = replace(content, 'Anna', 'Hans')", StatementFault.NAMES_CHANGED, 1),
        ("UPDATE personal_texts SET salt = 5 WHERE token_id IS NULL", StatementFault.NAMES_CHANGED, 1),
        ("UPDATE personal_texts SET content = 5 WHERE token_id IS NOT NULL", StatementFault.NAMES_CHANGED, 1),
        ("DELETE FROM personal_texts", None, 0),
    ],
)
async def test_what_was_changed_is_found(
    path: Path, site: SiteLedger, statement: str, fault: StatementFault | None, position: int
) -> None:
    for number in (1, 2, 3):
        await fill(site, 1, begin=number)
        await issued(site)
    await asyncio.to_thread(meddle, path, statement)
    broken = (await site.statements.verify()).broken
    assert (None if broken is None else broken.fault) == fault
    assert broken is None or broken.position == position


async def test_a_statement_that_was_made_anew_breaks_the_chain(path: Path, site: SiteLedger) -> None:
    for number in (1, 2, 3):
        await fill(site, 1, begin=number)
        await issued(site)
    await asyncio.to_thread(rewrite, path, 2)
    assert (await site.statements.verify()).broken == StatementBreak(StatementFault.REPLACED, 3, "R-0003")
    await asyncio.to_thread(rewrite, path, 3)
    assert (await site.statements.verify()).broken == StatementBreak(StatementFault.REPLACED, 3, "R-0003")


async def test_a_record_that_is_gone_is_named_and_its_statement_is_not_read(path: Path, site: SiteLedger) -> None:
    await fill(site, 2)
    await issued(site)
    await asyncio.to_thread(meddle, path, "DELETE FROM record_days WHERE record_row = 1")
    await asyncio.to_thread(meddle, path, "DELETE FROM charge_records WHERE id = 1")
    broken = (await site.statements.verify()).broken
    assert broken is not None
    assert (broken.fault, broken.number, broken.record_id) == (RECORD, "R-0001", charged().record_id)
    with pytest.raises(StoreError, match="not in the ledger any more"):
        await site.statements.statement("R-0001")


@pytest.mark.parametrize("content", ["[]", "{}", '{"place":{"position":1}}', "5"])
async def test_what_is_no_statement_is_told(path: Path, site: SiteLedger, content: str) -> None:
    await fill(site, 1)
    await issued(site)
    await asyncio.to_thread(meddle, path, "UPDATE statements SET content = ?, hash = ?", content, text_hash(content))
    with pytest.raises(StoreError, match="can't be read"):
        await site.statements.statement("R-0001")
    broken = (await site.statements.verify()).broken
    assert broken is not None
    assert broken.fault is CHANGED


async def test_more_statements_than_a_page_are_checked(site: SiteLedger) -> None:
    for number in range(1, 46):
        await fill(site, 1, begin=number)
        await issued(site)
    verdict = await site.statements.verify()
    assert (verdict.statements, verdict.broken) == (45, None)
    assert after(0) == (await site.statements.all())[0].issued_at
