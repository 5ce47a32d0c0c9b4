"""Adding and changing PV systems that may be curtailed."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.engine.config import PvConfig
from custom_components.smart_charging.pv_settings import PvControl, pv_configs, pv_controls

from .builders import PV_POWER, pv, set_power, site_entry
from .flow_steps import add_part, submit_part, suggested

pytestmark = pytest.mark.usefixtures("no_setup")

ROOF = f"sub_{PV_POWER}"
LIMIT: list[dict[str, Any]] = [{"action": "script.limit", "data": {"watts": "{{ power_w }}"}}]
FREE: list[dict[str, Any]] = [{"action": "script.free"}]


@pytest.fixture(autouse=True)
def entities(hass: HomeAssistant) -> None:
    """Have the entities of two systems, and numbers of all kinds."""
    for sensor in (PV_POWER, "sensor.barn"):
        set_power(hass, sensor, 3000)
    for name, unit in (("watts", "W"), ("kilowatts", "kW"), ("percent", "%"), ("amperes", "A")):
        hass.states.async_set(f"number.{name}", "0", {"unit_of_measurement": unit})
    hass.states.async_set("input_number.plain", "0")


def site_with(hass: HomeAssistant, *subentries: Any) -> MockConfigEntry:
    """Return a site with these subentries."""
    entry = site_entry(9000, subentries)
    entry.add_to_hass(hass)
    return entry


def pv_input(**changes: Any) -> dict[str, Any]:
    """Return what a user types on the first page."""
    return {"name": "Roof", "power": PV_POWER, "invert": False, "installed_kw": 8.5, "control": "none"} | changes


async def second_page(hass: HomeAssistant, entry: MockConfigEntry, control: str) -> dict[str, Any]:
    """Get to the second page of a new system."""
    result = await submit_part(hass, await add_part(hass, entry, "pv"), pv_input(control=control))
    assert result["step_id"] == control
    return result


def the_system(entry: MockConfigEntry) -> tuple[PvConfig, PvControl]:
    """Return the only system, as the engine gets it and as it is curtailed."""
    (config,), (control,) = pv_configs(entry), pv_controls(entry).values()
    return config, control


async def test_a_system_is_never_curtailed_unless_the_user_wants_it(hass: HomeAssistant) -> None:
    entry = site_with(hass)
    result = await submit_part(hass, await add_part(hass, entry, "pv"), pv_input())
    assert result["type"] is FlowResultType.CREATE_ENTRY
    (subentry,) = entry.subentries.values()
    assert dict(subentry.data) == {"power": PV_POWER, "invert": False, "installed_kw": 8.5}
    assert the_system(entry) == (PvConfig(subentry.subentry_id, "Roof", 8500.0), PvControl())


@pytest.mark.parametrize("control", ["entities", "actions"])
async def test_what_is_curtailed_needs_a_power(hass: HomeAssistant, control: str) -> None:
    entry = site_with(hass)
    typed = {key: value for key, value in pv_input(control=control).items() if key != "installed_kw"}
    result = await submit_part(hass, await add_part(hass, entry, "pv"), typed)
    assert (result["step_id"], result["errors"]) == ("user", {"installed_kw": "installed_missing"})
    assert (await submit_part(hass, result, pv_input(control=control)))["step_id"] == control
    assert not entry.subentries


@pytest.mark.parametrize("number", ["number.watts", "number.kilowatts", "number.percent", "input_number.plain"])
async def test_a_system_curtailed_through_a_number(hass: HomeAssistant, number: str) -> None:
    entry = site_with(hass)
    result = await second_page(hass, entry, "entities")
    result = await submit_part(hass, result, {"limit_number": number, "renew_s": 60})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    config, control = the_system(entry)
    assert control == PvControl(limit_number=number, renew_s=60)
    assert (config.installed_w, config.can_curtail) == (8500.0, True)


@pytest.mark.parametrize(
    ("number", "error"),
    [
        ("number.none", "entity_not_found"),
        (PV_POWER, "entity_not_a_number"),
        ("number.amperes", "entity_not_limit"),
        ("number.taken", "entity_twice"),
    ],
)
async def test_a_number_that_does_not_fit_is_refused(hass: HomeAssistant, number: str, error: str) -> None:
    hass.states.async_set("number.taken", "0", {"unit_of_measurement": "W"})
    entry = site_with(hass, pv("sensor.barn", installed_kw=2, control="entities", limit_number="number.taken"))
    result = await second_page(hass, entry, "entities")
    result = await submit_part(hass, result, {"limit_number": number})
    assert result["errors"] == {"limit_number": error}
    assert result["description_placeholders"] == {"entity": number}
    result = await submit_part(hass, result, {"limit_number": "number.watts"})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_the_integrations_own_numbers_curtail_nothing(hass: HomeAssistant) -> None:
    own = er.async_get(hass).async_get_or_create("number", "smart_charging", "site1_CP-1_1_max_current").entity_id
    result = await second_page(hass, site_with(hass), "entities")
    result = await submit_part(hass, result, {"limit_number": own})
    assert result["errors"] == {"limit_number": "entity_own"}


async def test_a_system_curtailed_through_actions(hass: HomeAssistant) -> None:
    entry = site_with(hass)
    result = await second_page(hass, entry, "actions")
    result = await submit_part(hass, result, {"action_limit": LIMIT[0], "action_free": FREE})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    config, control = the_system(entry)
    assert control == PvControl(action_limit=LIMIT, action_free=FREE)
    assert config.can_curtail


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        ({}, {"action_limit": "action_limit_missing", "action_free": "action_free_missing"}),
        ({"action_limit": LIMIT}, {"action_free": "action_free_missing"}),
        ({"action_free": FREE, "action_limit": []}, {"action_limit": "action_limit_missing"}),
        ({"action_limit": [{"nonsense": 1}], "action_free": FREE}, {"action_limit": "action_invalid"}),
    ],
)
async def test_actions_that_do_not_fit_are_refused(
    hass: HomeAssistant, typed: dict[str, Any], errors: dict[str, str]
) -> None:
    entry = site_with(hass)
    result = await submit_part(hass, await second_page(hass, entry, "actions"), typed)
    assert result["errors"] == errors
    result = await submit_part(hass, result, {"action_limit": LIMIT, "action_free": FREE})
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize("renew_s", [4, 3601])
async def test_a_system_is_told_again_neither_all_the_time_nor_hardly_ever(hass: HomeAssistant, renew_s: int) -> None:
    result = await second_page(hass, site_with(hass), "entities")
    with pytest.raises(InvalidData):
        await submit_part(hass, result, {"limit_number": "number.watts", "renew_s": renew_s})


async def test_a_system_is_changed_from_a_number_to_actions_and_to_nothing(hass: HomeAssistant) -> None:
    entry = site_with(hass, pv(installed_kw=8.5, control="entities", limit_number="number.watts", renew_s=30))
    result: Any = await entry.start_subentry_reconfigure_flow(hass, ROOF)
    assert suggested(result) == pv_input(name="PV", control="entities")
    result = await submit_part(hass, result, pv_input(name="PV", control="entities"))
    assert suggested(result) == {"limit_number": "number.watts", "renew_s": 30}
    result = await submit_part(hass, result, {"limit_number": "number.watts"})
    assert result["reason"] == "reconfigure_successful"
    assert the_system(entry)[1] == PvControl(limit_number="number.watts")

    result = await entry.start_subentry_reconfigure_flow(hass, ROOF)
    result = await submit_part(hass, result, pv_input(control="actions"))
    await submit_part(hass, result, {"action_limit": LIMIT, "action_free": FREE})
    assert the_system(entry)[1] == PvControl(action_limit=LIMIT, action_free=FREE)

    result = await entry.start_subentry_reconfigure_flow(hass, ROOF)
    result = await submit_part(hass, result, pv_input())
    assert result["reason"] == "reconfigure_successful"
    assert dict(entry.subentries[ROOF].data) == {"power": PV_POWER, "invert": False, "installed_kw": 8.5}
    assert the_system(entry)[1] == PvControl()
