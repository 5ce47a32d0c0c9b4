"""A clock that was set back, or that is behind at the start: limits hold, and what is lost is noticed as soon as ever."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from custom_components.smart_charging.engine.grid import lpc
from custom_components.smart_charging.engine.grid.fresh_readings import due_readings
from custom_components.smart_charging.engine.grid.grid_room import GridDecision, resume, without_memory
from custom_components.smart_charging.engine.grid.lpc import LpcMemory, LpcPhase
from custom_components.smart_charging.engine.grid.memory import from_json, to_json
from custom_components.smart_charging.engine.grid.openadr_memory import VenMemory
from custom_components.smart_charging.engine.grid.openadr_ven import Ven
from custom_components.smart_charging.engine.grid.source import (
    HeartbeatSeen,
    InputKind,
    LimitStated,
    NumberSeen,
    SignalAdded,
    SignalsCleared,
    SourceConfig,
    SourceHeard,
    SourceUnavailable,
)
from custom_components.smart_charging.engine.grid.source_state import ClaimReason
from custom_components.smart_charging.engine.grid.verification import ActionKind, Measured
from tests.manual_clock import ManualClock

from .builders import KEY, NOW, Room, after, charger, click, eebus, messages, relay, signal
from .conftest import Home, poll
from .vtn import Vtn

HOUR_S = 3_600.0
NUMBER = SourceConfig(source_id="number", input=InputKind.NUMBER, release_s=0.0)


def dimmed() -> Room:
    """Return a room whose relay has been closed for ten seconds, after it was open."""
    room = Room(relay(release_s=0.0), devices=(charger(),))
    room.tell(click(False))
    room.now = after(10.0)
    room.tell(click(True, room.now))
    assert held_w(room.wait(10.0)) == 4_200.0
    return room


def held_w(decision: GridDecision) -> float | None:
    return decision.binding_w


@pytest.mark.parametrize("back_s", [10.2, 60.0, HOUR_S, 9_000_000.0])
def test_a_closed_contact_goes_on_to_limit_when_the_clock_is_set_back(back_s: float) -> None:
    room = dimmed()
    assert held_w(room.wait(-back_s)) == 4_200.0
    assert held_w(room.tell(click(True, room.now))) == 4_200.0
    assert held_w(room.wait(0.2)) == 4_200.0
    room.tell(click(False, room.now))
    assert held_w(room.wait(0.4)) == 4_200.0
    assert held_w(room.wait(0.1)) is None


@pytest.mark.parametrize("back_s", [30.0, HOUR_S])
def test_a_closed_contact_limits_on_a_host_that_starts_behind_its_true_time(back_s: float) -> None:
    room = dimmed()
    room.now = after(20.0 - back_s)
    room.state = resume(room.config, from_json(to_json(room.state)), room.now)
    assert held_w(room.tell()) == 4_200.0
    assert held_w(room.wait(59.0)) == 4_200.0


def test_a_relay_that_went_is_lost_a_minute_after_the_clock_was_set_back() -> None:
    room = Room(relay(release_s=0.0))
    room.tell(click(False))
    room.tell(SourceUnavailable("relay", NOW))
    decision = room.wait(-HOUR_S)
    assert decision.next_at == after(60.0 - HOUR_S)
    assert room.wait(59.0).lost == {}
    assert held_w(room.wait(1.0)) == 4_200.0


def test_who_has_to_speak_is_lost_after_its_silence_when_the_clock_was_set_back() -> None:
    room = Room(messages(silent_s=600.0))
    room.tell(SourceHeard("message", NOW))
    room.wait(-HOUR_S)
    assert set(room.wait(600.0).lost) == {"message"}


def test_who_is_not_heard_after_a_start_is_lost_when_the_clock_is_set_back_then() -> None:
    room = Room(NUMBER)
    room.tell(NumberSeen("number", NOW, 9_000.0))
    room.state = resume(room.config, room.state, NOW)
    room.wait(-HOUR_S)
    assert room.wait(59.0).lost == {}
    assert set(room.wait(1.0).lost) == {"number"}


def test_what_was_kept_and_could_not_be_read_is_distrusted_for_two_hours_at_most() -> None:
    room = Room(messages(binding=True, policy=None))
    room.state = without_memory(room.config, NOW)
    room.wait(-50 * HOUR_S)
    assert set(room.wait(7_199.0).lost) == {"message"}
    assert room.wait(1.0).lost == {}


def limited(duration: timedelta | None = None) -> Room:
    """Return a room whose bridge limits, and lived a minute ago."""
    room = Room(eebus(release_s=0.0))
    room.tell(HeartbeatSeen("eebus", NOW), LimitStated("eebus", NOW, 6_000.0, duration=duration))
    assert held_w(room.wait(60.0)) == 6_000.0
    return room


def test_a_bridge_without_a_heartbeat_falls_to_its_fail_safe_when_the_clock_was_set_back() -> None:
    room = limited()
    room.wait(-HOUR_S)
    assert held_w(room.wait(119.0)) == 6_000.0
    decision = room.wait(1.0)
    assert (held_w(decision), decision.held[0].demand.why) == (4_200.0, ClaimReason.FAILSAFE)
    assert held_w(room.wait(7_199.0)) == 4_200.0
    assert held_w(room.wait(1.0)) is None


def test_a_fail_safe_that_was_running_lasts_no_longer_than_its_time_when_the_clock_is_set_back() -> None:
    room = limited()
    room.wait(200.0)
    assert held_w(room.wait(-10 * HOUR_S)) == 4_200.0
    assert held_w(room.wait(7_200.0)) is None


def test_a_limit_from_before_the_heartbeat_was_lost_is_no_new_one_after_the_clock_was_set_back() -> None:
    room = limited()
    room.wait(200.0)
    room.wait(-HOUR_S)
    assert held_w(room.tell(HeartbeatSeen("eebus", room.now))) == 4_200.0
    assert held_w(room.tell(LimitStated("eebus", room.now, 6_000.0))) == 6_000.0


def test_a_limit_for_a_time_lasts_that_time_when_the_clock_is_set_back() -> None:
    room = limited(timedelta(minutes=10))
    room.tell(HeartbeatSeen("eebus", room.now))
    room.wait(-HOUR_S)
    for _ in range(8):
        room.now += timedelta(seconds=60)
        assert held_w(room.tell(HeartbeatSeen("eebus", room.now))) == 6_000.0
    room.wait(61.0)
    assert held_w(room.tell()) is None


def test_a_limit_for_a_time_ends_as_it_was_to_on_a_host_that_starts_behind_its_true_time() -> None:
    room = limited(timedelta(minutes=10))
    room.now = after(-HOUR_S)
    room.state = resume(room.config, room.state, room.now)
    told = HeartbeatSeen("eebus", room.now), LimitStated("eebus", room.now, 6_000.0, duration=timedelta(minutes=10))
    room.tell(*told)
    room.now = after(599.0)  # the network told the time
    assert held_w(room.tell(HeartbeatSeen("eebus", room.now))) is not None


@pytest.mark.parametrize("phase", LpcPhase)
@pytest.mark.parametrize("move", [lpc.pass_time, lpc.resume])
def test_no_moment_of_the_machine_stays_in_the_future(phase: LpcPhase, move: Callable[..., LpcMemory]) -> None:
    config = lpc.LpcConfig(4_200.0)
    found = LpcMemory(
        phase, after(9_000.0), after(8_000.0), after(9_030.0), lpc.LpcLimit(5_000.0, True, after(9_010.0))
    )
    moved = move(found, config, NOW)
    assert moved.limit is not None
    assert moved.heartbeat_at is not None
    assert max(moved.since, moved.started_at, moved.heartbeat_at, moved.limit.stated_at) <= NOW


def test_power_returns_in_its_five_minutes_when_the_clock_is_set_back() -> None:
    room = Room(messages(), devices=(charger(), charger("CP2")))
    room.tell(SignalAdded("message", NOW, signal()))
    room.tell(SignalsCleared("message", NOW))
    room.wait(-HOUR_S)
    assert held_w(room.wait(299.0)) is not None
    assert held_w(room.wait(1.0)) is None


def test_a_charger_that_does_not_obey_is_taken_down_when_the_clock_was_set_back() -> None:
    room = Room(messages(), devices=(charger(),))
    room.tell(SignalAdded("message", NOW, signal()))
    told = NOW
    room.wait(300.0, Measured({KEY: 5_000.0}, {KEY: 5_000.0}, told))
    disobeys = Measured({KEY: 5_000.0}, {KEY: 11_000.0}, told)
    assert room.wait(-HOUR_S, disobeys).actions == ()
    found = [one.kind for _ in range(20) for one in room.wait(1.0, disobeys).actions]
    assert found == [ActionKind.LOWER]


def test_a_charger_is_asked_to_measure_when_the_clock_was_set_back() -> None:
    later = after(HOUR_S)
    assert due_readings([NOW], {KEY: later}, {KEY: later}, after(8.0)) == (KEY,)
    assert due_readings([NOW], {KEY: None}, {KEY: after(8.0)}, after(8.0)) == ()


async def test_a_server_is_asked_at_once_and_can_be_lost_when_the_clock_was_set_back(
    make_ven: Callable[..., Ven], vtn: Vtn, clock: ManualClock
) -> None:
    ven = make_ven(lost_after=timedelta(minutes=30))
    state = await poll(ven)
    assert state.last_heard == clock.now()
    await vtn.stop()
    clock.set_back(HOUR_S)
    ven.follow_clock()
    assert ven.state().next_attempt == clock.now()
    assert (await poll(ven)).lost is False
    await clock.advance(1_801.0)
    assert ven.state().lost
    await vtn.start()


async def test_a_server_that_was_heard_in_the_future_can_be_lost_after_a_start(
    make_ven: Callable[..., Ven], clock: ManualClock
) -> None:
    ven = make_ven(VenMemory(last_heard=clock.now() + timedelta(days=1)), lost_after=timedelta(minutes=30))
    assert not ven.state().lost
    await clock.advance(1_800.0)
    assert ven.state().lost


async def test_polls_go_on_when_the_clock_was_set_back(make_home: Callable[..., Home], clock: ManualClock) -> None:
    home = make_home(poll_interval=timedelta(minutes=5))
    home.runner.start()
    await home.told(1)
    clock.set_back(HOUR_S)
    await clock.advance(400.0)
    await home.told(2)
