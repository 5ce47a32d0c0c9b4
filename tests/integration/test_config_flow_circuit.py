"""Adding, changing and hanging circuits."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.engine.config import CircuitConfig
from custom_components.smart_charging.settings import GridMeterEntities, circuit_meters, site_config

from .builders import GRID_POWER, charger, circuit, set_current, set_power, site_data, site_entry
from .flow_steps import BY_PHASE, add_part, circuit_input, offered, submit_part, suggested

pytestmark = pytest.mark.usefixtures("no_setup")

# Garage hangs at the grid connection, the carport at the garage, the shed at the carport; the barn stands alone.
TREE = [circuit("garage"), circuit("carport", "garage"), circuit("shed", "carport"), circuit("barn")]
CURRENTS = {f"current_{phase}": f"sensor.current_{phase}" for phase in BY_PHASE}


@pytest.fixture
def entry(hass: HomeAssistant) -> MockConfigEntry:
    """Return a site with a few circuits."""
    entry = site_entry(9000, TREE)
    entry.add_to_hass(hass)
    return entry


def circuits_of(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, CircuitConfig]:
    """Return the circuits by name, as the engine gets them."""
    return {config.name: config for config in site_config(hass, entry).circuits}


async def test_a_circuit_needs_only_a_name_and_a_fuse(hass: HomeAssistant) -> None:
    entry = site_entry(9000)
    entry.add_to_hass(hass)
    result = await add_part(hass, entry, "circuit")
    assert offered(result, "parent") == ["grid_connection"]
    result = await submit_part(hass, result, circuit_input(name=" Garage "))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    (subentry,) = entry.subentries.values()
    assert site_config(hass, entry).circuits == (
        CircuitConfig(circuit_id=subentry.subentry_id, name="Garage", fuse_a=20, parent_id="", phases=3),
    )
    assert circuit_meters(entry) == {}


async def test_a_circuit_with_everything(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    for entity_id in CURRENTS.values():
        set_current(hass, entity_id, 3)
    result = await add_part(hass, entry, "circuit")
    assert offered(result, "parent") == ["grid_connection", "garage", "carport", "shed", "barn"]
    typed = circuit_input(
        name="Workshop",
        parent="carport",
        fuse_a=16,
        reserved_a=2.5,
        limits={"power_limit_w": 9000, "margin_a": 0.5},
        phase_currents=CURRENTS,
        invert=True,
    )
    await submit_part(hass, result, typed)
    workshop = circuits_of(hass, entry)["Workshop"]
    assert workshop == CircuitConfig(
        circuit_id=workshop.circuit_id,
        name="Workshop",
        fuse_a=16,
        parent_id="carport",
        margin_a=0.5,
        power_w=9000,
        has_meter=True,
        reserved_a=2.5,
    )
    currents = tuple(CURRENTS.values())
    assert circuit_meters(entry) == {
        workshop.circuit_id: GridMeterEntities(current_phases=currents, invert=True),
    }


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"name": " "}, {"name": "name_missing"}),
        ({"name": "GARAGE "}, {"name": "circuit_name_in_use"}),
        ({"name": "home "}, {"name": "circuit_named_like_site"}),
        ({"limits": {"margin_a": 20}}, {"limits": "margin_above_fuse"}),
        ({"limits": {"power_limit_w": 0}}, {"limits": "power_limit_zero"}),
        ({"reserved_a": 19}, {"reserved_a": "reserved_above_circuit"}),
        ({"reserved_a": 20}, {"reserved_a": "reserved_above_circuit"}),
        ({"total": {"power": "sensor.none"}}, {"base": "entity_not_found"}),
        ({"phase_currents": {"current_l1": "sensor.i"}}, {"phase_currents": "phases_incomplete"}),
        ({"phase_voltages": {f"voltage_{phase}": f"sensor.{phase}" for phase in BY_PHASE}}, {"base": "meter_empty"}),
        ({"name": "", "total": {"power": "sensor.none"}}, {"name": "name_missing", "base": "entity_not_found"}),
    ],
)
async def test_a_wrong_circuit_is_refused(
    hass: HomeAssistant, entry: MockConfigEntry, changes: dict[str, Any], errors: dict[str, str]
) -> None:
    result = await add_part(hass, entry, "circuit")
    result = await submit_part(hass, result, circuit_input(name="New") | changes)
    assert result["errors"] == errors
    if "base" in errors:
        missing = changes.get("total", {}).get("power", "")
        assert result["description_placeholders"] == {"entity": missing}
    result = await submit_part(hass, result, circuit_input(name="New"))
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    "changes",
    [
        {"fuse_a": 5},
        {"fuse_a": 1001},
        {"reserved_a": -1},
        {"limits": {"power_limit_w": -1}},
        {"limits": {"margin_a": -1}},
        {"parent": "nowhere"},
    ],
)
async def test_values_that_no_circuit_has_are_refused(
    hass: HomeAssistant, entry: MockConfigEntry, changes: dict[str, Any]
) -> None:
    result = await add_part(hass, entry, "circuit")
    with pytest.raises(InvalidData):
        await submit_part(hass, result, circuit_input(name="New") | changes)


async def test_a_circuit_is_not_renamed_like_the_site(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    result: Any = await entry.start_subentry_reconfigure_flow(hass, "garage")
    result = await submit_part(hass, result, circuit_input(name="HOME"))
    assert result["errors"] == {"name": "circuit_named_like_site"}


async def test_a_circuit_is_changed(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    set_power(hass, GRID_POWER, 3)
    result: Any = await entry.start_subentry_reconfigure_flow(hass, "carport")
    assert suggested(result) == {
        "name": "Carport",
        "parent": "garage",
        "fuse_a": 20,
        "reserved_a": 0,
        "invert": False,
        "limits": {"margin_a": 1},
    }
    typed = circuit_input(name="Carport", parent="barn", fuse_a=25, limits={"power_limit_w": 6000, "margin_a": 2})
    result = await submit_part(hass, result, typed | {"total": {"power": GRID_POWER}})
    assert result["reason"] == "reconfigure_successful"
    carport = circuits_of(hass, entry)["Carport"]
    assert (carport.parent_id, carport.fuse_a, carport.power_w, carport.margin_a) == ("barn", 25, 6000, 2)
    assert carport.has_meter
    result = await entry.start_subentry_reconfigure_flow(hass, "carport")
    assert suggested(result)["total"] == {"power": GRID_POWER}
    assert suggested(result)["limits"] == {"power_limit_w": 6000, "margin_a": 2}
    await submit_part(hass, result, circuit_input(name="Carport"))
    carport = circuits_of(hass, entry)["Carport"]
    assert (carport.parent_id, carport.power_w, carport.has_meter) == ("", None, False)


BELOW = [circuit("garage"), circuit("barn", fuse_a=10.0), charger("box", circuit="garage", safe_current_a=10.0)]


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({"fuse_a": 11}, True),
        ({"fuse_a": 10}, False),
        ({"reserved_a": 9}, True),
        ({"reserved_a": 10}, False),
        ({"limits": {"margin_a": 11}}, False),
        ({"parent": "barn"}, False),
    ],
)
async def test_a_circuit_keeps_room_for_the_safe_currents_of_its_chargers(
    hass: HomeAssistant, change: dict[str, Any], fits: bool
) -> None:
    entry = site_entry(9000, BELOW)
    entry.add_to_hass(hass)
    before = circuits_of(hass, entry)["Garage"]
    result: Any = await entry.start_subentry_reconfigure_flow(hass, "garage")
    result = await submit_part(hass, result, circuit_input(name="Garage") | change)
    if fits:
        assert result["reason"] == "reconfigure_successful"
    else:
        assert result["errors"] == {"base": "safe_current_does_not_fit"}
        assert circuits_of(hass, entry)["Garage"] == before


async def test_a_circuit_that_was_too_small_before_can_be_changed(hass: HomeAssistant) -> None:
    entry = site_entry(9000, [circuit("garage", fuse_a=10.0), charger("box", circuit="garage", safe_current_a=10.0)])
    entry.add_to_hass(hass)
    result: Any = await entry.start_subentry_reconfigure_flow(hass, "garage")
    result = await submit_part(hass, result, circuit_input(name="Depot", fuse_a=9))
    assert result["reason"] == "reconfigure_successful"


async def test_a_circuit_can_not_be_hung_at_or_below_itself(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    result: Any = await entry.start_subentry_reconfigure_flow(hass, "carport")
    assert offered(result, "parent") == ["grid_connection", "garage", "barn"]
    for parent in ("carport", "shed"):
        with pytest.raises(InvalidData):
            await submit_part(hass, result, circuit_input(name="Carport", parent=parent))
    assert circuits_of(hass, entry)["Carport"].parent_id == "garage"


async def test_two_forms_open_at_once_make_no_ring(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    first: Any = await entry.start_subentry_reconfigure_flow(hass, "garage")
    second: Any = await entry.start_subentry_reconfigure_flow(hass, "barn")
    first = await submit_part(hass, first, circuit_input(name="Garage", parent="barn"))
    assert first["reason"] == "reconfigure_successful"
    second = await submit_part(hass, second, circuit_input(name="Barn", parent="shed"))
    assert second["errors"] == {"parent": "parent_impossible"}
    assert circuits_of(hass, entry)["Barn"].parent_id == ""


async def test_a_parent_that_was_removed_meanwhile_is_refused(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    result = await add_part(hass, entry, "circuit")
    hass.config_entries.async_remove_subentry(entry, "barn")
    result = await submit_part(hass, result, circuit_input(name="New", parent="barn"))
    assert result["errors"] == {"parent": "parent_impossible"}
    result = await submit_part(hass, result, circuit_input(name="New"))
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_circuit_whose_parent_is_gone_is_shown_at_the_grid_connection(hass: HomeAssistant) -> None:
    entry = site_entry(9000, [circuit("shed", "gone")])
    entry.add_to_hass(hass)
    result: Any = await entry.start_subentry_reconfigure_flow(hass, "shed")
    assert suggested(result)["parent"] == "grid_connection"


async def test_a_circuit_of_a_single_phase_site_asks_for_one_phase(hass: HomeAssistant) -> None:
    entry = MockConfigEntry(
        domain="smart_charging",
        title="Home",
        entry_id="site1",
        version=1,
        minor_version=1,
        data=site_data(9000, phases=1),
    )
    entry.add_to_hass(hass)
    set_current(hass, "sensor.current_l1", 3)
    result = await add_part(hass, entry, "circuit")
    with pytest.raises(InvalidData):
        await submit_part(hass, result, circuit_input(phase_currents=CURRENTS))
    await submit_part(hass, result, circuit_input(phase_currents={"current_l1": "sensor.current_l1"}))
    (config,) = site_config(hass, entry).circuits
    assert (config.phases, config.has_meter) == (1, True)
