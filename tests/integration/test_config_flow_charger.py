"""What a charger may be given besides its login and wiring: circuit, cable, share, phases, mode, state of charge."""

from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.departure_settings import departure_choices
from custom_components.smart_charging.engine.calendar_departures import DepartureRule, EventChoice, Target
from custom_components.smart_charging.engine.config import CarConfig, PhaseSwitching, SecurityProfile, StationConfig
from custom_components.smart_charging.engine.limit import ROOT_CIRCUIT
from custom_components.smart_charging.engine.model import ChargeMode
from custom_components.smart_charging.settings import phase_switches, station_configs, vehicle_soc_entities

from .builders import charger, charger_data, circuit, set_power, set_soc, site_data, site_entry
from .flow_steps import add_part, charger_input, offered, submit_part, suggested
from .test_config_flow_frontend import TEXTS

pytestmark = pytest.mark.usefixtures("no_setup")

CAR_SOC = "sensor.car_soc"
CONTACTOR = "switch.contactor"
FILES = {"certificate_source": "files", "certificate": "/ssl/chain.pem", "private_key": "/ssl/key.pem"}
ADDED_LATER = ("circuit", "phase_switching", "protocol", "weight", "step_a", "websocket_ping", "security_profile")


def site_with(hass: HomeAssistant, *subentries: Any) -> MockConfigEntry:
    """Return a site with these subentries."""
    entry = site_entry(9000, subentries)
    entry.add_to_hass(hass)
    return entry


async def add(hass: HomeAssistant, entry: MockConfigEntry, **changes: Any) -> dict[str, Any]:
    """Enter a new charger."""
    return await submit_part(hass, await add_part(hass, entry, "charger"), charger_input(station_id="NEW", **changes))


def station_of(entry: MockConfigEntry, station_id: str = "NEW") -> StationConfig:
    """Return a charger as the engine gets it."""
    return next(known for known in station_configs(entry).values() if known.station_id == station_id)


async def test_a_new_charger_has_the_engines_defaults(hass: HomeAssistant) -> None:
    entry = site_with(hass)
    assert (await add(hass, entry))["type"] is FlowResultType.CREATE_ENTRY
    assert station_of(entry) == StationConfig(station_id="NEW", name="Carport", allow_without_password=True)
    assert vehicle_soc_entities(entry) == {}
    assert phase_switches(entry) == {}


async def test_everything_advanced_is_kept(hass: HomeAssistant) -> None:
    entry = site_with(hass, circuit("garage"))
    set_soc(hass, CAR_SOC, 55)
    hass.states.async_set(CONTACTOR, "on")
    advanced = {
        "cable_current_a": 13,
        "phase_switching": "switch",
        "phase_switch": CONTACTOR,
        "mode_after_unplug": "solar",
        "protocol": "ocpp201",
        "weight": 2.5,
        "step_a": "1",
    }
    result = await add(hass, entry, circuit="garage", soc=CAR_SOC, advanced=advanced)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert station_of(entry) == StationConfig(
        station_id="NEW",
        name="Carport",
        allow_without_password=True,
        circuit_id="garage",
        cable_current_a=13,
        weight=2.5,
        step_a=1,
        protocol="ocpp2.0.1",
        phase_switching=PhaseSwitching.SWITCH,
        mode_after_unplug=ChargeMode.SOLAR,
    )
    assert vehicle_soc_entities(entry) == {"NEW": CAR_SOC}
    assert phase_switches(entry) == {"NEW": CONTACTOR}
    subentry_id = next(known for known, subentry in entry.subentries.items() if subentry.unique_id == "NEW")
    form: Any = await entry.start_subentry_reconfigure_flow(hass, subentry_id)
    assert suggested(form)["advanced"] == advanced
    assert (suggested(form)["soc"], suggested(form)["circuit"]) == (CAR_SOC, "garage")
    form = await submit_part(hass, form, charger_input())
    assert form["reason"] == "reconfigure_successful"
    assert station_of(entry) == StationConfig(station_id="NEW", name="Carport", allow_without_password=True)
    assert (vehicle_soc_entities(entry), phase_switches(entry)) == ({}, {})


async def test_the_car_of_a_charger_is_kept_and_may_be_taken_back(hass: HomeAssistant) -> None:
    entry = site_with(hass)
    car = {"capacity_kwh": 58.5, "consumption_kwh": 17.5, "efficiency_percent": 92.0, "wear_per_kwh": 0.08}
    assert (await add(hass, entry, car=car))["type"] is FlowResultType.CREATE_ENTRY
    assert station_of(entry).car == CarConfig(58_500.0, 0.92, 175.0, 0.08)
    subentry_id = next(known for known, subentry in entry.subentries.items() if subentry.unique_id == "NEW")
    form: Any = await entry.start_subentry_reconfigure_flow(hass, subentry_id)
    assert suggested(form)["car"] == car
    form = await submit_part(hass, form, charger_input(car={"consumption_kwh": 20}))
    assert station_of(entry).car == CarConfig(None, 0.9, 200.0)
    form = await entry.start_subentry_reconfigure_flow(hass, subentry_id)
    await submit_part(hass, form, charger_input(car={"efficiency_percent": 80}))
    assert station_of(entry).car == CarConfig()  # of no car's battery


async def test_the_calendar_of_a_charger_is_kept_and_may_be_taken_back(hass: HomeAssistant) -> None:
    entry = site_with(hass)
    departures = {
        "calendar": "calendar.family",
        "events": "with_title",
        "event_title": "office",
        "lead_min": 20,
        "target_range_km": 150,
    }
    typed = departures | {"event_title": " office "}
    result = await add(hass, entry, departures=typed, car={"capacity_kwh": 60, "consumption_kwh": 20})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    (chosen,) = departure_choices(entry).values()
    assert (chosen.calendar, chosen.car.range_km) == ("calendar.family", 300.0)
    assert chosen.rule == DepartureRule(
        EventChoice.WITH_TITLE, "office", timedelta(minutes=20), Target(soc_percent=50.0)
    )
    subentry_id = next(known for known, subentry in entry.subentries.items() if subentry.unique_id == "NEW")
    form: Any = await entry.start_subentry_reconfigure_flow(hass, subentry_id)
    assert suggested(form)["departures"] == departures
    await submit_part(hass, form, charger_input())
    assert departure_choices(entry) == {}


async def test_a_calendar_may_tell_departures_only(hass: HomeAssistant) -> None:
    entry = site_with(hass)
    result = await add(hass, entry, departures={"calendar": "calendar.family", "lead_min": 20})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    (chosen,) = departure_choices(entry).values()
    assert chosen.rule.target == Target()


@pytest.mark.parametrize(
    ("departures", "error"),
    [
        ({"events": "with_title"}, "event_title_missing"),
        ({"events": "with_title", "event_title": "  "}, "event_title_missing"),
        ({"target_soc_percent": 80, "target_energy_kwh": 10}, "several_targets"),
        ({"target_range_km": 100}, "target_range_needs_car"),
    ],
)
async def test_a_calendar_that_tells_no_clear_target_is_refused(
    hass: HomeAssistant, departures: dict[str, Any], error: str
) -> None:
    entry = site_with(hass)
    result = await add(hass, entry, departures={"calendar": "calendar.family", **departures})
    assert result["errors"] == {"departures": error}
    result = await submit_part(hass, result, charger_input(station_id="NEW", departures=departures | {"lead_min": 5}))
    assert result["type"] is FlowResultType.CREATE_ENTRY  # without a calendar the rest means nothing
    assert departure_choices(entry) == {}


def test_every_choice_of_events_has_its_text() -> None:
    for texts in TEXTS.values():
        assert texts["selector"]["departure_events"]["options"].keys() == set(EventChoice)


async def test_a_range_beyond_the_battery_and_the_chargers_own_plan_are_no_departures(hass: HomeAssistant) -> None:
    entry = site_with(hass)
    car = {"capacity_kwh": 60, "consumption_kwh": 20}
    result = await add(hass, entry, departures={"calendar": "calendar.family", "target_range_km": 301}, car=car)
    assert result["errors"] == {"departures": "target_range_beyond_battery"}
    own = er.async_get(hass).async_get_or_create("calendar", "smart_charging", "plan", suggested_object_id="plan")
    result = await submit_part(
        hass, result, charger_input(station_id="NEW", departures={"calendar": own.entity_id}, car=car)
    )
    assert result["errors"] == {"departures": "entity_own"}
    assert result["description_placeholders"]["entity"] == "calendar.plan"


async def test_only_a_site_with_circuits_asks_for_one(hass: HomeAssistant) -> None:
    entry = site_with(hass)
    form = await add_part(hass, entry, "charger")
    assert "circuit" not in form["data_schema"].schema
    assert (await submit_part(hass, form, charger_input(station_id="NEW")))["type"] is FlowResultType.CREATE_ENTRY
    assert station_of(entry).circuit_id == ROOT_CIRCUIT
    other = MockConfigEntry(
        domain="smart_charging",
        title="Shop",
        entry_id="site2",
        version=1,
        minor_version=1,
        data=site_data(9001),
        subentries_data=[circuit("garage"), circuit("shed", "garage")],
    )
    other.add_to_hass(hass)
    form = await add_part(hass, other, "charger")
    assert offered(form, "circuit") == ["grid_connection", "garage", "shed"]


async def test_a_safe_current_has_to_fit_the_circuit_as_well(hass: HomeAssistant) -> None:
    # 16 A less 1 A margin and 3 A of others leave 12 A, of which the old charger has 6 A.
    garage = circuit("garage", fuse_a=16.0, reserved_a=3.0)
    entry = site_with(hass, garage, circuit("box", "garage"), charger("OLD", circuit="garage"))
    result = await add(hass, entry, circuit="box", safe_current_a=7)
    assert result["errors"] == {"safe_current_a": "safe_current_does_not_fit"}
    result = await submit_part(hass, result, charger_input(station_id="NEW", circuit="box"))
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize("mode", ["off", "solar", "solar_min", "fast", "greenest"])
async def test_a_mode_after_unplugging_is_one_of_the_charging_modes(hass: HomeAssistant, mode: str) -> None:
    entry = site_with(hass)
    await add(hass, entry, advanced={"mode_after_unplug": mode})
    assert station_of(entry).mode_after_unplug is ChargeMode(mode)


async def test_a_charger_of_an_earlier_version_is_as_it_was(hass: HomeAssistant) -> None:
    old = {key: value for key, value in charger_data("CP-1").items() if key not in ADDED_LATER}
    entry = site_with(hass, {**charger("CP-1"), "data": old})
    assert station_of(entry, "CP-1") == StationConfig(
        station_id="CP-1", name="Charger CP-1", allow_without_password=True
    )
    form: Any = await entry.start_subentry_reconfigure_flow(hass, "sub_CP-1")
    assert "advanced" not in suggested(form)
    form = await submit_part(hass, form, charger_input(name="Charger CP-1"))
    assert dict(entry.subentries["sub_CP-1"].data) == charger_data("CP-1")


async def test_a_charger_whose_circuit_is_gone_is_shown_at_the_grid_connection(hass: HomeAssistant) -> None:
    entry = site_with(hass, circuit("garage"), charger("CP-1", circuit="gone"))
    form: Any = await entry.start_subentry_reconfigure_flow(hass, "sub_CP-1")
    assert suggested(form)["circuit"] == "grid_connection"


@pytest.mark.parametrize(
    ("changes", "errors", "entity"),
    [
        ({"advanced": {"cable_current_a": 8}, "safe_current_a": 9}, {"safe_current_a": "safe_current_above_cable"}, ""),
        ({"advanced": {"phase_switching": "ocpp"}, "phases": "1"}, {"advanced": "phase_switching_one_phase"}, ""),
        ({"advanced": {"phase_switching": "switch"}}, {"advanced": "phase_switch_missing"}, ""),
        (
            {"advanced": {"phase_switching": "switch", "phase_switch": "switch.none"}},
            {"advanced": "entity_not_found"},
            "switch.none",
        ),
        (
            {"advanced": {"phase_switching": "switch", "phase_switch": "sensor.power"}},
            {"advanced": "entity_not_a_switch"},
            "sensor.power",
        ),
        (
            {"advanced": {"phase_switching": "switch", "phase_switch": "switch.taken"}},
            {"advanced": "entity_twice"},
            "switch.taken",
        ),
        ({"soc": "sensor.none"}, {"soc": "entity_not_found"}, "sensor.none"),
        ({"soc": "sensor.power"}, {"soc": "entity_not_soc"}, "sensor.power"),
        ({"soc": CONTACTOR}, {"soc": "entity_not_a_sensor"}, CONTACTOR),
        ({"name": "", "soc": "sensor.none"}, {"name": "name_missing", "soc": "entity_not_found"}, "sensor.none"),
    ],
)
async def test_a_wrong_charger_is_refused(
    hass: HomeAssistant, changes: dict[str, Any], errors: dict[str, str], entity: str
) -> None:
    entry = site_with(hass, charger("OLD", phase_switching="switch", phase_switch="switch.taken"))
    set_power(hass, "sensor.power", 3)
    hass.states.async_set(CONTACTOR, "on")
    hass.states.async_set("switch.taken", "on")
    result = await add(hass, entry, **changes)
    assert result["errors"] == errors
    assert result["description_placeholders"]["entity"] == entity
    good = charger_input(station_id="NEW", advanced={"phase_switching": "switch", "phase_switch": CONTACTOR})
    assert (await submit_part(hass, result, good))["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    "advanced", [{"cable_current_a": 5}, {"weight": 0}, {"weight": 11}, {"step_a": "5"}, {"mode_after_unplug": "later"}]
)
async def test_values_that_no_charger_has_are_refused(hass: HomeAssistant, advanced: dict[str, Any]) -> None:
    with pytest.raises(InvalidData):
        await add(hass, site_with(hass), advanced=advanced)


async def test_a_charger_keeps_the_switch_that_it_has(hass: HomeAssistant) -> None:
    hass.states.async_set(CONTACTOR, "on")
    chosen = {"phase_switching": "switch", "phase_switch": CONTACTOR}
    entry = site_with(hass, charger("CP-1", **chosen))
    form: Any = await entry.start_subentry_reconfigure_flow(hass, "sub_CP-1")
    form = await submit_part(hass, form, charger_input(advanced=chosen))
    assert form["reason"] == "reconfigure_successful"
    form = await entry.start_subentry_reconfigure_flow(hass, "sub_CP-1")
    await submit_part(hass, form, charger_input(advanced=chosen | {"phase_switching": "none"}))
    assert phase_switches(entry) == {}


async def test_the_integrations_own_switch_moves_no_contactor(hass: HomeAssistant) -> None:
    own = er.async_get(hass).async_get_or_create("switch", "smart_charging", "site1_CP-1_1_charging").entity_id
    result = await add(hass, site_with(hass), advanced={"phase_switching": "switch", "phase_switch": own})
    assert result["errors"] == {"advanced": "entity_own"}


async def test_a_site_of_one_phase_has_nothing_to_change_between(hass: HomeAssistant) -> None:
    entry = MockConfigEntry(
        domain="smart_charging",
        title="Home",
        entry_id="site1",
        version=1,
        minor_version=1,
        data=site_data(9000, phases=1),
    )
    entry.add_to_hass(hass)
    result = await add(hass, entry, advanced={"phase_switching": "ocpp"})
    assert result["errors"] == {"advanced": "phase_switching_one_phase"}


async def test_a_charger_that_changes_phases_by_itself_needs_no_switch(hass: HomeAssistant) -> None:
    entry = site_with(hass)
    assert (await add(hass, entry, advanced={"phase_switching": "ocpp"}))["type"] is FlowResultType.CREATE_ENTRY
    assert station_of(entry).phase_switching is PhaseSwitching.OCPP


async def test_two_chargers_may_look_at_the_same_car(hass: HomeAssistant) -> None:
    set_soc(hass, CAR_SOC, 55)
    entry = site_with(hass, charger("OLD", soc=CAR_SOC))
    assert (await add(hass, entry, soc=CAR_SOC))["type"] is FlowResultType.CREATE_ENTRY
    assert vehicle_soc_entities(entry) == {"OLD": CAR_SOC, "NEW": CAR_SOC}


CREATED = {"certificate_source": "created"}


def site_of(hass: HomeAssistant, data: dict[str, Any], *subentries: Any) -> MockConfigEntry:
    """Return a site whose port has these settings."""
    entry = site_entry(9000, subentries, data=site_data(9000, **data))
    entry.add_to_hass(hass)
    return entry


async def test_everything_about_security_is_kept_and_shown_again(hass: HomeAssistant) -> None:
    entry = site_of(hass, CREATED)
    security = {"security_profile": "3", "serial_number": "SN-77", "organization": "Volta"}
    result = await add(hass, entry, no_password=False, security=security | {"organization": " Volta "})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert station_of(entry) == StationConfig(
        station_id="NEW",
        name="Carport",
        security_profile=SecurityProfile.TLS_CERTIFICATE,
        serial_number="SN-77",
        organization="Volta",
    )
    (subentry_id,) = entry.subentries
    form: Any = await entry.start_subentry_reconfigure_flow(hass, subentry_id)
    assert suggested(form)["security"] == security
    form = await submit_part(hass, form, charger_input(no_password=False, security={"security_profile": "2"}))
    assert form["errors"] == {"password": "password_missing"}
    form = await submit_part(hass, form, charger_input())
    assert form["reason"] == "reconfigure_successful"
    assert station_of(entry) == StationConfig(station_id="NEW", name="Carport", allow_without_password=True)


@pytest.mark.parametrize(
    ("site", "changes", "error"),
    [
        ({}, {"security_profile": "2"}, "profile_needs_tls"),
        ({}, {"security_profile": "3"}, "profile_needs_tls"),
        (FILES, {"security_profile": "3"}, "profile_needs_client_ca"),
        (FILES, {"serial_number": "CP-1"}, "serial_number_in_use"),
        (FILES, {"serial_number": "SN-1"}, "serial_number_in_use"),
    ],
)
async def test_security_that_the_site_cannot_offer_is_an_error_of_the_form(
    site: dict[str, Any], changes: dict[str, str], error: str, hass: HomeAssistant
) -> None:
    entry = site_of(hass, site, charger("CP-1", serial_number="SN-1"))
    typed = {"no_password": False, "password": "correct horse 1"}
    result = await add(hass, entry, **typed, security=changes)
    assert result["errors"] == {"security": error}
    good = charger_input(station_id="NEW", **typed)
    assert (await submit_part(hass, result, good))["type"] is FlowResultType.CREATE_ENTRY


async def test_a_password_over_tls_is_not_chosen_together_with_none(hass: HomeAssistant) -> None:
    entry = site_of(hass, CREATED)
    result = await add(hass, entry, security={"security_profile": "2"})
    assert result["errors"] == {"security": "profile_needs_password"}
    typed = charger_input(station_id="NEW", security={"security_profile": "3"})
    assert (await submit_part(hass, result, typed))["type"] is FlowResultType.CREATE_ENTRY


async def test_certificates_of_an_authority_of_the_users_are_enough(hass: HomeAssistant) -> None:
    entry = site_of(hass, FILES | {"client_ca": "/ssl/root.pem"})
    result = await add(hass, entry, no_password=False, security={"security_profile": "3"})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_what_a_site_without_tls_kept_from_before_is_not_asked_for(hass: HomeAssistant) -> None:
    entry = site_with(hass, charger("CP-1", security_profile=3))
    assert station_of(entry, "CP-1").security_profile is SecurityProfile.BASIC
