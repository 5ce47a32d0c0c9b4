"""What the user configured, translated into the engine's words."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.core import HomeAssistant

from .car_settings import car_config
from .const import (
    CONF_ACTIONS,
    CONF_BUFFER_SOC,
    CONF_BUFFER_START_SOC,
    CONF_BY_PLAN,
    CONF_CABLE_CURRENT_A,
    CONF_CAPACITY_KWH,
    CONF_CAR,
    CONF_CHARGE_POWER,
    CONF_CIRCUIT,
    CONF_CURRENT_PHASES,
    CONF_DISCHARGE_LIMIT,
    CONF_DISCHARGE_POWER,
    CONF_FUSE_A,
    CONF_GRID_EXPANSION,
    CONF_HOLD_SWITCH,
    CONF_HOLD_WHILE_FAST,
    CONF_INVERT,
    CONF_MARGIN_A,
    CONF_MAX_CHARGE_W,
    CONF_MAX_CURRENT_A,
    CONF_MAX_DISCHARGE_W,
    CONF_MIN_SOC,
    CONF_MODE_AFTER_UNPLUG,
    CONF_MODE_SELECT,
    CONF_NO_PASSWORD,
    CONF_OPTIONS,
    CONF_ORGANIZATION,
    CONF_PARENT,
    CONF_PASSWORD_HASH,
    CONF_PHASE_SWITCH,
    CONF_PHASE_SWITCHING,
    CONF_PHASES,
    CONF_POWER,
    CONF_POWER_LIMIT_W,
    CONF_POWER_PHASES,
    CONF_PRIORITY,
    CONF_PRIORITY_SOC,
    CONF_PROTOCOL,
    CONF_RELAY,
    CONF_RENEW_S,
    CONF_RESERVE_SOC,
    CONF_RESERVED_A,
    CONF_RESERVED_HOUSE_A,
    CONF_ROTATION,
    CONF_SAFE_CURRENT_A,
    CONF_SECURITY_PROFILE,
    CONF_SERIAL_NUMBER,
    CONF_SOC,
    CONF_STATION_ID,
    CONF_STEP_A,
    CONF_VOLTAGE_PHASES,
    CONF_WEBSOCKET_PING,
    CONF_WEIGHT,
    CONF_WRITES_FLASH,
    SUBENTRY_BATTERY,
    SUBENTRY_CHARGER,
    SUBENTRY_CIRCUIT,
    SUBENTRY_GRID_METER,
)
from .engine.config import BatteryConfig, CircuitConfig, PhaseSwitching, SecurityProfile, SiteConfig, StationConfig
from .engine.control.battery import BatteryAction
from .engine.csms.rpc import OCPP16, OCPP21, OCPP201
from .engine.limit import ROOT_CIRCUIT
from .engine.model import ChargeMode, PhaseRotation
from .listening import ListenSettings
from .pv_settings import pv_configs
from .relay_settings import relay_config
from .site_options import lease_times, peak_config, power_limit_w, seniority_per_h, solar_config, turn_s, unbalance_a

PROTOCOLS: Final = {"ocpp16": OCPP16, "ocpp201": OCPP201, "ocpp21": OCPP21}  # by the name of their choice
ANY_PROTOCOL: Final = "newest"  # the choice that pins a charger to no version


@dataclass(frozen=True, slots=True)
class GridMeterEntities:
    """The entities that together are a meter; a group is empty or has one per phase of the site."""

    power: str | None = None
    power_phases: tuple[str, ...] = ()
    current_phases: tuple[str, ...] = ()
    voltage_phases: tuple[str, ...] = ()
    invert: bool = False

    @property
    def measures(self) -> bool:
        """Return whether a current can be told; voltages alone tell none."""
        return self.power is not None or bool(self.power_phases or self.current_phases)

    @property
    def all(self) -> frozenset[str]:
        """Return every entity id."""
        total = () if self.power is None else (self.power,)
        return frozenset((*total, *self.power_phases, *self.current_phases, *self.voltage_phases))


@dataclass(frozen=True, slots=True)
class BatteryEntities:
    """The entities that tell a battery's state of charge (percent) and power (W, discharge > 0 unless inverted)."""

    soc: str
    power: str
    invert: bool = False


@dataclass(frozen=True, slots=True)
class BatteryControl:
    """What a battery is led with: entities of another integration, or in their place the user's own `actions`.

    `mode_select` is set to the action's option, or to that of normal where the action has none. `hold_switch`
    is on while the battery may not discharge, `discharge_limit` then 0, else the battery's rating.
    `charge_power` and `discharge_power` are 0 unless the action is theirs. The numbers have any unit of
    power, W where they tell none; each entity may be the input helper of its kind. `actions` are sequences in script syntax
    with `power_w` as a variable; there is one for normal whenever there is any. With `renew_s` a battery that
    falls back by itself is told again after so many seconds.
    """

    mode_select: str | None = None
    options: Mapping[BatteryAction, str] = field(default_factory=dict)
    hold_switch: str | None = None
    charge_power: str | None = None
    discharge_power: str | None = None
    discharge_limit: str | None = None
    actions: Mapping[BatteryAction, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    renew_s: float | None = None

    @property
    def can_hold(self) -> bool:
        """Return whether the battery can be kept from discharging."""
        by_mode = self.mode_select is not None and BatteryAction.HOLD in self.options
        by_entity = self.hold_switch is not None or self.discharge_limit is not None
        return by_mode or by_entity or BatteryAction.HOLD in self.actions

    @property
    def can_charge(self) -> bool:
        """Return whether the battery can be charged with a given power."""
        return self.charge_power is not None or BatteryAction.CHARGE in self.actions

    @property
    def can_discharge(self) -> bool:
        """Return whether the battery can be discharged with a given power."""
        return self.discharge_power is not None or BatteryAction.DISCHARGE in self.actions


def site_config(hass: HomeAssistant, entry: ConfigEntry) -> SiteConfig:
    """Return the site of this entry, with its circuits, batteries and PV systems."""
    return SiteConfig(
        site_id=entry.entry_id,
        name=entry.title,
        fuse_a=float(entry.data[CONF_FUSE_A]),
        phases=int(entry.data[CONF_PHASES]),
        power_w=power_limit_w(entry.options),
        reserved_house_a=float(entry.data[CONF_RESERVED_HOUSE_A]),
        has_meter=grid_meter(entry) is not None,
        time_zone=hass.config.time_zone,
        unbalance_a=unbalance_a(entry.options),
        turn_s=turn_s(entry.options),
        seniority_per_h=seniority_per_h(entry.options),
        circuits=circuit_configs(entry),
        batteries=tuple(_battery_config(subentry) for subentry in entry.get_subentries_of_type(SUBENTRY_BATTERY)),
        peak=peak_config(entry.options),
        lease=lease_times(entry.options),
        solar=solar_config(entry.options),
        pv=pv_configs(entry),
    )


def circuit_configs(entry: ConfigEntry) -> tuple[CircuitConfig, ...]:
    """Return the circuits below the grid connection.

    One whose parent is gone, or that would be below itself, hangs at the grid connection.
    """
    parents = circuit_parents(entry)
    phases = int(entry.data[CONF_PHASES])
    return tuple(
        circuit_config(subentry, parents[subentry.subentry_id], phases)
        for subentry in entry.get_subentries_of_type(SUBENTRY_CIRCUIT)
    )


def circuit_parents(entry: ConfigEntry) -> dict[str, str]:
    """Return the id of each circuit's parent, `ROOT_CIRCUIT` at the grid connection, by circuit id."""
    chosen = {
        subentry.subentry_id: str(subentry.data[CONF_PARENT])
        for subentry in entry.get_subentries_of_type(SUBENTRY_CIRCUIT)
    }
    return {
        circuit_id: parent
        if parent in chosen and circuit_id not in circuits_above(circuit_id, chosen)
        else ROOT_CIRCUIT
        for circuit_id, parent in chosen.items()
    }


def circuits_above(circuit_id: str, parents: Mapping[str, str]) -> tuple[str, ...]:
    """Return the circuits between this one and the grid connection, the nearest first, each once."""
    above: list[str] = []
    while (parent := parents[circuit_id]) in parents and parent not in above:
        above.append(parent)
        circuit_id = parent
    return tuple(above)


def circuit_config(subentry: ConfigSubentry, parent_id: str, phases: int) -> CircuitConfig:
    """Return the circuit of this subentry, below this parent."""
    data = subentry.data
    limit_w = data.get(CONF_POWER_LIMIT_W)
    return CircuitConfig(
        circuit_id=subentry.subentry_id,
        name=subentry.title,
        fuse_a=float(data[CONF_FUSE_A]),
        parent_id=parent_id,
        margin_a=float(data[CONF_MARGIN_A]),
        phases=phases,
        power_w=None if limit_w is None else float(limit_w),
        has_meter=_meter_entities(data, phases).measures,
        reserved_a=float(data[CONF_RESERVED_A]),
    )


def _battery_config(subentry: ConfigSubentry) -> BatteryConfig:
    data, control = subentry.data, battery_control(subentry.data)
    return BatteryConfig(
        battery_id=subentry.subentry_id,
        name=subentry.title,
        capacity_wh=float(data[CONF_CAPACITY_KWH]) * 1000,
        max_charge_w=float(data[CONF_MAX_CHARGE_W]),
        max_discharge_w=float(data[CONF_MAX_DISCHARGE_W]),
        min_soc_percent=float(data[CONF_MIN_SOC]),
        priority_soc_percent=float(data[CONF_PRIORITY_SOC]),
        buffer_soc_percent=float(data[CONF_BUFFER_SOC]),
        buffer_start_soc_percent=float(data[CONF_BUFFER_START_SOC]),
        hold_while_fast=data[CONF_HOLD_WHILE_FAST],
        grid_expansion=data[CONF_GRID_EXPANSION],
        reserve_soc_percent=float(data[CONF_RESERVE_SOC]),
        by_plan=data.get(CONF_BY_PLAN, False),  # batteries of earlier versions were not asked
        can_hold=control.can_hold,
        can_charge=control.can_charge,
        can_discharge=control.can_discharge,
    )


def station_config(subentry: ConfigSubentry, circuit_ids: Collection[str]) -> StationConfig:
    """Return the charging station of this subentry; where its circuit is gone, it hangs at the grid connection.

    Chargers added by earlier versions were never asked for what is read with a default.
    """
    data, default = subentry.data, StationConfig(station_id="", name="")
    cable_a, mode = data.get(CONF_CABLE_CURRENT_A), data.get(CONF_MODE_AFTER_UNPLUG)
    circuit_id: str = data.get(CONF_CIRCUIT, ROOT_CIRCUIT)
    return StationConfig(
        station_id=data[CONF_STATION_ID],
        name=subentry.title,
        password_hash=data[CONF_PASSWORD_HASH],
        allow_without_password=data[CONF_NO_PASSWORD],
        max_current_a=float(data[CONF_MAX_CURRENT_A]),
        phases=int(data[CONF_PHASES]),
        rotation=PhaseRotation(data[CONF_ROTATION]),
        safe_current_a=float(data[CONF_SAFE_CURRENT_A]),
        priority=int(data[CONF_PRIORITY]),
        writes_flash=data[CONF_WRITES_FLASH],
        protocol=PROTOCOLS.get(data.get(CONF_PROTOCOL, ANY_PROTOCOL)),
        websocket_ping=data.get(CONF_WEBSOCKET_PING, default.websocket_ping),
        circuit_id=circuit_id if circuit_id in circuit_ids else ROOT_CIRCUIT,
        cable_current_a=None if cable_a is None else float(cable_a),
        weight=float(data.get(CONF_WEIGHT, default.weight)),
        step_a=float(data.get(CONF_STEP_A, default.step_a)),
        phase_switching=PhaseSwitching(data.get(CONF_PHASE_SWITCHING, default.phase_switching)),
        mode_after_unplug=None if mode is None else ChargeMode(mode),
        security_profile=SecurityProfile(data.get(CONF_SECURITY_PROFILE, default.security_profile)),
        serial_number=data.get(CONF_SERIAL_NUMBER),
        organization=data.get(CONF_ORGANIZATION),
        car=car_config(data.get(CONF_CAR)),
        relay=relay_config(data.get(CONF_RELAY)),
    )


def station_configs(entry: ConfigEntry) -> dict[str, StationConfig]:
    """Return the charging stations of this entry by subentry id; without TLS none can be asked for it."""
    circuit_ids = {subentry.subentry_id for subentry in entry.get_subentries_of_type(SUBENTRY_CIRCUIT)}
    configs = {
        subentry.subentry_id: station_config(subentry, circuit_ids)
        for subentry in entry.get_subentries_of_type(SUBENTRY_CHARGER)
    }
    if ListenSettings.from_data(entry.data).secured:
        return configs
    return {
        subentry_id: replace(config, security_profile=min(config.security_profile, SecurityProfile.BASIC))
        for subentry_id, config in configs.items()
    }


def grid_meter(entry: ConfigEntry) -> GridMeterEntities | None:
    """Return the site's grid meter, None where there is none."""
    for subentry in entry.get_subentries_of_type(SUBENTRY_GRID_METER):
        return _meter_entities(subentry.data, int(entry.data[CONF_PHASES]))
    return None


def circuit_meters(entry: ConfigEntry) -> dict[str, GridMeterEntities]:
    """Return the meters of the circuits that have one, by circuit id."""
    phases = int(entry.data[CONF_PHASES])
    meters = {
        subentry.subentry_id: _meter_entities(subentry.data, phases)
        for subentry in entry.get_subentries_of_type(SUBENTRY_CIRCUIT)
    }
    return {circuit_id: meter for circuit_id, meter in meters.items() if meter.measures}


def battery_entities(entry: ConfigEntry) -> dict[str, BatteryEntities]:
    """Return what tells of the site's batteries, by battery id."""
    return {
        subentry.subentry_id: BatteryEntities(
            soc=subentry.data[CONF_SOC], power=subentry.data[CONF_POWER], invert=subentry.data[CONF_INVERT]
        )
        for subentry in entry.get_subentries_of_type(SUBENTRY_BATTERY)
    }


def battery_controls(entry: ConfigEntry) -> dict[str, BatteryControl]:
    """Return what the site's batteries are led with, by battery id; of one that is only watched nothing is mapped."""
    return {
        subentry.subentry_id: battery_control(subentry.data)
        for subentry in entry.get_subentries_of_type(SUBENTRY_BATTERY)
    }


def vehicle_soc_entities(entry: ConfigEntry) -> dict[str, str]:
    """Return the entities that tell the state of charge (percent) of a car, by the id of its station."""
    return _by_station(entry.get_subentries_of_type(SUBENTRY_CHARGER), CONF_SOC)


def phase_switches(entry: ConfigEntry) -> dict[str, str]:
    """Return the switches that bring stations to three phases (on) or one (off), by station id."""
    switched = [
        subentry
        for subentry in entry.get_subentries_of_type(SUBENTRY_CHARGER)
        if subentry.data.get(CONF_PHASE_SWITCHING) == PhaseSwitching.SWITCH
    ]
    return _by_station(switched, CONF_PHASE_SWITCH)


def _by_station(subentries: Iterable[ConfigSubentry], key: str) -> dict[str, str]:
    return {subentry.data[CONF_STATION_ID]: subentry.data[key] for subentry in subentries if key in subentry.data}


def battery_control(data: Mapping[str, Any]) -> BatteryControl:
    """Return what the battery of this data is led with."""
    return BatteryControl(
        mode_select=data.get(CONF_MODE_SELECT),
        options={action: data[key] for action, key in CONF_OPTIONS.items() if key in data},
        hold_switch=data.get(CONF_HOLD_SWITCH),
        charge_power=data.get(CONF_CHARGE_POWER),
        discharge_power=data.get(CONF_DISCHARGE_POWER),
        discharge_limit=data.get(CONF_DISCHARGE_LIMIT),
        actions={action: data[key] for action, key in CONF_ACTIONS.items() if key in data},
        renew_s=data.get(CONF_RENEW_S),
    )


def _meter_entities(data: Mapping[str, Any], phases: int) -> GridMeterEntities:
    """Return a meter's entities as far as they fit a site whose number of phases may have been changed since."""
    return GridMeterEntities(
        power=data.get(CONF_POWER),
        power_phases=_group(data, CONF_POWER_PHASES[:phases]),
        current_phases=_group(data, CONF_CURRENT_PHASES[:phases]),
        voltage_phases=_group(data, CONF_VOLTAGE_PHASES[:phases]),
        invert=data[CONF_INVERT],
    )


def _group(data: Mapping[str, str], keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return the entities of one group in phase order, none where one is missing: it is not to be taken for zero."""
    return tuple(data[key] for key in keys) if all(key in data for key in keys) else ()
