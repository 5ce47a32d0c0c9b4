"""Sources of each kind: what they demand, and what holds once they are lost."""

from dataclasses import replace
import math

import pytest

from custom_components.smart_charging.engine.grid.changes import ChangeKind
from custom_components.smart_charging.engine.grid.four_contacts import Contact
from custom_components.smart_charging.engine.grid.grid_room import GridDecision, resume, without_memory
from custom_components.smart_charging.engine.grid.lpc import LpcConfig, LpcDirection
from custom_components.smart_charging.engine.grid.merge import GridConnection
from custom_components.smart_charging.engine.grid.signal import SignalKind, SignalScope, SignalUnit
from custom_components.smart_charging.engine.grid.source import (
    ContactSeen,
    HeartbeatSeen,
    InputKind,
    LimitStated,
    LostPolicy,
    NumberSeen,
    SignalAdded,
    SignalsCleared,
    SignalsRemembered,
    SignalsStated,
    SourceConfig,
    SourceEvent,
    SourceHeard,
    SourceUnavailable,
)
from custom_components.smart_charging.engine.grid.source_state import ClaimReason, SourceRefusal
from custom_components.smart_charging.engine.limit import OwnPower

from .builders import KEY, NOW, Room, after, battery, charger, click, eebus, messages, relay, signal

BOX = SourceConfig(source_id="box", input=InputKind.CONTROL_BOX, release_s=0.0)
NUMBER = SourceConfig(source_id="number", input=InputKind.NUMBER, factor=1_000.0, no_limit_from=20_000.0, release_s=0.0)
RELAY = relay(release_s=0.0)
DEVICES = (charger(), battery())  # together 7.56 kW


def asked(decision: GridDecision) -> list[tuple[str, float, ClaimReason]]:
    return [(str(one.demand.target), one.value, one.demand.why) for one in decision.held]


def dims(value: float, why: ClaimReason = ClaimReason.STATED) -> list[tuple[str, float, ClaimReason]]:
    return [("import/controllable/W/after_other_load", pytest.approx(value), why)]


def test_a_closed_contact_asks_for_the_legal_minimum() -> None:
    room = Room(RELAY, devices=DEVICES)
    assert asked(room.tell(click(False))) == []
    room.now = after(10.0)
    assert asked(room.tell(click(True, room.now))) == []
    assert asked(room.wait(0.5)) == dims(7_560.0)


@pytest.mark.parametrize(
    ("value", "limit_w"), [(None, 7_560.0), (0.0, 7_560.0), (4_200.0, 7_560.0), (9_000.0, 9_000.0)]
)
def test_a_contact_never_asks_for_less_than_the_legal_minimum(value: float | None, limit_w: float) -> None:
    room = Room(replace(RELAY, value=value), devices=DEVICES)
    assert asked(room.tell(click(True))) == dims(limit_w)


def test_a_contact_without_devices_or_for_one_of_them_dims_to_the_minimum_of_one() -> None:
    assert asked(Room(RELAY).tell(click(True))) == dims(4_200.0)
    one = Room(replace(RELAY, scope=SignalScope.DEVICE, evse=KEY), devices=DEVICES)
    assert asked(one.tell(click(True)))[0][:2] == ("import/device/W/not_counted/CP1/1", 4_200.0)


def test_a_contact_of_a_contract_asks_for_its_own_limit() -> None:
    contract = replace(RELAY, scope=SignalScope.SITE, value=3_000.0)
    assert asked(Room(contract, devices=DEVICES).tell(click(True)))[0][1] == 3_000.0
    block = replace(RELAY, kind=SignalKind.BLOCK, own_power=OwnPower.NOT_COUNTED)
    assert asked(Room(block, devices=DEVICES).tell(click(True)))[0][:2] == ("import/controllable/W/not_counted", 0.0)


def test_an_inverted_contact_asks_while_it_is_open() -> None:
    room = Room(replace(RELAY, inverted=True), devices=DEVICES)
    assert asked(room.tell(click(True))) == []
    assert asked(Room(replace(RELAY, inverted=True), devices=DEVICES).tell(click(False))) == dims(7_560.0)


def test_a_contact_that_bounces_counts_once_it_is_still() -> None:
    room = Room(RELAY, devices=DEVICES)
    room.tell(click(False))
    for moment in (10.0, 10.1, 10.2, 10.3):
        room.now = after(moment)
        decision = room.tell(click(moment in {10.0, 10.2}, room.now))
        assert asked(decision) == []
    room.now = after(10.4)
    decision = room.tell(click(True, room.now))
    assert decision.next_at == after(10.9)
    room.tell(click(True, after(10.6)))  # told again: it has not moved
    room.now = after(10.9)
    assert asked(room.tell()) == dims(7_560.0)
    room.tell(click(False, room.now))
    assert asked(room.tell()) == dims(7_560.0)
    assert asked(room.wait(0.5)) == []


def test_a_control_box_dims_and_limits_feed_in() -> None:
    room = Room(BOX, devices=DEVICES)
    told = [ContactSeen("box", NOW, contact in {Contact.W4, Contact.S1, Contact.S2}, contact) for contact in Contact]
    assert asked(room.tell(*told)) == [
        ("export/site/W/not_counted", 3_000.0, ClaimReason.STATED),
        *dims(7_560.0),
    ]
    decision = room.tell()
    assert decision.export is not None
    assert (decision.export.limit_w, decision.export.binding) == (3_000.0, True)
    assert decision.held[0].demand.raw == "s1,s2,w4"


def test_a_contact_that_is_not_wired_any_more_counts_no_longer_and_is_forgotten() -> None:
    room = Room(BOX, devices=DEVICES)
    w4, s1 = (ContactSeen("box", NOW, True, contact) for contact in (Contact.W4, Contact.S1))
    assert len(asked(room.tell(w4, s1))) == 2
    wired = room.config
    room.config = replace(wired, sources=(replace(BOX, contacts=frozenset({Contact.S1})),))
    assert [one[0] for one in asked(room.tell())] == ["export/site/W/not_counted"]
    assert [one.reason for one in room.tell(w4).refused] == [SourceRefusal.NO_CONTACT]
    room.config = wired
    assert [one[0] for one in asked(room.tell())] == ["export/site/W/not_counted"]
    assert len(asked(room.tell(w4))) == 2


def test_what_was_seen_of_a_control_box_says_nothing_of_a_relay_that_takes_its_place() -> None:
    room = Room(BOX, devices=DEVICES)
    room.tell(ContactSeen("box", NOW, True, Contact.W4), ContactSeen("box", NOW, False, Contact.S1))
    room.config = replace(room.config, sources=(replace(RELAY, source_id="box"),))
    assert asked(room.tell()) == []
    room.tell(click(True, source_id="box"))
    room.config = replace(room.config, sources=(BOX,))
    assert asked(room.tell()) == []


@pytest.mark.parametrize(
    ("value", "limit_w"), [(5.5, 5_500.0), (0.0, 0.0), (19.9, 19_900.0), (20.0, None), (99.0, None)]
)
def test_a_number_is_a_limit_up_to_where_it_is_none(value: float, limit_w: float | None) -> None:
    room = Room(NUMBER, devices=DEVICES)
    assert asked(room.tell(NumberSeen("number", NOW, value))) == ([] if limit_w is None else dims(limit_w))


def test_a_number_in_percent_counts_of_the_connection() -> None:
    config = SourceConfig(
        source_id="n", input=InputKind.NUMBER, scope=SignalScope.SITE, unit=SignalUnit.PERCENT, failsafe=50.0
    )
    assert asked(Room(config).tell(NumberSeen("n", NOW, 40.0)))[0][1] == pytest.approx(9_660.0)


def test_an_explicit_value_over_eebus_is_obeyed_also_below_the_minimum() -> None:
    room = Room(eebus(release_s=0.0), devices=DEVICES)
    assert asked(room.tell()) == dims(4_200.0, ClaimReason.FAILSAFE)
    told = [HeartbeatSeen("eebus", NOW), LimitStated("eebus", NOW, 1_000.0)]
    assert asked(room.tell(*told)) == dims(1_000.0)
    assert asked(room.tell(LimitStated("eebus", NOW, 1_000.0, active=False))) == []


def test_a_limit_on_production_over_eebus_is_one_on_feed_in() -> None:
    room = Room(eebus(lpc=LpcConfig(6_000.0, direction=LpcDirection.PRODUCTION)))
    decision = room.tell(HeartbeatSeen("eebus", NOW), LimitStated("eebus", NOW, -2_500.0))
    assert decision.export is not None
    assert (decision.export.limit_w, decision.limits) == (2_500.0, ())


STANDING = SourceConfig(
    source_id="plant", input=InputKind.STANDING, kind=SignalKind.EXPORT_LIMIT, scope=SignalScope.SITE,
    unit=SignalUnit.PERCENT, value=60.0, failsafe=60.0,
)  # fmt: skip


def test_a_standing_limit_holds_always_and_is_never_lost() -> None:
    room = Room(STANDING, connection=GridConnection(35.0, installed_pv_w=10_000.0))
    expected = [("export/site/W/not_counted", 6_000.0, ClaimReason.STATED)]
    first = room.wait(0.0)
    assert asked(first) == expected
    assert [change.kind for change in first.changes] == [ChangeKind.STARTED]
    for wait_s in (3_600.0, 90 * 86_400.0):
        later = room.wait(wait_s)
        assert asked(later) == expected
        assert (later.changes, later.lost) == ((), {})
    room.state = resume(room.config, room.state, room.now)
    again = room.wait(3_600.0)
    assert asked(again) == expected
    assert (again.changes, again.lost) == ((), {})


def test_a_standing_limit_names_its_limit() -> None:
    with pytest.raises(ValueError, match="names its limit"):
        replace(STANDING, value=None)


def test_a_bridge_that_never_speaks_leads_to_the_failsafe_and_then_to_freedom() -> None:
    room = Room(eebus(release_s=0.0), devices=DEVICES)
    assert asked(room.follow(119.0)) == dims(4_200.0, ClaimReason.FAILSAFE)
    assert room.tell().lost == {}
    assert room.follow(1.0).lost == {"eebus": after(120.0)}
    assert asked(room.follow(7_199.0)) == dims(4_200.0, ClaimReason.FAILSAFE)
    assert asked(room.follow(1.0)) == []
    assert room.tell().lost == {}


def test_messages_state_add_and_clear_signals() -> None:
    room = Room(messages(release_s=0.0))
    room.tell(SignalsStated("message", NOW, (signal(6_000.0), signal(5_000.0, scope=SignalScope.SITE))))
    room.tell(SignalAdded("message", NOW, signal(7_000.0)))
    assert {one[:2] for one in asked(room.tell())} == {
        ("import/controllable/W/after_other_load", 7_000.0),
        ("import/site/W/not_counted", 5_000.0),
    }
    device = signal(1_000.0, scope=SignalScope.DEVICE, evse=KEY)
    assert len(room.tell(SignalAdded("message", NOW, device)).held) == 3
    assert len(room.tell(SignalsCleared("message", NOW, evse=KEY)).held) == 2
    assert len(room.tell(SignalsCleared("message", NOW, kind=SignalKind.EXPORT_LIMIT)).held) == 2
    assert asked(room.tell(SignalsCleared("message", NOW, scope=SignalScope.SITE))) == dims(7_000.0)
    assert asked(room.tell(SignalsCleared("message", NOW))) == []


def test_an_announced_signal_holds_in_its_window_and_is_forgotten_after_it() -> None:
    room = Room(messages(release_s=0.0))
    window = signal(6_000.0, valid_from=after(100.0), valid_until=after(200.0))
    decision = room.tell(SignalsStated("message", NOW, (window, signal(8_000.0, valid_until=after(50.0)))))
    assert [(one.begins_at, one.ends_at, one.value) for one in decision.windows] == [
        (NOW, after(50.0), 8_000.0),
        (after(100.0), after(200.0), 6_000.0),
    ]
    assert decision.next_at == after(17.0)  # chargers are read back before the window ends
    decision = room.wait(50.0)
    assert (asked(decision), decision.next_at) == ([], after(100.0))
    assert asked(room.wait(50.0)) == dims(6_000.0)
    decision = room.wait(100.0)
    assert (asked(decision), decision.windows, room.state.sources["message"].signals) == ([], (), ())
    room.tell(SignalAdded("message", NOW, replace(window, valid_until=after(250.0))))
    room.now = after(300.0)
    room.tell(SignalAdded("message", room.now, signal(1.0)))
    assert len(room.state.sources["message"].signals) == 1


@pytest.mark.parametrize(
    ("source", "event", "reason"),
    [
        (RELAY, NumberSeen("relay", NOW, 1.0), SourceRefusal.WRONG_INPUT),
        (RELAY, ContactSeen("relay", NOW, True, Contact.W4), SourceRefusal.NO_CONTACT),
        (BOX, click(True, source_id="box"), SourceRefusal.NO_CONTACT),
        (NUMBER, NumberSeen("number", NOW, math.nan), SourceRefusal.NOT_A_NUMBER),
        (NUMBER, NumberSeen("number", NOW, -1.0), SourceRefusal.NEGATIVE),
        (eebus(), LimitStated("eebus", NOW, -1.0), SourceRefusal.NEGATIVE),
        (eebus(), LimitStated("eebus", NOW, math.inf), SourceRefusal.NOT_A_NUMBER),
        (eebus(), LimitStated("eebus", NOW, 1.0, duration=NOW - NOW), SourceRefusal.NO_DURATION),
        (messages("other"), SignalAdded("other", NOW, signal()), SourceRefusal.FOREIGN),
        (messages("other"), SignalsStated("other", NOW, (), (signal(),)), SourceRefusal.FOREIGN),
        (messages("other"), SignalAdded("nobody", NOW, signal()), None),
    ],
)
def test_what_a_source_can_t_say_is_refused_and_changes_nothing(
    source: SourceConfig, event: SourceEvent, reason: SourceRefusal | None
) -> None:
    room = Room(source, devices=DEVICES)
    before = room.tell()
    state = room.state
    decision = room.tell(event)
    assert [(one.event, one.reason) for one in decision.refused] == [(event, reason)]
    assert asked(decision) == asked(before)
    assert room.state == state


def test_a_source_that_was_never_heard_holds_its_failsafe_where_it_binds() -> None:
    room = Room(RELAY, devices=DEVICES)
    decision = room.tell()
    assert asked(decision) == dims(7_560.0, ClaimReason.FAILSAFE)
    assert decision.lost == {"relay": NOW}
    assert asked(Room(replace(RELAY, binding=False), devices=DEVICES).tell()) == []
    assert asked(Room(replace(RELAY, policy=LostPolicy.HOLD), devices=DEVICES).tell()) == dims(
        7_560.0, ClaimReason.FAILSAFE
    )
    assert asked(Room(messages(binding=True), devices=DEVICES).tell()) == []
    polled = messages(binding=True, silent_s=600.0)
    assert asked(Room(polled, devices=DEVICES).tell()) == dims(7_560.0, ClaimReason.FAILSAFE)


@pytest.mark.parametrize(
    ("policy", "closed", "expected"),
    [
        (LostPolicy.HOLD, True, dims(7_560.0, ClaimReason.HELD)),
        (LostPolicy.HOLD, False, []),
        (None, True, dims(7_560.0, ClaimReason.FAILSAFE)),
        (None, False, dims(7_560.0, ClaimReason.FAILSAFE)),
        (LostPolicy.RELEASE, True, []),
        (LostPolicy.RELEASE, False, []),
    ],
)
def test_a_lost_source_is_treated_by_its_policy_after_its_grace(
    policy: LostPolicy | None, closed: bool, expected: list[tuple[str, float, ClaimReason]]
) -> None:
    room = Room(replace(RELAY, policy=policy), devices=DEVICES)
    stated = asked(room.tell(click(closed)))
    assert stated == (dims(7_560.0) if closed else [])
    room.tell(SourceUnavailable("relay", NOW))
    room.now = after(30.0)
    room.tell(SourceUnavailable("relay", room.now))
    decision = room.follow(29.0)
    assert (asked(decision), decision.lost, decision.next_at) == (stated, {}, after(60.0))
    decision = room.follow(1.0)
    assert (asked(decision), decision.lost) == (expected, {"relay": after(60.0)})
    decision = room.tell(SourceHeard("relay", room.now))
    assert (asked(decision), decision.lost) == (stated, {})


def test_a_silent_source_is_lost_and_what_it_named_itself_holds() -> None:
    room = Room(messages(binding=True, silent_s=600.0, release_s=0.0), devices=DEVICES)
    safe = signal(2_000.0, valid_from=after(-100.0), valid_until=after(-50.0))
    room.tell(SignalsStated("message", NOW, (signal(6_000.0),), (safe,)))
    assert asked(room.follow(599.0)) == dims(6_000.0)
    assert asked(room.follow(1.0)) == dims(2_000.0, ClaimReason.FAILSAFE)
    assert asked(room.tell(SignalsStated("message", room.now, ()))) == []
    assert room.state.sources["message"].failsafe == (safe,)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (replace(RELAY, failsafe=3_000.0), [3_000.0]),
        (replace(RELAY, kind=SignalKind.BLOCK), [0.0]),
        (replace(RELAY, kind=SignalKind.BLOCK, failsafe=3_000.0), [3_000.0]),
        (replace(RELAY, scope=SignalScope.SITE, value=5_000.0), [5_000.0]),
        (BOX, [6_000.0, 7_560.0]),
        (replace(BOX, failsafe_feed_in_percent=0.0, failsafe=4_000.0), [0.0, 4_000.0]),
        (replace(NUMBER, failsafe=4_300.0), [4_300.0]),
        (replace(NUMBER, policy=LostPolicy.HOLD, scope=SignalScope.SITE), []),
    ],
)
def test_each_failsafe_is_what_was_configured_or_the_legal_minimum(source: SourceConfig, expected: list[float]) -> None:
    assert [one.value for one in Room(source, devices=DEVICES).tell().held] == pytest.approx(expected)


def test_where_what_was_kept_can_t_be_read_all_binding_failsafes_hold_until_sources_are_heard() -> None:
    told = messages("webhook", binding=True, release_s=0.0)
    room = Room(RELAY, told, messages("user"), eebus(release_s=0.0), devices=DEVICES)
    room.state = without_memory(room.config, NOW)
    decision = room.tell()
    assert asked(decision) == dims(4_200.0, ClaimReason.FAILSAFE)
    assert set(decision.lost) == {"relay", "webhook"}
    room.tell(click(False), HeartbeatSeen("eebus", NOW), LimitStated("eebus", NOW, 0.0, active=False))
    assert asked(room.tell()) == dims(7_560.0, ClaimReason.FAILSAFE)
    assert asked(room.tell(SourceHeard("webhook", NOW))) == []


def test_a_signal_that_may_have_been_forgotten_is_not_feared_for_ever() -> None:
    room = Room(messages(binding=True, release_s=0.0), devices=DEVICES)
    room.state = without_memory(room.config, NOW)
    assert room.tell().lost == {"message": NOW}
    assert asked(room.follow(7_199.0)) == dims(7_560.0, ClaimReason.FAILSAFE)
    assert asked(room.follow(1.0)) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"input": InputKind.EEBUS},
        {"lpc": LpcConfig(4_200.0)},
        {"scope": SignalScope.DEVICE},
        {"evse": KEY},
        {"value": -1.0},
        {"failsafe": math.nan},
        {"debounce_s": -1.0},
        {"silent_s": math.inf},
        {"factor": 0.0},
        {"scope": SignalScope.SITE},
        {"unit": SignalUnit.AMPERE},
        {"input": InputKind.NUMBER, "scope": SignalScope.SITE},
    ],
)
def test_a_source_that_does_not_fit_together_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        relay(**fields)


def test_what_was_announced_goes_on_beside_the_fail_safe_where_the_source_says_so() -> None:
    polled = messages(binding=True, silent_s=600.0, failsafe=6_000.0, release_s=0.0)
    said = SignalsStated("message", NOW, (signal(2_000.0, valid_until=after(1_000.0)),))
    for keeps, held in ((False, dims(6_000.0, ClaimReason.FAILSAFE)), (True, dims(2_000.0, ClaimReason.HELD))):
        room = Room(replace(polled, keeps_announced=keeps), devices=DEVICES)
        assert asked(room.tell(said)) == dims(2_000.0)
        assert asked(room.follow(700.0)) == held
        assert asked(room.follow(400.0)) == dims(6_000.0, ClaimReason.FAILSAFE)


def test_a_signal_that_is_over_already_takes_the_place_of_none_that_holds() -> None:
    room = Room(messages(), devices=DEVICES)
    room.tell(SignalAdded("message", NOW, signal(valid_from=NOW, valid_until=after(600.0))))
    room.now = after(60.0)
    late = signal(9_000.0, valid_from=NOW, valid_until=after(60.0))
    decision = room.tell(SignalAdded("message", room.now, late))
    assert [(one.value, one.asked) for one in decision.held] == [(5_000.0, True)]
    assert decision.refused == ()
    assert room.state.sources["message"].heard_at == room.now  # it lives all the same
    shorter = signal(valid_from=NOW, valid_until=after(61.0))
    room.tell(SignalAdded("message", room.now, shorter))
    assert [one.asked for one in room.wait(1.0).held] == [False]


SERVER = messages(binding=True, silent_s=900.0, failsafe=1_000.0, keeps_announced=True, release_s=0.0)


def restarted(*heard: SourceEvent, config: SourceConfig = SERVER) -> Room:
    """Return a room that was restarted a minute after it heard this."""
    room = Room(config)
    room.tell(*heard)
    room.now = after(60.0)
    room.state = resume(room.config, room.state, room.now)
    return room


def remembered(value: float, at_s: float, **changes: object) -> SignalsRemembered:
    return replace(SignalsRemembered("message", after(at_s), (signal(value),)), **changes)  # type: ignore[arg-type]


def limit_of(decision: GridDecision) -> list[float]:
    return [one.value for one in decision.held]


@pytest.mark.parametrize(
    ("word", "limit_w"),
    [
        (remembered(2_000.0, 0.0), 2_000.0),  # the same word, read again by the rules of the day
        (remembered(2_000.0, 5.0), 2_000.0),
        (remembered(2_000.0, -5.0), 3_000.0),  # older than what the room kept
        (remembered(9_000.0, 0.0, complete=False), 3_000.0),
        (remembered(2_000.0, 0.0, complete=False), 3_000.0),
        (remembered(2_000.0, 5.0, complete=False), 2_000.0),  # newer, and what is missing in it may still hold
        (remembered(9_000.0, 5.0, complete=False), 3_000.0),
    ],
)
def test_what_is_remembered_elsewhere_lifts_nothing_that_the_room_knows_to_hold(
    word: SignalsRemembered, limit_w: float
) -> None:
    room = restarted(SignalsStated("message", NOW, (signal(3_000.0),)))
    assert limit_of(room.tell(word)) == [limit_w]
    assert limit_of(room.tell(SignalsStated("message", room.now, ()))) == []


def test_a_source_that_is_remembered_is_lost_by_when_it_was_heard() -> None:
    room = restarted(SignalsStated("message", NOW, (signal(3_000.0),)))
    room.tell(remembered(3_000.0, -5.0))
    room.now = after(899.0)
    assert limit_of(room.tell()) == [3_000.0]
    decision = room.wait(1.0)
    assert (limit_of(decision), set(decision.lost)) == ([1_000.0], {"message"})


def test_what_is_remembered_makes_no_source_heard_that_is_away() -> None:
    room = Room(SERVER)
    room.tell(SignalsStated("message", NOW, (signal(3_000.0),)), SourceUnavailable("message", NOW))
    room.now = after(61.0)
    decision = room.tell(remembered(2_000.0, 0.0))
    assert (limit_of(decision), set(decision.lost)) == ([1_000.0], {"message"})


def test_what_is_remembered_takes_the_place_of_a_memory_that_can_not_be_read_if_it_is_whole() -> None:
    for complete, limit_w in ((True, 2_000.0), (False, 1_000.0)):
        room = Room(SERVER)
        room.state = without_memory(room.config, NOW)
        assert limit_of(room.tell(remembered(2_000.0, -5.0, complete=complete))) == [limit_w]


def test_a_fail_safe_that_is_remembered_holds_once_the_source_is_lost() -> None:
    for complete in (True, False):
        room = Room(SERVER)
        room.tell(remembered(9_000.0, 0.0, failsafe=(signal(500.0),), complete=complete))
        assert limit_of(room.wait(901.0)) == [500.0]


def test_what_is_remembered_of_another_source_is_refused() -> None:
    room = restarted(SignalsStated("message", NOW, (signal(3_000.0),)))
    (refused,) = room.tell(remembered(2_000.0, 5.0, failsafe=(signal(1.0, source_id="other"),))).refused
    assert refused.reason is SourceRefusal.FOREIGN
    (refused,) = Room(RELAY).tell(SignalsRemembered("relay", NOW, ())).refused
    assert refused.reason is SourceRefusal.WRONG_INPUT
