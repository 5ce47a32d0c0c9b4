"""A VEN at work in an event loop: it polls by itself, wakes for notifications, and tells when the server is lost."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import timedelta
import sys

import pytest

from custom_components.smart_charging.engine.grid.openadr_http import VenProblem
from custom_components.smart_charging.engine.grid.openadr_notifications import Notification
from tests.engine.grid.conftest import SECRET, Home, with_limit
from tests.engine.grid.mqtt_broker import Broker
from tests.engine.grid.vtn import Vtn
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
