"""The proof log as files: CSV to look at, JSON to check. Both are made page by page, so their size costs no memory."""

from collections.abc import AsyncIterator, Iterable, Sequence
import csv
from datetime import UTC, datetime
from functools import partial
import io
import json
import re
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from ..grid_record import FOLLOW_UPS_S, FollowUp, ProvenRecord
from ..model import Json, StoreError
from . import proof_log
from .proof_chain import Cell, StoredRow, canonical, told
from .proof_check import ChainVerdict

if TYPE_CHECKING:
    from .ledger import Ledger

FORMAT: Final = "smart_charging.grid_proof"
FORMAT_VERSION: Final = 1

_UTF8_MARK: Final = b"\xef\xbb\xbf"  # without it spreadsheets take UTF-8 for something else
_UNREADABLE: Final = "unreadable"

# A spreadsheet runs a cell that begins so; also what follows a sign that it may take for the end of a cell.
_FORMULA = re.compile(r"(^|[;,|])(\s*)(?=[=+\-@\uff0b\uff0d\uff1d\uff20])")
# What breaks a line, hides text or can't be written: control and format characters, and halves of a surrogate pair.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_SEPARATOR = re.compile(r"[;|]")

_COLUMNS: Final = (
    "sequence",
    "time",
    "event",
    "source",
    "raw",
    "signal",
    "scope",
    "evse",
    "limit_w",
    "inputs",
    "set_points",
    "grid_before_w",
    "chargers_before_w",
    *(
        f"{name}_{after_s}s{unit}"
        for after_s in FOLLOW_UPS_S
        for name, unit in (("grid", "_w"), ("chargers", "_w"), ("judged", "_w"), ("result", ""))
    ),
    "result",
    "complied_after_s",
    "hash",
)

type _Shown = str | int | float | None


async def csv_lines(ledger: Ledger, site_id: str, start: datetime | None, end: datetime | None) -> AsyncIterator[bytes]:
    """Give the records of a time as CSV in UTF-8, one line each with the measurements that followed.

    No cell of text can be run as a formula. Raises StoreError where the log can't be read.
    """
    yield _UTF8_MARK + _csv([_COLUMNS])
    after = None
    while True:
        page, lines = await ledger.read(partial(_csv_page, site_id=site_id, start=start, end=end, after=after))
        if lines:
            yield _csv(lines)
        if len(page) < proof_log.PAGE_ROWS:
            return
        after = page[-1].sequence


async def json_parts(
    ledger: Ledger, site_id: str, verdict: ChainVerdict, start: datetime | None, end: datetime | None
) -> AsyncIterator[bytes]:
    """Give the rows of a time as JSON in UTF-8, with all that is needed to check their hashes.

    The rows have no gap, so some of another time may be among them. Raises StoreError where the log can't be read, or
    old rows were taken away meanwhile: then what was given is to be thrown away.
    """
    # Of a log that is broken all is given, also what can't be in its place.
    after, through = None, verdict.head_sequence if verdict.intact else None
    if start is not None or end is not None:
        span = await ledger.read(partial(proof_log.span, site_id=site_id, start=start, end=end))
        after, through = (verdict.head_sequence,) * 2 if span is None else (span[0] - 1, span[1])
    page = await ledger.read(partial(proof_log.rows, site_id=site_id, after=after, through=through))
    before = _before(page, verdict)
    yield _json_begin(site_id, verdict, (start, end), before)
    separator = b"\n"
    while page:
        yield separator + b",\n".join(_json_row(row) for row in page)
        separator = b",\n"
        if len(page) < proof_log.PAGE_ROWS:
            break
        page = await ledger.read(partial(proof_log.rows, site_id=site_id, after=page[-1].sequence, through=through))
    ends = await ledger.read(partial(proof_log.ends, site_id=site_id))
    if verdict.intact and ends is not None and ends.anchor_sequence > before[0]:
        raise StoreError("Old rows of the log were taken away while it was exported; export it again")
    yield b"\n]}\n"


def _before(page: Sequence[StoredRow], verdict: ChainVerdict) -> tuple[int, Json]:
    """Return the number and the hash that the first row has to follow."""
    if not page:
        return verdict.head_sequence, verdict.head_hash
    first = page[0]
    sequence = first.sequence - 1 if isinstance(first.sequence, int) else verdict.anchor_sequence
    if sequence == verdict.anchor_sequence:
        return sequence, verdict.anchor_hash
    return sequence, told(first)["previous"]


def _json_begin(
    site_id: str, verdict: ChainVerdict, period: tuple[datetime | None, datetime | None], before: tuple[int, Json]
) -> bytes:
    broken = verdict.broken
    head: dict[str, Json] = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "site": site_id,
        "from": _iso(period[0]),
        "until": _iso(period[1]),
        "verified": {
            "at": _iso(verdict.verified_at),
            "intact": verdict.intact,
            "rows": verdict.rows,
            "broken": None if broken is None else {"reason": broken.reason.value, "sequence": broken.sequence},
        },
        "head": {"sequence": verdict.head_sequence, "hash": verdict.head_hash},
        "before": {"sequence": before[0], "hash": before[1]},
    }
    return json.dumps(head, indent=1).removesuffix("\n}").encode() + b',\n "rows": ['


def _json_row(row: StoredRow) -> bytes:
    return canonical(told(row) | {"hash": str(row.hash)}).encode()


def _csv_page(
    connection: sa.Connection, site_id: str, start: datetime | None, end: datetime | None, after: Cell
) -> tuple[tuple[StoredRow, ...], list[list[_Shown]]]:
    page = proof_log.record_rows(connection, site_id, start, end, after)
    readable = {record.sequence: record for record in proof_log.joined(connection, site_id, page)}
    return page, [_line(row, readable) for row in page]


def _line(row: StoredRow, readable: dict[int, ProvenRecord]) -> list[_Shown]:
    proven = readable.get(row.sequence) if isinstance(row.sequence, int) else None
    if proven is None:
        said = told(row)
        line: list[_Shown] = [""] * len(_COLUMNS)
        line[:3] = [_safe(str(said[name])) for name in ("sequence", "time", "kind")]
        line[_COLUMNS.index("result")] = _UNREADABLE
        return line
    record = proven.record
    return [
        proven.sequence,
        record.at.astimezone(UTC).isoformat(),
        record.event.value,
        _safe(record.source_id),
        _safe(record.raw),
        _safe(record.signal),
        _safe(record.scope),
        "" if record.evse is None else _safe(f"{record.evse.station_id} {record.evse.evse_id}"),
        record.limit_w,
        _json_cell(dict(record.inputs)),
        _json_cell(
            [
                [point.evse.station_id, point.evse.evse_id, point.current_a, point.phases, point.power_w]
                for point in record.set_points
            ]
        ),
        record.before.grid_w,
        record.before.chargers_w,
        *(cell for after_s in FOLLOW_UPS_S for cell in _measured(proven.follow_up(after_s))),
        proven.result.value,
        proven.complied_after_s,
        proven.hash,
    ]


def _measured(made: FollowUp | None) -> Sequence[_Shown]:
    if made is None:
        return (None, None, None, "")
    return (made.powers.grid_w, made.powers.chargers_w, made.judged_w, made.result.value)


def _safe(text: str) -> str:
    """Return a text that is one line, can be written and begins no formula."""
    shown = _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return _FORMULA.sub(r"\1\2'", shown)


def _json_cell(value: Json) -> str:
    """Return JSON that holds no sign which a spreadsheet may take for the end of a cell; they are in strings only."""
    return _SEPARATOR.sub(lambda found: f"\\u{ord(found[0]):04x}", canonical(value))


def _csv(lines: Iterable[Sequence[_Shown]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat(timespec="microseconds")
