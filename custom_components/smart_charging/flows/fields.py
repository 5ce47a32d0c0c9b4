"""Fields that several forms share, how a page is answered, and the check of a name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import callback
from homeassistant.helpers.selector import (
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)
from homeassistant.util import dt as dt_util

from ..const import CONF_POWER_LIMIT_W, GRID_CONNECTION, SUBENTRY_CIRCUIT

NOTHING: Final = "–"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is wrong with a page, by field, and the placeholders that its texts want."""

    errors: dict[str, str] = field(default_factory=dict)
    placeholders: dict[str, str] = field(default_factory=dict)


def local(at: datetime) -> str:
    """Return a time by the local clock, as texts show it."""
    return f"{dt_util.as_local(at):%Y-%m-%d %H:%M}"


def number(lowest: float, highest: float, unit: str | None = None, step: float = 1.0) -> NumberSelector:
    """Return a number field in this unit."""
    config = NumberSelectorConfig(min=lowest, max=highest, step=step, mode=NumberSelectorMode.BOX)
    if unit is not None:
        config["unit_of_measurement"] = unit
    return NumberSelector(config)


def amperes(lowest: float, highest: float, step: float = 1.0) -> NumberSelector:
    """Return a number field in A."""
    return number(lowest, highest, "A", step)


def watts(lowest: float, highest: float) -> NumberSelector:
    """Return a number field in W."""
    return number(lowest, highest, "W")


def percent(lowest: float = 0.0, highest: float = 100.0) -> NumberSelector:
    """Return a number field in percent."""
    return number(lowest, highest, "%")


def seconds(lowest: float, highest: float) -> NumberSelector:
    """Return a number field in seconds."""
    return number(lowest, highest, "s")


def phase_count() -> SelectSelector:
    """Return a choice of one or three phases; the labels are the same in every language."""
    return SelectSelector(
        SelectSelectorConfig(options=[SelectOptionDict(value=count, label=count) for count in ("1", "3")])
    )


def choice(options: Iterable[str], translation_key: str) -> SelectSelector:
    """Return a choice whose labels are translated."""
    return SelectSelector(
        SelectSelectorConfig(options=list(options), translation_key=translation_key, mode=SelectSelectorMode.DROPDOWN)
    )


@callback
def circuit_choice(entry: ConfigEntry, hidden: Iterable[str] = ()) -> SelectSelector:
    """Return a choice among the grid connection, whose label is translated, and the circuits that are not `hidden`."""
    options = [SelectOptionDict(value=GRID_CONNECTION, label=entry.title)]
    options += [
        SelectOptionDict(value=subentry.subentry_id, label=subentry.title)
        for subentry in entry.get_subentries_of_type(SUBENTRY_CIRCUIT)
        if subentry.subentry_id not in hidden
    ]
    return SelectSelector(
        SelectSelectorConfig(options=options, translation_key="circuit", mode=SelectSelectorMode.DROPDOWN)
    )


@callback
def name_error(entry: ConfigEntry, kind: str, name: str, own_id: str | None) -> str | None:
    """Return what is wrong with the name of a part of this kind, None where it is its alone."""
    if not name:
        return "name_missing"
    others = (known for known in entry.get_subentries_of_type(kind) if known.subentry_id != own_id)
    if any(known.title.casefold() == name.casefold() for known in others):
        return f"{kind}_name_in_use"
    # Entities of the two would be named alike, and errors would not tell which one is meant.
    named_like_site = kind == SUBENTRY_CIRCUIT and entry.title.casefold() == name.casefold()
    return "circuit_named_like_site" if named_like_site else None


def power_limit_error(values: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a power limit: 0 would block everything for good, which nobody means here."""
    return "power_limit_zero" if values.get(CONF_POWER_LIMIT_W) == 0 else None


def filled(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return only the fields that hold something; an emptied one comes as nothing, an empty text or an empty list."""
    return {key: value for key, value in values.items() if value not in (None, "", [])}
