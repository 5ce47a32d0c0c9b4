"""Sensors and devices of circuits and batteries."""

from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest

from custom_components.smart_charging import current_identifiers
from custom_components.smart_charging.engine.control.battery import BatteryAction, BatteryReason, BatterySnapshot
from custom_components.smart_charging.engine.model import MeterQuality
from custom_components.smart_charging.engine.view import BatteryView, SiteView

from .builders import battery, charger, circuit, grid_meter
from .site_double import battery_view, circuit_view, running_site, site_view, subentry

SENSORS = [Platform.SENSOR]
SUBENTRIES = [charger("garage"), grid_meter(), circuit("cellar"), battery()]


def value(hass: HomeAssistant, entity_id: str) -> str:
    """Return an entity's state."""
    state = hass.states.get(entity_id)
    assert state is not None, entity_id
    return state.state


def view() -> SiteView:
    """Return a site with a circuit and a battery."""
    return site_view(circuits={"cellar": circuit_view()}, batteries={"battery": battery_view()})


async def test_a_circuit_shows_load_headroom_and_what_binds_each_phase(hass: HomeAssistant) -> None:
    async with running_site(hass, SENSORS, view(), subentries=SUBENTRIES):
        assert [value(hass, f"sensor.cellar_load_l{phase}") for phase in (1, 2, 3)] == ["9.0", "1.0", "0.0"]
        assert [value(hass, f"sensor.cellar_headroom_l{phase}") for phase in (1, 2, 3)] == ["10.0", "18.0", "19.0"]
        bound = [value(hass, f"sensor.cellar_binding_limit_l{phase}") for phase in (1, 2, 3)]
        assert bound == ["user", "fuse", "none"]
        assert value(hass, "sensor.cellar_meter_quality") == "fresh"


async def test_a_circuit_of_a_single_phase_site_has_one_phase(hass: HomeAssistant) -> None:
    async with running_site(hass, SENSORS, view(), subentries=SUBENTRIES, data={"phases": 1}):
        assert value(hass, "sensor.cellar_load_l1") == "9.0"
        for phase in (2, 3):
            for key in ("load", "headroom", "binding_limit"):
                assert hass.states.get(f"sensor.cellar_{key}_l{phase}") is None


async def test_a_circuit_that_was_not_decided_on_yet_is_unknown(hass: HomeAssistant) -> None:
    undecided = circuit_view(load_a=None, headroom_a=None, quality=MeterQuality.ABSENT)
    async with running_site(hass, SENSORS, site_view(circuits={"cellar": undecided}), subentries=SUBENTRIES):
        assert value(hass, "sensor.cellar_load_l1") == STATE_UNKNOWN
        assert value(hass, "sensor.cellar_meter_quality") == "absent"


@pytest.mark.parametrize(
    ("action", "power_w", "shown"),
    [
        (BatteryAction.NORMAL, 0.0, "0"),
        (BatteryAction.HOLD, 0.0, "0"),
        (BatteryAction.CHARGE, 1499.6, "-1500"),
        (BatteryAction.DISCHARGE, 2000.0, "2000"),
    ],
)
async def test_a_battery_shows_what_it_is_told_and_why(
    hass: HomeAssistant, action: BatteryAction, power_w: float, shown: str
) -> None:
    told = battery_view(action, power_w, reason=BatteryReason.GRID_EXPANSION)
    async with running_site(hass, SENSORS, site_view(batteries={"battery": told}), subentries=SUBENTRIES):
        state = hass.states.get("sensor.battery_command")
        assert state is not None
        assert (state.state, state.attributes["details"]) == (action, {"reason": "grid_expansion"})
        assert value(hass, "sensor.battery_commanded_power") == shown


async def test_a_battery_that_was_told_nothing_yet_is_unknown(hass: HomeAssistant) -> None:
    untold = BatteryView("battery", "Battery", BatterySnapshot(available=False))
    async with running_site(hass, SENSORS, site_view(batteries={"battery": untold}), subentries=SUBENTRIES):
        assert value(hass, "sensor.battery_command") == STATE_UNKNOWN
        assert value(hass, "sensor.battery_commanded_power") == STATE_UNKNOWN


async def test_circuits_and_batteries_come_and_go_with_their_devices(
    hass: HomeAssistant, device_registry: dr.DeviceRegistry, entity_registry: er.EntityRegistry
) -> None:
    async with running_site(hass, SENSORS, site_view(), subentries=[charger("garage")]) as site:
        assert site.entry is not None
        for added in (circuit("cellar"), battery()):
            hass.config_entries.async_add_subentry(site.entry, subentry(added))
        await site.show(view())
        home = device_registry.async_get_device_by_identifier(("smart_charging", "site1"), "site1")
        assert home is not None
        for part, entity_id in (("cellar", "sensor.cellar_load_l1"), ("battery", "sensor.battery_command")):
            device = device_registry.async_get_device_by_identifier(("smart_charging", part), "site1")
            entity = entity_registry.async_get(entity_id)
            assert device is not None
            assert entity is not None
            assert (device.via_device_id, device.config_subentry_id) == (home.id, part)
            assert entity.device_id == device.id
            assert ("smart_charging", part) in current_identifiers(site.entry)

        await site.show(site_view(batteries={"battery": battery_view()}))
        assert value(hass, "sensor.cellar_load_l1") == STATE_UNAVAILABLE
        assert ("smart_charging", "cellar") not in current_identifiers(site.entry)

        hass.config_entries.async_remove_subentry(site.entry, "cellar")
        hass.config_entries.async_remove_subentry(site.entry, "battery")
        await site.show(site_view())
        assert {hass.states.get("sensor.cellar_load_l1"), hass.states.get("sensor.battery_command")} == {None}
        assert device_registry.async_get_device_by_identifier(("smart_charging", "cellar"), "site1") is None


async def test_a_renamed_circuit_renames_its_device(hass: HomeAssistant, device_registry: dr.DeviceRegistry) -> None:
    async with running_site(hass, SENSORS, view(), subentries=SUBENTRIES) as site:
        assert site.entry is not None
        hass.config_entries.async_update_subentry(site.entry, site.entry.subentries["cellar"], title="Basement")
        await site.show(view())
        device = device_registry.async_get_device_by_identifier(("smart_charging", "cellar"), "site1")
        assert device is not None
        assert device.name == "Basement"
