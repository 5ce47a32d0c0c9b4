"""The pages of sources that speak by messages: a webhook, with its address and an example, and MQTT."""

from collections.abc import Mapping
from datetime import timedelta
import json
from typing import Any, Final

from homeassistant.components import webhook
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.network import NoURLAvailableError
from homeassistant.helpers.selector import BooleanSelector, TextSelector
from homeassistant.util import dt as dt_util
import probatio

from ..const import (
    CONF_BINDING,
    CONF_LOCAL_ONLY,
    CONF_OWN_POWER,
    CONF_PLACE,
    CONF_SILENT_MIN,
    CONF_TOPIC,
    CONF_WEBHOOK_ID,
)
from ..engine.grid.signal import SignalKind, SignalScope
from ..engine.grid.source import MOST_SIGNALS
from ..engine.limit import OwnPower
from ..grid_mqtt import mqtt_is_set_up
from ..grid_presets import GridPage, GridPreset
from ..grid_settings import KILOWATT
from .fields import Answer, number
from .grid_pages import Fields, Page, failsafe_answer, failsafe_fields, own_power_field, place_field

CONF_NEW_ADDRESS: Final = "new_address"
MOST_SILENT_MIN: Final = 7 * 24 * 60
NEW_ADDRESS_FIELD: Final[Fields] = {probatio.Required(CONF_NEW_ADDRESS, default=False): BooleanSelector()}


@callback
def way_answer(hass: HomeAssistant, page: GridPage) -> Answer:
    """Return what is wrong before anything is entered: where Home Assistant has no webhooks or MQTT nobody can be heard."""
    errors = {}
    if page is GridPage.WEBHOOK and webhook.DOMAIN not in hass.config.components:
        errors["base"] = "webhook_missing"
    if page is GridPage.MQTT and not mqtt_is_set_up(hass):
        errors["base"] = "mqtt_missing"
    return Answer(errors)


@callback
def with_address(data: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of a webhook: with the address that it had, or a new one where it has none or wants another."""
    kept = {key: value for key, value in data.items() if key != CONF_NEW_ADDRESS}
    secret = None if data.get(CONF_NEW_ADDRESS) else known.get(CONF_WEBHOOK_ID)
    return {**kept, CONF_WEBHOOK_ID: secret or webhook.async_generate_id()}


@callback
def address_placeholders(hass: HomeAssistant, data: Mapping[str, Any]) -> dict[str, str]:
    """Return a webhook's address, without a host where Home Assistant knows none that fits, and an example to copy."""
    secret, local = data[CONF_WEBHOOK_ID], data[CONF_LOCAL_ONLY]
    try:
        url = webhook.async_generate_url(hass, secret, allow_external=not local, prefer_external=not local)
    except NoURLAvailableError:
        url = webhook.async_generate_path(secret)
    until = dt_util.now().replace(microsecond=0) + timedelta(hours=1)
    signal = {"kind": SignalKind.IMPORT_LIMIT.value, "value": 4.2, "unit": KILOWATT, "until": until.isoformat()}
    return {"url": url, "example": json.dumps({"signals": [signal]}), "most": str(MOST_SIGNALS)}


def _fields(entry: ConfigEntry) -> Fields:
    """Return the fields that both pages end with."""
    return {
        probatio.Required(CONF_PLACE, default=SignalScope.CONTROLLABLE.value): place_field(entry, site=True),
        probatio.Required(CONF_OWN_POWER, default=OwnPower.AFTER_OTHER_LOAD.value): own_power_field(),
        probatio.Required(CONF_BINDING, default=True): BooleanSelector(),
        probatio.Optional(CONF_SILENT_MIN): number(1, MOST_SILENT_MIN, "min"),
        **failsafe_fields(),
    }


def _webhook_fields(_hass: HomeAssistant, entry: ConfigEntry, _preset: GridPreset) -> Fields:
    return {
        probatio.Required(CONF_NAME): TextSelector(),
        probatio.Required(CONF_LOCAL_ONLY, default=True): BooleanSelector(),
        **_fields(entry),
    }


def _mqtt_fields(_hass: HomeAssistant, entry: ConfigEntry, _preset: GridPreset) -> Fields:
    return {
        probatio.Required(CONF_NAME): TextSelector(),
        probatio.Required(CONF_TOPIC): TextSelector(),
        **_fields(entry),
    }


@callback
def _check_webhook(hass: HomeAssistant, _entry: ConfigEntry, data: Mapping[str, Any]) -> Answer:
    missing = way_answer(hass, GridPage.WEBHOOK)
    return missing if missing.errors else failsafe_answer(data)


@callback
def _check_mqtt(hass: HomeAssistant, _entry: ConfigEntry, data: Mapping[str, Any]) -> Answer:
    if not mqtt_is_set_up(hass):
        return way_answer(hass, GridPage.MQTT)
    from homeassistant.components import mqtt  # noqa: PLC0415 - its library is there only where it is set up

    answer = failsafe_answer(data)
    try:
        mqtt.valid_publish_topic(data.get(CONF_TOPIC, ""))  # unlike a filter, a topic has no wildcards
    except probatio.Invalid:
        answer.errors[CONF_TOPIC] = "topic_invalid"
    return answer


MESSAGE_PAGES: Final[Mapping[GridPage, Page]] = {
    GridPage.WEBHOOK: Page(_webhook_fields, _check_webhook),
    GridPage.MQTT: Page(_mqtt_fields, _check_mqtt),
}
