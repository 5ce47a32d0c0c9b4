"""A controllable device that is led elsewhere, such as a heat pump: it counts in section 14a EnWG, and takes its part of a limit."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.config_entries import SubentryFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.selector import TextSelector
import probatio

from ..const import CONF_DEVICE_KIND, CONF_POWER, CONF_RATED_KW, SUBENTRY_OTHER_DEVICE
from ..engine.grid.section_14a import DeviceKind
from ..own_entities import own_sensors
from .entities import Quantity, first_entity_error
from .fields import choice, filled, name_error, number
from .part import PartFlow

_LEAST_KW: Final = 4.3  # smaller ones are none that the law means
_KINDS: Final = (DeviceKind.HEAT_PUMP, DeviceKind.AIR_CONDITIONING)


@callback
def device_schema(hass: HomeAssistant) -> probatio.Schema:
    """Return the form."""
    return probatio.Schema(
        {
            probatio.Required(CONF_NAME): TextSelector(),
            probatio.Required(CONF_DEVICE_KIND, default=DeviceKind.HEAT_PUMP.value): choice(_KINDS, CONF_DEVICE_KIND),
            probatio.Required(CONF_RATED_KW): number(_LEAST_KW, 10_000, "kW", 0.1),
            probatio.Optional(CONF_POWER): Quantity.POWER.selector(own_sensors(hass)),
        }
    )


class OtherDeviceFlow(PartFlow):
    """Add or change a device that is led elsewhere."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Enter a new device."""
        return self._step("user", user_input, user_input)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Change a device."""
        subentry = self._get_reconfigure_subentry()
        return self._step("reconfigure", user_input, user_input or {**subentry.data, CONF_NAME: subentry.title})

    def _step(
        self, step: str, user_input: dict[str, Any] | None, values: Mapping[str, Any] | None
    ) -> SubentryFlowResult:
        errors: dict[str, str] = {}
        placeholders = {"entity": ""}
        if user_input is not None:
            name, data = user_input[CONF_NAME].strip(), _data(user_input)
            errors, placeholders = self._errors(name, data)
            if not errors:
                return self.keep(name, data)
        return self.async_show_form(
            step_id=step,
            data_schema=self.add_suggested_values_to_schema(device_schema(self.hass), values),
            errors=errors,
            description_placeholders=placeholders,
        )

    def _errors(self, name: str, data: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
        """Return what is wrong, by field, and the placeholders of the texts."""
        chosen = [(data[CONF_POWER], Quantity.POWER)] if CONF_POWER in data else []
        error, placeholders = first_entity_error(self.hass, chosen)
        errors = {} if error is None else {CONF_POWER: error}
        if name_is := name_error(self._get_entry(), SUBENTRY_OTHER_DEVICE, name, self.own_id):
            errors[CONF_NAME] = name_is
        return errors, placeholders


def _data(user_input: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in filled(user_input).items() if key != CONF_NAME}
