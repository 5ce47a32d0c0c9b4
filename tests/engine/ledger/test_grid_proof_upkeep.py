"""The proof log is checked each day, and rows that are too old leave it at the old end."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
import logging
from pathlib import Path

import pytest
import sqlalchemy as sa

from custom_components.smart_charging.engine.ledger import (
    BreakReason,
    ChainBreak,
    Ledger,
    SiteGridProof,
    SiteLedger,
    proof_log,
)
from custom_components.smart_charging.engine.ledger.site_grid_proof import CHECK_EVERY_S, KEPT
from tests.manual_clock import ManualClock

from .builders import after
from .proof_builders import demanded, kept, meddle, rows_of


@pytest.fixture
def proof(site: SiteLedger) -> SiteGridProof:
    return site.grid_proof


async def test_rows_are_kept_for_24_months_and_the_rest_still_verifies(
    ledger: Ledger, path: Path, proof: SiteGridProof
) -> None:
    for days in (0, 10, 500):
        await kept(proof, days=days)
    await kept(ledger.site("office").grid_proof)
    before = rows_of(path)
    cut = after(0) + timedelta(days=10)
    assert await ledger.prune_grid_proof(cut) == 8
    assert [one.sequence for one in await proof.records()] == [9, 5]
    assert await ledger.site("office").grid_proof.records() == ()
    verdict = await proof.verify(after(0))
    assert (verdict.intact, verdict.rows, verdict.anchor_sequence, verdict.head_sequence) == (True, 8, 4, 12)
    assert verdict.anchor_hash == before[3]["hash"]
    assert await ledger.prune_grid_proof(cut) == 0
    assert await ledger.prune_grid_proof(after(0) + timedelta(days=5000)) == 8
    assert await kept(proof, days=600) == 13
    assert await ledger.site("office").grid_proof.append(demanded(0)) == 5
    for log, rows in ((proof, 4), (ledger.site("office").grid_proof, 1)):
        verdict = await log.verify(after(0))
        assert (verdict.intact, verdict.rows) == (True, rows)


async def test_a_clock_that_was_wrong_takes_nothing_out_of_the_middle(ledger: Ledger, proof: SiteGridProof) -> None:
    await kept(proof, days=100)
    await proof.append(demanded(-56 * 365 * 86_400))  # the host did not know the time yet
    await kept(proof, days=101)
    assert await ledger.prune_grid_proof(after(0)) == 0
    assert (await proof.verify(after(0))).rows == 9


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE grid_proof_heads SET anchor_sequence = 3",
        "UPDATE grid_proof_heads SET anchor_sequence = 5",
        "UPDATE grid_proof_heads SET anchor_sequence = 99",
        "UPDATE grid_proof_heads SET anchor_sequence = -1",
        "UPDATE grid_proof_heads SET anchor_sequence = 'x'",
        "UPDATE grid_proof_heads SET anchor_hash = hash",
        "DELETE FROM grid_proof WHERE sequence = 5",
        "INSERT INTO grid_proof SELECT site_id, 4, time, kind, refers_to, content, previous, hash FROM grid_proof LIMIT 1",
    ],
)
async def test_what_is_done_at_the_old_end_by_others_is_seen(
    ledger: Ledger, path: Path, proof: SiteGridProof, change: str
) -> None:
    await kept(proof)
    await kept(proof, days=10)
    await ledger.prune_grid_proof(after(0) + timedelta(days=5))
    assert (await proof.verify(after(0))).intact
    meddle(path, change)
    assert not (await proof.verify(after(0))).intact


async def test_old_rows_may_be_taken_away_and_new_ones_come_while_the_chain_is_checked(
    ledger: Ledger, proof: SiteGridProof, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof_log, "PAGE_ROWS", 3)
    for days in range(5):
        await kept(proof, days=days)
    pages = 0
    reading = ledger.read

    async def meddled[T](query: Callable[[sa.Connection], T]) -> T:
        nonlocal pages
        pages += 1
        if pages == 2:
            await ledger.prune_grid_proof(after(0) + timedelta(days=2.5))
        if pages == 3:
            await kept(proof, days=6)
        return await reading(query)

    monkeypatch.setattr(ledger, "read", meddled)
    verdict = await proof.verify(after(0))
    assert (verdict.intact, verdict.anchor_sequence, verdict.head_sequence) == (True, 12, 24)
    assert pages == 6


async def test_the_chain_is_checked_at_the_start_and_each_day_and_what_is_too_old_goes(
    ledger: Ledger, path: Path, proof: SiteGridProof, caplog: pytest.LogCaptureFixture
) -> None:
    clock, told = ManualClock(), []
    unsubscribe = proof.subscribe(lambda: told.append(proof.verdict))
    await proof.append(demanded(0))
    await proof.append(demanded(86_400 * 2))
    running = asyncio.create_task(proof.run(clock))

    async def checks(count: int) -> None:
        async with asyncio.timeout(10):
            while len(told) < count or not clock._timers:
                await asyncio.sleep(0.001)

    await checks(1)
    assert [one.rows for one in told if one is not None] == [2]
    assert [one.sequence for one in await proof.records()] == [2, 1]
    running.cancel()
    clock = ManualClock(after(KEPT.total_seconds() + 3600))
    running = asyncio.create_task(proof.run(clock))
    await checks(2)
    assert [one.sequence for one in await proof.records()] == [2]
    meddle(path, "UPDATE grid_proof SET kind = 'fail_safe'")
    for count in (3, 4):
        await clock.advance(CHECK_EVERY_S)
        await checks(count)
    assert proof.verdict is not None
    assert proof.verdict.broken == ChainBreak(BreakReason.CHANGED, 2)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == [
        "The log of grid signals was tampered with or damaged: row 2 is changed"
    ]
    unsubscribe()
    await proof.verify(clock.now())
    assert len(told) == 4
    running.cancel()


async def test_a_log_that_can_not_be_read_is_checked_again_the_next_day(
    ledger: Ledger, path: Path, proof: SiteGridProof, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock()
    meddle(path, "ALTER TABLE grid_proof RENAME TO gone")
    running = asyncio.create_task(proof.run(clock))
    async with asyncio.timeout(10):
        while not clock._timers:
            await asyncio.sleep(0.001)
    assert "could not be checked" in caplog.text
    assert proof.verdict is None
    meddle(path, "ALTER TABLE gone RENAME TO grid_proof")
    await clock.advance(CHECK_EVERY_S)
    async with asyncio.timeout(10):
        while proof.verdict is None:
            await asyncio.sleep(0.001)
    running.cancel()
