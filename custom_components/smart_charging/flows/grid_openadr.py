"""The page of an OpenADR server: how it is reached, who we are to it, and the check that it lets us in."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_CLIENT_ID, CONF_CLIENT_SECRET, CONF_NAME, CONF_URL
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.requirements import RequirementsNotFound
import probatio

from ..const import (
    CONF_ADVANCED,
    CONF_ALLOW_HTTP,
    CONF_BINDING,
    CONF_CA_FILE,
    CONF_LOGIN,
    CONF_NOTIFICATIONS,
    CONF_OPENADR_VERSION,
    CONF_OWN_POWER,
    CONF_PLACE,
    CONF_POLL_S,
    CONF_PROGRAM_NAME,
    CONF_REGISTER,
    CONF_RESOURCES,
    CONF_SAFE_MODE_NAME,
    CONF_SCOPES,
    CONF_SILENT_MIN,
    CONF_TARGETS,
    CONF_TOKEN_URL,
    CONF_VEN_NAME,
    SUBENTRY_CHARGER,
)
from ..engine.grid.openadr_config import ConfigError, ConfigProblem, VenConfig
from ..engine.grid.openadr_http import VenProblem
from ..engine.grid.openadr_values import OpenAdrVersion
from ..engine.grid.signal import SignalScope
from ..engine.limit import OwnPower
from ..grid_presets import GridPreset
from ..openadr_library import CHECK_S, ask_once, async_install
from ..openadr_settings import DEFAULT_SAFE_MODE, ca_file, ven_config
from .fields import Answer, choice, filled, number
from .grid_pages import failsafe_answer, failsafe_fields, own_power_field

_TEXT: Final = TextSelector()
_TEXTS: Final = TextSelector(TextSelectorConfig(multiple=True))
_VERSIONS: Final = SelectSelector(
    SelectSelectorConfig(
        options=[SelectOptionDict(value=version, label=version) for version in OpenAdrVersion],
        mode=SelectSelectorMode.DROPDOWN,
    )
)
_LOGIN: Final = probatio.Schema(
    {
        probatio.Optional(CONF_CLIENT_ID): _TEXT,
        probatio.Optional(CONF_CLIENT_SECRET): TextSelector(
            TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="new-password")
        ),
        probatio.Optional(CONF_TOKEN_URL): TextSelector(TextSelectorConfig(type=TextSelectorType.URL)),
        probatio.Optional(CONF_SCOPES): _TEXTS,
    }
)
_ADVANCED: Final = probatio.Schema(
    {
        probatio.Required(CONF_POLL_S, default=60): number(10, 3600, "s"),
        probatio.Required(CONF_SILENT_MIN, default=15): number(1, 1440, "min"),
        probatio.Required(CONF_SAFE_MODE_NAME, default=DEFAULT_SAFE_MODE): _TEXT,
        probatio.Optional(CONF_PROGRAM_NAME): _TEXT,
        probatio.Optional(CONF_RESOURCES): _TEXTS,
        probatio.Required(CONF_REGISTER, default=True): BooleanSelector(),
        probatio.Required(CONF_NOTIFICATIONS, default=True): BooleanSelector(),
        probatio.Required(CONF_ALLOW_HTTP, default=False): BooleanSelector(),
        probatio.Optional(CONF_CA_FILE): _TEXT,
    }
)
# What a secret was entered for: it goes nowhere else, nor to anybody else's account.
_SECRET_IS_FOR: Final = (CONF_URL, CONF_CLIENT_ID, CONF_TOKEN_URL, CONF_OPENADR_VERSION)
# Where a setting or an answer that can't be used shows; what is not named here shows above the form.
_FIELDS: Final[Mapping[ConfigProblem | VenProblem, str]] = {
    ConfigProblem.URL: CONF_URL,
    ConfigProblem.URL_NOT_HTTPS: CONF_URL,
    ConfigProblem.TOKEN_URL: CONF_LOGIN,
    ConfigProblem.TOKEN_URL_NOT_HTTPS: CONF_LOGIN,
    ConfigProblem.CREDENTIALS: CONF_LOGIN,
    ConfigProblem.VEN_NAME: CONF_VEN_NAME,
    ConfigProblem.RESOURCE_NAME: CONF_ADVANCED,
    ConfigProblem.POLL_INTERVAL: CONF_ADVANCED,
    ConfigProblem.LOST_AFTER: CONF_ADVANCED,
    VenProblem.LOGIN: CONF_LOGIN,
    VenProblem.FORBIDDEN: CONF_LOGIN,
    VenProblem.NOT_FOUND: CONF_URL,
    VenProblem.TLS: CONF_URL,
    VenProblem.NO_PROGRAM: CONF_ADVANCED,
}
_CAN_NOT_CONNECT: Final = frozenset({VenProblem.UNREACHABLE, VenProblem.TIMEOUT})


@callback
def openadr_schema(preset: GridPreset) -> probatio.Schema:
    """Return the form of a server; what the Netherlands' profile asks for is filled in by its preset."""
    dutch = preset is GridPreset.NL_OPENADR
    version = OpenAdrVersion.V3_0_1 if dutch else OpenAdrVersion.V3_1
    targets = probatio.Required(CONF_TARGETS) if dutch else probatio.Optional(CONF_TARGETS)
    places = (SignalScope.SITE, SignalScope.CONTROLLABLE)
    return probatio.Schema(
        {
            probatio.Required(CONF_NAME): _TEXT,
            probatio.Required(CONF_URL): TextSelector(TextSelectorConfig(type=TextSelectorType.URL)),
            probatio.Required(CONF_OPENADR_VERSION, default=version.value): _VERSIONS,
            probatio.Required(CONF_VEN_NAME): _TEXT,
            targets: _TEXTS,
            probatio.Required(CONF_LOGIN): section(_LOGIN, {"collapsed": False}),
            probatio.Required(CONF_PLACE, default=SignalScope.SITE.value): choice(places, "grid_place"),
            probatio.Required(CONF_OWN_POWER, default=OwnPower.AFTER_OTHER_LOAD.value): own_power_field(),
            probatio.Required(CONF_BINDING, default=True): BooleanSelector(),
            **failsafe_fields(),
            probatio.Required(CONF_ADVANCED): section(_ADVANCED, {"collapsed": True}),
        }
    )


@callback
def openadr_data(entry: ConfigEntry, user_input: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return the subentry's data for what was typed; resources stay as they were typed where they are not understood.

    A secret is kept while its field stays empty, but only for the same account at the same server.
    """
    sections = {**user_input[CONF_LOGIN], **_ADVANCED(user_input[CONF_ADVANCED])}
    typed = {key: value for key, value in user_input.items() if key not in (CONF_NAME, CONF_LOGIN, CONF_ADVANCED)}
    data = filled({key: _stripped(value) for key, value in {**typed, **sections}.items()})
    same = all(data.get(key) == kept.get(key) for key in _SECRET_IS_FOR)
    if same and CONF_CLIENT_ID in data and CONF_CLIENT_SECRET in kept:
        data = {CONF_CLIENT_SECRET: kept[CONF_CLIENT_SECRET], **data}
    if CONF_RESOURCES in data and (resources := _resources(entry, data[CONF_RESOURCES])) is not None:
        data[CONF_RESOURCES] = resources
    return data


@callback
def openadr_suggestions(entry: ConfigEntry, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form's values for a server that is set up; its secret is never shown again."""
    if not data:
        return {}
    resources = [
        f"{name} = {entry.subentries[charger].title}"
        for name, charger in data.get(CONF_RESOURCES, {}).items()
        if charger in entry.subentries
    ]
    login = {str(key): data[key] for key in _LOGIN.schema if key in data and key != CONF_CLIENT_SECRET}
    advanced = {str(key): data[key] for key in _ADVANCED.schema if key in data}
    return {**data, CONF_LOGIN: login, CONF_ADVANCED: filled({**advanced, CONF_RESOURCES: resources})}


async def async_openadr_answer(
    hass: HomeAssistant, entry: ConfigEntry, preset: GridPreset, data: Mapping[str, Any]
) -> Answer:
    """Return what is wrong with a server's settings, by field or section, after asking the server itself."""
    if preset is GridPreset.NL_OPENADR and CONF_TARGETS not in data:
        return Answer({CONF_TARGETS: "targets_missing"})
    if (missing := failsafe_answer(data)).errors:
        return missing
    if isinstance(data.get(CONF_RESOURCES), list):
        return Answer({CONF_ADVANCED: "openadr_resources"})
    try:
        config = ven_config(hass, entry, data, "check")
    except ConfigError as err:
        return Answer({_FIELDS[err.problem]: _key(err.problem)})
    if not await hass.async_add_executor_job(_is_usable, hass.config.config_dir, ca_file(hass, data)):
        return Answer({CONF_ADVANCED: "openadr_ca_file"})
    return await _async_asked(hass, config)


async def _async_asked(hass: HomeAssistant, config: VenConfig) -> Answer:
    """Return what comes of asking a server once; the library is installed for that where it is not yet."""
    try:
        await async_install(hass)
    except RequirementsNotFound:
        return Answer({"base": "openadr_not_installed"})
    try:
        async with asyncio.timeout(CHECK_S):
            state = await hass.async_add_executor_job(ask_once, config)
    except TimeoutError:
        return _answer(VenProblem.TIMEOUT, "")
    return Answer() if state.problem is None else _answer(state.problem, state.detail)


def _answer(problem: VenProblem, detail: str) -> Answer:
    return Answer({_FIELDS.get(problem, "base"): _key(problem)}, {"detail": detail or "-"})


def _key(problem: ConfigProblem | VenProblem) -> str:
    return "cannot_connect" if problem in _CAN_NOT_CONNECT else f"openadr_{problem.value}"


def _stripped(value: object) -> object:
    if isinstance(value, str):
        return value.strip()
    return [text for one in value if (text := str(one).strip())] if isinstance(value, list) else value


def _resources(entry: ConfigEntry, lines: Iterable[str]) -> dict[str, str] | None:
    """Return chargers by resource name from `name = charger`, None where a line is none, or a name is said twice."""
    chargers = {one.title.casefold(): one.subentry_id for one in entry.get_subentries_of_type(SUBENTRY_CHARGER)}
    found: dict[str, str] = {}
    for line in lines:
        name, _, title = (part.strip() for part in line.partition("="))
        charger = chargers.get(title.casefold())
        if not name or charger is None or name in found or charger in found.values():
            return None
        found[name] = charger
    return found


def _is_usable(config_directory: str, path: Path | None) -> bool:
    """Return whether there is no file, or one that is below the configuration directory; looks at the disk."""
    if path is None:
        return True
    return path.resolve().is_relative_to(Path(config_directory).resolve()) and path.is_file()
