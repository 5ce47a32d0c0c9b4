"""What was drawn from the grid, for reports to an OpenADR server: from the recorder's means of five minutes, else nothing.

Means are what is measured: a piece of time that they do not fill is told as missing, never filled up.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .coordinator import SmartChargingConfigEntry
from .engine.grid.openadr_reports import Figure
from .load_history import grid_flows

MEANS_S: Final = 300  # how long each of the recorder's shortest means is
SETTLED: Final = timedelta(minutes=2)  # after its end a mean is there: the recorder makes it ten seconds later
READ_S: Final = 60.0

type Slots = Mapping[int, Mean]  # by its number since 1970


@dataclass(frozen=True, slots=True)
class Mean:
    """What was drawn in five minutes in W; the peak is None where several meters together make the mean."""

    mean_w: float
    peak_w: float | None


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of a resource, from where on and up to when."""

    start: datetime
    end: datetime
    slots: Slots


class OpenAdrFigures:
    """Tells what the site or a charger drew. Called in the thread of a poll, it reads in the recorder's."""

    def __init__(self, hass: HomeAssistant, entry: SmartChargingConfigEntry, chargers: Mapping[str, str]) -> None:
        """`chargers` are subentry ids by the name of a resource."""
        self._hass = hass
        self._entry = entry
        self._chargers = chargers
        self._read: dict[str | None, _Read] = {}

    def __call__(self, resource: str | None, start: datetime, end: datetime) -> Figure | None:
        """Return what a resource drew, None for the site; nothing for what was not measured, None before it can be known."""
        if end + SETTLED > dt_util.utcnow():
            return None
        if (
            any(moment.timestamp() % MEANS_S for moment in (start, end))
            or "recorder" not in self._hass.config.components
        ):
            return Figure()
        return figure_of(self._slots(resource, start, end), start, end)

    def _slots(self, resource: str | None, start: datetime, end: datetime) -> Slots:
        """Return the means of a time and, of one that is asked for step by step, of what follows it."""
        known = self._read.get(resource)
        if known is None or start < known.start or end > known.end:
            reading = self._async_read(resource, start)
            known = asyncio.run_coroutine_threadsafe(reading, self._hass.loop).result(READ_S)
            self._read[resource] = known
        return known.slots

    async def _async_read(self, resource: str | None, start: datetime) -> _Read:
        entities = self._entities(resource)
        now = dt_util.utcnow()

        def read() -> Slots:
            return slots_of(_rows(self._hass, entities, start, now), entities)

        slots = await get_instance(self._hass).async_add_executor_job(read) if entities else {}
        return _Read(start, now - SETTLED, slots)

    @callback
    def _entities(self, resource: str | None) -> dict[str, float]:
        """Return the entities that together tell what a resource draws, those that invert with -1."""
        if resource is None:
            return grid_flows(self._hass, self._entry)
        unique_id = f"{self._chargers.get(resource)}_1_power"
        power = er.async_get(self._hass).async_get_entity_id(Platform.SENSOR, DOMAIN, unique_id)
        return {} if power is None else {power: 1.0}


def figure_of(slots: Slots, start: datetime, end: datetime) -> Figure:
    """Return what was drawn from a start to an end, both on five minutes; nothing where a mean is missing.

    What was fed in takes nothing off what was drawn in other five minutes.
    """
    wanted = range(_slot(start), _slot(end))
    if not wanted or any(slot not in slots for slot in wanted):
        return Figure()
    drawn = [slots[slot] for slot in wanted]
    mean_w = sum(max(0.0, one.mean_w) for one in drawn) / len(drawn)
    peaks = [one.peak_w for one in drawn if one.peak_w is not None]
    return Figure(
        energy_wh=mean_w * (end - start) / timedelta(hours=1),
        mean_w=mean_w,
        peak_w=max(peaks) if len(peaks) == len(drawn) else None,
    )


def slots_of(rows: Mapping[str, Iterable[tuple[float, Mean, float]]], signs: Mapping[str, float]) -> Slots:
    """Return the sum of entities by slot, where each of them is known; rows have start, mean with maximum, and minimum."""
    read = {
        entity_id: {
            int(at) // MEANS_S: (one.mean_w, one.peak_w if sign > 0 else -least_w)
            for at, one, least_w in rows.get(entity_id, ())
        }
        for entity_id, sign in signs.items()
    }
    known = set.intersection(*(set(each) for each in read.values()))
    alone = len(signs) == 1
    return {
        slot: Mean(
            sum(sign * read[entity_id][slot][0] for entity_id, sign in signs.items()),
            next(each[slot][1] for each in read.values()) if alone else None,
        )
        for slot in known
    }


def _rows(
    hass: HomeAssistant, entities: Mapping[str, float], start: datetime, end: datetime
) -> dict[str, list[tuple[float, Mean, float]]]:
    """Return start, mean with maximum, and minimum of each five minutes in W; blocks, in the recorder's threads."""
    # Without the recorder set up, importing it would load a database for nothing.
    from homeassistant.components.recorder.statistics import statistics_during_period  # noqa: PLC0415

    found = statistics_during_period(hass, start, end, set(entities), "5minute", {"power": "W"}, {"mean", "max", "min"})
    return {
        entity_id: [
            (row["start"], Mean(mean, most), least)
            for row in rows
            if (mean := row.get("mean")) is not None
            and (most := row.get("max")) is not None
            and (least := row.get("min")) is not None
        ]
        for entity_id, rows in found.items()
    }


def _slot(at: datetime) -> int:
    return int((at - datetime.fromtimestamp(0, UTC)).total_seconds()) // MEANS_S
