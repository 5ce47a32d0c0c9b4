"""A source of grid signals that publishes on a topic of the MQTT broker that Home Assistant uses."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED, ConfigEntry, ConfigEntryChange, ConfigSubentry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.util import dt as dt_util

from .const import CONF_TOPIC, LOGGER
from .coordinator import SmartChargingConfigEntry
from .engine.clock import SystemClock
from .engine.grid.json_messages import MOST_BYTES, RefusedMessage
from .engine.grid.source import SourceEvent, SourceReachable, SourceUnavailable
from .grid_entity_inputs import Tell
from .grid_message_pace import LogPace, PacedMessages
from .grid_messages import MESSAGES_PER_S, take_message

if TYPE_CHECKING:
    from homeassistant.components.mqtt import ReceiveMessage

MQTT_DOMAIN: Final = "mqtt"
_QOS: Final = 1  # a demand is to arrive; that it may arrive twice changes nothing


@callback
def mqtt_is_set_up(hass: HomeAssistant) -> bool:
    """Return whether Home Assistant's MQTT runs; only then may it be imported, for then its library is there."""
    return bool(hass.config_entries.async_loaded_entries(MQTT_DOMAIN))


@dataclass(frozen=True, slots=True)
class _Message:
    body: bytes
    retained: bool


class MqttInput:
    """Takes what is published, the retained message at the start included, whenever MQTT runs; it may come and go."""

    def __init__(self, hass: HomeAssistant, entry: SmartChargingConfigEntry, subentry: ConfigSubentry) -> None:
        """Listen to nothing yet."""
        self._hass = hass
        self._entry = entry
        self._source_id = subentry.subentry_id
        self._title = subentry.title
        self._data: Mapping[str, Any] = subentry.data
        self._tell: Tell | None = None
        self._reachable = True
        self._stop_watching: CALLBACK_TYPE | None = None
        self._stops: list[CALLBACK_TYPE] = []  # of what is listened to while MQTT runs
        self._subscribing: asyncio.Task[None] | None = None
        clock = SystemClock()
        self._messages = PacedMessages(hass, clock, MESSAGES_PER_S, self._async_take, self._async_crowded)
        self._refused: RefusedMessage | None = None  # what was logged last
        self._log_of_refusals, self._log_of_crowds = LogPace(clock), LogPace(clock)

    def first(self) -> tuple[SourceEvent, ...]:
        """Return whether the broker is there; what was published comes once it is listened to."""
        self._reachable = self._is_connected()
        event = SourceReachable if self._reachable else SourceUnavailable
        return (event(self._source_id, dt_util.utcnow()),)

    @callback
    def async_start(self, tell: Tell) -> None:
        """Listen as soon as MQTT runs."""
        self._tell = tell
        self._stop_watching = async_dispatcher_connect(
            self._hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._async_mqtt_changed
        )
        if mqtt_is_set_up(self._hass):
            self._async_listen()

    async def async_stop(self) -> None:
        """Listen to nothing any more; what was said last is taken first."""
        self._messages.async_finish()
        self._tell = None
        if self._stop_watching is not None:
            self._stop_watching()
            self._stop_watching = None
        self._async_fall_silent()

    @callback
    def _async_mqtt_changed(self, _change: ConfigEntryChange, entry: ConfigEntry) -> None:
        """Follow MQTT as it is loaded and unloaded: a subscription belongs to the client that it was made at."""
        if entry.domain != MQTT_DOMAIN:
            return
        if mqtt_is_set_up(self._hass):
            self._async_listen()
        else:
            self._async_fall_silent()
            self._async_reach(reachable=False)

    @callback
    def _async_listen(self) -> None:
        if self._stops:
            return
        from homeassistant.components import mqtt  # noqa: PLC0415 - its library is there only where it is set up

        self._stops.append(mqtt.async_subscribe_connection_status(self._hass, self._async_connection_changed))
        self._subscribing = self._hass.async_create_task(self._async_subscribe(), "grid signals over MQTT")
        self._async_reach(reachable=self._is_connected())

    async def _async_subscribe(self) -> None:
        from homeassistant.components import mqtt  # noqa: PLC0415 - as above

        self._stops.append(
            await mqtt.async_subscribe(
                self._hass, self._data[CONF_TOPIC], self._async_received, qos=_QOS, encoding=None
            )
        )

    @callback
    def _async_fall_silent(self) -> None:
        if self._subscribing is not None:
            self._subscribing.cancel()
            self._subscribing = None
        for stop in self._stops:
            stop()
        self._stops.clear()

    @callback
    def _async_connection_changed(self, connected: bool) -> None:
        self._async_reach(reachable=connected)

    @callback
    def _async_reach(self, *, reachable: bool) -> None:
        """Tell that the broker went or is back; that it is back says nothing of the source."""
        if reachable is self._reachable or self._tell is None:
            return
        self._reachable = reachable
        event = SourceReachable if reachable else SourceUnavailable
        self._tell(event(self._source_id, dt_util.utcnow()))

    @callback
    def _async_received(self, message: ReceiveMessage) -> None:
        """Take a message as soon as its turn has come, of one that is too large no more than shows that."""
        payload = message.payload[: MOST_BYTES + 1]
        if (
            self._tell is None or not payload
        ):  # an empty one is how publishers take back a retained one: it says nothing
            return
        body = payload.encode() if isinstance(payload, str) else bytes(payload)
        self._messages.async_offer(_Message(body, message.retain))

    @callback
    def _async_take(self, message: _Message) -> None:
        """Let what a message says hold; what is wrong with it is logged, without what it says."""
        if self._tell is None or self._source_id not in self._entry.subentries:
            return
        refused = take_message(self._entry, self._source_id, message.body, self._tell, retained=message.retained)
        if refused is None:
            self._refused = None
        elif refused != self._refused and self._log_of_refusals.is_due():
            self._refused = refused
            LOGGER.warning(
                "A message of the grid signal source %s was not taken: %s %s",
                self._title,
                refused.why.value,
                refused.where,
            )

    @callback
    def _async_crowded(self) -> None:
        """Tell that messages come too fast, once for all that come so."""
        if self._log_of_crowds.is_due():
            LOGGER.warning(
                "More than %.0f messages a second come from the grid signal source %s: of these the newest counts",
                MESSAGES_PER_S,
                self._title,
            )

    def _is_connected(self) -> bool:
        if not mqtt_is_set_up(self._hass):
            return False
        from homeassistant.components import mqtt  # noqa: PLC0415 - as above

        return mqtt.is_connected(self._hass)
