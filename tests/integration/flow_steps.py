"""The pages of the site's first set-up, as a user goes through them."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import SOURCE_USER
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
