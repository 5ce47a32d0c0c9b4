"""What of an OpenADR server's word outlives a restart: its limits, above all the one for when it is not heard."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
import json
from typing import Final

from .openadr_parse import object_id
from .openadr_time import parse_moment
from .openadr_values import EventError, clean_text

_MOST_BYTES: Final = 256 * 1024
_MOST_KEYS: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class VenMemory:
    """The last word of a server as it was received, and which reports it has.

    Events are kept as JSON and read again by the rules of the day, so nothing that is not understood now comes back.
    """

    last_heard: datetime | None = None
    events: tuple[object, ...] = ()
    programs: tuple[object, ...] = ()
    sent: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return it in a form that JSON can hold."""
        return {
            "last_heard": self.last_heard.isoformat() if self.last_heard else None,
            "events": list(self.events),
            "programs": list(self.programs),
            "sent": list(self.sent),
        }


def memory_from_json(raw: object) -> VenMemory:
    """Return what was kept; what can't be read is as if it had not been kept."""
    if not isinstance(raw, Mapping):
        return VenMemory()
    try:
        last_heard = parse_moment(raw.get("last_heard"))
    except EventError:
        return VenMemory()
    return VenMemory(
        last_heard=last_heard,
        events=_listed(raw.get("events")),
        programs=_listed(raw.get("programs")),
        sent=tuple(key for key in _listed(raw.get("sent")) if isinstance(key, str)),
    )


def remember(
    last_heard: datetime,
    events: Iterable[object],
    programs: Iterable[object],
    wanted: Iterable[str],
    sent: Sequence[str],
) -> VenMemory:
    """Return what to keep: the events of these ids, the first ones first, as many as fit, and their units."""
    by_id = {object_id(event): event for event in events if isinstance(event, Mapping)}
    kept: list[object] = []
    program_ids: set[str] = set()
    room = _MOST_BYTES
    for event in (by_id[event_id] for event_id in wanted if event_id in by_id):
        room -= len(json.dumps(event))
        if room < 0:
            break
        kept.append(event)
        program_ids.add(clean_text(event.get("programID")))
    return VenMemory(
        last_heard=last_heard,
        events=tuple(kept),
        programs=tuple(
            {"id": object_id(program), "payloadDescriptors": program.get("payloadDescriptors")}
            for program in programs
            if isinstance(program, Mapping) and object_id(program) in program_ids
        ),
        sent=tuple(sent[-_MOST_KEYS:]),
    )


def _listed(raw: object) -> tuple[object, ...]:
    return tuple(raw) if isinstance(raw, list) else ()
