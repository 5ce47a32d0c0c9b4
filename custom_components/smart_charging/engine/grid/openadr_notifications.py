"""Notifications of an OpenADR 3.1 server over its MQTT broker: taken as a hint to read the events again, never as data.

What a broker says can so at worst cost a request. The client library has models for this too, but they lose what the
server says of its login, so the server's answers are read here; the MQTT itself is `paho-mqtt`, as in Home Assistant.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
import logging
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from .openadr_client import VtnClient
from .openadr_config import VenConfig, is_private
from .openadr_http import VenError

if TYPE_CHECKING:
    from paho.mqtt.client import Client

_SCHEMES: Final = {"mqtts": True, "ssl": True, "tls": True, "mqtt": False, "tcp": False}
_PORTS: Final = {True: 8883, False: 1883}
_KEEP_ALIVE_S: Final = 60
_LONGEST_TOPIC: Final = 1024
_LOGGER = logging.getLogger(__name__)


class Notification(StrEnum):
    """How we learn of changes besides polling."""

    NOT_OFFERED = "not_offered"  # switched off, 3.0.1, or a server without a broker
    NOT_USABLE = "not_usable"  # a broker without TLS, or with a login that we do not have
    NO_LIBRARY = "no_library"  # paho-mqtt can't be imported
    CONNECTING = "connecting"
    CONNECTED = "connected"


@dataclass(frozen=True, slots=True)
class Broker:
    """Where notifications come from."""

    host: str
    port: int
    tls: bool
    bearer: bool  # the access token is the password
    username: str
    topics: tuple[str, ...]


class Notifications:
    """A connection to the server's broker that calls `wake` for each message, from a thread of its own."""

    def __init__(self, config: VenConfig, wake: Callable[[], None]) -> None:
        """Prepare; nothing is sent yet."""
        self._config = config
        self._wake = wake
        self._client: Client | None = None
        self._username = ""
        self._stopped = False
        self.status = Notification.NOT_OFFERED

    def start(self, server: VtnClient, ven_id: str | None) -> None:
        """Ask the server for its broker and connect to it in the background. Blocks while asking; never raises VenError."""
        if self._client is not None or self._stopped:
            return
        try:
            found = find_broker(server, self._config, ven_id)
            if isinstance(found, Notification):
                self.status = found
                return
            self._connect(found, server.access_token() if found.bearer else "")
        except VenError as error:
            _LOGGER.debug("The OpenADR server offers no notifications: %s", error)
            self.status = Notification.NOT_OFFERED

    def renew(self, token: str) -> None:
        """Have the next connection use this token."""
        if self._client is not None and token:
            self._client.username_pw_set(self._username, token)

    def stop(self) -> None:
        """Disconnect for good. Blocks for a moment."""
        self._stopped = True
        client, self._client = self._client, None
        self.status = Notification.NOT_OFFERED
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def _connect(self, broker: Broker, token: str) -> None:
        try:
            from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage  # noqa: PLC0415 - if offered
            from paho.mqtt.enums import CallbackAPIVersion  # noqa: PLC0415 - imported only where a server offers it
            from paho.mqtt.properties import Properties  # noqa: PLC0415 - as above
            from paho.mqtt.reasoncodes import ReasonCode  # noqa: PLC0415 - as above
        except ImportError:
            self.status = Notification.NO_LIBRARY
            return
        client = Client(CallbackAPIVersion.VERSION2)
        self._username = broker.username
        if broker.bearer:
            client.username_pw_set(broker.username, token)
        if broker.tls:
            client.tls_set(ca_certs=str(self._config.ca_file) if self._config.ca_file else None)

        def connected(
            client: Client, data: object, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
        ) -> None:
            if reason.is_failure:
                return
            client.subscribe([(topic, 1) for topic in broker.topics])
            self.status = Notification.CONNECTED
            self._wake()  # what changed while there was no connection was not told

        def disconnected(
            client: Client, data: object, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
        ) -> None:
            if self._client is not None:
                self.status = Notification.CONNECTING

        def heard(client: Client, data: object, message: MQTTMessage) -> None:
            self._wake()

        client.on_connect, client.on_disconnect, client.on_message = connected, disconnected, heard
        self.status = Notification.CONNECTING
        self._client = client
        client.connect_async(broker.host, broker.port, keepalive=_KEEP_ALIVE_S)
        client.loop_start()


def find_broker(server: VtnClient, config: VenConfig, ven_id: str | None) -> Broker | Notification:
    """Return the server's broker, or why there is none for us. VenError where the server does not answer well."""
    offered = _objects(server.get("notifiers")).get("MQTT")
    if not isinstance(offered, Mapping):
        return Notification.NOT_OFFERED
    login = _objects(offered.get("authentication"))
    method = login.get("method")
    if method not in ("ANONYMOUS", "OAUTH2_BEARER_TOKEN") or (method != "ANONYMOUS" and config.login is None):
        return Notification.NOT_USABLE
    place = _address(offered.get("URIS"), config)
    if place is None:
        return Notification.NOT_USABLE
    topics = _topics(server, ven_id)
    if not topics:
        return Notification.NOT_OFFERED
    username = str(login.get("username") or "")
    if config.login is not None:
        username = username.replace("{clientID}", config.login.client_id)
    host, port, tls = place
    return Broker(host, port, tls, method != "ANONYMOUS", username, topics)


def _address(uris: object, config: VenConfig) -> tuple[str, int, bool] | None:
    """Return host, port and whether with TLS, of the first URI that is safe for us."""
    for uri in uris if isinstance(uris, list) else ():
        try:
            parts = urlsplit(str(uri))
            host, port = parts.hostname, parts.port
        except ValueError:
            continue
        tls = _SCHEMES.get(parts.scheme)
        if not host or tls is None or not (tls or (config.allow_http and is_private(host))):
            continue
        return host, port or _PORTS[tls], tls
    return None


def _topics(server: VtnClient, ven_id: str | None) -> tuple[str, ...]:
    """Return the topics of events: those for us if the server has such, else those for all."""
    for path in (f"vens/{ven_id}/events" if ven_id else "", "events"):
        if not path:
            continue
        try:
            stated = _objects(_objects(server.get(f"notifiers/mqtt/topics/{path}")).get("topics"))
        except VenError:
            continue
        names = ("ALL",) if isinstance(stated.get("ALL"), str) else ("CREATE", "UPDATE", "DELETE")
        topics = tuple(topic for name in names if isinstance(topic := stated.get(name), str) and _is_topic(topic))
        if topics:
            return topics
    return ()


def _is_topic(topic: str) -> bool:
    return 0 < len(topic) <= _LONGEST_TOPIC and topic.isprintable()


def _objects(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
