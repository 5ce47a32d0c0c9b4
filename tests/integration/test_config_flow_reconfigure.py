"""Reconfiguring a site."""

from pathlib import Path
import socket
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
import pytest

from .builders import GRID_POWER, charger, circuit, grid_meter, pv, set_current, set_power, site_data, site_entry
from .certificates import write_certificate
from .flow_steps import BY_PHASE, METER_EMPTY, go_on, site_input, suggested

pytestmark = pytest.mark.usefixtures("no_setup")


async def test_a_site_is_reconfigured(hass: HomeAssistant, free_port: int) -> None:
    entry = site_entry(9000)
    entry.add_to_hass(hass)
    result: Any = await entry.start_reconfigure_flow(hass)
    assert suggested(result)["name"] == "Home"
    assert suggested(result)["phases"] == "3"
    result = await go_on(hass, result["flow_id"], site_input(free_port, name="", phases="1"))
    assert result["errors"] == {"name": "name_missing"}
    result = await go_on(hass, result["flow_id"], site_input(free_port, name="Villa", phases="1"))
    assert result["reason"] == "address_changed"
    assert result["description_placeholders"] == {"url": f"ws://127.0.0.1:{free_port}"}
    assert entry.title == "Villa"
    assert entry.data == site_data(free_port, phases=1)


async def test_a_site_is_not_renamed_like_one_of_its_circuits(hass: HomeAssistant, free_port: int) -> None:
    entry = site_entry(free_port, [circuit("garage")])
    entry.add_to_hass(hass)
    result: Any = await entry.start_reconfigure_flow(hass)
    result = await go_on(hass, result["flow_id"], site_input(free_port, name=" GARAGE"))
    assert result["errors"] == {"name": "circuit_named_like_site"}
    result = await go_on(hass, result["flow_id"], site_input(free_port))
    assert result["reason"] == "reconfigure_successful"


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({"fuse_a": 23}, True),
        ({"fuse_a": 22}, False),
        ({"reserved_house_a": 22}, True),
        ({"reserved_house_a": 23}, False),
        ({"phases": "1", "fuse_a": 24}, False),
    ],
)
async def test_a_changed_site_keeps_room_for_the_safe_currents_of_its_chargers(
    hass: HomeAssistant, free_port: int, change: dict[str, Any], fits: bool
) -> None:
    first = charger("A", phases=1, rotation="RST", safe_current_a=12)
    second = charger("B", phases=1, rotation="STR", safe_current_a=12)
    entry = site_entry(free_port, [first, second, charger("C", safe_current_a=0)])
    entry.add_to_hass(hass)
    result: Any = await entry.start_reconfigure_flow(hass)
    result = await go_on(hass, result["flow_id"], site_input(free_port, **change))
    if fits:
        assert result["reason"] == "reconfigure_successful"
    else:
        assert result["errors"] == {"base": "safe_current_does_not_fit"}
        assert entry.data == site_data(free_port)


@pytest.mark.parametrize(
    ("before", "after", "chosen"),
    [
        (3, 1, {"total": {"power": GRID_POWER}, "phase_currents": {"current_l1": "sensor.current_l1"}}),
        (1, 3, {"phase_currents": {f"current_{phase}": f"sensor.current_{phase}" for phase in BY_PHASE}}),
        (1, 3, {"total": {"power": GRID_POWER}}),
    ],
)
async def test_a_meter_that_does_not_fit_the_phases_any_more_is_chosen_again(
    hass: HomeAssistant, free_port: int, before: int, after: int, chosen: dict[str, Any]
) -> None:
    set_power(hass, GRID_POWER, 5)
    for phase in BY_PHASE:
        set_current(hass, f"sensor.current_{phase}", 3)
    currents = {f"current_{phase}": f"sensor.current_{phase}" for phase in BY_PHASE[:before]}
    entry = site_entry(free_port, [grid_meter(power=GRID_POWER, **currents)])
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, data=site_data(free_port, phases=before))
    result: Any = await entry.start_reconfigure_flow(hass)
    result = await go_on(hass, result["flow_id"], site_input(free_port, phases=str(after)))
    assert result["step_id"] == "grid_meter"
    assert result["last_step"] is True
    assert suggested(result) == {
        "invert": False,
        "total": {"power": GRID_POWER},
        "phase_currents": {"current_l1": "sensor.current_l1"},
    }
    assert entry.data["phases"] == before
    result = await go_on(hass, result["flow_id"], METER_EMPTY | {"phase_voltages": {"voltage_l1": "sensor.none"}})
    assert result["errors"] == ({"base": "meter_empty"} if after == 1 else {"phase_voltages": "phases_incomplete"})
    result = await go_on(hass, result["flow_id"], METER_EMPTY | chosen)
    assert result["reason"] == "reconfigure_successful"
    assert entry.data["phases"] == after
    (meter,) = entry.subentries.values()
    assert dict(meter.data) == {"invert": False} | {
        key: value for group in chosen.values() for key, value in group.items()
    }


async def test_a_meter_that_does_not_fit_may_be_given_up(hass: HomeAssistant, free_port: int) -> None:
    entry = site_entry(
        free_port, [grid_meter(current_l1="sensor.a", current_l2="sensor.b", current_l3="sensor.c"), pv()]
    )
    entry.add_to_hass(hass)
    result: Any = await entry.start_reconfigure_flow(hass)
    result = await go_on(hass, result["flow_id"], site_input(free_port, phases="1"))
    result = await go_on(hass, result["flow_id"], METER_EMPTY)
    assert result["reason"] == "reconfigure_successful"
    assert [subentry.subentry_type for subentry in entry.subentries.values()] == ["pv"]


async def test_a_meter_of_the_total_alone_fits_any_number_of_phases(hass: HomeAssistant, free_port: int) -> None:
    entry = site_entry(free_port, [grid_meter()])
    entry.add_to_hass(hass)
    result: Any = await entry.start_reconfigure_flow(hass)
    result = await go_on(hass, result["flow_id"], site_input(free_port, phases="1"))
    assert result["reason"] == "reconfigure_successful"
    (meter,) = entry.subentries.values()
    assert dict(meter.data) == {"invert": False, "power": GRID_POWER}


async def test_a_running_site_may_keep_the_port_it_holds(hass: HomeAssistant, free_port: int, tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    tls = {"certificate": str(certificate), "private_key": str(key)}
    entry = site_entry(free_port)
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, data=entry.data | tls)
    entry.mock_state(hass, ConfigEntryState.LOADED)
    with socket.socket() as ours:
        ours.bind(("127.0.0.1", free_port))
        ours.listen()
        result: Any = await entry.start_reconfigure_flow(hass)
        assert suggested(result)["tls"] == tls | {"certificate_source": "files"}
        result = await go_on(hass, result["flow_id"], site_input(free_port, fuse_a=63, tls=tls))
        assert result["reason"] == "reconfigure_successful"
    assert entry.data["fuse_a"] == 63


async def test_a_running_site_may_move_to_another_port(hass: HomeAssistant, free_port: int) -> None:
    entry = site_entry(1)
    entry.add_to_hass(hass)
    entry.mock_state(hass, ConfigEntryState.LOADED)
    result: Any = await entry.start_reconfigure_flow(hass)
    result = await go_on(hass, result["flow_id"], site_input(free_port))
    assert result["reason"] == "address_changed"
    assert entry.data["port"] == free_port
