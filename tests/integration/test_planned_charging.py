"""A car that is to be charged cheaply: a real station on a socket, a tariff, and what a user sees of the plan."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.smart_charging.const import DOMAIN

from .builders import battery, charger, set_power, set_soc, site_entry
from .virtual_station import virtual_station

REASON, START = "sensor.charger_cp_1_reason", "sensor.charger_cp_1_next_start"

pytestmark = pytest.mark.usefixtures("unload_at_the_end")


async def becomes(hass: HomeAssistant, entity_id: str, expected: Callable[[str], bool]) -> str:
    """Let events and publishing intervals pass until an entity has a state; return it."""
    for _ in range(500):
        await hass.async_block_till_done()
        state = hass.states.get(entity_id)
        if state and expected(state.state):
            return state.state
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=2))
        await asyncio.sleep(0.01)  # a plan is made in a thread of its own
    pytest.fail(f"{entity_id} is {hass.states.get(entity_id)}")


def tariff(hour: int) -> dict[str, Any]:
    """Return prices that are low for two hours from this one on."""
    table = f"default = 0.4\nlow = 0.1\nlow: {hour:02}:00-{(hour + 2) % 24:02}:00"
    return {"prices": {"price_source": "time_of_use", "table": table}}


# A car that may draw is raised step by step, which is then what is said of it.
@pytest.mark.parametrize(("hours_ahead", "reasons"), [(0, {"plan_buying", "raising"}), (4, {"plan_waiting"})])
async def test_a_car_draws_in_the_cheap_hours_before_it_leaves(
    hass: HomeAssistant, free_port: int, hours_ahead: int, reasons: set[str]
) -> None:
    await hass.config.async_set_time_zone("UTC")
    now = dt_util.utcnow()
    cheap = (now + timedelta(hours=hours_ahead)).replace(minute=0, second=0, microsecond=0)
    entry = site_entry(free_port, [charger("CP-1")])
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, options=tariff(cheap.hour))
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, "sub_CP-1"), "site1")
    assert device is not None

    async with virtual_station(free_port, "CP-1") as station:
        await station.boot()
        await station.report("Preparing")
        wish = {"device_id": device.id, "mode": "cheapest", "departure": now + timedelta(hours=16)}
        await hass.services.async_call(DOMAIN, "set_plan", wish, blocking=True)
        await becomes(hass, REASON, lambda state: state == "no_target")
        await hass.services.async_call(DOMAIN, "set_plan", {"device_id": device.id, "energy": 1}, blocking=True)
        at_once = await hass.services.async_call(
            DOMAIN, "get_plan", {"device_id": device.id}, blocking=True, return_response=True
        )
        assert at_once["plans"][0]["energy_kwh"] == pytest.approx(1.0, abs=0.05)
        await becomes(hass, REASON, reasons.__contains__)
        start = dt_util.parse_datetime(await becomes(hass, START, lambda state: state != "unknown"))
        answer = await hass.services.async_call(
            DOMAIN, "get_plan", {"device_id": device.id}, blocking=True, return_response=True
        )
        (plan,) = answer["plans"]
        assert {slot["price"] for slot in plan["slots"] if slot["power_w"] > 100} == {0.1}
        assert {slot["price"] for slot in plan["slots"]} == {0.1, 0.4}
        assert (plan["missing_kwh"], plan["cost"]) == (0.0, round(plan["energy_kwh"] * 0.1, 2))
        assert start is not None
        assert cheap <= start < cheap + timedelta(hours=2)

        await hass.services.async_call(DOMAIN, "clear_plan", {"device_id": device.id}, blocking=True)
        await becomes(hass, START, lambda state: state == "unknown")
        await becomes(hass, REASON, lambda state: state == "no_target")


@pytest.mark.parametrize(("hours_ahead", "command", "reason"), [(0, "hold", "plan_keeping"), (4, "normal", None)])
async def test_a_battery_that_follows_the_plan_keeps_what_it_holds_until_it_is_dear(
    hass: HomeAssistant, free_port: int, hours_ahead: int, command: str, reason: str | None
) -> None:
    await hass.config.async_set_time_zone("UTC")
    assert await async_setup_component(hass, "input_boolean", {"input_boolean": {"hold": {"initial": not reason}}})
    set_soc(hass, "sensor.battery_soc", 60)
    set_power(hass, "sensor.battery_power", 0)
    cheap = dt_util.utcnow() + timedelta(hours=hours_ahead)
    entry = site_entry(free_port, [battery(control="entities", hold_switch="input_boolean.hold", by_plan=True)])
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, options=tariff(cheap.hour))
    assert await hass.config_entries.async_setup(entry.entry_id)
    await becomes(hass, "input_boolean.hold", ("on" if reason else "off").__eq__)
    await becomes(hass, "sensor.battery_command", command.__eq__)
    if reason:
        state = hass.states.get("sensor.battery_command")
        assert state is not None and state.attributes["details"] == {"reason": reason}
