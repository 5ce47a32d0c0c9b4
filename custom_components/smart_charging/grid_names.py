"""Names of what limits come from and are for: what was set up has its own name, what is always there a word."""

from collections.abc import Mapping
from typing import Final

from homeassistant.config_entries import ConfigEntry

from .const import DOMAIN, SUBENTRY_GRID_SIGNAL
from .engine.grid_control import ACTION, CHARGERS, SIMULATION
from .engine.grid_telling import COMPLIANCE_TEST
from .engine.model import EvseKey
from .engine.view import SiteView

ALWAYS_THERE: Final = (ACTION, CHARGERS, COMPLIANCE_TEST, SIMULATION)
_WORDS: Final = f"component.{DOMAIN}.entity.sensor.grid_limit_source.state."


def source_name(entry: ConfigEntry, source_id: str) -> str:
    """Return the name that a source was given; of one that is always there, or is gone, its id.

    The id of what is always there is a key of translations.
    """
    subentry = entry.subentries.get(source_id)
    if subentry is None or subentry.subentry_type != SUBENTRY_GRID_SIGNAL:
        return source_id
    return subentry.title


def translated_source_name(entry: ConfigEntry, source_id: str, words: Mapping[str, str]) -> str:
    """Return a source's name where nobody translates it later; `words` are the translations of entities."""
    name = source_name(entry, source_id)
    return words.get(f"{_WORDS}{source_id}", name) if name == source_id else name


def evse_name(view: SiteView, key: EvseKey) -> str | None:
    """Return the name of an EVSE's charger, with its number where there are several; None for one that is gone."""
    charger = view.chargers.get(key.station_id)
    if charger is None:
        return None
    return charger.name if len(charger.evses) == 1 else f"{charger.name} EVSE {key.evse_id}"
