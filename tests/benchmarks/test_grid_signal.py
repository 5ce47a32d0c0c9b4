"""The scenario `grid-signal` sees every moment above the limit, and its cars take the time they are said to take."""

from pathlib import Path

import pytest

from benchmarks.grid_signal import scenario
from benchmarks.grid_signal.clock import SimulatedClock
from benchmarks.grid_signal.plant import Habits, StandInStation
from custom_components.smart_charging.engine.config import StationConfig
from custom_components.smart_charging.engine.grid_control import GridControl


async def drive(station: StandInStation, clock: SimulatedClock, seconds: float) -> list[float]:
    """Return the car's current in each twentieth of a second."""
    currents = []
    for _ in range(round(seconds / 0.05)):
        await clock.advance(0.05)
        station.step(0.05)
        currents.append(station.current_a)
    return currents


async def test_a_car_follows_after_the_command_on_a_line() -> None:
    clock = SimulatedClock()
    station = StandInStation(StationConfig("CP1", "Garage"), clock, Habits(command_s=1.0, reaction_s=4.0))
    station.set_limit(1, 16.0, 6.0)
    currents = await drive(station, clock, 6.0)
    assert max(currents[:18]) == 0.0
    assert currents[59] == pytest.approx(8.0, abs=0.4)
    assert currents[-1] == pytest.approx(16.0)
    station.set_limit(1, 5.9, 6.0)
    assert (await drive(station, clock, 5.1))[-1] == pytest.approx(0.0, abs=1e-6)


async def test_the_same_seed_gives_the_same_outcomes(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for path in (first, second):
        path.mkdir()
    assert await scenario.outcomes(first, 2, 0.0) == await scenario.outcomes(second, 2, 0.0)


async def test_a_site_that_only_decides_in_its_cycle_would_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = GridControl._apply

    def late(self: GridControl, limits: tuple[object, ...]) -> tuple[bool, bool]:
        return False, apply(self, limits)[1]  # type: ignore[arg-type]  # passed through

    prompt, delayed = tmp_path / "prompt", tmp_path / "delayed"
    for path in (prompt, delayed):
        path.mkdir()
    quick = await scenario.outcomes(prompt, 4, 0.0)
    monkeypatch.setattr(GridControl, "_apply", late)
    slow = await scenario.outcomes(delayed, 4, 0.0)
    assert sum(one.comply_s for one in slow) > sum(one.comply_s for one in quick) + 2.0
    assert sum(one.over_kws for one in slow) > sum(one.over_kws for one in quick)
