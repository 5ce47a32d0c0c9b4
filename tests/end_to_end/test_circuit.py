"""A circuit below the grid connection: its load jumps, and what was decided can be asked for and decided again."""

import asyncio
import json
from pathlib import Path
import sys
import time

import pytest

from custom_components.smart_charging.engine.replay import main
from demo.garage import GARAGE_FUSE_A, GARAGE_NAME
from demo.json import as_object

from .scene import GARAGE_STATION, Scene

pytestmark = pytest.mark.asyncio(loop_scope="session")

DOMAIN = "smart_charging"
CUT_WITHIN_S = 10.0
NEXT_DECISION_S = 6.0


async def test_a_jump_in_the_garage_cuts_its_charger_and_no_other(scene: Scene) -> None:
    await scene.charge("fast", max_a=6)
    await scene.charge("fast", max_a=9, station_id=GARAGE_STATION)
    await scene.until("the first car is told 6 A", lambda truth: truth.offered_a == 6, within_s=60)
    await scene.until(
        "the garage's car is told 9 A", lambda truth: truth.offered_a == 9, within_s=60, station_id=GARAGE_STATION
    )
    await scene.until_measured(9 * 220, within_s=30, station_id=GARAGE_STATION)
    await scene.simulator.hold_garage(2760, 0, 0)
    assert (await scene.truth()).garage_l1_a > GARAGE_FUSE_A, "the jump must overload the fuse, or nothing is tested"
    await scene.until(
        "the garage is below its fuse", lambda truth: truth.garage_l1_a <= GARAGE_FUSE_A, within_s=CUT_WITHIN_S
    )
    cut = time.monotonic()
    while time.monotonic() < cut + NEXT_DECISION_S:
        truth = await scene.truth()
        assert truth.garage_l1_a <= GARAGE_FUSE_A
        assert truth.offered_a == 6, "the grid connection has enough left for the other car"
        await asyncio.sleep(0.25)
    assert (await scene.truth(GARAGE_STATION)).power_w > 6 * 220, "what is left of the fuse still charges the car"

    await scene.until_shown("limit_source", "fuse", within_s=10, station_id=GARAGE_STATION)
    told = await scene.decision(GARAGE_STATION)
    assert (told["reason"], told["limit_source"], told["limit_circuit"]) == ("limit_fuse", "fuse", GARAGE_NAME)
    other = await scene.decision()
    assert (other["setpoint_a"], other["limit_circuit"]) == (6.0, None)


async def test_what_was_decided_is_decided_again_the_same_from_a_dump_and_from_diagnostics(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry_id = scene.site.entry_id
    async with scene.stage.client() as client:
        dump = as_object(await client.act(DOMAIN, "dump_decisions", {"config_entry_id": entry_id}, answers=True))
        diagnostics = await client.get(f"/api/diagnostics/config_entry/{entry_id}")
    lines, downloaded = tmp_path / "decisions.txt", tmp_path / "diagnostics.json"
    lines.write_text(str(dump["lines"]))
    downloaded.write_text(json.dumps(diagnostics))
    command = (sys.executable, "-m", "custom_components.smart_charging.engine.replay", str(lines))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    printed, _ = await process.communicate()
    assert (printed.decode(), process.returncode) == (f"{dump['cycles']} cycles decided again: no differences\n", 0)
    code = main([str(downloaded)])
    assert (capsys.readouterr().out.partition(": ")[2], code) == ("no differences\n", 0)
