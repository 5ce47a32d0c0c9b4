"""Adding and changing chargers, the grid meter and PV systems of a site that exists."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.engine.csms.security import verify_password
from custom_components.smart_charging.settings import station_config

from .builders import (
    GRID_POWER,
    PASSWORD,
    PV_POWER,
    charger,
    charger_data,
    charger_with_password,
    grid_meter,
    pv,
    set_power,
    site_entry,
)
from .flow_steps import METER_EMPTY, add_part as add, charger_input, submit_part as go_on, suggested

pytestmark = pytest.mark.usefixtures("no_setup")


@pytest.fixture
def entry(hass: HomeAssistant) -> MockConfigEntry:
    """Return a site without anything, of which the house may take 10 A of 35 A."""
    entry = site_entry(9000)
    entry.add_to_hass(hass)
    return entry


def site_with(hass: HomeAssistant, *subentries: Any) -> MockConfigEntry:
    """Return a site with these subentries."""
    entry = site_entry(9000, subentries)
    entry.add_to_hass(hass)
    return entry


def run(hass: HomeAssistant, entry: MockConfigEntry, *connected: str) -> Mock:
    """Have the site look as if it ran, with these chargers connected; return who applies changes."""
    chargers = {station: SimpleNamespace(station=SimpleNamespace(connected=True)) for station in connected}
    changes = Mock()
    entry.mock_state(hass, ConfigEntryState.LOADED)
    entry.runtime_data = SimpleNamespace(
        site=SimpleNamespace(view=SimpleNamespace(chargers=chargers), station=Mock(side_effect=KeyError)),
        changes=changes,
        csms=SimpleNamespace(turned_away=SimpleNamespace(offered=Mock(return_value=frozenset()))),
    )
    return changes


async def test_a_charger_is_added_with_a_password_that_is_not_kept(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    result = await add(hass, entry, "charger")
    assert result["step_id"] == "user"
    assert result["description_placeholders"]["url"] == "ws://127.0.0.1:9000"
    typed = charger_input(station_id=" CP-1 ", name=" Carport ", password=PASSWORD, no_password=False, phases="1")
    result = await go_on(hass, result, typed)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    (subentry,) = entry.subentries.values()
    assert (subentry.title, subentry.unique_id) == ("Carport", "CP-1")
    assert PASSWORD not in str(subentry.data)
    assert verify_password(subentry.data["password_hash"], PASSWORD.encode())
    assert subentry.data["no_password"] is False
    assert subentry.data["phases"] == 1


async def test_a_charger_without_a_password_is_an_explicit_choice(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    result = await add(hass, entry, "charger")
    result = await go_on(hass, result, charger_input(station_id="CP-1"))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    (subentry,) = entry.subentries.values()
    assert dict(subentry.data) == charger_data("CP-1")


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"station_id": "a/b"}, {"station_id": "station_id_unfit"}),
        ({"station_id": "a:b"}, {"station_id": "station_id_unfit"}),
        ({"station_id": ".."}, {"station_id": "station_id_unfit"}),
        ({"station_id": "50%25"}, {"station_id": "station_id_unfit"}),
        ({"station_id": " "}, {"station_id": "station_id_unfit"}),
        ({"station_id": "x" * 49}, {"station_id": "station_id_unfit"}),
        ({"station_id": "OLD"}, {"station_id": "station_id_in_use"}),
        ({"no_password": False}, {"password": "password_missing"}),
        ({"password": PASSWORD}, {"password": "password_and_none"}),
        ({"no_password": False, "password": "short"}, {"password": "password_unfit"}),
        ({"no_password": False, "password": "ü" * 10}, {"password": "password_unfit"}),
        ({"no_password": False, "password": "x" * 41}, {"password": "password_unfit"}),
        ({"name": " "}, {"name": "name_missing"}),
        ({"name": "charger old "}, {"name": "charger_name_in_use"}),
        ({"safe_current_a": 5}, {"safe_current_a": "safe_current_low"}),
        ({"safe_current_a": 17}, {"safe_current_a": "safe_current_high"}),
        # 35 A - 1 A margin - 10 A of the house leave 24 A, of which the old charger has 10 A.
        ({"safe_current_a": 15}, {"safe_current_a": "safe_current_does_not_fit"}),
        # With priority it would take the old one's place.
        ({"safe_current_a": 15, "priority": 5}, {"safe_current_a": "safe_current_does_not_fit"}),
    ],
)
async def test_a_wrong_charger_is_refused(hass: HomeAssistant, changes: dict[str, Any], errors: dict[str, str]) -> None:
    entry = site_with(hass, charger("OLD", safe_current_a=10))
    result = await add(hass, entry, "charger")
    result = await go_on(hass, result, charger_input(station_id="NEW") | changes)
    assert result["errors"] == errors
    result = await go_on(hass, result, charger_input(station_id="NEW", safe_current_a=14))
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_charger_that_may_be_paused_always_fits(hass: HomeAssistant) -> None:
    entry = site_with(hass, charger("OLD", safe_current_a=16), charger("OLDER", safe_current_a=8))
    result = await add(hass, entry, "charger")
    result = await go_on(hass, result, charger_input(station_id="NEW", safe_current_a=0))
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_charger_is_changed_and_keeps_its_password(hass: HomeAssistant) -> None:
    old = charger_with_password("CP-1")
    entry = site_with(hass, old)
    result: Any = await entry.start_subentry_reconfigure_flow(hass, "sub_CP-1")
    assert suggested(result)["name"] == "Charger CP-1"
    assert suggested(result)["phases"] == "3"
    assert "password" not in suggested(result)
    result = await go_on(hass, result, charger_input(no_password=False, name=""))
    assert result["errors"] == {"name": "name_missing"}
    result = await go_on(hass, result, charger_input(no_password=False, rotation="STR", max_current_a=32))
    assert result["reason"] == "reconfigure_successful"
    (subentry,) = entry.subentries.values()
    assert subentry.title == "Carport"
    assert subentry.data == old["data"] | {"rotation": "STR", "max_current_a": 32}


async def test_a_changed_charger_keeps_its_name_but_takes_no_other_ones(hass: HomeAssistant) -> None:
    entry = site_with(hass, charger("CP-1"), charger("CP-2"))
    result: Any = await entry.start_subentry_reconfigure_flow(hass, "sub_CP-1")
    result = await go_on(hass, result, charger_input(name="CHARGER CP-2"))
    assert result["errors"] == {"name": "charger_name_in_use"}
    result = await go_on(hass, result, charger_input(name="Charger CP-1"))
    assert result["reason"] == "reconfigure_successful"


async def test_a_charger_that_has_no_password_yet_needs_one_or_the_choice(hass: HomeAssistant) -> None:
    entry = site_with(hass, charger("CP-1"))
    result: Any = await entry.start_subentry_reconfigure_flow(hass, "sub_CP-1")
    result = await go_on(hass, result, charger_input(no_password=False))
    assert result["errors"] == {"password": "password_missing"}


async def test_a_password_is_given_up_by_choice(hass: HomeAssistant) -> None:
    entry = site_with(hass, charger_with_password("CP-1"))
    result: Any = await entry.start_subentry_reconfigure_flow(hass, "sub_CP-1")
    await go_on(hass, result, charger_input())
    (subentry,) = entry.subentries.values()
    assert subentry.data["password_hash"] is None
    assert subentry.data["no_password"] is True


@pytest.mark.parametrize("length", [8, 20])
async def test_a_connected_charger_is_told_what_it_can_store(hass: HomeAssistant, length: int) -> None:
    entry = site_with(hass, charger("CP-1"))
    changes = run(hass, entry, "CP-1")
    result: Any = await entry.start_subentry_reconfigure_flow(hass, "sub_CP-1")
    for unfit in ("x" * 7, "x" * 21):
        result = await go_on(hass, result, charger_input(no_password=False, password=unfit))
        assert result["errors"] == {"password": "password_unfit_to_tell"}
    assert changes.mock_calls == []
    await go_on(hass, result, charger_input(no_password=False, password="x" * length))
    changes.async_hand_over_password.assert_called_once_with("sub_CP-1", "x" * length)


@pytest.mark.parametrize("known", [False, True])
async def test_a_charger_that_has_its_password_may_have_a_long_one(hass: HomeAssistant, known: bool) -> None:
    entry = site_with(hass, *([charger("CP-1")] if known else []))
    run(hass, entry)
    result: Any
    typed = charger_input(no_password=False, password="5A" * 20)
    if known:
        result = await entry.start_subentry_reconfigure_flow(hass, "sub_CP-1")
    else:
        result, typed = await add(hass, entry, "charger"), typed | {"station_id": "CP-1"}
    await go_on(hass, result, typed)
    (subentry,) = entry.subentries.values()
    assert verify_password(subentry.data["password_hash"], b"5A" * 20)


async def test_a_charger_of_an_earlier_version_is_pinged_until_it_is_said_otherwise(hass: HomeAssistant) -> None:
    old = charger_data("CP-1")
    del old["websocket_ping"]
    entry = site_with(hass, {**charger("CP-1"), "data": old})
    (subentry,) = entry.subentries.values()
    assert station_config(subentry, ()).websocket_ping
    result: Any = await entry.start_subentry_reconfigure_flow(hass, "sub_CP-1")
    await go_on(hass, result, charger_input(websocket_ping=False))
    (subentry,) = entry.subentries.values()
    assert not station_config(subentry, ()).websocket_ping


async def test_a_charger_that_fails_at_the_newest_version_is_pinned_to_another(hass: HomeAssistant) -> None:
    entry = site_with(hass, charger("CP-1"))
    (subentry,) = entry.subentries.values()
    assert station_config(subentry, ()).protocol is None
    result: Any = await entry.start_subentry_reconfigure_flow(hass, "sub_CP-1")
    await go_on(hass, result, charger_input(advanced={"protocol": "ocpp16"}))
    (subentry,) = entry.subentries.values()
    assert station_config(subentry, ()).protocol == "ocpp1.6"


@pytest.mark.parametrize("running", [True, False])
async def test_a_new_password_of_a_charger_that_is_away_is_asked_for_at_once(
    hass: HomeAssistant, running: bool
) -> None:
    entry = site_with(hass, charger("CP-1"))
    changes = run(hass, entry) if running else Mock()
    result: Any = await entry.start_subentry_reconfigure_flow(hass, "sub_CP-1")
    await go_on(hass, result, charger_input(no_password=False, password=PASSWORD))
    (subentry,) = entry.subentries.values()
    assert verify_password(subentry.data["password_hash"], PASSWORD.encode())
    assert changes.mock_calls == []


async def test_a_connected_charger_is_told_its_new_password_before_it_is_asked_for(hass: HomeAssistant) -> None:
    old = charger("CP-1")
    entry = site_with(hass, old)
    changes = run(hass, entry, "CP-1")
    result: Any = await entry.start_subentry_reconfigure_flow(hass, "sub_CP-1")
    await go_on(hass, result, charger_input(no_password=False, password=PASSWORD))
    (subentry,) = entry.subentries.values()
    assert dict(subentry.data) == old["data"]
    changes.async_hand_over_password.assert_called_once_with("sub_CP-1", PASSWORD)


async def test_the_grid_meter_is_added_once(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    set_power(hass, GRID_POWER, 3)
    result = await add(hass, entry, "grid_meter")
    result = await go_on(hass, result, METER_EMPTY)
    assert result["errors"] == {"base": "meter_empty"}
    result = await go_on(hass, result, METER_EMPTY | {"total": {"power": GRID_POWER}})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    result = await add(hass, entry, "grid_meter")
    assert result["reason"] == "already_configured"


@pytest.mark.parametrize(("language", "title"), [("en", "Grid meter"), ("de", "Netzzähler"), ("pt-BR", "Grid meter")])
async def test_the_grid_meter_is_named_in_the_installations_language(
    hass: HomeAssistant, entry: MockConfigEntry, language: str, title: str
) -> None:
    hass.config.language = language
    set_power(hass, GRID_POWER, 3)
    result = await add(hass, entry, "grid_meter")
    await go_on(hass, result, METER_EMPTY | {"total": {"power": GRID_POWER}})
    (subentry,) = entry.subentries.values()
    assert subentry.title == title


async def test_the_integrations_own_sensors_are_not_offered_and_refused(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    own = own_sensor(hass)
    result = await add(hass, entry, "grid_meter")
    assert own in serialized(result, "total", "power")["exclude_entities"]
    result = await go_on(hass, result, METER_EMPTY | {"total": {"power": own}})
    assert result["errors"] == {"base": "entity_own"}
    assert result["description_placeholders"] == {"entity": own}
    result = await add(hass, entry, "pv")
    assert own in serialized(result, "power")["exclude_entities"]
    result = await go_on(hass, result, {"power": own, "invert": False})
    assert result["errors"] == {"power": "entity_own"}


def own_sensor(hass: HomeAssistant) -> str:
    """Return a power sensor of the integration itself."""
    own = er.async_get(hass).async_get_or_create("sensor", "smart_charging", "site1_grid_power").entity_id
    set_power(hass, own, 3)
    return own


def serialized(result: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """Return a field's selector as the frontend gets it."""
    field = result["data_schema"]
    for key in path:
        field = getattr(field, "schema", field)
        field = getattr(field, "schema", field)[key]
    return dict(field.serialize()["selector"]["entity"])


async def test_the_grid_meter_is_changed(hass: HomeAssistant) -> None:
    set_power(hass, "sensor.other", 3)
    entry = site_with(hass, grid_meter(power=GRID_POWER, voltage_l1="sensor.v1"))
    result: Any = await entry.start_subentry_reconfigure_flow(hass, "sub_meter")
    assert suggested(result) == {
        "total": {"power": GRID_POWER},
        "invert": False,
        "phase_voltages": {"voltage_l1": "sensor.v1"},
    }
    result = await go_on(hass, result, METER_EMPTY | {"total": {"power": "sensor.other"}, "invert": True})
    assert result["reason"] == "reconfigure_successful"
    (subentry,) = entry.subentries.values()
    assert dict(subentry.data) == {"power": "sensor.other", "invert": True}


async def test_a_grid_meter_of_currents_alone_is_changed(hass: HomeAssistant) -> None:
    entry = site_with(hass, grid_meter(current_l1="sensor.i1", current_l2="sensor.i2", current_l3="sensor.i3"))
    result: Any = await entry.start_subentry_reconfigure_flow(hass, "sub_meter")
    assert "total" not in suggested(result)


async def test_several_pv_systems_are_added_by_their_names(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    set_power(hass, PV_POWER, 3000)
    set_power(hass, "sensor.barn", 3000)
    for typed in ({"name": " Roof ", "power": PV_POWER, "invert": True}, {"power": "sensor.barn", "invert": False}):
        result = await add(hass, entry, "pv")
        result = await go_on(hass, result, typed)
        assert result["type"] is FlowResultType.CREATE_ENTRY
    roof, barn = entry.subentries.values()
    assert (roof.title, dict(roof.data)) == ("Roof", {"power": PV_POWER, "invert": True})
    assert barn.title == "barn"


async def test_two_pv_systems_do_not_share_an_entity(hass: HomeAssistant) -> None:
    set_power(hass, PV_POWER, 3000)
    entry = site_with(hass, pv())
    result = await add(hass, entry, "pv")
    result = await go_on(hass, result, {"power": PV_POWER, "invert": False})
    assert result["errors"] == {"power": "entity_twice"}
    assert result["description_placeholders"] == {"entity": PV_POWER}


async def test_a_pv_system_is_changed(hass: HomeAssistant) -> None:
    set_power(hass, PV_POWER, 3000)
    entry = site_with(hass, pv(), pv("sensor.barn"))
    result: Any = await entry.start_subentry_reconfigure_flow(hass, f"sub_{PV_POWER}")
    assert suggested(result) == {"name": "PV", "power": PV_POWER, "invert": False}
    result = await go_on(hass, result, {"power": "sensor.none", "invert": True})
    assert result["errors"] == {"power": "entity_not_found"}
    result = await go_on(hass, result, {"power": PV_POWER, "invert": True})
    assert result["reason"] == "reconfigure_successful"
    changed = entry.subentries[f"sub_{PV_POWER}"]
    assert (changed.title, changed.data["invert"]) == ("pv power", True)
