"""What a broker keeps and hands out again: no sign of life, and no new word where it was heard before."""

from dataclasses import replace
from datetime import timedelta
import json

import pytest

from custom_components.smart_charging.engine.grid.grid_room import GridDecision, resume
from custom_components.smart_charging.engine.grid.json_messages import MessageSource, read_message
from custom_components.smart_charging.engine.grid.memory import from_json, to_json
from custom_components.smart_charging.engine.grid.signal import SignalScope
from custom_components.smart_charging.engine.grid.source import BrokerMessage, InputKind, SignalsCleared, SourceConfig
from custom_components.smart_charging.engine.grid.source_state import ClaimReason, SourceRefusal
from custom_components.smart_charging.engine.model import Json

from .builders import KEY, NOW, Room, after, messages

TOPIC = messages(binding=True, failsafe=3_000.0, release_s=0.0)
POLLED = replace(TOPIC, silent_s=900.0)
LIMIT: dict[str, Json] = {"kind": "import_limit", "value": 4.2, "unit": "kW"}
NOTHING: dict[str, Json] = {"signals": []}
CLEAR: dict[str, Json] = {"clear": True}


def publish(room: Room, message: dict[str, Json], *, retained: bool = False) -> GridDecision:
    (config,) = room.config.sources
    body = json.dumps(message).encode()
    found = read_message(body, MessageSource(config, {"CP1": KEY}), room.now, retained=retained)
    assert isinstance(found, tuple)
    decision = room.tell(*found)
    assert not decision.refused
    return decision


def restart(room: Room) -> None:
    room.state = resume(room.config, from_json(to_json(room.state)), room.now)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_message_that_is_handed_out_again_is_no_sign_of_life(restarts: bool) -> None:
    room = Room(POLLED)
    publish(room, NOTHING)
    assert room.follow(960.0).lost == {"message": after(900.0)}
    if restarts:
        restart(room)
    decision = publish(room, NOTHING, retained=True)
    assert decision.lost == {"message": after(900.0)}
    assert decision.binding is not None
    assert decision.binding.demand.why is ClaimReason.FAILSAFE


def test_no_message_that_was_kept_is_a_sign_of_life() -> None:
    room = Room(POLLED)
    publish(room, NOTHING)
    room.follow(800.0)
    assert publish(room, {"signals": [LIMIT]}, retained=True).binding_w == 4_200.0
    assert room.follow(100.0).lost
    restart(room)
    assert publish(room, CLEAR, retained=True).lost
    assert not publish(room, {"heartbeat": True}).lost


def test_of_a_source_that_never_spoke_what_was_kept_counts_once_it_lives() -> None:
    room = Room(POLLED)
    assert publish(room, {"signals": [{"kind": "block"}]}, retained=True).binding_w == 3_000.0
    decision = publish(room, {"heartbeat": True})
    assert (decision.lost, decision.binding_w) == ({}, 0.0)


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("kept", [CLEAR, NOTHING, {**LIMIT, "value": 9}])
def test_a_message_that_is_handed_out_again_does_not_end_a_newer_limit(kept: dict[str, Json], restarts: bool) -> None:
    room = Room(TOPIC)
    publish(room, kept)
    publish(room, {**LIMIT, "duration_s": 7_200})
    publish(room, {"heartbeat": True})
    room.follow(60.0)
    for _ in range(2):
        if restarts:
            restart(room)
        assert publish(room, kept, retained=True).binding_w == 4_200.0


def test_a_limit_that_was_kept_and_has_ended_does_not_begin_again() -> None:
    room = Room(TOPIC)
    publish(room, {**LIMIT, "from": NOW.timestamp(), "duration_s": 600})
    room.follow(700.0)
    publish(room, {**LIMIT, "value": 5, "duration_s": 60})
    assert publish(room, {**LIMIT, "from": NOW.timestamp(), "duration_s": 600}, retained=True).binding_w == 5_000.0


@pytest.mark.parametrize("first_retained", [False, True])
def test_what_was_published_while_nobody_listened_counts_also_in_words_that_were_heard_before(
    first_retained: bool,
) -> None:
    room = Room(TOPIC)
    on: dict[str, Json] = {"signals": [LIMIT]}
    assert publish(room, on, retained=first_retained).binding_w == 4_200.0
    assert publish(room, NOTHING).binding is None
    restart(room)
    assert publish(room, on, retained=True).binding_w == 4_200.0
    restart(room)
    assert publish(room, NOTHING, retained=True).binding is None


@pytest.mark.parametrize("first_retained", [False, True])
def test_what_was_refused_is_not_taken_to_be_heard(first_retained: bool) -> None:
    room = Room(TOPIC)
    for minute in range(1, 101):
        publish(room, {"kind": "block", "from": after(60.0 * minute).timestamp(), "duration_s": 30})
    (config,) = room.config.sources
    body = json.dumps({"kind": "block", "from": after(9_000.0).timestamp()}).encode()
    for retained in (first_retained, True):
        found = read_message(body, MessageSource(config), room.now, retained=retained)
        assert isinstance(found, tuple)
        (refused,) = room.tell(*found).refused
        assert refused.reason is SourceRefusal.TOO_MANY
    room.now += timedelta(hours=2)
    found = read_message(body, MessageSource(config), room.now, retained=True)
    assert isinstance(found, tuple)
    assert not room.tell(*found).refused


def test_what_was_kept_is_read_anew_where_it_means_another_thing_by_now() -> None:
    room = Room(TOPIC)
    publish(room, LIMIT)
    room.config = replace(room.config, sources=(replace(TOPIC, scope=SignalScope.SITE),))
    publish(room, {"signals": [LIMIT]}, retained=True)
    publish(room, {"signals": [LIMIT]}, retained=True)
    (signal,) = room.state.sources["message"].signals
    assert signal.scope is SignalScope.SITE


def test_a_webhook_keeps_nothing() -> None:
    found = read_message(json.dumps(LIMIT).encode(), MessageSource(TOPIC), NOW)
    assert isinstance(found, tuple)
    assert len(found) == 1
    room = Room(TOPIC)
    room.tell(*found)
    assert room.state.sources["message"].retained is None


def test_no_other_kind_of_source_has_messages_that_are_kept() -> None:
    room = Room(SourceConfig(source_id="number", input=InputKind.NUMBER))
    said = SignalsCleared("number", NOW)
    (refused,) = room.tell(BrokerMessage("number", NOW, said, "ab", retained=True)).refused
    assert refused.reason is SourceRefusal.WRONG_INPUT
