"""A charging station: who it is, how it logs in, and what its wiring can carry."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

from homeassistant.config_entries import (
    ConfigEntry,
    ConfigEntryState,
    ConfigSubentry,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import probatio

from ..certificate_owners import id_at_another_site
from ..const import (
    CONF_ADVANCED,
    CONF_CABLE_CURRENT_A,
    CONF_CAR,
    CONF_CIRCUIT,
    CONF_DEPARTURES,
    CONF_MAX_CURRENT_A,
    CONF_MODE_AFTER_UNPLUG,
    CONF_NO_PASSWORD,
    CONF_PASSWORD,
    CONF_PASSWORD_HASH,
    CONF_PHASE_SWITCH,
    CONF_PHASE_SWITCHING,
    CONF_PHASES,
    CONF_PRIORITY,
    CONF_PROTOCOL,
    CONF_RELAY,
    CONF_ROTATION,
    CONF_SAFE_CURRENT_A,
    CONF_SECURITY,
    CONF_SOC,
    CONF_STATION_ID,
    CONF_STEP_A,
    CONF_WEBSOCKET_PING,
    CONF_WEIGHT,
    CONF_WRITES_FLASH,
    DEFAULT_MAX_CURRENT_A,
    GRID_CONNECTION,
    SUBENTRY_CHARGER,
)
from ..coordinator import SmartChargingConfigEntry
from ..engine.config import PhaseSwitching, StationConfig
from ..engine.control.safe_currents import safe_current_shortage
from ..engine.csms.handshake import station_id_of
from ..engine.csms.security import hash_password
from ..engine.model import MIN_CURRENT_A, ChargeMode, PhaseRotation
from ..listening import ListenSettings, async_charger_url
from ..offered_versions import versions_apart
from ..own_entities import own_sensors
from ..settings import (
    ANY_PROTOCOL,
    PROTOCOLS,
    circuit_parents,
    phase_switches,
    site_config,
    station_config,
    station_configs,
)
from .car import CAR_FIELDS, car_data, car_suggestions
from .departures import DEPARTURE_FIELDS, departures_data, departures_error, departures_suggestions
from .entities import Command, Quantity, command_error, entity_error
from .fields import amperes, choice, circuit_choice, filled, name_error, number, phase_count
from .relay import RELAY_FIELDS, relay_data, relay_errors, relay_suggestions
from .security import SECURITY_SCHEMA, asks_less, login_errors, security_data, security_errors, security_suggestions


def _rotation_label(rotation: PhaseRotation) -> str:
    """Return the grid phases at the station's terminals, the same text in every language."""
    return " ".join(f"L{phase + 1}" for phase in rotation.grid_phases(3))


_ROTATION_SELECTOR: Final = SelectSelector(
    SelectSelectorConfig(
        options=[SelectOptionDict(value=rotation.value, label=_rotation_label(rotation)) for rotation in PhaseRotation],
        mode=SelectSelectorMode.DROPDOWN,
    )
)
_LOGIN_FIELDS: Final[dict[probatio.Marker, Any]] = {
    probatio.Optional(CONF_PASSWORD): TextSelector(
        TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="new-password")
    ),
    probatio.Required(CONF_NO_PASSWORD, default=False): BooleanSelector(),
}
_WIRING_FIELDS: Final[dict[probatio.Marker, Any]] = {
    probatio.Required(CONF_MAX_CURRENT_A, default=DEFAULT_MAX_CURRENT_A): amperes(MIN_CURRENT_A, 80),
    probatio.Required(CONF_PHASES, default="3"): phase_count(),
    probatio.Required(CONF_ROTATION, default=PhaseRotation.RST.value): _ROTATION_SELECTOR,
    probatio.Required(CONF_SAFE_CURRENT_A, default=MIN_CURRENT_A): amperes(0, 80),
}
_BEHAVIOUR_FIELDS: Final[dict[probatio.Marker, Any]] = {
    probatio.Required(CONF_PRIORITY, default=0): NumberSelector(
        NumberSelectorConfig(min=-100, max=100, mode=NumberSelectorMode.BOX)
    ),
    probatio.Required(CONF_WRITES_FLASH, default=False): BooleanSelector(),
    probatio.Required(CONF_WEBSOCKET_PING, default=True): BooleanSelector(),
}

MODE_KEPT: Final = "keep"  # the choice that stands for no mode of its own after unplugging
_DEFAULT: Final = StationConfig(station_id="", name="")
_STEPS: Final = ("0.1", "1")
_ADVANCED_SCHEMA: Final = probatio.Schema(
    {
        probatio.Optional(CONF_CABLE_CURRENT_A): amperes(MIN_CURRENT_A, 80),
        probatio.Required(CONF_PHASE_SWITCHING, default=_DEFAULT.phase_switching.value): choice(
            PhaseSwitching, CONF_PHASE_SWITCHING
        ),
        probatio.Optional(CONF_PHASE_SWITCH): Command.SWITCH.selector(),
        probatio.Required(CONF_MODE_AFTER_UNPLUG, default=MODE_KEPT): choice(
            (MODE_KEPT, *ChargeMode), CONF_MODE_AFTER_UNPLUG
        ),
        probatio.Required(CONF_PROTOCOL, default=ANY_PROTOCOL): choice((ANY_PROTOCOL, *PROTOCOLS), CONF_PROTOCOL),
        probatio.Required(CONF_WEIGHT, default=_DEFAULT.weight): number(0.1, 10, step=0.1),
        probatio.Required(CONF_STEP_A, default=_STEPS[0]): SelectSelector(
            SelectSelectorConfig(options=[SelectOptionDict(value=step, label=f"{step} A") for step in _STEPS])
        ),
    }
)


@callback
def new_schema(hass: HomeAssistant, entry: ConfigEntry) -> probatio.Schema:
    """Return the form of a charger that is entered by hand."""
    return probatio.Schema({probatio.Required(CONF_STATION_ID): TextSelector(), **change_schema(hass, entry).schema})


@callback
def change_schema(hass: HomeAssistant, entry: ConfigEntry) -> probatio.Schema:
    """Return the form of a charger that exists."""
    return probatio.Schema(
        {
            **confirm_schema(entry).schema,
            **_BEHAVIOUR_FIELDS,
            probatio.Optional(CONF_SOC): Quantity.SOC.selector(own_sensors(hass)),
            probatio.Required(CONF_SECURITY): section(SECURITY_SCHEMA, {"collapsed": True}),
            probatio.Required(CONF_ADVANCED): section(_ADVANCED_SCHEMA, {"collapsed": True}),
            **CAR_FIELDS,
            **DEPARTURE_FIELDS,
            **RELAY_FIELDS,
        }
    )


@callback
def confirm_schema(entry: ConfigEntry) -> probatio.Schema:
    """Return the form of a charger that dialled in; of circuits only a site that has some asks."""
    circuit: dict[probatio.Marker, Any] = {}
    if circuit_parents(entry):
        circuit = {probatio.Required(CONF_CIRCUIT, default=GRID_CONNECTION): circuit_choice(entry)}
    return probatio.Schema({probatio.Required(CONF_NAME): TextSelector(), **_LOGIN_FIELDS, **circuit, **_WIRING_FIELDS})


@callback
def charger_with_id(entry: ConfigEntry, station_id: str) -> ConfigSubentry | None:
    """Return the charger of this station id, None where there is none."""
    return next(
        (known for known in entry.get_subentries_of_type(SUBENTRY_CHARGER) if known.unique_id == station_id), None
    )


@callback
def name_in_use(entry: ConfigEntry, name: str, station_id: str) -> bool:
    """Return whether another charger than this station has this name."""
    return any(
        known.unique_id != station_id and known.title.casefold() == name.casefold()
        for known in entry.get_subentries_of_type(SUBENTRY_CHARGER)
    )


@callback
def is_connected(entry: SmartChargingConfigEntry, station_id: str) -> bool:
    """Return whether this charger can be told something now."""
    if entry.state is not ConfigEntryState.LOADED:
        return False
    charger = entry.runtime_data.site.view.chargers.get(station_id)
    return charger is not None and charger.station.connected


async def async_charger_data(
    hass: HomeAssistant, station_id: str, user_input: Mapping[str, Any], kept_hash: str | None = None
) -> dict[str, Any]:
    """Return the subentry's data for what the user typed; of a password only the hash is kept."""
    password = user_input.get(CONF_PASSWORD)
    no_password = user_input[CONF_NO_PASSWORD]
    password_hash = None if no_password else kept_hash
    if password and not no_password:
        # Deliberately slow: it would hold up the loop.
        password_hash = await hass.async_add_executor_job(hash_password, password)
    # A charger that dialled in is confirmed without these.
    advanced = user_input.get(CONF_ADVANCED) or _ADVANCED_SCHEMA({})
    mode = advanced[CONF_MODE_AFTER_UNPLUG]
    data = {
        CONF_STATION_ID: station_id,
        CONF_PASSWORD_HASH: password_hash,
        CONF_NO_PASSWORD: no_password,
        CONF_MAX_CURRENT_A: user_input[CONF_MAX_CURRENT_A],
        CONF_PHASES: int(user_input[CONF_PHASES]),
        CONF_ROTATION: user_input[CONF_ROTATION],
        CONF_SAFE_CURRENT_A: user_input[CONF_SAFE_CURRENT_A],
        CONF_PRIORITY: int(user_input.get(CONF_PRIORITY, 0)),
        CONF_WRITES_FLASH: user_input.get(CONF_WRITES_FLASH, False),
        CONF_WEBSOCKET_PING: user_input.get(CONF_WEBSOCKET_PING, True),
        CONF_CIRCUIT: user_input.get(CONF_CIRCUIT, GRID_CONNECTION),
        CONF_SOC: user_input.get(CONF_SOC),
        **car_data(user_input),
        **departures_data(user_input),
        **security_data(user_input),
        **advanced,
        CONF_STEP_A: float(advanced[CONF_STEP_A]),
        CONF_MODE_AFTER_UNPLUG: None if mode == MODE_KEPT else mode,
    }
    return filled(data) | {CONF_PASSWORD_HASH: password_hash}


def charger_suggestions(title: str, data: Mapping[str, Any], circuit_ids: Collection[str]) -> dict[str, Any]:
    """Return the form's values for a charger that exists, whichever version it was added by."""
    advanced = {str(key): data[key] for key in _ADVANCED_SCHEMA.schema if key in data}
    if CONF_STEP_A in advanced:
        advanced[CONF_STEP_A] = f"{advanced[CONF_STEP_A]:g}"
    circuit = data.get(CONF_CIRCUIT)
    return {
        **data,
        CONF_NAME: title,
        CONF_PHASES: str(data[CONF_PHASES]),
        CONF_CIRCUIT: circuit if circuit in circuit_ids else GRID_CONNECTION,
        CONF_SECURITY: security_suggestions(data),
        CONF_ADVANCED: advanced,
        CONF_CAR: car_suggestions(data),
        CONF_DEPARTURES: departures_suggestions(data),
        CONF_RELAY: relay_suggestions(data),
    }


@callback
def charger_errors(hass: HomeAssistant, entry: ConfigEntry, name: str, data: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with a charger's settings, by field, beside the site's other chargers."""
    errors = security_errors(entry, data)
    known = charger_with_id(entry, data[CONF_STATION_ID])
    if error := name_error(entry, SUBENTRY_CHARGER, name, None if known is None else known.subentry_id):
        errors[CONF_NAME] = error
    if known is None and id_at_another_site(hass, entry, data[CONF_STATION_ID]):
        errors["base"] = "station_id_at_another_site"
    safe = data[CONF_SAFE_CURRENT_A]
    if 0 < safe < MIN_CURRENT_A:
        errors[CONF_SAFE_CURRENT_A] = "safe_current_low"
    elif safe > data[CONF_MAX_CURRENT_A]:
        errors[CONF_SAFE_CURRENT_A] = "safe_current_high"
    elif safe > data.get(CONF_CABLE_CURRENT_A, safe):
        errors[CONF_SAFE_CURRENT_A] = "safe_current_above_cable"
    elif not _safe_current_fits(hass, entry, data):
        errors[CONF_SAFE_CURRENT_A] = "safe_current_does_not_fit"
    return errors


@callback
def mapping_errors(
    hass: HomeAssistant, entry: ConfigEntry, data: Mapping[str, Any]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return what is wrong with a charger's entities, by field, and the placeholders of the texts."""
    errors: dict[str, str] = {}
    placeholders = {"entity": ""}
    if CONF_SOC in data and (error := entity_error(hass, data[CONF_SOC], Quantity.SOC)):
        errors[CONF_SOC], placeholders = error, {"entity": data[CONF_SOC]}
    if (problem := departures_error(hass, data)) is not None:
        errors[CONF_DEPARTURES], placeholders["entity"] = problem
    if error := _phase_switching_error(hass, entry, data):
        errors[CONF_ADVANCED], placeholders = error, {"entity": data.get(CONF_PHASE_SWITCH, "")}
    elif entry.state is ConfigEntryState.LOADED:
        if versions := versions_apart(entry.runtime_data.csms.turned_away, data):
            errors[CONF_ADVANCED], placeholders = "version_not_offered", placeholders | versions
    return errors, placeholders


@callback
def _phase_switching_error(hass: HomeAssistant, entry: ConfigEntry, data: Mapping[str, Any]) -> str | None:
    """Return what speaks against changing this charger's phases as chosen."""
    if data[CONF_PHASE_SWITCHING] == PhaseSwitching.NONE:
        return None
    if data[CONF_PHASES] == 1 or entry.data[CONF_PHASES] == 1:
        return "phase_switching_one_phase"
    if data[CONF_PHASE_SWITCHING] == PhaseSwitching.OCPP:
        return None
    if (switch := data.get(CONF_PHASE_SWITCH)) is None:
        return "phase_switch_missing"
    others = {entity for station_id, entity in phase_switches(entry).items() if station_id != data[CONF_STATION_ID]}
    return command_error(hass, switch, Command.SWITCH) or ("entity_twice" if switch in others else None)


@callback
def _safe_current_fits(hass: HomeAssistant, entry: ConfigEntry, data: Mapping[str, Any]) -> bool:
    """Return whether this charger, and all that had their safe current before, get theirs."""
    site = site_config(hass, entry)
    station_id = data[CONF_STATION_ID]
    candidate = station_config(
        ConfigSubentry(
            data=MappingProxyType(dict(data)), subentry_type=SUBENTRY_CHARGER, title="", unique_id=station_id
        ),
        circuit_parents(entry),
    )
    others = [known for known in station_configs(entry).values() if known.station_id != station_id]
    short = set(safe_current_shortage(site, [*others, candidate]))
    return station_id not in short and short <= set(safe_current_shortage(site, others))


class ChargerFlow(ConfigSubentryFlow):
    """Add or change a charging station."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Enter a new charger, before or after it was told the address."""
        entry = self._get_entry()
        errors: dict[str, str] = {}
        placeholders = {"entity": ""}
        if user_input is not None:
            station_id, name = user_input[CONF_STATION_ID].strip(), user_input[CONF_NAME].strip()
            if station_id_of(f"/{quote(station_id, safe='')}") != station_id:
                errors[CONF_STATION_ID] = "station_id_unfit"
            elif charger_with_id(entry, station_id) is not None:
                errors[CONF_STATION_ID] = "station_id_in_use"
            errors |= login_errors(user_input)
            if not errors:
                data = await async_charger_data(self.hass, station_id, user_input) | relay_data(user_input)
                errors, placeholders = self._errors(name, data)
                if not errors:
                    return self.async_create_entry(title=name, data=data, unique_id=station_id)
        schema = new_schema(self.hass, entry)
        return await self._async_form("user", schema, user_input, errors, placeholders | {"station_id": ""})

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Change everything but the id, which is what the charger is known by."""
        entry, subentry = self._get_entry(), self._get_reconfigure_subentry()
        station_id, kept_hash = subentry.data[CONF_STATION_ID], subentry.data[CONF_PASSWORD_HASH]
        connected = is_connected(entry, station_id)
        errors: dict[str, str] = {}
        placeholders = {"entity": ""}
        if user_input is not None and not (errors := login_errors(user_input, kept_hash, to_tell=connected)):
            name = user_input[CONF_NAME].strip()
            password = user_input.get(CONF_PASSWORD)
            told = bool(password) and connected
            if told:
                # The charger is asked for its new password only once it took it over.
                user_input = {**user_input, CONF_PASSWORD: None, CONF_NO_PASSWORD: subentry.data[CONF_NO_PASSWORD]}
            data = await async_charger_data(self.hass, station_id, user_input, kept_hash)
            data |= relay_data(user_input, subentry.data.get(CONF_RELAY))
            errors, placeholders = self._errors(name, data)
            if not errors:
                if told:
                    entry.runtime_data.changes.async_hand_over_password(subentry.subentry_id, password)
                if asks_less(entry, data):
                    entry.runtime_data.changes.async_forget_security_profile(station_id)
                return self.async_update_and_abort(entry, subentry, title=name, data=data)
        values = user_input or charger_suggestions(subentry.title, subentry.data, circuit_parents(entry))
        schema = change_schema(self.hass, entry)
        return await self._async_form("reconfigure", schema, values, errors, placeholders | {"station_id": station_id})

    def _errors(self, name: str, data: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
        """Return what is wrong with a charger by field, and the placeholders of the texts."""
        if errors := relay_errors(data):  # the rest is judged beside what the engine could not be given
            return errors, {"entity": ""}
        errors, placeholders = mapping_errors(self.hass, self._get_entry(), data)
        return errors | charger_errors(self.hass, self._get_entry(), name, data), placeholders

    async def _async_form(
        self,
        step: str,
        schema: probatio.Schema,
        values: dict[str, Any] | None,
        errors: dict[str, str],
        placeholders: dict[str, str],
    ) -> SubentryFlowResult:
        """Show the form with the URL that the charger has to dial."""
        url = await async_charger_url(self.hass, ListenSettings.from_data(self._get_entry().data))
        return self.async_show_form(
            step_id=step,
            data_schema=self.add_suggested_values_to_schema(schema, values),
            errors=errors,
            description_placeholders=placeholders | {"url": url},
        )
