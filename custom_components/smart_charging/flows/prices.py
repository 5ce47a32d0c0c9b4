"""The pages of a site's prices: where they come from, and what was understood of them."""

from collections.abc import Mapping
import math
from typing import Any, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.selector import (
    BooleanSelector,
    EntitySelector,
    EntitySelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
)
from homeassistant.util import dt as dt_util
import probatio

from ..const import (
    CONF_ALL_IN,
    CONF_ATTRIBUTE,
    CONF_CO2_BY_HAND,
    CONF_END_KEY,
    CONF_ENTITIES,
    CONF_ENTITY,
    CONF_FEED_IN_ENTITIES,
    CONF_FEED_IN_MARKUP,
    CONF_FEED_IN_PRICE,
    CONF_FEED_IN_SOURCE,
    CONF_FEED_IN_SURCHARGE,
    CONF_FEED_IN_VAT,
    CONF_HOME,
    CONF_MARKUP,
    CONF_OPENADR_SOURCE,
    CONF_PRICE,
    CONF_PRICE_ACTION,
    CONF_PRICE_SOURCE,
    CONF_PRICES,
    CONF_START_KEY,
    CONF_SURCHARGE,
    CONF_TABLE,
    CONF_UNIT,
    CONF_VALUE_KEY,
    CONF_VAT,
)
from ..coordinator import SmartChargingConfigEntry
from ..engine.control.prices.formula import price_unit
from ..engine.control.prices.sources import ACTION_SOURCES, ToldPrices, UnreadablePrices
from ..engine.control.prices.table_text import TableError, parse_table
from ..grid_presets import GridPage
from ..grid_settings import grid_sources, page_of
from ..own_entities import is_own_entity
from ..price_reading import async_preview
from ..price_settings import FeedInSource, PriceSettings, PriceSource, action_choice, price_settings
from .carbon import CARBON_FIELDS, CARBON_LIST_SCHEMA, carbon_answer, carbon_list_answer, carbon_understood
from .fields import NOTHING, Answer, choice, local, number

PRICE: Final = NumberSelector(
    NumberSelectorConfig(
        min=-1000, max=10_000, step="any", mode=NumberSelectorMode.BOX
    )  # from fractions of a cent to forints
)
_TEXT: Final = TextSelector()
_ENTITIES: Final = EntitySelector(EntitySelectorConfig(domain=["sensor", "event"], multiple=True))
_FORMULA_SHARES: Final = number(0, 100, "%", 0.01)
_MARKUP: Final = number(-100, 1000, "%", 0.01)

PRICES_FIELD: Final = probatio.Schema({probatio.Optional(CONF_PRICES): dict})
FIRST_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(CONF_PRICE_SOURCE, default=PriceSource.NONE.value): choice(PriceSource, CONF_PRICE_SOURCE),
        probatio.Required(CONF_FEED_IN_SOURCE, default=FeedInSource.NONE.value): choice(
            FeedInSource, CONF_FEED_IN_SOURCE
        ),
        **CARBON_FIELDS,
    }
)
_IMPORT_FORMULA: Final = {
    probatio.Required(CONF_MARKUP, default=0): _MARKUP,
    probatio.Required(CONF_SURCHARGE, default=0): PRICE,
    probatio.Required(CONF_VAT, default=0): _FORMULA_SHARES,
}
_FEED_IN_FORMULA: Final = {
    probatio.Required(CONF_FEED_IN_MARKUP, default=0): _MARKUP,
    probatio.Required(CONF_FEED_IN_SURCHARGE, default=0): PRICE,
    probatio.Required(CONF_FEED_IN_VAT, default=0): _FORMULA_SHARES,
}
_SCHEMAS: Final = {
    "prices_fixed": probatio.Schema({probatio.Required(CONF_PRICE): PRICE}),
    "prices_time_of_use": probatio.Schema(
        {probatio.Required(CONF_TABLE): TextSelector(TextSelectorConfig(multiline=True))}
    ),
    "prices_entity": probatio.Schema({probatio.Required(CONF_ENTITIES): _ENTITIES}),
    "prices_attribute": probatio.Schema(
        {
            probatio.Required(CONF_ENTITY): EntitySelector(EntitySelectorConfig()),
            probatio.Required(CONF_ATTRIBUTE): _TEXT,
            probatio.Required(CONF_START_KEY): _TEXT,
            probatio.Required(CONF_VALUE_KEY): _TEXT,
            probatio.Optional(CONF_END_KEY): _TEXT,
            probatio.Required(CONF_UNIT): _TEXT,
        }
    ),
    "prices_feed_in_fixed": probatio.Schema({probatio.Required(CONF_FEED_IN_PRICE): PRICE}),
    "prices_feed_in_entity": probatio.Schema({probatio.Required(CONF_FEED_IN_ENTITIES): _ENTITIES}),
    "prices_co2": CARBON_LIST_SCHEMA,
    "prices_understood": probatio.Schema({}),
}
# What known sources are called, alike in every language.
_NAMES: Final = {
    "amber": "Amber Electric",
    "easyenergy": "easyEnergy",
    "energi_data_service": "Energi Data Service",
    "energyzero": "EnergyZero",
    "entsoe": "ENTSO-E",
    "epex_spot": "EPEX Spot",
    "nordpool": "Nord Pool",
    "nordpool_custom": "Nord Pool (custom)",
    "openadr": "OpenADR",
    "octopus": "Octopus Energy",
    "tibber": "Tibber",
}
_FEED_IN_TOLD: Final = frozenset({FeedInSource.SPOT, FeedInSource.ENTITY, FeedInSource.OPENADR})
# What texts of the pages may name, before there is anything to name.
NO_PLACEHOLDERS: Final = dict.fromkeys(("entity", "detail", "line", "words"), "")


def pages(chosen: Mapping[str, Any]) -> list[str]:
    """Return the pages after the first, by what was chosen on it, where there are prices at all."""
    source, feed_in = PriceSource(chosen[CONF_PRICE_SOURCE]), FeedInSource(chosen[CONF_FEED_IN_SOURCE])
    found = [f"prices_{source}"]
    if feed_in in {FeedInSource.FIXED, FeedInSource.ENTITY}:
        found.append(f"prices_feed_in_{feed_in}")
    if source.is_told or feed_in is FeedInSource.ENTITY:
        found.append("prices_formula")
    if chosen.get(CONF_CO2_BY_HAND):
        found.append("prices_co2")
    return [*found, "prices_understood"]


@callback
def page_schema(
    hass: HomeAssistant, entry: SmartChargingConfigEntry, step: str, chosen: Mapping[str, Any]
) -> probatio.Schema:
    """Return the fields of a page."""
    if step == "prices_action":
        return _action_schema(hass)
    if step == "prices_openadr":
        return _server_schema(entry)
    if step == "prices_formula":
        told = PriceSource(chosen[CONF_PRICE_SOURCE]).is_told
        earned = FeedInSource(chosen[CONF_FEED_IN_SOURCE]) in _FEED_IN_TOLD
        return probatio.Schema((_IMPORT_FORMULA if told else {}) | (_FEED_IN_FORMULA if earned else {}))
    return _SCHEMAS[step]


@callback
def first_errors(hass: HomeAssistant, entry: SmartChargingConfigEntry, user_input: Mapping[str, Any]) -> Answer:
    """Return what is wrong with the first page."""
    source, feed_in = PriceSource(user_input[CONF_PRICE_SOURCE]), FeedInSource(user_input[CONF_FEED_IN_SOURCE])
    if source is PriceSource.ACTION and not _offered_actions(hass):
        return Answer({CONF_PRICE_SOURCE: "no_price_action"})
    if source is PriceSource.OPENADR and not _servers(entry):
        return Answer({CONF_PRICE_SOURCE: "no_openadr_server"})
    if feed_in is FeedInSource.SPOT and not source.is_told:
        return Answer({CONF_FEED_IN_SOURCE: "feed_in_needs_spot"})
    if feed_in is FeedInSource.OPENADR and source is not PriceSource.OPENADR:
        return Answer({CONF_FEED_IN_SOURCE: "feed_in_needs_openadr"})
    return carbon_answer(hass, user_input)


async def async_page_errors(
    hass: HomeAssistant, entry: SmartChargingConfigEntry, step: str, chosen: Mapping[str, Any]
) -> Answer:
    """Return what is wrong with what was chosen up to a page, with it included."""
    if step == "prices_time_of_use":
        try:
            parse_table(chosen.get(CONF_TABLE, ""))
        except TableError as err:
            return Answer({CONF_TABLE: f"table_{err.problem}"}, {"line": str(err.line), "words": err.words})
    for price in (CONF_PRICE, CONF_FEED_IN_PRICE):
        if not math.isfinite(chosen.get(price) or 0.0):
            return Answer({price: "price_no_number"})
    if step == "prices_attribute" and price_unit(chosen[CONF_UNIT]) is None:
        return Answer({CONF_UNIT: "price_unit_unknown"})
    if step == "prices_co2":
        return carbon_list_answer(hass, chosen)
    fields = {
        "prices_entity": CONF_ENTITIES,
        "prices_action": CONF_PRICE_ACTION,
        "prices_openadr": CONF_OPENADR_SOURCE,
        "prices_attribute": CONF_ENTITY,
        "prices_feed_in_entity": CONF_FEED_IN_ENTITIES,
    }
    if (name := fields.get(step)) is None:
        return Answer()
    return await _async_source_errors(hass, entry, name, chosen, feed_in=step == "prices_feed_in_entity")


async def _async_source_errors(
    hass: HomeAssistant, entry: SmartChargingConfigEntry, name: str, chosen: Mapping[str, Any], *, feed_in: bool
) -> Answer:
    """Return why a source can't be read, if it can't."""
    if not (named := chosen.get(name)):
        return Answer({name: "entity_missing"})
    for entity_id in named if isinstance(named, list) else [named]:
        if is_own_entity(hass, entity_id):
            return Answer({name: "entity_own"}, {"entity": entity_id})
    if feed_in:
        chosen = {
            CONF_PRICE_SOURCE: PriceSource.ENTITY,
            CONF_ENTITIES: chosen[CONF_FEED_IN_ENTITIES],
            CONF_FEED_IN_SOURCE: FeedInSource.NONE,
        }
    else:
        chosen = {**chosen, CONF_FEED_IN_SOURCE: FeedInSource.NONE}
    try:
        await async_preview(hass, entry, _settings(chosen))
    except UnreadablePrices as err:
        return Answer({name: "prices_unreadable"}, {"detail": err.detail})
    return Answer()


async def async_understood(hass: HomeAssistant, entry: SmartChargingConfigEntry, chosen: Mapping[str, Any]) -> Answer:
    """Return what was understood of all pages, as placeholders."""
    nothing = ("source", "first", "last", "minutes", "count", "price", "feed_in", "currency", "detail", "co2")
    try:
        told = await async_preview(hass, entry, _settings(chosen))
    except UnreadablePrices as err:
        return Answer({"base": "prices_unreadable"}, {**dict.fromkeys(nothing, NOTHING), "detail": err.detail})
    carbon = {"co2": carbon_understood(hass, entry, chosen)}
    return Answer({}, _placeholders(told, told.currency or hass.config.currency) | carbon)


def _placeholders(told: ToldPrices, currency: str) -> dict[str, str]:
    series, now = told.series, dt_util.utcnow()
    return {
        "source": _NAMES.get(told.source, told.source),
        "first": local(series.start),
        "last": local(series.end),
        "minutes": f"{series.step.total_seconds() / 60:g}",
        "count": str(len(series.points)),
        "price": _money(series.import_at(now)),
        "feed_in": _money(series.feed_in_at(now)),
        "currency": currency,
        "detail": NOTHING,
    }


def _money(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.4f}"


def _settings(chosen: Mapping[str, Any]) -> PriceSettings:
    """Return the settings that a whole set of pages stands for."""
    settings = price_settings({CONF_PRICES: dict(chosen)})
    assert settings is not None, "no page follows where there are no prices"
    return settings


@callback
def _offered_actions(hass: HomeAssistant) -> list[SelectOptionDict]:
    """Return the actions of integrations that are set up: for each entry, and for each of its areas where it has some."""
    offered: list[SelectOptionDict] = []
    for source in ACTION_SOURCES:
        entries = hass.config_entries.async_loaded_entries(source.domain)
        if not source.needs_entry:
            offered += [SelectOptionDict(value=action_choice(source), label=entry.title) for entry in entries[:1]]
            continue
        for entry in entries:
            for area in entry.data.get("areas", [""]):
                label = f"{entry.title} {area}".strip()
                offered.append(SelectOptionDict(value=action_choice(source, entry.entry_id, area), label=label))
    return offered


@callback
def _servers(entry: SmartChargingConfigEntry) -> list[SelectOptionDict]:
    """Return the OpenADR servers of the site."""
    return [
        SelectOptionDict(value=source_id, label=subentry.title)
        for source_id, subentry in grid_sources(entry).items()
        if page_of(subentry.data) is GridPage.OPENADR
    ]


@callback
def _server_schema(entry: SmartChargingConfigEntry) -> probatio.Schema:
    servers = SelectSelector(SelectSelectorConfig(options=_servers(entry), mode=SelectSelectorMode.DROPDOWN))
    return probatio.Schema({probatio.Required(CONF_OPENADR_SOURCE): servers})


@callback
def _action_schema(hass: HomeAssistant) -> probatio.Schema:
    offered = _offered_actions(hass)
    selector = SelectSelector(SelectSelectorConfig(options=offered, mode=SelectSelectorMode.DROPDOWN))
    return probatio.Schema(
        {
            probatio.Required(CONF_PRICE_ACTION): selector,
            probatio.Required(CONF_ALL_IN, default=False): BooleanSelector(),
            probatio.Optional(CONF_HOME): _TEXT,
        }
    )
