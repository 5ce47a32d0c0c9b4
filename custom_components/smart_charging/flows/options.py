"""Options of a site: how it runs, beside what it is."""

from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import NumberSelector, NumberSelectorConfig, NumberSelectorMode
import probatio

from ..const import CONF_EXPERT, CONF_LEASE_HOLD_S, CONF_LEASE_RENEW_S
from ..engine.config import LeaseTimes
from ..settings import lease_times

_SECONDS: Final = NumberSelector(
    NumberSelectorConfig(min=2, max=3600, step=1, mode=NumberSelectorMode.BOX, unit_of_measurement="s")
)
OPTIONS_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(CONF_EXPERT): section(
            probatio.Schema(
                {
                    probatio.Required(CONF_LEASE_HOLD_S, default=LeaseTimes().hold_s): _SECONDS,
                    probatio.Required(CONF_LEASE_RENEW_S, default=LeaseTimes().renew_s): _SECONDS,
                }
            ),
            {"collapsed": True},
        )
    }
)


class SiteOptionsFlow(OptionsFlow):
    """Change how long a charger follows its limit when nobody renews it."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the only page."""
        errors: dict[str, str] = {}
        if user_input is not None:
            options = user_input[CONF_EXPERT]
            try:
                lease_times(options)
            except ValueError:
                errors[CONF_EXPERT] = "lease_too_short"
            else:
                return self.async_create_entry(data=dict(self.config_entry.options) | options)
        values = user_input or {CONF_EXPERT: dict(self.config_entry.options)}
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(OPTIONS_SCHEMA, values),
            errors=errors,
        )
