"""What the user configured of the grid operator's demands, translated into the engine's words."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, TypedDict

from homeassistant.config_entries import ConfigEntry, ConfigSubentry

from .const import (
    CONF_BINDING,
    CONF_CONTACTS,
    CONF_DEBOUNCE_S,
    CONF_DEVICE_KIND,
    CONF_DIRECTION,
    CONF_FAILSAFE,
    CONF_FAILSAFE_H,
    CONF_FAILSAFE_KW,
    CONF_INVERT,
    CONF_LIMIT,
    CONF_LIMIT_UNIT,
    CONF_LOST_POLICY,
    CONF_MOST_DELAY_S,
    CONF_NO_LIMIT_FROM,
    CONF_OWN_POWER,
    CONF_PLACE,
    CONF_PRESET,
    CONF_RATED_KW,
    CONF_SIGNAL_KIND,
    CONF_SILENT_MIN,
    CONF_STATION_ID,
    SUBENTRY_GRID_SIGNAL,
    SUBENTRY_OTHER_DEVICE,
)
from .engine.config import SiteConfig, StationConfig
from .engine.grid.grid_room import GridConfig
from .engine.grid.lpc import LpcConfig, LpcDirection
from .engine.grid.section_14a import ControllableDevice, DeviceKind
from .engine.grid.signal import SignalKind, SignalScope, SignalUnit
from .engine.grid.source import DEBOUNCE_S, InputKind, LostPolicy, SourceConfig
from .engine.grid.uk_rules import DEFAULT_DELAY_S, UkRules
from .engine.grid_setup import grid_config
from .engine.limit import OwnPower
from .engine.model import EvseKey
from .grid_presets import PAGE_OF, GridPage, GridPreset

# A limit in kW is kept as such, for that is how users think of it.
KILOWATT: Final = "kW"
UNITS: Final[Mapping[str, tuple[SignalUnit, float]]] = {
    KILOWATT: (SignalUnit.WATT, 1000.0),
    SignalUnit.AMPERE.value: (SignalUnit.AMPERE, 1.0),
    SignalUnit.PERCENT.value: (SignalUnit.PERCENT, 1.0),
}


class _Aim(TypedDict):
    """What a source's signals are for."""

    kind: SignalKind
    scope: SignalScope
    evse: EvseKey | None
    own_power: OwnPower


def grid_sources(entry: ConfigEntry) -> dict[str, ConfigSubentry]:
    """Return the subentries of this entry that are sources of grid signals, by subentry id."""
    return {
        subentry.subentry_id: subentry
        for subentry in entry.get_subentries_of_type(SUBENTRY_GRID_SIGNAL)
        if page_of(subentry.data) in _SOURCES
    }


def page_of(data: Mapping[str, Any]) -> GridPage:
    """Return the page on which this was set up."""
    return PAGE_OF[GridPreset(data[CONF_PRESET])]


def source_config(entry: ConfigEntry, subentry: ConfigSubentry) -> SourceConfig:
    """Return the source of this subentry; where its charger is gone, it is for an EVSE that no site has."""
    return _SOURCES[page_of(subentry.data)](entry, subentry)


def uk_rules(entry: ConfigEntry) -> UkRules | None:
    """Return the rules of the United Kingdom, None where they don't hold."""
    for subentry in entry.get_subentries_of_type(SUBENTRY_GRID_SIGNAL):
        if page_of(subentry.data) is GridPage.UK:
            return UkRules(most_delay_s=int(subentry.data.get(CONF_MOST_DELAY_S, DEFAULT_DELAY_S)))
    return None


def other_devices(entry: ConfigEntry) -> tuple[ControllableDevice, ...]:
    """Return the controllable devices that are led elsewhere."""
    return tuple(
        ControllableDevice(
            subentry.subentry_id,
            DeviceKind(subentry.data[CONF_DEVICE_KIND]),
            float(subentry.data[CONF_RATED_KW]) * 1000,
            led=False,
        )
        for subentry in entry.get_subentries_of_type(SUBENTRY_OTHER_DEVICE)
    )


def site_grid_config(entry: ConfigEntry, site: SiteConfig, stations: Mapping[str, StationConfig]) -> GridConfig:
    """Return all that the site is to know of the grid operator's demands."""
    sources = [source_config(entry, subentry) for subentry in grid_sources(entry).values()]
    return grid_config(site, stations.values(), sources, others=other_devices(entry), uk=uk_rules(entry))


def _aim(entry: ConfigEntry, data: Mapping[str, Any], kind: SignalKind) -> _Aim:
    """Return what the signals are for; a limit on feed-in is always the site's."""
    place = data.get(CONF_PLACE, SignalScope.CONTROLLABLE)
    charger = entry.subentries.get(place)
    scope, evse = SignalScope.CONTROLLABLE, None
    if kind is SignalKind.EXPORT_LIMIT or place == SignalScope.SITE:
        scope = SignalScope.SITE
    elif place != SignalScope.CONTROLLABLE:
        # Of a charger that is gone nobody knows the station any more: the id that is left is none of a station's.
        scope, evse = SignalScope.DEVICE, EvseKey(place if charger is None else charger.data[CONF_STATION_ID], 1)
    own_power = OwnPower(data.get(CONF_OWN_POWER, OwnPower.AFTER_OTHER_LOAD))
    return _Aim(kind=kind, scope=scope, evse=evse, own_power=own_power)


def limit_of(data: Mapping[str, Any], key: str) -> float | None:
    """Return a limit that was entered, in the engine's unit: W, A or %; None where there is none."""
    value = data.get(key)
    return None if value is None else float(value) * UNITS[data.get(CONF_LIMIT_UNIT, KILOWATT)][1]


def _unit(data: Mapping[str, Any]) -> SignalUnit:
    return UNITS[data.get(CONF_LIMIT_UNIT, KILOWATT)][0]


def _policy(data: Mapping[str, Any]) -> LostPolicy | None:
    policy = data.get(CONF_LOST_POLICY)
    return None if policy is None else LostPolicy(policy)


def _contact(entry: ConfigEntry, subentry: ConfigSubentry) -> SourceConfig:
    data, preset = subentry.data, GridPreset(subentry.data[CONF_PRESET])
    kinds = {GridPreset.DE_14A_RELAY: SignalKind.IMPORT_LIMIT, GridPreset.CH_AT_BLOCK: SignalKind.BLOCK}
    kind = kinds.get(preset) or SignalKind(data[CONF_SIGNAL_KIND])
    return SourceConfig(
        source_id=subentry.subentry_id,
        input=InputKind.CONTACT,
        **_aim(entry, data, kind),
        unit=_unit(data),
        value=None if kind is SignalKind.BLOCK else limit_of(data, CONF_LIMIT),
        binding=data.get(CONF_BINDING, True),
        inverted=data[CONF_INVERT],
        debounce_s=float(data.get(CONF_DEBOUNCE_S, DEBOUNCE_S)),
        policy=_policy(data),
    )


def _control_box(entry: ConfigEntry, subentry: ConfigSubentry) -> SourceConfig:
    data = subentry.data
    return SourceConfig(
        source_id=subentry.subentry_id,
        input=InputKind.CONTROL_BOX,
        **_aim(entry, data, SignalKind.IMPORT_LIMIT),
        inverted=data[CONF_INVERT],
        contacts=frozenset(contact for contact, key in CONF_CONTACTS.items() if key in data),
        debounce_s=float(data.get(CONF_DEBOUNCE_S, DEBOUNCE_S)),
        policy=_policy(data),
    )


def _eebus(entry: ConfigEntry, subentry: ConfigSubentry) -> SourceConfig:
    data = subentry.data
    direction = LpcDirection(data[CONF_DIRECTION])
    kind = SignalKind.EXPORT_LIMIT if direction is LpcDirection.PRODUCTION else SignalKind.IMPORT_LIMIT
    return SourceConfig(
        source_id=subentry.subentry_id,
        input=InputKind.EEBUS,
        **_aim(entry, data, kind),
        lpc=LpcConfig(
            failsafe_w=float(data[CONF_FAILSAFE_KW]) * 1000,
            failsafe_for=timedelta(hours=float(data[CONF_FAILSAFE_H])),
            direction=direction,
        ),
    )


def _number(entry: ConfigEntry, subentry: ConfigSubentry) -> SourceConfig:
    data = subentry.data
    return SourceConfig(
        source_id=subentry.subentry_id,
        input=InputKind.NUMBER,
        **_aim(entry, data, SignalKind(data[CONF_SIGNAL_KIND])),
        unit=_unit(data),
        no_limit_from=limit_of(data, CONF_NO_LIMIT_FROM),
        binding=data[CONF_BINDING],
        policy=_policy(data),
        failsafe=limit_of(data, CONF_FAILSAFE),
    )


def _standing(entry: ConfigEntry, subentry: ConfigSubentry) -> SourceConfig:
    data, kind = subentry.data, SignalKind(subentry.data.get(CONF_SIGNAL_KIND, SignalKind.EXPORT_LIMIT))
    return SourceConfig(
        source_id=subentry.subentry_id,
        input=InputKind.STANDING,
        **_aim(entry, data, kind),
        unit=_unit(data),
        value=limit_of(data, CONF_LIMIT),
    )


def _messages(entry: ConfigEntry, subentry: ConfigSubentry) -> SourceConfig:
    """Return a source whose messages say themselves what they limit; `place` is for a fail-safe that they don't name."""
    data = subentry.data
    silent_min = data.get(CONF_SILENT_MIN)
    return SourceConfig(
        source_id=subentry.subentry_id,
        input=InputKind.MESSAGES,
        **_aim(entry, data, SignalKind.IMPORT_LIMIT),
        unit=_unit(data),
        binding=data[CONF_BINDING],
        silent_s=None if silent_min is None else float(silent_min) * 60,
        policy=_policy(data),
        failsafe=limit_of(data, CONF_FAILSAFE),
    )


def _openadr(entry: ConfigEntry, subentry: ConfigSubentry) -> SourceConfig:
    """Return an OpenADR server: what it announced goes on while it is lost, beside its fail-safe."""
    return replace(_messages(entry, subentry), keeps_announced=True)


_SOURCES: Final[Mapping[GridPage, Callable[[ConfigEntry, ConfigSubentry], SourceConfig]]] = {
    GridPage.CONTACT: _contact,
    GridPage.CONTROL_BOX: _control_box,
    GridPage.EEBUS: _eebus,
    GridPage.NUMBER: _number,
    GridPage.STANDING: _standing,
    GridPage.WEBHOOK: _messages,
    GridPage.MQTT: _messages,
    GridPage.OPENADR: _openadr,
}
