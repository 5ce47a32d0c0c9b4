"""The room as a whole: from events of sources to limits, with what is told of them."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smart_charging.engine.grid import uk_rules
from custom_components.smart_charging.engine.grid.changes import ChangeKind
from custom_components.smart_charging.engine.grid.grid_room import GridDecision, GridState, resume, step, with_seed
from custom_components.smart_charging.engine.grid.memory import from_json, to_json
from custom_components.smart_charging.engine.grid.section_14a import minimum_power
from custom_components.smart_charging.engine.grid.signal import SignalKind, SignalScope, SignalUnit
from custom_components.smart_charging.engine.grid.source import SignalAdded, SignalsCleared, SourceUnavailable
from custom_components.smart_charging.engine.grid.uk_rules import UkMemory, UkReason, UkRules
from custom_components.smart_charging.engine.grid.verification import ActionKind, Measured
from custom_components.smart_charging.engine.limit import Limit, LimitSource, LimitUnit, OwnPower

from .builders import KEY, NOW, OTHER, Room, after, battery, charger, click, heat_pump, messages, relay, signal

DEVICES = (charger(), charger("CP2"), battery())  # together 10.5 kW, and they can draw 27 kW


def binding_w(decision: GridDecision) -> float | None:
    return None if decision.binding_w is None else round(decision.binding_w, 3)


def test_without_a_source_nothing_is_limited() -> None:
    decision = Room(devices=DEVICES).tell()
    assert (decision.limits, decision.binding, decision.export, decision.changes) == ((), None, None, ())
    assert decision.next_at is None


def test_a_dimming_contact_becomes_a_limit_for_control() -> None:
    room = Room(relay(own_power=OwnPower.BEFORE_OTHER_LOAD), devices=DEVICES)
    decision = room.tell(click(True))
    assert decision.limits == (
        Limit(
            "grid/import/controllable/W/before_other_load",
            LimitSource.GRID_SIGNAL,
            10_500.0,
            LimitUnit.WATT,
            controllable_only=True,
            own_power=OwnPower.BEFORE_OTHER_LOAD,
            params={"signal": "relay", "limit": 10_500.0},
        ),
    )
    assert decision.binding is decision.held[0]
    assert decision.minimum == minimum_power(DEVICES)


def test_what_others_draw_is_not_left_to_chargers() -> None:
    room = Room(relay(), devices=(charger(), heat_pump(3_000.0)))
    (limit,) = room.tell(click(True)).limits
    assert limit.value == pytest.approx(4_560.0)
    (limit,) = room.tell(measured=Measured(others_w={"heat_pump": 500.0})).limits
    assert limit.value == pytest.approx(7_060.0)
    assert limit.params["limit"] == pytest.approx(7_560.0)


def test_a_signal_for_one_device_and_one_in_amperes_go_to_control_as_they_are() -> None:
    room = Room(messages())
    room.tell(SignalAdded("message", NOW, signal(10.0, scope=SignalScope.DEVICE, evse=OTHER, unit=SignalUnit.AMPERE)))
    decision = room.tell(SignalAdded("message", NOW, signal(20.0, scope=SignalScope.SITE, unit=SignalUnit.AMPERE)))
    assert [(one.value, one.unit, one.evse, one.controllable_only) for one in decision.limits] == [
        (10.0, LimitUnit.AMPERE, OTHER, False),
        (20.0, LimitUnit.AMPERE, None, False),
    ]
    assert binding_w(decision) == 2_300.0  # ten amperes on its one phase


def test_a_limit_on_feed_in_is_none_for_control() -> None:
    decision = Room(messages()).tell(SignalAdded("message", NOW, signal(0.0, kind=SignalKind.EXPORT_LIMIT)))
    assert (decision.limits, decision.binding) == ((), None)
    assert decision.export is not None


def test_what_is_for_a_charger_that_is_gone_binds_nobody_until_it_is_there_again() -> None:
    room = Room(relay(scope=SignalScope.DEVICE, evse=OTHER), devices=DEVICES, stations=frozenset({"CP1", "CP2"}))
    assert binding_w(room.tell(click(True))) == 4_200.0
    room.config = replace(room.config, stations=frozenset({"CP1"}))
    decision = room.tell()
    assert (decision.limits, decision.held, decision.binding) == ((), (), None)  # nor does power return to it
    assert [(one.kind, one.demand.target.evse) for one in decision.changes] == [(ChangeKind.ENDED, OTHER)]
    room.config = replace(room.config, stations=frozenset({"CP1", "CP2"}))
    assert binding_w(room.tell()) == 4_200.0


def test_what_is_announced_for_a_charger_that_is_gone_is_not_told() -> None:
    room = Room(messages(), stations=frozenset({"CP1"}))
    later = [signal(scope=SignalScope.DEVICE, evse=evse, valid_from=after(60.0)) for evse in (KEY, OTHER)]
    decision = room.tell(*(SignalAdded("message", NOW, one) for one in later))
    assert [one.evse for one in decision.windows] == [KEY]


def test_power_returns_over_five_minutes() -> None:
    room = Room(relay(), devices=DEVICES)  # the connection carries 24.15 kW
    room.tell(click(True))
    room.now = after(600.0)
    room.tell(click(False, room.now))
    decision = room.wait(0.5)
    assert [one.kind for one in decision.changes] == [ChangeKind.ENDED]
    assert binding_w(decision) == 10_500.0
    assert decision.next_at == after(605.5)
    values = [binding_w(room.wait(75.0)) for _ in range(4)]
    assert values == [13_912.5, 17_325.0, 20_737.5, None]
    assert room.tell().limits == ()


def test_a_signal_within_the_return_holds_at_once_and_its_own_return_begins_there() -> None:
    room = Room(relay(), devices=DEVICES)
    room.tell(click(True))
    room.now = after(10.0)
    room.tell(click(False, room.now))
    room.wait(0.5)
    assert binding_w(room.wait(100.0)) == 10_500.0 + 4_550.0
    room.tell(click(True, room.now))
    assert binding_w(room.wait(0.5)) == 10_500.0
    room.tell(click(False, room.now))
    decision = room.wait(0.5)
    assert binding_w(decision) == 10_500.0
    assert decision.changes[0].kind is ChangeKind.ENDED


def test_an_easier_signal_is_reached_slowly_too() -> None:
    room = Room(messages(), devices=DEVICES)
    room.tell(SignalAdded("message", NOW, signal(4_150.0)))
    decision = room.tell(SignalAdded("message", NOW, signal(8_150.0)))
    assert binding_w(decision) == 4_150.0
    assert [one.kind for one in decision.changes] == [ChangeKind.CHANGED]
    assert binding_w(room.wait(30.0)) == 6_150.0
    assert binding_w(room.wait(30.0)) == 8_150.0
    assert room.tell().held[0].ramp is None
    assert binding_w(room.tell(SignalAdded("message", room.now, signal(3_000.0)))) == 3_000.0


def test_feed_in_and_sources_without_a_ramp_return_at_once() -> None:
    room = Room(messages(), messages("user", release_s=0.0), devices=DEVICES)
    room.tell(SignalAdded("message", NOW, signal(0.0, kind=SignalKind.EXPORT_LIMIT)))
    room.tell(SignalAdded("user", NOW, signal(source_id="user")))
    decision = room.tell(SignalsCleared("message", NOW), SignalsCleared("user", NOW))
    assert (decision.export, decision.limits) == (None, ())


def test_what_changed_is_told_once_with_what_was_before() -> None:
    room = Room(relay(), messages("user"), devices=DEVICES)
    (started,) = room.tell(click(True)).changes
    assert (started.kind, started.demand.source_id, started.demand.raw, started.before) == (
        ChangeKind.STARTED,
        "relay",
        "closed",
        None,
    )
    assert room.wait(60.0).changes == ()
    (changed,) = room.tell(SignalAdded("user", room.now, signal(5_000.0, source_id="user"))).changes
    assert (changed.kind, changed.demand.source_id, changed.demand.others) == (ChangeKind.CHANGED, "user", ("relay",))
    assert changed.before == started.demand
    (back,) = room.tell(SignalsCleared("user", room.now)).changes
    assert (back.kind, back.demand.source_id) == (ChangeKind.CHANGED, "relay")


def test_a_signal_that_is_stated_again_for_longer_is_no_change() -> None:
    room = Room(messages())
    room.tell(SignalAdded("message", NOW, signal(5_000.0, valid_until=after(60.0))))
    decision = room.tell(SignalAdded("message", NOW, signal(5_000.0, valid_until=after(120.0))))
    assert decision.changes == ()
    assert decision.binding is not None
    assert decision.binding.demand.until == after(120.0)


def test_a_charger_that_does_not_obey_gets_a_limit_of_its_own_until_the_signal_ends() -> None:
    room = Room(relay(release_s=0.0), devices=DEVICES)
    room.tell(click(True))
    measured = Measured({KEY: 4_140.0}, {KEY: 11_000.0}, after(1.0))
    decisions = {}
    for _ in range(61):
        decision = room.wait(1.0, measured)
        if decision.actions:
            decisions[(room.now - NOW).total_seconds()] = decision
    assert [[one.kind for one in decision.actions] for decision in decisions.values()] == [
        [ActionKind.LOWER],
        [ActionKind.PAUSE],
        [ActionKind.REMOTE_STOP, ActionKind.RAISE_ISSUE],
    ]
    assert list(decisions) == [16.0, 31.0, 61.0]
    own = [limit for limit in decisions[31.0].limits if limit.evse == KEY]
    assert [(limit.limit_id, limit.value) for limit in own] == [("grid/check/CP1/1", 0.0)]
    room.tell(click(False, room.now))
    decision = room.wait(0.5)
    assert decision.limits == ()
    assert decision.verification.issues == {KEY}


def test_a_tighter_signal_starts_the_checks_anew_and_an_easier_one_does_not() -> None:
    room = Room(messages(), devices=DEVICES)
    room.tell(SignalAdded("message", NOW, signal(6_000.0)))
    room.now = after(20.0)
    room.tell(SignalAdded("message", room.now, signal(8_000.0)))
    assert room.state.verification.signal_at == NOW
    room.tell(SignalAdded("message", room.now, signal(4_000.0)))
    assert room.state.verification.signal_at == after(20.0)


def test_hours_without_charging_are_limits_on_chargers_under_the_rules() -> None:
    room = Room(uk=UkRules(most_delay_s=0), uk_evses=(KEY, OTHER))
    room.now = datetime.fromisoformat("2026-06-01T07:00:00+00:00")
    assert room.tell().uk == {}
    room.state = with_seed(room.state, 1)
    assert room.state.uk == UkMemory(seed=1)
    assert with_seed(room.state, 2) == room.state
    room.state = replace(room.state, uk=uk_rules.override(UkMemory(seed=1), OTHER, room.now + timedelta(minutes=5)))
    decision = room.tell()
    (limit,) = decision.limits
    assert (limit.evse, limit.value, limit.params) == (KEY, 0.0, {"reason": "peak"})
    assert decision.uk[OTHER].reason is UkReason.OVERRIDDEN
    assert decision.next_at == room.now + timedelta(minutes=5)
    assert len(room.wait(300.0).limits) == 2
    assert room.state.uk == UkMemory(seed=1)
    assert room.wait(3 * 3600.0).limits == ()


def test_a_removed_source_is_forgotten_and_its_limit_returns_slowly() -> None:
    room = Room(relay(), devices=DEVICES)
    room.tell(click(True))
    room.config = replace(room.config, sources=())
    room.state = resume(room.config, room.state, NOW)
    decision = room.tell()
    assert room.state.sources == {}
    assert (binding_w(decision), decision.changes[0].kind) == (10_500.0, ChangeKind.ENDED)
    assert room.wait(300.0).limits == ()


def test_two_sources_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="same id"):
        Room(relay(), relay())


def test_the_price_level_is_told_and_limits_nothing() -> None:
    level = signal(2.0, kind=SignalKind.PRICE_LEVEL, unit=SignalUnit.LEVEL, scope=SignalScope.SITE)
    decision = Room(messages()).tell(SignalAdded("message", NOW, level))
    assert decision.price_level is not None
    assert (decision.price_level.level, decision.limits) == (2.0, ())


def power_cut(room: Room, seconds: float) -> GridDecision:
    """Write the state, go away for a time, read it again, and return what holds before anybody was heard."""
    kept = to_json(room.state)
    room.now += timedelta(seconds=seconds)
    room.state = resume(room.config, from_json(kept), room.now)
    return room.tell()


@pytest.mark.parametrize(
    ("closed_for", "open_for", "expected_w"),
    [
        (None, 0.0, None),  # never asked
        (0.2, 0.0, 10_500.0),  # within its debounce: it counts by the time it is back
        (600.0, 0.0, 10_500.0),
        (600.0, 100.0, 10_500.0 + 13_650.0 * (100.0 - 0.5 + 20.0) / 300),  # on its way back
        (600.0, 1_000.0, None),
    ],
)
def test_after_a_power_cut_what_held_holds_before_anybody_is_heard(
    closed_for: float | None, open_for: float, expected_w: float | None
) -> None:
    room = Room(relay(), devices=DEVICES)
    room.tell(click(False, after(-100.0)))
    if closed_for is not None:
        room.tell(click(True))
        room.wait(closed_for)
    if open_for:
        room.tell(click(False, room.now))
        room.wait(0.5)
        room.wait(open_for - 0.5)
    decision = power_cut(room, 20.0)
    assert binding_w(decision) == (None if expected_w is None else pytest.approx(expected_w, abs=25))
    assert decision.lost == {}


def test_after_a_power_cut_a_source_that_stays_away_is_lost() -> None:
    room = Room(relay(), devices=DEVICES)
    room.tell(click(False))
    power_cut(room, 3_600.0)
    assert room.follow(59.0).limits == ()
    decision = room.follow(1.0)
    assert (binding_w(decision), decision.lost) == (10_500.0, {"relay": room.now})
    room.tell(SourceUnavailable("relay", room.now))
    again = power_cut(room, 10.0)
    assert (binding_w(again), again.lost) == (10_500.0, decision.lost)


def test_after_a_power_cut_chargers_are_checked_anew_and_who_was_down_stays_down() -> None:
    room = Room(relay(), devices=DEVICES)
    room.tell(click(True))
    measured = Measured({KEY: 4_140.0}, {KEY: 11_000.0}, after(1.0))
    for second in (1.0, 15.0, 15.0):
        room.wait(second, measured)
    decision = power_cut(room, 600.0)
    assert decision.verification.signal_at == room.now
    assert [limit.value for limit in decision.limits if limit.evse == KEY] == [0.0]
    assert decision.actions == ()


VALUES = st.sampled_from([None, 0.0, 3_000.0, 9_000.0, 40_000.0])
STEPS = st.lists(st.tuples(st.floats(0.0, 400.0), st.booleans(), st.booleans()), min_size=1, max_size=10)
COUNTS = st.integers(1, 12)


@settings(max_examples=100)
@given(steps=STEPS, value=VALUES, chargers=COUNTS, pump_w=st.floats(1_000.0, 30_000.0))
def test_with_a_relay_alone_the_limit_is_never_below_the_legal_minimum_nor_absent_while_it_asks(
    steps: list[tuple[float, bool, bool]], value: float | None, chargers: int, pump_w: float
) -> None:
    devices = [*(charger(f"CP{n}") for n in range(chargers)), heat_pump(pump_w)]
    minimum = minimum_power(devices)
    assert minimum is not None
    room = Room(relay(value=value, debounce_s=0.0), devices=devices)
    for seconds, closed, cut in steps:
        room.now += timedelta(seconds=seconds)
        decision = power_cut(room, 5.0) if cut else room.tell(click(closed, room.now))
        for held in decision.held:
            assert held.value >= minimum.minimum_w - 1e-6
        if closed and not cut:
            assert decision.binding is not None
            assert decision.binding.value == pytest.approx(max(minimum.minimum_w, value or 0.0))


@settings(max_examples=100)
@given(
    moments=st.lists(
        st.tuples(st.integers(0, 200), st.sampled_from([None, 0.0, 4_200.0, 8_000.0, 30_000.0])), max_size=10
    )
)
def test_a_limit_falls_at_once_and_never_rises_faster_than_to_full_power_in_five_minutes(
    moments: list[tuple[int, float | None]],
) -> None:
    room, before_w, full_w = Room(messages(), devices=DEVICES), 24_150.0, 24_150.0
    for seconds, value in moments:
        room.now += timedelta(seconds=seconds)
        event = (
            SignalsCleared("message", room.now) if value is None else SignalAdded("message", room.now, signal(value))
        )
        decision = room.tell(event)
        held_w = full_w if decision.binding_w is None else min(full_w, decision.binding_w)
        if value is not None:
            assert held_w <= value
        assert held_w <= before_w + full_w * seconds / 300.0 + 1e-6
        before_w = held_w


@settings(max_examples=50)
@given(steps=STEPS)
def test_the_same_events_give_the_same_decisions_with_and_without_memory_in_between(
    steps: list[tuple[float, bool, bool]],
) -> None:
    room, state, now = Room(relay(), messages("user"), devices=DEVICES), GridState(), NOW
    for seconds, closed, kept in steps:
        now += timedelta(seconds=seconds)
        room.now = now
        if kept:
            state = from_json(to_json(state))
        state, decision = step(room.config, state, [click(closed, now)], now)
        assert decision == room.tell(click(closed, now))
