"""Adding and changing batteries: what they are, and what they are led with."""

from collections.abc import Mapping
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.engine.config import BatteryConfig
from custom_components.smart_charging.engine.control.battery import BatteryAction
from custom_components.smart_charging.settings import (
    BatteryControl,
    BatteryEntities,
    battery_controls,
    battery_entities,
    site_config,
)

from .builders import battery, set_power, set_soc, site_entry
from .flow_steps import add_part, battery_input, submit_part, suggested

pytestmark = pytest.mark.usefixtures("no_setup")

USES = {"hold_while_fast": False, "grid_expansion": False, "reserve_soc_percent": 50}
MODES = {
    "mode_select": "select.mode",
    "option_normal": "Auto",
    "option_hold": "Standby",
    "option_charge": "Force charge",
    "option_discharge": "Force discharge",
}
POWERS = {"charge_power": "number.charge", "discharge_power": "number.discharge"}
HOLD: list[dict[str, Any]] = [{"action": "script.hold", "data": {"watts": "{{ power_w }}"}}]
NORMAL: list[dict[str, Any]] = [{"action": "script.normal"}]


@pytest.fixture(autouse=True)
def entities(hass: HomeAssistant) -> None:
    """Have the entities of two batteries."""
    for name in ("battery", "other"):
        set_soc(hass, f"sensor.{name}_soc", 50)
        set_power(hass, f"sensor.{name}_power", 0)
    hass.states.async_set("select.mode", "Auto", {"options": ["Auto", "Standby", "Force charge", "Force discharge"]})
    hass.states.async_set("switch.hold", "off")
    for number in ("number.charge", "number.discharge", "number.limit"):
        hass.states.async_set(number, "0", {"unit_of_measurement": "W"})


def site_with(hass: HomeAssistant, *subentries: Any) -> MockConfigEntry:
    """Return a site with these subentries."""
    entry = site_entry(9000, subentries)
    entry.add_to_hass(hass)
    return entry


def entities_input(
    mode: Mapping[str, Any] | None = None, values: Mapping[str, Any] | None = None, **uses: Any
) -> dict[str, Any]:
    """Return what a user chooses on the page of the entities."""
    return {"mode": dict(mode or {}), "values": dict(values or {}), **USES} | uses


async def second_page(hass: HomeAssistant, entry: MockConfigEntry, control: str) -> dict[str, Any]:
    """Get to the second page of a new battery."""
    result = await submit_part(hass, await add_part(hass, entry, "battery"), battery_input(control=control))
    assert result["step_id"] == control
    return result


def battery_of(hass: HomeAssistant, entry: MockConfigEntry) -> BatteryConfig:
    """Return the only battery as the engine gets it."""
    (config,) = site_config(hass, entry).batteries
    return config


def control_of(entry: MockConfigEntry) -> BatteryControl:
    """Return what the only battery is led with."""
    (control,) = battery_controls(entry).values()
    return control


async def test_a_battery_is_left_alone_unless_the_user_wants_it_led(hass: HomeAssistant) -> None:
    entry = site_with(hass)
    result = await submit_part(hass, await add_part(hass, entry, "battery"), battery_input(name=" Cellar "))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    (subentry,) = entry.subentries.values()
    assert battery_of(hass, entry) == BatteryConfig(
        battery_id=subentry.subentry_id, name="Cellar", capacity_wh=10_000, max_charge_w=5000, max_discharge_w=4000
    )
    assert control_of(entry) == BatteryControl()
    assert battery_entities(entry) == {
        subentry.subentry_id: BatteryEntities(soc="sensor.battery_soc", power="sensor.battery_power")
    }


async def test_states_of_charge_and_the_sign_are_kept(hass: HomeAssistant) -> None:
    entry = site_with(hass)
    limits = {
        "min_soc_percent": 5,
        "priority_soc_percent": 40,
        "buffer_soc_percent": 70,
        "buffer_start_soc_percent": 90,
    }
    await submit_part(
        hass, await add_part(hass, entry, "battery"), battery_input(invert=True, soc_limits=limits, capacity_kwh=7.5)
    )
    config = battery_of(hass, entry)
    assert (config.capacity_wh, config.min_soc_percent, config.priority_soc_percent) == (7500, 5, 40)
    assert (config.buffer_soc_percent, config.buffer_start_soc_percent) == (70, 90)
    assert [read.invert for read in battery_entities(entry).values()] == [True]


@pytest.mark.parametrize(
    ("changes", "errors", "entity"),
    [
        ({"name": " "}, {"name": "name_missing"}, ""),
        ({"name": "OTHER "}, {"name": "battery_name_in_use"}, ""),
        ({"soc": "sensor.none"}, {"soc": "entity_not_found"}, "sensor.none"),
        ({"soc": "sensor.battery_power"}, {"soc": "entity_not_soc"}, "sensor.battery_power"),
        ({"power": "sensor.battery_soc"}, {"power": "entity_not_power"}, "sensor.battery_soc"),
        ({"power": "switch.hold"}, {"power": "entity_not_a_sensor"}, "switch.hold"),
        ({"power": "sensor.other_power"}, {"power": "entity_twice"}, "sensor.other_power"),
        ({"soc": "sensor.other_soc"}, {"soc": "entity_twice"}, "sensor.other_soc"),
        (
            {"soc_limits": {"priority_soc_percent": 80, "buffer_soc_percent": 70}},
            {"soc_limits": "priority_above_buffer"},
            "",
        ),
        (
            {"soc_limits": {"buffer_soc_percent": 80, "buffer_start_soc_percent": 70}},
            {"soc_limits": "buffer_above_start"},
            "",
        ),
    ],
)
async def test_a_wrong_battery_is_refused(
    hass: HomeAssistant, changes: dict[str, Any], errors: dict[str, str], entity: str
) -> None:
    entry = site_with(hass, battery("other"))
    result = await add_part(hass, entry, "battery")
    result = await submit_part(hass, result, battery_input(**changes))
    assert result["errors"] == errors
    assert result["description_placeholders"] == {"entity": entity}
    result = await submit_part(hass, result, battery_input())
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    "changes",
    [
        {"capacity_kwh": 0},
        {"max_charge_w": 0},
        {"max_discharge_w": 0},
        {"soc_limits": {"min_soc_percent": 101}},
        {"control": "magic"},
    ],
)
async def test_values_that_no_battery_has_are_refused(hass: HomeAssistant, changes: dict[str, Any]) -> None:
    result = await add_part(hass, site_with(hass), "battery")
    with pytest.raises(InvalidData):
        await submit_part(hass, result, battery_input(**changes))


async def test_a_battery_led_through_every_kind_of_entity(hass: HomeAssistant) -> None:
    entry = site_with(hass)
    result = await second_page(hass, entry, "entities")
    values = {"hold_switch": "switch.hold", "discharge_limit": "number.limit", **POWERS}
    typed = entities_input(MODES, values, hold_while_fast=True, grid_expansion=True, reserve_soc_percent=30, renew_s=60)
    typed |= {"by_plan": True}
    result = await submit_part(hass, result, typed)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert control_of(entry) == BatteryControl(
        mode_select="select.mode",
        options={
            BatteryAction.NORMAL: "Auto",
            BatteryAction.HOLD: "Standby",
            BatteryAction.CHARGE: "Force charge",
            BatteryAction.DISCHARGE: "Force discharge",
        },
        hold_switch="switch.hold",
        charge_power="number.charge",
        discharge_power="number.discharge",
        discharge_limit="number.limit",
        renew_s=60,
    )
    config = battery_of(hass, entry)
    assert (config.hold_while_fast, config.grid_expansion, config.reserve_soc_percent) == (True, True, 30)
    assert config.by_plan
    assert (config.can_hold, config.can_charge, config.can_discharge) == (True, True, True)


@pytest.mark.parametrize(
    ("mode", "values", "able"),
    [
        ({}, {"hold_switch": "switch.hold"}, (True, False, False)),
        ({}, {"discharge_limit": "number.limit"}, (True, False, False)),
        ({}, {"charge_power": "number.charge"}, (False, True, False)),
        ({}, {"discharge_power": "number.discharge"}, (False, False, True)),
        ({"mode_select": "select.mode", "option_normal": " Auto ", "option_hold": "Standby"}, {}, (True, False, False)),
        ({key: value for key, value in MODES.items() if key != "option_hold"}, POWERS, (False, True, True)),
    ],
)
async def test_what_is_mapped_is_what_the_battery_can_be_told(
    hass: HomeAssistant, mode: dict[str, str], values: dict[str, str], able: tuple[bool, bool, bool]
) -> None:
    entry = site_with(hass)
    result = await submit_part(hass, await second_page(hass, entry, "entities"), entities_input(mode, values))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    config = battery_of(hass, entry)
    assert (config.can_hold, config.can_charge, config.can_discharge) == able


async def test_input_helpers_lead_a_battery_as_well(hass: HomeAssistant) -> None:
    entry = site_with(hass)
    hass.states.async_set("input_boolean.hold", "off")
    hass.states.async_set("input_number.limit", "0")
    hass.states.async_set("input_number.charge", "0", {"unit_of_measurement": "kW"})
    values = {
        "hold_switch": "input_boolean.hold",
        "discharge_limit": "input_number.limit",
        "charge_power": "input_number.charge",
    }
    result = await submit_part(hass, await second_page(hass, entry, "entities"), entities_input({}, values))
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    ("mode", "values", "uses", "errors"),
    [
        ({}, {}, {}, {"mode": "control_empty"}),
        ({"option_hold": "Standby"}, {}, {}, {"mode": "mode_select_missing"}),
        ({"mode_select": "select.mode"}, {}, {}, {"mode": "mode_options_missing"}),
        ({"mode_select": "select.mode", "option_normal": "Auto"}, {}, {}, {"mode": "mode_options_missing"}),
        ({"mode_select": "select.mode", "option_hold": "Standby"}, {}, {}, {"mode": "mode_options_missing"}),
        (MODES, {}, {}, {"mode": "option_needs_power"}),
        (MODES, {"charge_power": "number.charge"}, {}, {"mode": "option_needs_power"}),
        (
            {"mode_select": "select.mode", "option_normal": "Auto", "option_hold": "Nap"},
            {},
            {},
            {"mode": "option_unknown"},
        ),
        (
            {"mode_select": "select.mode", "option_normal": "Auto", "option_hold": " Auto"},
            {},
            {},
            {"mode": "option_hold_is_normal"},
        ),
        (MODES | {"option_hold": "Auto"}, POWERS, {}, {"mode": "option_hold_is_normal"}),
        ({"mode_select": "switch.hold"}, {}, {}, {"base": "entity_not_a_select"}),
        ({}, {"hold_switch": "number.limit"}, {}, {"base": "entity_not_a_switch"}),
        ({}, {"hold_switch": "switch.none"}, {}, {"base": "entity_not_found"}),
        ({}, {"discharge_limit": "switch.hold"}, {}, {"base": "entity_not_a_number"}),
        ({}, {"discharge_limit": "number.current"}, {}, {"base": "entity_not_power"}),
        ({}, {"charge_power": "number.limit", "discharge_power": "number.limit"}, {}, {"base": "entity_twice"}),
        ({}, POWERS, {"hold_while_fast": True}, {"hold_while_fast": "hold_not_mapped"}),
        ({}, {"hold_switch": "switch.hold"}, {"grid_expansion": True}, {"grid_expansion": "discharge_not_mapped"}),
        ({}, {"discharge_power": "number.discharge"}, {"by_plan": True}, {"by_plan": "plan_not_mapped"}),
        (
            {},
            POWERS,
            {"grid_expansion": True, "reserve_soc_percent": 9},
            {"reserve_soc_percent": "reserve_below_min"},
        ),
    ],
)
async def test_entities_that_do_not_fit_are_refused(
    hass: HomeAssistant, mode: dict[str, str], values: dict[str, str], uses: dict[str, Any], errors: dict[str, str]
) -> None:
    hass.states.async_set("number.current", "0", {"unit_of_measurement": "A"})
    entry = site_with(hass)
    result = await submit_part(hass, await second_page(hass, entry, "entities"), entities_input(mode, values, **uses))
    assert result["errors"] == errors
    result = await submit_part(hass, result, entities_input({}, {"hold_switch": "switch.hold"}))
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_an_unknown_option_is_answered_with_those_that_there_are(hass: HomeAssistant) -> None:
    entry = site_with(hass)
    mode = {"mode_select": "select.mode", "option_normal": "Auto", "option_hold": "standby"}
    result = await submit_part(hass, await second_page(hass, entry, "entities"), entities_input(mode))
    assert result["description_placeholders"] == {
        "entity": "select.mode",
        "options": "Auto, Standby, Force charge, Force discharge",
    }


async def test_options_are_taken_as_typed_while_their_entity_is_away(hass: HomeAssistant) -> None:
    er.async_get(hass).async_get_or_create("select", "inverter", "mode", suggested_object_id="away")
    entry = site_with(hass)
    mode = {"mode_select": "select.away", "option_normal": "Auto", "option_hold": "Nap"}
    result = await submit_part(hass, await second_page(hass, entry, "entities"), entities_input(mode))
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_unit_is_known_while_its_number_is_away(hass: HomeAssistant) -> None:
    er.async_get(hass).async_get_or_create(
        "number", "inverter", "limit", suggested_object_id="away", unit_of_measurement="A"
    )
    result = await second_page(hass, site_with(hass), "entities")
    result = await submit_part(hass, result, entities_input({}, {"discharge_limit": "number.away"}))
    assert result["errors"] == {"base": "entity_not_power"}
    assert result["description_placeholders"]["entity"] == "number.away"


async def test_a_battery_led_through_actions(hass: HomeAssistant) -> None:
    entry = site_with(hass)
    typed = {"action_normal": NORMAL, "action_hold": HOLD, "action_discharge": HOLD[0], "action_charge": []}
    result = await second_page(hass, entry, "actions")
    result = await submit_part(hass, result, USES | typed | {"hold_while_fast": True, "grid_expansion": True})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert control_of(entry) == BatteryControl(
        actions={BatteryAction.NORMAL: NORMAL, BatteryAction.HOLD: HOLD, BatteryAction.DISCHARGE: HOLD}
    )
    config = battery_of(hass, entry)
    assert (config.can_hold, config.can_charge, config.can_discharge) == (True, False, True)


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        ({}, {"action_normal": "control_empty"}),
        ({"action_hold": HOLD}, {"action_normal": "action_normal_missing"}),
        (
            {"action_normal": NORMAL, "action_hold": [{"nonsense": 1}]},
            {"action_hold": "action_invalid"},
        ),
        ({"action_normal": "now"}, {"action_normal": "action_invalid"}),
        (
            {"action_normal": NORMAL, "action_hold": HOLD, "grid_expansion": True},
            {"grid_expansion": "discharge_not_mapped"},
        ),
        (
            {"action_normal": NORMAL, "action_charge": HOLD, "hold_while_fast": True},
            {"hold_while_fast": "hold_not_mapped"},
        ),
    ],
)
async def test_actions_that_do_not_fit_are_refused(
    hass: HomeAssistant, typed: dict[str, Any], errors: dict[str, str]
) -> None:
    entry = site_with(hass)
    result = await submit_part(hass, await second_page(hass, entry, "actions"), USES | typed)
    assert result["errors"] == errors
    result = await submit_part(hass, result, USES | {"action_normal": NORMAL, "action_hold": HOLD})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_battery_is_changed_from_entities_to_actions_and_to_nothing(hass: HomeAssistant) -> None:
    led = {"control": "entities", "mode_select": "select.mode", "option_normal": "Auto", "option_hold": "Standby"}
    entry = site_with(hass, battery(**led, hold_switch="switch.hold", hold_while_fast=True, renew_s=30))
    result: Any = await entry.start_subentry_reconfigure_flow(hass, "battery")
    assert suggested(result) == {
        "name": "Battery",
        "capacity_kwh": 10,
        "max_charge_w": 5000,
        "max_discharge_w": 4000,
        "soc": "sensor.battery_soc",
        "power": "sensor.battery_power",
        "invert": False,
        "soc_limits": {
            "min_soc_percent": 10,
            "priority_soc_percent": 0,
            "buffer_soc_percent": 100,
            "buffer_start_soc_percent": 100,
        },
        "control": "entities",
    }
    result = await submit_part(hass, result, battery_input(name="Battery", control="entities"))
    shown = suggested(result)
    assert shown["mode"] == {"mode_select": "select.mode", "option_normal": "Auto", "option_hold": "Standby"}
    assert shown["values"] == {"hold_switch": "switch.hold"}
    assert (shown["hold_while_fast"], shown["renew_s"]) == (True, 30)
    result = await submit_part(hass, result, entities_input({}, {"hold_switch": "switch.hold"}, hold_while_fast=True))
    assert result["reason"] == "reconfigure_successful"
    assert control_of(entry) == BatteryControl(hold_switch="switch.hold")

    result = await entry.start_subentry_reconfigure_flow(hass, "battery")
    result = await submit_part(hass, result, battery_input(name="Battery", control="actions"))
    await submit_part(hass, result, USES | {"action_normal": NORMAL, "action_hold": HOLD})
    assert control_of(entry) == BatteryControl(actions={BatteryAction.NORMAL: NORMAL, BatteryAction.HOLD: HOLD})
    assert not battery_of(hass, entry).hold_while_fast

    result = await entry.start_subentry_reconfigure_flow(hass, "battery")
    result = await submit_part(hass, result, battery_input(name="Battery"))
    assert result["reason"] == "reconfigure_successful"
    assert control_of(entry) == BatteryControl()
    assert not battery_of(hass, entry).can_hold


async def test_a_changed_battery_keeps_its_own_name_and_entities(hass: HomeAssistant) -> None:
    entry = site_with(hass, battery(), battery("other"))
    result: Any = await entry.start_subentry_reconfigure_flow(hass, "battery")
    result = await submit_part(hass, result, battery_input(name="Other"))
    assert result["errors"] == {"name": "battery_name_in_use"}
    result = await submit_part(hass, result, battery_input(name="battery"))
    assert result["reason"] == "reconfigure_successful"
    assert entry.subentries["battery"].title == "battery"


async def test_the_integrations_own_entities_lead_no_battery(hass: HomeAssistant) -> None:
    own = er.async_get(hass).async_get_or_create("number", "smart_charging", "site1_CP-1_1_max_current").entity_id
    result = await second_page(hass, site_with(hass), "entities")
    result = await submit_part(hass, result, entities_input({}, {"charge_power": own}))
    assert result["errors"] == {"base": "entity_own"}
