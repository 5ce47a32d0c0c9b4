"""The pages of the site's first set-up, as a user goes through them."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import SOURCE_USER, ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from custom_components.smart_charging.const import DOMAIN

METER_EMPTY: dict[str, Any] = {
    "total": {},
    "invert": False,
    "phase_powers": {},
    "phase_currents": {},
    "phase_voltages": {},
}
BY_PHASE = ("l1", "l2", "l3")


def site_input(port: int, **changes: Any) -> dict[str, Any]:
    """Return what a user types on the first page."""
    return {
        "name": "Home",
        "fuse_a": 35,
        "phases": "3",
        "reserved_house_a": 10,
        "port": port,
        "bind_address": "127.0.0.1",
        "tls": {},
    } | changes


async def start(hass: HomeAssistant) -> str:
    """Open the first page and return the flow's id."""
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "user"
    return str(result["flow_id"])


async def go_on(hass: HomeAssistant, flow_id: str, user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Submit a page and return what comes next."""
    return dict(await hass.config_entries.flow.async_configure(flow_id, dict(user_input)))


async def reach_meter_page(hass: HomeAssistant, port: int, **changes: Any) -> dict[str, Any]:
    """Get to the page of the grid meter."""
    result = await go_on(hass, await start(hass), site_input(port, **changes))
    assert result["step_id"] == "grid_meter", result["errors"]
    return result


async def past_pv(hass: HomeAssistant, flow_id: str, user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Submit the page of PV systems and that of the grid operator, who demands nothing."""
    result = await go_on(hass, flow_id, user_input)
    assert result["step_id"] == "grid_operator", result["errors"]
    return await go_on(hass, flow_id, {})


def suggested(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that a form comes filled with."""
    values: dict[str, Any] = {}
    for marker, field in result["data_schema"].schema.items():
        if hasattr(field, "schema"):
            inner = {
                str(key): key.description["suggested_value"]
                for key in field.schema.schema
                if key.description and "suggested_value" in key.description
            }
            if inner:
                values[str(marker)] = inner
        elif marker.description and "suggested_value" in marker.description:
            values[str(marker)] = marker.description["suggested_value"]
    return values


async def add_part(hass: HomeAssistant, entry: ConfigEntry, kind: str) -> dict[str, Any]:
    """Open the form for a new subentry."""
    context: Any = {"source": SOURCE_USER}
    return dict(await hass.config_entries.subentries.async_init((entry.entry_id, kind), context=context))


async def submit_part(hass: HomeAssistant, result: Mapping[str, Any], user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Submit a subentry's form and return what comes next."""
    return dict(await hass.config_entries.subentries.async_configure(result["flow_id"], dict(user_input)))


def charger_input(**changes: Any) -> dict[str, Any]:
    """Return what a user types for a charger, without its id."""
    return {
        "name": "Carport",
        "no_password": True,
        "max_current_a": 16,
        "phases": "3",
        "rotation": "RST",
        "safe_current_a": 6,
        "priority": 0,
        "writes_flash": False,
        "websocket_ping": True,
        "security": {},
        "advanced": {},
        "car": {},
        "departures": {},
        "relay": {},
    } | changes


def circuit_input(**changes: Any) -> dict[str, Any]:
    """Return what a user types for a circuit without a meter."""
    return {
        "name": "Garage",
        "parent": "grid_connection",
        "fuse_a": 20,
        "reserved_a": 0,
        "limits": {},
        **METER_EMPTY,
    } | changes


def battery_input(**changes: Any) -> dict[str, Any]:
    """Return what a user types on the first page of a battery."""
    return {
        "name": "Cellar",
        "capacity_kwh": 10,
        "max_charge_w": 5000,
        "max_discharge_w": 4000,
        "soc": "sensor.battery_soc",
        "power": "sensor.battery_power",
        "invert": False,
        "soc_limits": {},
        "control": "none",
    } | changes


def offered(result: Mapping[str, Any], *path: str) -> list[str]:
    """Return the values that a choice of a form offers."""
    field = result["data_schema"]
    for key in path:
        field = getattr(field, "schema", field)
        field = getattr(field, "schema", field)[key]
    return [option if isinstance(option, str) else option["value"] for option in field.config["options"]]
