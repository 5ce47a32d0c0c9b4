"""How records of the proof log and their measurements are written into a row's content, and read again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
import json
import math
from typing import Any

from ..grid_record import RAW_KEPT, FollowUp, GridEvent, GridPowers, GridRecord, GridSetPoint, ProofResult, ProvenRecord
from ..model import EvseKey, Json
from .encoding import from_microseconds, to_microseconds
from .proof_chain import GENESIS, StoredRow, canonical

FOLLOW_UP = "follow_up"  # the kind of a row that holds a measurement; others say their event


def record_row(site_id: str, record: GridRecord) -> StoredRow:
    """Return a record as a row that has no number yet."""
    content: dict[str, Json] = {
        "source": record.source_id,
        "raw": record.raw[:RAW_KEPT],
        "signal": record.signal,
        "scope": record.scope,
        "evse": None if record.evse is None else _key(record.evse),
        "limit_w": record.limit_w,
        "inputs": dict(record.inputs),
        "set_points": [_told_set_point(point) for point in record.set_points],
        "before": _powers(record.before),
    }
    return _row(site_id, record.at, record.event.value, None, content)


def follow_up_row(site_id: str, follow_up: FollowUp) -> StoredRow:
    """Return a measurement as a row that has no number yet."""
    content: dict[str, Json] = {
        "after_s": follow_up.after_s,
        "result": follow_up.result.value,
        "judged_w": follow_up.judged_w,
        "complied_after_s": follow_up.complied_after_s,
        **_powers(follow_up.powers),
    }
    return _row(site_id, follow_up.at, FOLLOW_UP, follow_up.refers_to, content)


def to_record(row: StoredRow) -> ProvenRecord | None:
    """Return a row's record, None for what is none or was made unreadable."""
    try:
        said: Any = json.loads(_text(row.content))
        record = GridRecord(
            event=GridEvent(_text(row.kind)),
            at=from_microseconds(_number(row.time)),
            source_id=_text(said["source"]),
            raw=_text(said["raw"]),
            signal=_text(said["signal"]),
            scope=_text(said["scope"]),
            evse=_optional_key(said["evse"]),
            limit_w=_optional_float(said["limit_w"]),
            inputs=_object(said["inputs"]),
            set_points=tuple(_set_point(point) for point in said["set_points"]),
            before=_to_powers(said["before"]),
        )
        return ProvenRecord(_number(row.sequence), _text(row.hash), record)
    except KeyError, TypeError, ValueError, OverflowError, RecursionError:
        return None


def to_follow_up(row: StoredRow) -> FollowUp | None:
    """Return a row's measurement, None for what is none or was made unreadable."""
    try:
        said: Any = json.loads(_text(row.content))
        return FollowUp(
            refers_to=_number(row.refers_to),
            after_s=_number(said["after_s"]),
            at=from_microseconds(_number(row.time)),
            result=ProofResult(said["result"]),
            powers=_to_powers(said),
            judged_w=_optional_float(said["judged_w"]),
            complied_after_s=_optional_float(said["complied_after_s"]),
        )
    except KeyError, TypeError, ValueError, OverflowError, RecursionError:
        return None


def _row(site_id: str, at: datetime, kind: str, refers_to: int | None, content: dict[str, Json]) -> StoredRow:
    return StoredRow(site_id, 0, to_microseconds(at), kind, refers_to, canonical(_simple(content)), GENESIS, GENESIS)


def _simple(value: Json) -> Json:
    """Return the same with whole numbers as such and null for numbers that are none, so that all can be written."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, dict):
        return {name: _simple(one) for name, one in value.items()}
    return [_simple(one) for one in value] if isinstance(value, list) else value


def _key(key: EvseKey) -> Json:
    return [key.station_id, key.evse_id]


def _powers(powers: GridPowers) -> dict[str, Json]:
    return {"grid_w": powers.grid_w, "chargers_w": powers.chargers_w}


def _to_powers(said: Mapping[str, Any]) -> GridPowers:
    return GridPowers(_optional_float(said["grid_w"]), _optional_float(said["chargers_w"]))


def _told_set_point(point: GridSetPoint) -> Json:
    return {
        "evse": _key(point.evse),
        "current_a": point.current_a,
        "phases": point.phases,
        "power_w": point.power_w,
    }


def _set_point(said: Mapping[str, Any]) -> GridSetPoint:
    phases = said["phases"]
    return GridSetPoint(
        evse=_to_key(said["evse"]),
        current_a=_optional_float(said["current_a"]),
        phases=None if phases is None else _number(phases),
        power_w=_optional_float(said["power_w"]),
    )


def _to_key(said: Sequence[Any]) -> EvseKey:
    station_id, evse_id = said
    return EvseKey(_text(station_id), _number(evse_id))


def _optional_key(said: Sequence[Any] | None) -> EvseKey | None:
    return None if said is None else _to_key(said)


def _optional_float(said: object) -> float | None:
    if said is None:
        return None
    if isinstance(said, bool) or not isinstance(said, int | float):
        raise TypeError("not a number")
    return float(said)


def _number(said: object) -> int:
    if isinstance(said, bool) or not isinstance(said, int):
        raise TypeError("not a whole number")
    return said


def _text(said: object) -> str:
    if not isinstance(said, str):
        raise TypeError("not a text")
    return said


def _object(said: Any) -> dict[str, Json]:
    if not isinstance(said, dict):
        raise TypeError("not an object")
    return said
