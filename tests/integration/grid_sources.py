"""Demands of a grid operator as a user would have set them up."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import ConfigSubentryDataWithId

RELAY: Mapping[str, Any] = {
    "preset": "de_14a_relay",
    "entity": "binary_sensor.relay",
    "invert": False,
    "place": "controllable",
    "own_power": "after_other_load",
    "lost_policy": "failsafe",
    "debounce_s": 0.5,
}
BOX: Mapping[str, Any] = {
    "preset": "de_14a_control_box",
    "contact_w4": "binary_sensor.w4",
    "contact_s1": "binary_sensor.s1",
    "invert": False,
    "place": "controllable",
    "own_power": "after_other_load",
    "lost_policy": "failsafe",
    "debounce_s": 0.5,
}
EEBUS: Mapping[str, Any] = {
    "preset": "de_14a_eebus",
    "direction": "consumption",
    "limit_entity": "sensor.limit",
    "active_entity": "binary_sensor.active",
    "duration_entity": "sensor.duration",
    "heartbeat_entity": "sensor.heartbeat",
    "failsafe_kw": 4.2,
    "failsafe_h": 2,
    "place": "controllable",
    "own_power": "after_other_load",
}
NUMBER: Mapping[str, Any] = {
    "preset": "number",
    "entity": "sensor.limit",
    "signal_kind": "import_limit",
    "limit_unit": "kW",
    "place": "controllable",
    "own_power": "after_other_load",
    "no_limit_from": 20,
    "binding": True,
    "lost_policy": "failsafe",
}
FEED_IN_60: Mapping[str, Any] = {"preset": "de_feed_in_60", "limit": 60, "limit_unit": "%"}
UK: Mapping[str, Any] = {"preset": "uk", "most_delay_s": 600}


def demand(data: Mapping[str, Any], subentry_id: str = "relay", title: str = "Grid relay") -> ConfigSubentryDataWithId:
    """Return the subentry of a demand of the grid operator."""
    return ConfigSubentryDataWithId(
        data=dict(data), subentry_id=subentry_id, subentry_type="grid_signal", title=title, unique_id=None
    )


def heat_pump(**changes: Any) -> ConfigSubentryDataWithId:
    """Return the subentry of a heat pump that is led elsewhere."""
    return ConfigSubentryDataWithId(
        data={"device_kind": "heat_pump", "rated_kw": 9.0} | changes,
        subentry_id="pump",
        subentry_type="other_device",
        title="Heat pump",
        unique_id=None,
    )
