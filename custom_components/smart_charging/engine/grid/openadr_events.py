"""From OpenADR 3 events to what they demand: a pure function of what a server said, who we are and the time."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
import json
from typing import Final

from ..model import EvseKey
from .openadr_parse import Descriptor, Event, Payload, Target, object_id, parse_descriptors, parse_event
from .openadr_payloads import LEVEL_TYPE, LIMIT_KINDS, SERIES_KINDS, Piece, first_of, level, limit, pieces_of, series_of
from .openadr_priority import by_priority
from .openadr_time import Window, lay_out, stretch
from .openadr_values import (
    MAX_EVENTS,
    MAX_PIECES,
    TEXT_LENGTH,
    Addressee,
    EventError,
    EventReading,
    Refusal,
    ReportInterval,
    ReportRequest,
    Series,
)
from .signal import RAW_LENGTH, GridSignal, SignalKind, SignalScope, SignalUnit

type Draw = Callable[[str], float]
"""A number from -1 to 1 for a text, the same one each time: the random part of an event's start."""

REPORTED_TYPES: Final = frozenset({"USAGE", "DEMAND"})
# Words about the object itself, not about whom it is for.
_SELF_TARGETS: Final = frozenset({"EVENT_NAME", "PROGRAM_NAME"})


@dataclass(frozen=True, slots=True)
class _Content:
    """What one event says."""

    event_id: str
    ranked: list[tuple[int | None, GridSignal]]
    failsafe: list[GridSignal]
    series: list[Series]
    requests: list[ReportRequest]
    not_understood: int
    pieces: int
    version: str


def read_events(
    raw_events: Collection[object],
    raw_programs: Sequence[object],
    addressee: Addressee,
    now: datetime,
    draw: Draw,
    first_heard: Callable[[str], datetime] | None = None,
) -> EventReading:
    """Return all that these events say to the addressee now.

    A malformed event is left out and counted by its reason; it never keeps another one from being heard.
    `first_heard` tells when a version of an event (`EventReading.versions`) came; without it that is now.
    """
    heard_at = first_heard or (lambda version: now)
    defaults = _program_descriptors(raw_programs)
    refused: Counter[Refusal] = Counter()
    contents: list[tuple[int | None, _Content]] = []
    not_ours = pieces = 0
    for raw in islice(raw_events, MAX_EVENTS):
        try:
            event = parse_event(raw)
            if not _is_ours(event, addressee):
                not_ours += 1
                continue
            program = defaults.get(event.program_id, {})
            content = _read_event(event, program, addressee, now, draw, heard_at(event.version))
        except EventError as error:
            refused[error.reason] += 1
            continue
        except OverflowError:  # by chance, repetition or values without an end it leads out of the calendar
            refused[Refusal.TIME] += 1
            continue
        if pieces + content.pieces > MAX_PIECES:
            refused[Refusal.TOO_MANY_INTERVALS] += 1
            continue
        pieces += content.pieces
        contents.append((event.priority, content))
    if len(raw_events) > MAX_EVENTS:
        refused[Refusal.TOO_MANY_EVENTS] += len(raw_events) - MAX_EVENTS
    in_order = sorted(contents, key=lambda entry: (entry[0] is None, entry[0] or 0))
    return EventReading(
        signals=by_priority(entry for _, content in contents for entry in content.ranked),
        failsafe=tuple(signal for _, content in contents for signal in content.failsafe),
        series=first_of(series for _, content in in_order for series in content.series),
        requests=tuple(request for _, content in contents for request in content.requests),
        refused=dict(refused),
        not_understood=sum(content.not_understood for _, content in contents),
        not_ours=not_ours,
        events=len(raw_events),
        limit_events=tuple(_with_limits(content for _, content in contents)),
        versions=frozenset(content.version for _, content in contents),
    )


def _with_limits(contents: Iterable[_Content]) -> list[str]:
    """Return the ids of the events with limits, those with fail-safe ones first."""
    rated = [
        (not content.failsafe, content.event_id)
        for content in contents
        if content.failsafe or any(signal.kind is not SignalKind.PRICE_LEVEL for _, signal in content.ranked)
    ]
    return [event_id for _, event_id in sorted(rated, key=lambda entry: entry[0])]


def is_safe_mode(name: str, addressee: Addressee) -> bool:
    """Return whether an event of this name states what holds when the server is lost, by the agreed word in it."""
    wanted = _letters(addressee.safe_mode_name)
    return bool(wanted) and wanted in _letters(name)


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def _program_descriptors(raw_programs: Sequence[object]) -> dict[str, dict[str, Descriptor]]:
    """Return the units that programmes state for their events by default, by programme and payload type."""
    return {
        object_id(raw): parse_descriptors(raw.get("payloadDescriptors"))
        for raw in raw_programs
        if isinstance(raw, Mapping)
    }


def _is_ours(event: Event, addressee: Addressee) -> bool:
    return all(_meant(target, addressee) for target in event.targets)


def _meant(target: Target, addressee: Addressee) -> bool:
    if target.type in _SELF_TARGETS:
        return True
    if target.type == "VEN_NAME":
        return addressee.ven_name in target.values
    if target.type == "RESOURCE_NAME":
        return not target.values.isdisjoint(addressee.resources)
    if not addressee.targets:
        return True  # the server hands a VEN what is meant for it; we know of nothing to tell better by
    return not target.values.isdisjoint({addressee.ven_name, *addressee.resources, *addressee.targets})


def _devices(event: Event, addressee: Addressee) -> Sequence[EvseKey | None]:
    """Return the EVSEs that an event is for; None in it is the site."""
    named = [
        name
        for name in addressee.resources
        if any(target.type in (None, "RESOURCE_NAME") and name in target.values for target in event.targets)
    ]
    return [addressee.resources[name] for name in named] or [None]


def _read_event(
    event: Event,
    program: Mapping[str, Descriptor],
    addressee: Addressee,
    now: datetime,
    draw: Draw,
    heard: datetime,
) -> _Content:
    windows = lay_out(event.intervals, event.period, event.created, lambda place: draw(f"{event.id}/{place}"))
    windows = stretch(windows, event.duration, now)
    descriptors = {**program, **event.descriptors}
    signals = list(_signals(event, windows, descriptors, addressee, heard))
    live = [signal for signal in signals if signal.valid_until is None or signal.valid_until > now]
    safe_mode = is_safe_mode(event.name, addressee)
    not_understood = sum(
        payload.type not in LIMIT_KINDS and payload.type not in SERIES_KINDS and payload.type != LEVEL_TYPE
        for interval in event.intervals
        for payload in interval.content
    )
    requests = _requests(event, windows)
    return _Content(
        event_id=event.id,
        ranked=[] if safe_mode else [(event.priority, signal) for signal in live],
        failsafe=_failsafe(signals, live) if safe_mode else [],
        series=series_of(event.id, windows, descriptors, now),
        requests=requests,
        not_understood=not_understood + len(event.reports) - len(requests),
        pieces=sum(len(payload.values) for window in windows for payload in window.content),
        version=event.version,
    )


def _signals(
    event: Event,
    windows: Iterable[Window[tuple[Payload, ...]]],
    descriptors: Mapping[str, Descriptor],
    addressee: Addressee,
    heard: datetime,
) -> Iterable[GridSignal]:
    devices = _devices(event, addressee)
    for window in windows:
        for payload in window.content:
            if payload.type not in LIMIT_KINDS and payload.type != LEVEL_TYPE:
                continue
            descriptor = descriptors.get(payload.type)
            for piece in pieces_of(payload, window):
                kind, value, unit = _demand(payload.type, piece.value, descriptor)
                if piece.start is not None and piece.end is not None and piece.end <= piece.start:
                    continue
                for evse in devices:
                    yield GridSignal(
                        source_id=addressee.source_id,
                        kind=kind,
                        received_at=heard,
                        value=value,
                        unit=unit,
                        scope=addressee.scope if evse is None else SignalScope.DEVICE,
                        evse=evse,
                        valid_from=piece.start,
                        valid_until=piece.end,
                        binding=addressee.binding and kind is not SignalKind.PRICE_LEVEL,
                        raw=_raw(event, window.interval_id, payload.type, piece, descriptor),
                    )


def _demand(kind: str, value: object, descriptor: Descriptor | None) -> tuple[SignalKind, float, SignalUnit]:
    if kind == LEVEL_TYPE:
        return SignalKind.PRICE_LEVEL, level(value), SignalUnit.LEVEL
    return LIMIT_KINDS[kind], *limit(value, descriptor)


def _raw(event: Event, interval_id: int, kind: str, piece: Piece, descriptor: Descriptor | None) -> str:
    stated = {
        "event": event.id,
        "name": event.name[: TEXT_LENGTH // 2],
        "interval": interval_id,
        "type": kind,
        "value": piece.value,
        "units": descriptor.units if descriptor else None,
    }
    return json.dumps(stated)[:RAW_LENGTH]


def _failsafe(signals: list[GridSignal], live: list[GridSignal]) -> list[GridSignal]:
    """Return the limits for when the server is lost: those not over, else the lowest of each kind, without an end."""
    limits = [signal for signal in live if signal.kind is not SignalKind.PRICE_LEVEL]
    if limits:
        return limits
    lowest: dict[tuple[SignalKind, SignalUnit, EvseKey | None], GridSignal] = {}
    for signal in signals:
        key = (signal.kind, signal.unit, signal.evse)
        if signal.kind is not SignalKind.PRICE_LEVEL and (
            key not in lowest or (signal.value or 0.0) < (lowest[key].value or 0.0)
        ):
            lowest[key] = replace(signal, valid_from=None, valid_until=None)
    return list(lowest.values())


def _requests(event: Event, windows: Sequence[Window[tuple[Payload, ...]]]) -> list[ReportRequest]:
    """Return the wishes for reports of what was; forecasts and other kinds of figures are not served."""
    intervals = tuple(
        ReportInterval(interval_id=window.interval_id, start=window.start, end=window.end)
        for window in windows
        if window.start is not None and window.end is not None
    )
    start = windows[0].start if windows else event.period.start
    if windows:
        end = windows[-1].end
    else:
        end = event.period.duration.after(start) if start and event.period.duration else None
    return [
        ReportRequest(
            event_id=event.id,
            program_id=event.program_id,
            index=index,
            payload_type=wish.payload_type,
            reading_type=wish.reading_type,
            units=wish.units,
            aggregate=wish.aggregate,
            start_interval=wish.start_interval,
            num_intervals=wish.num_intervals,
            frequency=wish.frequency,
            repeat=wish.repeat,
            intervals=intervals if len(intervals) == len(windows) else (),
            turn=len(event.intervals),
            start=start,
            end=end,
        )
        for index, wish in enumerate(event.reports)
        if wish.payload_type in REPORTED_TYPES and wish.historical
    ]
