"""A demand of the grid operator: first what it is, by country or by how it is told, then its page."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry, SubentryFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.core import callback
import probatio

from ..const import CONF_PEAK_PRESET, CONF_PEAK_PRICE, CONF_PEAK_TARGET_KW, CONF_PRESET, SUBENTRY_GRID_SIGNAL
from ..engine.control.peak import PRESETS
from ..grid_presets import PAGE_OF, PEAK_OF, PRESETS_OF_COUNTRY, GridPage, GridPreset
from ..grid_settings import page_of
from .fields import Answer, choice, filled, name_error, number
from .grid_messages import MESSAGE_PAGES, NEW_ADDRESS_FIELD, address_placeholders, way_answer, with_address
from .grid_openadr import async_openadr_answer, openadr_data, openadr_schema, openadr_suggestions
from .grid_pages import PAGES, Fields, page_data
from .part import PartFlow

NO_PRESET: Final = "none"
_PAGES: Final = {**PAGES, **MESSAGE_PAGES}


def preset_schema(country: str | None) -> probatio.Schema:
    """Return the form that asks what the grid operator demands; the country's own is chosen first."""
    default = PRESETS_OF_COUNTRY.get(country or "", GridPreset.CONTACT)
    return probatio.Schema({probatio.Required(CONF_PRESET, default=default.value): choice(GridPreset, "grid_preset")})


def first_preset_schema() -> probatio.Schema:
    """Return the form of the first set-up: nothing is demanded unless something is chosen."""
    return probatio.Schema(
        {probatio.Required(CONF_PRESET, default=NO_PRESET): choice((NO_PRESET, *GridPreset), "grid_preset")}
    )


class GridSignalFlow(PartFlow):
    """Add or change a demand of the grid operator."""

    def __init__(self) -> None:
        """Start with nothing entered."""
        self._preset = GridPreset.CONTACT
        self._entered: tuple[str, dict[str, Any]] = ("", {})  # name and data of a webhook whose address is shown

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Choose what is demanded."""
        if user_input is not None:
            self._preset = GridPreset(user_input[CONF_PRESET])
            if self._preset is GridPreset.UK and _has_uk(self._get_entry()):
                return self.async_abort(reason="already_configured")
            return await self._async_page()
        return self.async_show_form(
            step_id="user", data_schema=preset_schema(self.hass.config.country), last_step=False
        )

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Change what was entered; what is demanded stays."""
        self._preset = GridPreset(self._get_reconfigure_subentry().data[CONF_PRESET])
        return await self._async_page()

    async def async_step_webhook_url(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Show the address of a webhook and what it takes, then keep it."""
        name, data = self._entered
        if user_input is not None:
            return self.keep(name, data)
        return self.async_show_form(
            step_id="webhook_url",
            data_schema=probatio.Schema({}),
            description_placeholders=address_placeholders(self.hass, data),
            last_step=True,
        )

    async def async_step_openadr(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Enter how an OpenADR server is reached, which is asked at once."""
        entry, answer, known = self._get_entry(), Answer(), self._shown
        if user_input is not None:
            name = user_input[CONF_NAME].strip()
            data = openadr_data(entry, user_input, known)
            if error := name_error(entry, SUBENTRY_GRID_SIGNAL, name, self.own_id):
                answer = Answer({CONF_NAME: error})
            else:
                answer = await async_openadr_answer(self.hass, entry, self._preset, data)
            if not answer.errors:
                return self.keep(name, {CONF_PRESET: self._preset.value, **data})
        values = user_input or openadr_suggestions(entry, known)
        return self.async_show_form(
            step_id=GridPage.OPENADR.value,
            data_schema=self.add_suggested_values_to_schema(openadr_schema(self._preset), values),
            errors=answer.errors,
            description_placeholders={"detail": "", **answer.placeholders},
            last_step=True,
        )

    async def async_step_peak(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Enter the target of a tariff on peaks, which is one of the site's options."""
        entry, peak = self._get_entry(), PEAK_OF[self._preset]
        if user_input is not None:
            values = {CONF_PEAK_PRESET: peak.value, **filled(user_input)}
            others = {key: value for key, value in entry.options.items() if key != CONF_PEAK_PRICE}
            self.hass.config_entries.async_update_entry(entry, options={**others, **values})
            return self.async_abort(reason="peak_tariff_set")
        schema = probatio.Schema(
            {
                probatio.Required(CONF_PEAK_TARGET_KW, default=PRESETS[peak].target_w / 1000): number(
                    0.1, 10_000, "kW", 0.1
                ),
                probatio.Optional(CONF_PEAK_PRICE): number(0, 10_000, step=0.01),
            }
        )
        return self.async_show_form(
            step_id=GridPage.PEAK.value,
            data_schema=schema,
            description_placeholders={"currency": self.hass.config.currency},
            last_step=True,
        )

    async def _async_page(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Show the page until what it holds is right, then keep it."""
        page, entry = PAGE_OF[self._preset], self._get_entry()
        if page is GridPage.PEAK:
            return await self.async_step_peak()
        if page is GridPage.OPENADR:
            return await self.async_step_openadr()
        answer = way_answer(self.hass, page)
        if user_input is not None:
            name = user_input[CONF_NAME].strip()
            data = page_data(self.hass, page, self._preset, user_input)
            answer = _PAGES[page].check(self.hass, entry, data)
            if error := name_error(entry, SUBENTRY_GRID_SIGNAL, name, self.own_id):
                answer.errors[CONF_NAME] = error
            if not answer.errors:
                data = {CONF_PRESET: self._preset.value, **data}
                if page is GridPage.WEBHOOK:
                    self._entered = name, with_address(data, self._shown)
                    return await self.async_step_webhook_url()
                return self.keep(name, data)
        schema = probatio.Schema(self._fields(page))
        return self.async_show_form(
            step_id=page.value,
            data_schema=self.add_suggested_values_to_schema(schema, user_input or self._shown),
            errors=answer.errors,
            description_placeholders={"entity": "", **answer.placeholders},
            last_step=page is not GridPage.WEBHOOK,
        )

    # Home Assistant calls the step that has a page's name.
    async_step_contact = async_step_control_box = async_step_eebus = async_step_number = _async_page
    async_step_standing = async_step_uk = async_step_webhook = async_step_mqtt = _async_page

    def _fields(self, page: GridPage) -> Fields:
        """Return the fields of a page; a webhook that has an address may get another."""
        fields = _PAGES[page].fields(self.hass, self._get_entry(), self._preset)
        changed = page is GridPage.WEBHOOK and self.known is not None
        return fields | NEW_ADDRESS_FIELD if changed else fields

    @property
    def _shown(self) -> Mapping[str, Any]:
        """Return what the page shows at first."""
        return {} if self.known is None else {**self.known.data, CONF_NAME: self.known.title}


@callback
def _has_uk(entry: ConfigEntry) -> bool:
    return any(page_of(known.data) is GridPage.UK for known in entry.get_subentries_of_type(SUBENTRY_GRID_SIGNAL))
