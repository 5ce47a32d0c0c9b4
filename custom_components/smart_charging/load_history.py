"""What the house alone and the panels did in the past, from the recorder's statistics."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
import re
from typing import Final, Literal

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance

from .const import DOMAIN, SUBENTRY_CHARGER
from .coordinator import SmartChargingConfigEntry
from .engine.control.forecast.base_load import OLDEST_DAYS, QuarterLoad, house_alone, learn
from .engine.control.forecast.forecaster import UsualMemory
from .pv_settings import pv_systems
from .settings import battery_entities, grid_meter

QUARTER_S: Final = 900
LEAST_ROWS: Final = 2  # of the three five-minute means of a quarter of an hour

type Means = dict[int, float]  # W by number of the quarter of an hour since 1970


@dataclass(frozen=True, slots=True)
class HouseEntities:
    """The entities that together tell what the house alone takes; what inverts a sign is -1.

    `flows` are import, production and discharge, each of which has to be known; `pv` those of the panels alone. Chargers that
    tell nothing are taken to be away: the rare quarter in which that is wrong moves no median.
    """

    flows: Mapping[str, float]
    pv: Mapping[str, float]
    chargers: frozenset[str]

    @property
    def all(self) -> set[str]:
        """Return every entity id."""
        return {*self.flows, *self.pv, *self.chargers}


@callback
def house_entities(hass: HomeAssistant, entry: SmartChargingConfigEntry) -> HouseEntities:
    """Return the entities that a site's past can be read from; no flows where no grid meter is known."""
    pv = {system.power: -1.0 if system.invert else 1.0 for system in pv_systems(entry).values()}
    grid = grid_flows(hass, entry)
    batteries = {one.power: -1.0 if one.invert else 1.0 for one in battery_entities(entry).values()}
    return HouseEntities({**grid, **pv, **batteries} if grid else {}, pv, _chargers(hass, entry))


async def async_learn(
    hass: HomeAssistant,
    entities: HouseEntities,
    now: datetime,
    time_zone: tzinfo,
    holidays: Collection[date] = frozenset(),
) -> UsualMemory | None:
    """Return what was usual in the last weeks, read and learnt in the recorder's threads; None without a recorder."""
    if "recorder" not in hass.config.components:
        return None

    def learnt() -> UsualMemory:
        means = _means(hass, entities.all, now) if entities.all else {}
        house = learn(_house(entities, means), now, time_zone, holidays)
        return UsualMemory(house, learn(_pv(entities, means), now, UTC, other_day=1.0), now)

    return await get_instance(hass).async_add_executor_job(learnt)


def grid_flows(hass: HomeAssistant, entry: SmartChargingConfigEntry) -> dict[str, float]:
    """Return the entities of the grid meter's power, those that invert with -1; of one that tells only currents our own sensor."""
    if (meter := grid_meter(entry)) is None:
        return {}
    sign = -1.0 if meter.invert else 1.0
    if meter.power is not None:
        return {meter.power: sign}
    if meter.power_phases:
        return dict.fromkeys(meter.power_phases, sign)
    own = er.async_get(hass).async_get_entity_id(Platform.SENSOR, DOMAIN, f"{entry.entry_id}_grid_power")
    return {} if own is None else {own: 1.0}


def _chargers(hass: HomeAssistant, entry: SmartChargingConfigEntry) -> frozenset[str]:
    """Return the power sensors of the site's EVSEs."""
    chargers = [re.escape(subentry.subentry_id) for subentry in entry.get_subentries_of_type(SUBENTRY_CHARGER)]
    power = re.compile(rf"(?:{'|'.join(chargers)})_\d+_power")
    registered = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    return frozenset(one.entity_id for one in registered if chargers and power.fullmatch(one.unique_id))


def _means(hass: HomeAssistant, entity_ids: set[str], now: datetime) -> dict[str, Means]:
    """Return the mean power of each quarter of an hour by entity: from five minutes, before those were deleted from hours."""
    means: dict[str, Means] = {}
    start = now - timedelta(days=OLDEST_DAYS)
    hours, minutes = (_rows(hass, entity_ids, start, now, period) for period in ("hour", "5minute"))
    for entity_id in entity_ids:
        parts: dict[int, list[float]] = defaultdict(list)
        for at, mean in minutes.get(entity_id, ()):
            parts[int(at) // QUARTER_S].append(mean)
        of_hours = {
            int(at) // QUARTER_S + quarter: mean for at, mean in hours.get(entity_id, ()) for quarter in range(4)
        }
        exact = {quarter: sum(each) / len(each) for quarter, each in parts.items() if len(each) >= LEAST_ROWS}
        means[entity_id] = of_hours | exact
    return means


def _rows(
    hass: HomeAssistant, entity_ids: set[str], start: datetime, end: datetime, period: Literal["hour", "5minute"]
) -> dict[str, list[tuple[float, float]]]:
    """Return beginning (seconds since 1970) and mean in W of each period; blocks, so call it in the recorder's threads."""
    # Without the recorder set up, importing it would load a database for nothing.
    from homeassistant.components.recorder.statistics import statistics_during_period  # noqa: PLC0415

    found = statistics_during_period(hass, start, end, entity_ids, period, {"power": "W"}, {"mean"})
    return {
        entity_id: [(row["start"], mean) for row in rows if (mean := row.get("mean")) is not None]
        for entity_id, rows in found.items()
    }


def _house(entities: HouseEntities, means: Mapping[str, Means]) -> Iterable[QuarterLoad]:
    """Yield what the house alone took, for each quarter of an hour in which all of it is known."""
    for quarter, total_w in _sums(entities.flows, means):
        # Negative where cars gave back: then the house took that, too.
        chargers_w = sum(means[entity_id].get(quarter, 0.0) for entity_id in entities.chargers)
        if (house_w := house_alone(total_w, chargers_w)) is not None:
            yield QuarterLoad(_start(quarter), house_w)


def _pv(entities: HouseEntities, means: Mapping[str, Means]) -> Iterable[QuarterLoad]:
    """Yield what all panels brought, for each quarter of an hour in which that is known."""
    for quarter, power_w in _sums(entities.pv, means):
        yield QuarterLoad(_start(quarter), max(0.0, power_w))


def _sums(signs: Mapping[str, float], means: Mapping[str, Means]) -> Iterable[tuple[int, float]]:
    """Yield the quarters in which each of these entities is known, with their sum in W."""
    if signs:
        for quarter in set.intersection(*(set(means[entity_id]) for entity_id in signs)):
            yield quarter, sum(sign * means[entity_id][quarter] for entity_id, sign in signs.items())


def _start(quarter: int) -> datetime:
    return datetime.fromtimestamp(quarter * QUARTER_S, UTC)
