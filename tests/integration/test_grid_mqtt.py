"""A grid operator that publishes on a topic, heard through Home Assistant's MQTT with a broker of the test's own."""

from datetime import timedelta
import json
import logging
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_mqtt_message
from pytest_homeassistant_custom_component.typing import MqttMockHAClientGenerator, MqttMockPahoClient

from custom_components.smart_charging.engine.grid.source_state import ClaimReason
from custom_components.smart_charging.engine.grid_view import GridView

from .builders import charger
from .grid_sources import MQTT, demand
from .site_setup import set_up

TOPIC: str = MQTT["topic"]
LIMIT = {"kind": "import_limit", "value": 4.2, "unit": "kW"}
BINDING = {**MQTT, "binding": True, "lost_policy": "failsafe", "failsafe": 3}

pytestmark = pytest.mark.usefixtures("mock_hass_config", "socket_enabled", "unload_at_the_end")


@pytest.fixture
def expected_lingering_timers() -> bool:
    """Let Home Assistant's MQTT client look at its socket each second to the end: the test's broker never closes it."""
    return True


def grid(entry: MockConfigEntry) -> GridView:
    view: GridView = entry.runtime_data.site.grid.view
    return view


async def publish(hass: HomeAssistant, message: object, *, retain: bool = False, topic: str = TOPIC) -> None:
    """Let the broker hand on a message."""
    payload = message if isinstance(message, bytes) else json.dumps(message)
    async_fire_mqtt_message(hass, topic, payload, 1, retain)
    await hass.async_block_till_done()


async def pass_time(entry: MockConfigEntry, freezer: FrozenDateTimeFactory, seconds: float) -> None:
    freezer.tick(timedelta(seconds=seconds))
    entry.runtime_data.site.grid.look()


async def disconnect(hass: HomeAssistant, client: MqttMockPahoClient) -> None:
    client.on_disconnect(client, None, None, _Reason(), None)
    await hass.async_block_till_done()


async def connect(hass: HomeAssistant, client: MqttMockPahoClient) -> None:
    client.on_connect(client, None, 0, _Reason(), None)
    await hass.async_block_till_done()


class _Reason:
    """What a broker says when a connection comes or goes."""

    value = 0
    is_failure = False

    def __eq__(self, other: object) -> bool:
        return other == self.value

    def __hash__(self) -> int:
        return hash(self.value)

    def getName(self) -> str:
        return "Success"


async def mqtt_entry(hass: HomeAssistant) -> MockConfigEntry:
    (entry,) = hass.config_entries.async_entries("mqtt")
    assert isinstance(entry, MockConfigEntry)
    return entry


async def test_a_message_limits_the_chargers_until_it_is_cleared(
    hass: HomeAssistant, mqtt_mock_entry: MqttMockHAClientGenerator, free_port: int, freezer: FrozenDateTimeFactory
) -> None:
    mqtt = await mqtt_mock_entry()
    entry = await set_up(hass, free_port, charger("CP-1"), demand(MQTT, "topic"))
    assert [call.args[0] for call in mqtt.async_subscribe.call_args_list if call.args[0] == TOPIC] == [TOPIC]
    await publish(hass, {**LIMIT, "duration_s": 600})
    view = grid(entry)
    assert (view.active, view.limit_w, view.source_id, view.binding) == (True, 4200.0, "topic", False)
    await publish(hass, {"kind": "block"}, topic="grid/other")
    assert grid(entry).limit_w == 4200.0
    await publish(hass, {"clear": True})
    assert (grid(entry).active, grid(entry).returning) == (False, True)


async def test_a_retained_message_is_taken_at_the_start(
    hass: HomeAssistant, mqtt_mock_entry: MqttMockHAClientGenerator, free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    await mqtt_mock_entry()
    entry = await set_up(hass, free_port, charger("CP-1"), demand(MQTT, "topic"))
    await publish(hass, {**LIMIT, "duration_s": 600}, retain=True)
    assert not grid(entry).active  # it may have been said long ago
    assert "begin_unknown duration_s" in caplog.text
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    await publish(hass, {"signals": [LIMIT]}, retain=True)
    assert grid(entry).limit_w == 4200.0


async def test_what_is_not_understood_changes_nothing_and_is_logged_once(
    hass: HomeAssistant,
    mqtt_mock_entry: MqttMockHAClientGenerator,
    free_port: int,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await mqtt_mock_entry()
    entry = await set_up(hass, free_port, charger("CP-1"), demand(MQTT, "topic", "Aggregator"))
    await publish(hass, LIMIT)
    caplog.clear()
    for _ in range(3):
        await publish(hass, {**LIMIT, "value": 1, "secret": "s3cret"})
    await publish(hass, b"")  # takes a retained message back
    freezer.tick(timedelta(seconds=60))
    await publish(hass, b"\xff\x00")
    freezer.tick(timedelta(seconds=60))
    await publish(hass, b"\xff\x01")
    assert grid(entry).limit_w == 4200.0
    ours = [one.getMessage() for one in caplog.records if one.name.startswith("custom_components.smart_charging")]
    assert [one for one in ours if "not taken" in one] == [
        "A message of the grid signal source Aggregator was not taken: unknown_field secret",
        "A message of the grid signal source Aggregator was not taken: not_json ",
    ]
    assert "s3cret" not in "".join(ours)


async def test_a_broker_that_is_away_for_long_loses_the_source_until_it_is_back(
    hass: HomeAssistant,
    mqtt_mock_entry: MqttMockHAClientGenerator,
    mqtt_client_mock: MqttMockPahoClient,
    free_port: int,
    freezer: FrozenDateTimeFactory,
) -> None:
    await mqtt_mock_entry()
    entry = await set_up(hass, free_port, charger("CP-1"), demand(BINDING, "topic"))
    await publish(hass, {"signals": []})
    await disconnect(hass, mqtt_client_mock)
    await pass_time(entry, freezer, 30)
    await connect(hass, mqtt_client_mock)
    await pass_time(entry, freezer, 600)
    assert not grid(entry).lost
    await disconnect(hass, mqtt_client_mock)
    await pass_time(entry, freezer, 61)
    assert set(grid(entry).lost) == {"topic"}
    assert (grid(entry).limit_w, grid(entry).why) == (3000.0, ClaimReason.FAILSAFE)
    await connect(hass, mqtt_client_mock)
    assert not grid(entry).lost
    assert not grid(entry).active


async def test_a_broker_that_comes_and_goes_does_not_speak_for_a_source_that_never_did(
    hass: HomeAssistant,
    mqtt_mock_entry: MqttMockHAClientGenerator,
    mqtt_client_mock: MqttMockPahoClient,
    free_port: int,
) -> None:
    await mqtt_mock_entry()
    entry = await set_up(hass, free_port, charger("CP-1"), demand({**BINDING, "silent_min": 15}, "topic"))
    assert grid(entry).why is ClaimReason.FAILSAFE
    await disconnect(hass, mqtt_client_mock)
    await connect(hass, mqtt_client_mock)
    assert grid(entry).why is ClaimReason.FAILSAFE
    await publish(hass, {"heartbeat": True})
    assert not grid(entry).active


async def test_what_a_broker_hands_out_again_is_no_sign_of_life_of_a_source_that_fell_silent(
    hass: HomeAssistant,
    mqtt_mock_entry: MqttMockHAClientGenerator,
    mqtt_client_mock: MqttMockPahoClient,
    free_port: int,
    freezer: FrozenDateTimeFactory,
) -> None:
    await mqtt_mock_entry()
    entry = await set_up(hass, free_port, charger("CP-1"), demand({**BINDING, "silent_min": 15}, "topic"))
    await publish(hass, {"signals": []})
    await pass_time(entry, freezer, 16 * 60)
    lost = dict(grid(entry).lost)
    assert set(lost) == {"topic"}
    await disconnect(hass, mqtt_client_mock)
    await pass_time(entry, freezer, 10)
    await connect(hass, mqtt_client_mock)
    await publish(hass, {"signals": []}, retain=True)
    assert (dict(grid(entry).lost), grid(entry).why) == (lost, ClaimReason.FAILSAFE)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    for _ in range(2):
        assert (dict(grid(entry).lost), grid(entry).why) == (lost, ClaimReason.FAILSAFE)
        await publish(hass, {"signals": []}, retain=True)
        await pass_time(entry, freezer, 301)
    assert grid(entry).limit_w == 3000.0
    await publish(hass, {"heartbeat": True})
    assert not grid(entry).lost
    assert not grid(entry).active


async def test_what_a_broker_hands_out_again_does_not_end_a_newer_limit(
    hass: HomeAssistant,
    mqtt_mock_entry: MqttMockHAClientGenerator,
    mqtt_client_mock: MqttMockPahoClient,
    free_port: int,
    freezer: FrozenDateTimeFactory,
) -> None:
    await mqtt_mock_entry()
    entry = await set_up(hass, free_port, charger("CP-1"), demand(BINDING, "topic"))
    await publish(hass, {"clear": True})
    await publish(hass, {**LIMIT, "duration_s": 7200})
    await pass_time(entry, freezer, 60)
    await disconnect(hass, mqtt_client_mock)
    await connect(hass, mqtt_client_mock)
    await publish(hass, {"clear": True}, retain=True)
    assert (grid(entry).active, grid(entry).limit_w) == (True, 4200.0)
    await publish(hass, {"clear": True})
    assert not grid(entry).active


async def test_a_source_that_is_lost_with_the_broker_is_so_after_a_reload_until_that_is_back(
    hass: HomeAssistant,
    mqtt_mock_entry: MqttMockHAClientGenerator,
    mqtt_client_mock: MqttMockPahoClient,
    free_port: int,
    freezer: FrozenDateTimeFactory,
) -> None:
    mqtt = await mqtt_mock_entry()
    entry = await set_up(hass, free_port, charger("CP-1"), demand(BINDING, "topic"))
    await publish(hass, {"signals": []})
    await disconnect(hass, mqtt_client_mock)
    await pass_time(entry, freezer, 61)
    lost = dict(grid(entry).lost)
    mqtt.connected = False
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert (dict(grid(entry).lost), grid(entry).limit_w) == (lost, 3000.0)
    mqtt.connected = True
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert not grid(entry).lost


async def test_mqtt_may_be_set_up_later_and_be_loaded_anew(
    hass: HomeAssistant, mqtt_mock_entry: MqttMockHAClientGenerator, free_port: int, freezer: FrozenDateTimeFactory
) -> None:
    entry = await set_up(hass, free_port, charger("CP-1"), demand(BINDING, "topic"))
    await pass_time(entry, freezer, 61)
    assert set(grid(entry).lost) == {"topic"}
    await mqtt_mock_entry()
    assert not grid(entry).lost
    await publish(hass, LIMIT)
    assert (grid(entry).demanded_w, grid(entry).why) == (4200.0, ClaimReason.STATED)
    other = MockConfigEntry(domain="other")
    other.add_to_hass(hass)
    hass.config_entries.async_update_entry(other, title="Other")  # changes nothing
    assert not grid(entry).lost
    broker = await mqtt_entry(hass)
    assert await hass.config_entries.async_unload(broker.entry_id)
    await hass.async_block_till_done()
    await pass_time(entry, freezer, 61)
    assert (grid(entry).demanded_w, grid(entry).why) == (3000.0, ClaimReason.FAILSAFE)
    assert await hass.config_entries.async_setup(broker.entry_id)
    await hass.async_block_till_done()
    await publish(hass, {"kind": "block"})
    assert (grid(entry).demanded_w, grid(entry).why) == (0.0, ClaimReason.STATED)


async def test_another_topic_is_listened_to_in_place_of_the_old_one(
    hass: HomeAssistant, mqtt_mock_entry: MqttMockHAClientGenerator, free_port: int
) -> None:
    await mqtt_mock_entry()
    entry = await set_up(hass, free_port, charger("CP-1"), demand(MQTT, "topic"))
    data: dict[str, Any] = {**entry.subentries["topic"].data, "topic": "grid/new"}
    hass.config_entries.async_update_subentry(entry, entry.subentries["topic"], data=data)
    await hass.async_block_till_done()
    await publish(hass, LIMIT)
    assert not grid(entry).active
    await publish(hass, LIMIT, topic="grid/new")
    assert grid(entry).active
    hass.config_entries.async_remove_subentry(entry, "topic")
    await hass.async_block_till_done()
    await publish(hass, {"kind": "block"}, topic="grid/new")
    assert not grid(entry).active
    assert grid(entry).limit_w != 0.0


async def test_after_the_site_has_ended_nothing_is_listened_to(
    hass: HomeAssistant,
    mqtt_mock_entry: MqttMockHAClientGenerator,
    free_port: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await mqtt_mock_entry()
    entry = await set_up(hass, free_port, charger("CP-1"), demand(MQTT, "topic"))
    await hass.config_entries.async_unload(entry.entry_id)
    await publish(hass, LIMIT)
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []
    assert not hass.data["mqtt"].client.is_active_subscription(TOPIC)
