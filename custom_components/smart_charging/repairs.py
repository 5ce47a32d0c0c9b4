"""Fixes that a repair offers: another port where the wanted one is taken."""

from typing import Any, Final

from homeassistant.components.repairs import ConfirmRepairFlow, RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.selector import NumberSelector, NumberSelectorConfig, NumberSelectorMode
import probatio

from .const import CONF_PORT, DEFAULT_PORT
from .flows.site import whole_port
from .listening import ListenSettings, bind_error

_PORT_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(CONF_PORT, default=DEFAULT_PORT): NumberSelector(
            NumberSelectorConfig(min=1, max=65535, mode=NumberSelectorMode.BOX)
        )
    }
)


class PortTakenFlow(RepairsFlow):
    """Let the user choose another port, or try the same once more."""

    def __init__(self, entry: ConfigEntry) -> None:
        """Take the site that can't listen."""
        super().__init__()
        self._entry = entry

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Begin with the port."""
        return await self.async_step_port()

    async def async_step_port(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Try the port; with a free one the site is set up again."""
        errors: dict[str, str] = {}
        if user_input is not None:
            data = {**self._entry.data, CONF_PORT: whole_port(user_input[CONF_PORT])}
            whole = isinstance(data[CONF_PORT], int)
            error = bind_error(ListenSettings.from_data(data)) if whole else "port_not_whole"
            if error is None:
                self.hass.config_entries.async_update_entry(self._entry, data=data)
                self.hass.config_entries.async_schedule_reload(self._entry.entry_id)
                return self.async_create_entry(data={})
            errors[CONF_PORT] = error
        return self.async_show_form(
            step_id="port",
            data_schema=self.add_suggested_values_to_schema(
                _PORT_SCHEMA, user_input or {CONF_PORT: self._entry.data[CONF_PORT]}
            ),
            errors=errors,
            description_placeholders={"site": self._entry.title},
        )


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow that fixes an issue; a site that went needs no more than a confirmation."""
    entry = hass.config_entries.async_get_entry(str((data or {}).get("entry_id")))
    return ConfirmRepairFlow() if entry is None else PortTakenFlow(entry)
