"""Demands as JSON: what a message means, why one is refused and where, and that no bytes do anything else."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
import json

from hypothesis import given, strategies as st
import pytest

from custom_components.smart_charging.engine.grid.json_messages import (
    AHEAD,
    MOST_BYTES,
    MessageRefusal,
    MessageSource,
    RefusedMessage,
    read_message,
)
from custom_components.smart_charging.engine.grid.signal import (
    RAW_LENGTH,
    GridSignal,
    SignalKind,
    SignalScope,
    SignalUnit,
)
from custom_components.smart_charging.engine.grid.source import (
    BrokerMessage,
    SignalAdded,
    SignalsCleared,
    SignalsStated,
    SourceHeard,
    SourceReachable,
    SourceUnavailable,
)
from custom_components.smart_charging.engine.grid.source_state import ClaimReason, SourceRefusal
from custom_components.smart_charging.engine.model import Json
from tests.engine.grid.builders import KEY, NOW, OTHER, Room, after, messages

CONFIG = messages(binding=True, failsafe=4_200.0)
SOURCE = MessageSource(CONFIG, {"CP1": KEY, "Garage": KEY, "CP2": OTHER})
LIMIT: dict[str, Json] = {"kind": "import_limit", "value": 4.2, "unit": "kW"}

type Read = tuple[object, ...] | RefusedMessage


def read(message: object, source: MessageSource = SOURCE, *, retained: bool | None = None) -> Read:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return read_message(body, source, NOW, retained=retained)


def signal_of(message: Mapping[str, Json], source: MessageSource = SOURCE) -> GridSignal:
    """Return the one signal that a message adds."""
    found = read(message, source)
    assert isinstance(found, tuple), found
    (event,) = found
    assert isinstance(event, SignalAdded)
    assert (event.source_id, event.at, event.signal.received_at) == ("message", NOW, NOW)
    return event.signal


def refused(message: object, source: MessageSource = SOURCE, *, retained: bool = False) -> tuple[str, str]:
    found = read(message, source, retained=retained)
    assert isinstance(found, RefusedMessage), found
    return found.why.value, found.where


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        ("W", 4200, (4_200.0, SignalUnit.WATT)),
        ("kW", 4.2, (4_200.0, SignalUnit.WATT)),
        ("A", 16, (16.0, SignalUnit.AMPERE)),
        ("%", 30, (30.0, SignalUnit.PERCENT)),
    ],
)
def test_a_limit_in_each_unit(unit: str, value: float, expected: tuple[float, SignalUnit]) -> None:
    found = signal_of({"kind": "import_limit", "value": value, "unit": unit, "scope": "site"})
    assert (found.value, found.unit) == expected
    assert (found.kind, found.scope, found.evse) == (SignalKind.IMPORT_LIMIT, SignalScope.SITE, None)


def test_a_block_has_no_value_and_a_price_level_needs_no_unit() -> None:
    block = signal_of({"kind": "block"})
    assert (block.kind, block.value, block.scope) == (SignalKind.BLOCK, None, SignalScope.CONTROLLABLE)
    for told in ({}, {"unit": "level"}):
        level = signal_of({"kind": "price_level", "value": 3, **told})
        assert (level.value, level.unit, level.scope) == (3.0, SignalUnit.LEVEL, SignalScope.SITE)


@pytest.mark.parametrize("name", ["CP1", "Garage"])
def test_a_charger_is_named_by_its_id_or_its_name(name: str) -> None:
    found = signal_of({**LIMIT, "scope": "charger", "charger": name})
    assert (found.scope, found.evse) == (SignalScope.DEVICE, KEY)


def test_what_a_message_does_not_say_is_as_it_was_set_up() -> None:
    for_charger = MessageSource(replace(CONFIG, scope=SignalScope.DEVICE, evse=OTHER), SOURCE.chargers)
    assert (signal_of(LIMIT).scope, signal_of(LIMIT, for_charger).evse) == (SignalScope.CONTROLLABLE, OTHER)
    feed_in = signal_of({**LIMIT, "kind": "export_limit"}, for_charger)
    assert (feed_in.scope, feed_in.evse) == (SignalScope.SITE, None)
    gone = replace(for_charger, chargers={"CP1": KEY})
    assert refused(LIMIT, gone) == ("unknown_charger", "scope")
    assert refused({"signals": [{"kind": "block"}]}, gone) == ("unknown_charger", "signals[0].scope")
    assert signal_of({**LIMIT, "scope": "controllable"}, gone).evse is None


@pytest.mark.parametrize("binding", [True, False])
def test_whether_it_binds_is_never_the_messages_to_say(binding: bool) -> None:
    source = replace(SOURCE, config=replace(CONFIG, binding=binding))
    assert signal_of(LIMIT, source).binding is binding
    assert refused({**LIMIT, "binding": True}, source) == ("unknown_field", "binding")


@pytest.mark.parametrize(
    ("times", "begin", "end"),
    [
        ({}, None, None),
        ({"until": "2026-06-01T12:00:00Z"}, None, after(7200)),
        ({"until": "2026-06-01T14:00:00+02:00"}, None, after(7200)),
        ({"until": NOW.timestamp() + 7200}, None, after(7200)),
        ({"duration_s": 900}, None, after(900)),
        ({"from": "2026-06-01T11:00:00+00:00", "duration_s": 900}, after(3600), after(4500)),
        ({"from": int(NOW.timestamp()) - 60, "until": int(NOW.timestamp()) + 60}, after(-60), after(60)),
    ],
)
def test_when_a_signal_holds(times: dict[str, Json], begin: datetime | None, end: datetime | None) -> None:
    found = signal_of({**LIMIT, **times})
    assert (found.valid_from, found.valid_until) == (begin, end)


def test_all_that_holds_comes_in_one_list_with_its_fail_safe() -> None:
    found = read({"signals": [LIMIT, {"kind": "block", "from": "2026-06-01T11:00:00Z"}], "failsafe": [LIMIT]})
    assert isinstance(found, tuple)
    (event,) = found
    assert isinstance(event, SignalsStated)
    assert [one.kind for one in event.signals] == [SignalKind.IMPORT_LIMIT, SignalKind.BLOCK]
    assert event.failsafe is not None
    assert [one.value for one in event.failsafe] == [4_200.0]
    assert read({"signals": []}) == (SignalsStated("message", NOW, (), None),)


@pytest.mark.parametrize(
    ("clear", "expected"),
    [
        (True, SignalsCleared("message", NOW)),
        ({"kind": "block"}, SignalsCleared("message", NOW, SignalKind.BLOCK)),
        ({"scope": "charger"}, SignalsCleared("message", NOW, None, SignalScope.DEVICE)),
        (
            {"kind": "import_limit", "scope": "charger", "charger": "Garage"},
            SignalsCleared("message", NOW, SignalKind.IMPORT_LIMIT, SignalScope.DEVICE, KEY),
        ),
    ],
)
def test_a_message_may_end_what_was_said(clear: Json, expected: SignalsCleared) -> None:
    assert read({"clear": clear}) == (expected,)


def test_a_heartbeat_says_nothing_else() -> None:
    assert read({"heartbeat": True}) == (SourceHeard("message", NOW),)
    assert refused({"heartbeat": True, "kind": "block"}) == ("unknown_field", "kind")


def test_what_was_received_is_kept_as_proof_in_plain_letters() -> None:
    kept = signal_of({"kind": "block", "id": "e-7", "text": "Störung \ud83d"}).raw
    assert json.loads(kept)["id"] == "e-7"
    assert kept.isascii()
    long = signal_of({"kind": "block", "id": "i" * 255, "text": "t" * 255}).raw
    assert len(long) == RAW_LENGTH


@pytest.mark.parametrize(
    ("message", "why", "where"),
    [
        (b"", "not_json", ""),
        (b"\xff\xfe", "not_json", ""),
        (b"{", "not_json", ""),
        (b'{"kind": NaN}', "not_json", ""),
        (b'{"kind": "price_level", "value": ' + b"9" * 5000 + b"}", "not_json", ""),
        (b'{"kind": "price_level", "value": 1e999}', "out_of_range", "value"),
        (b'{"kind": "price_level", "value": ' + b"9" * 400 + b"}", "out_of_range", "value"),
        (b'{"kind": "price_level", "from": ' + b"9" * 400 + b', "value": 1}', "out_of_range", "from"),
        (b'{"kind": "block", "kind": "block"}', "field_twice", "kind"),
        (b" " * (MOST_BYTES + 1), "too_large", ""),
        (b"[" * MOST_BYTES, "too_deep", ""),
        ({"signals": [{"kind": {"a": 1}}]}, "too_deep", ""),
        ([], "wrong_type", ""),
        ("import_limit", "wrong_type", ""),
        ({}, "missing_field", "kind"),
        ({"kind": 1}, "wrong_type", "kind"),
        ({"kind": "limit"}, "unknown_word", "kind"),
        ({**LIMIT, "colour\n": 1}, "unknown_field", "colour\\n"),
        ({**LIMIT, "value": "4"}, "wrong_type", "value"),
        ({**LIMIT, "value": True}, "wrong_type", "value"),
        ({**LIMIT, "value": -1}, "out_of_range", "value"),
        ({**LIMIT, "value": 10_001}, "out_of_range", "value"),
        ({**LIMIT, "unit": "kw"}, "unknown_word", "unit"),
        ({**LIMIT, "unit": "level"}, "does_not_fit", "unit"),
        ({"kind": "import_limit", "value": 1}, "missing_field", "unit"),
        ({"kind": "import_limit", "unit": "W"}, "missing_field", "value"),
        ({"kind": "block", "value": 0}, "does_not_fit", "value"),
        ({"kind": "block", "unit": "W"}, "does_not_fit", "unit"),
        ({"kind": "price_level", "value": 1, "unit": "W"}, "does_not_fit", "unit"),
        ({**LIMIT, "kind": "export_limit", "scope": "controllable"}, "does_not_fit", "scope"),
        ({**LIMIT, "scope": "device"}, "unknown_word", "scope"),
        ({**LIMIT, "scope": "charger"}, "missing_field", "charger"),
        ({**LIMIT, "scope": "charger", "charger": "Attic"}, "unknown_charger", "charger"),
        ({**LIMIT, "scope": "site", "charger": "CP1"}, "does_not_fit", "charger"),
        ({**LIMIT, "charger": "CP1"}, "does_not_fit", "charger"),
        ({**LIMIT, "unit": "%", "scope": "charger", "charger": "CP1"}, "does_not_fit", "unit"),
        ({**LIMIT, "text": "t" * 256}, "out_of_range", "text"),
        ({**LIMIT, "id": 7}, "wrong_type", "id"),
        ({**LIMIT, "until": "tomorrow"}, "not_a_time", "until"),
        ({**LIMIT, "until": "2026-06-01T12:00:00"}, "no_offset", "until"),
        ({**LIMIT, "until": "2026-06-01"}, "no_offset", "until"),
        ({**LIMIT, "until": "0001-01-01T00:00:00+14:00"}, "out_of_range", "until"),
        ({**LIMIT, "until": "9999-12-31T23:59:59-14:00"}, "out_of_range", "until"),
        ({**LIMIT, "until": int(NOW.timestamp()) * 1000}, "out_of_range", "until"),
        ({**LIMIT, "until": None}, "wrong_type", "until"),
        ({**LIMIT, "duration_s": 0}, "out_of_range", "duration_s"),
        ({**LIMIT, "duration_s": 60, "until": "2026-06-01T12:00:00Z"}, "does_not_fit", "duration_s"),
        (
            {**LIMIT, "from": "2026-06-01T12:00:00Z", "until": "2026-06-01T12:00:00Z"},
            "ends_before_begin",
            "until",
        ),
        ({**LIMIT, "until": "2026-05-31T12:00:00Z"}, "ends_before_begin", "until"),
        ({**LIMIT, "until": NOW.timestamp()}, "ends_before_begin", "until"),
        (
            {"signals": [LIMIT, {"kind": "block", "until": "2026-06-01T09:59:59Z"}]},
            "ends_before_begin",
            "signals[1].until",
        ),
        ({"signals": LIMIT}, "wrong_type", "signals"),
        ({"signals": [LIMIT, LIMIT, 7]}, "wrong_type", "signals[2]"),
        ({"signals": [LIMIT, {**LIMIT, "until": "soon"}]}, "not_a_time", "signals[1].until"),
        ({"signals": [{"kind": "block"}] * 101}, "too_many", "signals"),
        ({"signals": [], "kind": "block"}, "unknown_field", "kind"),
        ({"signals": [], "failsafe": [{**LIMIT, "duration_s": 60}]}, "unknown_field", "failsafe[0].duration_s"),
        ({"signals": [], "failsafe": [{"kind": "price_level", "value": 1}]}, "does_not_fit", "failsafe[0].kind"),
        ({"failsafe": [LIMIT]}, "unknown_field", "failsafe"),
        ({"clear": False}, "wrong_type", "clear"),
        ({"clear": {}}, "missing_field", "clear"),
        ({"clear": {"until": 1}}, "unknown_field", "clear.until"),
        ({"clear": {"charger": "CP1"}}, "does_not_fit", "clear.charger"),
        ({"clear": {"scope": "charger", "charger": "Attic"}}, "unknown_charger", "clear.charger"),
        ({"clear": True, "signals": []}, "unknown_field", "signals"),
        ({"heartbeat": 1}, "wrong_type", "heartbeat"),
    ],
)
def test_what_is_wrong_with_a_message_is_told_with_its_place(message: object, why: str, where: str) -> None:
    assert refused(message) == (why, where)


def test_a_part_of_a_pv_power_that_nobody_told_is_refused() -> None:
    feed_in = {"kind": "export_limit", "value": 60, "unit": "%"}
    assert signal_of(feed_in).unit is SignalUnit.PERCENT
    assert refused(feed_in, replace(SOURCE, knows_pv=False)) == ("pv_unknown", "unit")
    assert signal_of({**feed_in, "value": 0}, replace(SOURCE, knows_pv=False)).value == 0.0


def test_of_a_message_that_was_kept_by_a_broker_nobody_knows_when_it_was_said() -> None:
    lasting = {**LIMIT, "duration_s": 600}
    assert refused(lasting, retained=True) == ("begin_unknown", "duration_s")
    assert refused({"heartbeat": True}, retained=True) == ("begin_unknown", "heartbeat")
    begun = {**lasting, "from": "2026-06-01T09:55:00Z"}
    (kept,) = read(begun, retained=True)
    assert isinstance(kept, BrokerMessage)
    assert isinstance(kept.says, SignalAdded)
    assert kept.says.signal.valid_until == after(300)
    over = {**LIMIT, "until": "2026-06-01T09:00:00Z"}
    assert isinstance(read(over, retained=True), tuple)
    (listed,) = read({"signals": [over, {"kind": "block", "until": "2026-06-01T11:00:00Z"}]}, retained=True)
    assert isinstance(listed, BrokerMessage)
    assert isinstance(listed.says, SignalsStated)  # what is not over of a list holds
    assert len(listed.says.signals) == 2
    assert refused({**over, "from": "2026-06-01T09:30:00Z"}, retained=True) == ("ends_before_begin", "until")


# What senders may come close to: the words of messages in any order, and any text.
WORDS = st.sampled_from(
    [
        "signals",
        "failsafe",
        "clear",
        "heartbeat",
        "kind",
        "value",
        "unit",
        "scope",
        "charger",
        "from",
        "until",
        "duration_s",
        "id",
        "text",
        "import_limit",
        "block",
        "price_level",
        "site",
        "kW",
        "%",
        "CP1",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text() | st.datetimes().map(str)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(), inner, max_size=6)
)


@given(st.binary() | JSON.map(lambda one: json.dumps(one).encode("utf-8", "surrogatepass")))
def test_no_bytes_do_anything_but_say_something_or_be_refused(body: bytes) -> None:
    found = read_message(body, SOURCE, NOW, retained=True)
    if isinstance(found, RefusedMessage):
        assert isinstance(found.why, MessageRefusal)
        assert found.where.isascii()
        assert found.where.isprintable()
    else:
        assert [one.source_id for one in found] == ["message"]


@st.composite
def signals(draw: st.DrawFn) -> GridSignal:
    kind = draw(st.sampled_from(SignalKind))
    units = st.sampled_from([SignalUnit.WATT, SignalUnit.AMPERE])
    value, unit = draw(st.floats(0.0, 10_000.0)), draw(units)
    scope, evse = draw(st.sampled_from(SignalScope)), None
    if kind is SignalKind.BLOCK:
        value, unit = None, SignalUnit.WATT
    if kind in {SignalKind.PRICE_LEVEL, SignalKind.EXPORT_LIMIT}:
        scope = SignalScope.SITE
    if kind is SignalKind.PRICE_LEVEL:
        value, unit = draw(st.floats(0.0, 100.0)), SignalUnit.LEVEL
    if scope is SignalScope.DEVICE:
        evse = draw(st.sampled_from([KEY, OTHER]))
    begin = draw(st.none() | st.datetimes(datetime(2001, 1, 1), datetime(2026, 12, 1), timezones=st.just(UTC)))
    span = st.timedeltas(timedelta(seconds=1), timedelta(days=100))
    end = draw(st.none() | span.map(lambda one: (begin or NOW) + one))
    return GridSignal(
        source_id="message", kind=kind, received_at=NOW, value=value, unit=unit, scope=scope, evse=evse,
        valid_from=begin, valid_until=end, binding=True,
    )  # fmt: skip


def written(signal: GridSignal, zone: timezone) -> dict[str, Json]:
    """Return a signal as a sender in another zone would write it."""
    told: dict[str, Json] = {
        "kind": signal.kind.value,
        "scope": "charger" if signal.evse is not None else signal.scope.value,
    }
    if signal.evse is not None:
        told["charger"] = signal.evse.station_id
    if signal.value is not None:
        told |= {"value": signal.value, "unit": signal.unit.value}
    for name, moment in (("from", signal.valid_from), ("until", signal.valid_until)):
        if moment is not None:
            told[name] = moment.astimezone(zone).isoformat()
    return told


@given(
    st.lists(signals(), max_size=5),
    st.none() | st.lists(signals().map(lambda one: replace(one, valid_from=None, valid_until=None)), max_size=3),
    st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours))),
)
def test_what_was_written_is_what_is_read(
    told: list[GridSignal], failsafe: list[GridSignal] | None, zone: timezone
) -> None:
    message: dict[str, Json] = {"signals": [written(one, zone) for one in told]}
    if failsafe is not None:
        failsafe = [one for one in failsafe if one.kind is not SignalKind.PRICE_LEVEL]
        message["failsafe"] = [written(one, zone) for one in failsafe]
    found = read(message)
    if len(json.dumps(message)) > MOST_BYTES:
        return
    assert isinstance(found, tuple), found
    (event,) = found
    assert isinstance(event, SignalsStated)
    assert [replace(one, raw="") for one in event.signals] == told
    if failsafe is None:
        assert event.failsafe is None
    else:
        assert event.failsafe is not None
        assert [replace(one, raw="") for one in event.failsafe] == failsafe


def tell(room: Room, message: object) -> None:
    found = read(message)
    assert isinstance(found, tuple), found
    assert not room.tell(*found).refused  # type: ignore[arg-type]  # all are events


def test_a_message_holds_until_it_is_over_or_cleared() -> None:
    room = Room(CONFIG)
    tell(room, {**LIMIT, "duration_s": 600})
    assert room.tell().binding_w == 4_200.0
    held = room.follow(601).binding
    assert held is not None
    assert not held.asked
    tell(room, {"kind": "block"})
    assert room.tell().binding_w == 0.0
    tell(room, {"clear": {"kind": "block"}})
    held = room.tell().binding
    assert held is not None
    assert not held.asked


def test_what_a_broker_kept_until_it_was_over_ends_nothing_that_holds() -> None:
    room = Room(CONFIG)
    tell(room, {**LIMIT, "duration_s": 600})
    found = read({**LIMIT, "until": "2026-06-01T09:00:00Z"}, retained=True)
    assert isinstance(found, tuple)
    held = room.tell(*found).binding  # type: ignore[arg-type]  # all are events
    assert held is not None
    assert (held.asked, held.demand.until) == (True, after(600))


def test_no_more_is_announced_one_by_one_than_in_one_list() -> None:
    room = Room(CONFIG)
    begins = [NOW.timestamp() + minute * 60 for minute in range(1, 102)]
    for begin in begins[:100]:
        tell(room, {"kind": "block", "from": begin, "duration_s": 30})
    found = read({"kind": "block", "from": begins[100]})
    assert isinstance(found, tuple)
    (one_more,) = room.tell(*found).refused  # type: ignore[arg-type]  # all are events
    assert one_more.reason is SourceRefusal.TOO_MANY
    tell(room, LIMIT)  # what holds at once still finds its place
    tell(room, {"kind": "block", "from": begins[7], "duration_s": 10})
    room.follow(100)
    assert not room.tell(*found).refused  # type: ignore[arg-type]  # all are events


def test_a_way_that_is_open_again_says_nothing_of_the_source_itself() -> None:
    """Else a broker that comes and goes would release the fail-safe of a source that never said a word."""
    room = Room(replace(CONFIG, silent_s=600.0))
    assert room.tell().binding is not None
    room.tell(SourceUnavailable("message", room.now))
    room.wait(5)
    decision = room.tell(SourceReachable("message", room.now))
    assert decision.binding is not None
    assert decision.binding.demand.why is ClaimReason.FAILSAFE
    room.tell(SourceHeard("message", room.now))
    assert not room.follow(599).lost
    room.tell(SourceUnavailable("message", room.now))
    assert room.wait(2).lost  # silent for too long is lost, whatever is reachable


def test_a_way_that_is_open_again_in_time_loses_nobody() -> None:
    room = Room(CONFIG)
    room.tell(SourceHeard("message", room.now))
    room.tell(SourceUnavailable("message", room.now))
    room.wait(50)
    room.tell(SourceReachable("message", room.now))
    assert not room.wait(1000).lost


def test_one_that_need_not_speak_is_lost_while_nobody_could_hear_it() -> None:
    room = Room(CONFIG)
    room.tell(SourceUnavailable("message", room.now))
    assert not room.follow(59).lost
    decision = room.follow(2)
    assert set(decision.lost) == {"message"}
    assert decision.binding is not None
    assert decision.binding.demand.why is ClaimReason.FAILSAFE
    assert not room.tell(SourceReachable("message", room.now)).lost


def test_how_far_ahead_may_be_said_is_about_a_year() -> None:
    assert signal_of({**LIMIT, "from": (NOW + AHEAD).isoformat()}).valid_from == NOW + AHEAD
    assert refused({**LIMIT, "from": (NOW + AHEAD + timedelta(seconds=1)).isoformat()}) == ("out_of_range", "from")
