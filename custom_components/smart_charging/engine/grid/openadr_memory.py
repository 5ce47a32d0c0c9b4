"""What of an OpenADR server's word outlives a restart: its limits, above all the one for when it is not heard."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
import json
from typing import Final

from .openadr_parse import object_id
from .openadr_payloads import LEVEL_TYPE, LIMIT_KINDS
from .openadr_time import parse_moment
from .openadr_values import TEXT_LENGTH, EventError, clean_text

_MOST_BYTES: Final = 1024 * 1024  # the longest event, each interval with a period of its own, takes 0.5 MB
_MOST_KEYS: Final = 2_000
_MOST_LISTED: Final = 1_000
_STATED: Final = ("createdDateTime", "modificationDateTime", "priority", "targets", "duration")
_PERIOD: Final = ("start", "duration", "randomizeStart")


@dataclass(frozen=True, slots=True, kw_only=True)
class VenMemory:
    """The last word of a server, as far as its limits go, and which reports it has.

    Events are kept as JSON and read again by the rules of the day, so nothing that is not understood now comes back.
    `left_out` are how many of those with limits there was no room for.
    """

    last_heard: datetime | None = None
    events: tuple[object, ...] = ()
    programs: tuple[object, ...] = ()
    sent: tuple[str, ...] = ()
    left_out: int = 0

    def to_json(self) -> dict[str, str | None]:
        """Return it in a form that JSON can hold; the word is one text, so that it is compared and copied at once."""
        word = {"events": self.events, "programs": self.programs, "sent": self.sent, "left_out": self.left_out}
        return {"last_heard": self.last_heard.isoformat() if self.last_heard else None, "word": _text(word)}


def memory_from_json(raw: object) -> VenMemory:
    """Return what was kept; what can't be read is as if it had not been kept."""
    if not isinstance(raw, Mapping):
        return VenMemory()
    word = raw.get("word")
    try:
        last_heard = parse_moment(raw.get("last_heard"))
        said = json.loads(word) if isinstance(word, str) else None
    except EventError, ValueError, RecursionError:
        return VenMemory()
    if not isinstance(said, dict):
        return VenMemory()
    left_out = said.get("left_out")
    return VenMemory(
        last_heard=last_heard,
        events=_listed(said.get("events")),
        programs=_listed(said.get("programs")),
        sent=tuple(key for key in _listed(said.get("sent")) if isinstance(key, str)),
        left_out=left_out if isinstance(left_out, int) else 0,
    )


def remember(
    last_heard: datetime,
    events: Iterable[object],
    programs: Iterable[object],
    wanted: Sequence[str],
    sent: Sequence[str],
) -> VenMemory:
    """Return what to keep: the events of these ids, the first ones first, as many as fit, and their units."""
    ids = frozenset(wanted)
    texts = {
        event_id: _slim_text(event)
        for event in events
        if isinstance(event, Mapping) and (event_id := object_id(event)) in ids
    }
    kept: list[dict[str, object]] = []
    room = _MOST_BYTES
    for text in (texts[event_id] for event_id in wanted if event_id in texts):
        if text and len(text) <= room:
            room -= len(text)
            kept.append(json.loads(text))
    program_ids = {event["programID"] for event in kept}
    return VenMemory(
        last_heard=last_heard,
        events=tuple(kept),
        programs=tuple(
            {"id": object_id(program), "payloadDescriptors": _descriptors(program.get("payloadDescriptors"))}
            for program in programs
            if isinstance(program, Mapping) and object_id(program) in program_ids
        ),
        sent=tuple(sent[-_MOST_KEYS:]),
        left_out=len(wanted) - len(kept),
    )


def _limits_of(event: Mapping[str, object]) -> dict[str, object]:
    """Return an event that says the same of limits and levels, without all else that it says."""
    intervals = event.get("intervals")
    return {
        "id": object_id(event),
        "programID": clean_text(event.get("programID")),
        "eventName": clean_text(event.get("eventName")),
        **{name: event[name] for name in _STATED if event.get(name) is not None},
        **_period_of(event),
        "payloadDescriptors": _descriptors(event.get("payloadDescriptors")),
        "intervals": [_interval(one) for one in _listed(intervals) if isinstance(one, Mapping)],
    }


def _interval(interval: Mapping[str, object]) -> dict[str, object]:
    payloads = [
        {"type": one.get("type"), "values": one.get("values")}
        for one in _listed(interval.get("payloads"))
        if isinstance(one, Mapping) and _is_kept(one.get("type"))
    ]
    return {"id": interval.get("id"), **_period_of(interval), "payloads": payloads}


def _period_of(stated: Mapping[str, object]) -> dict[str, object]:
    period = stated.get("intervalPeriod")
    if not isinstance(period, Mapping):
        return {}
    return {"intervalPeriod": {name: period[name] for name in _PERIOD if period.get(name) is not None}}


def _descriptors(raw: object) -> list[object]:
    return [
        {name: one[name][:TEXT_LENGTH] for name in ("payloadType", "units") if isinstance(one.get(name), str)}
        for one in _listed(raw)[:_MOST_LISTED]
        if isinstance(one, Mapping) and _is_kept(one.get("payloadType"))
    ]


def _is_kept(kind: object) -> bool:
    return (name := clean_text(kind).upper()) in LIMIT_KINDS or name == LEVEL_TYPE


def _slim_text(event: Mapping[str, object]) -> str:
    try:
        return _text(_limits_of(event))
    except ValueError, RecursionError:  # what no number is, or nested without an end, beside what was understood
        return ""


def _text(value: object) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def _listed(raw: object) -> tuple[object, ...]:
    return tuple(raw) if isinstance(raw, list) else ()
