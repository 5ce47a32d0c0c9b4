"""A source that is lost stays so over restarts until it is heard, and one that lives is not lost by them."""

from dataclasses import replace
from datetime import datetime

import pytest

from custom_components.smart_charging.engine.grid.four_contacts import Contact
from custom_components.smart_charging.engine.grid.grid_room import GridDecision, resume
from custom_components.smart_charging.engine.grid.memory import from_json, to_json
from custom_components.smart_charging.engine.grid.source import (
    ContactSeen,
    InputKind,
    LostPolicy,
    NumberSeen,
    SignalAdded,
    SignalsStated,
    SourceConfig,
    SourceEvent,
    SourceHeard,
    SourceReachable,
    SourceUnavailable,
)
from custom_components.smart_charging.engine.grid.source_state import ClaimReason

from .builders import NOW, Room, after, click, messages, relay, signal

HOOK = messages(binding=True, silent_s=900.0, failsafe=3_000.0, release_s=0.0)
RELAY = relay(release_s=0.0)
NUMBER = SourceConfig(source_id="number", input=InputKind.NUMBER, release_s=0.0)
TOPIC = replace(HOOK, silent_s=None)
LOST_AT = after(900.0)


def restart(room: Room, seconds: float, *first: SourceEvent) -> GridDecision:
    """Write the state, go away for a time, read it again, and return what holds with what is told first."""
    kept = to_json(room.state)
    room.now += after(seconds) - NOW
    room.state = resume(room.config, from_json(kept), room.now)
    return room.tell(*first)


def reason(decision: GridDecision) -> ClaimReason | None:
    return None if decision.binding is None else decision.binding.demand.why


def since(decision: GridDecision) -> list[datetime]:
    return list(decision.lost.values())


def silent() -> Room:
    """Return a room whose source said that nothing holds, and fell silent a quarter of an hour ago."""
    room = Room(HOOK)
    room.tell(SignalsStated("message", NOW, ()))
    assert since(room.follow(960.0)) == [LOST_AT]
    return room


def test_a_source_that_was_silent_for_too_long_stays_lost_over_restarts_until_it_is_heard() -> None:
    room = silent()
    for away_s in (0.0, 5.0, 7_200.0):
        decision = restart(room, away_s)
        assert (since(decision), reason(decision), decision.changes) == ([LOST_AT], ClaimReason.FAILSAFE, ())
        decision = room.follow(1_000.0)
        assert (since(decision), decision.binding_w) == ([LOST_AT], 3_000.0)
    decision = room.tell(SourceHeard("message", room.now))
    assert (decision.lost, decision.binding) == ({}, None)
    assert not room.follow(899.0).lost
    assert room.follow(1.0).lost


def test_its_last_word_goes_on_to_hold_where_that_was_chosen() -> None:
    room = Room(replace(HOOK, policy=LostPolicy.HOLD))
    room.tell(SignalAdded("message", NOW, signal(5_000.0)))
    assert reason(room.follow(960.0)) is ClaimReason.HELD
    decision = restart(room, 60.0)
    assert (reason(decision), decision.binding_w, decision.changes) == (ClaimReason.HELD, 5_000.0, ())


@pytest.mark.parametrize("source", [RELAY, NUMBER])
def test_an_entity_that_was_away_for_too_long_stays_lost_over_a_restart_without_a_grace(source: SourceConfig) -> None:
    name = source.source_id
    word = click(False) if source is RELAY else NumberSeen(name, NOW, 90_000.0)
    room = Room(source)
    room.tell(word)
    room.tell(SourceUnavailable(name, NOW))
    held_w = room.follow(61.0).binding_w
    assert held_w == pytest.approx(4_200.0)
    for first in ((), (SourceUnavailable(name, after(70.0)),)):
        decision = restart(room, 10.0, *first)
        assert (since(decision), decision.binding_w, decision.changes) == ([after(60.0)], held_w, ())
    assert not room.tell(replace(word, at=room.now)).lost


def test_a_control_box_is_not_heard_while_one_of_its_contacts_is_away() -> None:
    box = SourceConfig(source_id="box", input=InputKind.CONTROL_BOX, contacts=frozenset({Contact.W4, Contact.S1}))
    room = Room(box)
    room.tell(*(ContactSeen("box", NOW, False, contact) for contact in (Contact.W4, Contact.S1)))
    away = ContactSeen("box", NOW, False, Contact.W4, alone=True), SourceUnavailable("box", NOW)
    room.tell(*away)
    for moment in (30.0, 60.0):
        room.now = after(moment)
        decision = room.tell(*(replace(one, at=room.now) for one in away))
    assert since(decision) == [after(60.0)]
    decision = restart(room, 10.0, *(replace(one, at=after(70.0)) for one in away))
    assert (since(decision), decision.changes) == ([after(60.0)], ())
    assert not room.tell(ContactSeen("box", room.now, False, Contact.W4)).lost


def test_an_entity_that_is_heard_at_once_after_a_restart_is_not_lost() -> None:
    room = Room(RELAY)
    room.tell(click(False))
    room.tell(SourceUnavailable("relay", NOW))
    assert room.follow(61.0).lost
    decision = restart(room, 10.0, click(False, after(71.0)))
    assert (decision.lost, decision.binding) == ({}, None)


def test_who_was_never_heard_is_lost_since_the_same_moment_after_a_restart() -> None:
    room = Room(RELAY)
    assert since(room.tell()) == [NOW]
    assert since(room.wait(30.0)) == [NOW]
    decision = restart(room, 60.0)
    assert (since(decision), decision.changes) == ([NOW], ())


def test_who_is_silent_for_too_long_only_while_nobody_listens_has_its_time_from_the_start() -> None:
    room = Room(HOOK)
    room.tell(SignalAdded("message", NOW, signal(5_000.0)))
    decision = restart(room, 7_200.0)
    assert (decision.lost, reason(decision)) == ({}, ClaimReason.STATED)
    decision = room.follow(899.0)
    assert (decision.lost, decision.binding_w) == ({}, 5_000.0)
    assert since(room.follow(1.0)) == [after(8_100.0)]


def test_many_restarts_do_not_put_off_that_a_silent_source_is_lost() -> None:
    room = Room(HOOK)
    room.tell(SignalsStated("message", NOW, ()))
    room.follow(600.0)
    restart(room, 0.0)
    room.follow(500.0)
    assert not restart(room, 0.0).lost
    assert since(room.follow(400.0)) == [after(1_500.0)]


def test_many_restarts_do_not_put_off_that_an_entity_is_lost() -> None:
    room = Room(RELAY)
    room.tell(click(False))
    for _ in range(2):
        assert not restart(room, 0.0, SourceUnavailable("relay", room.now)).lost
        room.follow(25.0)
    assert not restart(room, 0.0).lost
    assert since(room.follow(10.0)) == [after(60.0)]


def test_a_clock_that_is_behind_after_the_restart_does_not_find_a_lost_source() -> None:
    room = silent()
    decision = restart(room, -86_400.0)
    assert (since(decision), reason(decision)) == ([room.now], ClaimReason.FAILSAFE)
    assert room.follow(1_000.0).lost
    assert room.wait(-86_400.0).lost
    assert not room.tell(SourceHeard("message", room.now)).lost


def test_a_way_that_is_open_after_a_restart_finds_who_was_lost_only_by_its_being_closed() -> None:
    room = Room(TOPIC)
    room.tell(SignalsStated("message", NOW, ()))
    room.tell(SourceUnavailable("message", NOW))
    room.follow(70.0)
    decision = restart(room, 10.0, SourceUnavailable("message", after(80.0)))
    assert (since(decision), reason(decision)) == ([after(60.0)], ClaimReason.FAILSAFE)
    decision = restart(room, 10.0, SourceReachable("message", after(90.0)))
    assert (decision.lost, decision.binding) == ({}, None)


def test_a_way_that_is_open_after_a_restart_does_not_find_who_was_silent() -> None:
    room = silent()
    room.tell(SourceUnavailable("message", room.now))
    room.follow(100.0)
    decision = restart(room, 10.0, SourceReachable("message", after(1_070.0)))
    assert (since(decision), reason(decision)) == ([LOST_AT], ClaimReason.FAILSAFE)


def test_who_need_not_speak_any_more_is_no_longer_missed() -> None:
    room = silent()
    room.config = replace(room.config, sources=(TOPIC,))
    assert not restart(room, 0.0).lost
    assert room.tell().binding is None


def test_a_standing_limit_in_the_place_of_a_lost_source_stands() -> None:
    room = Room(RELAY)
    room.tell(click(False))
    room.tell(SourceUnavailable("relay", NOW))
    assert room.follow(61.0).lost
    standing = replace(RELAY, input=InputKind.STANDING)
    room.config = replace(room.config, sources=(standing,))
    decision = restart(room, 0.0)
    assert (decision.lost, reason(decision)) == ({}, ClaimReason.STATED)


def test_what_was_kept_by_a_version_that_did_not_note_who_is_lost_is_understood() -> None:
    room = silent()
    kept = to_json(room.state)
    sources = kept["sources"]
    assert isinstance(sources, dict)
    for one in sources.values():
        assert isinstance(one, dict)
        assert one.pop("missed_since")
        del one["gone_since"], one["retained"]
    room.state = resume(room.config, from_json(kept), room.now)
    assert not room.tell().lost
    assert room.follow(900.0).lost
