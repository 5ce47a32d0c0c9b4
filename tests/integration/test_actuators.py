"""A running site leads what is mapped to it, and lets it go when it ends, however it ends."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging import leading
from custom_components.smart_charging.const import DOMAIN
from custom_components.smart_charging.engine.model import ChargeMode, EvseKey

from .builders import battery, charger, circuit, set_current, set_power, set_soc
from .site_setup import set_up
from .virtual_station import virtual_station

pytestmark = pytest.mark.usefixtures("socket_enabled", "unload_at_the_end")

HOLD = "input_boolean.hold"
HOLD_MAPPED = battery(control="entities", hold_switch=HOLD, hold_while_fast=True)


def state_of(hass: HomeAssistant, entity_id: str) -> str:
    """Return an entity's state."""
    state = hass.states.get(entity_id)
    assert state is not None, entity_id
    return state.state


def is_held(hass: HomeAssistant) -> bool:
    """Return whether the battery is kept from discharging."""
    return state_of(hass, HOLD) == "on"


async def unload(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Unload the site."""
    assert await hass.config_entries.async_unload(entry.entry_id)


async def stop(hass: HomeAssistant, _entry: MockConfigEntry) -> None:
    """Stop Home Assistant."""
    await hass.async_stop()


async def remove_battery(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Remove the battery from the site."""
    hass.config_entries.async_remove_subentry(entry, "battery")
    await hass.async_block_till_done()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is led be written to as often as it is commanded anew."""
    monkeypatch.setattr(leading, "WRITE_INTERVAL_S", 0.0)


async def offer_battery(hass: HomeAssistant, *, held: bool) -> None:
    """Offer a half full battery that does nothing, and the switch that keeps it from discharging."""
    assert await async_setup_component(hass, "input_boolean", {"input_boolean": {"hold": {"initial": held}}})
    set_soc(hass, "sensor.battery_soc", 50)
    set_power(hass, "sensor.battery_power", 0)


@asynccontextmanager
async def charging_fast(hass: HomeAssistant, port: int) -> AsyncIterator[MockConfigEntry]:
    """Run a site whose battery is held because a car charges fast."""
    await offer_battery(hass, held=False)
    entry = await set_up(hass, port, charger("CP-1"), HOLD_MAPPED)
    async with virtual_station(port, "CP-1") as station:
        await station.boot()
        await station.report("Charging")
        # What a user sets is decided on at once.
        await entry.runtime_data.site.set_mode(EvseKey("CP-1", 1), ChargeMode.FAST)
        assert entry.runtime_data.site.view.chargers["CP-1"].evses[1].setpoint.current_a > 0
        entry.runtime_data.coordinator.async_publish_now()
        await hass.async_block_till_done()
        assert is_held(hass)
        yield entry


async def test_what_a_run_that_crashed_left_is_put_right(hass: HomeAssistant, free_port: int) -> None:
    await offer_battery(hass, held=True)
    await set_up(hass, free_port, HOLD_MAPPED)
    assert not is_held(hass)


@pytest.mark.parametrize("end", [unload, stop, remove_battery])
async def test_a_battery_that_is_held_is_given_back(
    hass: HomeAssistant, free_port: int, end: Callable[[HomeAssistant, MockConfigEntry], Awaitable[None]]
) -> None:
    async with charging_fast(hass, free_port) as entry:
        await end(hass, entry)
        assert not is_held(hass)


async def test_a_site_made_to_observe_only_gives_its_battery_back(hass: HomeAssistant, free_port: int) -> None:
    async with charging_fast(hass, free_port):
        await hass.services.async_call(
            "select", "select_option", {"entity_id": "select.home_site_mode", "option": "observe"}, blocking=True
        )
        await hass.async_block_till_done()
        assert not is_held(hass)


async def test_a_circuit_and_a_battery_have_their_devices_and_limits_reach_the_circuit(
    hass: HomeAssistant, free_port: int
) -> None:
    await offer_battery(hass, held=False)
    set_current(hass, "sensor.i1", 4.0)
    meter = {f"current_l{phase}": "sensor.i1" for phase in (1, 2, 3)}
    entry = await set_up(hass, free_port, circuit("cellar", **meter), HOLD_MAPPED)
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, "cellar"), "site1")
    assert device is not None
    data = {"device_id": device.id, "current": 12.0}
    await hass.services.async_call(DOMAIN, "set_limit", data, blocking=True)
    assert state_of(hass, "sensor.cellar_meter_quality") == "fresh"
    assert state_of(hass, "sensor.cellar_binding_limit_l1") == "user"
    assert float(state_of(hass, "sensor.cellar_load_l1")) == 4.0
    assert float(state_of(hass, "sensor.cellar_headroom_l1")) == 8.0
    assert state_of(hass, "sensor.battery_command") == "normal"
    assert [limit.circuit_id for limit in entry.runtime_data.site.view.limits] == ["cellar"]
    await hass.services.async_call(DOMAIN, "clear_limit", {"device_id": device.id}, blocking=True)
    assert entry.runtime_data.site.view.limits == ()
