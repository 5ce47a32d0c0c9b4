"""What the user configured, in the engine's words; also where an entry is older than what may be configured."""

from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.smart_charging.engine.config import PvConfig, SiteConfig
from custom_components.smart_charging.settings import (
    GridMeterEntities,
    circuit_meters,
    grid_meter as meter_of,
    site_config,
    station_configs,
)

from .builders import PV_POWER, charger, circuit, grid_meter, pv, site_data, site_entry


def parents(hass: HomeAssistant, *circuits: Any) -> dict[str, str]:
    """Return the parent of each circuit, as the engine gets it."""
    entry = site_entry(9000, circuits)
    return {config.circuit_id: config.parent_id for config in site_config(hass, entry).circuits}


async def test_an_entry_of_an_earlier_version_is_a_site_as_it_was(hass: HomeAssistant) -> None:
    hass.config.time_zone = "Europe/Brussels"
    assert site_config(hass, site_entry(9000)) == SiteConfig(
        site_id="site1", name="Home", fuse_a=35, has_meter=False, time_zone="Europe/Brussels"
    )


async def test_circuits_hang_where_the_user_hung_them(hass: HomeAssistant) -> None:
    assert parents(hass, circuit("shed", "garage"), circuit("garage"), circuit("barn")) == {
        "shed": "garage",
        "garage": "",
        "barn": "",
    }


async def test_a_circuit_whose_parent_is_gone_hangs_at_the_grid_connection(hass: HomeAssistant) -> None:
    assert parents(hass, circuit("shed", "gone"), circuit("box", "shed")) == {"shed": "", "box": "shed"}


@pytest.mark.parametrize(
    "ring",
    [
        [circuit("a", "a")],
        [circuit("a", "b"), circuit("b", "a")],
        [circuit("a", "b"), circuit("b", "c"), circuit("c", "a")],
    ],
    ids=len,
)
async def test_a_ring_of_circuits_is_broken(hass: HomeAssistant, ring: list[Any]) -> None:
    found = parents(hass, *ring, circuit("box", "a"))
    assert found == {known["subentry_id"]: "" for known in ring} | {"box": "a"}


async def test_a_charger_whose_circuit_is_gone_hangs_at_the_grid_connection(hass: HomeAssistant) -> None:
    entry = site_entry(9000, [circuit("garage"), charger("IN", circuit="garage"), charger("OUT", circuit="gone")])
    circuits = {config.station_id: config.circuit_id for config in station_configs(entry).values()}
    assert circuits == {"IN": "garage", "OUT": ""}


def site_of_phases(phases: int, *subentries: Any) -> MockConfigEntry:
    """Return a site of this many phases."""
    return MockConfigEntry(domain="smart_charging", data=site_data(9000, phases=phases), subentries_data=subentries)


CURRENTS = {"current_l1": "sensor.i1", "current_l2": "sensor.i2", "current_l3": "sensor.i3"}


async def test_a_meter_of_three_phases_is_read_on_the_one_that_is_left(hass: HomeAssistant) -> None:
    entry = site_of_phases(1, grid_meter(**CURRENTS), circuit("garage", **CURRENTS))
    one = GridMeterEntities(current_phases=("sensor.i1",))
    assert meter_of(entry) == one
    assert circuit_meters(entry) == {"garage": one}


async def test_a_meter_of_one_phase_does_not_stand_for_three(hass: HomeAssistant) -> None:
    entry = site_of_phases(3, circuit("garage", current_l1="sensor.i1"), circuit("barn", power="sensor.p"))
    assert circuit_meters(entry) == {"barn": GridMeterEntities(power="sensor.p")}
    assert {config.circuit_id: config.has_meter for config in site_config(hass, entry).circuits} == {
        "garage": False,
        "barn": True,
    }


async def test_voltages_alone_are_no_meter_of_a_circuit(hass: HomeAssistant) -> None:
    entry = site_of_phases(1, circuit("garage", voltage_l1="sensor.u1"))
    assert circuit_meters(entry) == {}


async def test_a_pv_system_of_an_earlier_version_is_never_curtailed(hass: HomeAssistant) -> None:
    config = site_config(hass, site_entry(9000, [pv()]))
    assert config.pv == (PvConfig(f"sub_{PV_POWER}", "PV"),)
    assert config.installed_pv_w == 0


async def test_what_pv_can_yield_is_summed_up(hass: HomeAssistant) -> None:
    roof = pv(installed_kw=8.0, control="entities", limit_number="number.limit")
    config = site_config(hass, site_entry(9000, [roof, pv("sensor.barn", installed_kw=2.5)]))
    assert config.pv == (
        PvConfig(f"sub_{PV_POWER}", "PV", 8000.0, can_curtail=True),
        PvConfig("sub_sensor.barn", "PV", 2500.0),
    )
    assert config.installed_pv_w == 10_500.0


async def test_a_pv_system_without_a_power_is_not_curtailed_whatever_is_mapped(hass: HomeAssistant) -> None:
    (config,) = site_config(hass, site_entry(9000, [pv(limit_number="number.limit")])).pv
    assert not config.can_curtail
