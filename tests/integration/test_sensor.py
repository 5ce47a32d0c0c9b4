"""Sensors as a user sees them."""

from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
import json
from pathlib import Path

from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import snapshot_platform
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

from custom_components import smart_charging
from custom_components.smart_charging.engine.config import EvseSettings
from custom_components.smart_charging.engine.control.battery import BatteryAction, BatteryReason
from custom_components.smart_charging.engine.control.pv import PvReason
from custom_components.smart_charging.engine.csms.state import SetupStep, StepStatus
from custom_components.smart_charging.engine.limit import LimitSource
from custom_components.smart_charging.engine.model import EvseStatus, MeterQuality, Phases, Reason, ReasonCode, Setpoint
from custom_components.smart_charging.engine.view import PeakView
from custom_components.smart_charging.sensor_descriptions import (
    EVSE_DESCRIPTIONS,
    SITE_DESCRIPTIONS,
    STATION_DESCRIPTIONS,
)
from custom_components.smart_charging.sensor_grid import GRID_DESCRIPTIONS
from custom_components.smart_charging.sensor_limits import (
    CIRCUIT_DESCRIPTIONS,
    PEAK_DESCRIPTIONS,
    SITE_PHASE_DESCRIPTIONS,
)
from custom_components.smart_charging.sensor_parts import BATTERY_DESCRIPTIONS
from custom_components.smart_charging.sensor_uk import HOURS

from .builders import battery, charger, circuit, grid_meter, pv
from .site_double import (
    AT,
    PLUGGED_AT,
    battery_view,
    circuit_view,
    evse,
    garage,
    measurement,
    pv_view,
    running_site,
    session,
    site_view,
    subentry,
)

SENSORS = [Platform.SENSOR]
PEAK = {"peak_preset": "flanders", "peak_target_kw": 2.5}
POWER = "sensor.charger_garage_power"
CURTAILED = pv(installed_kw=8.0, control="entities", limit_number="number.limit")


def value(hass: HomeAssistant, entity_id: str) -> str:
    """Return an entity's state."""
    state = hass.states.get(entity_id)
    assert state is not None, entity_id
    return state.state


async def test_every_sensor_shows_the_view(
    hass: HomeAssistant, entity_registry: er.EntityRegistry, snapshot: SnapshotAssertion
) -> None:
    snapshot = snapshot.use_extension(HomeAssistantSnapshotExtension)
    view = site_view(
        garage(evse(limit_source=LimitSource.USER, limit_circuit="cellar", phases_in_use=(0, 2))),
        load_a=Phases(11.56, 11.0, 10.44),
        limit_sources=(LimitSource.FUSE, LimitSource.PEAK, LimitSource.NONE),
        circuits={"cellar": circuit_view()},
        batteries={"battery": battery_view(BatteryAction.CHARGE, 1500.4, reason=BatteryReason.REFILL)},
        peak=PeakView(1800.4, 2500.0, 3210.9, 4100.2),
        pv={"sub_sensor.pv_power": pv_view(4800.4)},
    )
    subentries = [charger("garage"), grid_meter(), CURTAILED, circuit("cellar"), battery()]
    async with running_site(hass, SENSORS, view, subentries=subentries, options=PEAK, enable_all=True) as site:
        await snapshot_platform(hass, entity_registry, snapshot, site.entry.entry_id)


async def test_measurements_of_a_charger_that_is_away_are_unavailable(hass: HomeAssistant) -> None:
    async with running_site(hass, SENSORS) as site:
        assert value(hass, POWER) == "6932"
        await site.show(site_view(garage(connected=False)))
        assert value(hass, POWER) == STATE_UNAVAILABLE
        assert value(hass, "sensor.charger_garage_status") == STATE_UNAVAILABLE
        assert value(hass, "sensor.charger_garage_lifetime_energy") == "1234.567"
        assert value(hass, "sensor.charger_garage_reason") == "surplus"
        assert value(hass, "sensor.charger_garage_firmware_version") == "1.4.2"


async def test_readings_that_stopped_coming_become_unavailable(hass: HomeAssistant) -> None:
    async with running_site(hass, SENSORS) as site:
        await site.show(site_view(at=AT + timedelta(seconds=140)))
        assert value(hass, POWER) == "6932"
        await site.show(site_view(at=AT + timedelta(seconds=151)))
        assert value(hass, POWER) == STATE_UNAVAILABLE


async def test_no_transaction_means_no_power_however_old_the_last_reading(hass: HomeAssistant) -> None:
    idle = evse(state={"status": EvseStatus.AVAILABLE, "transaction": None})
    async with running_site(hass, SENSORS, site_view(garage(idle), at=AT + timedelta(hours=3))):
        assert value(hass, POWER) == "0"


async def test_a_quantity_that_a_station_never_sends_is_unknown(hass: HomeAssistant) -> None:
    view = site_view(garage(evse(state={"measurement": measurement(power_w=None)})))
    async with running_site(hass, SENSORS, view):
        assert value(hass, POWER) == STATE_UNKNOWN


@pytest.mark.parametrize("quality", [MeterQuality.STALE, MeterQuality.LOST, MeterQuality.IMPLAUSIBLE])
async def test_a_grid_meter_that_cannot_be_trusted_shows_no_values(hass: HomeAssistant, quality: MeterQuality) -> None:
    async with running_site(hass, SENSORS) as site:
        assert value(hass, "sensor.home_grid_power") == "-412"
        await site.show(site_view(grid_quality=quality))
        assert value(hass, "sensor.home_grid_power") == STATE_UNAVAILABLE
        assert value(hass, "sensor.home_solar_surplus") == STATE_UNAVAILABLE
        assert value(hass, "sensor.home_grid_meter_quality") == quality
        assert value(hass, "sensor.home_active_limit") == "34.0"


async def test_the_reason_carries_its_figures_rounded(hass: HomeAssistant) -> None:
    reason = Reason(ReasonCode.LIMIT_FUSE, {"phase": "L2", "fuse_a": 35.04})
    async with running_site(hass, SENSORS, site_view(garage(evse(setpoint=Setpoint(8.0, reason))))):
        state = hass.states.get("sensor.charger_garage_reason")
        assert state is not None
        assert state.state == "limit_fuse"
        assert state.attributes["details"] == {"phase": "L2", "fuse_a": 35.0}


async def test_what_keeps_an_evse_from_more_names_the_circuit(hass: HomeAssistant) -> None:
    circuits = {"cellar": circuit_view()}
    bound = evse(limit_source=LimitSource.FUSE, limit_circuit="cellar", phases_in_use=(1,))
    async with running_site(hass, SENSORS, site_view(garage(bound), circuits=circuits)) as site:
        state = hass.states.get("sensor.charger_garage_limit_source")
        assert state is not None
        assert (state.state, state.attributes["details"]) == ("fuse", {"circuit": "Cellar"})
        state = hass.states.get("sensor.charger_garage_phases_in_use")
        assert state is not None
        assert (state.state, state.attributes["details"]) == ("1", {"phases": ["L2"]})
        await site.show(site_view(garage(evse(limit_source=LimitSource.FUSE, limit_circuit="")), circuits=circuits))
        state = hass.states.get("sensor.charger_garage_limit_source")
        assert state is not None
        assert state.attributes["details"] == {}
        assert value(hass, "sensor.charger_garage_phases_in_use") == STATE_UNKNOWN


async def test_a_boost_is_shown_until_its_end(hass: HomeAssistant) -> None:
    boosted = evse(settings=EvseSettings(boost_until=AT + timedelta(minutes=5)))
    async with running_site(hass, SENSORS, site_view(garage(boosted))) as site:
        assert value(hass, "sensor.charger_garage_boost_until") == "2026-06-01T12:05:00+00:00"
        await site.show(site_view(garage(boosted), at=AT + timedelta(minutes=5)))
        assert value(hass, "sensor.charger_garage_boost_until") == STATE_UNKNOWN


async def test_peak_sensors_are_there_with_a_tariff_only(
    hass: HomeAssistant, entity_registry: er.EntityRegistry
) -> None:
    view = site_view(peak=PeakView(1800.4, 2500.0, 3210.9, None))
    async with running_site(hass, SENSORS, view) as site:
        assert hass.states.get("sensor.home_peak_target") is None
        hass.config_entries.async_update_entry(site.entry, options=PEAK)
        await site.show(view)
        assert value(hass, "sensor.home_peak_target") == "2500"
        assert value(hass, "sensor.home_allowed_power") == "3211"
        assert value(hass, "sensor.home_month_peak") == STATE_UNKNOWN
        await site.show(site_view(peak=None))
        assert value(hass, "sensor.home_allowed_power") == STATE_UNAVAILABLE
        hass.config_entries.async_update_entry(site.entry, options={})
        await site.show(site_view(peak=None))
        assert entity_registry.async_get("sensor.home_allowed_power") is None


async def test_session_duration_stops_with_the_session(hass: HomeAssistant) -> None:
    ended = session(plugged_out_at=PLUGGED_AT + timedelta(minutes=61, seconds=59))
    async with running_site(hass, SENSORS) as site:
        assert value(hass, "sensor.charger_garage_session_duration") == "95"
        await site.show(site_view(garage(evse(session=ended))))
        assert value(hass, "sensor.charger_garage_session_duration") == "61"
        await site.show(site_view(garage(evse(session=None))))
        assert value(hass, "sensor.charger_garage_session_duration") == STATE_UNKNOWN


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ((StepStatus.DONE, StepStatus.FAILED, StepStatus.PENDING), "failed"),
        ((StepStatus.DONE, StepStatus.PENDING), "pending"),
        ((StepStatus.DONE, StepStatus.SKIPPED), "done"),
        ((), STATE_UNKNOWN),
    ],
)
async def test_setup_shows_its_worst_step(hass: HomeAssistant, outcomes: tuple[StepStatus, ...], expected: str) -> None:
    steps = tuple(SetupStep(f"step_{number}", status) for number, status in enumerate(outcomes))
    async with running_site(hass, SENSORS, site_view(garage(setup=steps))):
        assert value(hass, "sensor.charger_garage_set_up") == expected


async def test_setup_tells_what_is_done_differently_for_this_kind_of_station(hass: HomeAssistant) -> None:
    async with running_site(hass, SENSORS, site_view(garage(quirks=("pauses_by_stop", "rate_unit")))) as site:
        state = hass.states.get("sensor.charger_garage_set_up")
        assert state is not None
        assert state.attributes["details"]["quirks"] == ["pauses_by_stop", "rate_unit"]
        assert state.attributes["details"]["capabilities"] == "done"
        await site.show(site_view(garage()))
        state = hass.states.get("sensor.charger_garage_set_up")
        assert state is not None
        assert "quirks" not in state.attributes["details"]


async def test_pv_is_shown_from_the_day_it_is_configured(hass: HomeAssistant) -> None:
    async with running_site(hass, SENSORS, site_view(pv_power_w=None)) as site:
        assert hass.states.get("sensor.home_pv_power") is None
        added = pv()
        hass.config_entries.async_add_subentry(site.entry, subentry(added))
        await site.show(site_view())
        assert value(hass, "sensor.home_pv_power") == "8120"
        await site.show(site_view(pv_power_w=None))
        assert value(hass, "sensor.home_pv_power") == STATE_UNAVAILABLE


async def test_what_went_takes_its_sensors_along_and_brings_them_back(
    hass: HomeAssistant, entity_registry: er.EntityRegistry
) -> None:
    subentries = [charger("garage"), grid_meter(), pv(), pv("sensor.barn")]
    async with running_site(hass, SENSORS, subentries=subentries) as site:
        of_pv, of_meter = {"sensor.home_pv_power"}, {"sensor.home_grid_power", "sensor.home_solar_surplus"}
        assert of_pv | of_meter <= set(hass.states.async_entity_ids("sensor"))
        hass.config_entries.async_remove_subentry(site.entry, "sub_sensor.barn")
        await site.show(site_view())
        assert value(hass, "sensor.home_pv_power") == "8120"
        hass.config_entries.async_remove_subentry(site.entry, "sub_sensor.pv_power")
        await site.show(site_view(pv_power_w=None))
        assert hass.states.get("sensor.home_pv_power") is None
        assert value(hass, "sensor.home_grid_power") == "-412"
        hass.config_entries.async_remove_subentry(site.entry, "sub_meter")
        await site.show(site_view(pv_power_w=None, grid_quality=MeterQuality.ABSENT))
        assert {entity_registry.async_get(entity_id) for entity_id in of_pv | of_meter} == {None}
        assert value(hass, "sensor.home_grid_meter_quality") == "absent"
        for back in (grid_meter(), pv()):
            hass.config_entries.async_add_subentry(site.entry, subentry(back))
        await site.show(site_view())
        assert (value(hass, "sensor.home_grid_power"), value(hass, "sensor.home_pv_power")) == ("-412", "8120")


async def test_a_single_phase_site_has_headroom_on_one_phase(
    hass: HomeAssistant, entity_registry: er.EntityRegistry
) -> None:
    async with running_site(hass, SENSORS) as site:
        assert value(hass, "sensor.home_headroom_l2") == "24.0"
        for phases, shown in ((1, False), (3, True)):
            hass.config_entries.async_update_entry(site.entry, data={**site.entry.data, "phases": phases})
            await hass.config_entries.async_reload("site1")
            await hass.async_block_till_done()
            assert value(hass, "sensor.home_headroom_l1") == "23.4"
            for entity_id in ("sensor.home_headroom_l2", "sensor.home_headroom_l3"):
                assert (hass.states.get(entity_id) is not None) is shown
                assert (entity_registry.async_get(entity_id) is not None) is shown


async def test_a_second_evse_appears_and_both_get_their_own_device(
    hass: HomeAssistant, device_registry: dr.DeviceRegistry, entity_registry: er.EntityRegistry
) -> None:
    async with running_site(hass, SENSORS) as site:
        await site.show(site_view(garage(evse(1), evse(2))))
        left = entity_registry.async_get(POWER)
        right = entity_registry.async_get("sensor.charger_garage_evse_2_power")
        assert left is not None
        assert right is not None
        station = device_registry.async_get_device_by_identifier(("smart_charging", "sub_garage"), "site1")
        assert station is not None
        for entity, name in ((left, "EVSE 1"), (right, "EVSE 2")):
            device = device_registry.async_get(str(entity.device_id))
            assert isinstance(device, dr.ChildDeviceEntry)
            assert device.parent_device_id == station.id
            assert device.name == name
        assert value(hass, POWER) == "6932"
        assert value(hass, "sensor.charger_garage_evse_2_power") == "6932"
        firmware = entity_registry.async_get("sensor.charger_garage_firmware_version")
        assert firmware is not None
        assert firmware.device_id == station.id
        await site.show(site_view(garage(evse(1))))
        assert value(hass, "sensor.charger_garage_evse_2_power") == STATE_UNAVAILABLE


async def test_an_evse_keeps_its_own_device_when_the_others_are_not_known_yet(
    hass: HomeAssistant, device_registry: dr.DeviceRegistry, entity_registry: er.EntityRegistry
) -> None:
    async with running_site(hass, SENSORS, site_view(garage(evse(1), evse(2)))) as site:
        own = device_registry.async_get_child_device_by_identifier(("smart_charging", "sub_garage_1"), "site1")
        assert own is not None
        site.view = site_view(garage(evse(1)))
        await hass.config_entries.async_reload("site1")
        await hass.async_block_till_done()
        power = entity_registry.async_get("sensor.charger_garage_evse_1_power")
        assert power is not None
        assert power.device_id == own.id


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_value_of_every_enum_is_translated(language: str) -> None:
    path = Path(smart_charging.__file__).parent / "translations" / f"{language}.json"
    words = json.loads(path.read_text(encoding="utf-8"))["entity"]["sensor"]
    for description in (
        *SITE_DESCRIPTIONS,
        *SITE_PHASE_DESCRIPTIONS,
        *PEAK_DESCRIPTIONS,
        *STATION_DESCRIPTIONS,
        *EVSE_DESCRIPTIONS,
        *CIRCUIT_DESCRIPTIONS,
        *BATTERY_DESCRIPTIONS,
        *GRID_DESCRIPTIONS,
        HOURS,
    ):
        options = description.options or []
        assert set(words[description.translation_key].get("state", {})) == set(options), description.key


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(("sensor", "reasons"), [("battery_command", BatteryReason), ("pv_ceiling", PvReason)])
def test_every_reason_of_what_is_led_is_translated(language: str, sensor: str, reasons: type[StrEnum]) -> None:
    path = Path(smart_charging.__file__).parent / "translations" / f"{language}.json"
    words = json.loads(path.read_text(encoding="utf-8"))["entity"]["sensor"][sensor]["state_attributes"]["reason"]
    assert set(words["state"]) == set(reasons)


async def test_devices_hang_on_the_site_and_follow_what_stations_tell(
    hass: HomeAssistant, device_registry: dr.DeviceRegistry
) -> None:
    async with running_site(hass, SENSORS, site_view(garage(vendor=None, model=None, firmware_version=None))) as site:
        home = device_registry.async_get_device_by_identifier(("smart_charging", "site1"), "site1")
        device = device_registry.async_get_device_by_identifier(("smart_charging", "sub_garage"), "site1")
        assert home is not None
        assert device is not None
        assert home.entry_type is dr.DeviceEntryType.SERVICE
        assert device.via_device_id == home.id
        assert device.manufacturer is None
        await site.show(site_view(garage(firmware_version="1.5.0")))
        device = device_registry.async_get(device.id)
        assert device is not None
        assert (device.manufacturer, device.model, device.sw_version) == ("Volta", "Wall 11", "1.5.0")


async def test_a_renamed_charger_renames_its_device(hass: HomeAssistant, device_registry: dr.DeviceRegistry) -> None:
    async with running_site(hass, SENSORS) as site:
        hass.config_entries.async_update_subentry(site.entry, site.entry.subentries["sub_garage"], title="Carport")
        await site.show(replace(site.view, at=AT + timedelta(seconds=5)))
        devices = dr.async_entries_for_config_entry(device_registry, "site1")
        assert {device.name for device in devices} == {"Carport", "Home"}


async def test_a_charger_added_while_running_gets_its_entities(hass: HomeAssistant) -> None:
    async with running_site(hass, SENSORS, site_view(chargers={}), subentries=[]) as site:
        assert hass.states.get(POWER) is None
        hass.config_entries.async_add_subentry(site.entry, subentry(charger("garage")))
        await site.show(site_view())
        assert value(hass, POWER) == "6932"
        hass.config_entries.async_remove_subentry(site.entry, "sub_garage")
        await site.show(site_view(chargers={}))
        assert hass.states.get(POWER) is None
