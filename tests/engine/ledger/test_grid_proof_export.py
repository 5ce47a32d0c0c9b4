"""The proof log as files: CSV that no spreadsheet runs, JSON that others can check."""

import asyncio
import csv
from dataclasses import replace
import io
import json
from pathlib import Path
import subprocess
import sys
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.grid_record import FOLLOW_UPS_S, GridPowers, ProofResult
from custom_components.smart_charging.engine.ledger import Ledger, SiteGridProof, SiteLedger, proof_export, proof_log
from custom_components.smart_charging.engine.model import EvseKey, StoreError

from .builders import after
from .proof_builders import (
    ZEROS,
    collected,
    demanded,
    device_demand,
    documented_verifier,
    hash_of,
    measured,
    meddle,
    rows_of,
)

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "  =1",
    "\t=1",
    "\r\n=1",
    "＝1+1",
    "a;=1+1",
    "a,=1",
    "a| =1",
    "\u200b=1",
    "'=1",
]


@pytest.fixture
def proof(site: SiteLedger, monkeypatch: pytest.MonkeyPatch) -> SiteGridProof:
    """Give a log that is exported in several pages even where it is short."""
    monkeypatch.setattr(proof_log, "PAGE_ROWS", 4)
    return site.grid_proof


async def fill(proof: SiteGridProof, records: int = 5) -> None:
    for n in range(records):
        number = await proof.append(demanded(n * 1000))
        for after_s in FOLLOW_UPS_S:
            await proof.append_follow_up(measured(number, after_s, n * 1000 + after_s))


async def csv_of(proof: SiteGridProof, *period: Any) -> list[dict[str, str]]:
    text = (await collected(proof.export_csv(*period))).decode("utf-8")
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:], newline="")))


async def json_of(proof: SiteGridProof, *period: Any) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(await collected(proof.export_json(after(9999), *period)))
    return log


def verify(log: dict[str, Any], folder: Path) -> str:
    """Return what the documented program says of a file."""
    file, program = folder / "grid-log.json", folder / "verify.py"
    file.write_text(json.dumps(log), encoding="utf-8")
    program.write_text(documented_verifier(), encoding="utf-8")
    ran = subprocess.run([sys.executable, program, file], capture_output=True, text=True, check=False)
    assert bool(ran.stderr) == (ran.returncode != 0)
    assert "Traceback" not in ran.stderr
    return (ran.stdout + ran.stderr).strip()


async def test_a_line_of_the_csv_holds_a_record_with_all_that_was_measured_after_it(
    path: Path, proof: SiteGridProof
) -> None:
    number = await proof.append(demanded(0))
    await proof.append_follow_up(measured(number, 10, 10, ProofResult.NOT_OBEYED))
    await proof.append(replace(device_demand(5), before=GridPowers(-120.5, None)))
    await proof.append_follow_up(measured(number, 60, 60, complied=12.5))
    await proof.append_follow_up(measured(number, 300, 310, ProofResult.NOT_MEASURED))
    first, second = await csv_of(proof)
    assert first == {
        "sequence": "1",
        "time": "2026-06-01T10:00:00+00:00",
        "event": "limit_started",
        "source": "relay",
        "raw": "on",
        "signal": "import_limit",
        "scope": "controllable",
        "evse": "",
        "limit_w": "7560.0",
        "inputs": '{"devices":2,"g":0.8,"p_min_w":7560,"surplus_w":0}',
        "set_points": '[["CP1",1,10.9,3,7521.0]]',
        "grid_before_w": "22310.5",
        "chargers_before_w": "22040.0",
        "grid_10s_w": "7710.25",
        "chargers_10s_w": "7490.0",
        "judged_10s_w": "7490.0",
        "result_10s": "not_obeyed",
        "grid_60s_w": "7710.25",
        "chargers_60s_w": "7490.0",
        "judged_60s_w": "7490.0",
        "result_60s": "obeyed",
        "grid_300s_w": "",
        "chargers_300s_w": "",
        "judged_300s_w": "",
        "result_300s": "not_measured",
        "result": "obeyed",
        "complied_after_s": "12.5",
        "hash": rows_of(path)[0]["hash"],
    }
    assert (second["sequence"], second["evse"], second["limit_w"]) == ("3", "CP2 2", "")
    assert (second["grid_before_w"], second["result"], second["result_10s"]) == ("-120.5", "not_measured", "")


async def test_the_csv_holds_every_record_of_a_period_once(proof: SiteGridProof) -> None:
    await fill(proof, 9)
    assert [line["sequence"] for line in await csv_of(proof)] == [str(1 + 4 * n) for n in range(9)]
    assert [line["sequence"] for line in await csv_of(proof, after(1000), after(3000))] == ["5", "9"]
    assert await csv_of(proof, after(1001), after(2000)) == []


@pytest.mark.parametrize("hostile", [*FORMULAS, "\x00", "\ud800", "a\nb", "\u202egnp", 'a"b,c', "=" * 500])
async def test_no_text_of_the_csv_is_run_breaks_a_line_or_can_not_be_written(
    proof: SiteGridProof, hostile: str
) -> None:
    record = replace(
        demanded(0, source=hostile, raw=hostile),
        signal=hostile,
        scope=hostile,
        evse=EvseKey(hostile, 1),
        inputs={hostile: [hostile, -1]},
    )
    await proof.append(record)
    text = (await collected(proof.export_csv())).decode("utf-8")
    assert len(text.splitlines()) == 2
    (line,) = await csv_of(proof)
    assert None not in line
    for separator in (",", ";", "\t", "|"):
        for name in ("source", "raw", "signal", "scope", "evse", "inputs"):
            cells = line[name].split(separator) if separator != "," or name != "inputs" else [line[name]]
            assert not [cell for cell in cells if cell.strip().startswith(tuple("=+-@＝＋－＠"))], name
    assert json.loads(line["inputs"]) == {hostile: [hostile, -1]}


@given(st.text(max_size=60))
def test_a_safe_text_is_one_line_of_no_formula_and_an_ordinary_one_is_left_as_it_is(text: str) -> None:
    safe = proof_export._safe(text)
    assert len(safe.splitlines()) <= 1
    assert not safe.strip().startswith(tuple("=+-@＝＋－＠"))
    safe.encode()
    assert proof_export._safe(f"relay {text}".encode("ascii", "ignore").decode().strip()).startswith("relay")
    if text.isalnum():
        assert safe == text


async def test_the_json_holds_all_rows_with_hashes_that_other_code_works_out_too(
    path: Path, tmp_path: Path, proof: SiteGridProof
) -> None:
    await fill(proof, 2)
    await proof.append(demanded(5000, raw="Ä\x00🚗 \ud800"))
    log = await json_of(proof)
    rows = rows_of(path)
    assert (log["format"], log["version"], log["site"]) == ("smart_charging.grid_proof", 1, "home")
    assert (log["from"], log["until"]) == (None, None)
    assert log["verified"] == {"at": "2026-06-01T12:46:39.000000+00:00", "intact": True, "rows": 9, "broken": None}
    assert log["head"] == {"sequence": 9, "hash": rows[-1]["hash"]}
    assert log["before"] == {"sequence": 0, "hash": ZEROS}
    assert [row["hash"] for row in log["rows"]] == [
        hash_of(stored, iso_time=row["time"]) for stored, row in zip(rows, log["rows"], strict=True)
    ]
    assert log["rows"][8]["content"]["raw"] == "Ä\x00🚗 \ud800"
    assert [row["refers_to"] for row in log["rows"]] == [None, 1, 1, 1, None, 5, 5, 5, None]
    assert verify(log, tmp_path) == f"intact up to row 9, whose hash is {rows[-1]['hash']}"


async def test_a_log_without_rows_is_exported_too(tmp_path: Path, proof: SiteGridProof) -> None:
    log = await json_of(proof)
    assert log["rows"] == []
    assert verify(log, tmp_path) == f"intact up to row 0, whose hash is {ZEROS}"
    assert await csv_of(proof) == []


async def test_the_rows_of_a_period_come_without_gap_and_with_the_measurements_of_its_records(
    ledger: Ledger, tmp_path: Path, proof: SiteGridProof
) -> None:
    await fill(proof)
    log = await json_of(proof, after(1000), after(2001))
    assert [row["sequence"] for row in log["rows"]] == [5, 6, 7, 8, 9, 10, 11, 12]
    assert verify(log, tmp_path).startswith("intact up to row 12")
    assert [row["sequence"] for row in (await json_of(proof, after(4000)))["rows"]] == [17, 18, 19, 20]
    between = await json_of(proof, after(1500), after(1600))
    assert (between["rows"], between["before"], between["head"]["sequence"]) == ([], between["head"], 20)
    await ledger.prune_grid_proof(after(1001))
    whole = await json_of(proof)
    assert [row["sequence"] for row in whole["rows"]] == list(range(6, 21))
    assert verify(whole, tmp_path).startswith("intact up to row 20")


async def test_what_comes_while_the_log_is_exported_is_left_for_the_next_time(
    tmp_path: Path, proof: SiteGridProof
) -> None:
    await fill(proof, 2)
    parts = []
    async for part in proof.export_json(after(9999)):
        parts.append(part)
        await proof.append(demanded(5000 + len(parts)))
    log = json.loads(b"".join(parts))
    assert len(log["rows"]) == 8
    assert verify(log, tmp_path).startswith("intact up to row 8")


async def test_an_export_from_which_old_rows_are_taken_away_meanwhile_is_told_to_be_none(
    ledger: Ledger, proof: SiteGridProof
) -> None:
    await fill(proof)

    async def export() -> None:
        async for _part in proof.export_json(after(9999)):
            await ledger.prune_grid_proof(after(2500))

    with pytest.raises(StoreError, match="export it again"):
        await export()


def change(log: dict[str, Any], way: str) -> None:
    rows = log["rows"]
    match way:
        case "content":
            rows[3]["content"]["result"] = "not_obeyed"
        case "time":
            rows[3]["time"] = rows[2]["time"]
        case "hash":
            rows[3]["hash"] = rows[2]["hash"]
        case "missing":
            del rows[3]
        case "swapped":
            rows[3], rows[4] = rows[4], rows[3]
        case "inserted":
            rows.insert(3, dict(rows[3]))
        case "first":
            del rows[0]
        case "end":
            del rows[-1]
        case "head":
            log["head"]["hash"] = ZEROS


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("content", "row 4 was changed"),
        ("time", "row 4 was changed"),
        ("hash", "row 4 was changed"),
        ("missing", "row 4 is missing or not in its place"),
        ("swapped", "row 4 is missing or not in its place"),
        ("inserted", "row 5 is missing or not in its place"),
        ("first", "row 1 is missing or not in its place"),
        ("end", "the rows after 7 are missing"),
        ("head", "the head is not that of these rows"),
    ],
)
async def test_the_documented_program_sees_what_was_done_to_a_file(
    tmp_path: Path, proof: SiteGridProof, way: str, said: str
) -> None:
    await fill(proof, 2)
    log = await json_of(proof)
    change(log, way)
    assert await asyncio.to_thread(verify, log, tmp_path) == said


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE grid_proof SET content = replace(content, '7490', '7000') WHERE sequence = 6", "row 6 was changed"),
        ('UPDATE grid_proof SET content = \'{"a":1,"a":2}\' WHERE sequence = 6', "row 6 was changed"),
        ("UPDATE grid_proof SET content = content || ' ' WHERE sequence = 6", "row 6 was changed"),
        ("UPDATE grid_proof SET content = x'ff' WHERE sequence = 6", "row 6 was changed"),
        ("UPDATE grid_proof SET content = '\"}]}' WHERE sequence = 6", "row 6 was changed"),
        ("UPDATE grid_proof SET time = 'soon' WHERE sequence = 6", "row 6 was changed"),
        ("UPDATE grid_proof SET time = 9223372036854775807 WHERE sequence = 6", "row 6 was changed"),
        ("UPDATE grid_proof SET hash = x'00' WHERE sequence = 6", "row 6 was changed"),
        ("DELETE FROM grid_proof WHERE sequence = 6", "row 6 is missing or not in its place"),
        ("UPDATE grid_proof SET sequence = 'x' WHERE sequence = 6", "row 6 is missing or not in its place"),
        ("DELETE FROM grid_proof WHERE sequence > 5", "the rows after 5 are missing"),
        ("DELETE FROM grid_proof_heads", "the rows after 8 are missing"),
    ],
)
async def test_a_log_that_was_tampered_with_is_exported_as_it_is_and_says_so(
    path: Path, tmp_path: Path, proof: SiteGridProof, statement: str, said: str
) -> None:
    await fill(proof, 2)
    meddle(path, statement)
    log = await json_of(proof)
    assert not log["verified"]["intact"]
    assert proof.verdict is not None
    assert proof.verdict.broken is not None
    assert log["verified"]["broken"]["reason"] == proof.verdict.broken.reason
    assert len(log["rows"]) == len(rows_of(path))
    if said == "the rows after 8 are missing":  # all are there, but nothing says where they have to end
        assert log["head"] == {"sequence": 0, "hash": ZEROS}
    assert await asyncio.to_thread(verify, log, tmp_path) == said


async def test_a_record_that_was_made_unreadable_is_a_line_of_the_csv_that_says_so(
    path: Path, proof: SiteGridProof
) -> None:
    await fill(proof, 2)
    meddle(path, "UPDATE grid_proof SET content = '=1+1', time = 'x' WHERE sequence = 1")
    first, second = await csv_of(proof)
    assert (first["sequence"], first["time"], first["event"], first["result"]) == (
        "1",
        "x",
        "limit_started",
        "unreadable",
    )
    assert (second["sequence"], second["result"]) == ("5", "obeyed")


async def test_a_long_log_is_given_in_parts(site: SiteLedger) -> None:
    await asyncio.gather(*(site.grid_proof.append(device_demand(n)) for n in range(1700)))
    sizes = [len(part) async for part in site.grid_proof.export_json(after(0))]
    assert len(sizes) == 6
    assert max(sizes) < sum(sizes) / 3
    assert len([part async for part in site.grid_proof.export_csv()]) == 5
