"""What a site bills by, from its options, translated into the engine's words."""

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import STATE_OFF, STATE_ON
from homeassistant.core import HomeAssistant

from .const import CONF_BILLING, CONF_TARIFF, SUBENTRY_CHARGER
from .engine.charge_pricing import BillingTerms


def billing_terms(hass: HomeAssistant, entry: ConfigEntry) -> BillingTerms:
    """Return the currency and time zone of Home Assistant, and the tariff that counts where nobody has another."""
    chosen = entry.options.get(CONF_BILLING, {})
    return BillingTerms(hass.config.currency, hass.config.time_zone, chosen.get(CONF_TARIFF))


def charger_name(entry: ConfigEntry, station_id: str) -> str:
    """Return what users call a charger; one that is not configured any more has the name that it gives itself."""
    names = {str(one.unique_id): one.title for one in entry.get_subentries_of_type(SUBENTRY_CHARGER)}
    return names.get(station_id, station_id)


def schedule_on(hass: HomeAssistant, entity_id: str) -> bool | None:
    """Return whether a schedule is on now, None where that can't be read."""
    state = hass.states.get(entity_id)
    return {STATE_ON: True, STATE_OFF: False}.get("" if state is None else state.state)
