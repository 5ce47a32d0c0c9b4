"""Prices read once: from entities, from an action's answer, or worked out; what they come to for the site."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Final

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
import probatio

from .coordinator import SmartChargingConfigEntry
from .engine.control.prices.series import PriceSeries, joined
from .engine.control.prices.sources import (
    AttributeMap,
    Attributes,
    PriceQuestion,
    ToldPrices,
    UnreadablePrices,
    carbon_of_attributes,
    prices_of_answer,
    prices_of_attributes,
)
from .engine.control.prices.time_of_use import TimeOfUse
from .engine.grid.openadr_values import SeriesKind
from .engine.openadr_prices import prices_of_series
from .price_settings import ActionChoice, CarbonSettings, FeedInSource, PriceSettings

ANSWER_S: Final = 60.0
# How far prices are worked out that nobody has to tell: today and two days more.
DAYS_AHEAD: Final = 3
# Day-ahead markets publish before one in the afternoon of central Europe.
TOMORROW_DUE_H: Final = 13
_RUNS: Final = frozenset({ConfigEntryState.SETUP_IN_PROGRESS, ConfigEntryState.LOADED})


@callback
def read_entities(hass: HomeAssistant, entity_ids: Iterable[str], mapping: AttributeMap | None = None) -> ToldPrices:
    """Return the prices that entities hold together; UnreadablePrices, of the first, where none of them has any.

    One of several may have none: tomorrow's are often an entity of their own.
    """
    return _read(hass, entity_ids, mapping, prices_of_attributes)


@callback
def read_carbon(hass: HomeAssistant, carbon: CarbonSettings) -> ToldPrices:
    """Return the grams of CO2 that entities forecast together, as `read_entities` does prices."""
    return _read(hass, carbon.forecasts, carbon.mapping, carbon_of_attributes)


def _read(
    hass: HomeAssistant,
    entity_ids: Iterable[str],
    mapping: AttributeMap | None,
    understand: Callable[[Attributes, AttributeMap | None], ToldPrices],
) -> ToldPrices:
    told: list[ToldPrices] = []
    problems: list[UnreadablePrices] = []
    for entity_id in entity_ids:
        try:
            told.append(understand(entity_attributes(hass, entity_id), mapping))
        except UnreadablePrices as err:
            problems.append(err)
    if not told:
        raise problems[0]
    try:
        series = joined(each.series for each in told) or told[0].series
    except ValueError as err:
        raise UnreadablePrices(str(err)) from err
    return ToldPrices(series, next((each.currency for each in told if each.currency), None), told[0].source)


@callback
def entity_attributes(hass: HomeAssistant, entity_id: str) -> Attributes:
    """Return what an entity's attributes say; UnreadablePrices where there is no such entity."""
    if (state := hass.states.get(entity_id)) is None:
        raise UnreadablePrices(f"{entity_id} does not exist")
    return state.attributes


@callback
def read_server(hass: HomeAssistant, entry: SmartChargingConfigEntry, server: str, kind: SeriesKind) -> ToldPrices:
    """Return what an OpenADR server of this site announces; UnreadablePrices where there is nothing, or no such server."""
    servers = entry.runtime_data.grid.servers if entry.state in _RUNS else {}
    if server not in servers:
        raise UnreadablePrices("the OpenADR server is not set up any more, or does not run")
    return prices_of_series(servers[server].series, kind, hass.config.currency, dt_util.utcnow())


async def async_ask(hass: HomeAssistant, choice: ActionChoice, day: date) -> ToldPrices:
    """Return the prices of a day that an action answers with; UnreadablePrices where it has none or fails."""
    source = choice.source
    question = PriceQuestion(day, choice.entry_id, choice.part, choice.all_in)
    try:
        async with asyncio.timeout(ANSWER_S):
            answer = await hass.services.async_call(
                source.domain, source.action, source.data(question), blocking=True, return_response=True
            )
    except TimeoutError as err:
        raise UnreadablePrices(f"{source.domain}.{source.action} did not answer") from err
    except (HomeAssistantError, probatio.Invalid) as err:
        raise UnreadablePrices(f"{source.domain}.{source.action}: {err}") from err
    except Exception as err:  # a defect of another integration, told as any other failure of it
        raise UnreadablePrices(f"{source.domain}.{source.action}: {err!r}") from err
    told = prices_of_answer(source, answer or {}, choice.part)
    return ToldPrices(told.series, told.currency or _entry_currency(hass, choice), told.source)


def _entry_currency(hass: HomeAssistant, choice: ActionChoice) -> str | None:
    """Return the currency that the action's entry was set up with, as Nord Pool's; its answer does not name it."""
    entry = hass.config_entries.async_get_entry(choice.entry_id)
    currency = None if entry is None else entry.data.get("currency")
    return currency if isinstance(currency, str) else None


def worked_out(settings: PriceSettings, now: datetime) -> PriceSeries:
    """Return the prices of a fixed or time-of-use tariff from the beginning of this local day on."""
    zone = dt_util.get_default_time_zone()
    start = dt_util.start_of_local_day(now.astimezone(zone).date())
    end = dt_util.start_of_local_day(start.date() + timedelta(days=DAYS_AHEAD))
    table = settings.table or TimeOfUse({"default": settings.price})
    return table.series(start, end, zone)


def composed(settings: PriceSettings, told: PriceSeries, earned: PriceSeries | None) -> PriceSeries:
    """Return what a kWh costs and earns at the site, from what a source told and another told of feeding in."""
    series = told.mapped(settings.formula.apply) if settings.source.is_told else told
    match settings.feed_in:
        case FeedInSource.FIXED:
            return series.with_feed_in(told.mapped(lambda _: settings.feed_in_price))
        case FeedInSource.SPOT:
            return series.with_feed_in(told.mapped(settings.feed_in_formula.apply))
        case FeedInSource.ENTITY | FeedInSource.OPENADR if earned is not None:
            return series.with_feed_in(earned.mapped(settings.feed_in_formula.apply))
        case _:
            return series


async def async_preview(hass: HomeAssistant, entry: SmartChargingConfigEntry, settings: PriceSettings) -> ToldPrices:
    """Return what settings come to now; UnreadablePrices where a source can't be read."""
    now = dt_util.utcnow()
    if settings.action is not None:
        told = await async_ask(hass, settings.action, dt_util.now().date())
    elif settings.server is not None:
        told = read_server(hass, entry, settings.server, SeriesKind.PRICE)
    elif settings.source.is_told:
        told = read_entities(hass, settings.entities, settings.mapping)
    else:
        told = ToldPrices(worked_out(settings, now), hass.config.currency, settings.source)
    earned = read_entities(hass, settings.feed_in_entities).series if settings.feed_in_entities else None
    if settings.server is not None and settings.feed_in is FeedInSource.OPENADR:
        earned = read_server(hass, entry, settings.server, SeriesKind.EXPORT_PRICE).series
    return ToldPrices(composed(settings, told.series, earned), told.currency, told.source)


def is_behind(now: datetime, *, has_today: bool, has_tomorrow: bool) -> bool:
    """Return whether prices are missing that should be there by now (local): today's, or tomorrow's once due."""
    return not has_today or (not has_tomorrow and now.hour >= TOMORROW_DUE_H)


def next_ask(now: datetime, *, behind: bool, has_tomorrow: bool, failures: int) -> datetime:
    """Return when to ask for prices again; `now` is local.

    With growing patience while some are missing that should be there, else when tomorrow's are due, else on a new day.
    """
    midnight = dt_util.start_of_local_day(now.date() + timedelta(days=1))
    if behind:
        return min(now + timedelta(seconds=min(15 * 2 ** min(failures, 10), 1800)), midnight, key=datetime.timestamp)
    return midnight if has_tomorrow else dt_util.start_of_local_day(now.date()).replace(hour=TOMORROW_DUE_H)
