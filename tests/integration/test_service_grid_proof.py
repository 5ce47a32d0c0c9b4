"""The actions that try the grid operator's limits and hand out their proof."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
import csv
from datetime import timedelta
import io
import json
from pathlib import Path
import sqlite3
from typing import Any
from unittest.mock import patch

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.smart_charging import service_grid_log
from custom_components.smart_charging.const import LEDGER_FILE
from custom_components.smart_charging.engine.grid_record import GridEvent, GridRecord
from custom_components.smart_charging.engine.model import StoreError

from .builders import charger
from .grid_site import GridSite, grid_site, newest_limit_w
from .virtual_station import VirtualStation, virtual_station

CP1 = "sub_CP-1"


@pytest.fixture
async def home(hass: HomeAssistant, free_port: int, tmp_path: Path) -> AsyncIterator[GridSite]:
    """Run a site with one charger, where files may be written to a directory of its own."""
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    async with grid_site(hass, free_port, charger("CP-1")) as running:
        yield running


async def refused(home: GridSite, action: str, identifier: str = "site1", **data: Any) -> str:
    """Call an action and return the key of its refusal, which has a text."""
    with pytest.raises(ServiceValidationError) as error:
        await home.call(action, identifier, **data)
    key = error.value.translation_key
    assert str(error.value) not in {"", key}
    assert "{" not in str(error.value)
    return str(key)


async def test_a_simulated_signal_dims_a_charger_and_ends_by_itself(home: GridSite) -> None:
    async with virtual_station(home.port, "CP-1") as station:
        transaction_id = await home.charging(station)
        told = await home.call("simulate_grid_signal", power=4200)
        assert (told["limit_w"], told["source"], told["observe_only"]) == (4200, "simulation", False)
        assert told["until"] == (home.clock.now() + timedelta(minutes=15)).isoformat()
        await home.wait(2)
        assert newest_limit_w(station) <= 4200
        await home.meter(station, transaction_id, 1510, 4140)
        await home.wait(890, settle=0)
        assert home.grid.view.active
        await home.wait(10)
        assert home.grid.view.returning
    records = await home.entry.runtime_data.ledger.grid_proof.records()
    assert {one.record.source_id for one in records} == {"simulation"}


async def test_a_simulation_may_block_for_a_while_and_is_ended_by_clearing(home: GridSite) -> None:
    told = await home.call("simulate_grid_signal", kind="block", scope="site", duration={"hours": 4})
    assert (told["limit_w"], told["kind"], told["scope"]) == (0, "block", "site")
    told = await home.call("simulate_grid_signal", power=6000)
    assert [one["limit_w"] for one in told["limits"] if not one["returning"]] == [6000]
    (told,) = (await home.call("clear_grid_limit", CP1))["sites"]
    assert told["active"]
    (told,) = (await home.call("clear_grid_limit"))["sites"]
    assert not told["active"]


async def test_a_limit_on_feed_in_can_be_simulated_for_the_whole_site(home: GridSite) -> None:
    told = await home.call("simulate_grid_signal", kind="export_limit", power=0)
    assert told["export"]["limit_w"] == 0
    assert await refused(home, "simulate_grid_signal", kind="export_limit", power=0, scope="controllable") == (
        "grid_kind_of_site"
    )


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({}, "trial_no_limit"),
        ({"kind": "block", "power": 0}, "trial_no_limit"),
        ({"power": 4200, "duration": 0}, "trial_no_duration"),
        ({"power": 4200, "duration": -5}, "trial_no_duration"),
        ({"power": 4200, "duration": {"hours": 4, "seconds": 1}}, "trial_no_duration"),
        ({"power": -1}, "grid_value_out_of_range"),
        ({"power": 10_000_001}, "grid_value_out_of_range"),
        ({"power": "nan"}, "not_a_number"),
        ({"power": "inf"}, "not_a_number"),
    ],
)
async def test_a_simulation_that_cannot_be_is_refused_and_changes_nothing(
    home: GridSite, data: dict[str, Any], key: str
) -> None:
    assert await refused(home, "simulate_grid_signal", **data) == key
    assert home.grid.decision is None


@pytest.mark.parametrize("data", [{"kind": "price_level"}, {"duration": "inf"}, {"duration": {"days": 1e30}}])
async def test_malformed_data_is_refused(home: GridSite, data: dict[str, Any]) -> None:
    with pytest.raises(probatio.Invalid):
        await home.call("simulate_grid_signal", power=4200, **data)
    assert home.grid.decision is None


@pytest.mark.parametrize("action", ["simulate_grid_signal", "compliance_test", "export_grid_log"])
async def test_only_a_site_is_tried_and_proven(home: GridSite, action: str) -> None:
    assert await refused(home, action, CP1) == "not_a_site"
    assert home.grid.decision is None


async def compliance(home: GridSite, station: VirtualStation, transaction_id: int, power_w: int, **data: Any) -> Any:
    """Run the test while a car draws so much from its third second on, and return what it tells."""
    test = asyncio.ensure_future(home.call("compliance_test", **data))
    energy_wh = 1500
    for second in range(1, 67):
        await home.wait(1)
        energy_wh += 1
        await home.meter(station, transaction_id, energy_wh, 11000 if second < 3 else power_w)
    await home.wait(1)
    assert test.done()
    return await test


async def test_a_site_that_obeys_passes_its_test_which_stands_in_the_log(home: GridSite) -> None:
    async with virtual_station(home.port, "CP-1") as station:
        transaction_id = await home.charging(station)
        began_at = home.clock.now()
        result = await compliance(home, station, transaction_id, 4140)
        assert (result["site"], result["limit_w"], result["result"]) == ("Home", 4200, "obeyed")
        assert result["began_at"] == began_at.isoformat()
        assert 0 < result["complied_after_s"] <= 10
        assert [(one["after_s"], one["result"]) for one in result["follow_ups"]] == [(10, "obeyed"), (60, "obeyed")]
        assert result["follow_ups"][0]["chargers_w"] == 4140.0
        assert (result["disobeyed"], result["record"]) == ([], 1)
        assert home.grid.view.returning
    (record, *_) = reversed(await home.entry.runtime_data.ledger.grid_proof.records())
    assert (record.record.event, record.sequence) == (GridEvent.COMPLIANCE_TEST, 1)


async def test_a_charger_that_does_not_obey_is_told_by_its_name(home: GridSite) -> None:
    async with virtual_station(home.port, "CP-1") as station:
        transaction_id = await home.charging(station)
        result = await compliance(home, station, transaction_id, 11000, power=5000)
        assert (result["limit_w"], result["result"], result["complied_after_s"]) == (5000, "not_obeyed", None)
        assert result["disobeyed"] == [{"charger": "Charger CP-1", "evse": 1}]


async def test_a_test_is_refused_while_a_limit_holds_and_where_nobody_would_be_told(home: GridSite) -> None:
    await home.call("set_grid_limit", power=5000)
    assert await refused(home, "compliance_test") == "trial_limit_holds"
    await home.call("clear_grid_limit")
    assert await refused(home, "compliance_test") == "trial_limit_holds"  # power still returns
    await home.site.set_observe_only(True)
    assert await refused(home, "compliance_test") == "trial_observe_only"
    for power, key in ((-5, "grid_value_out_of_range"), ("nan", "not_a_number")):
        assert await refused(home, "compliance_test", power=power) == key
    await home.wait(1)
    records = await home.entry.runtime_data.ledger.grid_proof.records()
    assert {one.record.source_id for one in records} == {"action"}


async def test_only_one_test_runs_at_a_time(home: GridSite) -> None:
    test = asyncio.ensure_future(home.call("compliance_test"))
    await home.wait(1)
    assert await refused(home, "compliance_test") == "trial_limit_holds"
    assert home.grid.view.source_id == "compliance_test"
    await home.wait(65, settle=0.002)
    assert (await test)["result"] in {"obeyed", "not_measured"}


async def test_a_site_that_is_unloaded_meanwhile_ends_its_test(hass: HomeAssistant, home: GridSite) -> None:
    test = asyncio.ensure_future(home.call("compliance_test"))
    await home.wait(1)
    await hass.config_entries.async_unload(home.entry.entry_id)
    with pytest.raises(HomeAssistantError) as error:
        await test
    assert error.value.translation_key == "compliance_test_ended"
    await hass.config_entries.async_setup(home.entry.entry_id)
    await hass.async_block_till_done()
    await home.wait(131, settle=0)
    assert not home.grid.view.active


async def test_a_caller_that_goes_away_ends_its_test(home: GridSite) -> None:
    test = asyncio.ensure_future(home.call("compliance_test"))
    await home.wait(1)
    assert home.grid.view.active
    test.cancel()
    await asyncio.wait({test})
    await home.wait(0)
    assert not home.grid.view.active


async def filled(home: GridSite, records: int = 3) -> None:
    """Put records of one a minute into the log."""
    for number in range(records):
        at = home.clock.now() + timedelta(minutes=number)
        record = GridRecord(event=GridEvent.LIMIT_STARTED, at=at, source_id="relay", raw="=cmd()", limit_w=4200.0)
        await home.entry.runtime_data.ledger.grid_proof.append(record)


async def test_a_log_without_records_is_given_empty_and_is_intact(home: GridSite) -> None:
    for kind in ("json", "csv"):
        answer = await home.call("export_grid_log", format=kind)
        assert (answer["intact"], answer["rows"], answer["broken"], answer["path"]) == (True, 0, None, None)
        assert answer["head"]["sequence"] == 0
        if kind == "json":
            assert json.loads(answer["content"])["rows"] == []
        else:
            assert len(list(csv.reader(io.StringIO(answer["content"])))) == 1


async def test_the_log_is_in_the_answer_where_no_file_is_chosen(home: GridSite) -> None:
    await filled(home)
    answer = await home.call("export_grid_log")
    log = json.loads(answer["content"])
    assert [row["sequence"] for row in log["rows"]] == [1, 2, 3]
    assert answer["head"] == log["head"]
    assert answer["head"]["hash"] == log["rows"][-1]["hash"]
    assert answer["bytes"] == len(answer["content"].encode())
    lines = list(csv.DictReader(io.StringIO((await home.call("export_grid_log", format="csv"))["content"])))
    assert [line["sequence"] for line in lines] == ["1", "2", "3"]
    assert lines[0]["raw"] == "'=cmd()"


async def test_a_period_is_given_from_its_begin_to_before_its_end(home: GridSite) -> None:
    await filled(home)
    start = home.clock.now()
    period = {"from": (start + timedelta(minutes=1)).isoformat(), "until": (start + timedelta(minutes=2)).isoformat()}
    answer = await home.call("export_grid_log", format="csv", **period)
    assert [line["sequence"] for line in csv.DictReader(io.StringIO(answer["content"]))] == ["2"]
    assert answer["rows"] == 3  # the check is of the whole log
    period["until"] = period["from"]
    assert await refused(home, "export_grid_log", **period) == "end_before_start"


async def test_a_file_is_written_whole_in_place_of_the_last_one(home: GridSite, tmp_path: Path) -> None:
    await filled(home)
    path = tmp_path / "log.json"
    path.write_text("old")
    answer = await home.call("export_grid_log", path=str(path))
    assert (answer["path"], answer["bytes"]) == (str(path), path.stat().st_size)
    assert "content" not in answer
    assert json.loads(path.read_text())["head"] == answer["head"]
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith(".part")] == []
    answer = await home.call("export_grid_log", path=str(path), format="csv", include_content=True)
    assert path.read_bytes().decode("utf-8-sig") == answer["content"]
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")  # spreadsheets need the mark


async def test_a_file_is_only_written_where_home_assistant_may(home: GridSite, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to(tmp_path.parent)
    for path in (
        "/etc/grid.json",
        str(tmp_path / ".." / "grid.json"),
        str(tmp_path / "elsewhere" / "grid.json"),
        "a\0b",
    ):
        assert await refused(home, "export_grid_log", path=path) == "path_not_writable"
    assert not (tmp_path.parent / "grid.json").exists()


async def test_a_file_that_cannot_be_written_is_an_error_and_leaves_nothing(home: GridSite, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "kept").touch()
    before = sorted(tmp_path.iterdir())
    for path in (tmp_path / "folder", tmp_path / "missing" / "grid.json"):
        with pytest.raises(HomeAssistantError) as error:
            await home.call("export_grid_log", path=str(path))
        assert error.value.translation_key in {"grid_log_not_written", "path_not_writable"}
        assert str(path) in str(error.value)
    assert sorted(tmp_path.iterdir()) == before


async def test_a_log_too_large_for_an_answer_asks_for_a_file(home: GridSite, tmp_path: Path) -> None:
    await filled(home)
    path = tmp_path / "log.json"
    with patch.object(service_grid_log, "CONTENT_AT_MOST", 100):
        assert await refused(home, "export_grid_log") == "grid_log_too_large"
        assert await refused(home, "export_grid_log", path=str(path), include_content=True) == "grid_log_too_large"
        assert list(tmp_path.glob("*.json")) == []
        assert list(tmp_path.glob(".*.part")) == []
        assert (await home.call("export_grid_log", path=str(path)))["intact"]
    assert path.exists()


async def test_a_log_is_only_checked_without_a_format(home: GridSite, tmp_path: Path) -> None:
    await filled(home)
    answer = await home.call("export_grid_log", format="none")
    assert (answer["intact"], answer["rows"], answer["head"]["sequence"]) == (True, 3, 3)
    assert "content" not in answer
    for data in ({"path": str(tmp_path / "log")}, {"include_content": True}):
        assert await refused(home, "export_grid_log", format="none", **data) == "grid_log_without_format"


async def test_a_log_that_was_changed_tells_where(hass: HomeAssistant, home: GridSite) -> None:
    await filled(home)
    await home.wait(1)

    def tamper() -> None:
        with closing(sqlite3.connect(hass.config.path(LEDGER_FILE))) as connection, connection:
            connection.execute("UPDATE grid_proof SET kind = 'limit_released' WHERE sequence = 2")

    await hass.async_add_executor_job(tamper)
    answer = await home.call("export_grid_log")
    assert (answer["intact"], answer["rows"]) == (False, 1)
    assert answer["broken"] == {"reason": "changed", "sequence": 2, "belongs_at": None}
    assert json.loads(answer["content"])["verified"]["broken"] == {"reason": "changed", "sequence": 2}


async def test_a_ledger_that_cannot_be_read_is_an_error(home: GridSite) -> None:
    proof = home.entry.runtime_data.ledger.grid_proof
    with patch.object(proof, "verify", side_effect=StoreError("disk")), pytest.raises(HomeAssistantError) as error:
        await home.call("export_grid_log")
    assert error.value.translation_key == "not_stored"


@pytest.mark.parametrize("action", ["simulate_grid_signal", "compliance_test", "export_grid_log"])
async def test_tries_and_proof_are_for_administrators(hass: HomeAssistant, home: GridSite, action: str) -> None:
    user = MockUser(groups=[]).add_to_hass(hass)
    with pytest.raises(Unauthorized):
        await home.call(action, context=Context(user_id=user.id))
    assert home.grid.decision is None
