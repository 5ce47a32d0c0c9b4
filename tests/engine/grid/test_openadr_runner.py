"""A VEN at work in an event loop: it polls by itself, wakes for notifications, and tells when the server is lost."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from datetime import timedelta
import sys
import threading

import pytest

from custom_components.smart_charging.engine.grid.openadr_client import VtnClient
from custom_components.smart_charging.engine.grid.openadr_http import VenProblem
from custom_components.smart_charging.engine.grid.openadr_notifications import Notification
from tests.engine.grid.conftest import SECRET, Home, with_limit
from tests.engine.grid.events import at
from tests.engine.grid.mqtt_broker import Broker
from tests.engine.grid.vtn import Vtn, limit_interval, period
from tests.manual_clock import ManualClock

TOPIC = "OpenADR/3.1.0/vens/ven-1/events/+"


@pytest.fixture
async def broker(vtn: Vtn) -> AsyncGenerator[Broker]:
    broker = Broker()
    await broker.start()
    vtn.notifiers["MQTT"] = {
        "URIS": ["mqtt://broker.example.com", f"mqtt://127.0.0.1:{broker.port}"],
        "serialization": "JSON",
        "authentication": {"method": "ANONYMOUS"},
    }
    topics = {"CREATE": "c", "UPDATE": "u", "DELETE": "d", "ALL": TOPIC}
    vtn.topics["events"] = topics
    yield broker
    await broker.stop()


async def test_it_polls_at_once_and_each_minute(vtn: Vtn, make_home: Callable[..., Home], clock: ManualClock) -> None:
    home = make_home()
    home.runner.start()
    assert (await home.told(1)).signals() == ()
    with_limit(vtn, 11)
    await clock.advance(59, settle=0.1)
    assert len(home.states) == 1
    await clock.advance(1)
    assert [signal.value for signal in (await home.told(2)).signals()] == [11_000]


async def test_it_polls_when_asked(vtn: Vtn, make_home: Callable[..., Home], clock: ManualClock) -> None:
    home = make_home()
    home.runner.start()
    await home.told(1)
    home.runner.poll_now()
    await asyncio.sleep(0.01)
    await clock.advance(2)
    await home.told(2)


async def test_the_moment_of_loss_is_told_between_two_polls(
    vtn: Vtn, make_home: Callable[..., Home], clock: ManualClock
) -> None:
    home = make_home(lost_after=timedelta(minutes=10))
    home.runner.start()
    assert not (await home.told(1)).lost
    await vtn.stop()
    attempts = [60, 70, 90, 130, 210, 370]
    for number, second in enumerate(attempts):
        await clock.advance(second - clock.monotonic())
        await home.told(number + 2)
    await clock.advance(599 - clock.monotonic(), settle=0.1)
    assert [state.lost for state in home.states] == [False] * 7
    await clock.advance(1)
    lost = await home.told(8)
    assert (lost.lost, lost.failures) == (True, 6)
    await clock.advance(690 - clock.monotonic())
    assert (await home.told(9)).failures == 7


async def test_an_outage_is_waited_out_and_recovered_from(
    vtn: Vtn, make_home: Callable[..., Home], clock: ManualClock
) -> None:
    with_limit(vtn, 11)
    home = make_home()
    home.runner.start()
    await home.told(1)
    await vtn.stop()
    await clock.advance(60)
    assert (await home.told(2)).problem is VenProblem.UNREACHABLE
    await vtn.start()
    await clock.advance(10)
    state = await home.told(3)
    assert (state.problem, [signal.value for signal in state.signals()]) == (None, [11_000])


async def test_stop_ends_it_and_start_again_is_harmless(
    vtn: Vtn, make_home: Callable[..., Home], clock: ManualClock
) -> None:
    home = make_home()
    home.runner.start()
    home.runner.start()
    await home.told(1)
    await home.runner.stop()
    await clock.advance(600, settle=0.1)
    assert len(home.states) == 1
    await home.runner.stop()


# Polls that hang, and what time alone changes

only_one = pytest.mark.parametrize("version", ["3.1.0"], indirect=True)


class Hanging:
    """Lists of events that do not come before they are let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Hang nothing yet."""
        self.hangs = False
        self.asked = 0
        self.go_on = threading.Event()
        honest = VtnClient.events

        def events(client: VtnClient, program_id: str | None) -> list[object]:
            self.asked += 1
            if self.hangs:
                self.go_on.wait(20)
            return honest(client, program_id)

        monkeypatch.setattr(VtnClient, "events", events)


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Generator[Hanging]:
    hanging = Hanging(monkeypatch)
    yield hanging
    hanging.go_on.set()


@only_one
async def test_a_poll_that_hangs_is_told_as_a_failure_and_as_another_one_as_long_as_it_does(
    vtn: Vtn, make_home: Callable[..., Home], clock: ManualClock, hanging: Hanging, caplog: pytest.LogCaptureFixture
) -> None:
    with_limit(vtn, 11)
    home = make_home(lost_after=timedelta(minutes=10))
    home.runner.start()
    await home.told(1)
    hanging.hangs = True
    await clock.advance(60)
    await home.until(lambda: hanging.asked == 2)
    await clock.advance(299)
    assert len(home.states) == 1
    await clock.advance(1)
    state = await home.told(2)
    assert (state.problem, state.failures, state.lost) == (VenProblem.TIMEOUT, 1, False)
    await clock.advance(240)  # ten minutes after it was heard
    state = await home.told(3)
    assert (state.problem, state.failures, state.lost) == (VenProblem.TIMEOUT, 1, True)
    await clock.advance(60)
    state = await home.told(4)
    assert (state.problem, state.failures, state.lost) == (VenProblem.TIMEOUT, 2, True)
    assert [signal.value for signal in state.signals()] == [11_000]
    assert hanging.asked == 2
    hanging.hangs = False
    hanging.go_on.set()
    await home.told(5)
    state = home.states[4]  # the next poll is overdue, and may have ended by now
    assert (state.problem, state.failures, state.lost) == (VenProblem.TIMEOUT, 1, True)  # of the whole round
    await home.told(6)
    state = home.states[5]
    assert (state.problem, state.failures, state.lost) == (None, 0, False)
    assert caplog.text.count("does not end") == 1


@only_one
async def test_stop_does_not_wait_for_a_poll_that_hangs(
    vtn: Vtn, make_home: Callable[..., Home], clock: ManualClock, hanging: Hanging
) -> None:
    hanging.hangs = True
    home = make_home()
    home.runner.start()
    await home.until(lambda: hanging.asked == 1)
    await home.runner.stop()
    assert not hanging.go_on.is_set()
    await clock.advance(900)
    assert home.states == []


@only_one
async def test_what_comes_next_is_told_as_time_goes_on_while_the_server_is_away(
    vtn: Vtn, make_home: Callable[..., Home], clock: ManualClock
) -> None:
    minutes = [limit_interval(11, number) for number in range(450)]
    vtn.add_event(vtn.add_program(), minutes, intervalPeriod=period("2026-06-01T10:00:00Z", "PT1M"))
    home = make_home(poll_interval=timedelta(hours=1), lost_after=timedelta(hours=5))
    home.runner.start()
    state = await home.told(1)
    assert (len(state.ahead.signals), state.ahead.until) == (300, at(15))
    await vtn.stop()
    assert state.next_attempt == at(11)
    for _ in range(10):  # until all are told
        await clock.advance(1_800, settle=0.05)
        assert home.states[-1].ahead.until is None or home.states[-1].ahead.until > clock.now()
        if home.states[-1].ahead.until is None:
            break
    assert home.states[-1].problem is VenProblem.UNREACHABLE
    assert home.states[-1].ahead.signals[-1].valid_until == at(17.5)


@only_one
async def test_what_comes_next_is_told_between_two_polls(
    vtn: Vtn, make_home: Callable[..., Home], clock: ManualClock
) -> None:
    seconds = [limit_interval(11, number) for number in range(1_000)]
    vtn.add_event(vtn.add_program(), seconds, intervalPeriod=period("2026-06-01T10:00:00Z", "PT1S"))
    home = make_home(poll_interval=timedelta(hours=1), lost_after=timedelta(hours=5))
    home.runner.start()
    await home.told(1)
    await clock.advance(149)
    assert len(home.states) == 1
    await clock.advance(1)
    state = await home.told(2)
    assert (state.ahead.until, state.last_attempt) == (at(10) + timedelta(seconds=450), at(10))


# Notifications

only_3_1 = pytest.mark.parametrize("version", ["3.1.0"], indirect=True)


@only_3_1
async def test_a_notification_makes_it_poll_without_being_believed(
    vtn: Vtn, make_home: Callable[..., Home], clock: ManualClock, broker: Broker
) -> None:
    home = make_home()
    home.runner.start()
    await home.until(lambda: home.runner.notifications is Notification.CONNECTED and bool(broker.topics))
    assert broker.topics == [TOPIC]
    await clock.advance(2)  # the connection itself is a reason to look
    await home.told(2)
    with_limit(vtn, 11)
    broker.publish("OpenADR/3.1.0/vens/ven-1/events/create", b'{"object": {"intervals": "nonsense"}}')
    await asyncio.sleep(0.1)
    await clock.advance(2)
    assert [signal.value for signal in (await home.told(3)).signals()] == [11_000]
    assert clock.monotonic() == 4


@only_3_1
async def test_the_topics_for_this_ven_go_before_those_for_all(
    vtn: Vtn, make_home: Callable[..., Home], broker: Broker
) -> None:
    vtn.vens.append({"id": "ven-7", "venName": "home"})
    vtn.topics["vens/ven-7/events"] = {"CREATE": "mine/c", "UPDATE": "mine/u", "DELETE": "mine/d"}
    home = make_home()
    home.runner.start()
    await home.until(lambda: bool(broker.topics))
    assert broker.topics == ["mine/c", "mine/u", "mine/d"]


@only_3_1
async def test_a_broker_that_wants_the_access_token_gets_it(
    vtn: Vtn, make_home: Callable[..., Home], broker: Broker
) -> None:
    vtn.client_secret = SECRET
    vtn.notifiers["MQTT"]["authentication"] = {"method": "OAUTH2_BEARER_TOKEN", "username": "{clientID}"}
    home = make_home()
    home.runner.start()
    await home.until(lambda: home.runner.notifications is Notification.CONNECTED)
    assert broker.logins == [("ven-client", next(iter(vtn.tokens)))]


@only_3_1
@pytest.mark.parametrize(
    ("notifiers", "status"),
    [
        ({"WEBHOOK": True}, Notification.NOT_OFFERED),
        (
            {"MQTT": {"URIS": ["mqtts://127.0.0.1"], "authentication": {"method": "CERTIFICATE"}}},
            Notification.NOT_USABLE,
        ),
        (
            {"MQTT": {"URIS": ["mqtt://mqtt.example.com"], "authentication": {"method": "ANONYMOUS"}}},
            Notification.NOT_USABLE,
        ),
        ({"MQTT": {"URIS": "x", "authentication": {"method": "ANONYMOUS"}}}, Notification.NOT_USABLE),
        ({"MQTT": {"URIS": ["http://127.0.0.1"], "authentication": {"method": "ANONYMOUS"}}}, Notification.NOT_USABLE),
        (
            {"MQTT": {"URIS": ["mqtts://127.0.0.1"], "authentication": {"method": "OAUTH2_BEARER_TOKEN"}}},
            Notification.NOT_USABLE,
        ),
        (
            {"MQTT": {"URIS": ["mqtts://127.0.0.1"], "authentication": {"method": "ANONYMOUS"}}},
            Notification.NOT_OFFERED,
        ),
    ],
)
async def test_without_a_broker_that_is_safe_for_us_it_polls(
    vtn: Vtn, make_home: Callable[..., Home], notifiers: dict[str, object], status: Notification
) -> None:
    vtn.notifiers = notifiers
    home = make_home()
    home.runner.start()
    assert (await home.told(1)).problem is None
    assert home.runner.notifications is status


@only_3_1
async def test_without_the_mqtt_library_it_polls(
    vtn: Vtn, make_home: Callable[..., Home], broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    home = make_home()
    home.runner.start()
    assert (await home.told(1)).problem is None
    assert home.runner.notifications is Notification.NO_LIBRARY


@only_3_1
async def test_a_broker_that_does_not_let_us_in_costs_nothing_but_the_hints(
    vtn: Vtn, make_home: Callable[..., Home], broker: Broker
) -> None:
    broker.password = "another"
    home = make_home()
    home.runner.start()
    await home.until(lambda: bool(broker.logins))
    assert (await home.told(1)).problem is None
    assert home.runner.notifications is Notification.CONNECTING


@only_3_1
async def test_a_broker_that_went_away_is_come_back_to(
    vtn: Vtn, make_home: Callable[..., Home], broker: Broker
) -> None:
    home = make_home()
    home.runner.start()
    await home.until(lambda: bool(broker.topics))
    await broker.stop()
    await home.until(lambda: home.runner.notifications is Notification.CONNECTING)
    await broker.start()
    await home.until(lambda: home.runner.notifications is Notification.CONNECTED)


@pytest.mark.parametrize("version", ["3.0.1"], indirect=True)
async def test_a_server_of_3_0_1_is_not_asked_for_notifications(vtn: Vtn, make_home: Callable[..., Home]) -> None:
    home = make_home()
    home.runner.start()
    await home.told(1)
    assert vtn.count("GET notifiers") == 0


@only_3_1
async def test_notifications_do_not_hurry_a_server_in_trouble(
    vtn: Vtn, make_home: Callable[..., Home], clock: ManualClock, broker: Broker
) -> None:
    home = make_home()
    home.runner.start()
    await home.until(lambda: bool(broker.topics))
    await clock.advance(2)
    await home.told(2)
    vtn.trouble.status = 503
    await clock.advance(60)
    assert (await home.told(3)).problem is VenProblem.SERVER
    broker.publish("x", b"")
    await asyncio.sleep(0.1)
    await clock.advance(9, settle=0.1)
    assert len(home.states) == 3
    await clock.advance(1)
    await home.told(4)
