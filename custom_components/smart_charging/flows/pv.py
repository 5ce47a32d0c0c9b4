"""A PV system: the existing entity that tells its power."""

from collections.abc import Iterable, Mapping
from typing import Any

from homeassistant.config_entries import ConfigEntry, ConfigSubentry, ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.selector import BooleanSelector, TextSelector
import probatio

from ..const import CONF_INVERT, CONF_POWER, SUBENTRY_PV
from ..own_entities import own_sensors
from .entities import Quantity, entity_name, first_entity_error


@callback
def pv_schema(hass: HomeAssistant) -> probatio.Schema:
    """Return the form for one system."""
    return probatio.Schema(
        {
            probatio.Optional(CONF_NAME): TextSelector(),
            probatio.Required(CONF_POWER): Quantity.POWER.selector(own_sensors(hass)),
            probatio.Required(CONF_INVERT, default=False): BooleanSelector(),
        }
    )


@callback
def first_pv_schema(hass: HomeAssistant) -> probatio.Schema:
    """Return the form of the first set-up: all systems are chosen at once; each becomes its own subentry."""
    selector = Quantity.POWER.selector(own_sensors(hass), multiple=True)
    return probatio.Schema({probatio.Optional(CONF_POWER, default=list): selector})


def pv_data(power: str, *, invert: bool = False) -> dict[str, Any]:
    """Return the data of a PV subentry."""
    return {CONF_POWER: power, CONF_INVERT: invert}


@callback
def pv_errors(
    hass: HomeAssistant, chosen: Iterable[str], taken: Iterable[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return what is wrong with these entities by field, and the placeholders of the texts."""
    seen = set(taken)
    for entity_id in chosen:
        if entity_id in seen:
            return {CONF_POWER: "entity_twice"}, {"entity": entity_id}
        seen.add(entity_id)
        error, placeholders = first_entity_error(hass, [(entity_id, Quantity.POWER)])
        if error:
            return {CONF_POWER: error}, placeholders
    return {}, {"entity": ""}


class PvFlow(ConfigSubentryFlow):
    """Add or change a PV system."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Choose the entity of a new system."""
        errors, placeholders = self._errors(user_input, None)
        if user_input is not None and not errors:
            return self.async_create_entry(title=self._title(user_input), data=_data(user_input))
        return self._form("user", user_input, errors, placeholders)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Choose another name or entity."""
        subentry = self._get_reconfigure_subentry()
        errors, placeholders = self._errors(user_input, subentry)
        if user_input is not None and not errors:
            return self.async_update_and_abort(
                self._get_entry(), subentry, title=self._title(user_input), data=_data(user_input)
            )
        values = user_input or {CONF_NAME: subentry.title, **subentry.data}
        return self._form("reconfigure", values, errors, placeholders)

    def _errors(
        self, user_input: dict[str, Any] | None, subentry: ConfigSubentry | None
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Check the entity, which no other system may use."""
        if user_input is None:
            return {}, {"entity": ""}
        return pv_errors(self.hass, [user_input[CONF_POWER]], _taken(self._get_entry(), subentry))

    def _title(self, user_input: Mapping[str, Any]) -> str:
        """Return the name the user gave, or the entity's."""
        return user_input.get(CONF_NAME, "").strip() or entity_name(self.hass, user_input[CONF_POWER])

    def _form(
        self, step: str, values: dict[str, Any] | None, errors: dict[str, str], placeholders: dict[str, str]
    ) -> SubentryFlowResult:
        """Show the form."""
        return self.async_show_form(
            step_id=step,
            data_schema=self.add_suggested_values_to_schema(pv_schema(self.hass), values),
            errors=errors,
            description_placeholders=placeholders,
        )


def _data(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the subentry's data for what the user chose."""
    return pv_data(user_input[CONF_POWER], invert=user_input[CONF_INVERT])


def _taken(entry: ConfigEntry, but: ConfigSubentry | None) -> set[str]:
    """Return the entities that the other PV systems use."""
    return {
        subentry.data[CONF_POWER]
        for subentry in entry.get_subentries_of_type(SUBENTRY_PV)
        if but is None or subentry.subentry_id != but.subentry_id
    }
