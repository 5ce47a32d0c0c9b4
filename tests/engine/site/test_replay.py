"""Recorded decisions are taken again, and what comes out otherwise is shown."""

from dataclasses import replace
import json
from pathlib import Path
import subprocess
import sys

import pytest

from custom_components.smart_charging.engine.config import BatteryConfig, SiteConfig, StationConfig
from custom_components.smart_charging.engine.control.battery import BatteryAction, BatteryCommand, BatteryReason
from custom_components.smart_charging.engine.control.pv import PvCommand, PvReason
from custom_components.smart_charging.engine.control.snapshot import (
    BoundBy,
    Decision,
    EvseSnapshot,
    MeterSnapshot,
    Snapshot,
)
from custom_components.smart_charging.engine.limit import LimitSource
from custom_components.smart_charging.engine.model import ChargeMode, EvseKey, Phases, Reason, ReasonCode, Setpoint
from custom_components.smart_charging.engine.recording import Cycle, dump, dump_lines, load, load_lines
from custom_components.smart_charging.engine.replay import differences, main
from tests.engine.closed_loop.loop import closed_loop, key
from tests.engine.control.builders import KEY, Loop, evse

OTHER = EvseKey("CP2", 1)


class RecordedLoop(Loop):
    """A loop that keeps its cycles, as a site does."""

    def __init__(self, site: SiteConfig) -> None:
        super().__init__(site)
        self.cycles: list[Cycle] = []

    def decide(self, grid_snapshot: MeterSnapshot, *evses: EvseSnapshot, may_raise: bool = True) -> Decision:
        before = self.state
        decision = super().decide(grid_snapshot, *evses, may_raise=may_raise)
        self.cycles.append(Cycle(self.now, Snapshot(self.site, grid_snapshot, evses), before, may_raise, decision))
        return decision


def day() -> list[Cycle]:
    """Return the cycles of two cars, fast and solar, while the house draws, exports and overloads."""
    loop = RecordedLoop(SiteConfig("site", "Home", fuse_a=25.0))
    cars = (evse(), evse(ChargeMode.SOLAR, key=OTHER, measured=Phases(0.0, 0.0, -1.0)))
    for house_a in (2.0, Phases(3.0, -20.0, -9.0), 23.0, 30.0, -12.0):
        loop.run(house_a, *cars, seconds=120)
    return loop.cycles


def run(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main([str(path)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_a_recorded_run_is_decided_again_without_differences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cycles = day()
    setpoints = {cycle.decision.setpoints[KEY].current_a for cycle in cycles}
    assert {0.0, 6.0, 16.0} <= setpoints  # something was decided
    path = tmp_path / "decisions.jsonl"
    path.write_text(dump(cycles), encoding="utf-8")
    assert run(path, capsys) == (0, f"{len(cycles)} cycles decided again: no differences\n", "")


def test_hidden_ids_change_no_decision() -> None:
    assert not list(differences(load(dump(day(), hide_ids=True))))


@pytest.mark.usefixtures("socket_enabled")
async def test_what_a_site_records_is_decided_again_without_differences(tmp_path: Path) -> None:
    site = SiteConfig("site", "Home", fuse_a=25.0, meter_interval_s=5.0)
    charger = StationConfig("CP1", "Garage", allow_without_password=True)
    async with closed_loop(tmp_path, site=site, chargers=[charger]) as loop:
        loop.house(460.0)
        await loop.run(10)
        loop.plug()
        await loop.run(30)
        loop.house(4_000.0)
        await loop.run(15)
        cycles = loop.site.recent_cycles
        assert {cycle.may_raise for cycle in cycles} == {True, False}
        assert loop.site.view.chargers["CP1"].evses[1].setpoint == cycles[-1].decision.setpoints[key()]
        again = load(dump(cycles))
    assert again == cycles
    assert list(differences(again)) == []


def test_a_recording_from_before_pv_could_be_curtailed_is_decided_again_without_differences() -> None:
    header, *lines = (json.loads(line) for line in dump_lines(day()))
    for line in lines:
        recorded = line["cycle"]
        for name in ("export_limit_w", "pv_systems_w"):
            del recorded["snapshot"][name]
        del recorded["state"]["feed_in"], recorded["decision"]["pv"]
        for part in line["parts"]:
            part.pop("pv", None)
    assert not list(differences(load_lines([header, *lines])))


def test_a_decision_that_changed_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cycles = day()
    last = cycles[-1]
    other = Setpoint(7.5, Reason(ReasonCode.LIMIT_FUSE, {"phase": "L2", "fuse_a": 25.0}), phases=1)
    decided = last.decision.setpoints[KEY]
    recorded = replace(
        last.decision,
        setpoints={**last.decision.setpoints, KEY: other},
        bounds={KEY: BoundBy(LimitSource.FUSE, "garage", 1)},
        batteries={"house": BatteryCommand(BatteryAction.DISCHARGE, BatteryReason.GRID_EXPANSION, 1234.5)},
        pv={"roof": PvCommand(3_000.0, PvReason.EXPORT_LIMIT), "yard": PvCommand(None, PvReason.NO_LIMIT)},
    )
    path = tmp_path / "decisions.jsonl"
    path.write_text(dump([*cycles[:-1], replace(last, decision=recorded)]), encoding="utf-8")
    code, shown, _ = run(path, capsys)
    assert code == 1
    lines = shown.splitlines()
    at = last.now.isoformat()
    assert f"{at} EVSE CP1/1 setpoint: 7.5 A -> {decided.current_a:.6g} A" in lines
    assert f"{at} EVSE CP1/1 phases: 1 -> as they are" in lines
    assert f"{at} battery house: discharge 1234.5 W (grid_expansion) -> nothing" in lines
    assert f"{at} PV roof: 3000 W (export_limit) -> nothing" in lines
    assert f"{at} PV yard: all (no_limit) -> nothing" in lines
    assert any(line.startswith(f"{at} EVSE CP1/1 reason: limit_fuse (fuse_a=25, phase=L2) -> ") for line in lines)
    assert any(line.startswith(f"{at} EVSE CP1/1 limited by: fuse garage L2 -> ") for line in lines)
    assert all(line.startswith(at) for line in lines[:-1])  # the other cycles are as they were
    assert lines[-1].startswith(f"{len(cycles)} cycles decided again: ")


def test_another_wish_leads_to_another_decision() -> None:
    """The snapshot is what is decided, not the recorded result."""
    last = day()[0]
    off = tuple(replace(one, settings=replace(one.settings, mode=ChargeMode.OFF)) for one in last.snapshot.evses)
    found = list(differences([replace(last, snapshot=replace(last.snapshot, evses=off))]))
    assert any(one.about == "EVSE CP1/1 reason" and one.decided == "mode_off" for one in found)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("form", ["objects", "lines", "text"])
def test_a_download_of_diagnostics_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str, indent: int | None
) -> None:
    cycles = day()[:5]
    lines = dump_lines(cycles)
    held = {"objects": [json.loads(line) for line in lines], "lines": lines, "text": dump(cycles)}[form]
    path = tmp_path / "diagnostics.json"
    download = {"home_assistant": {"version": "1"}, "issues": [{"x": 1}], "data": {"view": None, "decisions": held}}
    path.write_text(json.dumps(download, indent=indent), encoding="utf-8")
    assert run(path, capsys)[:2] == (0, "5 cycles decided again: no differences\n")


def test_the_response_of_the_action_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    response = {"changed_states": [], "service_response": {"cycles": 5, "lines": dump(day()[:5])}}
    path = tmp_path / "response.json"
    path.write_text(json.dumps(response), encoding="utf-8")
    assert run(path, capsys)[:2] == (0, "5 cycles decided again: no differences\n")


def test_a_dump_without_cycles_has_no_differences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "decisions.jsonl"
    path.write_text(dump([]), encoding="utf-8")
    assert run(path, capsys)[:2] == (0, "0 cycles decided again: no differences\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "there is no cycle in it"),
        (b"no dump\nat all", "line 1: is no JSON"),
        (b'{"data": {"view": [1, {"a": 2}]}}', "it holds no recorded decisions"),
        (b"17", "it holds no recorded decisions"),
        (b'{"format": 99}', "format 99"),
        (b"\xff\xfe\x00", "it is no text"),
    ],
)
def test_a_file_that_is_no_record_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, message: str
) -> None:
    path = tmp_path / "something"
    path.write_bytes(content)
    code, shown, told = run(path, capsys)
    assert (code, shown) == (2, "")
    assert str(path) in told
    assert message in told


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, told = run(tmp_path / "missing.jsonl", capsys)
    assert code == 2
    assert "missing.jsonl can't be read: No such file" in told


def test_it_runs_from_the_command_line_without_home_assistant_being_set_up(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    path.write_text(dump(day()[:3]), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "custom_components.smart_charging.engine.replay", str(path)],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert (done.returncode, done.stdout) == (0, "3 cycles decided again: no differences\n")


def test_a_battery_on_the_site_is_part_of_the_record() -> None:
    battery = BatteryConfig("house", "House", 10_000.0, 5_000.0, 5_000.0)
    loop = RecordedLoop(SiteConfig("site", "Home", fuse_a=25.0, batteries=(battery,)))
    loop.run(2.0, evse(), seconds=30)
    assert load(dump(loop.cycles)) == tuple(loop.cycles)
    assert not list(differences(loop.cycles))
