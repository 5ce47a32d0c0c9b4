"""A source of grid signals that calls a web address of Home Assistant's; the address is its secret."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from aiohttp.hdrs import METH_GET, METH_HEAD, METH_POST, METH_PUT
from aiohttp.http_exceptions import PayloadEncodingError
from aiohttp.web import Request, RequestPayloadError, Response, json_response
from homeassistant.components import webhook
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonValueType

from .const import CONF_LOCAL_ONLY, CONF_WEBHOOK_ID, DOMAIN
from .coordinator import SmartChargingConfigEntry
from .engine.clock import SystemClock
from .engine.csms.limits import TokenBucket
from .engine.grid.json_messages import MOST_BYTES, MessageRefusal, RefusedMessage
from .engine.grid.source import SourceEvent, SourceReachable, SourceUnavailable
from .engine.grid_view import GridView
from .grid_entity_inputs import Tell
from .grid_messages import MESSAGES_PER_S, take_message

_METHODS: Final = (METH_POST, METH_PUT)
_STATUSES: Final = {MessageRefusal.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE}  # any other is a bad request


class WebhookInput:
    """Answers calls with the limit that holds then, or with what is wrong with them."""

    def __init__(self, hass: HomeAssistant, entry: SmartChargingConfigEntry, subentry: ConfigSubentry) -> None:
        """Answer nothing yet."""
        self._hass = hass
        self._entry = entry
        self._source_id = subentry.subentry_id
        self._title = subentry.title
        self._data: Mapping[str, Any] = subentry.data
        self._calls = TokenBucket(SystemClock(), MESSAGES_PER_S, MESSAGES_PER_S)
        self._tell: Tell | None = None

    def first(self) -> tuple[SourceEvent, ...]:
        """Return whether anybody can call, which without Home Assistant's webhooks nobody can; who calls is not asked."""
        event = SourceReachable if webhook.DOMAIN in self._hass.config.components else SourceUnavailable
        return (event(self._source_id, dt_util.utcnow()),)

    @callback
    def async_start(self, tell: Tell) -> None:
        """Answer calls from now on."""
        self._tell = tell
        webhook.async_register(
            self._hass,
            DOMAIN,
            self._title,
            self._data[CONF_WEBHOOK_ID],
            self._async_answer,
            local_only=self._data[CONF_LOCAL_ONLY],
            # Those that are refused too: Home Assistant would log the secret with any other.
            allowed_methods=(*_METHODS, METH_GET, METH_HEAD),
        )

    async def async_stop(self) -> None:
        """Answer nothing any more, nor take what is still on its way."""
        if self._tell is not None:
            self._tell = None
            webhook.async_unregister(self._hass, self._data[CONF_WEBHOOK_ID])

    async def _async_answer(self, _hass: HomeAssistant, _webhook_id: str, request: Request) -> Response:
        if request.method not in _METHODS:
            return json_response({"error": "method"}, status=HTTPStatus.METHOD_NOT_ALLOWED)
        if not self._calls.try_take():
            return json_response({"error": "too_often"}, status=HTTPStatus.TOO_MANY_REQUESTS)
        try:
            body = await _read_bounded(request)
        except RequestPayloadError, PayloadEncodingError:  # Home Assistant would log them with the secret
            return json_response({"error": "unreadable"}, status=HTTPStatus.BAD_REQUEST)
        if self._tell is None or self._source_id not in self._entry.subentries:
            return json_response({"error": "not_running"}, status=HTTPStatus.SERVICE_UNAVAILABLE)
        refused = take_message(self._entry, self._source_id, body, self._tell)
        if refused is not None:
            return _refusal(refused)
        grid = self._entry.runtime_data.site.grid
        return json_response(_effective(grid.view, observe_only=grid.observe_only))


async def _read_bounded(request: Request) -> bytes:
    """Return the body, of one that is too large no more than shows that; raises what aiohttp does for a broken encoding."""
    content, body = request.content, b""
    while len(body) <= MOST_BYTES:
        part = await content.read(MOST_BYTES + 1 - len(body))
        if not part:
            break
        body += part
    return body


def _refusal(refused: RefusedMessage) -> Response:
    status = _STATUSES.get(refused.why, HTTPStatus.BAD_REQUEST)
    return json_response({"error": refused.why.value, "where": refused.where}, status=status)


def _effective(view: GridView, *, observe_only: bool) -> dict[str, JsonValueType]:
    """Return what holds now in W over all phases: on what is drawn, and where there is such a limit on what is fed in.

    While the site only observes no charger is told any of it.
    """
    answer: dict[str, JsonValueType] = {
        "active": view.active,
        "limit_w": None if view.limit_w is None else round(view.limit_w),
        "until": None if view.until is None else view.until.isoformat(),
        "observe_only": observe_only,
    }
    if view.export is not None:
        answer["export_limit_w"] = round(view.export.limit_w)
    return answer
