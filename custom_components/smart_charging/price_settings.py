"""What the user chose about prices, translated into the engine's words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from .const import (
    CONF_ALL_IN,
    CONF_ATTRIBUTE,
    CONF_CO2,
    CONF_CO2_ATTRIBUTE,
    CONF_CO2_BY_HAND,
    CONF_CO2_END_KEY,
    CONF_CO2_FORECAST,
    CONF_CO2_START_KEY,
    CONF_CO2_UNIT,
    CONF_CO2_VALUE_KEY,
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
from .engine.control.prices.formula import PriceFormula, PriceUnit, carbon_unit, price_unit
from .engine.control.prices.sources import ACTION_SOURCES, ActionSource, AttributeMap
from .engine.control.prices.table_text import parse_table
from .engine.control.prices.time_of_use import TimeOfUse


class PriceSource(StrEnum):
    """Where prices come from."""

    NONE = "none"
    FIXED = "fixed"
    TIME_OF_USE = "time_of_use"
    ENTITY = "entity"
    ACTION = "action"
    ATTRIBUTE = "attribute"
    OPENADR = "openadr"

    @property
    def is_told(self) -> bool:
        """Return whether somebody else tells them, so that a formula makes sense."""
        return self in {PriceSource.ENTITY, PriceSource.ACTION, PriceSource.ATTRIBUTE, PriceSource.OPENADR}


class FeedInSource(StrEnum):
    """Where the prices of feeding in come from; `spot` stands for what the source tells, before its formula.

    `openadr` are the prices of feeding in of the server that prices come from.
    """

    NONE = "none"
    FIXED = "fixed"
    SPOT = "spot"
    ENTITY = "entity"
    OPENADR = "openadr"


@dataclass(frozen=True, slots=True)
class ActionChoice:
    """An action that tells prices: which, for which entry, which part of it (an area, a home), and whether all in."""

    source: ActionSource
    entry_id: str = ""
    part: str = ""
    all_in: bool = False


@dataclass(frozen=True, slots=True)
class CarbonSettings:
    """What tells the grid's CO2: a sensor of now, entities that forecast it, and where those list it if that is not known."""

    sensor: str | None = None
    forecasts: tuple[str, ...] = ()
    mapping: AttributeMap | None = None

    @property
    def entities(self) -> tuple[str, ...]:
        """Return all entities that tell of it."""
        return self.forecasts if self.sensor is None else (self.sensor, *self.forecasts)


@dataclass(frozen=True, slots=True)
class PriceSettings:
    """Where a site's prices come from and what is put on them; what does not belong to the source has its default."""

    source: PriceSource
    price: float = 0.0
    table: TimeOfUse | None = None
    entities: tuple[str, ...] = ()
    mapping: AttributeMap | None = None
    action: ActionChoice | None = None
    server: str | None = None  # the source id of an OpenADR server
    formula: PriceFormula = field(default_factory=PriceFormula)
    feed_in: FeedInSource = FeedInSource.NONE
    feed_in_price: float = 0.0
    feed_in_entities: tuple[str, ...] = ()
    feed_in_formula: PriceFormula = field(default_factory=PriceFormula)
    carbon: CarbonSettings = field(default_factory=CarbonSettings)


_ACTIONS: Final = {source.key: source for source in ACTION_SOURCES}


def price_settings(options: Mapping[str, Any]) -> PriceSettings | None:
    """Return a site's prices, None where there are none; ValueError for a table, unit or formula that is none."""
    chosen: Mapping[str, Any] = options.get(CONF_PRICES, {})
    source = PriceSource(chosen.get(CONF_PRICE_SOURCE, PriceSource.NONE))
    if source is PriceSource.NONE:
        return None
    feed_in = FeedInSource(chosen.get(CONF_FEED_IN_SOURCE, FeedInSource.NONE))
    return PriceSettings(
        source=source,
        price=float(chosen.get(CONF_PRICE, 0)),
        table=parse_table(chosen[CONF_TABLE]) if source is PriceSource.TIME_OF_USE else None,
        entities=_entities(source, chosen),
        mapping=_mapping(chosen) if source is PriceSource.ATTRIBUTE else None,
        action=_action(chosen) if source is PriceSource.ACTION else None,
        server=chosen[CONF_OPENADR_SOURCE] if source is PriceSource.OPENADR else None,
        formula=_formula(chosen, CONF_MARKUP, CONF_SURCHARGE, CONF_VAT),
        feed_in=feed_in,
        feed_in_price=float(chosen.get(CONF_FEED_IN_PRICE, 0)),
        feed_in_entities=tuple(chosen[CONF_FEED_IN_ENTITIES]) if feed_in is FeedInSource.ENTITY else (),
        feed_in_formula=_formula(chosen, CONF_FEED_IN_MARKUP, CONF_FEED_IN_SURCHARGE, CONF_FEED_IN_VAT),
        carbon=carbon_settings(chosen),
    )


def carbon_settings(chosen: Mapping[str, Any]) -> CarbonSettings:
    """Return what of the prices' pages is of CO2; ValueError for a unit that is none."""
    mapped = bool(chosen.get(CONF_CO2_BY_HAND)) and CONF_CO2_ATTRIBUTE in chosen
    return CarbonSettings(
        chosen.get(CONF_CO2), tuple(chosen.get(CONF_CO2_FORECAST, ())), _carbon_mapping(chosen) if mapped else None
    )


def action_choice(source: ActionSource, entry_id: str = "", part: str = "") -> str:
    """Return what stands for a choice in a form and in the options."""
    return f"{source.key}|{entry_id}|{part}"


def _entities(source: PriceSource, chosen: Mapping[str, Any]) -> tuple[str, ...]:
    if source is PriceSource.ENTITY:
        return tuple(chosen[CONF_ENTITIES])
    return (chosen[CONF_ENTITY],) if source is PriceSource.ATTRIBUTE else ()


def _mapping(chosen: Mapping[str, Any]) -> AttributeMap:
    unit: PriceUnit | None = price_unit(chosen[CONF_UNIT])
    if unit is None:
        raise ValueError(f"{chosen[CONF_UNIT]} is no unit of prices")
    return AttributeMap(
        chosen[CONF_ATTRIBUTE], chosen[CONF_START_KEY], chosen[CONF_VALUE_KEY], unit, chosen.get(CONF_END_KEY, "")
    )


def _carbon_mapping(chosen: Mapping[str, Any]) -> AttributeMap:
    unit: PriceUnit | None = carbon_unit(chosen[CONF_CO2_UNIT])
    if unit is None:
        raise ValueError(f"{chosen[CONF_CO2_UNIT]} is no unit of CO2")
    start, value, end = chosen[CONF_CO2_START_KEY], chosen[CONF_CO2_VALUE_KEY], chosen.get(CONF_CO2_END_KEY, "")
    return AttributeMap(chosen[CONF_CO2_ATTRIBUTE], start, value, unit, end)


def _action(chosen: Mapping[str, Any]) -> ActionChoice:
    key, entry_id, part = str(chosen[CONF_PRICE_ACTION]).split("|", 2)
    return ActionChoice(_ACTIONS[key], entry_id, part or chosen.get(CONF_HOME, ""), bool(chosen.get(CONF_ALL_IN)))


def _formula(chosen: Mapping[str, Any], markup: str, surcharge: str, vat: str) -> PriceFormula:
    return PriceFormula(
        float(chosen.get(markup, 0)) / 100, float(chosen.get(surcharge, 0)), float(chosen.get(vat, 0)) / 100
    )
