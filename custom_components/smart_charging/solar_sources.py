"""Who says what the panels will bring: the Energy dashboard's providers, or entities that tell it in their attributes."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant, callback

from .engine.control.forecast.pv import SunInterval, SunSlots, into_slots, summed
from .engine.control.forecast.pv_formats import UnknownForm, from_attributes, from_energies
from .engine.control.forecast.sun import Place

PROVIDER_TIMEOUT_S: Final = 30.0
BEHIND: Final = timedelta(days=1)  # what is read of the past: enough to repeat a day
AHEAD: Final = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Said:
    """What was said, None for nothing; `problems` tells by provider or entity what was wrong with it."""

    slots: SunSlots | None = None
    problems: Mapping[str, str] = field(default_factory=dict)


async def async_energy_providers(hass: HomeAssistant) -> dict[str, str]:
    """Return title by entry id of the solar forecasts that the Energy dashboard shows; none where it isn't used."""
    if "energy" not in hass.config.components:
        return {}
    # Energy draws in the recorder and the frontend; where it is set up, they are loaded already.
    from homeassistant.components.energy.data import async_get_manager  # noqa: PLC0415

    sources = ((await async_get_manager(hass)).data or {"energy_sources": []})["energy_sources"]
    chosen = [
        entry_id
        for source in sources
        if source["type"] == "solar"
        for entry_id in source.get("config_entry_solar_forecast") or ()
    ]
    entries = {entry_id: hass.config_entries.async_get_entry(entry_id) for entry_id in chosen}
    return {entry_id: entry.title for entry_id, entry in entries.items() if entry is not None}


async def async_ask_providers(hass: HomeAssistant, entry_ids: Iterable[str], now: datetime) -> Said:
    """Return the sum of what these providers say; one that fails leaves nothing, for the rest is not the whole."""
    roofs: list[SunSlots] = []
    problems: dict[str, str] = {}
    for entry_id in entry_ids:
        try:
            slots = into_slots(_current(await _async_ask(hass, entry_id), now), home(hass))
        except (UnknownForm, ValueError, _Unavailable) as err:
            problems[entry_id] = str(err)
            continue
        if slots is None:
            problems[entry_id] = "says nothing of these days"
        else:
            roofs.append(slots)
    return Said(None if problems else summed(roofs), problems)


@callback
def ask_entities(hass: HomeAssistant, entity_ids: Iterable[str], now: datetime) -> Said:
    """Return what these entities say together: those of one roof for several days, or of several roofs."""
    intervals: list[SunInterval] = []
    problems: dict[str, str] = {}
    for entity_id in entity_ids:
        try:
            intervals += _current(entity_intervals(hass, entity_id), now)
        except UnknownForm as err:
            problems[entity_id] = str(err)
    try:
        return Said(into_slots(intervals, home(hass)), problems)
    except ValueError as err:
        return Said(None, {**problems, "": str(err)})


@callback
def entity_intervals(hass: HomeAssistant, entity_id: str) -> list[SunInterval]:
    """Return what an entity tells in its attributes; raises UnknownForm where that is no forecast."""
    state = hass.states.get(entity_id)
    if state is None or state.state == STATE_UNAVAILABLE:
        raise UnknownForm("not available")
    return from_attributes(state.attributes)


@callback
def home(hass: HomeAssistant) -> Place:
    """Return where the installation is."""
    return Place(hass.config.latitude, hass.config.longitude)


class _Unavailable(Exception):
    """A provider can't be asked, or fails; the text says why."""


async def _async_ask(hass: HomeAssistant, entry_id: str) -> list[SunInterval]:
    from homeassistant.components.energy.websocket_api import async_get_energy_platforms  # noqa: PLC0415 as above

    entry = hass.config_entries.async_get_entry(entry_id)
    if entry is None or entry.state is not ConfigEntryState.LOADED:
        raise _Unavailable("not loaded")
    platforms = await async_get_energy_platforms(hass)
    if entry.domain not in platforms:
        raise _Unavailable("offers no forecast")
    try:
        async with asyncio.timeout(PROVIDER_TIMEOUT_S):
            said = await platforms[entry.domain](hass, entry_id)
    except Exception as err:  # another integration's code may raise anything, and none of it is to stop the site
        raise _Unavailable(str(err) or type(err).__name__) from err
    if said is None:
        raise _Unavailable("has no forecast yet")
    # Whoever wrote the integration may have kept to the form or not.
    answer: object = said
    if not isinstance(answer, Mapping):
        raise UnknownForm("no mapping")
    return from_energies(answer.get("wh_hours"))


def _current(intervals: Iterable[SunInterval], now: datetime) -> list[SunInterval]:
    """Return those of the days that matter."""
    return [one for one in intervals if one.end > now - BEHIND and one.start < now + AHEAD]
