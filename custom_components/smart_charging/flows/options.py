"""Options of a site: how it runs, beside what it is; a menu leads to a page for each subject."""

from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import probatio

from ..const import (
    CONF_ACCESS_MODE,
    CONF_FILES_ADDRESS,
    CONF_GROUPS_SHARE,
    CONF_LEASE_HOLD_S,
    CONF_LEASE_RENEW_S,
    CONF_LOCAL_LISTS,
    CONF_PEAK_DAYS,
    CONF_PEAK_FLOOR_KW,
    CONF_PEAK_INTERVAL_MIN,
    CONF_PEAK_PRESET,
    CONF_PEAK_PRICE,
    CONF_PEAK_TARGET_KW,
    CONF_PHASE_SWITCHES,
    CONF_PHASES_DOWN_S,
    CONF_PHASES_HOLD_S,
    CONF_PHASES_UP_S,
    CONF_POWER_LIMIT_W,
    CONF_PRICE_SOURCE,
    CONF_PRICES,
    CONF_RESIDUAL_W,
    CONF_SENIORITY_PER_H,
    CONF_SMOOTHING_S,
    CONF_SOLAR_PRESET,
    CONF_START_S,
    CONF_START_SHARE,
    CONF_STOP_S,
    CONF_STOP_SHARE,
    CONF_TURN_MIN,
    CONF_UNBALANCE_A,
    CONF_WEB_SERVER,
    CONF_ZERO_EXPORT,
    DEFAULT_SENIORITY_PER_H,
    DEFAULT_TURN_MIN,
)
from ..engine.config import LeaseTimes, PeakConfig, SolarConfig
from ..engine.control.peak import PRESETS, PeakPreset
from ..engine.id_token import AccessMode, LocalListUse
from ..ocpp_view import MOUNT
from ..price_settings import PriceSource
from ..site_options import PEAK_CUSTOM, PEAK_NONE, SolarPreset, lease_times
from ..stored_files import is_files_address
from . import prices
from .carbon import with_way_to_read
from .fields import Answer, amperes, choice, filled, number, percent, power_limit_error, seconds, watts
from .forecasts import FORECASTS_SCHEMA, async_found, forecast_errors

_PEAK: Final = PeakConfig()
_SOLAR: Final = SolarConfig()
_LEASE_SECONDS: Final = seconds(2, 3600)
_KILOWATTS: Final = number(0.1, 10_000, "kW", 0.1)
_PEAK_PRICE: Final = number(0, 10_000, step=0.01)  # in the currency of Home Assistant

LIMITS_SCHEMA: Final = probatio.Schema(
    {
        probatio.Optional(CONF_POWER_LIMIT_W): watts(0, 10_000_000),
        probatio.Optional(CONF_UNBALANCE_A): amperes(1, 1000, 0.1),
        probatio.Required(CONF_TURN_MIN, default=DEFAULT_TURN_MIN): number(1, 240, "min"),
        probatio.Required(CONF_SENIORITY_PER_H, default=DEFAULT_SENIORITY_PER_H): number(0, 10, step=0.1),
    }
)
PEAK_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(CONF_PEAK_PRESET, default=PEAK_NONE): choice(
            (PEAK_NONE, *PeakPreset, PEAK_CUSTOM), CONF_PEAK_PRESET
        )
    }
)
PEAK_CUSTOM_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(CONF_PEAK_TARGET_KW, default=_PEAK.target_w / 1000): _KILOWATTS,
        probatio.Required(CONF_PEAK_INTERVAL_MIN, default=str(_PEAK.interval_min)): SelectSelector(
            SelectSelectorConfig(
                options=[SelectOptionDict(value=minutes, label=f"{minutes} min") for minutes in ("15", "60")]
            )
        ),
        probatio.Required(CONF_PEAK_DAYS, default=_PEAK.days): number(1, 31),
        probatio.Required(CONF_PEAK_FLOOR_KW, default=_PEAK.floor_w / 1000): number(0, 10_000, "kW", 0.1),
        probatio.Optional(CONF_PEAK_PRICE): _PEAK_PRICE,
    }
)
SOLAR_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(CONF_SOLAR_PRESET, default=SolarPreset.TUNED.value): choice(SolarPreset, CONF_SOLAR_PRESET),
        probatio.Required(CONF_RESIDUAL_W, default=_SOLAR.residual_w): watts(-10_000, 10_000),
        probatio.Required(CONF_ZERO_EXPORT, default=_SOLAR.zero_export): BooleanSelector(),
    }
)
SOLAR_CUSTOM_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(CONF_START_SHARE, default=_SOLAR.start_share * 100): percent(0, 200),
        probatio.Required(CONF_START_S, default=_SOLAR.start_s): seconds(0, 3600),
        probatio.Required(CONF_STOP_SHARE, default=_SOLAR.stop_share * 100): percent(0, 200),
        probatio.Required(CONF_STOP_S, default=_SOLAR.stop_s): seconds(0, 7200),
        probatio.Required(CONF_SMOOTHING_S, default=_SOLAR.smoothing_s): seconds(1, 3600),
        probatio.Required(CONF_PHASES_UP_S, default=_SOLAR.phases_up_s): seconds(0, 3600),
        probatio.Required(CONF_PHASES_DOWN_S, default=_SOLAR.phases_down_s): seconds(0, 3600),
        probatio.Required(CONF_PHASES_HOLD_S, default=_SOLAR.phases_hold_s): seconds(0, 7200),
        probatio.Required(CONF_PHASE_SWITCHES, default=_SOLAR.phase_switches_per_day): number(0, 200),
    }
)
ACCESS_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(CONF_ACCESS_MODE, default=AccessMode.ACCEPT_ALL.value): choice(AccessMode, CONF_ACCESS_MODE),
        probatio.Required(CONF_GROUPS_SHARE, default=False): BooleanSelector(),
        probatio.Required(CONF_LOCAL_LISTS, default=LocalListUse.AUTOMATIC.value): choice(
            LocalListUse, CONF_LOCAL_LISTS
        ),
    }
)
EXPERT_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(CONF_LEASE_HOLD_S, default=LeaseTimes().hold_s): _LEASE_SECONDS,
        probatio.Required(CONF_LEASE_RENEW_S, default=LeaseTimes().renew_s): _LEASE_SECONDS,
    }
)
CONNECTION_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(CONF_WEB_SERVER, default=False): BooleanSelector(),
        probatio.Optional(CONF_FILES_ADDRESS): TextSelector(TextSelectorConfig(type=TextSelectorType.URL)),
    }
)


class SiteOptionsFlow(OptionsFlow):
    """Change how a site runs, one subject at a time; the others stay as they are."""

    def __init__(self) -> None:
        """Start with nothing entered."""
        self._chosen: dict[str, Any] = {}

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the subjects."""
        subjects = ["limits", "peak", "solar", "prices", "forecasts", "access", "connection", "expert"]
        return self.async_show_menu(step_id="init", menu_options=subjects)

    async def async_step_limits(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Enter what bounds the site besides its fuses."""
        if user_input is None:
            return self._form("limits", LIMITS_SCHEMA)
        if error := power_limit_error(user_input):
            errors = {CONF_POWER_LIMIT_W: error}
            return self._form("limits", LIMITS_SCHEMA, values=user_input, errors=errors)
        return self._keep(LIMITS_SCHEMA, filled(user_input))

    async def async_step_peak(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose the tariff on peak power."""
        if user_input is None:
            return self._form("peak", PEAK_SCHEMA, last_step=False)
        self._chosen = user_input
        preset = user_input[CONF_PEAK_PRESET]
        if preset == PEAK_NONE:
            return self._keep(_PEAK_FIELDS, user_input)
        if preset == PEAK_CUSTOM:
            return await self.async_step_peak_custom()
        return await self.async_step_peak_target()

    async def async_step_peak_target(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Enter what is to be kept to under a tariff known by name."""
        if user_input is not None:
            return self._keep(_PEAK_FIELDS, self._chosen | user_input)
        preset = self._chosen[CONF_PEAK_PRESET]
        default = PRESETS[PeakPreset(preset)].target_w / 1000
        schema = probatio.Schema(
            {
                probatio.Required(CONF_PEAK_TARGET_KW, default=default): _KILOWATTS,
                probatio.Optional(CONF_PEAK_PRICE): _PEAK_PRICE,
            }
        )
        # Another tariff's target says nothing about this one's.
        same = self.config_entry.options.get(CONF_PEAK_PRESET) == preset
        return self._form("peak_target", schema, values=None if same else {}, placeholders=self._currency)

    async def async_step_peak_custom(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Enter a tariff of one's own."""
        if user_input is not None:
            return self._keep(_PEAK_FIELDS, self._chosen | user_input)
        return self._form("peak_custom", PEAK_CUSTOM_SCHEMA, placeholders=self._currency)

    async def async_step_solar(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose how surplus is followed."""
        if user_input is None:
            return self._form("solar", SOLAR_SCHEMA, last_step=False)
        self._chosen = user_input
        if user_input[CONF_SOLAR_PRESET] == SolarPreset.CUSTOM:
            return await self.async_step_solar_custom()
        return self._keep(_SOLAR_FIELDS, user_input)

    async def async_step_solar_custom(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Enter thresholds and times of one's own."""
        if user_input is None:
            return self._form("solar_custom", SOLAR_CUSTOM_SCHEMA)
        if user_input[CONF_STOP_SHARE] > user_input[CONF_START_SHARE]:
            errors = {CONF_STOP_SHARE: "stop_above_start"}
            return self._form("solar_custom", SOLAR_CUSTOM_SCHEMA, values=user_input, errors=errors)
        return self._keep(_SOLAR_FIELDS, self._chosen | user_input)

    async def async_step_prices(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose where prices come from."""
        answer = Answer()
        if user_input is not None:
            answer = prices.first_errors(self.hass, self.config_entry, user_input)
            if not answer.errors:
                self._chosen = with_way_to_read(self.hass, user_input)
                if user_input[CONF_PRICE_SOURCE] == PriceSource.NONE:
                    return self._keep(prices.PRICES_FIELD, {})
                return await self._price_page(prices.pages(self._chosen)[0])
        return self._form(
            "prices",
            prices.FIRST_SCHEMA,
            values=user_input or self.config_entry.options.get(CONF_PRICES, {}),
            errors=answer.errors,
            placeholders={"entity": "", "detail": "", **answer.placeholders},
            last_step=False,
        )

    async def async_step_prices_fixed(self, user_input: dict[str, Any]) -> ConfigFlowResult:
        """Enter one price for all time."""
        return await self._price_page("prices_fixed", user_input)

    async def async_step_prices_time_of_use(self, user_input: dict[str, Any]) -> ConfigFlowResult:
        """Enter prices by season, weekday and hour."""
        return await self._price_page("prices_time_of_use", user_input)

    async def async_step_prices_entity(self, user_input: dict[str, Any]) -> ConfigFlowResult:
        """Choose entities that list prices."""
        return await self._price_page("prices_entity", user_input)

    async def async_step_prices_action(self, user_input: dict[str, Any]) -> ConfigFlowResult:
        """Choose whom to ask for prices."""
        return await self._price_page("prices_action", user_input)

    async def async_step_prices_attribute(self, user_input: dict[str, Any]) -> ConfigFlowResult:
        """Say where an entity lists prices."""
        return await self._price_page("prices_attribute", user_input)

    async def async_step_prices_openadr(self, user_input: dict[str, Any]) -> ConfigFlowResult:
        """Choose the OpenADR server that announces prices."""
        return await self._price_page("prices_openadr", user_input)

    async def async_step_prices_feed_in_fixed(self, user_input: dict[str, Any]) -> ConfigFlowResult:
        """Enter what feeding in earns."""
        return await self._price_page("prices_feed_in_fixed", user_input)

    async def async_step_prices_feed_in_entity(self, user_input: dict[str, Any]) -> ConfigFlowResult:
        """Choose entities that list what feeding in earns."""
        return await self._price_page("prices_feed_in_entity", user_input)

    async def async_step_prices_formula(self, user_input: dict[str, Any]) -> ConfigFlowResult:
        """Enter what is put on the prices."""
        return await self._price_page("prices_formula", user_input)

    async def async_step_prices_co2(self, user_input: dict[str, Any]) -> ConfigFlowResult:
        """Say where entities list what CO2 they forecast."""
        return await self._price_page("prices_co2", user_input)

    async def async_step_prices_understood(self, user_input: dict[str, Any]) -> ConfigFlowResult:
        """Keep the prices once it was shown what they come to."""
        return self._keep(prices.PRICES_FIELD, {CONF_PRICES: self._chosen})

    async def _price_page(self, step: str, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show a page of prices, or take what was entered and show the next one."""
        answer = Answer()
        if user_input is not None:
            chosen = self._chosen | filled(user_input)
            answer = await prices.async_page_errors(self.hass, self.config_entry, step, chosen)
            if not answer.errors:
                self._chosen, follow = chosen, prices.pages(chosen)
                return await self._price_page(follow[follow.index(step) + 1])
        elif step == "prices_understood":
            answer = await prices.async_understood(self.hass, self.config_entry, self._chosen)
        return self._form(
            step,
            prices.page_schema(self.hass, self.config_entry, step, self._chosen),
            values=user_input or self.config_entry.options.get(CONF_PRICES, {}),
            errors=answer.errors,
            placeholders={**prices.NO_PLACEHOLDERS, "currency": self.hass.config.currency, **answer.placeholders},
            last_step=step == "prices_understood",
        )

    async def async_step_forecasts(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose who is asked what the panels will bring."""
        placeholders = {"found": await async_found(self.hass), "entity": ""}
        if user_input is None:
            return self._form("forecasts", FORECASTS_SCHEMA, placeholders=placeholders)
        errors, placeholders["entity"] = forecast_errors(self.hass, user_input)
        if errors:
            return self._form(
                "forecasts", FORECASTS_SCHEMA, values=user_input, errors=errors, placeholders=placeholders
            )
        return self._keep(FORECASTS_SCHEMA, filled(user_input))

    async def async_step_access(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose who may charge."""
        if user_input is None:
            return self._form("access", ACCESS_SCHEMA)
        return self._keep(ACCESS_SCHEMA, user_input)

    async def async_step_connection(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose how chargers may come in through Home Assistant's own web server, and where they find files."""
        placeholders = {"path": f"{MOUNT}/"}
        if user_input is None:
            return self._form("connection", CONNECTION_SCHEMA, placeholders=placeholders)
        if not is_files_address(user_input.get(CONF_FILES_ADDRESS)):
            errors = {CONF_FILES_ADDRESS: "files_address_unfit"}
            return self._form(
                "connection", CONNECTION_SCHEMA, values=user_input, errors=errors, placeholders=placeholders
            )
        return self._keep(CONNECTION_SCHEMA, filled(user_input))

    async def async_step_expert(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Enter how long a charger follows its limit when nobody renews it."""
        if user_input is None:
            return self._form("expert", EXPERT_SCHEMA)
        try:
            lease_times(user_input)
        except ValueError:
            errors = {CONF_LEASE_RENEW_S: "lease_too_short"}
            return self._form("expert", EXPERT_SCHEMA, values=user_input, errors=errors)
        return self._keep(EXPERT_SCHEMA, user_input)

    @property
    def _currency(self) -> dict[str, str]:
        return {"currency": self.hass.config.currency}

    def _form(
        self,
        step: str,
        schema: probatio.Schema,
        *,
        values: dict[str, Any] | None = None,
        errors: dict[str, str] | None = None,
        placeholders: dict[str, str] | None = None,
        last_step: bool = True,
    ) -> ConfigFlowResult:
        """Show a page with these values, by default those that hold now."""
        shown = dict(self.config_entry.options) if values is None else values
        return self.async_show_form(
            step_id=step,
            data_schema=self.add_suggested_values_to_schema(schema, shown),
            errors=errors,
            description_placeholders=placeholders,
            last_step=last_step,
        )

    def _keep(self, subject: probatio.Schema, values: dict[str, Any]) -> ConfigFlowResult:
        """Keep a subject's values in the place of its old ones."""
        others = {key: value for key, value in self.config_entry.options.items() if key not in subject.schema}
        return self.async_create_entry(data=others | values)


_PEAK_FIELDS: Final = probatio.Schema({**PEAK_SCHEMA.schema, **PEAK_CUSTOM_SCHEMA.schema})
_SOLAR_FIELDS: Final = probatio.Schema({**SOLAR_SCHEMA.schema, **SOLAR_CUSTOM_SCHEMA.schema})
