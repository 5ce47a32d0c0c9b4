"""From the JSON of OpenADR 3.0.1 and 3.1 events and programmes to values, with each malformed one refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .openadr_time import Duration, Interval, Period, means_now, parse_duration, parse_moment
from .openadr_values import MAX_INTERVALS, EventError, Refusal, clean_text

_MAX_LISTED = 1_000  # targets, descriptors and payloads of one object
_MAX_VALUES = 3 * MAX_INTERVALS  # in all payloads of an event


@dataclass(frozen=True, slots=True)
class Payload:
    """A `valuesMap`: what kind of thing, and its values as received."""

    type: str
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What an event's or a programme's payloads of one type are counted in."""

    units: str | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """Whom an event is for. `type` is None in 3.1, whose targets are plain words."""

    type: str | None
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class ReportDescriptor:
    """What an event asks to be told."""

    payload_type: str
    reading_type: str | None
    units: str | None
    aggregate: bool
    start_interval: int
    num_intervals: int
    frequency: int
    repeat: int
    historical: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event as stated."""

    id: str
    program_id: str
    name: str
    created: datetime | None  # or changed
    priority: int | None
    targets: tuple[Target, ...]
    descriptors: Mapping[str, Descriptor]
    reports: tuple[ReportDescriptor, ...]
    period: Period
    duration: Duration | None
    intervals: tuple[Interval[tuple[Payload, ...]], ...]

    @property
    def version(self) -> str:
        """Return what tells this form of the event from an earlier one of the same id."""
        return f"{self.id}@{self.created.isoformat() if self.created else ''}"


def parse_event(raw: object) -> Event:
    """Return the event that a JSON value is. EventError with the reason for one that can't be understood."""
    if not isinstance(raw, Mapping) or not (event_id := object_id(raw)):
        raise EventError(Refusal.SHAPE)
    return Event(
        id=event_id,
        program_id=clean_text(raw.get("programID")),
        name=clean_text(raw.get("eventName")),
        created=_created(raw),
        priority=_priority(raw.get("priority")),
        targets=_targets(raw.get("targets")),
        descriptors=parse_descriptors(raw.get("payloadDescriptors")),
        reports=tuple(_report(item) for item in _listed(raw.get("reportDescriptors"), Refusal.SHAPE)),
        period=_period(raw.get("intervalPeriod")),
        duration=None if raw.get("duration") in (None, "") else parse_duration(raw["duration"]),
        intervals=_intervals(raw.get("intervals")),
    )


def object_id(raw: Mapping[str, object]) -> str:
    """Return an object's id, empty without one."""
    value = raw.get("id")
    return clean_text(str(value) if isinstance(value, int) and not isinstance(value, bool) else value)


def parse_descriptors(raw: object) -> dict[str, Descriptor]:
    """Return units and currency by payload type; entries that say neither a type nor anything else are passed over."""
    found: dict[str, Descriptor] = {}
    for item in raw[:_MAX_LISTED] if isinstance(raw, list) else ():
        if isinstance(item, Mapping) and (kind := clean_text(item.get("payloadType")).upper()):
            found[kind] = Descriptor(
                clean_text(item.get("units")).upper() or None, clean_text(item.get("currency")).upper() or None
            )
    return found


def _listed(raw: object, reason: Refusal) -> Sequence[object]:
    if raw is None:
        return ()
    if not isinstance(raw, list) or len(raw) > _MAX_LISTED:
        raise EventError(reason)
    return raw


def _created(raw: Mapping[str, object]) -> datetime | None:
    # Servers are seen that state a time of day only; it is needed just for events that begin "now" and end.
    for name in ("modificationDateTime", "createdDateTime"):
        try:
            return parse_moment(raw.get(name))
        except EventError:
            continue
    return None


def _priority(raw: object) -> int | None:
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, int) or raw < 0:
        raise EventError(Refusal.PRIORITY)
    return raw


def _targets(raw: object) -> tuple[Target, ...]:
    words: set[str] = set()
    typed: list[Target] = []
    for item in _listed(raw, Refusal.TARGETS):
        if isinstance(item, str):
            words.add(item)
        elif isinstance(item, Mapping) and isinstance(item.get("type"), str) and isinstance(item.get("values"), list):
            typed.append(
                Target(item["type"].upper(), frozenset(value for value in item["values"] if isinstance(value, str)))
            )
        else:
            raise EventError(Refusal.TARGETS)
    return (*typed, Target(None, frozenset(words))) if words else tuple(typed)


def _period(raw: object) -> Period:
    if raw is None:
        return Period()
    if not isinstance(raw, Mapping):
        raise EventError(Refusal.TIME)
    start = raw.get("start")
    duration, randomize = raw.get("duration"), raw.get("randomizeStart")
    now = means_now(start)
    return Period(
        start=None if now or start in (None, "") else parse_moment(start),
        now=now,
        duration=None if duration in (None, "") else parse_duration(duration),
        randomize=timedelta() if randomize in (None, "") else parse_duration(randomize).rest,
    )


def _intervals(raw: object) -> tuple[Interval[tuple[Payload, ...]], ...]:
    if raw is None:
        return ()  # an event that only asks for reports (User Guide 7.5)
    if not isinstance(raw, list):
        raise EventError(Refusal.INTERVALS)
    if len(raw) > MAX_INTERVALS:
        raise EventError(Refusal.TOO_MANY_INTERVALS)
    intervals = tuple(_interval(item) for item in raw)
    if sum(len(payload.values) for interval in intervals for payload in interval.content) > _MAX_VALUES:
        raise EventError(Refusal.TOO_MANY_INTERVALS)
    return intervals


def _interval(raw: object) -> Interval[tuple[Payload, ...]]:
    if not isinstance(raw, Mapping):
        raise EventError(Refusal.INTERVALS)
    number = raw.get("id")
    if isinstance(number, bool) or not isinstance(number, int):
        raise EventError(Refusal.INTERVALS)
    period = raw.get("intervalPeriod")
    payloads = tuple(_payload(item) for item in _listed(raw.get("payloads"), Refusal.INTERVALS))
    return Interval(number, None if period is None else _period(period), payloads)


def _payload(raw: object) -> Payload:
    if not isinstance(raw, Mapping):
        raise EventError(Refusal.INTERVALS)
    kind, values = clean_text(raw.get("type")).upper(), raw.get("values")
    if not kind or not isinstance(values, list) or len(values) > MAX_INTERVALS:
        raise EventError(Refusal.INTERVALS)
    return Payload(kind, tuple(values))


def _report(raw: object) -> ReportDescriptor:
    # "payLoadType" stands in an example of the User Guide.
    kind = clean_text(raw.get("payloadType") or raw.get("payLoadType")).upper() if isinstance(raw, Mapping) else ""
    if not isinstance(raw, Mapping) or not kind:
        raise EventError(Refusal.SHAPE)
    return ReportDescriptor(
        payload_type=kind,
        reading_type=clean_text(raw.get("readingType")).upper() or None,
        units=clean_text(raw.get("units")).upper() or None,
        aggregate=raw.get("aggregate") is True,
        start_interval=_number(raw, "startInterval", -1),
        num_intervals=_number(raw, "numIntervals", -1),
        frequency=_number(raw, "frequency", -1),
        repeat=_number(raw, "repeat", 1),
        historical=raw.get("historical") is not False,
    )


def _number(raw: Mapping[str, object], name: str, default: int) -> int:
    value = raw.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else default
