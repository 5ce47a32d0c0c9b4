"""The actions that administer id tokens, for administrators only; a token's value goes in and never comes out."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Final

from homeassistant.const import ATTR_CONFIG_ENTRY_ID, ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import (
    async_get_config_entry,
    async_get_device_and_config_entry,
    async_register_admin_service,
)
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonValueType
import probatio

from .const import DOMAIN, SUBENTRY_CHARGER
from .coordinator import SmartChargingConfigEntry
from .engine.authorization import standing
from .engine.id_token import MAX_TOKEN_LENGTH, IdToken, LabelExists, TokenDetails, TokenExists, TokenType, TokenUnknown
from .engine.registry_authorizer import AlreadyLearning
from .errors import translated_errors
from .service_targets import device_name
from .service_times import utc

SERVICE_ADD_TOKEN: Final = "add_token"
SERVICE_CHANGE_TOKEN: Final = "change_token"
SERVICE_BLOCK_TOKEN: Final = "block_token"
SERVICE_UNBLOCK_TOKEN: Final = "unblock_token"
SERVICE_DELETE_TOKEN: Final = "delete_token"
SERVICE_LIST_TOKENS: Final = "list_tokens"
SERVICE_LEARN_TOKEN: Final = "learn_token"

ATTR_DELETED: Final = "deleted"
ATTR_EVERY_SITE: Final = "every_site"
ATTR_GROUP: Final = "group"
ATTR_LABEL: Final = "label"
ATTR_MASTER_PASS: Final = "master_pass"
ATTR_SECONDS: Final = "seconds"
ATTR_TOKEN_ID: Final = "token_id"
ATTR_TYPE: Final = "type"
ATTR_VALID_FROM: Final = "valid_from"
ATTR_VALID_UNTIL: Final = "valid_until"
ATTR_VALUE: Final = "value"

MAX_LABEL: Final = 100
MAX_WAIT_S: Final = 300
MASK: Final = "••••"

# A number would have lost its leading zeros already, so nothing but text will do.
_VALUE: Final = probatio.All(str, str.strip, probatio.Match(rf"^[\x21-\x7e]{{1,{MAX_TOKEN_LENGTH}}}$"))
_LABEL: Final = probatio.All(cv.string, str.strip, probatio.Length(min=1, max=MAX_LABEL))
_GROUP: Final = probatio.All(cv.string, str.strip, probatio.Length(max=MAX_LABEL))
_DETAILS: Final[Mapping[object, object]] = {
    probatio.Optional(ATTR_TYPE): probatio.Coerce(TokenType),
    probatio.Optional(ATTR_VALID_FROM): probatio.Any(None, cv.datetime),
    probatio.Optional(ATTR_VALID_UNTIL): probatio.Any(None, cv.datetime),
    probatio.Optional(ATTR_GROUP): probatio.Any(None, _GROUP),
    probatio.Optional(ATTR_MASTER_PASS): cv.boolean,
}
_SITE: Final[Mapping[object, object]] = {probatio.Optional(ATTR_CONFIG_ENTRY_ID): cv.string}
_TOKEN: Final[Mapping[object, object]] = {**_SITE, probatio.Required(ATTR_TOKEN_ID): cv.string}

ADD_SCHEMA: Final = probatio.Schema(
    {
        **_SITE,
        **_DETAILS,
        probatio.Required(ATTR_VALUE): _VALUE,
        probatio.Required(ATTR_LABEL): _LABEL,
        probatio.Optional(ATTR_EVERY_SITE, default=False): cv.boolean,
    }
)
CHANGE_SCHEMA: Final = probatio.Schema({**_TOKEN, **_DETAILS, probatio.Optional(ATTR_LABEL): _LABEL})
TOKEN_SCHEMA: Final = probatio.Schema({**_TOKEN})
LIST_SCHEMA: Final = probatio.Schema({**_SITE, probatio.Optional(ATTR_DELETED, default=False): cv.boolean})
LEARN_SCHEMA: Final = probatio.Schema(
    {
        **_DETAILS,
        probatio.Required(ATTR_DEVICE_ID): cv.string,
        probatio.Required(ATTR_LABEL): _LABEL,
        probatio.Optional(ATTR_SECONDS, default=60): probatio.All(
            probatio.Coerce(float), probatio.Range(min=5, max=MAX_WAIT_S)
        ),
    }
)


@callback
def async_setup_token_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    for name, action, schema in (
        (SERVICE_ADD_TOKEN, add_token, ADD_SCHEMA),
        (SERVICE_CHANGE_TOKEN, change_token, CHANGE_SCHEMA),
        (SERVICE_BLOCK_TOKEN, partial(block_token, blocked=True), TOKEN_SCHEMA),
        (SERVICE_UNBLOCK_TOKEN, partial(block_token, blocked=False), TOKEN_SCHEMA),
        (SERVICE_DELETE_TOKEN, delete_token, TOKEN_SCHEMA),
        (SERVICE_LEARN_TOKEN, learn_token, LEARN_SCHEMA),
    ):
        async_register_admin_service(hass, DOMAIN, name, action, schema, SupportsResponse.OPTIONAL)
    async_register_admin_service(hass, DOMAIN, SERVICE_LIST_TOKENS, list_tokens, LIST_SCHEMA, SupportsResponse.ONLY)


async def add_token(call: ServiceCall) -> ServiceResponse:
    """Keep a new token."""
    entry = _entry(call)
    details = _checked(replace(TokenDetails(), **_changes(call)))
    with _translated(entry, call):
        token = await entry.runtime_data.ledger.tokens.add(
            call.data[ATTR_VALUE], details, dt_util.utcnow(), everywhere=call.data[ATTR_EVERY_SITE]
        )
    return _shown(token)


async def change_token(call: ServiceCall) -> ServiceResponse:
    """Change what is given of a token; a label makes a token that was only seen somebody's."""
    entry, changes = _entry(call), _changes(call)
    if not changes:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="nothing_to_change")
    tokens = entry.runtime_data.ledger.tokens
    with _translated(entry, call):
        known = await tokens.token(call.data[ATTR_TOKEN_ID])
        _checked(replace(known.details, **changes))
        return _shown(await tokens.change(known.token_id, lambda details: replace(details, **changes)))


async def block_token(call: ServiceCall, *, blocked: bool) -> ServiceResponse:
    """Refuse a token from now on, or do so no longer."""
    entry, token_id = _entry(call), call.data[ATTR_TOKEN_ID]
    with _translated(entry, call):
        return _shown(
            await entry.runtime_data.ledger.tokens.change(token_id, lambda details: replace(details, blocked=blocked))
        )


async def delete_token(call: ServiceCall) -> ServiceResponse:
    """Take a token out of use; records keep its label."""
    entry = _entry(call)
    with _translated(entry, call):
        return _shown(await entry.runtime_data.ledger.tokens.delete(call.data[ATTR_TOKEN_ID], dt_util.utcnow()))


async def list_tokens(call: ServiceCall) -> ServiceResponse:
    """Return a site's tokens, oldest first."""
    entry = _entry(call)
    with _translated(entry, call):
        found = await entry.runtime_data.ledger.tokens.all(deleted=call.data[ATTR_DELETED])
    shown: list[JsonValueType] = [_shown(token) for token in found]
    return {"tokens": shown}


async def learn_token(call: ServiceCall) -> ServiceResponse:
    """Wait for an unknown tag at a charger, and keep it."""
    device, entry = async_get_device_and_config_entry(call.hass, DOMAIN, call.data[ATTR_DEVICE_ID])
    charger = entry.subentries.get(device.config_subentry_id or "")
    if charger is None or charger.subentry_type != SUBENTRY_CHARGER:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="not_a_charger",
            translation_placeholders={"device": device_name(device)},
        )
    details, placeholders = _checked(replace(TokenDetails(), **_changes(call))), {"charger": charger.title}
    try:
        with translated_errors(charger.title):
            token = await entry.runtime_data.access.learn(str(charger.unique_id), details, call.data[ATTR_SECONDS])
    except TimeoutError as err:
        raise HomeAssistantError(
            translation_domain=DOMAIN, translation_key="no_tag_presented", translation_placeholders=placeholders
        ) from err
    except LabelExists as err:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="token_label_exists") from err
    except AlreadyLearning as err:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="already_learning", translation_placeholders=placeholders
        ) from err
    return _shown(token)


def _entry(call: ServiceCall) -> SmartChargingConfigEntry:
    """Return the site that is meant."""
    entry: SmartChargingConfigEntry = async_get_config_entry(call.hass, DOMAIN, call.data.get(ATTR_CONFIG_ENTRY_ID))
    return entry


def _changes(call: ServiceCall) -> dict[str, Any]:
    """Return what was given of a token's details; nothing or an empty group takes them away."""
    given: Mapping[str, Any] = call.data
    changes = {key: given[key] for key in (ATTR_LABEL, ATTR_TYPE, ATTR_MASTER_PASS) if key in given}
    changes |= {key: utc(given[key]) for key in (ATTR_VALID_FROM, ATTR_VALID_UNTIL) if key in given}
    if ATTR_GROUP in given:
        changes[ATTR_GROUP] = given[ATTR_GROUP] or None
    return changes


def _checked(details: TokenDetails) -> TokenDetails:
    """Return details that make sense together."""
    begin, end = details.valid_from, details.valid_until
    if begin is not None and end is not None and end <= begin:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="end_before_start")
    return details


@contextmanager
def _translated(entry: SmartChargingConfigEntry, call: ServiceCall) -> Iterator[None]:
    """Put into words what the registry refuses; a value is in none of them."""
    try:
        with translated_errors(entry.title):
            yield
    except TokenExists as err:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="token_exists") from err
    except LabelExists as err:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="token_label_exists") from err
    except TokenUnknown as err:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="token_unknown",
            translation_placeholders={"token_id": call.data[ATTR_TOKEN_ID], "site": entry.title},
        ) from err


def _shown(token: IdToken) -> dict[str, JsonValueType]:
    """Return a token as its administrators see it: of its value the end only."""
    details = token.details
    times = {
        "valid_from": details.valid_from,
        "valid_until": details.valid_until,
        "created_at": token.created_at,
        "last_used_at": token.last_used_at,
        "deleted_at": token.deleted_at,
    }
    return {
        "token_id": token.token_id,
        "label": details.label,
        "value": f"{MASK}{token.tail}",
        "type": details.type.value,
        "group": details.group,
        "master_pass": details.master_pass,
        "blocked": details.blocked,
        "status": standing(token, dt_util.utcnow()).name.lower() if token.assigned else "unassigned",
        "every_site": token.site_id is None,
        **{name: None if time is None else time.isoformat() for name, time in times.items()},
    }
