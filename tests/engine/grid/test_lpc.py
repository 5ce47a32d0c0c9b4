"""The state machine of EEBus LPC and LPP: each state with each event, and a power cut in each."""

from dataclasses import replace
from datetime import timedelta
import math

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smart_charging.engine.grid import lpc
from custom_components.smart_charging.engine.grid.lpc import (
    LpcConfig,
    LpcDirection,
    LpcLimit,
    LpcMemory,
    LpcPhase,
    LpcRefusal,
)

from .builders import NOW, after

CONFIG = LpcConfig(failsafe_w=4_200.0)
INIT, FREE = LpcPhase.INIT, LpcPhase.UNLIMITED_CONTROLLED
AUTONOMOUS, LIMITED, FAILSAFE = LpcPhase.UNLIMITED_AUTONOMOUS, LpcPhase.LIMITED, LpcPhase.FAILSAFE
OLD = LpcLimit(7_000.0, True, after(-10_000.0))


def memory(phase: LpcPhase) -> LpcMemory:
    """Return a machine that has been in a state for a minute, its last sign of life as that state has it."""
    heard_at = {INIT: None, FREE: NOW, LIMITED: NOW, FAILSAFE: after(-200.0), AUTONOMOUS: after(-9_000.0)}[phase]
    limits = {INIT: None, FREE: replace(OLD, active=False), LIMITED: OLD, FAILSAFE: OLD, AUTONOMOUS: OLD}
    return LpcMemory(phase, after(-60.0), after(-60.0) if phase is INIT else after(-20_000.0), heard_at, limits[phase])


def apply(found: LpcMemory, event: str) -> LpcMemory:
    """Return the machine after an event a second from now, or by a longer time alone."""
    now, stated = after(1.0), {"limit": (True, None), "free": (False, None), "short": (True, timedelta(seconds=5))}
    if event == "heartbeat":
        return lpc.heartbeat(found, CONFIG, now)
    if event in stated:
        active, duration = stated[event]
        return lpc.state_limit(found, CONFIG, now, value_w=6_000.0, active=active, duration=duration)[0]
    if event == "negative":
        return lpc.state_limit(found, CONFIG, now, value_w=-1.0)[0]
    if event == "heartbeat, limit":
        return apply(apply(found, "heartbeat"), "limit")
    if event == "limit, heartbeat":
        return apply(apply(found, "limit"), "heartbeat")
    if event == "heartbeat, free":
        return apply(apply(found, "heartbeat"), "free")
    return lpc.pass_time(found, CONFIG, after({"second": 1.0, "lost": 121.0, "hours": 7_400.0}[event]))


TABLE = {
    INIT: {
        "heartbeat": INIT,
        "limit": LIMITED,
        "free": FREE,
        "short": LIMITED,
        "negative": INIT,
        "heartbeat, limit": LIMITED,
        "limit, heartbeat": LIMITED,
        "heartbeat, free": FREE,
        "second": INIT,
        "lost": FAILSAFE,
        "hours": AUTONOMOUS,
    },
    FREE: {
        "heartbeat": FREE,
        "limit": LIMITED,
        "free": FREE,
        "short": LIMITED,
        "negative": FREE,
        "heartbeat, limit": LIMITED,
        "limit, heartbeat": LIMITED,
        "heartbeat, free": FREE,
        "second": FREE,
        "lost": FAILSAFE,
        "hours": AUTONOMOUS,
    },
    LIMITED: {
        "heartbeat": LIMITED,
        "limit": LIMITED,
        "free": FREE,
        "short": LIMITED,
        "negative": LIMITED,
        "heartbeat, limit": LIMITED,
        "limit, heartbeat": LIMITED,
        "heartbeat, free": FREE,
        "second": LIMITED,
        "lost": FAILSAFE,
        "hours": AUTONOMOUS,
    },
    FAILSAFE: {
        "heartbeat": FAILSAFE,
        "limit": FAILSAFE,
        "free": FAILSAFE,
        "short": FAILSAFE,
        "negative": FAILSAFE,
        "heartbeat, limit": LIMITED,
        "limit, heartbeat": LIMITED,
        "heartbeat, free": FREE,
        "second": FAILSAFE,
        "lost": FAILSAFE,
        "hours": AUTONOMOUS,
    },
    AUTONOMOUS: {
        "heartbeat": AUTONOMOUS,
        "limit": AUTONOMOUS,
        "free": AUTONOMOUS,
        "short": AUTONOMOUS,
        "negative": AUTONOMOUS,
        "heartbeat, limit": LIMITED,
        "limit, heartbeat": LIMITED,
        "heartbeat, free": FREE,
        "second": AUTONOMOUS,
        "lost": AUTONOMOUS,
        "hours": AUTONOMOUS,
    },
}
ROWS = [(phase, event, then) for phase, row in TABLE.items() for event, then in row.items()]


@pytest.mark.parametrize(("phase", "event", "then"), ROWS, ids=[f"{a}-{b}" for a, b, _ in ROWS])
def test_each_event_leads_where_the_use_case_says(phase: LpcPhase, event: str, then: LpcPhase) -> None:
    assert apply(memory(phase), event).phase is then


def test_the_table_is_complete() -> None:
    assert set(TABLE) == set(LpcPhase)
    assert len({frozenset(row) for row in TABLE.values()}) == 1


@pytest.mark.parametrize(
    ("phase", "demanded_w"),
    [(INIT, 4_200.0), (FREE, None), (LIMITED, 7_000.0), (FAILSAFE, 4_200.0), (AUTONOMOUS, None)],
)
def test_each_state_demands_what_it_should(phase: LpcPhase, demanded_w: float | None) -> None:
    assert lpc.demanded_w(memory(phase), CONFIG, NOW) == demanded_w


@pytest.mark.parametrize(
    ("phase", "then", "demanded_w"),
    [
        (INIT, INIT, 4_200.0),
        (FREE, INIT, 4_200.0),
        (LIMITED, INIT, 4_200.0),
        (FAILSAFE, FAILSAFE, 4_200.0),
        (AUTONOMOUS, INIT, 4_200.0),
    ],
)
def test_a_power_cut_in_any_state_ends_at_the_failsafe_limit(
    phase: LpcPhase, then: LpcPhase, demanded_w: float
) -> None:
    found = lpc.resume(memory(phase), CONFIG, after(30.0))
    assert found.phase is then
    assert lpc.demanded_w(found, CONFIG, after(30.0)) == demanded_w
    stated, _ = lpc.state_limit(lpc.heartbeat(found, CONFIG, after(31.0)), CONFIG, after(32.0), value_w=9_000.0)
    assert lpc.demanded_w(stated, CONFIG, after(32.0)) == 9_000.0


def test_after_a_power_cut_a_tighter_limit_from_before_holds_until_another_is_stated() -> None:
    tight = replace(memory(LIMITED), limit=LpcLimit(1_000.0, True, NOW, after(100.0)))
    found = lpc.resume(tight, CONFIG, after(30.0))
    assert lpc.demanded_w(found, CONFIG, after(30.0)) == 1_000.0
    assert lpc.demanded_w(found, CONFIG, after(100.0)) == 4_200.0


def test_a_failsafe_goes_on_over_a_power_cut_for_its_own_time() -> None:
    found = lpc.resume(memory(FAILSAFE), CONFIG, after(7_000.0))
    assert (found.phase, found.since) == (FAILSAFE, after(-60.0))
    assert lpc.pass_time(found, CONFIG, after(7_140.0)).phase is AUTONOMOUS
    assert lpc.resume(memory(FAILSAFE), CONFIG, after(7_140.0)).phase is INIT


def test_a_heartbeat_of_before_a_power_cut_says_nothing() -> None:
    found = lpc.resume(memory(LIMITED), CONFIG, after(600.0))
    stated, _ = lpc.state_limit(found, CONFIG, after(610.0), value_w=6_000.0)
    assert stated.phase is LIMITED
    assert lpc.pass_time(stated, CONFIG, after(719.0)).phase is LIMITED
    assert lpc.pass_time(stated, CONFIG, after(720.0)).phase is FAILSAFE


def test_a_limit_ends_after_its_duration() -> None:
    begun, _ = lpc.state_limit(memory(FREE), CONFIG, NOW, value_w=6_000.0, duration=timedelta(seconds=90))
    assert lpc.next_change(begun, CONFIG) == after(90.0)
    assert lpc.demanded_w(begun, CONFIG, after(89.0)) == 6_000.0
    assert lpc.demanded_w(begun, CONFIG, after(90.0)) is None
    assert lpc.pass_time(begun, CONFIG, after(90.0)).phase is FREE


def test_the_failsafe_begins_when_the_heartbeat_was_due_and_lasts_as_agreed() -> None:
    long = replace(CONFIG, failsafe_for=timedelta(hours=24))
    found = lpc.pass_time(memory(LIMITED), long, after(500.0))
    assert (found.phase, found.since) == (FAILSAFE, after(120.0))
    assert lpc.next_change(found, long) == after(120.0 + 24 * 3600)
    assert lpc.pass_time(found, long, after(120.0 + 24 * 3600 - 1)).phase is FAILSAFE
    ended = lpc.pass_time(found, long, after(120.0 + 24 * 3600))
    assert ended.phase is AUTONOMOUS
    assert lpc.next_change(ended, long) is None


def test_a_limit_that_came_in_the_failsafe_is_obeyed_with_a_heartbeat_after_it() -> None:
    stated, _ = lpc.state_limit(memory(FAILSAFE), CONFIG, after(10.0), value_w=2_000.0)
    alone = lpc.pass_time(stated, CONFIG, after(7_200.0))
    assert alone.phase is AUTONOMOUS
    assert lpc.demanded_w(lpc.heartbeat(alone, CONFIG, after(7_201.0)), CONFIG, after(7_201.0)) == 2_000.0


def test_a_heartbeat_that_is_gone_again_does_not_end_the_failsafe() -> None:
    heard = lpc.heartbeat(memory(FAILSAFE), CONFIG, after(1.0))
    stated, _ = lpc.state_limit(heard, CONFIG, after(121.0), value_w=6_000.0)
    assert stated.phase is FAILSAFE


@pytest.mark.parametrize(
    ("value_w", "duration", "refusal"),
    [
        (-1.0, None, LpcRefusal.NEGATIVE),
        (math.nan, None, LpcRefusal.NO_NUMBER),
        (math.inf, None, LpcRefusal.NO_NUMBER),
        (6_000.0, timedelta(), LpcRefusal.NO_DURATION),
    ],
)
def test_what_is_no_limit_is_refused_and_changes_nothing(
    value_w: float, duration: timedelta | None, refusal: LpcRefusal
) -> None:
    found = memory(LIMITED)
    assert lpc.state_limit(found, CONFIG, NOW, value_w=value_w, duration=duration) == (found, refusal)


def test_a_limit_on_production_may_have_either_sign() -> None:
    config = replace(CONFIG, direction=LpcDirection.PRODUCTION)
    for value_w in (-5_000.0, 5_000.0):
        stated, refusal = lpc.state_limit(memory(FREE), config, NOW, value_w=value_w)
        assert refusal is None
        assert lpc.demanded_w(stated, config, NOW) == 5_000.0


@pytest.mark.parametrize(
    ("failsafe_w", "hours"), [(-1.0, 2.0), (math.nan, 2.0), (4_200.0, 1.99), (4_200.0, 24.01), (4_200.0, 0.0)]
)
def test_an_agreement_that_the_use_case_does_not_permit_is_refused(failsafe_w: float, hours: float) -> None:
    with pytest.raises(ValueError, match="fail-safe"):
        LpcConfig(failsafe_w, timedelta(hours=hours))


EVENTS = st.lists(
    st.tuples(st.floats(0.0, 8_000.0), st.sampled_from(["heartbeat", "limit", "free", "cut", "wait"])), max_size=12
)


@settings(max_examples=200)
@given(events=EVENTS)
def test_who_is_under_control_was_alive_within_two_minutes(events: list[tuple[float, str]]) -> None:
    found, now, sign_of_life = lpc.begin(NOW), NOW, NOW
    for seconds, event in events:
        now += timedelta(seconds=seconds)
        if event == "heartbeat":
            found, sign_of_life = lpc.heartbeat(found, CONFIG, now), now
        elif event in {"limit", "free"}:
            found, _ = lpc.state_limit(found, CONFIG, now, value_w=6_000.0, active=event == "limit")
        elif event == "cut":
            found, sign_of_life = lpc.resume(found, CONFIG, now), now
        found = lpc.pass_time(found, CONFIG, now)
        assert (found.phase in {FAILSAFE, AUTONOMOUS}) or now - sign_of_life < lpc.HEARTBEAT_LOST
        if found.phase in {INIT, FAILSAFE}:
            demanded_w = lpc.demanded_w(found, CONFIG, now)
            assert demanded_w is not None
            assert demanded_w <= CONFIG.failsafe_w


TEN = timedelta(minutes=10)


def lasting(found: LpcMemory, seconds: float, **changes: object) -> LpcMemory:
    """Return the machine after it was told a limit of 6 kW for ten minutes, or what is changed of it."""
    told: dict[str, object] = {"value_w": 6_000.0, "active": True, "duration": TEN} | changes
    alive = lpc.heartbeat(found, CONFIG, after(seconds))
    return lpc.state_limit(alive, CONFIG, after(seconds), **told)[0]  # type: ignore[arg-type]  # arguments by name


def until(found: LpcMemory) -> float | None:
    """Return after how many seconds the limit ends."""
    assert found.limit is not None
    return None if found.limit.until is None else (found.limit.until - NOW).total_seconds()


@pytest.mark.parametrize("restarts", [False, True])
def test_the_same_limit_told_again_ends_when_it_was_to_also_after_a_restart(restarts: bool) -> None:
    found = lasting(memory(FREE), 0.0)
    for seconds in (60.0, 300.0, 590.0):
        if restarts:
            found = lpc.resume(found, CONFIG, after(seconds))
        found = lasting(found, seconds)
        assert (found.phase, until(found)) == (LIMITED, 600.0)
    for seconds in (601.0, 5_000.0):
        if restarts:
            found = lpc.resume(found, CONFIG, after(seconds))
        found = lasting(found, seconds)
        assert (found.phase, lpc.demanded_w(found, CONFIG, after(seconds))) == (FREE, None)


@pytest.mark.parametrize(
    ("changes", "ends_s"),
    [
        ({"value_w": 5_999.0}, 900.0),
        ({"duration": timedelta(minutes=9)}, 840.0),
        ({"duration": None}, None),
    ],
)
def test_a_change_of_a_limit_is_a_new_one(changes: dict[str, object], ends_s: float | None) -> None:
    found = lasting(lasting(memory(FREE), 0.0), 300.0, **changes)
    assert until(found) == ends_s
    assert until(lasting(found, 400.0)) == 1_000.0


def test_a_limit_that_was_not_active_in_between_is_a_new_one() -> None:
    found = lasting(lasting(lasting(memory(FREE), 0.0), 300.0, active=False), 310.0)
    assert (found.phase, until(found)) == (LIMITED, 910.0)


def test_a_limit_whose_duration_can_not_be_read_holds_until_it_is_told_and_then_has_its_old_end() -> None:
    found = lasting(lasting(memory(FREE), 0.0), 300.0, duration=None, duration_told=False)
    assert (found.phase, until(found)) == (LIMITED, None)
    found = lpc.resume(found, CONFIG, after(310.0))
    assert until(lasting(found, 320.0)) == 600.0
    over = lasting(lpc.heartbeat(found, CONFIG, after(420.0)), 500.0)
    over = lasting(over, 605.0)
    assert lasting(over, 610.0, duration=None, duration_told=False).phase is FREE
    assert until(lasting(found, 320.0, value_w=5_000.0, duration=None, duration_told=False)) is None


def test_a_limit_that_comes_back_after_the_fail_safe_is_the_same_one() -> None:
    found = lpc.pass_time(lasting(memory(FREE), 0.0), CONFIG, after(130.0))
    assert found.phase is FAILSAFE
    assert until(lasting(found, 200.0)) == 600.0
    assert lasting(found, 700.0).phase is FREE
