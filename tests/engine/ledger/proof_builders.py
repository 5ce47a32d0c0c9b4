"""Records of a proof log, ways to meddle with one in its database, and its hashes worked out by other code."""

from collections.abc import AsyncIterator
import hashlib
from pathlib import Path
import re
import sqlite3

from custom_components.smart_charging.engine.grid_record import (
    FollowUp,
    GridEvent,
    GridPowers,
    GridRecord,
    GridSetPoint,
    ProofResult,
)
from custom_components.smart_charging.engine.ledger import SiteGridProof
from custom_components.smart_charging.engine.model import EvseKey

from .builders import EVSE, after

ZEROS = "0" * 64


def demanded(
    seconds: float,
    limit_w: float | None = 7560.0,
    *,
    event: GridEvent = GridEvent.LIMIT_STARTED,
    source: str = "relay",
    raw: str = "on",
) -> GridRecord:
    """Return the record of a limit that the grid operator set, with all that belongs to it."""
    return GridRecord(
        event=event,
        at=after(seconds),
        source_id=source,
        raw=raw,
        scope="controllable",
        limit_w=limit_w,
        inputs={"devices": 2, "g": 0.8, "p_min_w": 7560.0, "surplus_w": 0.0},
        set_points=(GridSetPoint(evse=EVSE, current_a=10.9, phases=3, power_w=7521.0),),
        before=GridPowers(22_310.5, 22_040.0),
    )


def measured(
    refers_to: int, after_s: int, seconds: float, result: ProofResult = ProofResult.OBEYED, complied: float | None = 4.5
) -> FollowUp:
    """Return a measurement after a record; one that was not made says nothing."""
    if result is ProofResult.NOT_MEASURED:
        return FollowUp(refers_to=refers_to, after_s=after_s, at=after(seconds), result=result)
    return FollowUp(
        refers_to=refers_to,
        after_s=after_s,
        at=after(seconds),
        result=result,
        powers=GridPowers(7710.25, 7490.0),
        judged_w=7490.0,
        complied_after_s=complied if result is ProofResult.OBEYED else None,
    )


def device_demand(seconds: float) -> GridRecord:
    """Return a record with as little in it as there can be, for one EVSE."""
    return GridRecord(
        event=GridEvent.SOURCE_LOST, at=after(seconds), source_id="mqtt", scope="device", evse=EvseKey("CP2", 2)
    )


def meddle(path: Path, *statements: str, values: tuple[object, ...] = ()) -> None:
    """Write to the database as any other program can."""
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement, values)
    connection.commit()
    connection.close()


def rows_of(path: Path) -> list[dict[str, object]]:
    """Return all rows as they are stored, oldest first."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    found = connection.execute("SELECT * FROM grid_proof ORDER BY site_id, sequence").fetchall()
    connection.close()
    return [dict(row) for row in found]


def hash_of(row: dict[str, object], *, iso_time: str) -> str:
    """Return a row's hash from its cells by the documented form, written out by hand."""
    refers_to = "null" if row["refers_to"] is None else str(row["refers_to"])
    text = (
        f'{{"content":{row["content"]},"kind":"{row["kind"]}","previous":"{row["previous"]}",'
        f'"refers_to":{refers_to},"sequence":{row["sequence"]},"site":"{row["site_id"]}","time":"{iso_time}"}}'
    )
    return hashlib.sha256(text.encode()).hexdigest()


async def collected(parts: AsyncIterator[bytes]) -> bytes:
    """Return all parts of an export as one."""
    return b"".join([part async for part in parts])


def documented_verifier() -> str:
    """Return the program that the documentation gives to check an export with."""
    page = (Path(__file__).parents[3] / "docs" / "grid-proof.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    return str(program)


async def kept(proof: SiteGridProof, *, days: float = 0.0) -> int:
    """Keep a record with its three measurements, this many days after the tests' begin."""
    begin = days * 86_400
    number = await proof.append(demanded(begin))
    for after_s in (10, 60, 300):
        await proof.append_follow_up(measured(number, after_s, begin + after_s))
    return number
