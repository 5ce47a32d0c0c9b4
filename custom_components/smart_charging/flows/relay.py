"""The section of a charger's form for its second central system, as of a billing provider."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.const import CONF_PASSWORD, CONF_URL, CONF_USERNAME
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import BooleanSelector, TextSelector, TextSelectorConfig, TextSelectorType
import probatio

from ..const import CONF_ALLOW_UNENCRYPTED, CONF_AUTHORISATION, CONF_POLICY, CONF_RELAY
from ..engine.relay_config import RelayPolicy
from ..relay_settings import relay_config
from .fields import choice, filled

_SCHEMA: Final = probatio.Schema(
    {
        probatio.Optional(CONF_URL): TextSelector(),
        probatio.Optional(CONF_USERNAME): TextSelector(),
        probatio.Optional(CONF_PASSWORD): TextSelector(
            TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="new-password")
        ),
        probatio.Required(CONF_POLICY, default=RelayPolicy.READ_ONLY.value): choice(RelayPolicy, "relay_policy"),
        probatio.Required(CONF_AUTHORISATION, default=False): BooleanSelector(),
        probatio.Required(CONF_ALLOW_UNENCRYPTED, default=False): BooleanSelector(),
    }
)
RELAY_FIELDS: Final[dict[probatio.Marker, Any]] = {
    probatio.Required(CONF_RELAY): section(_SCHEMA, {"collapsed": True}),
}


def relay_data(user_input: Mapping[str, Any], kept: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what of a charger's data is of its second central system: nothing without an address.

    A password is kept while the field stays empty, but only for who has it already: not at another address, nor
    for another user.
    """
    typed = {key: value.strip() if isinstance(value, str) else value for key, value in user_input[CONF_RELAY].items()}
    data = filled(typed)
    if CONF_URL not in data:
        return {}
    known = kept or {}
    same = all(data.get(key) == known.get(key) for key in (CONF_URL, CONF_USERNAME))
    if same and CONF_PASSWORD in known:
        data = {CONF_PASSWORD: known[CONF_PASSWORD], **data}
    return {CONF_RELAY: data}


def relay_errors(data: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with a charger's second central system, by section."""
    relay = data.get(CONF_RELAY)
    if relay is None:
        return {}
    if relay[CONF_URL].lower().startswith("ws://") and not relay[CONF_ALLOW_UNENCRYPTED]:
        return {CONF_RELAY: "relay_unencrypted"}
    for part, error in ((CONF_URL, "relay_url_unfit"), (CONF_USERNAME, "relay_username_unfit")):
        try:
            relay_config({key: value for key, value in relay.items() if part == CONF_USERNAME or key != CONF_USERNAME})
        except ValueError:
            return {CONF_RELAY: error}
    return {}


def relay_suggestions(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the section's values for a charger that exists; the password is never shown again."""
    kept = {key: value for key, value in data.get(CONF_RELAY, {}).items() if key != CONF_PASSWORD}
    return {**_SCHEMA({}), **kept}
