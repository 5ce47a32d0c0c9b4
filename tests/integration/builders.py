"""Entries, subentries and states as a user would have made them."""

from collections.abc import Sequence
from typing import Any

from homeassistant.config_entries import ConfigSubentryDataWithId
from homeassistant.const import ATTR_DEVICE_CLASS, ATTR_UNIT_OF_MEASUREMENT
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine.csms.security import hash_password

GRID_POWER = "sensor.grid_power"
PV_POWER = "sensor.pv_power"
PASSWORD = "correct horse 1"


def site_data(port: int, **changes: Any) -> dict[str, Any]:
    """Return the data of a site that listens on this machine only."""
    return {
        "fuse_a": 35.0,
        "phases": 3,
        "reserved_house_a": 10.0,
        "port": port,
        "bind_address": "127.0.0.1",
        "certificate": None,
        "private_key": None,
    } | changes


def charger_data(station_id: str, **changes: Any) -> dict[str, Any]:
    """Return the data of a charger that logs in without a password."""
    return {
        "station_id": station_id,
        "password_hash": None,
        "no_password": True,
        "max_current_a": 16.0,
        "phases": 3,
        "rotation": "RST",
        "safe_current_a": 6.0,
        "priority": 0,
        "writes_flash": False,
        "websocket_ping": True,
        "circuit": "grid_connection",
        "phase_switching": "none",
        "protocol": "newest",
        "weight": 1.0,
        "step_a": 0.1,
        "security_profile": 1,
    } | changes


def charger(station_id: str, **changes: Any) -> ConfigSubentryDataWithId:
    """Return the subentry of a charger; its id is `sub_` and the station's."""
    return ConfigSubentryDataWithId(
        data=charger_data(station_id, **changes),
        subentry_id=f"sub_{station_id}",
        subentry_type="charger",
        title=f"Charger {station_id}",
        unique_id=station_id,
    )


def charger_with_password(station_id: str, **changes: Any) -> ConfigSubentryDataWithId:
    """Return the subentry of a charger that logs in with `PASSWORD`."""
    return charger(station_id, password_hash=hash_password(PASSWORD), no_password=False, **changes)


def grid_meter(**data: Any) -> ConfigSubentryDataWithId:
    """Return the subentry of a grid meter, of one total power by default."""
    return ConfigSubentryDataWithId(
        data={"invert": False} | (data or {"power": GRID_POWER}),
        subentry_id="sub_meter",
        subentry_type="grid_meter",
        title="Grid meter",
        unique_id=None,
    )


def pv(power: str = PV_POWER, *, invert: bool = False, **changes: Any) -> ConfigSubentryDataWithId:
    """Return the subentry of a PV system, of which nobody told what it can yield unless it is said here."""
    return ConfigSubentryDataWithId(
        data={"power": power, "invert": invert} | changes,
        subentry_id=f"sub_{power}",
        subentry_type="pv",
        title="PV",
        unique_id=None,
    )


def circuit(circuit_id: str, parent: str = "grid_connection", **changes: Any) -> ConfigSubentryDataWithId:
    """Return the subentry of a circuit of 20 A without a meter; it is named by its id."""
    data = {"parent": parent, "fuse_a": 20.0, "reserved_a": 0.0, "margin_a": 1.0, "invert": False}
    return ConfigSubentryDataWithId(
        data=data | changes,
        subentry_id=circuit_id,
        subentry_type="circuit",
        title=circuit_id.title(),
        unique_id=None,
    )


def battery(battery_id: str = "battery", **changes: Any) -> ConfigSubentryDataWithId:
    """Return the subentry of a battery of 10 kWh that is only watched; its entities are named by its id."""
    data = {
        "capacity_kwh": 10.0,
        "max_charge_w": 5000.0,
        "max_discharge_w": 4000.0,
        "soc": f"sensor.{battery_id}_soc",
        "power": f"sensor.{battery_id}_power",
        "invert": False,
        "control": "none",
        "min_soc_percent": 10.0,
        "priority_soc_percent": 0.0,
        "buffer_soc_percent": 100.0,
        "buffer_start_soc_percent": 100.0,
        "hold_while_fast": False,
        "grid_expansion": False,
        "reserve_soc_percent": 50.0,
    }
    return ConfigSubentryDataWithId(
        data=data | changes,
        subentry_id=battery_id,
        subentry_type="battery",
        title=battery_id.title(),
        unique_id=None,
    )


def site_entry(
    port: int, subentries: Sequence[ConfigSubentryDataWithId] = (), *, entry_id: str = "site1", **changes: Any
) -> MockConfigEntry:
    """Return a site with these subentries."""
    values: dict[str, Any] = {"title": "Home", "data": site_data(port)} | changes
    return MockConfigEntry(
        domain=DOMAIN, entry_id=entry_id, version=1, minor_version=1, subentries_data=list(subentries), **values
    )


def set_power(hass: HomeAssistant, entity_id: str, value: float | str, unit: str = "W") -> None:
    """Report a power."""
    _set(hass, entity_id, value, unit, "power")


def set_current(hass: HomeAssistant, entity_id: str, value: float | str, unit: str = "A") -> None:
    """Report a current."""
    _set(hass, entity_id, value, unit, "current")


def set_voltage(hass: HomeAssistant, entity_id: str, value: float | str) -> None:
    """Report a voltage."""
    _set(hass, entity_id, value, "V", "voltage")


def set_soc(hass: HomeAssistant, entity_id: str, value: float | str) -> None:
    """Report a state of charge."""
    _set(hass, entity_id, value, "%", "battery")


def _set(hass: HomeAssistant, entity_id: str, value: float | str, unit: str, device_class: str) -> None:
    """Write a sensor's state."""
    hass.states.async_set(entity_id, str(value), {ATTR_UNIT_OF_MEASUREMENT: unit, ATTR_DEVICE_CLASS: device_class})
