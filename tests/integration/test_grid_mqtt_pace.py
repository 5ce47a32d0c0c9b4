"""A grid operator that publishes more than anybody can want: Home Assistant is not held up, and its last word counts."""

from datetime import timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import MqttMockHAClientGenerator

from custom_components.smart_charging.engine.grid.json_messages import MOST_BYTES

from .builders import charger
from .grid_sources import MQTT, demand
from .site_setup import set_up
from .test_grid_mqtt import LIMIT, expected_lingering_timers, grid, publish  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("mock_hass_config", "socket_enabled", "unload_at_the_end")


@pytest.fixture
async def entry(
    hass: HomeAssistant, mqtt_mock_entry: MqttMockHAClientGenerator, free_port: int, freezer: FrozenDateTimeFactory
) -> MockConfigEntry:
    """Return a running site that hears a topic, at a time that stands still."""
    freezer.move_to("2026-06-01T10:00:00Z")
    await mqtt_mock_entry()
    return await set_up(hass, free_port, charger("CP-1"), demand(MQTT, "topic", "Aggregator"))


async def wait(hass: HomeAssistant, freezer: FrozenDateTimeFactory, seconds: float) -> None:
    freezer.tick(timedelta(seconds=seconds))
    async_fire_time_changed(hass, dt_util.utcnow())
    await hass.async_block_till_done()


def logged(caplog: pytest.LogCaptureFixture, words: str) -> list[str]:
    return [one.getMessage() for one in caplog.records if words in one.getMessage()]


async def test_of_too_many_messages_the_last_one_counts_as_soon_as_there_is_room(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    for kilowatts in range(5, 45):
        await publish(hass, {**LIMIT, "value": kilowatts})
    assert grid(entry).demanded_w == 14_000.0  # ten at once
    await publish(hass, {**LIMIT, "value": 4.2})
    await publish(hass, {"clear": True})
    assert grid(entry).active
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=0.2))  # before there is room
    await hass.async_block_till_done()
    assert grid(entry).active
    await wait(hass, freezer, 0.3)
    assert not grid(entry).active
    assert grid(entry).returning
    told = "More than 10 messages a second come from the grid signal source Aggregator: of these the newest counts"
    assert logged(caplog, "messages a second") == [told]
    await wait(hass, freezer, 10)
    await publish(hass, LIMIT)
    assert grid(entry).demanded_w == 4_200.0
    assert len(await entry.runtime_data.ledger.grid_proof.records(limit=100)) < 15


async def test_a_last_word_that_waits_is_taken_when_the_site_ends(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    for _ in range(20):
        await publish(hass, LIMIT)
    await publish(hass, {"kind": "block"})
    assert grid(entry).demanded_w == 4_200.0
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert grid(entry).demanded_w == 0.0


async def test_what_is_wrong_floods_no_log_and_is_told_in_few_words(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(60):
        await publish(hass, {f"{number} {'x' * 10_000}": 1})
        await wait(hass, freezer, 0.9)
    (line,) = logged(caplog, "was not taken")
    assert len(line) < 140
    assert logged(caplog, "messages a second") == []
    await wait(hass, freezer, 10)
    await publish(hass, {"other": 1})
    assert [one.rpartition(" ")[2] for one in logged(caplog, "was not taken")][1:] == ["other"]


async def test_messages_that_come_too_fast_for_long_are_told_once_a_minute(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        for _ in range(15):
            await publish(hass, LIMIT)
        await wait(hass, freezer, 25)
    assert len(logged(caplog, "messages a second")) == 1
    for _ in range(15):
        await publish(hass, LIMIT)
    assert len(logged(caplog, "messages a second")) == 2


async def test_of_a_message_that_is_too_large_no_more_waits_than_shows_that(
    hass: HomeAssistant, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    await publish(hass, b" " * 10 * MOST_BYTES)
    assert len(logged(caplog, "too_large")) == 1
    await publish(hass, b'{"kind": "block"}'.ljust(MOST_BYTES))
    assert grid(entry).demanded_w == 0.0
