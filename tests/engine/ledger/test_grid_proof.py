"""The proof log: what it keeps, in which order, for how long."""

import asyncio
from dataclasses import replace
from datetime import datetime
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from custom_components.smart_charging.engine.grid_record import (
    GridEvent,
    GridPowers,
    GridRecord,
    ProofResult,
    ProvenRecord,
)
from custom_components.smart_charging.engine.ledger import (
    BreakReason,
    ChainBreak,
    Ledger,
    SiteGridProof,
    SiteLedger,
    proof_log,
)
from custom_components.smart_charging.engine.model import Json, StoreError

from .builders import EVSE, T0, after, register, started
from .old_ledger import make_ledger
from .proof_builders import ZEROS, demanded, device_demand, hash_of, kept, measured, meddle, rows_of


@pytest.fixture
def proof(site: SiteLedger) -> SiteGridProof:
    return site.grid_proof


async def test_a_log_without_rows_is_intact(proof: SiteGridProof) -> None:
    assert proof.verdict is None
    verdict = await proof.verify(after(0))
    assert (verdict.intact, verdict.rows, verdict.head_sequence, verdict.head_hash) == (True, 0, 0, ZEROS)
    assert proof.verdict == verdict
    assert await proof.records() == ()


async def test_records_come_back_with_their_measurements_newest_first(proof: SiteGridProof) -> None:
    first = await proof.append(demanded(0))
    second = await proof.append(device_demand(5))
    follow_ups = (measured(first, 10, 10), measured(first, 60, 61))
    for follow_up in follow_ups:
        await proof.append_follow_up(follow_up)
    newer, older = await proof.records()
    assert (newer.sequence, newer.record, newer.follow_ups) == (second, device_demand(5), ())
    assert (older.sequence, older.record, older.follow_ups) == (first, demanded(0), follow_ups)
    assert await proof.records(start=after(0), end=after(5)) == (older,)
    assert await proof.records(start=after(5)) == (newer,)
    assert await proof.records(limit=1) == (newer,)


async def test_every_row_is_hashed_as_documented_and_follows_the_one_before(
    ledger: Ledger, path: Path, proof: SiteGridProof
) -> None:
    await kept(proof)
    await proof.append(device_demand(1000.000001))
    previous = ZEROS
    times = [0, 10, 60, 300, 1000.000001]
    for number, (row, seconds) in enumerate(zip(rows_of(path), times, strict=True), 1):
        assert (row["sequence"], row["previous"]) == (number, previous)
        previous = hash_of(row, iso_time=after(seconds).isoformat(timespec="microseconds"))
        assert row["hash"] == previous
    verdict = await proof.verify(after(0))
    assert (verdict.intact, verdict.rows, verdict.head_sequence, verdict.head_hash) == (True, 5, 5, previous)


async def test_numbers_have_no_gap_whoever_writes_at_the_same_time_and_sites_do_not_mix(
    ledger: Ledger, site: SiteLedger
) -> None:
    """Also not beside records of other kinds, and one that can not be kept."""
    office = ledger.site("office").grid_proof
    kept_transaction = await site.start_transaction(started())
    for _ in range(5):
        results = await asyncio.gather(
            *(site.grid_proof.append(demanded(n)) for n in range(40)),
            *(office.append(device_demand(n)) for n in range(30)),
            site.grid_proof.append_follow_up(measured(999, 10, 10)),
            *(
                site.record_meter_values("CP1", 1, kept_transaction.transaction_id, (register(n, 1000),), after(n))
                for n in range(10)
            ),
            return_exceptions=True,
        )
        assert [isinstance(result, BaseException) for result in results].count(True) == 1
    assert [one.sequence for one in await site.grid_proof.records(limit=1000)] == list(range(200, 0, -1))
    assert [one.sequence for one in await office.records(limit=1000)] == list(range(150, 0, -1))
    assert {one.record.event for one in await office.records(limit=1000)} == {GridEvent.SOURCE_LOST}
    verdicts = [await log.verify(after(0)) for log in (site.grid_proof, office)]
    assert [(verdict.intact, verdict.rows) for verdict in verdicts] == [(True, 200), (True, 150)]


async def test_a_commit_that_fails_leaves_no_gap(ledger: Ledger, proof: SiteGridProof) -> None:
    def fail(connection: sa.Connection) -> None:
        raise OSError("disk full")

    assert await proof.append(demanded(0)) == 1
    sa.event.listen(ledger._engine, "commit", fail)
    with pytest.raises(StoreError, match="disk full"):
        await proof.append(demanded(1))
    sa.event.remove(ledger._engine, "commit", fail)
    assert await proof.append(demanded(2)) == 2
    assert (await proof.verify(after(0))).intact


async def test_the_log_goes_on_after_a_restart_and_knows_what_lacks_measurements(path: Path) -> None:
    ledger = await Ledger.open(path)
    proof = ledger.site("home").grid_proof
    await kept(proof)
    waiting = await proof.append(demanded(400))
    await proof.append_follow_up(measured(waiting, 10, 410))
    await ledger.close()
    ledger = await Ledger.open(path)
    proof = ledger.site("home").grid_proof
    (unfinished,) = await proof.unfinished()
    assert (unfinished.sequence, unfinished.follow_ups) == (waiting, (measured(waiting, 10, 410),))
    assert await proof.append_follow_up(measured(waiting, 60, 500)) == 7
    assert await proof.append_follow_up(measured(waiting, 300, 700, ProofResult.NOT_MEASURED)) == 8
    assert await proof.unfinished() == ()
    assert (await proof.verify(after(0))).rows == 8
    await ledger.close()


async def test_a_measurement_is_kept_once_and_for_a_record_of_its_site_only(
    ledger: Ledger, proof: SiteGridProof
) -> None:
    number = await proof.append(demanded(0))
    first = await proof.append_follow_up(measured(number, 10, 10))
    assert await proof.append_follow_up(measured(number, 10, 11, ProofResult.NOT_OBEYED)) == first
    (record,) = await proof.records()
    assert record.follow_ups == (measured(number, 10, 10),)
    for log, refers_to in ((proof, 3), (proof, first), (ledger.site("office").grid_proof, number)):
        with pytest.raises(StoreError, match="refer to a record"):
            await log.append_follow_up(measured(refers_to, 60, 60))
    assert (await proof.verify(after(0))).rows == 2


async def test_a_record_is_kept_as_it_was_when_asked(proof: SiteGridProof) -> None:
    inputs: dict[str, Json] = {"devices": [1]}
    saving = asyncio.ensure_future(proof.append(replace(demanded(0), inputs=inputs)))
    await asyncio.sleep(0)
    inputs["devices"] = 7
    await saving
    assert [one.record.inputs for one in await proof.records()] == [{"devices": [1]}]


HOSTILE = [
    "",
    "\x00 nul \x00",
    "\ud800 half a pair",
    "ÄÖÜ 漢字 🚗 \u202e evil",
    '"},"hash":"0","x":{"',
    "'; DROP TABLE grid_proof; --",
    "\\u0041\\\\",
    "\r\n\t",
    "=cmd|'/c calc'!A1",
    "x" * 500,
    "🚗" * 500,
]


@pytest.mark.parametrize("raw", HOSTILE)
async def test_whatever_was_received_is_kept_as_it_was(path: Path, raw: str) -> None:
    ledger = await Ledger.open(path)
    record = replace(demanded(0, raw=raw, source=raw), inputs={raw: raw})
    await ledger.site("home").grid_proof.append(record)
    await ledger.close()
    ledger = await Ledger.open(path)
    assert [one.record for one in await ledger.site("home").grid_proof.records()] == [record]
    assert (await ledger.site("home").grid_proof.verify(after(0))).intact
    await ledger.close()
    (row,) = rows_of(path)
    assert str(row["content"]).isascii()
    assert row["hash"] == hash_of(row, iso_time="2026-06-01T10:00:00.000000+00:00")


async def test_of_what_was_received_500_characters_are_kept_and_numbers_that_are_none_are_null(
    proof: SiteGridProof,
) -> None:
    odd = replace(
        demanded(0, float("inf"), raw="y" * 501),
        before=GridPowers(float("nan"), -0.0),
        inputs={"g": float("-inf"), "big": 1e300, "list": [float("nan"), {"deep": 2.0}]},
    )
    await proof.append(odd)
    (found,) = await proof.records()
    assert found.record.raw == "y" * 500
    assert (found.record.limit_w, found.record.before) == (None, GridPowers(None, 0.0))
    assert found.record.inputs == {"g": None, "big": 1e300, "list": [None, {"deep": 2}]}
    assert (await proof.verify(after(0))).intact


def test_a_time_without_zone_is_refused() -> None:
    naive = datetime(2026, 6, 1, 10)  # that is the point
    with pytest.raises(ValueError, match="zone"):
        GridRecord(event=GridEvent.LIMIT_STARTED, at=naive, source_id="relay")
    with pytest.raises(ValueError, match="zone"):
        replace(measured(1, 10, 10), at=naive)


RESULTS = [
    ((), ProofResult.NOT_MEASURED, None),
    (((10, "obeyed", 3.0),), ProofResult.OBEYED, 3.0),
    (((10, "not_obeyed", None),), ProofResult.NOT_MEASURED, None),
    (((10, "not_obeyed", None), (60, "obeyed", 12.0), (300, "obeyed", 12.0)), ProofResult.OBEYED, 12.0),
    (((10, "obeyed", 3.0), (60, "obeyed", 31.0), (300, "not_measured", None)), ProofResult.OBEYED, 31.0),
    (((10, "obeyed", 3.0), (60, "not_obeyed", None), (300, "obeyed", 90.0)), ProofResult.NOT_OBEYED, None),
    (((10, "obeyed", 3.0), (60, "not_judged", None), (300, "not_judged", None)), ProofResult.OBEYED, 3.0),
    (((10, "not_judged", None), (60, "not_judged", None)), ProofResult.NOT_JUDGED, None),
    (((10, "not_measured", None), (60, "not_judged", None)), ProofResult.NOT_MEASURED, None),
]


@pytest.mark.parametrize(("told", "result", "complied_after_s"), RESULTS)
def test_measurements_say_together_whether_a_limit_was_obeyed(
    told: tuple[tuple[int, str, float | None], ...], result: ProofResult, complied_after_s: float | None
) -> None:
    follow_ups = tuple(
        replace(measured(1, after_s, after_s, ProofResult(one)), complied_after_s=took) for after_s, one, took in told
    )
    proven = ProvenRecord(1, ZEROS, demanded(0), follow_ups)
    assert (proven.result, proven.complied_after_s) == (result, complied_after_s)


async def test_a_long_log_is_read_in_pages(
    ledger: Ledger, proof: SiteGridProof, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.gather(*(proof.append(device_demand(n)) for n in range(1200)))
    most = 0
    execute = sa.Connection.execute

    def counted(connection: sa.Connection, *arguments: object, **named: object) -> object:
        nonlocal most
        found = execute(connection, *arguments, **named)  # type: ignore[call-overload]  # handed on as it came
        fetched = found.freeze()
        most = max(most, len(fetched.data))
        return fetched()

    with monkeypatch.context() as watched:
        watched.setattr(sa.Connection, "execute", counted)
        verdict = await proof.verify(after(0))
    assert (verdict.intact, verdict.rows, most) == (True, 1200, proof_log.PAGE_ROWS)


def ledger_of_before(path: Path) -> None:
    """Make a ledger of the schema before the proof log, with a session in it."""
    make_ledger(path, "0005")
    meddle(path, "INSERT INTO evses VALUES (1, 'home', 'CP1', 1, '{}', 4200.0)")
    meddle(
        path,
        "INSERT INTO sessions (id, site_id, evse_row, plugged, plugged_in_at, heard_at, solar_wh) "
        "VALUES (1, 'home', 1, 1, 1000, 1000, 12.5)",
        "INSERT INTO site_memory VALUES ('home', 'peak', '{\"energy_wh\": 7}')",
    )


async def test_an_older_ledger_gets_an_empty_log_and_keeps_its_records(path: Path) -> None:
    await asyncio.to_thread(ledger_of_before, path)
    ledger = await Ledger.open(path)
    site = ledger.site("home")
    assert (await site.grid_proof.verify(T0)).rows == 0
    assert await site.grid_proof.append(demanded(0)) == 1
    assert await site.lifetime_energy_wh(EVSE) == 4200
    assert [one.session_id for one in await site.sessions()] == [1]
    assert await site.load_memory() == {"peak": {"energy_wh": 7}}
    await ledger.close()
    again = await Ledger.open(path)
    assert (await again.site("home").grid_proof.verify(T0)).rows == 1
    await again.close()


async def test_what_was_made_unreadable_is_left_out_and_the_rest_is_shown(
    ledger: Ledger, path: Path, proof: SiteGridProof
) -> None:
    for n in range(6):
        await proof.append(demanded(n))
    number = await proof.append(demanded(6))
    await proof.append_follow_up(measured(number, 10, 16))
    for sequence, content in enumerate(("", "[]", "{}", '{"source":1}', "null", "[" * 100_000), 1):
        meddle(path, "UPDATE grid_proof SET content = ? WHERE sequence = ?", values=(content, sequence))
    meddle(path, "UPDATE grid_proof SET content = ? WHERE sequence = 8", values=(json.dumps({"after_s": 10}),))
    (left,) = await proof.records()
    assert (left.sequence, left.follow_ups) == (number, ())
    assert await proof.unfinished() == (left,)
    assert (await proof.verify(after(0))).broken == ChainBreak(BreakReason.CHANGED, 1)
