"""The last cycles of a site, kept so that a decision can be looked at, written down and decided again."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
import json
from pathlib import Path
from typing import Final

from .config import EvseSettings, SiteConfig, StationConfig
from .control.snapshot import ControlState, Decision, EvseControl, EvseSnapshot, Snapshot
from .limit import Limit, without_station_ids
from .model import EvseKey, Json, Setpoint
from .recorded_json import Decoder, Encoder, RecordedJsonError, Replacement

KEPT_CYCLES = 500
KEPT_EVSES = 25_000  # in all cycles together: what is kept of a large site must not fill the memory
FORMAT: Final = 1
_MANIFEST: Final = Path(__file__).parent.parent / "manifest.json"
VERSION: Final = str(json.loads(_MANIFEST.read_text(encoding="utf-8"))["version"])

# What mostly stays as it is from cycle to cycle, so that it is written once.
_SHARED: Final = frozenset({EvseKey, SiteConfig, StationConfig, EvseSettings, EvseSnapshot, EvseControl, Setpoint})


@dataclass(frozen=True, slots=True)
class Cycle:
    """One decision with all it was made from; `state` is the memory before it."""

    now: datetime
    snapshot: Snapshot
    state: ControlState
    may_raise: bool
    decision: Decision


class CycleRecorder:
    """Keeps the newest cycles; what did not change from one to the next is kept once."""

    def __init__(self) -> None:
        """Begin empty."""
        self._cycles: deque[Cycle] = deque()

    def record(self, cycle: Cycle) -> None:
        """Keep a cycle; the oldest ones go."""
        self._cycles.append(_sharing(self._cycles[-1], cycle) if self._cycles else cycle)
        most = min(KEPT_CYCLES, max(1, KEPT_EVSES // max(1, len(cycle.snapshot.evses))))
        while len(self._cycles) > most:
            self._cycles.popleft()

    @property
    def cycles(self) -> tuple[Cycle, ...]:
        """Return the cycles kept, oldest first."""
        return tuple(self._cycles)


def _sharing(before: Cycle, cycle: Cycle) -> Cycle:
    """Return the same cycle made of the values of the one before it, where they are equal."""
    known = {evse.key: evse for evse in before.snapshot.evses}
    evses = tuple(evse if known.get(evse.key) != evse else known[evse.key] for evse in cycle.snapshot.evses)
    decision, former = cycle.decision, before.decision
    return replace(
        cycle,
        snapshot=replace(cycle.snapshot, evses=before.snapshot.evses if evses == before.snapshot.evses else evses),
        state=replace(cycle.state, evses=_shared(before.state.evses, cycle.state.evses)),
        decision=replace(
            decision,
            setpoints=_shared(former.setpoints, decision.setpoints),
            bounds=_shared(former.bounds, decision.bounds),
            phases_in_use=_shared(former.phases_in_use, decision.phases_in_use),
        ),
    )


def _shared[K, V](before: Mapping[K, V], now: Mapping[K, V]) -> Mapping[K, V]:
    if before == now:
        return before
    return {key: value if before.get(key) != value else before[key] for key, value in now.items()}


def dump(cycles: Sequence[Cycle], *, hide_ids: bool = False) -> str:
    """Return cycles as JSON lines that `load` and `replay` read: a header, then a line for each cycle.

    Passwords' hashes are never in it. With `hide_ids` stations are numbered in the order of their ids, which are
    often serial numbers; what is decided stays the same. Works for seconds on a large site: call it in a thread.
    """
    return "".join(f"{line}\n" for line in dump_lines(cycles, hide_ids=hide_ids))


def dump_lines(cycles: Sequence[Cycle], *, hide_ids: bool = False) -> list[str]:
    """Return the lines of `dump`."""
    return [_text(line) for line in _lines(cycles, hide_ids=hide_ids)]


def load(text: str) -> tuple[Cycle, ...]:
    """Return the cycles that `dump` wrote; RecordedJsonError, naming line and field, for any other text."""
    return load_lines(text.split("\n"))  # not splitlines: a name may hold what Unicode calls the end of a line


def load_lines(lines: Sequence[Json]) -> tuple[Cycle, ...]:
    """Return the cycles of lines, each as text or as the object it says; RecordedJsonError for others."""
    objects = [_parse(line, number) for number, line in enumerate(lines, 1) if not _blank(line)]
    if not objects:
        raise RecordedJsonError("there is no cycle in it")
    _check_header(objects[0])
    decoder = Decoder(_SHARED)
    return tuple(_load_cycle(decoder, line, number) for number, line in enumerate(objects[1:], 2))


def _lines(cycles: Sequence[Cycle], *, hide_ids: bool) -> Iterator[Json]:
    yield {"format": FORMAT, "integration": VERSION}
    replaced: dict[tuple[type, str], Replacement] = {(StationConfig, "password_hash"): lambda _: None}
    if hide_ids:
        replaced |= dict.fromkeys([(StationConfig, "serial_number"), (StationConfig, "organization")], lambda _: None)
        names = _numbered(cycles)
        replaced |= dict.fromkeys(
            [(StationConfig, "station_id"), (EvseKey, "station_id")], lambda one: names.get(str(one), "station")
        )
        replaced[Limit, "limit_id"] = lambda one: without_station_ids(str(one), names)
    encoder, written = Encoder(_SHARED, replaced), 0
    for cycle in cycles:
        encoded = encoder.encode(cycle)
        yield {"parts": encoder.parts[written:], "cycle": encoded}
        written = len(encoder.parts)


def _numbered(cycles: Sequence[Cycle]) -> Mapping[str, str]:
    """Return a name for each station id; they sort as the ids do, for ties are decided by that."""
    ids: set[str] = set()
    for cycle in cycles:
        ids.update(evse.station.station_id for evse in cycle.snapshot.evses)
        ids.update(key.station_id for key in (*cycle.state.evses, *cycle.decision.setpoints))
        ids.update(limit.evse.station_id for limit in cycle.snapshot.limits if limit.evse is not None)
    width = len(str(len(ids)))
    return {station_id: f"station {number:0{width}}" for number, station_id in enumerate(sorted(ids), 1)}


def _check_header(header: dict[str, Json]) -> None:
    if "format" not in header:
        raise RecordedJsonError("line 1: is no header of recorded cycles")
    if header["format"] != FORMAT:
        raise RecordedJsonError(
            f"line 1: format {header['format']} of Smart Charging {header.get('integration')} is not known, "
            f"only {FORMAT} is"
        )


def _load_cycle(decoder: Decoder, line: dict[str, Json], number: int) -> Cycle:
    parts = line.get("parts", [])
    if not isinstance(parts, list) or "cycle" not in line:
        raise RecordedJsonError(f"line {number}: is no cycle")
    decoder.parts.extend(parts)
    return decoder.decode(Cycle, line["cycle"], f"line {number}: cycle")


def _parse(line: Json, number: int) -> dict[str, Json]:
    try:
        found: Json = json.loads(line) if isinstance(line, str) else line
    except json.JSONDecodeError as error:
        raise RecordedJsonError(f"line {number}: is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise RecordedJsonError(f"line {number}: is no object")
    return found


def _text(line: Json) -> str:
    return json.dumps(line, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _blank(line: Json) -> bool:
    return isinstance(line, str) and not line.strip()
