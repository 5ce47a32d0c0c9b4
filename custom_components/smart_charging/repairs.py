"""Fixes that a repair offers: another port where the wanted one is taken, a new key where the ledger's is lost."""

from typing import Any, Final

from homeassistant.components.repairs import ConfirmRepairFlow, RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.selector import NumberSelector, NumberSelectorConfig, NumberSelectorMode
import probatio

from .const import CONF_PORT, DEFAULT_PORT, DOMAIN
from .engine.ledger import LedgerError
from .flows.site import whole_port
from .host_ledger import async_start_with_new_key
from .issues import ISSUE_LEDGER_KEY, Issue
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


class LedgerKeyFlow(RepairsFlow):
    """Let the user try again after the key is back, or go on without the values that it would have decrypted."""

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Ask which of the two."""
        return self.async_show_menu(step_id="init", menu_options=["retry", "new_key"])

    async def async_step_retry(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Set the sites up again; where the key is still missing the issue comes back."""
        return self._finish()

    async def async_step_new_key(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Begin with a new key, once the user said that they mean it."""
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                await async_start_with_new_key(self.hass)
            except LedgerError:
                errors["base"] = "not_possible"
            else:
                return self._finish()
        return self.async_show_form(step_id="new_key", data_schema=probatio.Schema({}), errors=errors)

    def _finish(self) -> RepairsFlowResult:
        """Set all sites up again, for they share the ledger."""
        for entry in self.hass.config_entries.async_entries(DOMAIN, include_disabled=False):
            self.hass.config_entries.async_schedule_reload(entry.entry_id)
        return self.async_create_entry(data={})


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow that fixes an issue; a site that went needs no more than a confirmation."""
    if issue_id == Issue(ISSUE_LEDGER_KEY, "host").id:
        return LedgerKeyFlow()
    entry = hass.config_entries.async_get_entry(str((data or {}).get("entry_id")))
    return ConfirmRepairFlow() if entry is None else PortTakenFlow(entry)
