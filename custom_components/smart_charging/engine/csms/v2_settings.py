"""The device model of OCPP 2 as settings with one name each, and what they tell of a station.

A setting is called `Component.Variable`. An instance stands in brackets behind its name, an EVSE or
connector in parentheses behind the component: `SmartChargingCtrlr.Entries[ChargingProfiles]`,
`Connector(1.2).ConnectorType`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
import re

from ..model import Json
from .capabilities import Configuration, ConfigurationValue, rate_units
from .meter_values import parse_number
from .state import Capabilities

INTERVAL = "SampledDataCtrlr.TxUpdatedInterval"
MEASURANDS = "SampledDataCtrlr.TxUpdatedMeasurands"
PASSWORD = "SecurityCtrlr.BasicAuthPassword"
NEEDED = (
    "SmartChargingCtrlr.ProfileStackLevel",
    "SmartChargingCtrlr.RateUnit",
    "SmartChargingCtrlr.PeriodsPerSchedule",
    MEASURANDS,
    INTERVAL,
)
_NAME = re.compile(
    r"(?P<component>[^.()\[\]]{1,50})(?:\[(?P<component_instance>[^\]]{1,50})\])?"
    r"(?:\((?P<evse>\d{1,4})(?:\.(?P<connector>\d{1,4}))?\))?"
    r"\.(?P<variable>[^()\[\]]{1,50})(?:\[(?P<variable_instance>[^\]]{1,50})\])?"
)
_PROFILES = "SmartChargingCtrlr.Entries[ChargingProfiles]"
_TWO_WAY = re.compile(r"V2XChargingCtrlr(?:\((\d+)\))?\.SupportedOperationModes", re.IGNORECASE)
_SET_POINTS = "CentralSetpoint"
_EVSE = re.compile(r"[^(]+\((\d+)")


@dataclass(frozen=True, slots=True)
class Setting:
    """A variable of a component, perhaps of one EVSE or connector."""

    component: str
    variable: str
    component_instance: str | None = None
    variable_instance: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None

    @property
    def name(self) -> str:
        """Return the setting as one name."""
        where = "" if self.evse_id is None else f"({self.evse_id})"
        if self.connector_id is not None:
            where = f"({self.evse_id}.{self.connector_id})"
        return (
            f"{self.component}{_bracketed(self.component_instance)}{where}"
            f".{self.variable}{_bracketed(self.variable_instance)}"
        )

    def to_json(self) -> dict[str, Json]:
        """Return component and variable as messages carry them."""
        component: dict[str, Json] = {"name": self.component}
        if self.component_instance is not None:
            component["instance"] = self.component_instance
        if self.evse_id is not None:
            evse: dict[str, Json] = {"id": self.evse_id}
            if self.connector_id is not None:
                evse["connectorId"] = self.connector_id
            component["evse"] = evse
        variable: dict[str, Json] = {"name": self.variable}
        if self.variable_instance is not None:
            variable["instance"] = self.variable_instance
        return {"component": component, "variable": variable}


def parse_name(name: str) -> Setting | None:
    """Read the name of a setting; None for what is none."""
    found = _NAME.fullmatch(name.strip())
    if found is None:
        return None
    evse, connector = found["evse"], found["connector"]
    return Setting(
        found["component"],
        found["variable"],
        found["component_instance"],
        found["variable_instance"],
        None if evse is None else int(evse),
        None if connector is None else int(connector),
    )


def read_setting(entry: Mapping[str, Json]) -> Setting | None:
    """Read component and variable of a report or result; None for what can't be read."""
    component, variable = entry.get("component"), entry.get("variable")
    if not isinstance(component, dict) or not isinstance(variable, dict):
        return None
    evse = component.get("evse")
    place = evse if isinstance(evse, dict) else {}
    named, called = _text(component.get("name")), _text(variable.get("name"))
    if named is None or called is None:
        return None
    return Setting(
        named,
        called,
        _text(component.get("instance")),
        _text(variable.get("instance")),
        _number(place.get("id")),
        _number(place.get("connectorId")),
    )


def read_report(data: Iterable[Json]) -> Configuration:
    """Read the data of NotifyReport pages: the actual value of each variable; others are passed over."""
    values = []
    for entry in data:
        setting = read_setting(entry) if isinstance(entry, dict) else None
        attributes = entry.get("variableAttribute") if isinstance(entry, dict) else None
        traits = entry.get("variableCharacteristics") if isinstance(entry, dict) else None
        most = parse_number(traits.get("maxLimit")) if isinstance(traits, dict) else None
        for attribute in attributes if isinstance(attributes, list) else []:
            if setting is None or not isinstance(attribute, dict) or attribute.get("type", "Actual") != "Actual":
                continue
            readonly = attribute.get("mutability") == "ReadOnly"
            values.append(ConfigurationValue(setting.name, _text(attribute.get("value")), readonly, most))
    return Configuration(values)


def read_capabilities(configuration: Configuration, known: Capabilities) -> Capabilities:
    """Return what is known after reading these settings; a missing one leaves what was known."""
    level = configuration.integer("SmartChargingCtrlr.ProfileStackLevel")
    periods = configuration.integer("SmartChargingCtrlr.PeriodsPerSchedule")
    switching = [
        configuration.flag(f"SmartChargingCtrlr.{name}") for name in ("ACPhaseSwitchingSupported", "Phases3to1")
    ]
    evses = [int(found[1]) for key in configuration.as_dict() if (found := _EVSE.match(key))]
    phases = [configuration.integer(f"EVSE({evse_id}).SupplyPhases") or 0 for evse_id in set(evses)]
    features = frozenset(
        key.partition(".")[0]
        for key in configuration.as_dict()
        if key.endswith((".Enabled", ".Available")) and configuration.flag(key)
    )
    profiles = configuration.get(_PROFILES)
    return replace(
        known,
        connectors=max(evses, default=0) or known.connectors,
        rate_units=rate_units(configuration.words("SmartChargingCtrlr.RateUnit")) or known.rate_units,
        max_stack_level=known.max_stack_level if level is None else level,
        max_periods=periods or known.max_periods,
        max_profiles=known.max_profiles if profiles is None or not profiles.maximum else int(profiles.maximum),
        dynamic_profiles=configuration.flag("SmartChargingCtrlr.SupportsDynamicProfiles") is True,
        two_way=_two_way(configuration),
        measurands=frozenset(configuration.words(MEASURANDS)) or known.measurands,
        feature_profiles=features or known.feature_profiles,
        phases=max([known.phases or 0, *phases]) or None,
        phase_switching=True if True in switching else (False if False in switching else known.phase_switching),
    )


def _two_way(configuration: Configuration) -> frozenset[int]:
    """Return the EVSEs, 0 for all, whose V2XChargingCtrlr is in service and takes set-points (2.1 part 2 Q)."""
    found = set()
    for key in configuration.as_dict():
        named = _TWO_WAY.fullmatch(key)
        switches = [configuration.flag(f"{key.partition('.')[0]}.{name}") for name in ("Available", "Enabled")]
        if named and False not in switches and _SET_POINTS in configuration.words(key):
            found.add(int(named[1] or 0))
    return frozenset(found)


def _bracketed(instance: str | None) -> str:
    return "" if instance is None else f"[{instance}]"


def _text(raw: Json) -> str | None:
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return str(raw)
    return raw if isinstance(raw, str) else None


def _number(raw: Json) -> int | None:
    return raw if isinstance(raw, int) and not isinstance(raw, bool) else None
