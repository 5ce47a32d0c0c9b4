"""The demo reads pages, sizes fuses, names chargers and guards directories as it should."""

import json
from pathlib import Path
import sys

import pytest

from demo.flows import suggested_values
from demo.home_assistant import HomeAssistant, NotOursError
from demo.json import Json, as_list, as_object
from demo.modbus import GARAGE_PHASES, GARAGE_POWER, GRID_PHASES, GRID_POWER, Reading, hubs
from demo.process import ChildProcess, EndedError
from demo.site import charger_name, main_fuse_a
from simulator.modbus.devices import FIRST_CIRCUIT_UNIT, METER_UNIT


def test_a_page_is_filled_with_what_it_suggests_and_with_its_defaults() -> None:
    page: dict[str, Json] = {
        "data_schema": [
            {"name": "name", "description": {"suggested_value": "Home"}, "default": "x"},
            {"name": "port", "default": 9000},
            {"name": "note"},
            {"name": "tls", "type": "expandable", "schema": [{"name": "key", "default": "k"}, {"name": "none"}]},
        ]
    }
    assert suggested_values(page) == {"name": "Home", "port": 9000, "tls": {"key": "k"}}


@pytest.mark.parametrize(("chargers", "fuse_a"), [(1, 25), (2, 25), (3, 35), (10, 80), (39, 250)])
def test_every_safe_current_fits_under_the_demo_fuse(chargers: int, fuse_a: int) -> None:
    assert main_fuse_a(chargers) == fuse_a


def test_more_chargers_than_the_largest_fuse_serves_are_refused() -> None:
    with pytest.raises(ValueError, match="40 chargers"):
        main_fuse_a(40)


def test_a_charger_is_named_by_the_number_in_its_id() -> None:
    assert charger_name("SIM-2") == "Charger 2"
    assert charger_name("WALLBOX") == "WALLBOX"


@pytest.mark.parametrize(
    ("unit", "total", "phases"),
    [(METER_UNIT, GRID_POWER, GRID_PHASES), (FIRST_CIRCUIT_UNIT, GARAGE_POWER, GARAGE_PHASES)],
)
def test_a_meter_is_read_where_its_sunspec_model_has_the_values(
    unit: int, total: Reading, phases: tuple[Reading, ...]
) -> None:
    hub = as_object(hubs(5020, battery=False)[0])
    sensors = [as_object(sensor) for sensor in as_list(hub["sensors"])]
    addresses = {sensor["name"]: sensor["address"] for sensor in sensors if sensor["slave"] == unit}
    # 40000, two registers of marker, 68 of the common model, then W at offset 18 of model 203.
    assert addresses[total.name] == 40088
    assert [addresses[phase.name] for phase in phases] == [40089, 40090, 40091]


def test_a_home_battery_is_read_only_where_there_is_one() -> None:
    def units(*, battery: bool) -> set[Json]:
        hub = as_object(hubs(5020, battery=battery)[0])
        return {as_object(sensor)["slave"] for sensor in as_list(hub["sensors"])}

    assert units(battery=True) - units(battery=False) == {3}


def test_a_directory_is_prepared_once_and_used_again_with_other_ports(tmp_path: Path) -> None:
    HomeAssistant(tmp_path, 8123).prepare([], {})
    (tmp_path / ".storage/onboarding").write_text("kept")
    with (tmp_path / "configuration.yaml").open("a") as configuration:
        configuration.write("# kept too\n")
    HomeAssistant(tmp_path, 8124).prepare([], {})
    assert (tmp_path / ".storage/onboarding").read_text() == "kept"
    assert (tmp_path / "configuration.yaml").read_text().endswith("# kept too\n")
    stored = json.loads((tmp_path / ".storage/http").read_text())
    assert stored["data"]["stable"]["server_port"] == 8124
    assert stored["data"]["stable"]["server_host"] == ["127.0.0.1"]


def test_the_directory_of_another_home_assistant_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "configuration.yaml").write_text("homeassistant:\n")
    with pytest.raises(NotOursError, match="another Home Assistant"):
        HomeAssistant(tmp_path, 8123).prepare([], {})
    assert (tmp_path / "configuration.yaml").read_text() == "homeassistant:\n"


async def test_a_process_that_ends_by_itself_is_told_with_its_last_words(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "print('no such port')")
    process = ChildProcess("the meter", command, tmp_path / "log")
    await process.start()
    await process.wait()
    with pytest.raises(EndedError, match=r"the meter ended by itself(.|\n)*no such port"):
        process.check()


async def test_a_process_that_does_not_listen_is_ended_all_the_same(tmp_path: Path) -> None:
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    process = ChildProcess("deaf", (sys.executable, "-c", code), tmp_path / "log")
    await process.start()
    while "deaf" not in process.log.read_text():
        process.check()
    await process.stop(patience_s=0.1)
    assert not process.running
