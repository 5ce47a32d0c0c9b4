"""Setting up a webhook or a topic by which the grid operator's demands arrive."""

from collections.abc import Mapping
import json
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import translation
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import MqttMockHAClientGenerator

from custom_components.smart_charging.engine.grid.json_messages import MessageSource, RefusedMessage, read_message
from custom_components.smart_charging.engine.grid.signal import SignalScope
from custom_components.smart_charging.engine.grid.source import InputKind, LostPolicy, SourceConfig
from custom_components.smart_charging.engine.limit import OwnPower
from custom_components.smart_charging.engine.model import EvseKey
from custom_components.smart_charging.grid_settings import grid_sources, source_config

from .builders import charger, site_entry
from .flow_steps import add_part, submit_part, suggested
from .grid_sources import MQTT, WEBHOOK, demand

pytestmark = pytest.mark.usefixtures("no_setup")


@pytest.fixture
def entry(hass: HomeAssistant) -> MockConfigEntry:
    """Return a site with a charger, in a Home Assistant that knows webhooks and its own address."""
    hass.config.components.add("webhook")
    hass.config.internal_url = "http://192.0.2.1:8123"
    hass.config.external_url = "https://home.example"
    entry = site_entry(9000, [charger("CP-1")])
    entry.add_to_hass(hass)
    return entry


@pytest.fixture
def expected_lingering_timers() -> bool:
    """Let Home Assistant's MQTT client look at its socket each second to the end: no broker ever closes it."""
    return True


@pytest.fixture
async def mqtt(mock_hass_config: None, mqtt_mock_entry: MqttMockHAClientGenerator) -> None:
    """Have MQTT set up."""
    await mqtt_mock_entry()


async def page(hass: HomeAssistant, entry: MockConfigEntry, preset: str) -> dict[str, Any]:
    """Get to the page of a preset."""
    return await submit_part(hass, await add_part(hass, entry, "grid_signal"), {"preset": preset})


def typed(form: Mapping[str, Any], data: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return what a user types on a form, with what it has no field for left out."""
    fields = {str(marker) for marker in form["data_schema"].schema}
    return {key: value for key, value in {"name": "Grid", **data, **changes}.items() if key in fields}


def the_source(entry: MockConfigEntry) -> SourceConfig:
    """Return the one source of a site."""
    (subentry,) = grid_sources(entry).values()
    return source_config(entry, subentry)


async def add_webhook(hass: HomeAssistant, entry: MockConfigEntry, **changes: Any) -> dict[str, Any]:
    """Submit the page of a webhook; return the page that shows its address."""
    form = await page(hass, entry, "webhook")
    assert (form["step_id"], form["errors"]) == ("webhook", {})
    return await submit_part(hass, form, typed(form, WEBHOOK, **changes))


async def test_a_webhook_is_made_with_an_address_that_is_shown(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    shown = await add_webhook(hass, entry, silent_min=15, binding=True, lost_policy="failsafe", failsafe=3)
    assert (shown["type"], shown["step_id"]) == (FlowResultType.FORM, "webhook_url")
    assert not grid_sources(entry)
    result = await submit_part(hass, shown, {})
    assert (result["type"], result["title"]) == (FlowResultType.CREATE_ENTRY, "Grid")
    (subentry,) = grid_sources(entry).values()
    secret = subentry.data["webhook_id"]
    assert shown["description_placeholders"]["url"] == f"http://192.0.2.1:8123/api/webhook/{secret}"
    assert len(secret) == 64
    assert subentry.data["local_only"] is True
    source = the_source(entry)
    assert (source.input, source.scope, source.binding, source.own_power) == (
        InputKind.MESSAGES, SignalScope.CONTROLLABLE, True, OwnPower.AFTER_OTHER_LOAD,
    )  # fmt: skip
    assert (source.silent_s, source.lost_policy, source.failsafe) == (900.0, LostPolicy.FAILSAFE, 3000.0)


async def test_the_example_that_is_shown_can_be_sent_as_it_is(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    shown = await add_webhook(hass, entry)
    await submit_part(hass, shown, {})
    body = shown["description_placeholders"]["example"].encode()
    assert json.loads(body)["signals"][0]["value"] == 4.2
    (subentry,) = grid_sources(entry).values()
    found = read_message(body, MessageSource(source_config(entry, subentry)), dt_util.utcnow())
    assert not isinstance(found, RefusedMessage)


async def test_a_caller_on_the_internet_is_told_the_outer_address(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    shown = await add_webhook(hass, entry, local_only=False)
    assert shown["description_placeholders"]["url"].startswith("https://home.example/api/webhook/")


async def test_where_home_assistant_knows_no_address_the_path_is_shown(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    hass.config.internal_url = None
    hass.config.api = None
    shown = await add_webhook(hass, entry)
    assert shown["description_placeholders"]["url"].startswith("/api/webhook/")


@pytest.mark.parametrize("new", [False, True])
async def test_a_webhook_keeps_its_address_unless_a_new_one_is_wanted(hass: HomeAssistant, new: bool) -> None:
    hass.config.components.add("webhook")
    entry = site_entry(9000, [charger("CP-1"), demand(WEBHOOK, "hook", "Aggregator")])
    entry.add_to_hass(hass)
    form = dict(await entry.start_subentry_reconfigure_flow(hass, "hook"))
    assert suggested(form)["name"] == "Aggregator"
    shown = await submit_part(hass, form, {**suggested(form), "place": "sub_CP-1", "new_address": new})
    result = await submit_part(hass, shown, {})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    data = dict(entry.subentries["hook"].data)
    assert (data["webhook_id"] != WEBHOOK["webhook_id"]) is new
    assert shown["description_placeholders"]["url"].endswith(data["webhook_id"])
    assert {**data, "webhook_id": ""} == {**WEBHOOK, "place": "sub_CP-1", "webhook_id": ""}
    assert the_source(entry).evse == EvseKey("CP-1", 1)


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"place": "site", "lost_policy": "failsafe"}, {"failsafe": "failsafe_missing"}),
        ({"name": " "}, {"name": "name_missing"}),
    ],
)
async def test_a_webhook_that_can_not_be_is_refused(
    hass: HomeAssistant, entry: MockConfigEntry, changes: dict[str, Any], errors: dict[str, str]
) -> None:
    result = await add_webhook(hass, entry, **changes)
    assert (result["step_id"], result["errors"]) == ("webhook", errors)
    assert not grid_sources(entry)


@pytest.mark.parametrize(("preset", "data"), [("webhook", WEBHOOK), ("mqtt", MQTT)])
async def test_without_what_brings_messages_the_page_says_so_and_keeps_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, preset: str, data: Mapping[str, Any]
) -> None:
    hass.config.components.remove("webhook")
    form = await page(hass, entry, preset)
    assert (form["step_id"], form["errors"]) == (preset, {"base": f"{preset}_missing"})
    result = await submit_part(hass, form, typed(form, data))
    assert result["errors"] == {"base": f"{preset}_missing"}
    assert not grid_sources(entry)


@pytest.mark.usefixtures("mqtt")
async def test_a_topic_is_listened_to(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await page(hass, entry, "mqtt")
    assert (form["step_id"], form["errors"], form["last_step"]) == ("mqtt", {}, True)
    result = await submit_part(hass, form, typed(form, MQTT, place="site", lost_policy="hold"))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    (subentry,) = grid_sources(entry).values()
    assert dict(subentry.data) == {**MQTT, "place": "site", "lost_policy": "hold"}
    source = the_source(entry)
    assert (source.scope, source.silent_s, source.lost_policy) == (SignalScope.SITE, None, LostPolicy.HOLD)


@pytest.mark.usefixtures("mqtt")
@pytest.mark.parametrize("topic", ["grid/+/limit", "grid/#", "grid/\x00", ""])
async def test_what_is_no_topic_is_refused(hass: HomeAssistant, entry: MockConfigEntry, topic: str) -> None:
    form = await page(hass, entry, "mqtt")
    result = await submit_part(hass, form, typed(form, MQTT, topic=topic))
    assert result["errors"] == {"topic": "topic_invalid"}
    assert not grid_sources(entry)


@pytest.mark.usefixtures("mqtt")
async def test_a_topic_is_changed(hass: HomeAssistant) -> None:
    entry = site_entry(9000, [demand(MQTT, "topic")])
    entry.add_to_hass(hass)
    form = dict(await entry.start_subentry_reconfigure_flow(hass, "topic"))
    assert {key: suggested(form)[key] for key in MQTT if key != "preset"} == {
        key: value for key, value in MQTT.items() if key != "preset"
    }
    result = await submit_part(hass, form, {**suggested(form), "topic": "grid/other"})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert entry.subentries["topic"].data["topic"] == "grid/other"


@pytest.mark.parametrize("language", ["en", "de"])
async def test_the_page_of_the_address_has_its_texts_in_both_languages(hass: HomeAssistant, language: str) -> None:
    texts = await translation.async_get_translations(hass, language, "config_subentries", ["smart_charging"])
    prefix = "component.smart_charging.config_subentries.grid_signal.step"
    for name in ("{url}", "{example}", "{most}"):
        assert name in texts[f"{prefix}.webhook_url.description"]
    assert texts[f"{prefix}.mqtt.data.topic"]
