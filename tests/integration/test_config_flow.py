"""The first set-up of a site."""

from pathlib import Path
import socket
from typing import Any
from unittest.mock import AsyncMock, patch

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.smart_charging.const import DOMAIN

from .builders import GRID_POWER, PV_POWER, set_current, set_power, set_voltage, site_data, site_entry
from .certificates import write_certificate
from .flow_steps import BY_PHASE, METER_EMPTY, go_on, past_pv, reach_meter_page, site_input, start, suggested

pytestmark = pytest.mark.usefixtures("no_setup")


async def test_a_site_is_made_with_its_meter_and_pv(hass: HomeAssistant, free_port: int, no_setup: AsyncMock) -> None:
    set_power(hass, GRID_POWER, 500)
    set_power(hass, PV_POWER, 3000)
    result = await reach_meter_page(hass, free_port, name=" Home ")
    result = await go_on(hass, result["flow_id"], METER_EMPTY | {"total": {"power": GRID_POWER}})
    assert result["step_id"] == "pv"
    result = await past_pv(hass, result["flow_id"], {"power": [PV_POWER]})
    assert result["step_id"] == "charger_url"
    assert result["last_step"] is True
    assert result["description_placeholders"] == {"url": f"ws://127.0.0.1:{free_port}"}
    result = await go_on(hass, result["flow_id"], {})

    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "Home"
    assert result["data"] == site_data(free_port)
    entry = result["result"]
    assert (entry.version, entry.minor_version) == (1, 1)
    meter, pv = entry.subentries.values()
    assert (meter.subentry_type, dict(meter.data)) == ("grid_meter", {"invert": False, "power": GRID_POWER})
    assert (pv.subentry_type, pv.title, dict(pv.data)) == ("pv", "pv power", {"power": PV_POWER, "invert": False})
    assert len(no_setup.mock_calls) == 1


async def test_the_first_meter_is_named_in_the_installations_language(hass: HomeAssistant, free_port: int) -> None:
    hass.config.language = "de"
    set_power(hass, GRID_POWER, 500)
    result = await reach_meter_page(hass, free_port)
    result = await go_on(hass, result["flow_id"], METER_EMPTY | {"total": {"power": GRID_POWER}})
    result = await past_pv(hass, result["flow_id"], {"power": []})
    result = await go_on(hass, result["flow_id"], {})
    (meter,) = result["result"].subentries.values()
    assert meter.title == "Netzzähler"


async def test_the_integrations_own_sensors_are_refused_from_the_start(hass: HomeAssistant, free_port: int) -> None:
    registry = er.async_get(hass)
    own = registry.async_get_or_create("sensor", "smart_charging", "site2_grid_power").entity_id
    set_power(hass, own, 500)
    result = await reach_meter_page(hass, free_port)
    result = await go_on(hass, result["flow_id"], METER_EMPTY | {"total": {"power": own}})
    assert result["errors"] == {"base": "entity_own"}
    result = await go_on(hass, result["flow_id"], METER_EMPTY)
    result = await go_on(hass, result["flow_id"], {"power": [own]})
    assert result["errors"] == {"power": "entity_own"}


async def test_a_site_without_meter_and_pv_has_no_subentries(hass: HomeAssistant, free_port: int) -> None:
    result = await reach_meter_page(hass, free_port)
    result = await go_on(hass, result["flow_id"], METER_EMPTY)
    result = await past_pv(hass, result["flow_id"], {})
    result = await go_on(hass, result["flow_id"], {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert not result["result"].subentries


async def test_the_url_names_this_machine_in_the_local_network(hass: HomeAssistant, free_port: int) -> None:
    result = await reach_meter_page(hass, free_port, bind_address="0.0.0.0")
    result = await go_on(hass, result["flow_id"], METER_EMPTY)
    with patch("custom_components.smart_charging.listening.async_get_source_ip", return_value="192.168.7.8"):
        result = await past_pv(hass, result["flow_id"], {})
    assert result["description_placeholders"] == {"url": f"ws://192.168.7.8:{free_port}"}


async def test_an_ipv6_address_stands_in_brackets(hass: HomeAssistant, free_port: int) -> None:
    with patch("custom_components.smart_charging.flows.site.bind_error", return_value=None):
        result = await reach_meter_page(hass, free_port, bind_address="::1")
    result = await go_on(hass, result["flow_id"], METER_EMPTY)
    result = await past_pv(hass, result["flow_id"], {})
    assert result["description_placeholders"] == {"url": f"ws://[::1]:{free_port}"}


async def test_with_a_certificate_the_url_is_encrypted(hass: HomeAssistant, free_port: int, tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    result = await reach_meter_page(hass, free_port, tls={"certificate": str(certificate), "private_key": str(key)})
    result = await go_on(hass, result["flow_id"], METER_EMPTY)
    result = await past_pv(hass, result["flow_id"], {})
    assert result["description_placeholders"] == {"url": f"wss://127.0.0.1:{free_port}"}
    result = await go_on(hass, result["flow_id"], {})
    assert result["data"]["certificate"] == str(certificate)


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"name": "  "}, {"name": "name_missing"}),
        ({"fuse_a": 16, "reserved_house_a": 16}, {"reserved_house_a": "reserved_above_fuse"}),
        ({"bind_address": "charger.local"}, {"bind_address": "not_an_address"}),
        ({"bind_address": "192.0.2.1"}, {"bind_address": "address_not_here"}),
        ({"tls": {"certificate": "/tmp/c.pem"}}, {"tls": "certificate_and_key"}),
        ({"tls": {"certificate": "/none.pem", "private_key": "/none.key"}}, {"tls": "certificate_invalid"}),
    ],
)
async def test_a_wrong_site_is_refused_and_can_be_corrected(
    hass: HomeAssistant, free_port: int, changes: dict[str, Any], errors: dict[str, str]
) -> None:
    result = await go_on(hass, await start(hass), site_input(free_port, **changes))
    assert result["step_id"] == "user"
    assert result["errors"] == errors
    assert suggested(result)["port"] == free_port
    result = await go_on(hass, result["flow_id"], site_input(free_port))
    assert result["step_id"] == "grid_meter"


async def test_half_a_port_is_refused(hass: HomeAssistant, free_port: int) -> None:
    result = await go_on(hass, await start(hass), site_input(free_port) | {"port": free_port + 0.5, "name": ""})
    assert result["errors"] == {"port": "port_not_whole", "name": "name_missing"}
    assert suggested(result)["port"] == free_port + 0.5
    result = await go_on(hass, result["flow_id"], site_input(free_port) | {"port": float(free_port)})
    assert result["step_id"] == "grid_meter"


async def test_a_port_that_is_taken_is_refused(hass: HomeAssistant, free_port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port))
        other.listen()
        result = await go_on(hass, await start(hass), site_input(free_port))
        assert result["errors"] == {"port": "port_in_use"}
    result = await go_on(hass, result["flow_id"], site_input(free_port))
    assert result["step_id"] == "grid_meter"


async def test_a_port_that_may_not_be_opened_is_refused(hass: HomeAssistant, free_port: int) -> None:
    with patch(
        "custom_components.smart_charging.listening.socket.create_server", side_effect=PermissionError(13, "denied")
    ):
        result = await go_on(hass, await start(hass), site_input(free_port))
    assert result["errors"] == {"port": "cannot_bind"}


async def test_two_sites_share_neither_name_nor_port(hass: HomeAssistant, free_port: int) -> None:
    site_entry(free_port).add_to_hass(hass)
    result = await go_on(hass, await start(hass), site_input(free_port, name="home"))
    assert result["errors"] == {"name": "name_in_use", "port": "port_in_use"}


async def test_the_meter_may_be_powers_or_currents_of_each_phase(hass: HomeAssistant, free_port: int) -> None:
    for phase in BY_PHASE:
        set_current(hass, f"sensor.current_{phase}", 3)
        set_power(hass, f"sensor.power_{phase}", 0.7, "kW")
        set_voltage(hass, f"sensor.voltage_{phase}", 231)
    groups = {
        f"phase_{what}s": {f"{what}_{phase}": f"sensor.{what}_{phase}" for phase in BY_PHASE}
        for what in ("current", "power", "voltage")
    }
    result = await reach_meter_page(hass, free_port)
    result = await go_on(hass, result["flow_id"], METER_EMPTY | groups | {"invert": True})
    assert result["step_id"] == "pv"
    result = await past_pv(hass, result["flow_id"], {})
    result = await go_on(hass, result["flow_id"], {})
    (meter,) = result["result"].subentries.values()
    assert meter.data["voltage_l2"] == "sensor.voltage_l2"
    assert meter.data["invert"] is True
    assert len(meter.data) == 10


async def test_a_site_of_one_phase_asks_for_one(hass: HomeAssistant, free_port: int) -> None:
    set_current(hass, "sensor.current", 3)
    result = await reach_meter_page(hass, free_port, phases="1")
    fields = result["data_schema"].schema["phase_currents"].schema.schema
    assert [str(field) for field in fields] == ["current_l1"]
    result = await go_on(hass, result["flow_id"], METER_EMPTY | {"phase_currents": {"current_l1": "sensor.current"}})
    assert result["step_id"] == "pv"


@pytest.mark.parametrize(
    ("chosen", "errors", "entity"),
    [
        ({"total": {"power": "sensor.none"}}, {"base": "entity_not_found"}, "sensor.none"),
        ({"total": {"power": "number.power"}}, {"base": "entity_not_a_sensor"}, "number.power"),
        ({"total": {"power": "sensor.current"}}, {"base": "entity_not_power"}, "sensor.current"),
        ({"total": {"power": "sensor.odd"}}, {"base": "entity_not_power"}, "sensor.odd"),
        (
            {"phase_currents": dict.fromkeys([f"current_{phase}" for phase in BY_PHASE], "sensor.current")},
            {"base": "entity_twice"},
            "",
        ),
        ({"phase_currents": {"current_l1": "sensor.current"}}, {"phase_currents": "phases_incomplete"}, ""),
        (
            {"phase_voltages": {f"voltage_{phase}": f"sensor.voltage_{phase}" for phase in BY_PHASE}},
            {"base": "meter_empty"},
            "",
        ),
    ],
)
async def test_a_meter_of_wrong_entities_is_refused(
    hass: HomeAssistant, free_port: int, chosen: dict[str, Any], errors: dict[str, str], entity: str
) -> None:
    set_current(hass, "sensor.current", 3)
    set_power(hass, "number.power", 3)
    hass.states.async_set("sensor.odd", "5", {"unit_of_measurement": "W", "device_class": "apparent_power"})
    result = await reach_meter_page(hass, free_port)
    result = await go_on(hass, result["flow_id"], METER_EMPTY | chosen)
    assert result["step_id"] == "grid_meter"
    assert result["errors"] == errors
    assert result["description_placeholders"] == {"entity": entity}


async def test_an_entity_that_is_registered_but_not_there_yet_is_fine(hass: HomeAssistant, free_port: int) -> None:
    registered = er.async_get(hass).async_get_or_create(
        "sensor", "modbus", "grid", original_device_class="power", unit_of_measurement="kW"
    )
    result = await reach_meter_page(hass, free_port)
    result = await go_on(hass, result["flow_id"], METER_EMPTY | {"total": {"power": registered.entity_id}})
    assert result["step_id"] == "pv"


@pytest.mark.parametrize(
    ("chosen", "error"),
    [([PV_POWER, PV_POWER], "entity_twice"), (["sensor.none"], "entity_not_found")],
)
async def test_wrong_pv_entities_are_refused(
    hass: HomeAssistant, free_port: int, chosen: list[str], error: str
) -> None:
    set_power(hass, PV_POWER, 3000)
    result = await reach_meter_page(hass, free_port)
    result = await go_on(hass, result["flow_id"], METER_EMPTY)
    result = await go_on(hass, result["flow_id"], {"power": chosen})
    assert result["step_id"] == "pv"
    assert result["errors"] == {"power": error}


@pytest.mark.parametrize(
    ("grid", "meter", "solar"),
    [
        ({"stat_rate": GRID_POWER}, {"total": {"power": GRID_POWER}, "invert": False}, [PV_POWER]),
        (
            {"stat_rate": "sensor.made", "power_config": {"stat_rate_inverted": GRID_POWER}},
            {"total": {"power": GRID_POWER}, "invert": True},
            [PV_POWER],
        ),
        ({"stat_rate": "external:grid"}, {}, [PV_POWER]),
        ({"stat_rate": "sensor.smart_charging_own"}, {}, [PV_POWER]),
        ({}, {}, [PV_POWER]),
    ],
)
async def test_forms_come_filled_with_the_energy_dashboards_sensors(
    hass: HomeAssistant, free_port: int, grid: dict[str, Any], meter: dict[str, Any], solar: list[str]
) -> None:
    hass.config.components.add("energy")
    er.async_get(hass).async_get_or_create("sensor", DOMAIN, "own")
    sources = [
        {"type": "grid", "stat_energy_from": "sensor.grid_energy", **grid},
        {"type": "solar", "stat_energy_from": "sensor.pv_energy", "stat_rate": PV_POWER},
        {"type": "solar", "stat_energy_from": "sensor.old_pv_energy"},
        {"type": "solar", "stat_energy_from": "sensor.own_energy", "stat_rate": "sensor.smart_charging_own"},
        {"type": "battery", "stat_energy_from": "sensor.out", "stat_energy_to": "sensor.in"},
    ]
    with patch("homeassistant.components.energy.data.async_get_manager") as manager:
        manager.return_value.data = {"energy_sources": sources}
        result = await reach_meter_page(hass, free_port)
    assert suggested(result) == meter
    result = await go_on(hass, result["flow_id"], METER_EMPTY)
    assert suggested(result) == {"power": solar}


async def test_forms_come_empty_from_an_energy_dashboard_that_was_never_set_up(
    hass: HomeAssistant, free_port: int
) -> None:
    hass.config.components.add("energy")
    with patch("homeassistant.components.energy.data.async_get_manager") as manager:
        manager.return_value.data = None
        result = await reach_meter_page(hass, free_port)
    assert suggested(result) == {}
