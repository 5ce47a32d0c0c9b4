"""Adding and changing what the grid operator demands."""

from collections.abc import Mapping
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.engine.grid.lpc import LpcDirection
from custom_components.smart_charging.engine.grid.section_14a import ControllableDevice, DeviceKind
from custom_components.smart_charging.engine.grid.signal import SignalKind, SignalScope, SignalUnit
from custom_components.smart_charging.engine.grid.source import InputKind, LostPolicy, SourceConfig
from custom_components.smart_charging.engine.grid.uk_rules import UkRules
from custom_components.smart_charging.engine.limit import OwnPower
from custom_components.smart_charging.engine.model import EvseKey
from custom_components.smart_charging.grid_settings import grid_sources, other_devices, source_config, uk_rules
from custom_components.smart_charging.site_options import peak_config

from .builders import PV_POWER, charger, pv, set_power, site_entry
from .flow_steps import METER_EMPTY, add_part, go_on, offered, reach_meter_page, submit_part, suggested
from .grid_sources import BOX, EEBUS, NUMBER, RELAY, UK, demand, heat_pump

pytestmark = pytest.mark.usefixtures("no_setup")


@pytest.fixture
def entry(hass: HomeAssistant) -> MockConfigEntry:
    """Return a site with a charger and PV, and what a user may choose."""
    entry = site_entry(9000, [charger("CP-1"), pv(installed_kw=8.0)])
    entry.add_to_hass(hass)
    for contact in ("relay", "w4", "s1", "active"):
        hass.states.async_set(f"binary_sensor.{contact}", "off")
    set_power(hass, "sensor.limit", 22, "kW")
    hass.states.async_set("sensor.current", "16", {"unit_of_measurement": "A"})
    hass.states.async_set("sensor.share", "60", {"unit_of_measurement": "%"})
    hass.states.async_set("sensor.duration", "0", {"unit_of_measurement": "min"})
    hass.states.async_set("sensor.heartbeat", "17")
    hass.states.async_set("sensor.odd", "17", {"unit_of_measurement": "m"})
    return entry


async def page(hass: HomeAssistant, entry: MockConfigEntry, preset: str) -> dict[str, Any]:
    """Get to the page of a preset."""
    return await submit_part(hass, await add_part(hass, entry, "grid_signal"), {"preset": preset})


async def add(hass: HomeAssistant, entry: MockConfigEntry, data: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Submit a demand's page, with what its form has no field for left out."""
    form = await page(hass, entry, data["preset"])
    fields = {str(marker) for marker in form["data_schema"].schema}
    typed = {key: value for key, value in {"name": "Grid", **data, **changes}.items() if key in fields}
    return await submit_part(hass, form, typed)


def the_source(entry: MockConfigEntry) -> SourceConfig:
    """Return the one source of a site."""
    (subentry,) = grid_sources(entry).values()
    return source_config(entry, subentry)


@pytest.mark.parametrize(
    ("country", "preset"),
    [("DE", "de_14a_relay"), ("NL", "nl_openadr"), ("GB", "uk"), ("AT", "ch_at_block"), ("FR", "contact")],
)
async def test_what_is_usual_in_the_country_is_offered_first(
    hass: HomeAssistant, entry: MockConfigEntry, country: str, preset: str
) -> None:
    hass.config.country = country
    form = await add_part(hass, entry, "grid_signal")
    (marker,) = form["data_schema"].schema
    assert marker.default() == preset
    assert len(offered(form, "preset")) == 16


async def test_a_relay_of_section_14a_needs_only_its_contact(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await page(hass, entry, "de_14a_relay")
    assert form["step_id"] == "contact"
    assert offered(form, "place") == ["controllable", "sub_CP-1"]
    result = await submit_part(hass, form, {"name": " Relay ", "entity": "binary_sensor.relay"})
    assert (result["type"], result["title"]) == (FlowResultType.CREATE_ENTRY, "Relay")
    source = the_source(entry)
    assert (source.input, source.kind, source.scope) == (
        InputKind.CONTACT, SignalKind.IMPORT_LIMIT, SignalScope.CONTROLLABLE,
    )  # fmt: skip
    assert (source.value, source.unit, source.binding, source.inverted) == (None, SignalUnit.WATT, True, False)
    assert source.lost_policy is LostPolicy.FAILSAFE
    assert source.own_power is OwnPower.AFTER_OTHER_LOAD


async def test_a_relay_may_be_for_one_charger_and_have_a_limit_above_the_minimum(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await add(hass, entry, RELAY, place="sub_CP-1", limit=7, invert=True, debounce_s=2)
    source = the_source(entry)
    assert (source.scope, source.evse) == (SignalScope.DEVICE, EvseKey("CP-1", 1))
    assert (source.value, source.inverted, source.debounce_s) == (7000.0, True, 2.0)


async def test_where_its_charger_is_gone_a_relay_is_for_none_that_is_there(hass: HomeAssistant) -> None:
    entry = site_entry(9000, [charger("CP-2"), demand({**RELAY, "place": "sub_CP-1"})])
    entry.add_to_hass(hass)
    source = the_source(entry)
    assert source.scope is SignalScope.DEVICE
    assert source.evse not in {None, EvseKey("CP-1", 1), EvseKey("CP-2", 1)}


async def test_ripple_control_blocks_whatever_the_sun_does(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await add(hass, entry, {**RELAY, "preset": "ch_at_block"}, own_power="not_counted")
    source = the_source(entry)
    assert (source.kind, source.value, source.own_power) == (SignalKind.BLOCK, None, OwnPower.NOT_COUNTED)


@pytest.mark.parametrize(
    ("changes", "kind", "scope", "value", "unit"),
    [
        ({"signal_kind": "import_limit"}, SignalKind.IMPORT_LIMIT, SignalScope.CONTROLLABLE, None, SignalUnit.WATT),
        (
            {"signal_kind": "import_limit", "place": "site", "limit": 20, "limit_unit": "A", "binding": False},
            SignalKind.IMPORT_LIMIT, SignalScope.SITE, 20.0, SignalUnit.AMPERE,
        ),
        (
            {"signal_kind": "export_limit", "limit": 30, "limit_unit": "%"},
            SignalKind.EXPORT_LIMIT, SignalScope.SITE, 30.0, SignalUnit.PERCENT,
        ),
        ({"signal_kind": "block"}, SignalKind.BLOCK, SignalScope.CONTROLLABLE, None, SignalUnit.WATT),
    ],
)  # fmt: skip
async def test_a_contact_may_demand_anything(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    changes: dict[str, Any],
    kind: SignalKind,
    scope: SignalScope,
    value: float | None,
    unit: SignalUnit,
) -> None:
    await add(hass, entry, {**RELAY, "preset": "contact"}, **changes)
    source = the_source(entry)
    assert (source.kind, source.scope, source.value, source.unit) == (kind, scope, value, unit)
    assert source.binding is changes.get("binding", True)


@pytest.mark.parametrize(
    ("data", "changes", "errors"),
    [
        (RELAY, {"name": " "}, {"name": "name_missing"}),
        (RELAY, {"entity": "binary_sensor.none"}, {"entity": "entity_not_found"}),
        (RELAY, {"entity": "sensor.limit"}, {"entity": "entity_unfit"}),
        (RELAY, {"entity": "binary_sensor.own"}, {"entity": "entity_own"}),
        ({**RELAY, "preset": "contact"}, {"signal_kind": "export_limit"}, {"limit": "limit_missing"}),
        ({**RELAY, "preset": "contact"}, {"place": "site"}, {"limit": "limit_missing"}),
        ({**RELAY, "preset": "contact"}, {"limit_unit": "A"}, {"limit": "limit_missing"}),
        ({"preset": "de_14a_control_box"}, {}, {"base": "contacts_missing"}),
        (BOX, {"contact_s1": "binary_sensor.w4"}, {"contact_s1": "entity_twice"}),
        (EEBUS, {"limit_entity": "sensor.current"}, {"limit_entity": "entity_not_power"}),
        (EEBUS, {"duration_entity": "sensor.current"}, {"duration_entity": "entity_not_duration"}),
        (EEBUS, {"heartbeat_entity": "sensor.none"}, {"heartbeat_entity": "entity_not_found"}),
        (NUMBER, {"entity": "sensor.none"}, {"entity": "entity_not_found"}),
        (NUMBER, {"entity": "sensor.odd"}, {"entity": "entity_no_limit"}),
        (NUMBER, {"place": "site"}, {"failsafe": "failsafe_missing"}),
        (NUMBER, {"signal_kind": "export_limit"}, {"failsafe": "failsafe_missing"}),
        (NUMBER, {"entity": "sensor.current"}, {"failsafe": "failsafe_missing"}),
    ],
)
async def test_what_can_not_be_is_refused(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    data: Mapping[str, Any],
    changes: dict[str, Any],
    errors: dict[str, str],
) -> None:
    own = er.async_get(hass).async_get_or_create("binary_sensor", "smart_charging", "own", suggested_object_id="own")
    assert own.entity_id == "binary_sensor.own"
    result = await add(hass, entry, data, **changes)
    assert result["errors"] == errors
    (field,) = errors
    if field in changes and field.startswith(("entity", "contact", "limit_e", "duration", "heart")):
        assert result["description_placeholders"]["entity"] == changes[field]
    assert not grid_sources(entry)


async def test_two_demands_can_not_have_one_name(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await add(hass, entry, RELAY)
    assert (await add(hass, entry, NUMBER))["errors"] == {"name": "grid_signal_name_in_use"}


async def test_a_control_box_with_the_contacts_that_are_wired(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await add(hass, entry, BOX)
    source = the_source(entry)
    assert (source.input, source.scope, source.binding) == (InputKind.CONTROL_BOX, SignalScope.CONTROLLABLE, True)


@pytest.mark.parametrize(
    ("direction", "kind", "scope"),
    [
        ("consumption", SignalKind.IMPORT_LIMIT, SignalScope.CONTROLLABLE),
        ("production", SignalKind.EXPORT_LIMIT, SignalScope.SITE),
    ],
)
async def test_a_bridge_to_eebus(
    hass: HomeAssistant, entry: MockConfigEntry, direction: str, kind: SignalKind, scope: SignalScope
) -> None:
    await add(hass, entry, EEBUS, direction=direction, failsafe_kw=5, failsafe_h=4.5)
    source = the_source(entry)
    assert source.lpc is not None
    assert (source.kind, source.scope, source.lpc.direction) == (kind, scope, LpcDirection(direction))
    assert (source.lpc.failsafe_w, source.lpc.failsafe_for.total_seconds()) == (5000.0, 16_200.0)


@pytest.mark.parametrize(
    ("entity", "changes", "unit", "failsafe", "no_limit_from"),
    [
        ("sensor.limit", {}, SignalUnit.WATT, None, 20_000.0),
        ("sensor.limit", {"failsafe": 3}, SignalUnit.WATT, 3000.0, 20_000.0),
        ("sensor.current", {"failsafe": 6, "no_limit_from": None}, SignalUnit.AMPERE, 6.0, None),
        ("sensor.share", {"lost_policy": "hold"}, SignalUnit.PERCENT, None, 20.0),
    ],
)
async def test_a_number_is_a_limit_in_its_own_unit(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    entity: str,
    changes: dict[str, Any],
    unit: SignalUnit,
    failsafe: float | None,
    no_limit_from: float | None,
) -> None:
    typed = {key: value for key, value in {**NUMBER, "entity": entity, **changes}.items() if value is not None}
    await add(hass, entry, typed)
    source = the_source(entry)
    assert (source.input, source.unit, source.failsafe, source.no_limit_from) == (
        InputKind.NUMBER, unit, failsafe, no_limit_from,
    )  # fmt: skip


async def test_the_german_limit_on_feed_in_stands(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await add(hass, entry, {"preset": "de_feed_in_60"}, limit=60)
    source = the_source(entry)
    assert (source.input, source.kind, source.scope) == (
        InputKind.STANDING, SignalKind.EXPORT_LIMIT, SignalScope.SITE,
    )  # fmt: skip
    assert (source.value, source.unit) == (60.0, SignalUnit.PERCENT)


SHARE_OF_FEED_IN: list[tuple[dict[str, Any], str]] = [
    ({"preset": "de_feed_in_60", "limit": 60}, "limit"),
    ({"preset": "standing", "limit": 70, "limit_unit": "%"}, "limit"),
    ({**RELAY, "preset": "contact", "signal_kind": "export_limit", "limit": 30, "limit_unit": "%"}, "limit"),
    ({**NUMBER, "entity": "sensor.share", "signal_kind": "export_limit", "failsafe": 60}, "entity"),
]


@pytest.mark.parametrize(("data", "field"), SHARE_OF_FEED_IN)
async def test_a_share_of_pv_power_needs_to_be_known_of_what(
    hass: HomeAssistant, entry: MockConfigEntry, data: dict[str, Any], field: str
) -> None:
    system = entry.subentries[f"sub_{PV_POWER}"]
    hass.config_entries.async_update_subentry(entry, system, data={"power": PV_POWER, "invert": False})
    result = await add(hass, entry, data)
    assert result["errors"] == {field: "pv_power_missing"}
    assert not grid_sources(entry)
    hass.config_entries.async_update_subentry(entry, system, data={**system.data, "installed_kw": 8.0})
    assert (await add(hass, entry, data))["type"] is FlowResultType.CREATE_ENTRY
    assert the_source(entry).unit is SignalUnit.PERCENT


@pytest.mark.parametrize(
    "data",
    [
        {"preset": "standing", "limit": 7, "limit_unit": "kW"},
        {"preset": "standing", "signal_kind": "import_limit", "limit": 70, "limit_unit": "%"},
        BOX,
    ],
)
async def test_other_demands_need_no_pv_power(
    hass: HomeAssistant, entry: MockConfigEntry, data: Mapping[str, Any]
) -> None:
    hass.config_entries.async_remove_subentry(entry, f"sub_{PV_POWER}")
    assert (await add(hass, entry, data))["type"] is FlowResultType.CREATE_ENTRY


async def test_another_limit_may_stand_too(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await add(hass, entry, {"preset": "standing", "signal_kind": "import_limit", "limit": 11, "limit_unit": "kW"})
    source = the_source(entry)
    assert (source.kind, source.scope, source.value) == (SignalKind.IMPORT_LIMIT, SignalScope.SITE, 11_000.0)


async def test_the_rules_of_the_united_kingdom_hold_once(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert uk_rules(entry) is None
    await add(hass, entry, UK, most_delay_s=900)
    assert uk_rules(entry) == UkRules(most_delay_s=900)
    assert not grid_sources(entry)
    again = await page(hass, entry, "uk")
    assert (again["type"], again["reason"]) == (FlowResultType.ABORT, "already_configured")


@pytest.mark.parametrize(
    ("preset", "peak", "interval_min"),
    [("be_capacity", "flanders", 15), ("no_effect", "norway", 60), ("se_effect", "sweden", 60)],
)
async def test_a_tariff_on_peaks_becomes_an_option_of_the_site(
    hass: HomeAssistant, entry: MockConfigEntry, preset: str, peak: str, interval_min: int
) -> None:
    hass.config_entries.async_update_entry(entry, options={"turn_min": 20, "peak_price_per_kw": 3})
    form = await page(hass, entry, preset)
    assert form["step_id"] == "peak"
    result = await submit_part(hass, form, {"peak_target_kw": 4})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "peak_tariff_set")
    assert entry.options == {"turn_min": 20, "peak_preset": peak, "peak_target_kw": 4}
    tariff = peak_config(entry.options)
    assert tariff is not None
    assert (tariff.interval_min, tariff.target_w) == (interval_min, 4000.0)


@pytest.mark.parametrize("data", [RELAY, BOX, EEBUS, NUMBER, UK])
async def test_a_demand_comes_as_it_is_and_is_changed(hass: HomeAssistant, data: Mapping[str, Any]) -> None:
    entry = site_entry(9000, [demand(data)])
    entry.add_to_hass(hass)
    for entity_id in ("binary_sensor.relay", "binary_sensor.w4", "binary_sensor.s1", "binary_sensor.active"):
        hass.states.async_set(entity_id, "off")
    set_power(hass, "sensor.limit", 22, "kW")
    hass.states.async_set("sensor.duration", "0", {"unit_of_measurement": "s"})
    hass.states.async_set("sensor.heartbeat", "17")
    form = dict(await entry.start_subentry_reconfigure_flow(hass, "relay"))
    shown = suggested(form)
    assert {**shown, "preset": data["preset"]}.items() >= {"name": "Grid relay", "preset": data["preset"]}.items()
    fields = {str(marker) for marker in form["data_schema"].schema}
    assert {key: shown[key] for key in data if key in fields} == {key: data[key] for key in data if key in fields}
    result = await submit_part(hass, form, {**shown, "name": "Another"})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    changed = entry.subentries["relay"]
    assert (changed.title, dict(changed.data)) == ("Another", dict(data))


async def test_the_first_set_up_goes_on_with_what_the_grid_operator_demands(
    hass: HomeAssistant, free_port: int
) -> None:
    result = await reach_meter_page(hass, free_port)
    for user_input in (METER_EMPTY, {}):
        result = await go_on(hass, result["flow_id"], user_input)
    assert result["step_id"] == "grid_operator"
    assert offered(result, "preset")[0] == "none"
    result = await go_on(hass, result["flow_id"], {"preset": "de_14a_relay"})
    result = await go_on(hass, result["flow_id"], {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    kind, flow_id = result["next_flow"]
    assert kind == "config_subentries_flow"
    form = hass.config_entries.subentries.async_get(flow_id)
    assert (form["handler"], form["step_id"]) == ((result["result"].entry_id, "grid_signal"), "contact")


async def test_a_heat_pump_counts(hass: HomeAssistant) -> None:
    entry = site_entry(9000)
    entry.add_to_hass(hass)
    set_power(hass, "sensor.pump", 2000)
    form = await add_part(hass, entry, "other_device")
    assert offered(form, "device_kind") == ["heat_pump", "air_conditioning"]
    typed = {"name": "Pump ", "device_kind": "heat_pump", "rated_kw": 14, "power": "sensor.pump"}
    result = await submit_part(hass, form, typed)
    assert (result["type"], result["title"]) == (FlowResultType.CREATE_ENTRY, "Pump")
    (device,) = other_devices(entry)
    assert device == ControllableDevice(device.device_id, DeviceKind.HEAT_PUMP, 14_000.0, led=False)


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"name": ""}, {"name": "name_missing"}),
        ({"power": "sensor.none"}, {"power": "entity_not_found"}),
        ({"name": "heat PUMP"}, {"name": "other_device_name_in_use"}),
    ],
)
async def test_a_device_that_can_not_be_is_refused(
    hass: HomeAssistant, changes: dict[str, Any], errors: dict[str, str]
) -> None:
    entry = site_entry(9000, [heat_pump()])
    entry.add_to_hass(hass)
    form = await add_part(hass, entry, "other_device")
    typed = {"name": "Second", "device_kind": "heat_pump", "rated_kw": 14} | changes
    assert (await submit_part(hass, form, typed))["errors"] == errors


async def test_a_device_is_changed(hass: HomeAssistant) -> None:
    entry = site_entry(9000, [heat_pump()])
    entry.add_to_hass(hass)
    form = dict(await entry.start_subentry_reconfigure_flow(hass, "pump"))
    assert suggested(form) == {"name": "Heat pump", "device_kind": "heat_pump", "rated_kw": 9.0}
    result = await submit_part(hass, form, {"name": "Cooler", "device_kind": "air_conditioning", "rated_kw": 12})
    assert result["reason"] == "reconfigure_successful"
    (device,) = other_devices(entry)
    assert (device.kind, device.rated_w) == (DeviceKind.AIR_CONDITIONING, 12_000.0)
