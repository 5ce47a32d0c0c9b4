"""The pages on which a demand of the grid operator is set up: one for each way in which it is told."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_NAME, PERCENTAGE
from homeassistant.core import HomeAssistant, callback, split_entity_id
from homeassistant.helpers.selector import (
    BooleanSelector,
    EntitySelector,
    EntitySelectorConfig,
    EntityWithDeviceFilterSelectorConfig,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)
from homeassistant.util.unit_conversion import DurationConverter, ElectricCurrentConverter, PowerConverter
import probatio

from ..const import (
    CONF_ACTIVE_ENTITY,
    CONF_BINDING,
    CONF_CONTACTS,
    CONF_DEBOUNCE_S,
    CONF_DIRECTION,
    CONF_DURATION_ENTITY,
    CONF_ENTITY,
    CONF_FAILSAFE,
    CONF_FAILSAFE_H,
    CONF_FAILSAFE_KW,
    CONF_HEARTBEAT_ENTITY,
    CONF_INVERT,
    CONF_LIMIT,
    CONF_LIMIT_ENTITY,
    CONF_LIMIT_UNIT,
    CONF_LOST_POLICY,
    CONF_MOST_DELAY_S,
    CONF_NO_LIMIT_FROM,
    CONF_OWN_POWER,
    CONF_PLACE,
    CONF_SIGNAL_KIND,
    SUBENTRY_CHARGER,
)
from ..engine.grid.lpc import LpcDirection
from ..engine.grid.section_14a import MINIMUM_W
from ..engine.grid.signal import SignalKind, SignalScope, SignalUnit
from ..engine.grid.source import DEBOUNCE_S, LostPolicy
from ..engine.grid.uk_rules import DEFAULT_DELAY_S, MOST_DELAY_S
from ..engine.limit import OwnPower
from ..grid_presets import GridPage, GridPreset
from ..grid_settings import KILOWATT, UNITS
from ..pv_settings import pv_configs
from .entities import unit_of, unusable
from .fields import Answer, choice, filled, number, seconds

type Fields = dict[probatio.Marker, Any]

CONTACT_DOMAINS: Final = ("binary_sensor", "switch", "input_boolean")
NUMBER_DOMAINS: Final = ("sensor", "number", "input_number")
MOST: Final = 1_000_000.0  # kW, A or %: above it nothing is meant
_LIMIT: Final = number(0, MOST, step=0.01)
_UNIT: Final = SelectSelector(
    SelectSelectorConfig(options=[SelectOptionDict(value=unit, label=unit) for unit in UNITS])
)
# What a limit is on which nobody can be sure of: a source must then name a fail-safe of its own.
_FEED_IN: Final = SignalKind.EXPORT_LIMIT


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its fields for a preset, and what is wrong with what was entered."""

    fields: Callable[[HomeAssistant, ConfigEntry, GridPreset], Fields]
    check: Callable[[HomeAssistant, ConfigEntry, Mapping[str, Any]], Answer]


def entity_field(domains: Collection[str]) -> EntitySelector:
    """Return a field for an entity of these domains."""
    offered = EntityWithDeviceFilterSelectorConfig(domain=list(domains))
    return EntitySelector(EntitySelectorConfig(filter=offered))


@callback
def place_field(entry: ConfigEntry, *, site: bool) -> SelectSelector:
    """Return a choice of what is limited: all controllable devices, one charger or, where that may be, the whole site."""
    options = [SelectOptionDict(value=SignalScope.CONTROLLABLE.value, label=SignalScope.CONTROLLABLE.value)]
    if site:
        options.append(SelectOptionDict(value=SignalScope.SITE.value, label=SignalScope.SITE.value))
    options += [
        SelectOptionDict(value=charger.subentry_id, label=charger.title)
        for charger in entry.get_subentries_of_type(SUBENTRY_CHARGER)
    ]
    return SelectSelector(
        SelectSelectorConfig(options=options, translation_key="grid_place", mode=SelectSelectorMode.DROPDOWN)
    )


def own_power_field() -> SelectSelector:
    """Return a choice of what of the site's own power may flow on top of a limit."""
    return choice(OwnPower, "own_power")


def policy_fields() -> Fields:
    """Return the field for what holds once a source is lost."""
    return {probatio.Required(CONF_LOST_POLICY, default=LostPolicy.FAILSAFE.value): choice(LostPolicy, "lost_policy")}


def failsafe_fields() -> Fields:
    """Return the fields for what holds once a source of messages is lost, and how much that is."""
    return {**policy_fields(), probatio.Optional(CONF_FAILSAFE): number(0, MOST, KILOWATT, 0.01)}


@callback
def entities_answer(hass: HomeAssistant, chosen: Iterable[tuple[str, str, Collection[str]]]) -> Answer:
    """Return why the first of these entities that can't be read can't be.

    Each is given with its field and the domains that it may have.
    """
    seen = set[str]()
    for key, entity_id, domains in chosen:
        if error := unusable(hass, entity_id, domains, "entity_unfit"):
            return Answer({key: error}, {"entity": entity_id})
        if entity_id in seen:
            return Answer({key: "entity_twice"}, {"entity": entity_id})
        seen.add(entity_id)
    return Answer()


def limit_unit(unit: str | None) -> str | None:
    """Return the unit that a limit of an entity with this unit is kept in, None where that tells no limit."""
    if unit in PowerConverter.VALID_UNITS:
        return KILOWATT
    if unit in ElectricCurrentConverter.VALID_UNITS:
        return SignalUnit.AMPERE.value
    return SignalUnit.PERCENT.value if unit == PERCENTAGE else None


def failsafe_answer(data: Mapping[str, Any]) -> Answer:
    """Return what is wrong with what holds once a source is lost: only dimmed devices have a legal minimum."""
    if data.get(CONF_LOST_POLICY) != LostPolicy.FAILSAFE or CONF_FAILSAFE in data:
        return Answer()
    legal = data.get(CONF_PLACE, SignalScope.CONTROLLABLE) != SignalScope.SITE
    legal = legal and data.get(CONF_SIGNAL_KIND) != _FEED_IN and data.get(CONF_LIMIT_UNIT, KILOWATT) == KILOWATT
    return Answer({} if legal else {CONF_FAILSAFE: "failsafe_missing"})


@callback
def _check_share(entry: ConfigEntry, kind: str, data: Mapping[str, Any], field: str) -> Answer:
    """Refuse a share of the PV systems' power, in this field, while nobody told any of that."""
    is_share = kind == _FEED_IN and data.get(CONF_LIMIT_UNIT) == SignalUnit.PERCENT
    known = any(system.installed_w > 0 for system in pv_configs(entry))
    return Answer({field: "pv_power_missing"} if is_share and not known else {})


def _name() -> Fields:
    return {probatio.Required(CONF_NAME): TextSelector()}


def _contact_fields(_hass: HomeAssistant, entry: ConfigEntry, preset: GridPreset) -> Fields:
    free = preset is GridPreset.CONTACT
    block = preset is GridPreset.CH_AT_BLOCK
    own_power = OwnPower.NOT_COUNTED if block else OwnPower.AFTER_OTHER_LOAD
    fields: Fields = {
        **_name(),
        probatio.Required(CONF_ENTITY): entity_field(CONTACT_DOMAINS),
        probatio.Required(CONF_INVERT, default=False): BooleanSelector(),
    }
    if free:
        kinds = (SignalKind.IMPORT_LIMIT, SignalKind.EXPORT_LIMIT, SignalKind.BLOCK)
        fields |= {
            probatio.Required(CONF_SIGNAL_KIND, default=SignalKind.IMPORT_LIMIT.value): choice(kinds, "signal_kind"),
            probatio.Optional(CONF_LIMIT): _LIMIT,
            probatio.Required(CONF_LIMIT_UNIT, default=KILOWATT): _UNIT,
            probatio.Required(CONF_BINDING, default=True): BooleanSelector(),
        }
    elif not block:
        fields |= {probatio.Optional(CONF_LIMIT): number(MINIMUM_W / 1000, MOST, KILOWATT, 0.01)}
    return {
        **fields,
        probatio.Required(CONF_PLACE, default=SignalScope.CONTROLLABLE.value): place_field(entry, site=free),
        probatio.Required(CONF_OWN_POWER, default=own_power.value): own_power_field(),
        **policy_fields(),
        probatio.Required(CONF_DEBOUNCE_S, default=DEBOUNCE_S): number(0, 60, "s", 0.1),
    }


@callback
def _check_contact(hass: HomeAssistant, entry: ConfigEntry, data: Mapping[str, Any]) -> Answer:
    answer = entities_answer(hass, [(CONF_ENTITY, data[CONF_ENTITY], CONTACT_DOMAINS)])
    if answer.errors:
        return answer
    kind = data.get(CONF_SIGNAL_KIND, SignalKind.BLOCK)  # a preset knows its own
    legal = data[CONF_PLACE] != SignalScope.SITE and data.get(CONF_LIMIT_UNIT) == KILOWATT
    needs_limit = kind == _FEED_IN or (kind == SignalKind.IMPORT_LIMIT and not legal)
    if needs_limit and CONF_LIMIT not in data:
        return Answer({CONF_LIMIT: "limit_missing"})
    return _check_share(entry, kind, data, CONF_LIMIT)


def _control_box_fields(_hass: HomeAssistant, entry: ConfigEntry, _preset: GridPreset) -> Fields:
    return {
        **_name(),
        **{probatio.Optional(key): entity_field(CONTACT_DOMAINS) for key in CONF_CONTACTS.values()},
        probatio.Required(CONF_INVERT, default=False): BooleanSelector(),
        probatio.Required(CONF_PLACE, default=SignalScope.CONTROLLABLE.value): place_field(entry, site=False),
        probatio.Required(CONF_OWN_POWER, default=OwnPower.AFTER_OTHER_LOAD.value): own_power_field(),
        **policy_fields(),
        probatio.Required(CONF_DEBOUNCE_S, default=DEBOUNCE_S): number(0, 60, "s", 0.1),
    }


@callback
def _check_control_box(hass: HomeAssistant, _entry: ConfigEntry, data: Mapping[str, Any]) -> Answer:
    wired = [(key, data[key], CONTACT_DOMAINS) for key in CONF_CONTACTS.values() if key in data]
    if not wired:
        return Answer({"base": "contacts_missing"})
    return entities_answer(hass, wired)


def _eebus_fields(_hass: HomeAssistant, entry: ConfigEntry, _preset: GridPreset) -> Fields:
    return {
        **_name(),
        probatio.Required(CONF_DIRECTION, default=LpcDirection.CONSUMPTION.value): choice(LpcDirection, CONF_DIRECTION),
        probatio.Required(CONF_LIMIT_ENTITY): entity_field(NUMBER_DOMAINS),
        probatio.Optional(CONF_ACTIVE_ENTITY): entity_field(CONTACT_DOMAINS),
        probatio.Optional(CONF_DURATION_ENTITY): entity_field(NUMBER_DOMAINS),
        probatio.Optional(CONF_HEARTBEAT_ENTITY): EntitySelector(EntitySelectorConfig()),
        probatio.Required(CONF_FAILSAFE_KW, default=MINIMUM_W / 1000): number(0, MOST, KILOWATT, 0.01),
        probatio.Required(CONF_FAILSAFE_H, default=2): number(2, 24, "h", 0.5),
        probatio.Required(CONF_PLACE, default=SignalScope.CONTROLLABLE.value): place_field(entry, site=True),
        probatio.Required(CONF_OWN_POWER, default=OwnPower.AFTER_OTHER_LOAD.value): own_power_field(),
    }


@callback
def _check_eebus(hass: HomeAssistant, _entry: ConfigEntry, data: Mapping[str, Any]) -> Answer:
    answer = entities_answer(hass, _bridge(data))
    if answer.errors:
        return answer
    if unit_of(hass, data[CONF_LIMIT_ENTITY]) not in PowerConverter.VALID_UNITS:
        return Answer({CONF_LIMIT_ENTITY: "entity_not_power"}, {"entity": data[CONF_LIMIT_ENTITY]})
    duration = data.get(CONF_DURATION_ENTITY)
    if duration is not None and unit_of(hass, duration) not in DurationConverter.VALID_UNITS:
        return Answer({CONF_DURATION_ENTITY: "entity_not_duration"}, {"entity": duration})
    return Answer()


def _bridge(data: Mapping[str, Any]) -> Iterator[tuple[str, str, Collection[str]]]:
    """Yield the entities of a bridge with their fields and domains; its heartbeat may be of any."""
    yield CONF_LIMIT_ENTITY, data[CONF_LIMIT_ENTITY], NUMBER_DOMAINS
    for key, domains in ((CONF_ACTIVE_ENTITY, CONTACT_DOMAINS), (CONF_DURATION_ENTITY, NUMBER_DOMAINS)):
        if key in data:
            yield key, data[key], domains
    if (heart := data.get(CONF_HEARTBEAT_ENTITY)) is not None:
        yield CONF_HEARTBEAT_ENTITY, heart, (split_entity_id(heart)[0],)


def _number_fields(_hass: HomeAssistant, entry: ConfigEntry, _preset: GridPreset) -> Fields:
    kinds = (SignalKind.IMPORT_LIMIT, SignalKind.EXPORT_LIMIT)
    return {
        **_name(),
        probatio.Required(CONF_ENTITY): entity_field(NUMBER_DOMAINS),
        probatio.Required(CONF_SIGNAL_KIND, default=SignalKind.IMPORT_LIMIT.value): choice(kinds, "signal_kind"),
        probatio.Required(CONF_PLACE, default=SignalScope.CONTROLLABLE.value): place_field(entry, site=True),
        probatio.Required(CONF_OWN_POWER, default=OwnPower.AFTER_OTHER_LOAD.value): own_power_field(),
        probatio.Optional(CONF_NO_LIMIT_FROM): _LIMIT,
        probatio.Required(CONF_BINDING, default=True): BooleanSelector(),
        **policy_fields(),
        probatio.Optional(CONF_FAILSAFE): _LIMIT,
    }


@callback
def _check_number(hass: HomeAssistant, entry: ConfigEntry, data: Mapping[str, Any]) -> Answer:
    answer = entities_answer(hass, [(CONF_ENTITY, data[CONF_ENTITY], NUMBER_DOMAINS)])
    if answer.errors:
        return answer
    if CONF_LIMIT_UNIT not in data:
        return Answer({CONF_ENTITY: "entity_no_limit"}, {"entity": data[CONF_ENTITY]})
    if (missing := failsafe_answer(data)).errors:
        return missing
    return _check_share(entry, data[CONF_SIGNAL_KIND], data, CONF_ENTITY)


def _standing_fields(_hass: HomeAssistant, entry: ConfigEntry, preset: GridPreset) -> Fields:
    if preset is GridPreset.DE_FEED_IN_60:
        return {**_name(), probatio.Required(CONF_LIMIT, default=60): number(0, 100, "%", 0.1)}
    kinds = (SignalKind.EXPORT_LIMIT, SignalKind.IMPORT_LIMIT)
    return {
        **_name(),
        probatio.Required(CONF_SIGNAL_KIND, default=SignalKind.EXPORT_LIMIT.value): choice(kinds, "signal_kind"),
        probatio.Required(CONF_LIMIT): _LIMIT,
        probatio.Required(CONF_LIMIT_UNIT, default=KILOWATT): _UNIT,
        probatio.Required(CONF_PLACE, default=SignalScope.SITE.value): place_field(entry, site=True),
    }


@callback
def _check_standing(_hass: HomeAssistant, entry: ConfigEntry, data: Mapping[str, Any]) -> Answer:
    return _check_share(entry, data.get(CONF_SIGNAL_KIND, _FEED_IN), data, CONF_LIMIT)


@callback
def _check_nothing(_hass: HomeAssistant, _entry: ConfigEntry, _data: Mapping[str, Any]) -> Answer:
    return Answer()


def _uk_fields(_hass: HomeAssistant, _entry: ConfigEntry, _preset: GridPreset) -> Fields:
    return {**_name(), probatio.Required(CONF_MOST_DELAY_S, default=DEFAULT_DELAY_S): seconds(0, MOST_DELAY_S)}


PAGES: Final[Mapping[GridPage, Page]] = {
    GridPage.CONTACT: Page(_contact_fields, _check_contact),
    GridPage.CONTROL_BOX: Page(_control_box_fields, _check_control_box),
    GridPage.EEBUS: Page(_eebus_fields, _check_eebus),
    GridPage.NUMBER: Page(_number_fields, _check_number),
    GridPage.STANDING: Page(_standing_fields, _check_standing),
    GridPage.UK: Page(_uk_fields, _check_nothing),
}


@callback
def page_data(hass: HomeAssistant, page: GridPage, preset: GridPreset, user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the subentry's data for what was entered on a page."""
    values = {key: value for key, value in filled(user_input).items() if key != CONF_NAME}
    if page is GridPage.NUMBER and (unit := limit_unit(unit_of(hass, values[CONF_ENTITY]))) is not None:
        values[CONF_LIMIT_UNIT] = unit
    if preset is GridPreset.DE_FEED_IN_60:
        values[CONF_LIMIT_UNIT] = SignalUnit.PERCENT.value
    return values
