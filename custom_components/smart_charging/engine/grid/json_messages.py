"""Demands as JSON, as a webhook or MQTT bring them: of any bytes come events of the source, or one refusal and its place."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
import json
import re
from typing import Final, Never

from ..model import EvseKey, Json
from .signal import HIGHEST, OF_THE_SITE, RAW_LENGTH, GridSignal, SignalKind, SignalScope, SignalUnit
from .source import (
    MOST_SIGNALS,
    BrokerMessage,
    SignalAdded,
    SignalsCleared,
    SignalsStated,
    SourceConfig,
    SourceEvent,
    SourceHeard,
)

MOST_BYTES: Final = 16 * 1024
AHEAD: Final = timedelta(days=366)  # how far a begin or an end may be ahead, and how long a duration may be
_DEEPEST: Final = 3  # an object, its list, and an object in that
_LONGEST_TEXT: Final = 255
_SHOWN: Final = 40  # characters of a sender's own words that a refusal repeats
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
# Also one that never ends, and nothing is tried twice: the time that any message takes grows with its length only.
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)

_FOR_CHARGER: Final = "charger"  # the message's word for a scope of one device
_SCOPES: Final[Mapping[str, SignalScope]] = {
    SignalScope.SITE.value: SignalScope.SITE,
    SignalScope.CONTROLLABLE.value: SignalScope.CONTROLLABLE,
    _FOR_CHARGER: SignalScope.DEVICE,
}
_KINDS: Final[Mapping[str, SignalKind]] = {kind.value: kind for kind in SignalKind}
# What a value may be counted in: the engine's unit, and a factor to it.
_UNITS: Final[Mapping[str, tuple[SignalUnit, float]]] = {
    **{unit.value: (unit, 1.0) for unit in SignalUnit},
    "kW": (SignalUnit.WATT, 1000.0),
}
_DEMAND: Final = frozenset({"kind", "value", "unit", "scope", "charger", "id", "text"})
_TIMES: Final = frozenset({"from", "until", "duration_s"})


class MessageRefusal(StrEnum):
    """Why a message changed nothing."""

    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    NOT_JSON = "not_json"
    WRONG_TYPE = "wrong_type"
    FIELD_TWICE = "field_twice"
    UNKNOWN_FIELD = "unknown_field"
    MISSING_FIELD = "missing_field"
    UNKNOWN_WORD = "unknown_word"
    UNKNOWN_CHARGER = "unknown_charger"
    OUT_OF_RANGE = "out_of_range"
    DOES_NOT_FIT = "does_not_fit"  # to the kind of the signal, or to the other field for its end
    NOT_A_TIME = "not_a_time"
    NO_OFFSET = "no_offset"  # a time by a clock that nobody knows
    ENDS_BEFORE_BEGIN = "ends_before_begin"
    BEGIN_UNKNOWN = "begin_unknown"  # a duration or heartbeat that a broker kept: nobody knows since when
    PV_UNKNOWN = "pv_unknown"  # a part of a PV power that nobody told, other than nothing of it
    TOO_MANY = "too_many"


@dataclass(frozen=True, slots=True)
class RefusedMessage:
    """A refusal; `where` names the field, as `signals[2].until`, and is empty for the message as a whole."""

    why: MessageRefusal
    where: str = ""


@dataclass(frozen=True, slots=True)
class MessageSource:
    """The source that speaks, the EVSEs of chargers by every name that a message may use, and whether there is PV power known."""

    config: SourceConfig
    chargers: Mapping[str, EvseKey] = field(default_factory=dict)
    knows_pv: bool = True


def read_message(
    body: bytes, source: MessageSource, now: datetime, *, retained: bool | None = None
) -> tuple[SourceEvent, ...] | RefusedMessage:
    """Return what a message says, or why it says nothing; nothing is ever raised, whatever the bytes are.

    `retained` is whether a broker kept it: then it is not known when it was said. None is for ways on which nothing is
    kept. What binds, and what own power counts, is the configuration's alone.
    """
    try:
        found = _Fields(_decoded(body))
        event = _event(found, _Reader(source, now, bool(retained)))
    except _Refusal as refusal:
        return refusal.told
    if retained is None or isinstance(event, SourceHeard) or not (retained or _may_be_retained(found, source, now)):
        return (event,)
    return (BrokerMessage(event.source_id, now, event, _digest(body, source.config), retained),)


def _may_be_retained(found: _Fields, source: MessageSource, now: datetime) -> bool:
    """Return whether a message would be understood if a broker kept it; whoever sent any other won't have it kept."""
    try:
        _event(found, _Reader(source, now, retained=True))
    except _Refusal:
        return False
    return True


def _digest(body: bytes, config: SourceConfig) -> str:
    """Return what tells a message from another, also from the same one where it means something else by now."""
    meaning = f"{config.scope.value} {config.evse} {config.binding} "
    return sha256(meaning.encode() + body).hexdigest()


class _Refusal(Exception):
    """Ends the reading of a message."""

    def __init__(self, why: MessageRefusal, where: str = "") -> None:
        """Keep what is to be told."""
        super().__init__(why)
        self.told = RefusedMessage(why, where)


class _Fields:
    """An object of a message with its place in it; whatever is wrong with a field is a refusal that names it."""

    def __init__(self, found: Json, place: str = "") -> None:
        """Take an object; anything else is refused."""
        if not isinstance(found, dict):
            raise _Refusal(MessageRefusal.WRONG_TYPE, place)
        self.found = found
        self._place = place

    def where(self, name: str) -> str:
        """Return the place of a field."""
        return f"{self._place}.{name}" if self._place else name

    def refuse(self, why: MessageRefusal, name: str) -> Never:
        """End the reading because of a field."""
        raise _Refusal(why, self.where(name))

    def only(self, *known: Iterable[str]) -> None:
        """Refuse fields that are none of these."""
        allowed = set().union(*known)
        for name in self.found:
            if name not in allowed:
                self.refuse(MessageRefusal.UNKNOWN_FIELD, _shown(name))

    def __contains__(self, name: str) -> bool:
        """Return whether there is such a field."""
        return name in self.found

    def text(self, name: str) -> str:
        """Return a text that has to be there."""
        value = self._value(name)
        if not isinstance(value, str):
            self.refuse(MessageRefusal.WRONG_TYPE, name)
        if len(value) > _LONGEST_TEXT:
            self.refuse(MessageRefusal.OUT_OF_RANGE, name)
        return value

    def word[T](self, name: str, words: Mapping[str, T]) -> T:
        """Return what one of these words means."""
        word = self.text(name)
        if word not in words:
            self.refuse(MessageRefusal.UNKNOWN_WORD, name)
        return words[word]

    def number(self, name: str, lowest: float, highest: float) -> float:
        """Return a number within bounds; a huge or infinite one is never counted with."""
        value = self._value(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(MessageRefusal.WRONG_TYPE, name)
        if not lowest <= value <= highest:
            self.refuse(MessageRefusal.OUT_OF_RANGE, name)
        return float(value)

    def true(self, name: str) -> None:
        """Refuse a field that is not true."""
        if self.found[name] is not True:
            self.refuse(MessageRefusal.WRONG_TYPE, name)

    def objects(self, name: str) -> list[_Fields]:
        """Return a list of objects, each with its place."""
        value = self._value(name)
        if not isinstance(value, list):
            self.refuse(MessageRefusal.WRONG_TYPE, name)
        if len(value) > MOST_SIGNALS:
            self.refuse(MessageRefusal.TOO_MANY, name)
        return [_Fields(one, f"{self.where(name)}[{at}]") for at, one in enumerate(value)]

    def time(self, name: str, now: datetime) -> datetime:
        """Return a time in UTC: a text with an offset, or seconds since 1970."""
        latest = now + AHEAD
        if not isinstance(self._value(name), str):
            seconds = self.number(name, _EARLIEST.timestamp(), latest.timestamp())
            return datetime.fromtimestamp(seconds, UTC)
        try:
            moment = datetime.fromisoformat(self.text(name))
        except ValueError:
            self.refuse(MessageRefusal.NOT_A_TIME, name)
        if moment.tzinfo is None:
            self.refuse(MessageRefusal.NO_OFFSET, name)
        if not _EARLIEST <= moment <= latest:
            self.refuse(MessageRefusal.OUT_OF_RANGE, name)
        return moment.astimezone(UTC)

    def _value(self, name: str) -> Json:
        if name not in self.found:
            self.refuse(MessageRefusal.MISSING_FIELD, name)
        return self.found[name]


@dataclass(frozen=True, slots=True)
class _Reader:
    """What the signals of one message have in common."""

    source: MessageSource
    now: datetime
    retained: bool

    @property
    def source_id(self) -> str:
        """Return who speaks."""
        return self.source.config.source_id

    def signal(self, fields: _Fields, *, timed: bool = True) -> GridSignal:
        """Return one signal; a fail-safe is not `timed`."""
        fields.only(_DEMAND, _TIMES if timed else ())
        for name in ("id", "text"):
            if name in fields:
                fields.text(name)
        kind = fields.word("kind", _KINDS)
        if kind is SignalKind.PRICE_LEVEL and not timed:
            fields.refuse(MessageRefusal.DOES_NOT_FIT, "kind")
        scope, evse = self.place(fields, kind)
        value, unit = self.value(fields, kind, scope)
        begin, end = self.times(fields) if timed else (None, None)
        return GridSignal(
            source_id=self.source_id,
            kind=kind,
            received_at=self.now,
            value=value,
            unit=unit,
            scope=scope,
            evse=evse,
            valid_from=begin,
            valid_until=end,
            binding=self.source.config.binding,
            raw=json.dumps(fields.found)[:RAW_LENGTH],
        )

    def place(self, fields: _Fields, kind: SignalKind) -> tuple[SignalScope, EvseKey | None]:
        """Return what a signal is for: where it does not say so, what was set up; feed-in and prices are the site's."""
        of_site = kind in OF_THE_SITE
        if "scope" not in fields:
            if "charger" in fields:
                fields.refuse(MessageRefusal.DOES_NOT_FIT, "charger")
            return (SignalScope.SITE, None) if of_site else self.usual_place(fields)
        scope = fields.word("scope", _SCOPES)
        if of_site and scope is not SignalScope.SITE:
            fields.refuse(MessageRefusal.DOES_NOT_FIT, "scope")
        if scope is SignalScope.DEVICE:
            return scope, self.evse(fields)
        self.no_charger(fields)
        return scope, None

    def usual_place(self, fields: _Fields) -> tuple[SignalScope, EvseKey | None]:
        """Return what was set up; a charger that is gone since then is refused, for it could not be limited."""
        config = self.source.config
        if config.evse is not None and config.evse not in self.source.chargers.values():
            fields.refuse(MessageRefusal.UNKNOWN_CHARGER, "scope")
        return config.scope, config.evse

    def evse(self, fields: _Fields) -> EvseKey:
        """Return the EVSE of the charger that is named."""
        evse = self.source.chargers.get(fields.text("charger"))
        if evse is None:
            fields.refuse(MessageRefusal.UNKNOWN_CHARGER, "charger")
        return evse

    def no_charger(self, fields: _Fields) -> None:
        """Refuse a charger where the scope is none."""
        if "charger" in fields:
            fields.refuse(MessageRefusal.DOES_NOT_FIT, "charger")

    def value(self, fields: _Fields, kind: SignalKind, scope: SignalScope) -> tuple[float | None, SignalUnit]:
        """Return how much is demanded, and in what; a block has neither, and only a price level goes without a unit."""
        if kind is SignalKind.BLOCK:
            for name in ("value", "unit"):
                if name in fields:
                    fields.refuse(MessageRefusal.DOES_NOT_FIT, name)
            return None, SignalUnit.WATT
        level = kind is SignalKind.PRICE_LEVEL
        unit, factor = _UNITS["level"] if level and "unit" not in fields else fields.word("unit", _UNITS)
        part_of_charger = unit is SignalUnit.PERCENT and scope is SignalScope.DEVICE
        if part_of_charger or (unit is SignalUnit.LEVEL) != level:
            fields.refuse(MessageRefusal.DOES_NOT_FIT, "unit")
        value = fields.number("value", 0.0, HIGHEST[unit] / factor) * factor
        of_pv = unit is SignalUnit.PERCENT and kind is SignalKind.EXPORT_LIMIT
        if of_pv and value > 0 and not self.source.knows_pv:
            fields.refuse(MessageRefusal.PV_UNKNOWN, "unit")
        return value, unit

    def times(self, fields: _Fields) -> tuple[datetime | None, datetime | None]:
        """Return from when and until when a signal holds.

        One that is said now and is over already is refused; of one that a broker kept that was no mistake.
        """
        begin = fields.time("from", self.now) if "from" in fields else None
        if "duration_s" not in fields:
            end = fields.time("until", self.now) if "until" in fields else None
            begins = begin if begin is not None or self.retained else self.now
            if begins is not None and end is not None and end <= begins:
                fields.refuse(MessageRefusal.ENDS_BEFORE_BEGIN, "until")
            return begin, end
        if "until" in fields:
            fields.refuse(MessageRefusal.DOES_NOT_FIT, "duration_s")
        lasts_s = fields.number("duration_s", 1.0, AHEAD.total_seconds())
        if begin is None and self.retained:
            fields.refuse(MessageRefusal.BEGIN_UNKNOWN, "duration_s")
        return begin, (begin or self.now) + timedelta(seconds=lasts_s)


def _event(fields: _Fields, reader: _Reader) -> SignalsStated | SignalAdded | SignalsCleared | SourceHeard:
    """Return what a message is: a sign of life, an end, all that holds, or one signal more."""
    if "heartbeat" in fields:
        fields.only({"heartbeat"})
        fields.true("heartbeat")
        if reader.retained:
            fields.refuse(MessageRefusal.BEGIN_UNKNOWN, "heartbeat")
        return SourceHeard(reader.source_id, reader.now)
    if "clear" in fields:
        fields.only({"clear"})
        return _cleared(fields, reader)
    if "signals" in fields:
        fields.only({"signals", "failsafe"})
        signals = tuple(reader.signal(one) for one in fields.objects("signals"))
        stated = fields.objects("failsafe") if "failsafe" in fields else None
        failsafe = None if stated is None else tuple(reader.signal(one, timed=False) for one in stated)
        return SignalsStated(reader.source_id, reader.now, signals, failsafe)
    return SignalAdded(reader.source_id, reader.now, reader.signal(fields))


def _cleared(fields: _Fields, reader: _Reader) -> SignalsCleared:
    """Return what is over: all, or what fits the kind, scope and charger that are named."""
    if not isinstance(fields.found["clear"], dict):
        fields.true("clear")
        return SignalsCleared(reader.source_id, reader.now)
    which = _Fields(fields.found["clear"], "clear")
    which.only({"kind", "scope", "charger"})
    if not which.found:
        fields.refuse(MessageRefusal.MISSING_FIELD, "clear")
    kind = which.word("kind", _KINDS) if "kind" in which else None
    scope = which.word("scope", _SCOPES) if "scope" in which else None
    if scope is not SignalScope.DEVICE:
        reader.no_charger(which)
    evse = reader.evse(which) if "charger" in which else None
    return SignalsCleared(reader.source_id, reader.now, kind, scope, evse)


def _decoded(body: bytes) -> Json:
    """Return the JSON of a message that is neither too large nor too deep, and names no field twice."""
    if len(body) > MOST_BYTES:
        raise _Refusal(MessageRefusal.TOO_LARGE)
    try:
        text = body.decode()
        _check_depth(text)
        found: Json = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number)
    except ValueError:  # of no UTF-8, no JSON, and integers of thousands of digits
        raise _Refusal(MessageRefusal.NOT_JSON) from None
    return found


def _check_depth(text: str) -> None:
    """Refuse what is nested deeper than any message, before a parser goes down there."""
    depth = 0
    for sign in _STRING.sub("", text):
        if sign in "[{":
            depth += 1
            if depth > _DEEPEST:
                raise _Refusal(MessageRefusal.TOO_DEEP)
        elif sign in "]}":
            depth -= 1


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        times = Counter(name for name, _ in pairs)
        raise _Refusal(MessageRefusal.FIELD_TWICE, _shown(next(name for name, count in times.items() if count > 1)))
    return found


def _no_number(name: str) -> Never:
    """Refuse NaN and the infinities, which are no JSON."""
    raise ValueError(name)


def _shown(name: str) -> str:
    """Return a sender's own word fit for a log: on one line, and short."""
    return json.dumps(name)[1:-1][:_SHOWN]
