"""What is understood of an OpenADR 3 server's events: signals, series of prices, wishes for reports, and refusals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from ..model import EvseKey
from .signal import GridSignal, SignalScope

MAX_EVENTS: Final = 10_000  # read from a server at a time; more are refused
MAX_INTERVALS: Final = 3_000  # of one event: a month of quarter hours has 2976
MAX_PIECES: Final = 200_000  # values of all events together, repeated ones counted each time
TEXT_LENGTH: Final = 128  # of names and ids, as the OpenAPI document has it
HORIZON: Final = timedelta(days=8)  # how far ahead repeated and endless prices are written out


class OpenAdrVersion(StrEnum):
    """Whose shapes are spoken; they differ in targets, reports and how a VEN makes itself known."""

    V3_0_1 = "3.0.1"
    V3_1 = "3.1"


class SeriesKind(StrEnum):
    """What the values of a series are."""

    PRICE = "price"  # of a kWh drawn
    EXPORT_PRICE = "export_price"  # of a kWh fed in
    GHG = "ghg"  # g of CO2 equivalent per kWh


class Refusal(StrEnum):
    """Why an event was left out."""

    SHAPE = "shape"  # not an object, or without an id
    TOO_MANY_EVENTS = "too_many_events"
    TOO_MANY_INTERVALS = "too_many_intervals"
    PRIORITY = "priority"  # not a whole number of at least 0
    TARGETS = "targets"  # neither of the two known forms
    TIME = "time"  # a start that can't be read, or none where one is needed
    DURATION = "duration"  # not ISO 8601, negative, or of a form that makes no sense here
    INTERVALS = "intervals"  # not a list of intervals with payloads, or intervals after one that never ends
    VALUE = "value"  # not the number that its payload type asks for
    UNIT = "unit"  # one that the payload type can't have


class EventError(Exception):
    """An event that can't be understood."""

    def __init__(self, reason: Refusal) -> None:
        """Keep why."""
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Values that follow each other from `start` on, each holding for `step`.

    Prices are in `currency` (ISO 4217; None where the server does not say) per kWh, GHG in g per kWh.
    """

    kind: SeriesKind
    start: datetime
    step: timedelta
    values: tuple[float, ...]
    event_id: str
    currency: str | None = None

    @property
    def end(self) -> datetime:
        """Return when the last value ends."""
        return self.start + self.step * len(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInterval:
    """A piece of time that a report is asked for, by the number that the event gave it."""

    interval_id: int
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    """A wish for reports (an event's `reportDescriptor`), with the event's intervals where they have an end.

    `intervals` is empty where the event has none that end: reports then follow the clock from `start` to `end`. `turn` is
    how many the event has itself; there are more in `intervals` where it repeats them.
    """

    event_id: str
    program_id: str
    index: int
    payload_type: str
    reading_type: str | None
    units: str | None
    aggregate: bool
    start_interval: int
    num_intervals: int
    frequency: int
    repeat: int
    intervals: tuple[ReportInterval, ...]
    turn: int = 0
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """Who reads the events, and what follows from them.

    `resources` are the names that the server knows our devices by, with the EVSE that each is (None: not an EVSE).
    `targets` are further words that the server addresses this site by, such as the EAN code of its connection; without
    them all that the server hands out is taken as meant. `safe_mode_name` is what the name of the event with the
    fail-safe limit contains; case, spaces and punctuation do not count.
    """

    ven_name: str
    source_id: str = "openadr"
    resources: Mapping[str, EvseKey | None] = field(default_factory=dict)
    targets: frozenset[str] = frozenset()
    scope: SignalScope = SignalScope.SITE
    binding: bool = True
    safe_mode_name: str = "safe mode"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventReading:
    """All that a server's events say at one moment.

    Signals of lower priority are already cut where one of a higher priority holds, so each signal may be taken at its
    word; of equal ones the most restrictive is for the reader to choose. Of `series` of one kind an earlier one goes
    before a later one where they overlap. `failsafe` are the limits for when the server is lost: no signals now.
    """

    signals: tuple[GridSignal, ...] = ()
    failsafe: tuple[GridSignal, ...] = ()
    series: tuple[Series, ...] = ()
    requests: tuple[ReportRequest, ...] = ()
    refused: Mapping[Refusal, int] = field(default_factory=dict)
    not_understood: int = 0  # payloads and report wishes of types that mean nothing to us
    not_ours: int = 0  # events for others
    events: int = 0  # how many there were
    limit_events: tuple[str, ...] = ()  # ids of the events with limits, those with fail-safe ones first
    versions: frozenset[str] = frozenset()  # of the events that were understood: id and time of the last change


def clean_text(value: object, length: int = TEXT_LENGTH) -> str:
    """Return text that is safe to show and to log: printable, cut; empty for what is no text."""
    if not isinstance(value, str):
        return ""
    return "".join(character for character in value[: length * 2] if character.isprintable())[:length].strip()
